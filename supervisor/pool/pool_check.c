/* SPDX-License-Identifier: MIT
 *
 * pool_check - see pool_check.h.
 */
#include "supervisor/pool/pool_check.h"

#include "include/channel.h"
#include "include/worker.h"
#include "lib/channel.h"
#include "lib/config_snapshot.h"
#include "lib/log.h"

#include <stdio.h>

int pool_check(const char *place)
{
    struct error error = {.code = EXIT_CODE_OK};
    struct worker_plan plan = {.library_fd = CHANNEL_FD_LIBRARY};
    struct config *config = config_snapshot_read(CHANNEL_FD_CONFIG, &error);
    bool told_by_handler = false; /* it names FILE:LINE itself */
    if (config) {
        plan.service = &config->services[0];
        log_configure((enum log_level)config->log.level, (enum log_format)config->log.format);
        told_by_handler = !config_is_program(plan.service);
        if (worker_check(&plan, &error) == 0)
            error.code = EXIT_CODE_OK;
    }
    bool well = error.code == EXIT_CODE_OK;
    if (!well)
        fprintf(stderr, "%s%s%s\n", told_by_handler ? "" : place, told_by_handler ? "" : ": ",
                error.text);
    /* Whoever asks has no other way to tell our end from one that the handler has brought about. */
    channel_send(CHANNEL_FD_CHANNEL, well ? CHANNEL_READY : CHANNEL_FAILED, 0, 0,
                 well ? NULL : error.text, -1);
    config_release(config);
    return (int)error.code;
}
