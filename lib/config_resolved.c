/* SPDX-License-Identifier: MIT
 *
 * config_resolved - what was looked up for a configuration, written beside its keys and read back:
 * addresses of names, lines, the numbers of users. Names that begin with * are in no file of a
 * person:
 *
 *     *credentials = [ UID, GID, GROUP… ];       of the configuration, and of a service
 *     *workers_reason = "TEXT";                  of a service whose workers are "auto"
 *     *listens = ( ( LINE, "ADDRESS", SCOPE, … ), … );    one list for each entry of listen
 */
#include "lib/config_reader.h"

#include "lib/escape.h"
#include "lib/memory.h"

#include <inttypes.h>
#include <unistd.h>

static void print_listens(struct buffer *out, const struct config_service *service)
{
    char text[ADDRESS_TEXT_MAX];
    buffer_printf(out, "    *listens = (");
    for (size_t i = 0; i < service->listen_count; i++) {
        const struct config_listen *listen = &service->listens[i];
        buffer_printf(out, "%s ( %d", i > 0 ? "," : "", listen->line);
        for (int k = 0; k < listen->count; k++) {
            buffer_printf(out, ", ");
            config_print_word(out, address_write(&listen->found[k], text));
            buffer_printf(out, ", %uL", address_scope(&listen->found[k]));
        }
        buffer_printf(out, " )");
    }
    buffer_printf(out, " );\n");
}

void config_resolved_print_credentials(struct buffer *out, const struct credentials *credentials,
                                       const char *indent)
{
    if (!credentials)
        return;
    buffer_printf(out, "%s*credentials = [ %uL, %uL", indent, (unsigned)credentials->uid,
                  (unsigned)credentials->gid);
    for (int i = 0; i < credentials->group_count; i++)
        buffer_printf(out, ", %uL", (unsigned)credentials->groups[i]);
    buffer_printf(out, " ];\n");
}

void config_resolved_print_service(struct buffer *out, const struct config_service *service)
{
    print_listens(out, service);
    if (service->workers_reason) {
        buffer_printf(out, "    *workers_reason = ");
        config_print_word(out, service->workers_reason);
        buffer_printf(out, ";\n");
    }
    config_resolved_print_credentials(out, service->credentials, "    ");
}

static bool is_number(const config_setting_t *setting, int64_t most)
{
    return setting && config_is_integer(setting) && config_setting_get_int64(setting) >= 0 &&
           config_setting_get_int64(setting) <= most;
}

/* ROW: ( LINE, "ADDRESS", SCOPE, … ) */
static bool read_found(const config_setting_t *row, struct config_listen *listen)
{
    int count = (config_setting_length(row) - 1) / 2;
    if (count < 1 || count > ADDRESS_RESOLVED_MAX || config_setting_length(row) != 1 + 2 * count ||
        !is_number(config_setting_get_elem(row, 0), INT32_MAX))
        return false;
    listen->line = (int)config_setting_get_int64_elem(row, 0);
    listen->found = memory_resize(listen->found, (size_t)count * sizeof *listen->found);
    for (int i = 0; i < count; i++) {
        const char *text = config_setting_get_string_elem(row, 1 + 2 * i);
        const config_setting_t *scope = config_setting_get_elem(row, (unsigned)(2 + 2 * i));
        struct address *a = &listen->found[i];
        if (!text || !is_number(scope, UINT32_MAX) ||
            address_read(text, (unsigned)config_setting_get_int64(scope), a) < 0)
            return false;
    }
    listen->count = count;
    return true;
}

static bool read_listens(const config_setting_t *group, struct config_service *service)
{
    const config_setting_t *rows = config_setting_get_member(group, "*listens");
    if (!rows || config_setting_type(rows) != CONFIG_TYPE_LIST ||
        config_setting_length(rows) != (int)service->listen_count)
        return false;
    for (size_t i = 0; i < service->listen_count; i++) {
        const config_setting_t *row = config_setting_get_elem(rows, (unsigned)i);
        if (config_setting_type(row) != CONFIG_TYPE_LIST || !read_found(row, &service->listens[i]))
            return false;
    }
    return true;
}

static struct credentials *read_numbers(const config_setting_t *list)
{
    int length = config_setting_length(list);
    struct credentials *c = memory_zeroed(1, sizeof *c);
    c->groups = memory_zeroed((size_t)length, sizeof *c->groups);
    for (int i = 0; i < length; i++) {
        const config_setting_t *number = config_setting_get_elem(list, (unsigned)i);
        if (!is_number(number, UINT32_MAX - 1)) { /* the last one means "as it is", chown(2) */
            credentials_free(c);
            return NULL;
        }
        unsigned id = (unsigned)config_setting_get_int64(number);
        if (i == 0)
            c->uid = id;
        else if (i == 1)
            c->gid = id;
        else
            c->groups[c->group_count++] = id;
    }
    return c;
}

/* NULL where there are none, which is for whoever is not root, or where they may not be. */
static struct credentials *read_credentials(struct config_reader *reader,
                                            const config_setting_t *group)
{
    const config_setting_t *list = config_setting_get_member(group, "*credentials");
    struct credentials *c = NULL;
    if (!list)
        return NULL;
    if (config_setting_type(list) == CONFIG_TYPE_ARRAY && config_setting_length(list) >= 2)
        c = read_numbers(list);
    if (!c)
        config_complain(reader, list, "these are no credentials");
    else if (c->uid == 0 && !reader->config->allow_root)
        config_complain(reader, list, "workers would run as root");
    return c;
}

/* It is shown as it is. */
static void read_reason(struct config_reader *reader, const config_setting_t *group,
                        struct config_service *service)
{
    const char *reason = NULL;
    if (!config_given(group, "*workers_reason"))
        return;
    if (config_setting_lookup_string(group, "*workers_reason", &reason) == CONFIG_TRUE &&
        escape_is_plain(reason, strlen(reason)))
        service->workers_reason = memory_string(reason);
    else
        config_complain(reader, group, "this is no reason for a number of workers");
}

void config_resolved_read_service(struct config_reader *reader, const config_setting_t *group,
                                  struct config_service *service)
{
    if (!read_listens(group, service))
        config_complain(reader, group, "service \"%s\" has no addresses", service->name);
    service->credentials = read_credentials(reader, group);
    read_reason(reader, group, service);
}

void config_resolved_read_global(struct config_reader *reader, const config_setting_t *root)
{
    reader->config->credentials = read_credentials(reader, root);
    if (!reader->config->credentials && geteuid() == 0)
        config_complain(reader, root, "it is not told whom pools become");
}
