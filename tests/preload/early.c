/* SPDX-License-Identifier: MIT
 *
 * early - a library beside ours in LD_PRELOAD: says on standard error when it begins, and at the
 * end which signal the death of the parent would bring.
 */
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

__attribute__((constructor)) static void begin(void)
{
    dprintf(STDERR_FILENO, "constructor\n");
}

__attribute__((destructor)) static void end(void)
{
    int number = -1;
    prctl(PR_GET_PDEATHSIG, &number);
    dprintf(STDERR_FILENO, "death signal %d\n", number);
}
