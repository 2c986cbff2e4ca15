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

#define HEAD_MAX         256       /* of a file; as much of a #! line as Linux reads, execve(2) */
#define INTERPRETERS_MAX 5         /* and as many interpreters of interpreters */
#define SHOWN            "%.1024s" /* of a path, so that there is room for what is wrong with it */

/* "FOLDER/NAME"; the first LENGTH bytes of FOLDER. False where that is too long. */
static bool join(char path[static PATH_MAX], const char *folder, size_t length, const char *name)
{
    int written = snprintf(path, PATH_MAX, "%.*s/%s", (int)length, folder, name);
    return written > 0 && written < PATH_MAX;
}

/* NAME in an element of PATH: one that is empty or relative means the directory of the program. */
static bool join_element(char path[static PATH_MAX], const char *directory, const char *element,
                         size_t length, const char *name)
{
    char folder[PATH_MAX];
    if (length > 0 && element[0] == '/')
        return join(path, element, length, name);
    int written = snprintf(folder, sizeof folder, "%s%s%.*s", directory, length > 0 ? "/" : "",
                           (int)length, element);
    return written < PATH_MAX && join(path, folder, strlen(folder), name);
}

/* 0, or the errno of the most telling failure: one that exists beats one that does not. */
static int search_path(char path[static PATH_MAX], const char *name, const char *directory,
                       const char *search)
{
    int failure = ENOENT;
    struct stat about;
    for (const char *at = search;; at++) {
        size_t length = strcspn(at, ":");
        bool there = join_element(path, directory, at, length, name) && stat(path, &about) == 0;
        if (there && S_ISREG(about.st_mode) && access(path, X_OK) == 0)
            return 0;
        if (there ? S_ISREG(about.st_mode) : errno == EACCES)
            failure = EACCES;
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
    return (stat(path, &about) == 0 && (about.st_mode & (S_ISUID | S_ISGID)) != 0) ||
           getxattr(path, "security.capability", NULL, 0) > 0;
}

static bool read_at(int fd, void *bytes, size_t length, uint64_t offset)
{
    return pread(fd, bytes, length, (off_t)offset) == (ssize_t)length;
}

/* The dynamic linker that the program on FD names (PT_INTERP), "" where it names none. Only files
 * whose words are as long as ours are looked into. */
static void read_linker(int fd, char linker[static HEAD_MAX + 1])
{
    ElfW(Ehdr) header;
    ElfW(Phdr) part = {0};
    linker[0] = '\0';
    if (!read_at(fd, &header, sizeof header, 0) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_phentsize != sizeof part)
        return;
    for (unsigned i = 0; i < header.e_phnum && part.p_type != PT_INTERP; i++)
        if (!read_at(fd, &part, sizeof part, header.e_phoff + i * sizeof part))
            return;
    if (part.p_type != PT_INTERP || part.p_filesz > HEAD_MAX)
        return;
    ssize_t got = pread(fd, linker, part.p_filesz, (off_t)part.p_offset);
    linker[got > 0 ? got : 0] = '\0';
}

static const char *linker_of(const char *path, char linker[static HEAD_MAX + 1])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    linker[0] = '\0';
    if (fd >= 0)
        read_linker(fd, linker);
    fds_close(&fd);
    return linker;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The library was made for the C library, and the machine, that we were made for; the names of
 * their dynamic linkers differ. */
static const char *unlinkable(const char *path)
{
    char linker[HEAD_MAX + 1], ours[HEAD_MAX + 1];
    if (linker_of(path, linker)[0] == '\0')
        return "it is statically linked";
    if (linker_of("/proc/self/exe", ours)[0] != '\0' &&
        strcmp(last_part(linker), last_part(ours)) != 0)
        return "its dynamic linker is not that of preforkd";
    return NULL;
}

/* Only at the end of the chain is privilege gained: Linux takes no notice of a script's bits. */
static const char *unpreloadable(const char *program)
{
    char path[PATH_MAX], head[HEAD_MAX + 1];
    snprintf(path, sizeof path, "%s", program);
    for (int i = 0; i <= INTERPRETERS_MAX; i++) {
        bool readable = read_head(path, head) >= 0;
        if (readable && interpreter_of(head, path))
            continue;
        if (gains_privilege(path))
            return "it is set-user-ID, set-group-ID or has capabilities";
        return readable ? unlinkable(path) : "it cannot be read";
    }
    return "its interpreters do not end";
}

/* A relative path begins in DIRECTORY. */
static int find_path(struct program_file *file, const char *name, const char *directory,
                     const char *search, struct error *error)
{
    if (!strchr(name, '/')) {
        int failure = search_path(file->path, name, directory, search);
        return failure == 0
                   ? 0
                   : error_set(error, EXIT_CODE_CONFIG, "command \"" SHOWN "\" in " SHOWN ": %s",
                               name, search, strerror(failure));
    }
    bool fits = name[0] == '/' ? strlen(name) < PATH_MAX
                               : join(file->path, directory, strlen(directory), name);
    if (!fits)
        return error_set(error, EXIT_CODE_CONFIG, "command \"" SHOWN "\": the path is too long",
                         name);
    if (name[0] == '/')
        memcpy(file->path, name, strlen(name) + 1);
    return 0;
}

int program_file_find(struct program_file *file, const char *name, const char *directory,
                      const char *search, struct error *error)
{
    struct stat about;
    if (find_path(file, name, directory, search, error) < 0)
        return -1;
    if (stat(file->path, &about) < 0)
        return error_set_errno(error, EXIT_CODE_CONFIG, "command " SHOWN, file->path);
    if (S_ISDIR(about.st_mode))
        return error_set(error, EXIT_CODE_CONFIG, "command " SHOWN ": Is a directory", file->path);
    file->unpreloadable = unpreloadable(file->path);
    return 0;
}

char *program_file_reason(const struct program_file *file, int number,
                          char text[static PROGRAM_FILE_REASON_MAX])
{
    char head[HEAD_MAX + 1] = "", interpreter[PATH_MAX] = "", linker[HEAD_MAX + 1] = "";
    const char *hint = "", *more = "";
    bool executable = access(file->path, X_OK) == 0;
    read_head(file->path, head);
    if (number == ENOEXEC)
        hint = " (no #! line, or made for another machine)";
    else if ((number == ENOENT || number == EACCES) && executable &&
             interpreter_of(head, interpreter)) {
        size_t length = strlen(interpreter);
        bool dos = interpreter[length - 1] == '\r';
        hint = dos ? "; its first line ends in a carriage return (\\r), as on Windows: "
                   : ", its interpreter is ";
        interpreter[length - dos] = '\0';
        more = interpreter;
    } else if (number == EACCES && !executable) {
        hint = " (this user may not execute it)";
    } else if (number == ENOENT && executable && linker_of(file->path, linker)[0] != '\0') {
        hint = ", its dynamic linker is ";
        more = linker;
    }
    snprintf(text, PROGRAM_FILE_REASON_MAX, "%s%s%.128s", strerror(number), hint, more);
    return text;
}
