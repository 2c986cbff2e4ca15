/* SPDX-License-Identifier: MIT
 *
 * program_listen - see program_listen.h.
 */
#include "server/program_listen.h"

#include "lib/log.h"

void program_listen_start(uint32_t slot)
{
    log_error("slot %u: not yet", slot);
}
