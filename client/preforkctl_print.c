/* SPDX-License-Identifier: MIT
 *
 * preforkctl_print - see preforkctl_print.h. A table is collected as text first, then every column
 * is made as wide as its widest cell.
 */
#include "client/preforkctl_print.h"

#include "client/preforkctl_plan.h"

#include "lib/memory.h"

#define COLUMNS_MAX 12

struct table {
    int columns;
    size_t rows;
    char **cells; /* rows * columns, owned */
};

static void add_row(struct table *table, char *const *cells)
{
    size_t size = (table->rows + 1) * (size_t)table->columns * sizeof *table->cells;
    table->cells = memory_resize(table->cells, size);
    for (int i = 0; i < table->columns; i++)
        table->cells[table->rows * (size_t)table->columns + (size_t)i] = cells[i];
    table->rows++;
}

static void print_table(struct table *table)
{
    int width[COLUMNS_MAX] = {0};
    size_t columns = (size_t)table->columns, count = table->rows * columns;
    for (size_t i = 0; i < count; i++) {
        int length = (int)strlen(table->cells[i]);
        if (length > width[i % columns])
            width[i % columns] = length;
    }
    for (size_t i = 0; i < count; i++) {
        bool last = i % columns == columns - 1;
        printf("%-*s%s", last ? 0 : width[i % columns], table->cells[i], last ? "\n" : "  ");
        free(table->cells[i]);
    }
    free(table->cells);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static char *number_text(const json_t *object, const char *key)
{
    return memory_printf("%" JSON_INTEGER_FORMAT, number_of(object, key));
}

static char *list_text(const json_t *array)
{
    char *text = memory_string("");
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        char *longer = memory_printf("%s%s%s", text, i > 0 ? " " : "", json_string_value(item));
        free(text);
        text = longer;
    }
    return text;
}

static void copies(const char *const *words, char **out, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = memory_string(words[i]);
}

static void service_row(struct table *table, const json_t *service)
{
    const json_t *workers = json_object_get(service, "workers");
    const json_t *connections = json_object_get(service, "connections");
    const json_t *queue = json_object_get(service, "queue");
    char *cells[] = {memory_string(text_of(service, "name")),
                     memory_string(text_of(service, "state")),
                     number_text(workers, "total"),
                     number_text(workers, "busy"),
                     number_text(workers, "idle"),
                     number_text(connections, "accepted"),
                     number_text(service, "crashes"),
                     memory_printf("%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
                                   number_of(queue, "length"), number_of(queue, "limit")),
                     list_text(json_object_get(service, "listen"))};
    add_row(table, cells);
}

/* "NAME: 3 refused, lines 42": what there is to say besides the table, if anything. */
static void print_counts(const json_t *service)
{
    const json_t *connections = json_object_get(service, "connections");
    json_t *counters = json_object_get(service, "counters"), *value;
    const char *name, *between = "";
    if (number_of(connections, "refused") == 0 && json_object_size(counters) == 0)
        return;
    printf("%s: ", text_of(service, "name"));
    if (number_of(connections, "refused") > 0) {
        printf("%" JSON_INTEGER_FORMAT " refused", number_of(connections, "refused"));
        between = ", ";
    }
    json_object_foreach(counters, name, value)
    {
        printf("%s%s %" JSON_INTEGER_FORMAT, between, name, json_integer_value(value));
        between = ", ";
    }
    putchar('\n');
}

static void print_status(const json_t *result)
{
    static const char *const head[] = {"SERVICE",  "STATE",   "WORKERS", "BUSY",  "IDLE",
                                       "ACCEPTED", "CRASHES", "QUEUE",   "LISTEN"};
    struct table table = {.columns = sizeof head / sizeof *head};
    char *cells[COLUMNS_MAX];
    const json_t *services = json_object_get(result, "services");
    size_t i;
    json_t *service;
    printf("preforkd %s, pid %" JSON_INTEGER_FORMAT ", %s, generation %" JSON_INTEGER_FORMAT
           ", up %.1f s\n",
           text_of(result, "version"), number_of(result, "pid"), text_of(result, "state"),
           number_of(result, "generation"), json_real_value(json_object_get(result, "uptime_s")));
    copies(head, cells, table.columns);
    add_row(&table, cells);
    json_array_foreach(services, i, service) service_row(&table, service);
    print_table(&table);
    json_array_foreach(services, i, service) print_counts(service);
    json_array_foreach(services, i, service) if (*text_of(service, "reason"))
        printf("%s: %s\n", text_of(service, "name"), text_of(service, "reason"));
}

/* The last column is only there where a program has said something of itself. */
static bool any_said(const json_t *workers)
{
    size_t i;
    json_t *worker;
    json_array_foreach(workers, i, worker) if (*text_of(worker, "status")) return true;
    return false;
}

static void worker_row(struct table *table, const json_t *worker)
{
    char *cells[] = {memory_string(text_of(worker, "service")),
                     number_text(worker, "slot"),
                     number_text(worker, "pid"),
                     number_text(worker, "generation"),
                     memory_string(text_of(worker, "state")),
                     number_text(worker, "connections"),
                     memory_printf("%.1f s", (double)number_of(worker, "busy_ms") / 1000),
                     memory_string(text_of(worker, "peer")),
                     table->columns > 8 ? memory_string(text_of(worker, "status")) : NULL};
    add_row(table, cells);
}

static void print_workers(const json_t *result)
{
    static const char *const head[] = {"SERVICE",     "SLOT", "PID",  "GENERATION", "STATE",
                                       "CONNECTIONS", "BUSY", "PEER", "STATUS"};
    struct table table = {.columns = any_said(result) ? 9 : 8};
    char *cells[COLUMNS_MAX];
    size_t i;
    json_t *worker;
    copies(head, cells, table.columns);
    add_row(&table, cells);
    json_array_foreach(result, i, worker) worker_row(&table, worker);
    print_table(&table);
}

void preforkctl_print(const char *command, const json_t *result, bool json)
{
    if (json) {
        json_dumpf(result, stdout, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
        putchar('\n');
    } else if (strcmp(command, "status") == 0)
        print_status(result);
    else if (strcmp(command, "workers") == 0)
        print_workers(result);
    else if (strcmp(command, "reload") == 0)
        preforkctl_plan_print(result);
    else if (strcmp(command, "upgrade") == 0)
        printf("upgraded from version %s to %s\n", text_of(result, "from"), text_of(result, "to"));
    else if (json_is_string(result))
        fputs(json_string_value(result), stdout);
}
