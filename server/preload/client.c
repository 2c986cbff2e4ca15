/* SPDX-License-Identifier: MIT
 *
 * client - see client.h.
 */
#include "server/preload/client.h"

#include "include/channel.h"
#include "include/worker.h"
#include "lib/clock.h"
#include "lib/sys.h"
#include "server/accept.h"
#include "server/gate.h"
#include "server/preload/complaint.h"
#include "server/preload/descriptors.h"
#include "server/preload/drain.h"
#include "server/preload/environment.h"
#include "server/preload/proxied.h"
#include "server/preload/standard.h"
#include "server/preload/template.h"
#include "server/slot.h"
#include "server/ucspi.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>

_Atomic int client_state;

static struct {
    struct warm_plan *plan;
    pid_t pid;   /* the process the plan is for */
    pid_t taker; /* the thread that takes the client */
    size_t size; /* of the mapping, */
    struct scoreboard *scoreboard;
    struct ucspi variables;
    char *texts[UCSPI_VARIABLES];
} self;

void client_expect(struct warm_plan *plan)
{
    self.plan = plan;
    self.pid = getpid();
    atomic_store(&client_state, CLIENT_DUE);
}

const struct warm_plan *client_plan(void)
{
    return self.plan;
}

char *const *client_variables(int *count)
{
    *count = self.variables.count;
    return self.texts;
}

bool client_concerns_us(void)
{
    int state = atomic_load(&client_state);
    return state != CLIENT_NONE && getpid() == self.pid &&
           (state == CLIENT_DUE || gettid() != self.taker);
}

static _Noreturn void leave(struct scoreboard_worker *slot)
{
    slot_set_phase(slot, SCOREBOARD_LEAVING);
    _exit(WORKER_EXIT_LEFT);
}

static struct scoreboard_slot *map_slot(void)
{
    self.size =
        sizeof(struct scoreboard) + (size_t)self.plan->slots * sizeof *self.scoreboard->slots;
    self.scoreboard =
        mmap(NULL, self.size, PROT_READ | PROT_WRITE, MAP_SHARED, self.plan->scoreboard_fd, 0);
    if (self.scoreboard == MAP_FAILED)
        complaint_exit("cannot map the scoreboard", errno, WORKER_EXIT_SYSTEM);
    slot_join(self.scoreboard, self.plan->notify_fd);
    return &self.scoreboard->slots[self.plan->slot];
}

static void tell(enum accept_news news, int number)
{
    if (news == ACCEPT_REFUSED)
        complaint("accept refused by the system, backing off", number);
    else if (news == ACCEPT_RECOVERED)
        complaint("accept works again", 0);
    else
        complaint("the listening socket is unusable", number);
}

/* An acceptor for the plan's listeners, whose numbers are put in LISTENERS. */
static struct acceptor make_acceptor(int listeners[CHANNEL_LISTENERS_MAX])
{
    for (int i = 0; i < self.plan->listener_count; i++)
        listeners[i] = self.plan->listener_first + i;
    return (struct acceptor){.listeners = listeners,
                             .count = self.plan->listener_count,
                             .stopping = &drain_asked,
                             .tell = tell};
}

static bool is_served(int fd, const union socket_address *peer, struct proxy_header *header,
                      struct scoreboard_worker *slot)
{
    slot_begin(slot, peer);
    if (proxied_pass(fd, peer, header))
        return true;
    SCOREBOARD_STORE(slot->refused, SCOREBOARD_LOAD(slot->refused) + 1);
    syscall(SYS_close, fd);
    slot_end(slot);
    return false;
}

/* The first whom nobody has to turn away. */
static int accept_client(union socket_address *peer, struct proxy_header *header,
                         struct scoreboard_worker *slot)
{
    int listeners[CHANNEL_LISTENERS_MAX], fd;
    struct acceptor acceptor = make_acceptor(listeners);
    while ((fd = accept_next(&acceptor, peer)) >= 0 && !is_served(fd, peer, header, slot))
        ;
    if (fd < 0 && !drain_asked)
        _exit(WORKER_EXIT_SOCKET);
    return fd;
}

/* As worker_run(), up to its first client. All signals are blocked before and behind it. */
static int wait_as_worker(const sigset_t *mask, union socket_address *peer,
                          struct proxy_header *header, struct scoreboard_slot *slot)
{
    drain_begin(mask, self.plan->pool_pid);
    /* The signal may have come before somebody was there to receive it. */
    if (SCOREBOARD_LOAD(slot->keeper.state) == SCOREBOARD_DRAINING)
        leave(&slot->worker);
    gate_say_ready(&slot->worker, self.plan->notify_fd);
    if (!self.plan->gate_open)
        gate_wait(self.plan->gate_fd);
    int fd = accept_client(peer, header, &slot->worker);
    if (fd < 0)
        leave(&slot->worker);
    drain_end();
    return fd;
}

/* For everybody who asks: the pool, whose the slot is from here on, and the program. */
static void introduce(int fd, const union socket_address *peer, const struct proxy_header *header,
                      struct scoreboard_worker *slot)
{
    bool told = proxy_header_names_client(header);
    if (told)
        slot_set_client(slot, &header->source, peer);
    SCOREBOARD_STORE(slot->started_us, clock_now_us());
    slot_set_phase(slot, SCOREBOARD_PROGRAM);
    ucspi_describe(&self.variables, fd, told ? &header->source : peer,
                   told ? &header->destination : NULL);
    for (int i = 0; i < self.variables.count; i++)
        self.texts[i] = self.variables.text[i];
    environment_add(self.texts, self.variables.count, ucspi_names);
}

static void take(const sigset_t *mask)
{
    union socket_address peer;
    struct proxy_header header;
    if (self.plan->control_fd >= 0) {
        template_serve(self.plan, mask);
        self.pid = getpid();
        self.taker = gettid();
    }
    struct scoreboard_slot *slot = map_slot();
    int fd = wait_as_worker(mask, &peer, &header, slot);
    introduce(fd, &peer, &header, &slot->worker);
    munmap(self.scoreboard, self.size);
    standard_replace(fd);
    descriptors_close();
}

static void wait_for_other_thread(void)
{
    while (atomic_load(&client_state) == CLIENT_TAKING)
        syscall(SYS_futex, &client_state, FUTEX_WAIT_PRIVATE, CLIENT_TAKING, NULL, NULL, 0);
}

void client_take(void)
{
    int saved = errno, due = CLIENT_DUE;
    sigset_t all, mask;
    if (!client_concerns_us() || !standard_waits())
        return;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask); /* first: a handler here would not know the taker */
    if (atomic_compare_exchange_strong(&client_state, &due, CLIENT_TAKING)) {
        self.taker = gettid();
        take(&mask);
        atomic_store(&client_state, CLIENT_NONE);
        syscall(SYS_futex, &client_state, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
        sigprocmask(SIG_SETMASK, &mask, NULL);
    } else {
        sigprocmask(SIG_SETMASK, &mask, NULL);
        wait_for_other_thread();
    }
    errno = saved;
}

void client_take_at(int fd)
{
    int saved = errno;
    if (standard_waits_at(fd))
        client_take();
    errno = saved;
}

void client_take_if_template(void)
{
    if (client_due() && self.plan->control_fd >= 0)
        client_take();
}
