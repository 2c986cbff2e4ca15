/* SPDX-License-Identifier: MIT
 *
 * config_print - the model written as a libconfig file that reads back to the same model.
 *
 * Used for --print-config and `preforkctl config`, and as the only form in which configuration
 * travels to a pool.
 */
#include "lib/config_reader.h"

#include "lib/quantity.h"

#include <inttypes.h>

void config_print_word(struct buffer *out, const char *word)
{
    buffer_append(out, "\"", 1);
    for (; *word; word++) {
        unsigned char c = (unsigned char)*word;
        if (c == '"' || c == '\\')
            buffer_printf(out, "\\%c", c);
        else if (c < ' ' || c == 0x7F)
            buffer_printf(out, "\\x%02x", c);
        else
            buffer_append(out, word, 1);
    }
    buffer_append(out, "\"", 1);
}

static void print_list(struct buffer *out, const struct config_list *list)
{
    buffer_printf(out, "[ ");
    for (size_t i = 0; i < list->count; i++) {
        buffer_printf(out, "%s", i > 0 ? ", " : "");
        config_print_word(out, list->words[i]);
    }
    buffer_printf(out, " ]");
}

void config_print_value(struct buffer *out, const struct config_key *key, const void *field)
{
    char text[QUANTITY_TEXT_MAX];
    switch (key->kind) {
    case CONFIG_COUNT:
        buffer_printf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case CONFIG_DURATION:
        buffer_printf(out, "\"%s\"", quantity_print_duration(*(const int64_t *)field, text));
        break;
    case CONFIG_BOOLEAN:
        buffer_printf(out, "%s", *(const bool *)field ? "true" : "false");
        break;
    case CONFIG_CHOICE:
        config_print_word(out, key->choices[*(const int *)field]);
        break;
    case CONFIG_WORD:
        config_print_word(out, *(char *const *)field);
        break;
    case CONFIG_SIZE:
        if (*(const int64_t *)field == CONFIG_UNLIMITED)
            buffer_printf(out, "\"unlimited\"");
        else
            buffer_printf(out, "\"%s\"", quantity_print_size(*(const int64_t *)field, text));
        break;
    case CONFIG_LIST:
    case CONFIG_VARIABLES:
        print_list(out, field);
        break;
    case CONFIG_MODE:
        buffer_printf(out, "\"%04" PRIo64 "\"", (uint64_t) * (const int64_t *)field);
        break;
    }
}

static void print_key(struct buffer *out, const struct config_key *key, const void *base,
                      const char *indent)
{
    const void *field = (const char *)base + key->offset;
    if (!config_key_is_set(key, field))
        return;
    buffer_printf(out, "%s%s = ", indent, key->name);
    config_print_value(out, key, field);
    buffer_printf(out, ";\n");
}

static void print_keys(struct buffer *out, const struct config_key *keys, const void *base,
                       const char *indent)
{
    for (; keys->name; keys++)
        print_key(out, keys, base, indent);
}

/* Numbers and truth values as such, so that they read back with their kind. */
static void print_options(struct buffer *out, const struct config_service *service)
{
    for (size_t i = 0; i < service->option_count; i++) {
        const struct config_option *option = &service->options[i];
        buffer_printf(out, "; %s = ", option->name);
        if (option->kind == CONFIG_OPTION_STRING)
            config_print_word(out, option->value);
        else if (option->kind == CONFIG_OPTION_INTEGER)
            buffer_printf(out, "%sL", option->value);
        else if (option->kind == CONFIG_OPTION_FLOAT && !strpbrk(option->value, ".eE"))
            buffer_printf(out, "%s.0", option->value);
        else
            buffer_printf(out, "%s", option->value);
    }
}

/* For the pool, which complains about them. */
static void print_places(struct buffer *out, const struct config_service *service)
{
    buffer_printf(out, "; *places = [ ");
    config_print_word(out, service->handler_place);
    for (size_t i = 0; i < service->option_count; i++) {
        buffer_printf(out, ", ");
        config_print_word(out, service->options[i].place);
    }
    buffer_printf(out, " ]");
}

/* How much is printed of a service. */
enum detail {
    DETAIL_KEYS,    /* for people */
    DETAIL_PLACES,  /* for its pool: where its handler stands, too */
    DETAIL_RESOLVED /* and what was looked up */
};

static void print_handler(struct buffer *out, const struct config_service *service,
                          enum detail detail)
{
    if (service->kind == CONFIG_PLUGIN) {
        buffer_printf(out, "; path = ");
        config_print_word(out, service->plugin);
    }
    print_options(out, service);
    if (detail >= DETAIL_PLACES)
        print_places(out, service);
    buffer_printf(out, "; };\n");
}

static void print_program(struct buffer *out, const struct config_service *service,
                          enum detail detail)
{
    const struct config_program *program = &service->program;
    if (detail >= DETAIL_PLACES)
        print_places(out, service);
    buffer_printf(out, ";\n");
    print_keys(out, service->kind == CONFIG_EXEC ? config_exec_keys : config_listen_keys, program,
               "      ");
    buffer_printf(out, "      limits = {\n");
    print_keys(out, config_limit_keys, &program->limits, "        ");
    buffer_printf(out, "      };\n    };\n");
}

/* People see what they wrote, and what it comes to. */
static void print_service_keys(struct buffer *out, const struct config_service *service,
                               enum detail detail)
{
    for (const struct config_key *key = config_service_keys; key->name; key++)
        if (key->automatic && service->workers_reason && detail == DETAIL_KEYS)
            buffer_printf(out, "    %s = \"auto\"; # %s\n", key->name, service->workers_reason);
        else
            print_key(out, key, service, "    ");
}

static void print_service(struct buffer *out, const struct config_service *service,
                          enum detail detail)
{
    buffer_printf(out, "  %s = {\n    listen = [ ", service->name);
    for (size_t i = 0; i < service->listen_count; i++) {
        buffer_printf(out, "%s", i > 0 ? ", " : "");
        config_print_word(out, service->listens[i].text);
    }
    buffer_printf(out, " ];\n    handler = { type = ");
    config_print_word(out, service->handler);
    if (config_is_program(service))
        print_program(out, service, detail);
    else
        print_handler(out, service, detail);
    print_service_keys(out, service, detail);
    if (detail == DETAIL_RESOLVED)
        config_resolved_print_service(out, service);
    buffer_printf(out, "  };\n");
}

static void print_log(struct buffer *out, const struct config *config)
{
    buffer_printf(out, "log = {\n");
    print_keys(out, config_log_keys, &config->log, "  ");
    buffer_printf(out, "};\n");
}

static void print_all(const struct config *config, struct buffer *out, enum detail detail)
{
    print_keys(out, config_global_keys, config, "");
    if (detail == DETAIL_RESOLVED)
        config_resolved_print_credentials(out, config->credentials, "");
    print_log(out, config);
    buffer_printf(out, "services = {\n");
    for (size_t i = 0; i < config->service_count; i++)
        print_service(out, &config->services[i], detail);
    buffer_printf(out, "};\n");
}

void config_print(const struct config *config, struct buffer *out)
{
    print_all(config, out, DETAIL_KEYS);
}

void config_print_resolved(const struct config *config, struct buffer *out)
{
    print_all(config, out, DETAIL_RESOLVED);
}

void config_print_snapshot(const struct config *config, const struct config_service *service,
                           struct buffer *out)
{
    config_ports_print(out, config);
    print_log(out, config);
    buffer_printf(out, "services = {\n");
    print_service(out, service, DETAIL_PLACES);
    buffer_printf(out, "};\n");
}
