/* SPDX-License-Identifier: MIT
 *
 * preload - where the library begins: behind the dynamic linking and the constructors of all other
 * libraries (a preloaded one is first in the order of lookup, and so the last to be initialised),
 * before those of the program itself, and before main().
 *
 * Without a plan in the environment nothing happens, and the hooks only pass calls on.
 */
#include "include/worker.h"
#include "server/preload/client.h"
#include "server/preload/complaint.h"
#include "server/preload/descriptors.h"
#include "server/preload/environment.h"
#include "server/preload/proxied.h"
#include "server/preload/real.h"
#include "server/preload/standard.h"

#include <errno.h>
#include <unistd.h>

static struct warm_plan plan;

__attribute__((constructor)) static void preload_begin(void)
{
    const char *text = environment_get(environ, WARM_VARIABLE);
    if (!text || warm_parse(text, &plan) < 0)
        return;
    standard_remember(); /* first: complaints depend on it */
    proxied_adopt(environment_get(environ, WARM_PROXY_VARIABLE));
    environment_clean(plan.library_fd);
    if (descriptors_adopt(&plan) < 0)
        complaint_exit("a descriptor of the worker is not there", errno, WORKER_EXIT_SYSTEM);
    real_load();
    client_expect(&plan);
    if (plan.mode == WARM_START)
        client_take();
}
