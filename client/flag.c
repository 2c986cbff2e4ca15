/* SPDX-License-Identifier: MIT
 *
 * flag - see flag.h.
 */
#include "client/flag.h"

#include "lib/buffer.h"
#include "lib/quantity.h"
#include "lib/suggest.h"

#include <inttypes.h>

#define FLAGS_MAX 32

/* What a value of each kind looks like, for error messages. */
static const struct {
    const char *noun, *example;
} KINDS[] = {
    [FLAG_SWITCH] = {"a switch", ""},         [FLAG_TEXT] = {"a text", "NAME"},
    [FLAG_COUNT] = {"a whole number", "100"}, [FLAG_DURATION] = {"a duration", "5s"},
    [FLAG_SIZE] = {"a size", "64K"},          [FLAG_WORD] = {"a word", ""},
};

static int unknown(const struct flag *flags, const char *word, struct error *error)
{
    const char *names[FLAGS_MAX + 1] = {NULL};
    for (int i = 0; i < FLAGS_MAX && flags[i].name; i++)
        names[i] = flags[i].name;
    const char *near = suggest_nearest(word, names);
    if (near)
        return error_set(error, EXIT_CODE_USAGE, "unknown option %s (did you mean %s?)", word,
                         near);
    return error_set(error, EXIT_CODE_USAGE,
                     "unknown option %s; --help lists them (a text that begins with \"-\" goes "
                     "behind \"--\")",
                     word);
}

static int wrong_word(const struct flag *flag, const char *value, struct error *error)
{
    struct buffer list = {0};
    for (int i = 0; flag->words[i]; i++)
        buffer_printf(&list, "%s%s", i > 0 ? ", " : "", flag->words[i]);
    const char *near = suggest_nearest(value, flag->words);
    error_set(error, EXIT_CODE_USAGE, "%s \"%s\" is not one of %s%s%s%s", flag->name, value,
              buffer_text(&list), near ? " (did you mean " : "", near ? near : "",
              near ? "?)" : "");
    buffer_release(&list);
    return -1;
}

static int set_word(const struct flag *flag, const char *value, struct error *error)
{
    for (int i = 0; flag->words[i]; i++)
        if (strcmp(flag->words[i], value) == 0) {
            *(int *)flag->value = i;
            return 0;
        }
    return wrong_word(flag, value, error);
}

static int set_number(const struct flag *flag, const char *value, struct error *error)
{
    int64_t number;
    int status = flag->kind == FLAG_COUNT      ? quantity_parse_count(value, &number)
                 : flag->kind == FLAG_DURATION ? quantity_parse_duration(value, &number)
                                               : quantity_parse_size(value, &number);
    if (status < 0)
        return error_set(error, EXIT_CODE_USAGE, "%s \"%s\" is not %s; write for example %s %s",
                         flag->name, value, KINDS[flag->kind].noun, flag->name,
                         KINDS[flag->kind].example);
    if (number < flag->min || number > flag->max)
        return error_set(error, EXIT_CODE_USAGE,
                         "%s %s is out of range; write %" PRId64 " to %" PRId64 "%s", flag->name,
                         value, flag->min, flag->max,
                         flag->kind == FLAG_DURATION ? " milliseconds (\"ms\")" : "");
    *(int64_t *)flag->value = number;
    return 0;
}

static int set(const struct flag *flag, const char *value, struct error *error)
{
    switch (flag->kind) {
    case FLAG_SWITCH:
        *(bool *)flag->value = true;
        return 0;
    case FLAG_TEXT:
        *(const char **)flag->value = value;
        return 0;
    case FLAG_WORD:
        return set_word(flag, value, error);
    default:
        return set_number(flag, value, error);
    }
}

/* WORD is --name or --name=VALUE; NEXT the word behind it, or NULL. Returns how many words were
 * used, or -1. */
static int take(const struct flag *flags, const char *word, const char *next, struct error *error)
{
    size_t length = strcspn(word, "=");
    const char *value = word[length] ? word + length + 1 : NULL;
    const struct flag *flag = flags;
    while (flag->name && (strncmp(flag->name, word, length) != 0 || flag->name[length] != '\0'))
        flag++;
    if (!flag->name)
        return unknown(flags, word, error);
    if (flag->kind == FLAG_SWITCH) {
        if (value)
            return error_set(error, EXIT_CODE_USAGE, "%s takes no value", flag->name);
        return set(flag, NULL, error) < 0 ? -1 : 1;
    }
    if (!value && !next)
        return error_set(error, EXIT_CODE_USAGE, "%s needs a value; write for example %s %s",
                         flag->name, flag->name,
                         flag->words ? flag->words[0] : KINDS[flag->kind].example);
    return set(flag, value ? value : next, error) < 0 ? -1 : value ? 1 : 2;
}

int flag_parse(const struct flag *flags, int argc, char **argv, struct error *error)
{
    int words = 0;
    bool options = true;
    for (int i = 0; i < argc;) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
            i++;
        } else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            int used = take(flags, argv[i], argv[i + 1], error);
            if (used < 0)
                return -1;
            i += used;
        } else {
            argv[words++] = argv[i++];
        }
    }
    return words;
}
