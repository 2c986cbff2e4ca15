/* SPDX-License-Identifier: MIT
 *
 * reopening - see reopening.h.
 */
#include "supervisor/reopening.h"

#include "lib/log_sink.h"

#include <unistd.h>

int reopening_begin(struct supervisor *s, struct error *error)
{
    if (!s->config->log.file)
        return error_set(error, EXIT_CODE_FAILURE,
                         "the log goes to standard error: there is no log.file to reopen");
    int fd = log_sink_open_file(s->config->log.file, error);
    if (fd < 0)
        return -1;
    log_sink_switch(fd);
    int deaf = 0;
    for (size_t i = 0; i < s->pool_count; i++) {
        struct pool_process *pool = s->pools[i];
        const struct core_service *core =
            pool->service ? core_service_find(&s->core, pool->service->number) : NULL;
        /* One that a reload prepares may have another log already. */
        if (core && core->reloading && core->coming == pool->number)
            continue;
        pool->reopening = pool_process_tell(pool, CHANNEL_REOPEN, 0, fd) == 0;
        deaf += !pool->reopening && !pool->leaving;
    }
    close(fd);
    log_info("log file reopened");
    return deaf == 0 ? 0
                     : error_set(error, EXIT_CODE_FAILURE,
                                 "%d pools do not take messages: they write to the old log", deaf);
}

void reopening_check(struct supervisor *s)
{
    for (size_t i = 0; i < s->pool_count; i++)
        if (s->pools[i]->reopening)
            return;
    control_answer_waiting(&s->control, CONTROL_WAIT_REOPEN, NULL);
}
