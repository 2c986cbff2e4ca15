/* SPDX-License-Identifier: MIT
 *
 * config_handler - the handler of a service: a built-in one with its options, or a program.
 */
#include "lib/config_reader.h"

#include "include/handlers.h"
#include "lib/memory.h"

#include <math.h>

static const char *const HANDLER_NAMES[] = {
#define HANDLER(name, text) #name,
    HANDLERS(HANDLER)
#undef HANDLER
        "exec",
    "listen", "plugin", NULL};

static const struct {
    const char *handler, *name, *fallback;
} HANDLER_OPTION_ROWS[] = {
#define OPTION(handler, name, fallback, text) {#handler, #name, fallback},
    HANDLER_OPTIONS(OPTION)
#undef OPTION
};

#define HANDLER_OPTION_COUNT (sizeof HANDLER_OPTION_ROWS / sizeof *HANDLER_OPTION_ROWS)

static void add_option(struct config_reader *reader, struct config_service *service,
                       const char *name, const char *value, enum config_option_kind kind,
                       const config_setting_t *setting)
{
    size_t size = (service->option_count + 1) * sizeof *service->options;
    service->options = memory_resize(service->options, size);
    service->options[service->option_count++] = (struct config_option){
        memory_string(name), memory_string(value), kind, config_place_text(reader, setting)};
}

/* In a snapshot, places as the supervisor saw them: that of the handler, then of each option. */
static void read_places(const struct config_reader *reader, const config_setting_t *group,
                        struct config_service *service)
{
    const config_setting_t *places =
        group && !reader->lookup ? config_setting_get_member(group, "*places") : NULL;
    for (size_t i = 0; places && i <= service->option_count; i++) {
        const char *place = config_setting_get_string_elem(places, (int)i);
        char **at = i == 0 ? &service->handler_place : &service->options[i - 1].place;
        if (!place)
            return;
        free(*at);
        *at = memory_string(place);
    }
}

/* Take the options HANDLER knows from GROUP (NULL: all defaults). */
static void read_options(struct config_reader *reader, const config_setting_t *group,
                         struct config_service *service)
{
    const char *names[HANDLER_OPTION_COUNT + 2] = {"type"};
    size_t known = 1;
    for (size_t i = 0; i < HANDLER_OPTION_COUNT; i++) {
        if (strcmp(HANDLER_OPTION_ROWS[i].handler, service->handler) != 0)
            continue;
        const char *name = HANDLER_OPTION_ROWS[i].name;
        const config_setting_t *setting = group ? config_setting_get_member(group, name) : NULL;
        const char *value = setting ? config_read_word(reader, setting) : NULL;
        names[known++] = name;
        add_option(reader, service, name, value ? value : HANDLER_OPTION_ROWS[i].fallback,
                   CONFIG_OPTION_STRING, setting ? setting : group);
    }
    names[known] = NULL;
    for (int i = 0; group && i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        bool found = config_is_places(reader, setting);
        for (size_t k = 0; k < known; k++)
            found = found || strcmp(names[k], config_setting_name(setting)) == 0;
        if (!found)
            config_unknown_word(reader, setting, "option", config_setting_name(setting), names);
    }
}

/* An option of a plugin, whose table only its pool knows. */
static void read_foreign_option(struct config_reader *reader, const config_setting_t *setting,
                                struct config_service *service)
{
    const char *name = config_setting_name(setting);
    char number[40];
    if (name[0] == '*') {
        config_complain(reader, setting, "the name of an option does not begin with *: \"%s\"",
                        name);
        return;
    }
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_STRING:
        add_option(reader, service, name, config_setting_get_string(setting), CONFIG_OPTION_STRING,
                   setting);
        break;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        snprintf(number, sizeof number, "%lld", config_setting_get_int64(setting));
        add_option(reader, service, name, number, CONFIG_OPTION_INTEGER, setting);
        break;
    case CONFIG_TYPE_FLOAT:
        if (!isfinite(config_setting_get_float(setting))) {
            config_complain(reader, setting, "%s is too large a number", name);
            break;
        }
        snprintf(number, sizeof number, "%.17g", config_setting_get_float(setting));
        add_option(reader, service, name, number, CONFIG_OPTION_FLOAT, setting);
        break;
    case CONFIG_TYPE_BOOL:
        add_option(reader, service, name, config_setting_get_bool(setting) ? "true" : "false",
                   CONFIG_OPTION_BOOLEAN, setting);
        break;
    default:
        config_wrong_type(reader, setting, "a string, a number, true or false");
    }
}

