/* SPDX-License-Identifier: MIT
 *
 * acceptors_random_test - workers that are late, killed or stopped before any step of theirs:
 * afterwards each one that is left serves a client, all at one time. Processes that do nothing but
 * enter, accept and leave; this one is their pool and their clients. Their code is included here:
 * each of its steps that others can see is one where something may happen to it.
 */
#include "include/acceptors.h"

#include <signal.h>

static void step(void);

#undef atomic_load
#undef atomic_fetch_add
#undef atomic_fetch_sub
#define atomic_load(at) (step(), atomic_load_explicit(at, memory_order_seq_cst))
#define atomic_fetch_add(at, count)                                                                \
    (step(), atomic_fetch_add_explicit(at, count, memory_order_seq_cst))
#define atomic_fetch_sub(at, count)                                                                \
    (step(), atomic_fetch_sub_explicit(at, count, memory_order_seq_cst))
#include "server/acceptors.c"

#include "supervisor/pool/pool_acceptors.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLACES   2
#define ENOUGH   1
#define WORKERS  12
#define ROUNDS   150
#define LIMIT_MS 20000 /* a client that waits so long is not served */

static struct {
    struct acceptors acceptors;
    struct scoreboard_worker *slots; /* shared */
    _Atomic uint32_t *calm;          /* shared: nothing happens to anybody */
    struct {
        pid_t pid;
        bool stopped;
    } workers[WORKERS];
    int listener;
    struct sockaddr_un address;
    socklen_t length;
    unsigned seed;
    bool is_pool;
} pool = {.is_pool = true};

static unsigned dice(unsigned below)
{
    pool.seed = pool.seed * 1103515245 + 12345;
    return (pool.seed >> 16) % below;
}

static void *share(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    return at;
}

/* Worker. */

static void step(void)
{
    if (pool.is_pool || SCOREBOARD_LOAD(*pool.calm) == 1)
        return;
    unsigned number = dice(150);
    if (number == 0)
        raise(SIGKILL);
    else if (number == 1)
        raise(SIGSTOP);
    else if (number < 25)
        usleep(dice(200));
}

static void serve(int fd)
{
    char byte;
    while (read(fd, &byte, 1) == 1)
        if (send(fd, &byte, 1, MSG_NOSIGNAL) < 0)
            break;
    close(fd);
}

static _Noreturn void work(uint32_t slot)
{
    static const volatile sig_atomic_t never;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sys_close_range((unsigned)pool.listener + 1, ~0U, 0); /* clients of the pool's own */
    pool.is_pool = false;
    pool.seed = (unsigned)getpid();
    acceptors_use(&pool.acceptors, slot, &pool.slots[slot]);
    for (;;) {
        acceptors_enter(&never, NULL);
        int fd = accept(pool.listener, NULL, NULL);
        acceptors_leave();
        if (fd >= 0)
            serve(fd);
    }
}

/* Pool. */

static void start(uint32_t slot)
{
    atomic_store(&pool.slots[slot].phase, SCOREBOARD_IDLE);
    pool.workers[slot].stopped = false;
    pool.workers[slot].pid = fork();
    assert_true(pool.workers[slot].pid >= 0);
    if (pool.workers[slot].pid == 0)
        work(slot);
}

static void go_on(uint32_t slot)
{
    pool.workers[slot].stopped = false;
    kill(pool.workers[slot].pid, SIGCONT);
}

static void noticed(uint32_t slot, int status)
{
    if (WIFSTOPPED(status)) {
        pool_acceptors_pass(&pool.acceptors, slot);
        pool.workers[slot].stopped = true;
        if (atomic_load(pool.calm) == 1)
            go_on(slot);
        return;
    }
    pool_acceptors_forget(&pool.acceptors, slot, atomic_load(&pool.slots[slot].phase));
    start(slot);
}

/* As the pool does, which hears of it by a signal. */
static void notice(void)
{
    int status;
    for (pid_t pid = waitpid(-1, &status, WNOHANG | WUNTRACED); pid > 0;
         pid = waitpid(-1, &status, WNOHANG | WUNTRACED))
        for (uint32_t slot = 0; slot < WORKERS; slot++)
            if (pool.workers[slot].pid == pid) {
                noticed(slot, status);
                break;
            }
}

static void harm_somebody(void)
{
    uint32_t slot = dice(WORKERS);
    if (pool.workers[slot].stopped)
        go_on(slot);
    else
        kill(pool.workers[slot].pid, dice(3) == 0 ? SIGSTOP : SIGKILL);
    notice();
}

/* Clients. */

static int client(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&pool.address, pool.length), 0);
    send(fd, "x", 1, MSG_NOSIGNAL); /* its worker may have ended already */
    return fd;
}

/* They come and go while workers are harmed: whoever takes one may take it along. */
static void harm_under_load(void)
{
    for (unsigned left = 1 + dice(4); left > 0; left--) {
        for (unsigned clients = dice(4); clients > 0; clients--)
            close(client());
        for (volatile unsigned spin = dice(30000); spin > 0; spin--)
            ;
        harm_somebody();
    }
}

static void wait_served(int fd, int round)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (int waited = 0; poll(&p, 1, 10) != 1; waited += 10) {
        notice();
        if (waited > LIMIT_MS)
            fail_msg("round %d: a client waits", round);
    }
}

/* One that was about to be stopped goes on; one that is stopped already stays so. */
static void each_has_a_client(int round)
{
    int clients[WORKERS], count = 0;
    atomic_store(pool.calm, 1);
    usleep(1000);
    notice();
    for (int i = 0; i < WORKERS; i++)
        if (!pool.workers[i].stopped) {
            clients[count] = client();
            if (round % 2 ==
                0) /* one after another: none is served by who was called for the next */
                wait_served(clients[count], round);
            count++;
        }
    for (int i = 0; i < count; i++)
        wait_served(clients[i], round);
    for (int i = 0; i < count; i++)
        close(clients[i]);
    atomic_store(pool.calm, 0);
}

static void everybody_left_serves(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        harm_under_load();
        each_has_a_client(round);
    }
    assert_true(atomic_load(&pool.acceptors.shared->parked) < UINT32_MAX / 2);
}

static int begin(void **state)
{
    (void)state;
    pool.acceptors = (struct acceptors){
        share(sizeof *pool.acceptors.shared + sizeof(struct acceptors_place[PLACES])), PLACES,
        ENOUGH};
    pool.slots = share(WORKERS * sizeof *pool.slots);
    pool.calm = share(sizeof *pool.calm);
    pool.seed = 19;
    pool.address.sun_family = AF_UNIX; /* the kernel finds a name */
    pool.length = sizeof pool.address;
    pool.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bind(pool.listener, (struct sockaddr *)&pool.address, sizeof pool.address.sun_family);
    listen(pool.listener, 64);
    getsockname(pool.listener, (struct sockaddr *)&pool.address, &pool.length);
    for (uint32_t slot = 0; slot < WORKERS; slot++)
        start(slot);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    for (uint32_t slot = 0; slot < WORKERS; slot++)
        kill(pool.workers[slot].pid, SIGKILL);
    while (wait(NULL) > 0)
        ;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(everybody_left_serves)};
    return cmocka_run_group_tests(tests, begin, finish);
}
