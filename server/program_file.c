/* SPDX-License-Identifier: MIT
 *
 * program_file - see program_file.h.
 */
#include "server/program_file.h"

#include "lib/fds.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define HEAD_MAX         256 /* of a file; as much of a #! line as Linux reads, execve(2) */
#define INTERPRETERS_MAX 5   /* and as many interpreters of interpreters */

static bool join(char path[static PATH_MAX], const char *folder, size_t length, const char *name)
{
    int written = snprintf(path, PATH_MAX, "%.*s/%s", (int)length, folder, name);
    return written > 0 && written < PATH_MAX;
}

/* errno of the most telling failure: one that exists beats one that does not. */
static int search_path(char path[static PATH_MAX], const char *name, const char *search)
{
    int failure = ENOENT;
    struct stat about;
    for (const char *at = search;; at++) {
        size_t length = strcspn(at, ":");
        if (length > 0 && join(path, at, length, name) && stat(path, &about) == 0 &&
            S_ISREG(about.st_mode)) {
            if (access(path, X_OK) == 0)
                return 0;
            failure = errno;
        }
        at += length;
        if (*at == '\0')
            return failure;
    }
}

/* Its first bytes, NUL-terminated; how many there are, or -1. */
static ssize_t read_head(const char *path, char head[static HEAD_MAX + 1])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : pread(fd, head, HEAD_MAX, 0);
    fds_close(&fd);
    head[got > 0 ? got : 0] = '\0';
    return got;
}

/* "#! /bin/sh -e" to "/bin/sh". False where HEAD is no such line. */
static bool interpreter_of(const char *head, char path[static PATH_MAX])
{
    if (strncmp(head, "#!", 2) != 0)
        return false;
    head += 2 + strspn(head + 2, " \t");
    size_t length = strcspn(head, " \t\n");
    if (length == 0 || length >= PATH_MAX)
        return false;
    memcpy(path, head, length);
    path[length] = '\0';
    return true;
}

static bool gains_privilege(const char *path)
{
    struct stat about;
    return stat(path, &about) < 0 || (about.st_mode & (S_ISUID | S_ISGID)) != 0 ||
           getxattr(path, "security.capability", NULL, 0) > 0;
}

/* Does it name a dynamic linker (PT_INTERP)? Only files of this machine's kind are looked into. */
static bool is_dynamic(const char *path)
{
    ElfW(Ehdr) header;
    ElfW(Phdr) part;
    bool found = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && pread(fd, &header, sizeof header, 0) == (ssize_t)sizeof header &&
        memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_phentsize == sizeof part)
        for (unsigned i = 0; i < header.e_phnum && !found; i++) {
            off_t at = (off_t)header.e_phoff + (off_t)(i * sizeof part);
            found = pread(fd, &part, sizeof part, at) == (ssize_t)sizeof part &&
                    part.p_type == PT_INTERP;
        }
    fds_close(&fd);
    return found;
}

static const char *unpreloadable(const char *program)
{
    char path[PATH_MAX], head[HEAD_MAX + 1];
    snprintf(path, sizeof path, "%s", program);
    for (int i = 0; i < INTERPRETERS_MAX; i++) {
        if (gains_privilege(path))
            return "it is set-user-ID, set-group-ID or has capabilities";
        if (read_head(path, head) < 0)
            return "it cannot be read";
        if (!interpreter_of(head, path))
            return is_dynamic(path) ? NULL : "it is statically linked";
    }
    return "its interpreters do not end";
}

int program_file_find(struct program_file *file, const char *name, const char *directory,
                      const char *search, struct error *error)
{
    struct stat about;
    if (!strchr(name, '/')) {
        errno = search_path(file->path, name, search);
        if (errno != 0)
            return error_set(error, EXIT_CODE_CONFIG, "command \"%s\" in %s: %s", name, search,
                             strerror(errno));
    } else if (name[0] == '/')
        snprintf(file->path, sizeof file->path, "%s", name);
    else if (!join(file->path, directory, strlen(directory), name))
        return error_set(error, EXIT_CODE_CONFIG, "command \"%s\": the path is too long", name);
    if (stat(file->path, &about) < 0)
        return error_set_errno(error, EXIT_CODE_CONFIG, "command %s", file->path);
    if (S_ISDIR(about.st_mode))
        return error_set(error, EXIT_CODE_CONFIG, "command %s: Is a directory", file->path);
    file->unpreloadable = unpreloadable(file->path);
    return 0;
}

char *program_file_reason(const struct program_file *file, int number,
                          char text[static PROGRAM_FILE_REASON_MAX])
{
    char head[HEAD_MAX + 1] = "", interpreter[PATH_MAX] = "";
    const char *hint = "", *more = "";
    read_head(file->path, head);
    if (number == ENOEXEC)
        hint = " (no #! line, or made for another machine)";
    else if ((number == ENOENT || number == EACCES) && access(file->path, X_OK) == 0 &&
             interpreter_of(head, interpreter)) {
        hint = ", its interpreter is ";
        more = interpreter;
    }
    snprintf(text, PROGRAM_FILE_REASON_MAX, "%s%s%.128s", strerror(number), hint, more);
    return text;
}
