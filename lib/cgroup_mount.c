/* SPDX-License-Identifier: MIT
 *
 * cgroup_mount - see cgroup_mount.h.
 */
#include "lib/cgroup_mount.h"

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_BYTES 8192

/* Is NAME one of the words of LIST, which ends before END? "cpu" is not in "cpuset,cpuacct". */
static bool lists(const char *list, const char *end, const char *name)
{
    size_t length = strlen(name);
    for (const char *word = list; word < end;) {
        size_t size = strcspn(word, ",");
        if (size > (size_t)(end - word))
            size = (size_t)(end - word);
        if (size == length && strncmp(word, name, length) == 0)
            return true;
        word += size + 1;
    }
    return false;
}

const char *cgroup_mount_own(const char *line, const char *controller)
{
    if (!controller)
        return strncmp(line, "0::/", 4) == 0 ? line + 3 : NULL;
    const char *list = strchr(line, ':');
    const char *end = list ? strchr(list + 1, ':') : NULL;
    return end && end[1] == '/' && lists(list + 1, end, controller) ? end + 1 : NULL;
}

/* TYPE: "cgroup2 SOURCE OPTIONS", "cgroup SOURCE rw,cpu,cpuacct". */
static bool is_tree(const char *type, const char *controller)
{
    if (!controller)
        return strncmp(type, "cgroup2 ", 8) == 0;
    const char *options = strrchr(type, ' ');
    return strncmp(type, "cgroup ", 7) == 0 &&
           lists(options + 1, options + 1 + strlen(options + 1), controller);
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
int cgroup_mount_match(const char *line, const char *controller, const char *own,
                       char path[static CGROUP_MOUNT_PATH_MAX])
{
    char root[CGROUP_MOUNT_PATH_MAX], place[CGROUP_MOUNT_PATH_MAX];
    const char *type = strstr(line, " - ");
    if (!type || !is_tree(type + 3, controller) ||
        sscanf(line, "%*d %*d %*s %4095s %4095s", root, place) != 2)
        return -1;
    const char *rest = below(root, own);
    /* Spaces and the like are written as \040: such a place is not worth the trouble. */
    if (!rest || strchr(place, '\\'))
        return -1;
    int length = snprintf(path, CGROUP_MOUNT_PATH_MAX, "%s%s", place, rest);
    return length < CGROUP_MOUNT_PATH_MAX ? 0 : -1;
}

static bool read_own(const char *controller, char own[static CGROUP_MOUNT_PATH_MAX])
{
    char line[LINE_MAX_BYTES];
    bool found = false;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        const char *path = cgroup_mount_own(line, controller);
        found = path && snprintf(own, CGROUP_MOUNT_PATH_MAX, "%s", path) < CGROUP_MOUNT_PATH_MAX;
    }
    if (file)
        fclose(file);
    return found;
}

int cgroup_mount_find(const char *controller, char path[static CGROUP_MOUNT_PATH_MAX])
{
    char line[LINE_MAX_BYTES], own[CGROUP_MOUNT_PATH_MAX];
    bool found = false;
    if (!read_own(controller, own))
        return -1;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        found = cgroup_mount_match(line, controller, own, path) == 0;
    }
    if (file)
        fclose(file);
    return found ? 0 : -1;
}
