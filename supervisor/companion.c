/* SPDX-License-Identifier: MIT
 *
 * companion - see companion.h.
 */
#include "supervisor/companion.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int companion_open(const char *name, int flags, int access, char beside[static PATH_MAX])
{
    char installed[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", beside, PATH_MAX - 1);
    beside[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(beside, '/');
    size_t room = slash ? (size_t)(beside + PATH_MAX - slash - 1) : PATH_MAX;
    snprintf(slash ? slash + 1 : beside, room, "%s", name);
    snprintf(installed, sizeof installed, "%s/%s", PREFORKD_LIBEXECDIR, name);
    const char *const places[] = {beside, installed};
    for (int i = 0; i < 2; i++)
        if (faccessat(AT_FDCWD, places[i], access, AT_EACCESS) == 0)
            return open(places[i], flags | O_CLOEXEC);
    return -1;
}
