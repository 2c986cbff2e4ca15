/* SPDX-License-Identifier: MIT
 *
 * error - see error.h.
 */
#include "lib/error.h"

#include <errno.h>
#include <stdarg.h>

int error_set(struct error *error, enum exit_code code, const char *format, ...)
{
    va_list args;
    error->code = code;
    error->in_use = false;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return -1;
}

int error_set_errno(struct error *error, enum exit_code code, const char *format, ...)
{
    int saved = errno;
    va_list args;
    error->code = code;
    error->in_use = false;
    va_start(args, format);
    int used = vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof error->text)
        snprintf(error->text + used, sizeof error->text - (size_t)used, ": %s", strerror(saved));
    errno = saved;
    return -1;
}
