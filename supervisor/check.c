/* SPDX-License-Identifier: MIT
 *
 * check - see check.h.
 */
#include "supervisor/check.h"

#include "include/channel.h"
#include "lib/config_snapshot.h"
#include "lib/fds.h"
#include "lib/quantity.h"
#include "lib/spawn.h"
#include "supervisor/companion.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

extern char **environ;

struct files {
    int program, library, null;
};

static void complain(const struct config_service *service, const char *text)
{
    fprintf(stderr, "%s: service %s: %s\n", service->handler_place, service->name, text);
}

static void spawn_failed(const struct spawn_plan *plan, const struct error *error)
{
    (void)plan;
    fprintf(stderr, "%s\n", error->text);
}

static int start(const struct files *files, const struct config *config,
                 const struct config_service *service, int snapshot, struct child *child,
                 struct error *error)
{
    char name[] = "preforkd-pool", listeners[] = "0";
    char *const arguments[] = {name, service->name, service->handler_place, listeners, NULL};
    const int descriptors[CHANNEL_FD_LISTENERS] = {files->null,   files->null, STDERR_FILENO,
                                                   files->null,   snapshot,    files->null,
                                                   files->library};
    const struct credentials *user =
        service->credentials ? service->credentials : config->credentials;
    struct spawn_plan plan = {.program = files->program,
                              .arguments = arguments,
                              .environment = environ,
                              .descriptors = descriptors,
                              .descriptor_count = CHANNEL_FD_LISTENERS,
                              .user = user,
                              .nice = (int)service->program.nice,
                              .failed = spawn_failed,
                              .failed_fd = STDERR_FILENO};
    return spawn_start(&plan, child, error);
}

/* True where it ended well, and in time. */
static bool outcome(const struct config_service *service, struct child *child)
{
    struct pollfd p = {.fd = child->pidfd, .events = POLLIN};
    struct child_end end;
    char limit[QUANTITY_TEXT_MAX], text[96];
    if (poll(&p, 1, (int)service->start_timeout) <= 0) {
        snprintf(text, sizeof text, "its handler did not answer within %s (start_timeout)",
                 quantity_print_duration(service->start_timeout, limit));
        complain(service, text);
        child_kill_group(child);
        child_discard(child);
        return false;
    }
    if (child_reap(child, &end) != 1)
        return false;
    if (end.signalled) {
        snprintf(text, sizeof text, "its handler crashed (signal %d) when it was asked",
                 end.number);
        complain(service, text);
    }
    return !end.signalled && end.number == 0;
}

static bool check_service(const struct files *files, const struct config *config,
                          const struct config_service *service)
{
    struct error error;
    struct child child = CHILD_NONE;
    int snapshot = config_snapshot_create(config, service, &error);
    int status = snapshot < 0 ? -1 : start(files, config, service, snapshot, &child, &error);
    fds_close(&snapshot);
    if (status < 0)
        complain(service, error.text);
    return status == 0 && outcome(service, &child);
}

bool check_handlers(const struct config *config)
{
    char beside[PATH_MAX];
    bool well = true;
    struct files files = {.program = companion_open("preforkd-pool", O_PATH, X_OK, beside),
                          .library = companion_open("preforkd-preload.so", O_RDONLY, R_OK, beside),
                          .null = open("/dev/null", O_RDWR | O_CLOEXEC)};
    if (files.program < 0 || files.null < 0) {
        fprintf(stderr, "preforkd: cannot ask the handlers: %s\n", strerror(errno));
        return false;
    }
    if (files.library < 0)
        files.library = files.null;
    for (size_t i = 0; i < config->service_count; i++)
        well = check_service(&files, config, &config->services[i]) && well;
    return well;
}
