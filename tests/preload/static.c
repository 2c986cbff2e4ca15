/* SPDX-License-Identifier: MIT
 *
 * static - a statically linked program: shows its environment and its descriptors.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    for (char **variable = environ; *variable; variable++)
        puts(*variable);
    fputs("descriptors", stdout);
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf(" %d", fd);
    puts("");
    return 0;
}
