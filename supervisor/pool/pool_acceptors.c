/* SPDX-License-Identifier: MIT
 *
 * pool_acceptors - see pool_acceptors.h.
 */
#include "supervisor/pool/pool_acceptors.h"

#include "lib/cpu_budget.h"
#include "lib/sys.h"

#include <sys/mman.h>
#include <sys/socket.h>

/* So many idle places are enough: one in so many, at least ENOUGH_LEAST. With more, workers would
 * be parked and called all the time when clients come in waves; with a single one, the pool would
 * depend on a worker that a debugger may have stopped. */
#define ENOUGH_SHARE 8
#define ENOUGH_LEAST 2

/* The one that is needed to say so is not among them. */
static uint32_t enough_of(uint32_t places)
{
    uint32_t enough = places / ENOUGH_SHARE > ENOUGH_LEAST ? places / ENOUGH_SHARE : ENOUGH_LEAST;
    return enough < places ? enough : places > 1 ? places - 1 : 1;
}

static bool takes_datagrams(const struct worker_plan *plan)
{
    for (int i = 0; i < plan->listener_count; i++) {
        int type = SOCK_STREAM;
        socklen_t size = sizeof type;
        getsockopt(plan->listeners[i], SOL_SOCKET, SO_TYPE, &type, &size);
        if (type == SOCK_DGRAM)
            return true;
    }
    return false;
}

/* Programs that wait instead of their worker, and copies of a template, know nothing of places. */
static bool accepts_by_itself(const struct config_service *service)
{
    return service->kind == CONFIG_LISTEN ||
           (service->kind == CONFIG_EXEC && (worker_is_warm() || worker_is_copied()));
}

/* Of a fixed pool that is scaled up later all workers wait in accept. */
static int64_t workers_to_expect(const struct config_service *service)
{
    return config_is_elastic(service) ? config_most_workers(service)
                                      : config_start_workers(service);
}

static bool is_wanted(const struct worker_plan *plan, int64_t places)
{
    return places > 0 && workers_to_expect(plan->service) > places &&
           !accepts_by_itself(plan->service) && !takes_datagrams(plan);
}

static int64_t count_places(const struct config_service *service)
{
    struct cpu_budget budget;
    cpu_budget_look(&budget);
    return service->acceptors_per_processor * ((cpu_budget_share(&budget) + 999) / 1000);
}

int pool_acceptors_open(struct worker_plan *plan, struct error *error)
{
    int64_t places = count_places(plan->service);
    uint32_t count = (uint32_t)places;
    size_t size = sizeof *plan->acceptors.shared + count * sizeof(struct acceptors_place);
    plan->acceptors = (struct acceptors){.count = count, .enough = enough_of(count)};
    if (!is_wanted(plan, places))
        return 0;
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return error_set_errno(error, EXIT_CODE_OS, "cannot map the places of acceptors");
    plan->acceptors.shared = at;
    return 0;
}

static void free_place(const struct acceptors *acceptors, uint32_t slot)
{
    for (uint32_t i = 0; i < acceptors->count; i++) {
        _Atomic uint32_t *place = &acceptors->shared->places[i].value;
        uint32_t value = acceptors_idle_value(slot), busy = value | ACCEPTORS_BUSY;
        if (atomic_compare_exchange_strong(place, &value, ACCEPTORS_FREE) ||
            atomic_compare_exchange_strong(place, &busy, ACCEPTORS_FREE))
            return;
    }
}

static void call_one(struct acceptors_shared *shared)
{
    if (atomic_load(&shared->parked) == 0)
        return;
    atomic_fetch_add(&shared->calls, 1);
    sys_futex_wake(&shared->calls, 1);
}

void pool_acceptors_pass(const struct acceptors *acceptors, uint32_t slot)
{
    if (!acceptors->shared)
        return;
    free_place(acceptors, slot);
    call_one(acceptors->shared);
}

/* It may have been called last, and have done nothing about it: another is called whatever it was.
 */
void pool_acceptors_forget(const struct acceptors *acceptors, uint32_t slot, uint32_t phase)
{
    if (acceptors->shared && phase == SCOREBOARD_PARKED)
        atomic_fetch_sub(&acceptors->shared->parked, 1);
    pool_acceptors_pass(acceptors, slot);
}
