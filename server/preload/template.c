/* SPDX-License-Identifier: MIT
 *
 * template - see template.h.
 */
#include "server/preload/template.h"

#include "include/worker.h"
#include "lib/fds.h"
#include "server/preload/complaint.h"
#include "server/preload/copy.h"
#include "server/preload/descriptors.h"
#include "server/preload/files.h"
#include "server/preload/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOIN_TRIES 20 /* ms for threads that were joined to leave the kernel's list, too */

/* The link count of that folder is 2 and one for each thread. */
static uint32_t count_threads(void)
{
    struct stat info;
    if (stat("/proc/self/task", &info) < 0 || info.st_nlink < 3)
        return 1;
    return (uint32_t)info.st_nlink - 2;
}

static void say_hello(int control_fd)
{
    struct warm_hello hello = {.magic = WARM_MAGIC, .written = files_written()};
    int tries = 0;
    while ((hello.threads = count_threads()) > 1 && tries++ < JOIN_TRIES)
        poll(NULL, 0, 1);
    if (fds_send(control_fd, &hello, sizeof hello, -1) < 0)
        _exit(WORKER_EXIT_PARENT);
    if (hello.threads > 1 || hello.written > 0)
        _exit(WORKER_EXIT_LEFT);
}

/* The next order and its descriptor; the end of the line is the end of the template. */
static void receive(int control_fd, const sigset_t *mask, struct warm_order *order, int *error_fd)
{
    struct pollfd line = {.fd = control_fd, .events = POLLIN};
    sigset_t all;
    sigfillset(&all);
    for (;;) {
        sigprocmask(SIG_SETMASK, mask, NULL);
        poll(&line, 1, -1);
        sigprocmask(SIG_SETMASK, &all, NULL);
        int status = fds_receive(control_fd, order, sizeof *order, error_fd);
        if (status == 1 && order->magic == WARM_MAGIC)
            return;
        if (status == 0)
            _exit(WORKER_EXIT_LEFT);
        if (status == 1 || (errno != EAGAIN && errno != EINTR))
            complaint_exit("the template does not understand its pool", 0, WORKER_EXIT_SYSTEM);
    }
}

/* In the copy. */
static void become_worker(struct warm_plan *plan, const struct warm_order *order, int error_fd)
{
    setsid();
    /* It may be nothing or the client's as configured, or what the program has put there. */
    if (standard_has_log())
        dup3(error_fd, STDERR_FILENO, fcntl(STDERR_FILENO, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0);
    close(error_fd);
    descriptors_close_control();
    files_renew();
    plan->slot = order->slot;
    plan->gate_open = order->gate_open != 0;
}

void template_serve(struct warm_plan *plan, const sigset_t *mask)
{
    struct warm_order order;
    int error_fd;
    say_hello(plan->control_fd);
    files_remember();
    for (;;) {
        receive(plan->control_fd, mask, &order, &error_fd);
        struct warm_answer answer = {.magic = WARM_MAGIC, .slot = order.slot, .pid = -EBADF};
        if (order.slot >= plan->slots)
            answer.pid = -EINVAL;
        else if (error_fd >= 0)
            answer.pid = copy_make();
        if (answer.pid == 0) {
            become_worker(plan, &order, error_fd);
            return;
        }
        fds_close(&error_fd);
        /* A pool that is gone is found out with the next order. */
        fds_send(plan->control_fd, &answer, sizeof answer, -1);
    }
}
