/* SPDX-License-Identifier: MIT
 *
 * main - preforkd: reads the command line and the configuration, then supervises (supervisor.c).
 */
#include "lib/fds.h"
#include "lib/log_sink.h"
#include "lib/memory.h"
#include "lib/signals.h"
#include "supervisor/check.h"
#include "supervisor/daemonise.h"
#include "supervisor/inherited.h"
#include "supervisor/options.h"
#include "supervisor/service_manager.h"
#include "supervisor/supervisor.h"
#include "supervisor/upgrade_adopt.h"
#include "supervisor/upgrade_check.h"
#include "supervisor/upgrade_path.h"

#include <sys/stat.h>
#include <unistd.h>

/* Reading a configuration takes a few open files: includes, the user database, the resolver. */
#define DESCRIPTORS_TO_READ 24

/* Nothing that the starter left behind may change what we do: closed standard descriptors, foreign
 * ones, ignored or blocked signals, an odd umask. */
static void sanitise(void)
{
    service_manager_adopt();
    fds_sanitize(inherited_adopt());
    signals_reset(1);
    signals_unblock_all();
    umask(022);
}

/* For reloads from another folder. Symbolic links stay: a reload follows where they lead then. */
static char *absolute_path(const char *path)
{
    char *folder = path[0] == '/' ? NULL : getcwd(NULL, 0);
    char *absolute = folder ? memory_printf("%s/%s", folder, path) : memory_string(path);
    free(folder);
    return absolute;
}

/* A program named by a path is meant from here, whatever its service makes its folder. */
static struct config *load_command_line(const struct options *options, const char *control,
                                        struct buffer *errors)
{
    char *program = NULL, *given = options->command ? options->command[0] : NULL;
    if (given && strchr(given, '/'))
        options->command[0] = program = absolute_path(given);
    struct config *config = config_load_command_line(
        options->listen, options->handler, options->command, options->workers, control, errors);
    if (program)
        options->command[0] = given;
    free(program);
    return config;
}

static struct config *load_given(const struct options *options, struct buffer *errors)
{
    char *absolute = options->listen ? NULL : absolute_path(options->config_file);
    char *control = options->control ? absolute_path(options->control) : NULL;
    struct config *config = options->listen ? load_command_line(options, control, errors)
                                            : config_load(absolute, errors);
    free(absolute);
    free(control);
    return config;
}

static struct config *load(const struct options *options, const struct upgrade_state *state)
{
    struct buffer errors = {0};
    struct config *config =
        state ? upgrade_adopt_config(state, &errors) : load_given(options, &errors);
    fputs(buffer_text(&errors), stderr);
    if (!config && options->mode == OPTIONS_SERVE)
        service_manager_failed(buffer_text(&errors));
    buffer_release(&errors);
    return config;
}

static void enter_background(const struct options *options)
{
    if (options->daemonise)
        daemonise_begin(options->command != NULL);
    signals_block_all(); /* from here on they are events */
    log_sink_open();
}

static int serve(const struct options *options, struct config *config, struct upgrade_state *state)
{
    static struct supervisor supervisor;
    struct error error;
    if (!state)
        enter_background(options);
    log_identify("supervisor", NULL);
    bool afresh = !state; /* else the command has returned long ago */
    int status = supervisor_init(&supervisor, options, config, state, &error);
    upgrade_state_free(state);
    if (status < 0) {
        service_manager_failed(error.text);
        if (options->daemonise && afresh)
            daemonise_report(error.code, error.text);
        else
            fprintf(stderr, "preforkd: %s\n", error.text);
        return (int)error.code;
    }
    return (int)supervisor_run(&supervisor);
}

static int print_config(struct config *config)
{
    struct buffer text = {0};
    config_print(config, &text);
    fputs(buffer_text(&text), stdout);
    buffer_release(&text);
    config_release(config);
    return fflush(stdout) == 0 ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}

static void print_automatic(const struct config *config)
{
    for (size_t i = 0; i < config->service_count; i++)
        if (config->services[i].workers_reason)
            printf("service %s: workers = auto: %s\n", config->services[i].name,
                   config->services[i].workers_reason);
}

static int check(const struct options *options, struct config *config)
{
    int stopped;
    signals_block_all(); /* the scratch processes begin so, like pools */
    bool well = check_handlers(config, &stopped);
    if (well)
        print_automatic(config);
    config_release(config);
    if (stopped)
        signals_end_by(stopped);
    if (well)
        printf("%s: ok\n", options->listen ? "command line" : options->config_file);
    return well ? EXIT_CODE_OK : EXIT_CODE_CONFIG;
}

static int with_config(const struct options *options, struct upgrade_state *state)
{
    struct config *config = load(options, state);
    if (!config)
        return EXIT_CODE_CONFIG;
    switch (options->mode) {
    case OPTIONS_CHECK:
        return check(options, config);
    case OPTIONS_PRINT_CONFIG:
        return print_config(config);
    default:
        return serve(options, config, state);
    }
}

int main(int argc, char **argv)
{
    struct options options;
    struct error error;
    if (upgrade_check_is(argc, argv))
        return upgrade_check_run(argc, argv);
    struct upgrade_state *state = upgrade_adopt_begin();
    if (!state) /* else all is as the image before us had it */
        sanitise();
    if (options_parse(&options, argc, argv, &error) < 0 ||
        fds_raise_limit(DESCRIPTORS_TO_READ, &error) < 0) {
        fprintf(stderr, "preforkd: %s\n", error.text);
        return (int)error.code;
    }
    switch (options.mode) {
    case OPTIONS_HELP:
        options_help();
        return EXIT_CODE_OK;
    case OPTIONS_HELP_CONFIG:
        options_help_config();
        return EXIT_CODE_OK;
    case OPTIONS_VERSION:
        printf("preforkd %s\n", PREFORKD_VERSION);
        return EXIT_CODE_OK;
    default:
        options.program = upgrade_path_find(argv[0]); /* before -d changes the folder */
        int status = with_config(&options, state);
        free(options.program);
        return status;
    }
}
