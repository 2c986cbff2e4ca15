/* SPDX-License-Identifier: MIT
 *
 * option - see option.h.
 */
#include "server/option.h"

#include "lib/buffer.h"
#include "lib/log.h"
#include "lib/memory.h"
#include "lib/quantity.h"
#include "lib/suggest.h"

#include <errno.h>
#include <inttypes.h>

#define NAMES_MAX 64

static ptrdiff_t find_row(const struct preforkd_option *table, const char *name)
{
    for (ptrdiff_t i = 0; table && table[i].name; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

static const struct config_option *find_option(const struct config_service *service,
                                               const char *name)
{
    for (size_t i = 0; i < service->option_count; i++)
        if (strcmp(service->options[i].name, name) == 0)
            return &service->options[i];
    return NULL;
}

static const char *kind_name(enum config_option_kind kind)
{
    static const char *const names[] = {"a string", "an integer", "a floating-point number",
                                        "a boolean"};
    return names[kind];
}

static int parse_integer(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return end > text && *end == '\0' && errno == 0 ? 0 : -1;
}

/* The number that TEXT means. 0, or -1. */
static int parse(const struct preforkd_option *row, const char *text, enum config_option_kind kind,
                 int64_t *number)
{
    *number = 0;
    switch (row->type) {
    case PREFORKD_TEXT:
        return kind == CONFIG_OPTION_STRING ? 0 : -1;
    case PREFORKD_BOOLEAN:
        *number = strcmp(text, "true") == 0;
        return kind == CONFIG_OPTION_BOOLEAN && (*number || strcmp(text, "false") == 0) ? 0 : -1;
    case PREFORKD_INTEGER:
        return kind == CONFIG_OPTION_INTEGER ? parse_integer(text, number) : -1;
    case PREFORKD_DURATION:
        return kind == CONFIG_OPTION_BOOLEAN ? -1 : quantity_parse_duration(text, number);
    case PREFORKD_SIZE:
        return kind == CONFIG_OPTION_BOOLEAN ? -1 : quantity_parse_size(text, number);
    }
    return -1;
}

static const char *wanted(int type)
{
    static const char *const names[] = {[PREFORKD_TEXT] = "a string",
                                        [PREFORKD_INTEGER] = "an integer",
                                        [PREFORKD_BOOLEAN] = "true or false",
                                        [PREFORKD_DURATION] =
                                            "a duration (seconds, or \"250ms\", \"60s\")",
                                        [PREFORKD_SIZE] = "a size (bytes, or \"64K\", \"1M\")"};
    return names[type];
}

static bool is_out_of_range(const struct preforkd_option *row, int64_t number)
{
    return (row->least != 0 || row->most != 0) && (number < row->least || number > row->most);
}

static void check_value(const struct preforkd_option *row, const struct config_option *given,
                        int64_t *number, struct buffer *wrong)
{
    if (parse(row, given->value, given->kind, number) < 0)
        buffer_printf(wrong, "%s: %s must be %s, not %s%s%s\n", given->place, row->name,
                      wanted(row->type), kind_name(given->kind),
                      given->kind == CONFIG_OPTION_STRING ? " such as " : "",
                      given->kind == CONFIG_OPTION_STRING ? given->value : "");
    else if (is_out_of_range(row, *number))
        buffer_printf(wrong, "%s: %s = %s is out of range (%" PRId64 " to %" PRId64 "%s)\n",
                      given->place, row->name, given->value, row->least, row->most,
                      row->type == PREFORKD_DURATION ? " ms" : "");
}

/* A fallback has no kind in the table: it is written as a value of the row's type would be. One
 * that is wrong would be a 0 that nobody wrote. */
static void take_fallback(const struct preforkd_option *row, int64_t *number, const char *place,
                          struct buffer *wrong)
{
    static const enum config_option_kind kinds[] = {[PREFORKD_TEXT] = CONFIG_OPTION_STRING,
                                                    [PREFORKD_INTEGER] = CONFIG_OPTION_INTEGER,
                                                    [PREFORKD_BOOLEAN] = CONFIG_OPTION_BOOLEAN,
                                                    [PREFORKD_DURATION] = CONFIG_OPTION_STRING,
                                                    [PREFORKD_SIZE] = CONFIG_OPTION_STRING};
    if (parse(row, row->fallback, kinds[row->type], number) < 0 || is_out_of_range(row, *number))
        buffer_printf(wrong, "%s: the handler's table: default %s of option \"%s\" is wrong\n",
                      place, row->fallback, row->name);
}

static void check_unknown(const struct preforkd_option *table, const struct config_service *service,
                          struct buffer *wrong)
{
    const char *names[NAMES_MAX + 1] = {0};
    for (size_t i = 0; table && table[i].name && i < NAMES_MAX; i++)
        names[i] = table[i].name;
    for (size_t i = 0; i < service->option_count; i++) {
        const struct config_option *given = &service->options[i];
        if (find_row(table, given->name) >= 0)
            continue;
        const char *near = suggest_nearest(given->name, names);
        buffer_printf(wrong, "%s: unknown option \"%s\"%s%s%s\n", given->place, given->name,
                      near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
    }
}

static void fill_row(const struct preforkd_option *row, const struct config_service *service,
                     const char **text, int64_t *number, struct buffer *wrong)
{
    const struct config_option *given = find_option(service, row->name);
    const char *place = service->handler_place;
    *text = given ? given->value : row->fallback;
    if (strcmp(row->name, "type") == 0 || strcmp(row->name, "path") == 0)
        buffer_printf(wrong,
                      "%s: the handler's table: no option can be called \"%s\", which tells the "
                      "configuration which handler it is\n",
                      place, row->name);
    else if ((unsigned)row->type > PREFORKD_SIZE)
        buffer_printf(wrong, "%s: the handler's table: type %u of option \"%s\" is unknown\n",
                      place, (unsigned)row->type, row->name);
    else if (given)
        check_value(row, given, number, wrong);
    else if (row->fallback)
        take_fallback(row, number, place, wrong);
    else
        buffer_printf(wrong, "%s: option \"%s\" is missing%s%s\n", place, row->name,
                      row->text ? ": " : "", row->text ? row->text : "");
}

/* Row INDEX as the handler's compiler saw it; what later headers added is zero, what they will add
 * is not looked at. */
static struct preforkd_option get_row(const struct preforkd_handler *handler, size_t index)
{
    struct preforkd_option row = {0};
    size_t size = handler->option_size < sizeof row ? handler->option_size : sizeof row;
    if (handler->options)
        memcpy(&row, (const char *)handler->options + index * handler->option_size, size);
    return row;
}

static size_t count_rows(const struct preforkd_handler *handler)
{
    size_t rows = 0;
    while (get_row(handler, rows).name)
        rows++;
    return rows;
}

int option_read(struct preforkd_options *options, const struct preforkd_handler *handler,
                const struct config_service *service, struct error *error)
{
    struct buffer wrong = {0};
    size_t rows = count_rows(handler);
    *options = (struct preforkd_options){
        .table = memory_zeroed(rows + 1, sizeof *options->table),
        .texts = memory_zeroed(rows + 1, sizeof *options->texts),
        .numbers = memory_zeroed(rows + 1, sizeof *options->numbers),
    };
    for (size_t i = 0; i < rows; i++)
        options->table[i] = get_row(handler, i);
    check_unknown(options->table, service, &wrong);
    for (size_t i = 0; i < rows; i++)
        fill_row(&options->table[i], service, &options->texts[i], &options->numbers[i], &wrong);
    int status = 0;
    if (wrong.length > 0)
        status =
            error_set(error, EXIT_CODE_CONFIG, "%.*s", (int)wrong.length - 1, buffer_text(&wrong));
    buffer_release(&wrong);
    return status;
}

void option_release(struct preforkd_options *options)
{
    free(options->table);
    free(options->texts);
    free(options->numbers);
    *options = (struct preforkd_options){0};
}

static ptrdiff_t find_asked(const struct preforkd_options *options, const char *name)
{
    ptrdiff_t row = find_row(options->table, name);
    if (row < 0)
        log_warning("the handler asks for an option \"%s\", which its table does not have", name);
    return row;
}

const char *option_text(const struct preforkd_options *options, const char *name)
{
    ptrdiff_t row = find_asked(options, name);
    return row < 0 ? NULL : options->texts[row];
}

int64_t option_number(const struct preforkd_options *options, const char *name)
{
    ptrdiff_t row = find_asked(options, name);
    return row < 0 ? 0 : options->numbers[row];
}
