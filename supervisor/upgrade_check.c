/* SPDX-License-Identifier: MIT
 *
 * upgrade_check - see upgrade_check.h.
 */
#include "supervisor/upgrade_check.h"

#include "include/channel.h"
#include "lib/fds.h"
#include "lib/scoreboard.h"
#include "lib/signals.h"
#include "supervisor/check.h"
#include "supervisor/companion.h"
#include "supervisor/options.h"
#include "supervisor/reload_plan.h"
#include "supervisor/upgrade_adopt.h"
#include "supervisor/upgrade_memfd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_FD 3

int upgrade_check_is(int argc, char **argv)
{
    return argc >= 3 && strcmp(argv[1], UPGRADE_CHECK_OPTION) == 0;
}

static int refuse(const struct error *error)
{
    fprintf(stderr, "%s\n", error->text);
    return (int)error->code;
}

/* The pools that run now go on until new ones are ready, and have to be understood so long. */
static int check_pools(const struct upgrade_daemon *daemon, struct error *error)
{
    if (daemon->channel == CHANNEL_MAGIC && daemon->board == scoreboard_layout())
        return 0;
    return error_set(error, EXIT_CODE_SOFTWARE,
                     "version %s cannot take over the pools of version %s; restart preforkd for it",
                     PREFORKD_VERSION, daemon->version ? daemon->version : "?");
}

static int ask_handlers(const struct config *config, struct error *error)
{
    int stopped;
    if (check_handlers(config, &stopped))
        return 0;
    return error_set(error, EXIT_CODE_CONFIG, "a handler of version %s refuses", PREFORKD_VERSION);
}

static int find_companions(struct error *error)
{
    char beside[PATH_MAX];
    int pool = companion_open("preforkd-pool", O_PATH, X_OK, beside);
    if (pool < 0)
        return error_set_errno(error, EXIT_CODE_SOFTWARE, "%s, which belongs to it", beside);
    close(pool);
    return 0;
}

/* The file as it is, which is to be in force next. */
static int check_file(const struct config *now, struct error *error)
{
    struct reload_plan plan = {0};
    struct buffer errors = {0};
    struct config *next = config_load(now->file, &errors);
    int status = -1;
    if (!next)
        error_set(error, EXIT_CODE_CONFIG, "%s", buffer_text(&errors));
    else if (reload_plan_make(&plan, now, next, error) == 0)
        status = ask_handlers(next, error);
    reload_plan_release(&plan);
    config_release(next);
    buffer_release(&errors);
    return status;
}

static int check(const struct upgrade_state *state, int argc, char **argv, struct error *error)
{
    struct options options;
    struct buffer errors = {0};
    if (check_pools(&state->daemon, error) < 0 || options_parse(&options, argc, argv, error) < 0 ||
        fds_raise_limit(0, error) < 0 || find_companions(error) < 0)
        return -1;
    struct config *now = upgrade_adopt_config(state, &errors);
    int status = -1;
    if (!now)
        error_set(error, EXIT_CODE_CONFIG, "the configuration in force: %s", buffer_text(&errors));
    else
        status = options.listen ? ask_handlers(now, error) : check_file(now, error);
    config_release(now);
    buffer_release(&errors);
    return status;
}

int upgrade_check_run(int argc, char **argv)
{
    struct error error;
    fds_sanitize(1);
    signals_reset(1);
    signals_block_all(); /* those that check_handlers() asks begin so, like pools */
    umask(022);
    struct upgrade_state *state = upgrade_memfd_read(STATE_FD, &error);
    if (!state)
        return refuse(&error);
    close(STATE_FD);
    argv[2] = argv[0];
    int status = check(state, argc - 2, argv + 2, &error);
    upgrade_state_free(state);
    if (status < 0)
        return refuse(&error);
    printf(UPGRADE_CHECK_ANSWER "%s\n", PREFORKD_VERSION);
    return fflush(stdout) == 0 ? EXIT_CODE_OK : EXIT_CODE_FAILURE;
}
