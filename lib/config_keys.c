/* SPDX-License-Identifier: MIT
 *
 * config_keys - see config_keys.h: the rows as tables, and what can be done with a table alone.
 */
#include "lib/config_keys.h"

#include "lib/config.h"
#include "lib/memory.h"

#define ROW(row_kind, row_name, ...)                                                               \
    {.name = #row_name, .kind = row_kind, .offset = offsetof(OWNER, row_name), __VA_ARGS__},
#define COUNT(key, d, l, h, t)                                                                     \
    ROW(CONFIG_COUNT, key, .fallback = (d), .low = (l), .high = (h), .text = (t))
#define COUNT_OR_AUTO(key, d, l, h, t)                                                             \
    ROW(CONFIG_COUNT, key, .fallback = (d), .low = (l), .high = (h), .text = (t), .automatic = true)
#define DURATION(key, d, l, h, t)                                                                  \
    ROW(CONFIG_DURATION, key, .fallback = (d), .low = (l), .high = (h), .text = (t))
#define BOOLEAN(key, d, t)   ROW(CONFIG_BOOLEAN, key, .fallback = (d), .text = (t))
#define WORD(key, d, t)      ROW(CONFIG_WORD, key, .fallback_word = (d), .text = (t))
#define CHOICE(key, d, c, t) ROW(CONFIG_CHOICE, key, .fallback = (d), .choices = (c), .text = (t))
#define SIZE(key, l, h, t)                                                                         \
    ROW(CONFIG_SIZE, key, .fallback = CONFIG_NOT_SET, .low = (l), .high = (h), .text = (t))
#define LIST(key, t)      ROW(CONFIG_LIST, key, .text = (t))
#define VARIABLES(key, t) ROW(CONFIG_VARIABLES, key, .text = (t))
#define MODE(key, d, t)   ROW(CONFIG_MODE, key, .fallback = (d), .high = 0777, .text = (t))

#define OWNER struct config
const struct config_key config_global_keys[] = {CONFIG_GLOBAL_KEYS{0}};
#undef OWNER

/* offsetof() counts from the unnamed structure inside struct config. */
#define OWNER __typeof__(((struct config *)0)->log)
const struct config_key config_log_keys[] = {CONFIG_LOG_KEYS{0}};
#undef OWNER

#define OWNER struct config_service
const struct config_key config_service_keys[] = {CONFIG_SERVICE_KEYS{0}};
#undef OWNER

#define OWNER struct config_program
const struct config_key config_exec_keys[] = {CONFIG_PROGRAM_KEYS CONFIG_EXEC_KEYS{0}};
const struct config_key config_listen_keys[] = {CONFIG_PROGRAM_KEYS CONFIG_LISTEN_KEYS{0}};
#undef OWNER

#define OWNER __typeof__(((struct config_program *)0)->limits)
const struct config_key config_limit_keys[] = {CONFIG_LIMIT_KEYS{0}};
#undef OWNER

const char *const config_proxy_names[] = {"off", "required", NULL};
const char *const config_drain_names[] = {"backlog", "off", NULL};
const char *const config_stderr_names[] = {"log", "socket", "null", NULL};
const char *const config_warm_names[] = {
    [WARM_OFF] = "off", [WARM_START] = "start", [WARM_IO] = "io", NULL};
const char *const config_stop_signal_names[] = {
#define SIGNAL(name) #name,
    CONFIG_STOP_SIGNALS(SIGNAL)
#undef SIGNAL
        NULL};

_Static_assert(sizeof config_service_keys / sizeof *config_service_keys < CONFIG_NAMES_MAX - 8,
               "config_key_names() has room for all");

void config_key_names(const struct config_key *keys, const char *const *extra,
                      const char *out[static CONFIG_NAMES_MAX])
{
    size_t count = 0;
    for (; keys->name; keys++)
        out[count++] = keys->name;
    for (; *extra; extra++)
        out[count++] = *extra;
    out[count] = NULL;
}

void config_key_defaults(const struct config_key *keys, void *base)
{
    for (; keys->name; keys++) {
        void *field = (char *)base + keys->offset;
        switch (keys->kind) {
        case CONFIG_COUNT:
        case CONFIG_DURATION:
        case CONFIG_MODE:
        case CONFIG_SIZE:
            *(int64_t *)field = keys->fallback;
            break;
        case CONFIG_BOOLEAN:
            *(bool *)field = keys->fallback != 0;
            break;
        case CONFIG_CHOICE:
            *(int *)field = (int)keys->fallback;
            break;
        case CONFIG_WORD:
            *(char **)field = memory_string(keys->fallback_word);
            break;
        case CONFIG_LIST:
        case CONFIG_VARIABLES:
            *(struct config_list *)field = (struct config_list){0};
            break;
        }
    }
}

void config_key_release(const struct config_key *keys, void *base)
{
    for (; keys->name; keys++) {
        void *field = (char *)base + keys->offset;
        if (keys->kind == CONFIG_WORD)
            free(*(char **)field);
        else if (keys->kind == CONFIG_LIST || keys->kind == CONFIG_VARIABLES)
            config_list_release(field);
    }
}

bool config_key_is_set(const struct config_key *key, const void *field)
{
    switch (key->kind) {
    case CONFIG_WORD:
        return *(char *const *)field != NULL;
    case CONFIG_LIST:
    case CONFIG_VARIABLES:
        return ((const struct config_list *)field)->count > 0;
    case CONFIG_COUNT:
    case CONFIG_SIZE:
        return *(const int64_t *)field >= key->low;
    default:
        return true;
    }
}

const struct config_key *config_key_find(const struct config_key *keys, const char *name)
{
    for (; keys->name; keys++)
        if (strcmp(keys->name, name) == 0)
            return keys;
    return NULL;
}
