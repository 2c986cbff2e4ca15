/* SPDX-License-Identifier: MIT
 *
 * memory - see memory.h.
 */
#include "lib/memory.h"

#include "lib/error.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
    static const char text[] = ": out of memory\n";
    const char *name = program_invocation_short_name;
    ssize_t ignored = write(STDERR_FILENO, name, strlen(name));
    ignored += write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _exit(EXIT_CODE_OS);
}

void *memory_zeroed(size_t count, size_t size)
{
    void *block = calloc(count, size);
    if (!block)
        out_of_memory();
    return block;
}

void *memory_unshared(size_t count, size_t size)
{
    void *block =
        mmap(NULL, count * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED || madvise(block, count * size, MADV_DONTFORK) < 0)
        out_of_memory();
    return block;
}

void *memory_resize(void *block, size_t size)
{
    void *bigger = realloc(block, size);
    if (!bigger)
        out_of_memory();
    return bigger;
}

char *memory_string(const char *text)
{
    if (!text)
        return NULL;
    char *copy = strdup(text);
    if (!copy)
        out_of_memory();
    return copy;
}

char *memory_printf(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0)
        out_of_memory();
    return text;
}
