/* SPDX-License-Identifier: MIT
 *
 * config_read - from a libconfig file to the model, every error of the file in one run.
 */
#include "lib/config_reader.h"

#include "lib/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <strings.h>

/* Of which the name of a service can be made; the first one a letter. */
#define NAME_LETTERS    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define NAME_CHARACTERS NAME_LETTERS "0123456789_-"

static void read_listen_entry(struct config_reader *reader, const config_setting_t *setting,
                              struct config_service *service)
{
    struct address found[ADDRESS_RESOLVED_MAX];
    struct error error;
    if (config_setting_type(setting) != CONFIG_TYPE_STRING) {
        config_complain(reader, setting, "an address must be a string, not %s",
                        config_type_name(setting));
        return;
    }
    const char *text = config_setting_get_string(setting);
    int count = reader->lookup ? address_parse(text, found, &error) : address_check(text, &error);
    if (count < 0) {
        config_complain(reader, setting, "%s", error.text);
        return;
    }
    size_t size = (service->listen_count + 1) * sizeof *service->listens;
    service->listens = memory_resize(service->listens, size);
    struct config_listen *listen = &service->listens[service->listen_count++];
    *listen =
        (struct config_listen){.text = memory_string(text),
                               .line = reader->lines ? (int)config_setting_source_line(setting) : 0,
                               .element = (unsigned)config_setting_index(setting),
                               .count = count};
    listen->found = memory_zeroed((size_t)count + 1, sizeof *found);
    memcpy(listen->found, found, (size_t)count * sizeof *found);
}

static void read_listen(struct config_reader *reader, const config_setting_t *setting,
                        struct config_service *service)
{
    int type = config_setting_type(setting);
    if (type == CONFIG_TYPE_STRING) {
        read_listen_entry(reader, setting, service);
        return;
    }
    if (type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) {
        config_wrong_type(reader, setting, "an array of addresses");
        return;
    }
    if (config_setting_length(setting) == 0)
        config_complain(reader, setting, "listen is empty; name at least one address");
    for (int i = 0; i < config_setting_length(setting); i++)
        read_listen_entry(reader, config_setting_get_elem(setting, (unsigned)i), service);
}

static void read_service(struct config_reader *reader, const config_setting_t *group,
                         struct config_service *service)
{
    static const char *const special[] = {"listen", "handler", NULL};
    static const char *const more[] = {"listen",       "handler",         "*listens",
                                       "*credentials", "*workers_reason", NULL};
    service->name = memory_string(config_setting_name(group));
    config_key_defaults(config_service_keys, service);
    if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
        config_wrong_type(reader, group, "a group { … }");
        return;
    }
    config_read_group(reader, group, config_service_keys, service,
                      reader->resolved ? more : special);
    const config_setting_t *listen = config_setting_get_member(group, "listen");
    const config_setting_t *handler = config_setting_get_member(group, "handler");
    if (listen)
        read_listen(reader, listen, service);
    if (handler)
        config_read_handler(reader, handler, service);
    if (reader->resolved)
        config_resolved_read_service(reader, group, service);
    config_check_service(reader, group, service);
}

static void read_services(struct config_reader *reader, const config_setting_t *group)
{
    struct config *config = reader->config;
    if (config_setting_type(group) != CONFIG_TYPE_GROUP) {
        config_wrong_type(reader, group, "a group { NAME = { … }; }");
        return;
    }
    size_t count = (size_t)config_setting_length(group);
    if (count == 0)
        config_complain(reader, group, "there is no service in it");
    config->services = memory_zeroed(count + 1, sizeof *config->services);
    for (; config->service_count < count; config->service_count++)
        read_service(reader, config_setting_get_elem(group, (unsigned)config->service_count),
                     &config->services[config->service_count]);
}

static void read_root(struct config_reader *reader, const config_setting_t *root)
{
    static const char *const special[] = {"log", "services", NULL};
    static const char *const more[] = {"log", "services", "*credentials", NULL};
    static const char *const snapshot[] = {"log", "services", CONFIG_PORTS_KEY, NULL};
    static const char *const none[] = {NULL};
    struct config *config = reader->config;
    const config_setting_t *log = config_setting_get_member(root, "log");
    const config_setting_t *services = config_setting_get_member(root, "services");
    const config_setting_t *ports = config_setting_get_member(root, CONFIG_PORTS_KEY);
    config_key_defaults(config_global_keys, config);
    config_key_defaults(config_log_keys, &config->log);
    config_read_group(reader, root, config_global_keys, config,
                      reader->lookup     ? special
                      : reader->resolved ? more
                                         : snapshot);
    if (reader->resolved)
        config_resolved_read_global(reader, root);
    if (log && config_setting_type(log) == CONFIG_TYPE_GROUP)
        config_read_group(reader, log, config_log_keys, &config->log, none);
    else if (log)
        config_wrong_type(reader, log, "a group { level = …; format = …; }");
    if (services)
        read_services(reader, services);
    config_ports_gather(config);
    if (ports)
        config_ports_read(config, ports);
    config_check_global(reader, root);
}

