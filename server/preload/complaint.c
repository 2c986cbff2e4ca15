/* SPDX-License-Identifier: MIT
 *
 * complaint - see complaint.h.
 */
#include "server/preload/complaint.h"

#include "server/preload/standard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 256

void complaint(const char *what, int number)
{
    int saved = errno;
    char line[LINE_MAX_BYTES];
    int length = snprintf(line, sizeof line, "preforkd: %s%s%s\n", what, number ? ": " : "",
                          number ? strerror(number) : "");
    /* Not to a client that is not there yet. */
    if (length > 0 && (size_t)length < sizeof line && !standard_waits_at(STDERR_FILENO)) {
        ssize_t ignored = write(STDERR_FILENO, line, (size_t)length);
        (void)ignored; /* there is nobody else to tell */
    }
    errno = saved;
}

_Noreturn void complaint_exit(const char *what, int number, int status)
{
    complaint(what, number);
    _exit(status);
}
