/* SPDX-License-Identifier: MIT
 *
 * cpu_budget - how much processor time this process may use: what its affinity mask allows, and
 * what the quotas of its control group and of those above it leave of that.
 */
#ifndef LIB_CPU_BUDGET_H
#define LIB_CPU_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_BUDGET_ANY INT64_MAX /* there is no quota, or none that can be seen */

struct cpu_budget {
    int64_t allowed; /* processors, sched_getaffinity(2) */
    int64_t quota;   /* thousandths of a processor */
};

/* Of this process, as things are now. In a container the groups above its own are not seen, and
 * have nothing to add where the container's own has its quota. */
void cpu_budget_look(struct cpu_budget *budget);

/* Pure: "150000 100000", as cpu.max has it: microseconds of each period. "max" and "-1" are no
 * quota, and neither is what cannot be understood. Thousandths of a processor. */
int64_t cpu_budget_quota(const char *text);

/* The least quota of the control group whose folder is PATH and of all above it. VERSION_1: by
 * cpu.cfs_quota_us and cpu.cfs_period_us instead of cpu.max. */
int64_t cpu_budget_least_quota(const char *path, bool version_1);

/* Pure: what may be used, in thousandths of a processor; at least 1. */
int64_t cpu_budget_share(const struct cpu_budget *budget);

/* Pure: "2 processors allowed by affinity mask, cgroup quota 1.5". Returns TEXT. */
#define CPU_BUDGET_TEXT_MAX 96
char *cpu_budget_print(const struct cpu_budget *budget, char text[static CPU_BUDGET_TEXT_MAX]);

#endif
