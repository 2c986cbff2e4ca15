/* SPDX-License-Identifier: MIT
 *
 * noaddress - a kernel without PR_GET_TID_ADDRESS: copies of a template have to be made by fork.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int prctl(int option, ...)
{
    unsigned long arguments[4];
    va_list list;
    va_start(list, option);
    for (int i = 0; i < 4; i++)
        arguments[i] = va_arg(list, unsigned long);
    va_end(list);
    if (option == PR_GET_TID_ADDRESS) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_prctl, option, arguments[0], arguments[1], arguments[2], arguments[3]);
}
