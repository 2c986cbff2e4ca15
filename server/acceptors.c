/* SPDX-License-Identifier: MIT
 *
 * acceptors - see acceptors.h.
 *
 * Why nobody sleeps through a call. Both sides write first and look then, in one order for all:
 *
 *     who leaves    marks its place busy;  looks at the places, then at `parked`
 *     who parks     counts itself parked;  looks at the places again
 *
 * So the former sees a parked worker, or the latter a place that is not idle. `calls` is read
 * before that, and a call changes it: the futex does not let anybody sleep on what it was before.
 *
 * Why no call is lost. Who was called and finds no place parks again, as all are idle. Who was
 * called and is to end passes the call on, for it leaves; for who was killed or stopped the pool
 * does that.
 */
#include "server/acceptors.h"

#include "lib/sys.h"
#include "server/slot.h"

#include <errno.h>
#include <stddef.h>

#define NO_PLACE UINT32_MAX

/* Initialised, so that it is on the page that a worker writes anyway (worker.c). */
static struct {
    struct acceptors in;
    struct scoreboard_worker *worker;
    uint32_t idle;  /* what stands in its place while it waits */
    uint32_t place; /* may have been taken from it while it is busy */
} own = {.place = NO_PLACE};

void acceptors_use(const struct acceptors *acceptors, uint32_t slot,
                   struct scoreboard_worker *worker)
{
    own.in = *acceptors;
    own.worker = worker;
    own.idle = acceptors_idle_value(slot);
    own.place = NO_PLACE;
}

static _Atomic uint32_t *value_of(uint32_t place)
{
    return &own.in.shared->places[place].value;
}

static bool replace(uint32_t place, uint32_t from)
{
    return atomic_compare_exchange_strong(value_of(place), &from, own.idle);
}

/* One that is free, or whose owner is busy. */
static bool find_place(void)
{
    for (uint32_t i = 0; i < own.in.count; i++) {
        uint32_t place = (own.idle / 2 + i) % own.in.count;
        uint32_t value = atomic_load(value_of(place));
        if (acceptors_is_idle(value) || !replace(place, value))
            continue;
        own.place = place;
        return true;
    }
    return false;
}

static bool all_idle(void)
{
    for (uint32_t i = 0; i < own.in.count; i++)
        if (!acceptors_is_idle(atomic_load(value_of(i))))
            return false;
    return true;
}

/* Until called, or for no reason. Killed at any point of it, `parked` is too high: the pool counts
 * one less for whose phase is PARKED. */
static void park(uint32_t calls, void (*woken)(void))
{
    struct acceptors_shared *shared = own.in.shared;
    atomic_fetch_add(&shared->parked, 1);
    slot_set_phase(own.worker, SCOREBOARD_PARKED);
    if (all_idle() && sys_futex_wait(&shared->calls, calls) < 0 && errno == EINTR && woken)
        woken();
    slot_set_phase(own.worker, SCOREBOARD_IDLE);
    atomic_fetch_sub(&shared->parked, 1);
}

void acceptors_enter(const volatile sig_atomic_t *stopping, void (*woken)(void))
{
    if (!own.in.shared || (own.place != NO_PLACE && replace(own.place, own.idle | ACCEPTORS_BUSY)))
        return;
    own.place = NO_PLACE;
    for (;;) {
        uint32_t calls = atomic_load(&own.in.shared->calls);
        if (*stopping || find_place())
            return;
        park(calls, woken);
    }
}

/* How many are missing to enough; own.place, if any, is busy. */
static uint32_t missing(void)
{
    uint32_t idle = 0;
    for (uint32_t i = 1; i <= own.in.count && idle < own.in.enough; i++)
        idle += acceptors_is_idle(atomic_load(value_of((own.place + i) % own.in.count)));
    return own.in.enough - idle;
}

void acceptors_leave(void)
{
    struct acceptors_shared *shared = own.in.shared;
    uint32_t idle = own.idle;
    if (!shared)
        return;
    /* Fails where the place was passed on while this process was stopped. */
    if (own.place != NO_PLACE)
        atomic_compare_exchange_strong(value_of(own.place), &idle, own.idle | ACCEPTORS_BUSY);
    uint32_t count = missing();
    if (count == 0 || atomic_load(&shared->parked) == 0)
        return;
    atomic_fetch_add(&shared->calls, 1);
    sys_futex_wake(&shared->calls, count);
}

void acceptors_interrupt(void)
{
    if (own.in.shared)
        atomic_fetch_add(&own.in.shared->calls, 1);
}
