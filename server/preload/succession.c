/* SPDX-License-Identifier: MIT
 *
 * succession - see succession.h.
 */
#include "server/preload/succession.h"

#include "server/preload/client.h"
#include "server/preload/descriptors.h"
#include "server/preload/environment.h"
#include "server/preload/image.h"
#include "server/preload/proxied.h"

#include <errno.h>
#include <stdio.h>

/* The plan and the library, as variables. False where there is no room. */
static bool describe(struct succession *s, const char *preload)
{
    char text[WARM_TEXT_MAX];
    const struct warm_plan *plan = client_plan();
    snprintf(s->plan, sizeof s->plan, WARM_VARIABLE "=%s", warm_print(plan, text));
    int length = snprintf(s->preload, sizeof s->preload, "LD_PRELOAD=/proc/self/fd/%d%s%s",
                          plan->library_fd, preload && *preload ? ":" : "", preload ? preload : "");
    return length > 0 && (size_t)length < sizeof s->preload;
}

static bool pass_on(struct succession *s, char *const *environment)
{
    char *const variables[] = {s->plan, s->preload, proxied_variable()};
    if (!describe(s, environment_get(environment, "LD_PRELOAD")))
        return false;
    s->list = environment_with(environment, variables, variables[2] ? 3 : 2);
    if (!s->list)
        return false;
    descriptors_pass_on(true);
    s->is_warm = true;
    return true;
}

char *const *succession_begin(struct succession *s, int folder, const char *path, int flags,
                              char *const *environment)
{
    int saved = errno, count;
    s->list = NULL;
    s->is_warm = false;
    if (!client_due() || !client_concerns_us())
        return environment;
    enum image image = path ? image_judge(folder, path, flags) : IMAGE_NONE;
    bool can_pass_on = image == IMAGE_LOADS_US && atomic_load(&client_state) == CLIENT_DUE;
    if (image != IMAGE_NONE && !(can_pass_on && pass_on(s, environment))) {
        client_take();
        char *const *variables = client_variables(&count);
        s->list = environment_with(environment, variables, count);
    }
    errno = saved;
    return s->list ? s->list : environment;
}

void succession_undo(struct succession *s)
{
    if (s->is_warm)
        descriptors_pass_on(false);
    if (s->list)
        environment_free(s->list);
}
