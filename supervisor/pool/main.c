/* SPDX-License-Identifier: MIT
 *
 * main - preforkd-pool: keeps the workers of one service. Executed by preforkd only, with the
 * arguments and descriptors that include/channel.h names.
 */
#include "include/channel.h"
#include "lib/channel.h"
#include "lib/log.h"
#include "lib/log_sink.h"
#include "lib/signals.h"
#include "lib/sys.h"
#include "supervisor/pool/pool.h"
#include "supervisor/pool/pool_check.h"

#include <fcntl.h>
#include <stdalign.h>
#include <sys/prctl.h>
#include <unistd.h>

static int usage(void)
{
    fprintf(stderr, "preforkd-pool: this program is started by preforkd, not by hand\n");
    return EXIT_CODE_USAGE;
}

int main(int argc, char **argv)
{
    /* On a page of its own: whatever is written between two forks is copied for each. */
    static alignas(4096) struct pool pool;
    struct error error;
    if (argc != 4 || fcntl(CHANNEL_FD_CHANNEL, F_GETFD) < 0)
        return usage();
    int listeners = (int)strtol(argv[3], NULL, 10);
    if (listeners < 0 || listeners > CHANNEL_LISTENERS_MAX)
        return usage();
    signals_block_all();
    signals_reset(1);
    log_sink_adopt();
    log_identify("pool", argv[1]);
    prctl(PR_SET_NAME, "preforkd-pool");
    if (sys_close_range(CHANNEL_FD_CHANNEL, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return EXIT_CODE_OS;
    if (listeners == 0)
        return pool_check(argv[2]);
    unsigned generation = (unsigned)strtoul(argv[2], NULL, 10);
    if (pool_init(&pool, generation, listeners, &error) < 0) {
        channel_send(pool.channel.fd, CHANNEL_FAILED, 0, 0, error.text, -1);
        return (int)error.code;
    }
    pool_run(&pool);
    return EXIT_CODE_OK;
}
