/* SPDX-License-Identifier: MIT
 *
 * control_path - see control_path.h.
 */
#include "lib/control_path.h"

#include "lib/memory.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

char *control_path_default(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (geteuid() == 0)
        return memory_string("/run/preforkd/control.sock");
    if (runtime && runtime[0] == '/')
        return memory_printf("%s/preforkd.sock", runtime);
    return memory_printf("/tmp/preforkd-%u/control.sock", (unsigned)geteuid());
}

/* /tmp is everybody's: a directory that somebody else put there first is not used. */
static int check_owner(const char *directory, struct error *error)
{
    struct stat about;
    if (lstat(directory, &about) < 0)
        return error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot use %s", directory);
    if (!S_ISDIR(about.st_mode) || about.st_uid != geteuid() || (about.st_mode & 022) != 0)
        return error_set(error, EXIT_CODE_UNAVAILABLE,
                         "%s is not a directory of ours that only we can write to", directory);
    return 0;
}

int control_path_prepare(const char *path, struct error *error)
{
    char *standard = control_path_default();
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int status = 0;
    if (strcmp(path, standard) == 0 && (geteuid() == 0 || !runtime || runtime[0] != '/')) {
        *strrchr(standard, '/') = '\0';
        if (mkdir(standard, geteuid() == 0 ? 0755 : 0700) < 0 && errno != EEXIST)
            status = error_set_errno(error, EXIT_CODE_UNAVAILABLE, "cannot create %s", standard);
        else
            status = check_owner(standard, error);
    }
    free(standard);
    return status;
}
