/* SPDX-License-Identifier: MIT
 *
 * acceptors_test - places in accept4: who gets one, who loses one, when parked workers are called,
 * and that nobody sleeps through it. One process plays several workers; a timer plays the others
 * while it is parked.
 */
#include "server/acceptors.h"

#include "supervisor/pool/pool_acceptors.h"

#include <string.h>
#include <sys/time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#define PLACES 4
#define ENOUGH 2

static union {
    struct acceptors_shared head;
    char room[sizeof(struct acceptors_shared) + PLACES * sizeof(struct acceptors_place)];
} memory;

static struct acceptors_shared *const shared = &memory.head;
static const struct acceptors acceptors = {&memory.head, PLACES, ENOUGH};
static const struct acceptors none;
static struct scoreboard_worker workers[16];
static volatile sig_atomic_t stopping, times_woken;

static void begin(void)
{
    memset(&memory, 0, sizeof memory);
    memset(workers, 0, sizeof workers);
    stopping = times_woken = 0;
}

static void play(uint32_t slot)
{
    acceptors_use(&acceptors, slot, &workers[slot]);
}

static uint32_t at(uint32_t place)
{
    return atomic_load(&shared->places[place].value);
}

static void set(uint32_t place, uint32_t value)
{
    atomic_store(&shared->places[place].value, value);
}

/* As if other workers had them. */
static void others_idle(uint32_t first, uint32_t end)
{
    for (uint32_t place = first; place < end; place++)
        set(place, acceptors_idle_value(100 + place));
}

static int find(uint32_t value)
{
    for (int place = 0; place < PLACES; place++)
        if (at((uint32_t)place) == value)
            return place;
    return -1;
}

static void on_woken(void)
{
    times_woken++;
}

static void pool_without_places_does_nothing(void **state)
{
    (void)state;
    acceptors_use(&none, 3, &workers[3]);
    acceptors_enter(&stopping, NULL);
    acceptors_leave();
    acceptors_interrupt();
    pool_acceptors_forget(&none, 3, SCOREBOARD_IDLE);
    pool_acceptors_pass(&none, 3);
}

static void worker_keeps_its_place(void **state)
{
    uint32_t value = acceptors_idle_value(5);
    (void)state;
    begin();
    play(5);
    acceptors_enter(&stopping, NULL);
    int place = find(value);
    assert_in_range(place, 0, PLACES - 1);
    for (int i = 0; i < 3; i++) {
        acceptors_leave();
        assert_int_equal(at((uint32_t)place), value | ACCEPTORS_BUSY);
        acceptors_enter(&stopping, NULL);
        assert_int_equal(at((uint32_t)place), value);
    }
    assert_int_equal(shared->parked, 0);
}

static void busy_one_loses_it_to_who_needs_it(void **state)
{
    (void)state;
    begin();
    others_idle(0, PLACES);
    set(2, acceptors_idle_value(7) | ACCEPTORS_BUSY);
    play(5);
    acceptors_enter(&stopping, NULL);
    assert_int_equal(at(2), acceptors_idle_value(5));
}

/* It took a client, another took its place, a third one is busy: that one's is its next. */
static void robbed_one_finds_another(void **state)
{
    (void)state;
    begin();
    others_idle(0, PLACES - 1);
    play(5);
    acceptors_enter(&stopping, NULL);
    acceptors_leave();
    int place = find(acceptors_idle_value(5) | ACCEPTORS_BUSY);
    assert_int_equal(place, PLACES - 1);
    set((uint32_t)place, acceptors_idle_value(9));
    set(0, acceptors_idle_value(100) | ACCEPTORS_BUSY);
    acceptors_enter(&stopping, NULL);
    assert_int_equal(at(0), acceptors_idle_value(5));
    assert_int_equal(at((uint32_t)place), acceptors_idle_value(9));
}

/* What was told away while the worker was stopped is not taken back. */
static void place_passed_on_stays_with_its_new_owner(void **state)
{
    (void)state;
    begin();
    play(5);
    acceptors_enter(&stopping, NULL);
    int place = find(acceptors_idle_value(5));
    pool_acceptors_pass(&acceptors, 5);
    assert_int_equal(at((uint32_t)place), ACCEPTORS_FREE);
    set((uint32_t)place, acceptors_idle_value(9));
    acceptors_leave();
    assert_int_equal(at((uint32_t)place), acceptors_idle_value(9));
    acceptors_enter(&stopping, NULL);
    assert_int_equal(at((uint32_t)place), acceptors_idle_value(9));
    assert_int_not_equal(find(acceptors_idle_value(5)), -1);
}

static void parked_ones_are_called_when_too_few_are_idle(void **state)
{
    (void)state;
    for (uint32_t idle = 0; idle < PLACES; idle++) {
        begin();
        others_idle(0, idle);
        for (uint32_t place = idle; place < PLACES; place++)
            set(place, acceptors_idle_value(100 + place) | ACCEPTORS_BUSY);
        shared->parked = 3;
        play(5);
        acceptors_enter(&stopping, NULL);
        assert_int_equal(shared->calls, 0);
        acceptors_leave();
        assert_int_equal(shared->calls, idle < ENOUGH ? 1 : 0);
    }
}

