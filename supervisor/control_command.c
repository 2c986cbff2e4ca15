/* SPDX-License-Identifier: MIT
 *
 * control_command - see control_command.h. One function per row of CONTROL_COMMANDS.
 */
#include "supervisor/control_command.h"

#include "lib/quantity.h"
#include "lib/suggest.h"
#include "supervisor/reopening.h"
#include "supervisor/services.h"
#include "supervisor/status.h"

#define ARGUMENTS_MAX 4
#define CHANGE_MAX    1000000 /* of workers at once; far beyond what is possible */

struct arguments {
    int count;
    const char *words[ARGUMENTS_MAX];
};

static void run_status(struct supervisor *s, struct control_client *client,
                       const struct arguments *arguments)
{
    (void)arguments;
    control_client_answer(client, status_report(s));
}

/* *NAME: the service that ARGUMENTS name, NULL: all. False: there is none of that name, and the
 * client was told. */
static bool take_service(const struct supervisor *s, struct control_client *client,
                         const struct arguments *arguments, const char **name)
{
    struct error error;
    *name = arguments->count > 0 ? arguments->words[0] : NULL;
    if (!*name || services_find(s, *name))
        return true;
    error_set(&error, EXIT_CODE_FAILURE, "there is no service \"%s\"", *name);
    control_client_refuse(client, error.text);
    return false;
}

static void run_workers(struct supervisor *s, struct control_client *client,
                        const struct arguments *arguments)
{
    const char *name;
    if (take_service(s, client, arguments, &name))
        status_workers(s, name, client);
}

static bool wait_for_reload(const struct supervisor *s, struct control_client *client)
{
    bool later = s->core.change != CORE_CHANGE_NONE || s->core.phase == CORE_STARTING;
    return control_wait(client, later ? CONTROL_WAIT_NEXT_RELOAD : CONTROL_WAIT_RELOAD);
}

static void dry_run(struct supervisor *s, struct control_client *client)
{
    if (s->core.phase == CORE_STOPPING)
        control_client_refuse(client, "preforkd is stopping");
    else if (control_wait(client,
                          s->dry_run.going ? CONTROL_WAIT_NEXT_DRY_RUN : CONTROL_WAIT_DRY_RUN))
        dry_run_request(s);
}

static void run_reload(struct supervisor *s, struct control_client *client,
                       const struct arguments *arguments)
{
    if (arguments->count > 0 && strcmp(arguments->words[0], "--dry-run") != 0)
        control_client_refuse(client, "reload takes --dry-run or nothing");
    else if (arguments->count > 0)
        dry_run(s, client);
    else if (wait_for_reload(s, client))
        reload_request(s);
}

/* Its next pool has new processes of what is on the disk now. */
static void run_restart(struct supervisor *s, struct control_client *client,
                        const struct arguments *arguments)
{
    const char *name;
    if (!take_service(s, client, arguments, &name) || !wait_for_reload(s, client))
        return;
    for (size_t i = 0; i < s->service_count; i++)
        if (!name || strcmp(name, s->services[i]->name) == 0)
            dispatch_event(
                s, (struct core_event){.type = CORE_ON_RESTART, .service = s->services[i]->number});
    reload_request(s);
}

static void run_upgrade(struct supervisor *s, struct control_client *client,
                        const struct arguments *arguments)
{
    bool later = s->core.upgrading && s->core.change != CORE_CHANGE_CHECKING;
    (void)arguments;
    if (control_wait(client, later ? CONTROL_WAIT_NEXT_UPGRADE : CONTROL_WAIT_UPGRADE))
        dispatch_event(s, (struct core_event){.type = CORE_ON_UPGRADE});
}

static void run_stop(struct supervisor *s, struct control_client *client,
                     const struct arguments *arguments)
{
    if (arguments->count > 0 && strcmp(arguments->words[0], "--now") != 0) {
        control_client_refuse(client, "stop takes --now or nothing");
        return;
    }
    control_wait(client, CONTROL_WAIT_STOP);
    dispatch_event(
        s, (struct core_event){.type = arguments->count > 0 ? CORE_ON_STOP_NOW : CORE_ON_STOP});
}

