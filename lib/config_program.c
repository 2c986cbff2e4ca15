/* SPDX-License-Identifier: MIT
 *
 * config_program - what must be true across the keys of a handler that is a program. Whether the
 * program is there and can be executed is found out by the pool, which is the user that runs it.
 */
#include "lib/config_reader.h"

#include <signal.h>

static void check_command(struct config_reader *reader, const config_setting_t *group,
                          const struct config_program *program)
{
    const struct config_list *command = &program->command;
    const config_setting_t *where = config_place(group, "command");
    const char *name = command->count > 0 ? command->words[0] : NULL;
    if (!config_given(group, "command"))
        config_complain(reader, group, "there is no command; add command = [ \"/bin/cat\" ];");
    else if (name && name[0] == '\0')
        config_complain(reader, where, "the first word of command, the program, is empty");
    else if (name && name[0] != '/' && strchr(name, '/') && !config_given(group, "directory"))
        config_complain(reader, where,
                        "\"%s\" is relative; give an absolute path, or directory = \"/…\";", name);
}

/* A daemon works in /, and a reload must find what the start found. "." is for the command line. */
static void check_directory(struct config_reader *reader, const config_setting_t *group,
                            const struct config_program *program)
{
    const char *directory = program->directory;
    if (directory[0] != '/' && strcmp(directory, ".") != 0)
        config_complain(reader, config_place(group, "directory"),
                        "directory must be an absolute path (or \".\"), not \"%s\"", directory);
}

static const char *const PROTOCOL_NAMES[] = {"systemd", "server_starter", "einhorn", NULL};

static void check_protocols(struct config_reader *reader, const config_setting_t *group,
                            const struct config_program *program)
{
    const config_setting_t *list = config_setting_get_member(group, "protocols");
    const config_setting_t *element;
    if (program->protocols.count == 0)
        return;
    for (unsigned i = 0; list && (element = config_setting_get_elem(list, i)); i++) {
        const char *name = config_setting_get_string(element);
        const char *const *known = PROTOCOL_NAMES;
        while (name && *known && strcmp(*known, name) != 0)
            known++;
        if (name && !*known)
            config_unknown_word(reader, element, "protocol", name, PROTOCOL_NAMES);
    }
}

bool config_protocol(const struct config_program *program, const char *name)
{
    for (size_t i = 0; i < program->protocols.count; i++)
        if (strcmp(program->protocols.words[i], name) == 0)
            return true;
    return program->protocols.count == 0;
}

void config_check_program(struct config_reader *reader, const config_setting_t *group,
                          struct config_service *service)
{
    const struct config_program *program = &service->program;
    check_command(reader, group, program);
    check_directory(reader, group, program);
    if (service->kind == CONFIG_EXEC && program->warm_fork && program->warm == WARM_OFF)
        config_complain(reader, config_place(group, "warm_fork"),
                        "warm_fork needs warm = \"start\" or \"io\"");
    if (service->kind == CONFIG_LISTEN) {
        check_protocols(reader, group, program);
        if (program->stderr == CONFIG_STDERR_SOCKET)
            config_complain(reader, config_place(group, "stderr"),
                            "stderr = \"socket\" is for type \"exec\": here is no client");
    }
}

int config_stop_signal(const struct config_program *program)
{
    static const int numbers[] = {
#define SIGNAL(name) [CONFIG_STOP_##name] = SIG##name,
        CONFIG_STOP_SIGNALS(SIGNAL)
#undef SIGNAL
    };
    return numbers[program->stop_signal];
}