/* It was called, and is to end: the client that it was called for is another one's. */
static void one_that_is_to_end_passes_its_call_on(void **state)
{
    (void)state;
    begin();
    others_idle(0, ENOUGH - 1);
    shared->parked = 3;
    play(5);
    stopping = 1;
    acceptors_enter(&stopping, NULL);
    assert_int_equal(find(acceptors_idle_value(5)), -1);
    acceptors_leave();
    assert_int_equal(shared->calls, 1);
}

static void one_without_a_place_sees_all_places(void **state)
{
    (void)state;
    begin();
    others_idle(PLACES - ENOUGH, PLACES);
    shared->parked = 3;
    play(5);
    acceptors_leave();
    assert_int_equal(shared->calls, 0);
}

static void nobody_is_called_where_nobody_is_parked(void **state)
{
    (void)state;
    begin();
    play(5);
    acceptors_enter(&stopping, NULL);
    acceptors_leave();
    assert_int_equal(shared->calls, 0);
}

static void ring(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    struct itimerval soon = {.it_value = {.tv_usec = 20000}, .it_interval = {.tv_usec = 20000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
}

static void quiet(void)
{
    struct itimerval never = {0};
    setitimer(ITIMER_REAL, &never, NULL);
}

static volatile uint32_t phase_seen, parked_seen;

static void see(void)
{
    phase_seen = workers[5].phase;
    parked_seen = shared->parked;
}

static void is_told_to_leave(int number)
{
    (void)number;
    see();
    stopping = 1;
    acceptors_interrupt();
}

static void parked_one_can_be_told_to_leave(void **state)
{
    (void)state;
    begin();
    others_idle(0, PLACES);
    play(5);
    ring(is_told_to_leave);
    acceptors_enter(&stopping, on_woken);
    quiet();
    assert_int_equal(phase_seen, SCOREBOARD_PARKED);
    assert_int_equal(parked_seen, 1);
    assert_int_equal(shared->parked, 0);
    assert_int_equal(workers[5].phase, SCOREBOARD_IDLE);
    assert_int_equal(find(acceptors_idle_value(5)), -1);
}

/* The signal wakes it, not the call: all that wait look again after either. */
static void comes_when_called(int number)
{
    (void)number;
    if (times_woken < 2)
        return; /* a tick: it parks again */
    set(1, acceptors_idle_value(101) | ACCEPTORS_BUSY);
    atomic_fetch_add(&shared->calls, 1);
}

static void called_one_takes_a_place(void **state)
{
    (void)state;
    begin();
    others_idle(0, PLACES);
    play(5);
    ring(comes_when_called);
    acceptors_enter(&stopping, on_woken);
    quiet();
    assert_int_equal(at(1), acceptors_idle_value(5));
    assert_int_equal(shared->parked, 0);
    assert_true(times_woken >= 2);
}

static void place_of_who_has_ended_is_free(void **state)
{
    (void)state;
    for (uint32_t busy = 0; busy <= ACCEPTORS_BUSY; busy++) {
        begin();
        others_idle(0, PLACES);
        set(3, acceptors_idle_value(5) | busy);
        shared->parked = 2;
        pool_acceptors_forget(&acceptors, 5, busy ? SCOREBOARD_BUSY : SCOREBOARD_IDLE);
        assert_int_equal(at(3), ACCEPTORS_FREE);
        assert_int_equal(shared->parked, 2);
        assert_int_equal(shared->calls, 1);
        assert_int_equal(at(0), acceptors_idle_value(100));
    }
}

static void parked_one_that_ended_is_not_counted(void **state)
{
    (void)state;
    begin();
    others_idle(0, PLACES);
    shared->parked = 1;
    pool_acceptors_forget(&acceptors, 5, SCOREBOARD_PARKED);
    assert_int_equal(shared->parked, 0);
    assert_int_equal(shared->calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_without_places_does_nothing),
        cmocka_unit_test(worker_keeps_its_place),
        cmocka_unit_test(busy_one_loses_it_to_who_needs_it),
        cmocka_unit_test(robbed_one_finds_another),
        cmocka_unit_test(place_passed_on_stays_with_its_new_owner),
        cmocka_unit_test(parked_ones_are_called_when_too_few_are_idle),
        cmocka_unit_test(one_that_is_to_end_passes_its_call_on),
        cmocka_unit_test(one_without_a_place_sees_all_places),
        cmocka_unit_test(nobody_is_called_where_nobody_is_parked),
        cmocka_unit_test(parked_one_can_be_told_to_leave),
        cmocka_unit_test(called_one_takes_a_place),
        cmocka_unit_test(place_of_who_has_ended_is_free),
        cmocka_unit_test(parked_one_that_ended_is_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