static void read_plugin(struct config_reader *reader, const config_setting_t *group,
                        struct config_service *service)
{
    const config_setting_t *path = config_setting_get_member(group, "path");
    const char *word = path ? config_read_word(reader, path) : NULL;
    service->kind = CONFIG_PLUGIN;
    if (!path)
        config_complain(reader, group, "which plugin? add path = \"/…/NAME.so\";");
    if (word && word[0] != '/')
        config_complain(reader, path, "path must be an absolute path, not \"%s\"", word);
    service->plugin = memory_string(word);
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(setting);
        if (strcmp(name, "type") != 0 && strcmp(name, "path") != 0 &&
            !config_is_places(reader, setting))
            read_foreign_option(reader, setting, service);
    }
}

/* HANDLER: the group { type = …; command = …; }. */
static void read_program(struct config_reader *reader, const config_setting_t *handler,
                         struct config_service *service, enum config_handler kind,
                         const struct config_key *keys)
{
    static const char *const special[] = {"type", "limits", NULL};
    static const char *const none[] = {NULL};
    struct config_program *program = &service->program;
    service->kind = kind;
    config_key_defaults(keys, program);
    config_key_defaults(config_limit_keys, &program->limits);
    if (!reader->lines && config_setting_type(handler) != CONFIG_TYPE_GROUP) {
        config_complain(reader, handler, "which program? write -- PROGRAM, not --handler %s",
                        service->handler);
        return;
    }
    if (config_setting_type(handler) != CONFIG_TYPE_GROUP) {
        config_complain(reader, handler,
                        "which program? write { type = \"%s\"; command = [ \"/bin/cat\" ]; }",
                        service->handler);
        return;
    }
    config_read_group(reader, handler, keys, program, special);
    const config_setting_t *limits = config_setting_get_member(handler, "limits");
    if (limits && config_setting_type(limits) != CONFIG_TYPE_GROUP)
        config_wrong_type(reader, limits, "a group { nofile = …; as = …; }");
    else if (limits)
        config_read_group(reader, limits, config_limit_keys, &program->limits, none);
    config_check_program(reader, handler, service);
}

void config_read_handler(struct config_reader *reader, const config_setting_t *setting,
                         struct config_service *service)
{
    const config_setting_t *group = NULL, *type = setting;
    if (config_setting_type(setting) == CONFIG_TYPE_GROUP) {
        group = setting;
        type = config_setting_get_member(group, "type");
        if (!type) {
            config_complain(reader, group, "handler has no type; write { type = \"echo\"; }");
            return;
        }
    }
    const char *name = config_read_word(reader, type);
    if (!name)
        return;
    for (const char *const *known = HANDLER_NAMES; *known; known++)
        if (strcmp(*known, name) == 0) {
            service->handler = memory_string(name);
            service->handler_place = config_place_text(reader, setting);
            if (strcmp(name, "exec") == 0)
                read_program(reader, setting, service, CONFIG_EXEC, config_exec_keys);
            else if (strcmp(name, "listen") == 0)
                read_program(reader, setting, service, CONFIG_LISTEN, config_listen_keys);
            else if (strcmp(name, "plugin") == 0 && group)
                read_plugin(reader, group, service);
            else if (strcmp(name, "plugin") == 0)
                config_complain(
                    reader, type,
                    "which plugin? write { type = \"plugin\"; path = \"/…/NAME.so\"; }");
            else
                read_options(reader, group, service);
            read_places(reader, group, service);
            return;
        }
    config_unknown_word(reader, type, "handler", name, HANDLER_NAMES);
}