static struct config *build(config_t *tree, int parsed, struct config_reader *reader,
                            struct buffer *errors)
{
    reader->config = memory_zeroed(1, sizeof *reader->config);
    reader->config->file = memory_string(reader->file);
    if (parsed == CONFIG_TRUE)
        read_root(reader, config_root_setting(tree));
    else
        config_complain_parsed(reader, config_error_file(tree), (unsigned)config_error_line(tree),
                               config_error_text(tree));
    bool sound = reader->error_count == 0;
    config_complaints_print(reader, errors);
    config_destroy(tree);
    if (sound)
        return reader->config;
    config_release(reader->config);
    return NULL;
}

static struct config *read_stream(FILE *stream, struct config_reader *reader, struct buffer *errors)
{
    config_t tree;
    config_init(&tree);
    config_set_include_dir(&tree, reader->folder);
    return build(&tree, config_read(&tree, stream), reader, errors);
}

struct config *config_load(const char *file, struct buffer *errors)
{
    char *folder = config_file_folder(file);
    struct config_reader reader = {.file = file, .folder = folder, .lines = true, .lookup = true};
    struct config *config = NULL;
    if (config_file_check(&reader, file, errors) < 0)
        config_complaints_print(&reader, errors);
    else {
        FILE *stream = fopen(file, "re");
        if (stream) {
            config = read_stream(stream, &reader, errors);
            fclose(stream);
        } else
            buffer_printf(errors, "%s: %s\n", file, strerror(errno));
    }
    free(folder);
    return config;
}

static struct config *load_text(const char *text, struct config_reader *reader,
                                struct buffer *errors)
{
    config_t tree;
    config_init(&tree);
    return build(&tree, config_read_string(&tree, text), reader, errors);
}

struct config *config_load_snapshot(const char *text, struct buffer *errors)
{
    struct config_reader reader = {.file = "snapshot", .lines = true};
    return load_text(text, &reader, errors);
}

struct config *config_load_resolved(const char *text, const char *file, struct buffer *errors)
{
    struct config_reader reader = {.file = "snapshot", .lines = true, .resolved = true};
    struct config *config = load_text(text, &reader, errors);
    if (config) {
        free(config->file);
        config->file = memory_string(file);
    }
    return config;
}

/* As many clients at a time as tcpserver serves without being told a number. A program that is
 * handed datagrams reads them all. */
#define COMMAND_WORKERS 40

/* The group of a handler that runs COMMAND as tcpserver would: where we are. */
static void print_command(struct buffer *text, char *const *command)
{
    buffer_printf(text, "{ type = \"exec\"; directory = \".\"; command = [ ");
    for (char *const *word = command; *word; word++) {
        buffer_printf(text, "%s", word == command ? "" : ", ");
        config_print_word(text, *word);
    }
    buffer_printf(text, " ]; }");
}

/* "greet" of "/srv/greet.py"; "service" where nothing is left. libconfig reads true and false,
 * however written, as values. The caller frees it. */
static char *service_name(const char *program)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash ? slash + 1 : program;
    char *cut = memory_printf("%.*s", (int)strspn(name, NAME_CHARACTERS), name);
    if (strspn(cut, NAME_LETTERS) > 0 && strcasecmp(cut, "true") != 0 &&
        strcasecmp(cut, "false") != 0)
        return cut;
    free(cut);
    return memory_string("service");
}

struct config *config_load_command_line(const char *address, const char *handler,
                                        char *const *command, int64_t workers, const char *control,
                                        struct buffer *errors)
{
    struct config_reader reader = {.file = "command line", .lookup = true};
    struct buffer text = {0};
    char *name = service_name(handler ? handler : command[0]), *full = address_complete(address);
    if (control) {
        buffer_printf(&text, "control = ");
        config_print_word(&text, control);
        buffer_printf(&text, ";\n");
    }
    buffer_printf(&text, "services = { %s = { listen = ", name);
    config_print_word(&text, full);
    buffer_printf(&text, "; handler = ");
    if (handler)
        config_print_word(&text, handler);
    else
        print_command(&text, command);
    if (workers == 0 && !handler)
        workers = address_type(full) == SOCK_DGRAM ? 1 : COMMAND_WORKERS;
    if (workers == CONFIG_AUTO)
        buffer_printf(&text, "; workers = \"auto\"");
    else if (workers > 0)
        buffer_printf(&text, "; workers = %" PRId64, workers);
    buffer_printf(&text, "; }; };\n");
    struct config *config = load_text(buffer_text(&text), &reader, errors);
    buffer_release(&text);
    free(full);
    free(name);
    return config;
}
