/* SPDX-License-Identifier: MIT
 *
 * corpus - gives every file of some folders to a fuzz target, once: a regression test that needs no
 * libFuzzer.
 *
 *     build/tests/fuzz/proxy_header FOLDER…        V=1 before it shows their names
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>

#define LONGEST (1 << 20)

/* The bytes are alone in memory: ASan and valgrind see a read behind them. */
static int try_file(int folder, const char *name)
{
    static uint8_t bytes[LONGEST];
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t count = read(fd, bytes, sizeof bytes);
    close(fd);
    if (count < 0) {
        perror(name);
        return -1;
    }
    uint8_t *alone = malloc(count > 0 ? (size_t)count : 1);
    if (!alone)
        return -1;
    memcpy(alone, bytes, (size_t)count);
    if (getenv("V")) /* where one ends the process, this tells which */
        fprintf(stderr, "%s\n", name);
    LLVMFuzzerTestOneInput(alone, (size_t)count);
    free(alone);
    return 0;
}

/* How many there were; -1 where one could not be read. */
static int try_folder(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    if (!folder) {
        perror(path);
        return -1;
    }
    for (struct dirent *entry; count >= 0 && (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            count = try_file(dirfd(folder), entry->d_name) < 0 ? -1 : count + 1;
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int count = try_folder(argv[i]);
        if (count <= 0)
            return 1;
        fprintf(stderr, "%s: %d inputs, no fault\n", argv[i], count);
    }
    return 0;
}
