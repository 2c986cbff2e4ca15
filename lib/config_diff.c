/* SPDX-License-Identifier: MIT
 *
 * config_diff - see config_diff.h. Two values are the same where they are printed the same.
 */
#include "lib/config_diff.h"

#include "lib/config_reader.h"
#include "lib/memory.h"

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Takes the two values. */
static void compare(struct config_changes *out, const char *prefix, const char *key, char *before,
                    char *after)
{
    if (same(before, after)) {
        free(before);
        free(after);
        return;
    }
    out->list = memory_resize(out->list, (out->count + 1) * sizeof *out->list);
    out->list[out->count++] =
        (struct config_change){memory_printf("%s%s", prefix, key), before, after};
}

static char *value_of(const struct config_key *key, const void *base)
{
    const void *field = (const char *)base + key->offset;
    struct buffer text = {0};
    if (!config_key_is_set(key, field))
        return NULL;
    config_print_value(&text, key, field);
    return text.data;
}

static void compare_keys(struct config_changes *out, const char *prefix,
                         const struct config_key *keys, const void *before, const void *after)
{
    for (; keys->name; keys++)
        compare(out, prefix, keys->name, value_of(keys, before), value_of(keys, after));
}

static char *word_of(const char *word)
{
    struct buffer text = {0};
    if (word)
        config_print_word(&text, word);
    return text.data;
}

/* "33:33:33,1000": user, group, all groups. */
static char *numbers_of(const struct credentials *c)
{
    struct buffer text = {0};
    if (c)
        buffer_printf(&text, "%u:%u", (unsigned)c->uid, (unsigned)c->gid);
    for (int i = 0; c && i < c->group_count; i++)
        buffer_printf(&text, "%c%u", i == 0 ? ':' : ',', (unsigned)c->groups[i]);
    return text.data;
}

static char *listens_of(const struct config_service *service)
{
    struct buffer text = {0};
    for (size_t i = 0; i < service->listen_count; i++) {
        buffer_printf(&text, "%s", i == 0 ? "[ " : ", ");
        config_print_word(&text, service->listens[i].text);
    }
    buffer_printf(&text, " ]");
    return text.data;
}

static char *addresses_of(const struct config_service *service)
{
    char address[ADDRESS_TEXT_MAX];
    struct buffer text = {0};
    for (size_t i = 0; i < service->listen_count; i++)
        for (int k = 0; k < service->listens[i].count; k++) {
            buffer_printf(&text, "%s", text.length == 0 ? "[ " : ", ");
            config_print_word(&text, address_print(&service->listens[i].found[k], address));
        }
    buffer_printf(&text, " ]");
    return text.data;
}

static void compare_listens(const struct config_service *before, const struct config_service *after,
                            struct config_changes *out)
{
    size_t known = out->count;
    compare(out, "", "listen", listens_of(before), listens_of(after));
    if (out->count == known)
        compare(out, "", "addresses", addresses_of(before), addresses_of(after));
}

static const struct config_option *option_of(const struct config_service *service, const char *name)
{
    for (size_t i = 0; i < service->option_count; i++)
        if (strcmp(service->options[i].name, name) == 0)
            return &service->options[i];
    return NULL;
}

/* The kind is a part of it: 1 is another value than "1". */
static char *option_value(const struct config_option *option)
{
    if (!option || option->kind == CONFIG_OPTION_STRING)
        return word_of(option ? option->value : NULL);
    return memory_printf(
        "%s%s", option->value,
        option->kind == CONFIG_OPTION_FLOAT && !strpbrk(option->value, ".eE") ? ".0" : "");
}

static void compare_options(const struct config_service *before, const struct config_service *after,
                            struct config_changes *out)
{
    for (size_t i = 0; i < before->option_count; i++) {
        const struct config_option *option = &before->options[i];
        compare(out, "handler.", option->name, option_value(option),
                option_value(option_of(after, option->name)));
    }
    for (size_t i = 0; i < after->option_count; i++) {
        const struct config_option *option = &after->options[i];
        if (!option_of(before, option->name))
            compare(out, "handler.", option->name, NULL, option_value(option));
    }
}

static void compare_programs(const struct config_service *before,
                             const struct config_service *after, struct config_changes *out)
{
    compare_keys(out, "handler.",
                 before->kind == CONFIG_EXEC ? config_exec_keys : config_listen_keys,
                 &before->program, &after->program);
    compare_keys(out, "handler.limits.", config_limit_keys, &before->program.limits,
                 &after->program.limits);
}

static void compare_handlers(const struct config_service *before,
                             const struct config_service *after, struct config_changes *out)
{
    size_t known = out->count;
    compare(out, "handler.", "type", word_of(before->handler), word_of(after->handler));
    if (out->count > known)
        return;
    compare(out, "handler.", "path", word_of(before->plugin), word_of(after->plugin));
    compare_options(before, after, out);
    if (config_is_program(before))
        compare_programs(before, after, out);
    if (out->count == known)
        compare(out, "handler.", "credentials", numbers_of(before->credentials),
                numbers_of(after->credentials));
}

void config_diff_service(const struct config_service *before, const struct config_service *after,
                         struct config_changes *out)
{
    compare_listens(before, after, out);
    compare_handlers(before, after, out);
    compare_keys(out, "", config_service_keys, before, after);
}

void config_diff_global(const struct config *before, const struct config *after,
                        struct config_changes *out)
{
    compare_keys(out, "", config_global_keys, before, after);
    compare_keys(out, "log.", config_log_keys, &before->log, &after->log);
    if (same(before->user, after->user))
        compare(out, "", "credentials", numbers_of(before->credentials),
                numbers_of(after->credentials));
}

void config_changes_release(struct config_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++) {
        free(changes->list[i].key);
        free(changes->list[i].before);
        free(changes->list[i].after);
    }
    free(changes->list);
    *changes = (struct config_changes){0};
}
