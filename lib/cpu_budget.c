/* SPDX-License-Identifier: MIT
 *
 * cpu_budget - see cpu_budget.h. Quotas: cgroup-v2.rst and sched-bwc.rst of the kernel.
 */
#include "lib/cpu_budget.h"

#include "lib/cgroup_mount.h"

#include <inttypes.h>
#include <sched.h>
#include <unistd.h>

#define FILE_PATH_MAX (CGROUP_MOUNT_PATH_MAX + 32)
#define LINE_SIZE     64

int64_t cpu_budget_quota(const char *text)
{
    char *end;
    long long quota = strtoll(text, &end, 10);
    bool number = end != text;
    long long period = strtoll(end, NULL, 10);
    if (!number || quota <= 0 || quota > INT64_MAX / 1000 || period <= 0)
        return CPU_BUDGET_ANY;
    return quota * 1000 / period > 0 ? quota * 1000 / period : 1;
}

/* The first line of PATH/NAME; "" where there is none. */
static void read_line(const char *path, const char *name, char line[static LINE_SIZE])
{
    char file[FILE_PATH_MAX];
    line[0] = '\0';
    snprintf(file, sizeof file, "%s/%s", path, name);
    FILE *stream = fopen(file, "re");
    if (!stream)
        return;
    if (!fgets(line, LINE_SIZE, stream))
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    fclose(stream);
}

static int64_t quota_of(const char *path, bool version_1)
{
    char quota[LINE_SIZE], period[LINE_SIZE], both[2 * LINE_SIZE];
    read_line(path, version_1 ? "cpu.cfs_quota_us" : "cpu.max", quota);
    if (!version_1)
        return cpu_budget_quota(quota);
    read_line(path, "cpu.cfs_period_us", period);
    snprintf(both, sizeof both, "%s %s", quota, period);
    return cpu_budget_quota(both);
}

static bool is_group(const char *path)
{
    char file[FILE_PATH_MAX];
    snprintf(file, sizeof file, "%s/cgroup.procs", path);
    return access(file, F_OK) == 0;
}

int64_t cpu_budget_least_quota(const char *path, bool version_1)
{
    char group[CGROUP_MOUNT_PATH_MAX];
    int64_t least = CPU_BUDGET_ANY;
    snprintf(group, sizeof group, "%s", path);
    while (is_group(group)) {
        int64_t quota = quota_of(group, version_1);
        char *slash = strrchr(group, '/');
        least = quota < least ? quota : least;
        if (!slash || slash == group)
            break;
        *slash = '\0';
    }
    return least;
}

/* Where both versions are mounted, either may have the controller. */
static int64_t look_at_quotas(void)
{
    char path[CGROUP_MOUNT_PATH_MAX];
    int64_t unified = CPU_BUDGET_ANY, legacy = CPU_BUDGET_ANY;
    if (cgroup_mount_find(NULL, path) == 0)
        unified = cpu_budget_least_quota(path, false);
    if (cgroup_mount_find("cpu", path) == 0)
        legacy = cpu_budget_least_quota(path, true);
    return unified < legacy ? unified : legacy;
}

void cpu_budget_look(struct cpu_budget *budget)
{
    /* 16,384 processors; the kernel refuses one that is too small for its own. */
    cpu_set_t mask[16];
    bool known = sched_getaffinity(0, sizeof mask, mask) == 0;
    *budget = (struct cpu_budget){.allowed = known ? CPU_COUNT_S(sizeof mask, mask) : 1,
                                  .quota = look_at_quotas()};
}

int64_t cpu_budget_share(const struct cpu_budget *budget)
{
    int64_t allowed = (budget->allowed > 0 ? budget->allowed : 1) * 1000;
    int64_t share = budget->quota < allowed ? budget->quota : allowed;
    return share > 0 ? share : 1;
}

char *cpu_budget_print(const struct cpu_budget *budget, char text[static CPU_BUDGET_TEXT_MAX])
{
    char quota[32] = "no cgroup quota";
    if (budget->quota != CPU_BUDGET_ANY)
        snprintf(quota, sizeof quota, "cgroup quota %.6g", (double)budget->quota / 1000);
    snprintf(text, CPU_BUDGET_TEXT_MAX, "%" PRId64 " %s allowed by affinity mask, %s",
             budget->allowed, budget->allowed == 1 ? "processor" : "processors", quota);
    return text;
}
