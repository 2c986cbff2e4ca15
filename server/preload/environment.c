/* SPDX-License-Identifier: MIT
 *
 * environment - see environment.h.
 */
#include "server/preload/environment.h"

#include "include/warm.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PRELOAD        "LD_PRELOAD"
#define PRELOAD_MAX    40 /* "/proc/self/fd/" and a number */
#define NAME_MAX_BYTES 32
#define ROOM           16 /* pointers that environment_add() may need; UCSPI_VARIABLES at most */

/* In front of each list of ours: what munmap(2) wants to know. */
struct head {
    size_t size;
};

/* The program's environment as environment_clean() left it. */
static char **roomy;
static size_t roomy_length;

static size_t length_of(char *const *list)
{
    size_t length = 0;
    while (list && list[length])
        length++;
    return length;
}

static bool has_name(const char *text, const char *name, size_t length)
{
    return strncmp(text, name, length) == 0 && text[length] == '=';
}

const char *environment_get(char *const *list, const char *name)
{
    size_t length = strlen(name);
    for (; list && *list; list++)
        if (has_name(*list, name, length))
            return *list + length + 1;
    return NULL;
}

static void remove_name(char **list, const char *name, size_t length)
{
    char **to = list;
    for (; *list; list++)
        if (!has_name(*list, name, length))
            *to++ = *list;
    *to = NULL;
}

static void put(char **list, char *const *texts, int count)
{
    for (int i = 0; i < count; i++)
        remove_name(list, texts[i], (size_t)(strchr(texts[i], '=') - texts[i]));
    list += length_of(list);
    for (int i = 0; i < count; i++)
        *list++ = texts[i];
    *list = NULL;
}

char **environment_with(char *const *list, char *const *texts, int count)
{
    size_t length = length_of(list);
    size_t size = sizeof(struct head) + (length + (size_t)count + ROOM + 1) * sizeof *list;
    struct head *head =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (head == MAP_FAILED)
        return NULL;
    head->size = size;
    char **copy = (char **)(head + 1);
    if (list)
        memcpy(copy, list, length * sizeof *list);
    put(copy, texts, count);
    return copy;
}

void environment_free(char **list)
{
    int saved = errno;
    struct head *head = (struct head *)list - 1;
    munmap(head, head->size);
    errno = saved;
}

/* Takes our entry, which the pool put in front, out of "LD_PRELOAD=…"; true where nothing is left.
 * The text is the process's own and gets shorter. */
static bool remove_library(char *value, int library_fd)
{
    char ours[PRELOAD_MAX];
    size_t length = (size_t)snprintf(ours, sizeof ours, "/proc/self/fd/%d", library_fd);
    char *entry = strstr(value, ours);
    if (!entry || (entry[length] != '\0' && entry[length] != ':' && entry[length] != ' '))
        return false;
    char *rest = entry + length + (entry[length] != '\0');
    memmove(entry, rest, strlen(rest) + 1);
    return value[0] == '\0';
}

void environment_clean(int library_fd)
{
    remove_name(environ, WARM_VARIABLE, strlen(WARM_VARIABLE));
    remove_name(environ, WARM_PROXY_VARIABLE, strlen(WARM_PROXY_VARIABLE));
    for (char **variable = environ; variable && *variable; variable++)
        if (has_name(*variable, PRELOAD, strlen(PRELOAD)) &&
            remove_library(*variable + strlen(PRELOAD "="), library_fd)) {
            remove_name(environ, PRELOAD, strlen(PRELOAD));
            break;
        }
    /* main() is called with what `environ` is by then (glibc), or with the one above (musl). */
    roomy = environment_with(environ, NULL, 0);
    if (!roomy)
        return;
    roomy_length = length_of(roomy);
    environ = roomy;
}

/* By way of the C library: a program that has made itself a list of its own may free each of its
 * strings later (perl does). */
static void set_one_by_one(char *const *texts, int count)
{
    for (int i = 0; i < count; i++) {
        char name[NAME_MAX_BYTES];
        const char *value = strchr(texts[i], '=') + 1;
        int length = (int)(value - texts[i]) - 1;
        if (snprintf(name, sizeof name, "%.*s", length, texts[i]) == length)
            setenv(name, value, 1);
    }
}

void environment_add(char *const *texts, int count, const char *const *names)
{
    for (; environ && *names; names++) /* clearenv(3) leaves none at all */
        remove_name(environ, *names, strlen(*names));
    if (roomy && environ == roomy && count <= ROOM && length_of(roomy) <= roomy_length)
        put(roomy, texts, count);
    else
        set_one_by_one(texts, count);
}
