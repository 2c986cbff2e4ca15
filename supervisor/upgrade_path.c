/* SPDX-License-Identifier: MIT
 *
 * upgrade_path - see upgrade_path.h.
 */
#include "supervisor/upgrade_path.h"

#include "lib/memory.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is this the file that we are? argv[0] may say anything. */
static bool is_us(const char *path)
{
    struct stat ours, named;
    return stat("/proc/self/exe", &ours) == 0 && stat(path, &named) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

static char *in_folder(const char *folder, int length, const char *name)
{
    char *path =
        memory_printf("%.*s/%s", length, folder, strncmp(name, "./", 2) == 0 ? name + 2 : name);
    if (path[0] == '/' && is_us(path))
        return path;
    free(path);
    return NULL;
}

static char *in_search_path(const char *name)
{
    char *found = NULL;
    for (const char *at = getenv("PATH"); at && !found;) {
        size_t length = strcspn(at, ":");
        found = in_folder(at, (int)length, name);
        at = at[length] ? at + length + 1 : NULL;
    }
    return found;
}

static char *as_written(const char *name)
{
    char *folder, *found;
    if (name[0] == '/')
        return is_us(name) ? memory_string(name) : NULL;
    if (!strchr(name, '/'))
        return in_search_path(name);
    folder = getcwd(NULL, 0);
    found = folder ? in_folder(folder, INT_MAX, name) : NULL;
    free(folder);
    return found;
}

char *upgrade_path_find(const char *name)
{
    char path[PATH_MAX];
    char *found = name ? as_written(name) : NULL;
    if (found)
        return found;
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return memory_string(path);
}
