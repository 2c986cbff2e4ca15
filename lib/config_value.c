/* SPDX-License-Identifier: MIT
 *
 * config_value - one setting of a configuration file: its kind, its range, and what is wrong with
 * it.
 */
#include "lib/config_reader.h"

#include "lib/memory.h"
#include "lib/quantity.h"
#include "lib/suggest.h"

#include <inttypes.h>

const char *config_type_name(const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return "an integer";
    case CONFIG_TYPE_FLOAT:
        return "a floating-point number";
    case CONFIG_TYPE_STRING:
        return "a string";
    case CONFIG_TYPE_BOOL:
        return "a boolean";
    case CONFIG_TYPE_GROUP:
        return "a group";
    case CONFIG_TYPE_ARRAY:
        return "an array";
    default:
        return "a list";
    }
}

void config_wrong_type(struct config_reader *reader, const config_setting_t *setting,
                       const char *wanted)
{
    config_complain(reader, setting, "%s must be %s, not %s", config_setting_name(setting), wanted,
                    config_type_name(setting));
}

bool config_is_integer(const config_setting_t *setting)
{
    int type = config_setting_type(setting);
    return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
}

/* One function per kind of key: read the setting into *FIELD or complain. */

/* What a count may be besides a number. */
static void read_auto(struct config_reader *reader, const config_setting_t *setting,
                      const struct config_key *key, int64_t *field)
{
    const char *word = config_setting_get_string(setting);
    if (strcmp(word, "auto") == 0)
        *field = CONFIG_AUTO;
    else
        config_complain(reader, setting,
                        "%s must be an integer without quotes, or \"auto\", not \"%s\"", key->name,
                        word);
}

static void read_count(struct config_reader *reader, const config_setting_t *setting,
                       const struct config_key *key, int64_t *field)
{
    if (key->automatic && config_setting_type(setting) == CONFIG_TYPE_STRING) {
        read_auto(reader, setting, key, field);
        return;
    }
    if (!config_is_integer(setting)) {
        config_wrong_type(reader, setting,
                          key->automatic ? "an integer or \"auto\"" : "an integer");
        return;
    }
    int64_t value = config_setting_get_int64(setting);
    if (value < key->low || value > key->high)
        config_complain(reader, setting,
                        "%s = %" PRId64 " is out of range (%" PRId64 " to %" PRId64 ")", key->name,
                        value, key->low, key->high);
    else
        *field = value;
}

static void read_duration(struct config_reader *reader, const config_setting_t *setting,
                          const struct config_key *key, int64_t *field)
{
    int64_t ms = 0;
    int status;
    char low[QUANTITY_TEXT_MAX], high[QUANTITY_TEXT_MAX];
    if (config_is_integer(setting))
        status = quantity_seconds((double)config_setting_get_int64(setting), &ms);
    else if (config_setting_type(setting) == CONFIG_TYPE_FLOAT)
        status = quantity_seconds(config_setting_get_float(setting), &ms);
    else if (config_setting_type(setting) == CONFIG_TYPE_STRING)
        status = quantity_parse_duration(config_setting_get_string(setting), &ms);
    else {
        config_wrong_type(reader, setting,
                          "a duration (seconds, or a string such as \"250ms\", \"60s\")");
        return;
    }
    if (status < 0)
        config_complain(reader, setting,
                        "%s is not a duration; write seconds (60, 0.5) or \"250ms\", \"60s\", "
                        "\"5m\", \"2h\"",
                        key->name);
    else if (ms < key->low || ms > key->high)
        config_complain(reader, setting, "%s is out of range (%s to %s)", key->name,
                        quantity_print_duration(key->low, low),
                        quantity_print_duration(key->high, high));
    else
        *field = ms;
}

static void read_boolean(struct config_reader *reader, const config_setting_t *setting, bool *field)
{
    if (config_setting_type(setting) == CONFIG_TYPE_BOOL)
        *field = config_setting_get_bool(setting);
    else
        config_wrong_type(reader, setting, "true or false");
}

const char *config_read_word(struct config_reader *reader, const config_setting_t *setting)
{
    if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
        config_wrong_type(reader, setting, "a string");
        return NULL;
    }
    const char *word = config_setting_get_string(setting);
    if (word[0] != '\0')
        return word;
    config_complain(reader, setting, "%s is empty", config_setting_name(setting));
    return NULL;
}

static void read_word(struct config_reader *reader, const config_setting_t *setting, char **field)
{
    const char *word = config_read_word(reader, setting);
    if (!word)
        return;
    free(*field);
    *field = memory_string(word);
}

