/* SPDX-License-Identifier: MIT
 *
 * cgroup_mount - see cgroup_mount.h.
 */
#include "supervisor/pool/cgroup_mount.h"

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_BYTES 8192

const char *cgroup_mount_own(const char *line)
{
    return strncmp(line, "0::/", 4) == 0 ? line + 3 : NULL;
}

/* What of OWN is below ROOT: "" or "/...". NULL: it is not. */
static const char *below(const char *root, const char *own)
{
    size_t length = strlen(root);
    if (length == 1)
        return own[1] == '\0' ? "" : own;
    if (strncmp(root, own, length) != 0 || (own[length] != '/' && own[length] != '\0'))
        return NULL;
    return own + length;
}

/* "31 23 0:28 ROOT PLACE rw,relatime shared:7 - cgroup2 ...", proc_pid_mountinfo(5). */
int cgroup_mount_match(const char *line, const char *own, char path[static CGROUP_MOUNT_PATH_MAX])
{
    char root[CGROUP_MOUNT_PATH_MAX], place[CGROUP_MOUNT_PATH_MAX];
    const char *type = strstr(line, " - ");
    if (!type || strncmp(type, " - cgroup2 ", 11) != 0 ||
        sscanf(line, "%*d %*d %*s %4095s %4095s", root, place) != 2)
        return -1;
    const char *rest = below(root, own);
    /* Spaces and the like are written as \040: such a place is not worth the trouble. */
    if (!rest || strchr(place, '\\'))
        return -1;
    int length = snprintf(path, CGROUP_MOUNT_PATH_MAX, "%s%s", place, rest);
    return length < CGROUP_MOUNT_PATH_MAX ? 0 : -1;
}

static bool read_own(char own[static CGROUP_MOUNT_PATH_MAX])
{
    char line[LINE_MAX_BYTES];
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        const char *path = cgroup_mount_own(line);
        found = path && snprintf(own, CGROUP_MOUNT_PATH_MAX, "%s", path) < CGROUP_MOUNT_PATH_MAX;
    }
    if (file)
        fclose(file);
    return found;
}

int cgroup_mount_find(char path[static CGROUP_MOUNT_PATH_MAX])
{
    char line[LINE_MAX_BYTES], own[CGROUP_MOUNT_PATH_MAX];
    bool found = false;
    if (!read_own(own))
        return -1;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && !found && fgets(line, sizeof line, file))
        found = cgroup_mount_match(line, own, path) == 0;
    if (file)
        fclose(file);
    return found ? 0 : -1;
}
