/* SPDX-License-Identifier: MIT
 *
 * handover - see handover.h.
 */
#include "server/preload/handover.h"

#include "server/preload/client.h"
#include "server/preload/descriptors.h"
#include "server/preload/environment.h"
#include "server/preload/image.h"

#include <errno.h>
#include <stdio.h>

/* The plan and the library, as variables. False where there is no room. */
static bool describe(struct handover *h, const char *preload)
{
    char text[WARM_TEXT_MAX];
    const struct warm_plan *plan = client_plan();
    snprintf(h->plan, sizeof h->plan, WARM_VARIABLE "=%s", warm_print(plan, text));
    int length = snprintf(h->preload, sizeof h->preload, "LD_PRELOAD=/proc/self/fd/%d%s%s",
                          plan->library_fd, preload && *preload ? ":" : "", preload ? preload : "");
    return length > 0 && (size_t)length < sizeof h->preload;
}

static bool pass_on(struct handover *h, char *const *environment)
{
    char *const variables[] = {h->plan, h->preload};
    if (!describe(h, environment_get(environment, "LD_PRELOAD")))
        return false;
    h->list = environment_with(environment, variables, 2);
    if (!h->list)
        return false;
    descriptors_pass_on(true);
    h->is_warm = true;
    return true;
}

char *const *handover_begin(struct handover *h, int folder, const char *path, int flags,
                            char *const *environment)
{
    int saved = errno, count;
    h->list = NULL;
    h->is_warm = false;
    if (!client_due() || !client_concerns_us())
        return environment;
    enum image image = path ? image_judge(folder, path, flags) : IMAGE_NONE;
    bool can_pass_on = image == IMAGE_LOADS_US && atomic_load(&client_state) == CLIENT_DUE;
    if (image != IMAGE_NONE && !(can_pass_on && pass_on(h, environment))) {
        client_take();
        char *const *variables = client_variables(&count);
        h->list = environment_with(environment, variables, count);
    }
    errno = saved;
    return h->list ? h->list : environment;
}

void handover_undo(struct handover *h)
{
    if (h->is_warm)
        descriptors_pass_on(false);
    if (h->list)
        environment_free(h->list);
}
