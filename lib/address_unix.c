/* SPDX-License-Identifier: MIT
 *
 * address_unix - see address_unix.h.
 */
#include "lib/address_unix.h"

#include <stddef.h>

static int fill(int type, const char *name, bool abstract, struct address *a, struct error *error)
{
    size_t length = strlen(name);
    *a = (struct address){.type = type};
    a->socket.un.sun_family = AF_UNIX;
    if (length == 0)
        return error_set(error, EXIT_CODE_CONFIG, "the name of the Unix socket is empty");
    if (length + 1 > sizeof a->socket.un.sun_path)
        return error_set(error, EXIT_CODE_CONFIG,
                         "\"%s\" is too long for a Unix socket (%zu of %zu bytes)", name, length,
                         sizeof a->socket.un.sun_path - 1);
    /* An abstract name starts with a NUL byte and has none at its end. */
    memcpy(a->socket.un.sun_path + (abstract ? 1 : 0), name, length);
    a->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 1;
}

int address_unix_parse(const char *scheme, int type, const char *rest, struct address *found,
                       struct error *error)
{
    if (rest[0] == '@')
        return fill(type, rest + 1, true, found, error);
    if (strncmp(rest, "///", 3) == 0)
        return fill(type, rest + 2, false, found, error);
    return error_set(error, EXIT_CODE_CONFIG,
                     "\"%s%s\" is not a Unix address; write %s///absolute/path or %s@name", scheme,
                     rest, scheme, scheme);
}