void config_unknown_word(struct config_reader *reader, const config_setting_t *setting,
                         const char *what, const char *word, const char *const *known)
{
    const char *near = suggest_nearest(word, known);
    struct buffer list = {0};
    for (const char *const *k = known; *k; k++)
        buffer_printf(&list, "%s%s", k == known ? "" : ", ", *k);
    if (near)
        config_complain(reader, setting, "unknown %s \"%s\" (did you mean \"%s\"?)", what, word,
                        near);
    else
        config_complain(reader, setting, "unknown %s \"%s\"; known: %s", what, word,
                        buffer_text(&list));
    buffer_release(&list);
}

static void read_choice(struct config_reader *reader, const config_setting_t *setting,
                        const struct config_key *key, int *field)
{
    const char *word = config_read_word(reader, setting);
    for (int i = 0; word && key->choices[i]; i++)
        if (strcmp(word, key->choices[i]) == 0) {
            *field = i;
            return;
        }
    if (word)
        config_unknown_word(reader, setting, key->name, word, key->choices);
}

static void read_mode(struct config_reader *reader, const config_setting_t *setting, int64_t *field)
{
    const char *word = config_read_word(reader, setting);
    if (!word)
        return;
    size_t digits = strspn(word, "01234567");
    if (word[digits] == '\0' && digits >= 3 && digits <= 4 && strtol(word, NULL, 8) <= 0777)
        *field = strtol(word, NULL, 8);
    else
        config_complain(reader, setting, "%s is not a file mode; write \"0660\"",
                        config_setting_name(setting));
}

static void read_size(struct config_reader *reader, const config_setting_t *setting,
                      const struct config_key *key, int64_t *field)
{
    int64_t value = 0;
    char low[QUANTITY_TEXT_MAX], high[QUANTITY_TEXT_MAX];
    if (config_is_integer(setting))
        value = config_setting_get_int64(setting);
    else if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
        config_wrong_type(reader, setting, "a number, or a string such as \"64M\"");
        return;
    } else if (strcmp(config_setting_get_string(setting), "unlimited") == 0) {
        *field = CONFIG_UNLIMITED;
        return;
    } else if (quantity_parse_size(config_setting_get_string(setting), &value) < 0) {
        config_complain(reader, setting,
                        "%s is not a number; write 1000, \"64K\", \"64M\", \"1G\" or \"unlimited\"",
                        key->name);
        return;
    }
    if (value < key->low || value > key->high)
        config_complain(reader, setting, "%s is out of range (%s to %s)", key->name,
                        quantity_print_size(key->low, low), quantity_print_size(key->high, high));
    else
        *field = value;
}

void config_read_key(struct config_reader *reader, const config_setting_t *setting,
                     const struct config_key *key, void *base)
{
    void *field = (char *)base + key->offset;
    switch (key->kind) {
    case CONFIG_COUNT:
        read_count(reader, setting, key, field);
        break;
    case CONFIG_DURATION:
        read_duration(reader, setting, key, field);
        break;
    case CONFIG_BOOLEAN:
        read_boolean(reader, setting, field);
        break;
    case CONFIG_WORD:
        read_word(reader, setting, field);
        break;
    case CONFIG_CHOICE:
        read_choice(reader, setting, key, field);
        break;
    case CONFIG_MODE:
        read_mode(reader, setting, field);
        break;
    case CONFIG_SIZE:
        read_size(reader, setting, key, field);
        break;
    case CONFIG_LIST:
        config_read_list(reader, setting, field);
        break;
    case CONFIG_VARIABLES:
        config_read_variables(reader, setting, field);
        break;
    }
}

bool config_is_places(const struct config_reader *reader, const config_setting_t *setting)
{
    return !reader->lookup && strcmp(config_setting_name(setting), "*places") == 0;
}

void config_read_group(struct config_reader *reader, const config_setting_t *group,
                       const struct config_key *keys, void *base, const char *const *special)
{
    const char *names[CONFIG_NAMES_MAX];
    config_key_names(keys, special, names);
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(setting);
        const struct config_key *key = config_key_find(keys, name);
        bool known = config_is_places(reader, setting);
        for (const char *const *s = special; *s; s++)
            known = known || strcmp(*s, name) == 0;
        if (key)
            config_read_key(reader, setting, key, base);
        else if (!known)
            config_unknown_word(reader, setting, "key", name, names);
    }
}
