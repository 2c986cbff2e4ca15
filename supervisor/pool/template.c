/* SPDX-License-Identifier: MIT
 *
 * template - see template.h.
 */
#include "supervisor/pool/template.h"

#include "include/warm.h"
#include "lib/clock.h"
#include "lib/fds.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void set_state(struct template *t, enum template_state state)
{
    static const bool allowed[4][4] = {
        [TEMPLATE_NONE] = {[TEMPLATE_STARTING] = true},
        [TEMPLATE_STARTING] =
            {[TEMPLATE_READY] = true, [TEMPLATE_LEAVING] = true, [TEMPLATE_NONE] = true},
        [TEMPLATE_READY] = {[TEMPLATE_LEAVING] = true, [TEMPLATE_NONE] = true},
        [TEMPLATE_LEAVING] = {[TEMPLATE_NONE] = true},
    };
    assert(allowed[t->state][state]);
    t->state = state;
}

void template_init(struct template *t, struct loop *loop, const struct worker_plan *plan,
                   struct error_pipe_budget *error_budget, const struct template_events *events,
                   void *owner)
{
    *t = (struct template){.loop = loop,
                           .plan = plan,
                           .events = events,
                           .owner = owner,
                           .child = CHILD_NONE,
                           .pidfd = {.fd = -1},
                           .control = {.fd = -1},
                           .errors = ERROR_PIPE_NONE,
                           .error_budget = error_budget};
}

static void close_control(struct template *t)
{
    loop_remove(t->loop, &t->control);
    fds_close(&t->control.fd);
}

static void hear_hello(struct template *t, const struct warm_hello *hello)
{
    if (hello->magic != WARM_MAGIC)
        return;
    if (hello->threads > 1 || hello->written > 0) {
        template_leave(t);
        t->events->unfit(t, hello->threads, hello->written);
        return;
    }
    set_state(t, TEMPLATE_READY);
    t->events->ready(t);
}

static void hear_answer(struct template *t, const struct warm_answer *answer)
{
    if (answer->magic != WARM_MAGIC || t->orders == 0) {
        log_warning("template %d said what was not asked", (int)t->child.pid);
        return;
    }
    t->orders--;
    t->settled++;
    t->asked_ms = clock_now_ms();
    t->proved = t->proved || answer->pid > 0;
    t->events->copied(t, answer->slot, answer->pid);
}

/* One packet, of one kind in each state; one of another length is nothing that a template says.
 * False where there is none, now or ever. */
static bool hear(struct template *t)
{
    struct warm_hello hello;
    struct warm_answer answer;
    int passed = -1, status;
    if (t->state == TEMPLATE_STARTING) {
        status = fds_receive(t->control.fd, &hello, sizeof hello, &passed);
        if (status > 0)
            hear_hello(t, &hello);
    } else {
        status = fds_receive(t->control.fd, &answer, sizeof answer, &passed);
        if (status > 0)
            hear_answer(t, &answer);
    }
    fds_close(&passed);
    if (status > 0 || (status < 0 && errno == EBADMSG))
        return true;
    if (status == 0 || (errno != EAGAIN && errno != EINTR))
        close_control(t); /* it is ending */
    return false;
}

static void on_control(struct loop_source *source, uint32_t events)
{
    (void)events;
    hear(source->owner);
}

static void on_pidfd(struct loop_source *source, uint32_t events)
{
    struct template *t = source->owner;
    enum template_state state = t->state;
    struct child_end end;
    (void)events;
    loop_remove(t->loop, source);
    if (child_reap(&t->child, &end) != 1) {
        loop_add(t->loop, source, EPOLLIN);
        return;
    }
    source->fd = -1;
    while (t->orders > 0 && hear(t)) /* its copies live, and may have clients */
        ;
    close_control(t);
    error_pipe_close(&t->errors);
    set_state(t, TEMPLATE_NONE);
    t->settled += t->orders;
    t->orders = 0;
    t->events->ended(t, state, &end);
}

static int watch(struct template *t, pid_t pid, int control)
{
    t->control = (struct loop_source){control, on_control, t};
    if (child_adopt(&t->child, pid) < 0) {
        fds_close(&t->control.fd);
        return -1;
    }
    t->pidfd = (struct loop_source){t->child.pidfd, on_pidfd, t};
    if (loop_add(t->loop, &t->control, EPOLLIN) == 0 && loop_add(t->loop, &t->pidfd, EPOLLIN) == 0)
        return 0;
    close_control(t);
    child_discard(&t->child);
    t->pidfd.fd = -1;
    return -1;
}

int template_start(struct template *t)
{
    int control[2];
    struct worker_birth birth = {0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
        return -1;
    birth.control_fd = control[1];
    birth.error_fd = error_pipe_open(&t->errors, t->loop, t->error_budget, NULL);
    pid_t pid = birth.error_fd < 0 ? -1 : fork();
    if (pid == 0)
        worker_run(t->plan, &birth);
    fds_close(&control[1]);
    fds_close(&birth.error_fd);
    error_pipe_start(&t->errors, pid);
    if (pid < 0)
        fds_close(&control[0]);
    if (pid < 0 || watch(t, pid, control[0]) < 0) {
        int saved = errno;
        error_pipe_close(&t->errors);
        errno = saved;
        return -1;
    }
    t->born_ms = clock_now_ms();
    t->overdue = t->proved = false;
    set_state(t, TEMPLATE_STARTING);
    return 0;
}

int template_order(struct template *t, uint32_t slot, int error_fd)
{
    struct warm_order order = {.magic = WARM_MAGIC, .slot = slot, .gate_open = t->plan->gate_open};
    assert(t->state == TEMPLATE_READY);
    if (fds_send(t->control.fd, &order, sizeof order, error_fd) < 0)
        return -1;
    if (t->orders++ == 0)
        t->asked_ms = clock_now_ms();
    return 0;
}

void template_leave(struct template *t)
{
    if (t->state == TEMPLATE_NONE || t->state == TEMPLATE_LEAVING)
        return;
    set_state(t, TEMPLATE_LEAVING);
    /* A copy that it cannot tell of any more would be nobody's, perhaps with a client. The end of
     * the line, which it finds behind its orders, is its end. */
    if (t->orders == 0 || shutdown(t->control.fd, SHUT_WR) < 0)
        child_signal(&t->child, SIGKILL);
}
