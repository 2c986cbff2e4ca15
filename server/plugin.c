/* SPDX-License-Identifier: MIT
 *
 * plugin - see plugin.h.
 */
#include "server/plugin.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One that was built with an older header of this ABI is shorter by what has come since. */
#define LEAST_SIZE     (offsetof(struct preforkd_handler, worker_exit) + sizeof(void *))
#define LEAST_ROW_SIZE (offsetof(struct preforkd_option, text) + sizeof(void *))

static int check_counters(const struct preforkd_handler *handler, const char *where,
                          struct error *error)
{
    size_t count = 0;
    for (; handler->counters && handler->counters[count]; count++)
        if (strlen(handler->counters[count]) >= PREFORKD_COUNTER_NAME_MAX)
            return error_set(error, EXIT_CODE_CONFIG,
                             "%s: the name of counter \"%s\" is longer than %d characters", where,
                             handler->counters[count], PREFORKD_COUNTER_NAME_MAX - 1);
    if (count > PREFORKD_COUNTERS_MAX)
        return error_set(error, EXIT_CODE_CONFIG, "%s: %zu counters; %d are possible", where, count,
                         PREFORKD_COUNTERS_MAX);
    return 0;
}

static int check_options(const struct preforkd_handler *handler, const char *where,
                         struct error *error)
{
    size_t size = handler->option_size;
    if (!handler->options || (size >= LEAST_ROW_SIZE && size <= 16 * sizeof *handler->options &&
                              size % _Alignof(struct preforkd_option) == 0))
        return 0;
    return error_set(error, EXIT_CODE_CONFIG,
                     "%s: its struct preforkd_option has %zu bytes, %zu were expected; "
                     "PREFORKD_HANDLER sets option_size",
                     where, size, sizeof *handler->options);
}

int plugin_check(const struct preforkd_handler *handler, const char *where, struct error *error)
{
    if (handler->abi != PREFORKD_ABI)
        return error_set(error, EXIT_CODE_CONFIG,
                         "%s: was built for ABI %u, this preforkd has ABI %u; build it again with "
                         "the header of this version",
                         where, handler->abi, PREFORKD_ABI);
    if (handler->size < LEAST_SIZE || handler->size > 16 * sizeof *handler)
        return error_set(error, EXIT_CODE_CONFIG,
                         "%s: its struct preforkd_handler has %u bytes, %zu were expected", where,
                         handler->size, sizeof *handler);
    if (!handler->name || handler->name[0] == '\0')
        return error_set(error, EXIT_CODE_CONFIG, "%s: the handler has no name", where);
    if (!handler->handle && !handler->datagram)
        return error_set(error, EXIT_CODE_CONFIG, "%s: the handler has no handle()", where);
    if (check_options(handler, where, error) < 0)
        return -1;
    return check_counters(handler, where, error);
}

/* Members that it does not have are NULL. One of another ABI may end anywhere: it is looked at
 * before it is copied. */
static const struct preforkd_handler *adopt(const struct preforkd_handler *theirs,
                                            const char *where, struct error *error)
{
    static struct preforkd_handler handler;
    if (plugin_check(theirs, where, error) < 0)
        return NULL;
    memset(&handler, 0, sizeof handler);
    memcpy(&handler, theirs, theirs->size < sizeof handler ? theirs->size : sizeof handler);
    return &handler;
}

static bool read_head(const char *path, Elf64_Ehdr *head)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool there = fd >= 0 && read(fd, head, sizeof *head) == (ssize_t)sizeof *head;
    if (fd >= 0)
        close(fd);
    return there;
}

/* dlopen(3) says of one for another machine that there is no such file. What else is wrong it
 * tells well. */
static int check_machine(const char *path, struct error *error)
{
    Elf64_Ehdr theirs, ours;
    if (!read_head(path, &theirs) || !read_head("/proc/self/exe", &ours) ||
        memcmp(theirs.e_ident, ELFMAG, SELFMAG) != 0)
        return 0;
    if (theirs.e_machine == ours.e_machine &&
        memcmp(theirs.e_ident, ours.e_ident, EI_VERSION) == 0) /* class and byte order */
        return 0;
    return error_set(error, EXIT_CODE_CONFIG,
                     "plugin %s: was built for another machine (%d, %d bits; this preforkd: %d, %d "
                     "bits)",
                     path, theirs.e_machine, 32 * theirs.e_ident[EI_CLASS], ours.e_machine,
                     32 * ours.e_ident[EI_CLASS]);
}

/* dlopen(3) of something that is no regular file may hang or say little. */
static int check_file(const char *path, struct error *error)
{
    struct stat about;
    if (stat(path, &about) < 0)
        return error_set_errno(error, EXIT_CODE_CONFIG, "plugin %s", path);
    if (!S_ISREG(about.st_mode))
        return error_set(error, EXIT_CODE_CONFIG, "plugin %s: not a regular file", path);
    return check_machine(path, error);
}

const struct preforkd_handler *plugin_open(const char *path, struct error *error)
{
    char where[512];
    snprintf(where, sizeof where, "plugin %.500s", path);
    if (check_file(path, error) < 0)
        return NULL;
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        error_set(error, EXIT_CODE_CONFIG, "plugin: %s", dlerror());
        return NULL;
    }
    const struct preforkd_handler *handler = dlsym(object, PLUGIN_SYMBOL);
    if (!handler) {
        error_set(error, EXIT_CODE_CONFIG,
                  "%s: has no symbol " PLUGIN_SYMBOL "; write PREFORKD_PLUGIN = {…};", where);
        return NULL;
    }
    return adopt(handler, where, error);
}
