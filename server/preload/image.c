/* SPDX-License-Identifier: MIT
 *
 * image - see image.h.
 */
#include "server/preload/image.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPT_LEVELS 4   /* scripts whose interpreter is a script */
#define HEAD_MAX      256 /* of a file that the kernel looks at (BINPRM_BUF_SIZE) */
#define LOADER_MAX    256
#define HEADERS_MAX   64

#if __SIZEOF_POINTER__ == 8
#define CLASS ELFCLASS64
#else
#define CLASS ELFCLASS32
#endif

/* The kernel drops LD_PRELOAD's paths where the program gets other rights than its caller. */
static bool has_more_rights(int fd)
{
    struct stat info;
    return fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) ||
           (info.st_mode & (S_ISUID | S_ISGID)) != 0 ||
           fgetxattr(fd, "security.capability", NULL, 0) >= 0;
}

/* The name of the loader, PT_INTERP, of the ELF file FD; false where it has none. */
static bool read_loader(int fd, char loader[LOADER_MAX])
{
    ElfW(Ehdr) head;
    ElfW(Phdr) part;
    if (pread(fd, &head, sizeof head, 0) != sizeof head || head.e_ident[EI_CLASS] != CLASS ||
        head.e_phentsize != sizeof part || head.e_phnum > HEADERS_MAX)
        return false;
    for (int i = 0; i < head.e_phnum; i++) {
        off_t at = (off_t)head.e_phoff + i * (off_t)sizeof part;
        if (pread(fd, &part, sizeof part, at) != sizeof part)
            return false;
        if (part.p_type != PT_INTERP)
            continue;
        return part.p_filesz > 0 && part.p_filesz < LOADER_MAX &&
               pread(fd, loader, part.p_filesz, (off_t)part.p_offset) == (ssize_t)part.p_filesz &&
               loader[part.p_filesz - 1] == '\0';
    }
    return false;
}

/* This process has the library, so its loader is the one to compare with. */
static bool has_our_loader(int fd)
{
    char theirs[LOADER_MAX], ours[LOADER_MAX];
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool known = self >= 0 && read_loader(self, ours);
    if (self >= 0)
        close(self);
    return known && read_loader(fd, theirs) && strcmp(theirs, ours) == 0;
}

/* HEAD begins with "#!": the interpreter's path, NULL where there is none. */
static const char *interpreter(char *head)
{
    char *path = head + 2 + strspn(head + 2, " \t");
    size_t length = strcspn(path, " \t\n");
    if (length == 0 || path[length] == '\0') /* longer than the kernel reads */
        return NULL;
    path[length] = '\0';
    return path;
}

/* Shells try one folder of PATH after the other. */
static bool is_executable(int folder, const char *path)
{
    struct stat info;
    return fstatat(folder, path, &info, 0) == 0 && S_ISREG(info.st_mode) &&
           faccessat(folder, path, X_OK, AT_EACCESS) == 0;
}

static enum image judge_script(char *head, int level);

static enum image judge_file(int folder, const char *path, int level)
{
    char head[HEAD_MAX];
    enum image image = IMAGE_ALIEN;
    if (!is_executable(folder, path))
        return IMAGE_NONE;
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return IMAGE_ALIEN; /* executable, but not for reading: who knows */
    ssize_t length = has_more_rights(fd) ? -1 : pread(fd, head, sizeof head - 1, 0);
    head[length > 0 ? length : 0] = '\0';
    if (strncmp(head, ELFMAG, SELFMAG) == 0 && has_our_loader(fd))
        image = IMAGE_LOADS_US;
    else if (strncmp(head, "#!", 2) == 0)
        image = judge_script(head, level);
    close(fd);
    return image;
}

static enum image judge_script(char *head, int level)
{
    const char *path = interpreter(head);
    return path && level < SCRIPT_LEVELS ? judge_file(AT_FDCWD, path, level + 1) : IMAGE_ALIEN;
}

enum image image_judge(int folder, const char *path, int flags)
{
    char by_number[32];
    if ((flags & AT_EMPTY_PATH) && path[0] == '\0') {
        snprintf(by_number, sizeof by_number, "/proc/self/fd/%d", folder);
        path = by_number;
    }
    return judge_file(folder, path, 0);
}

bool image_find(const char *name, char *path, size_t room)
{
    const char *folders = getenv("PATH");
    if (strchr(name, '/')) {
        int length = snprintf(path, room, "%s", name);
        return length > 0 && (size_t)length < room;
    }
    for (folders = folders ? folders : "/bin:/usr/bin"; folders;) {
        int length = (int)strcspn(folders, ":");
        int whole = snprintf(path, room, "%.*s%s%s", length, folders, length > 0 ? "/" : "", name);
        if (whole > 0 && (size_t)whole < room && is_executable(AT_FDCWD, path))
            return true;
        folders = folders[length] ? folders + length + 1 : NULL;
    }
    return false;
}