static void run_reopen_logs(struct supervisor *s, struct control_client *client,
                            const struct arguments *arguments)
{
    struct error error;
    (void)arguments;
    if (reopening_begin(s, &error) < 0) {
        control_client_refuse(client, error.text);
        return;
    }
    if (control_wait(client, CONTROL_WAIT_REOPEN))
        reopening_check(s);
}

static void run_scale(struct supervisor *s, struct control_client *client,
                      const struct arguments *arguments)
{
    struct error error;
    const char *number = arguments->words[1];
    bool relative = number[0] == '+' || number[0] == '-';
    int64_t value;
    if (quantity_parse_count(number + relative, &value) < 0 || value > CHANGE_MAX) {
        control_client_refuse(client, "write the number of workers as N, +N or -N");
        return;
    }
    if (number[0] == '-')
        value = -value;
    if (services_scale(s, arguments->words[0], value, relative, &error) > 0)
        control_client_answer(client, NULL);
    else
        control_client_refuse(client, error.text);
}

static void run_config(struct supervisor *s, struct control_client *client,
                       const struct arguments *arguments)
{
    struct buffer text = {0};
    (void)arguments;
    config_print(s->config, &text);
    json_t *result = json_string(buffer_text(&text));
    buffer_release(&text);
    if (result)
        control_client_answer(client, result);
    else
        control_client_refuse(client, "the configuration is not valid UTF-8");
}

static const struct command {
    const char *name;
    int least, most;
    void (*run)(struct supervisor *, struct control_client *, const struct arguments *);
} COMMANDS[] = {
#define COMMAND(name, least, most, synopsis, text) {#name, least, most, run_##name},
    CONTROL_COMMANDS(COMMAND)
#undef COMMAND
};

#define COMMAND_COUNT (sizeof COMMANDS / sizeof *COMMANDS)

static void unknown(struct control_client *client, const char *word)
{
    const char *names[COMMAND_COUNT + 1] = {0};
    struct error error;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = COMMANDS[i].name;
    const char *near = suggest_nearest(word, names);
    error_set(&error, EXIT_CODE_FAILURE, "unknown command \"%.64s\"%s%s%s", word,
              near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
    control_client_refuse(client, error.text);
}

static int split(char *line, struct arguments *arguments)
{
    char *state;
    arguments->count = 0;
    for (char *word = strtok_r(line, " \r", &state); word; word = strtok_r(NULL, " \r", &state)) {
        if (arguments->count == ARGUMENTS_MAX)
            return -1;
        arguments->words[arguments->count++] = word;
    }
    return arguments->count > 0 ? 0 : -1;
}

/* The table has C names; on the wire it is reopen-logs. */
static bool same_name(const char *name, const char *word)
{
    for (; *name && *word; name++, word++)
        if (*name != *word && !(*name == '_' && *word == '-'))
            return false;
    return *name == *word;
}

void control_command_run(struct supervisor *s, struct control_client *client, char *line)
{
    struct arguments arguments;
    if (split(line, &arguments) < 0) {
        control_client_refuse(client, "a request is COMMAND [ARGUMENT…]");
        return;
    }
    const char *word = arguments.words[0];
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (!same_name(COMMANDS[i].name, word))
            continue;
        struct arguments rest = {.count = arguments.count - 1};
        memcpy(rest.words, arguments.words + 1, (size_t)rest.count * sizeof *rest.words);
        if (rest.count < COMMANDS[i].least || rest.count > COMMANDS[i].most)
            control_client_refuse(client, "wrong number of arguments; see preforkctl --help");
        else
            COMMANDS[i].run(s, client, &rest);
        return;
    }
    unknown(client, word);
}
