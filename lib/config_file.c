/* SPDX-License-Identifier: MIT
 *
 * config_file - can this file, and what it includes, be read without waiting, and be believed?
 *
 * libconfig opens whatever @include names; a pipe would hold us for ever. So every file is looked
 * at first: it must be a regular one of reasonable size, and includes may not go too deep. And
 * libconfig takes some integers for other ones (config_number.h).
 */
#include "lib/config_reader.h"

#include "lib/config_number.h"
#include "lib/memory.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SIZE_MAX_BYTES (1 << 20)
#define DEPTH_MAX      8
#define COUNT_MAX      1000 /* a few files that include each other many times are as good as a loop */

struct includes {
    struct config_reader *reader;
    int depth, count;
};

static void look(struct includes *in, const char *file, const char *by, unsigned line);

enum config_file_risk config_file_judge(const struct stat *about)
{
    bool own_names = S_ISDIR(about->st_mode) && (about->st_mode & S_ISVTX);
    if (about->st_uid != 0)
        return CONFIG_FILE_OWNER;
    if (S_ISLNK(about->st_mode) || own_names || !(about->st_mode & (S_IWGRP | S_IWOTH)))
        return CONFIG_FILE_SAFE;
    return CONFIG_FILE_MODE;
}

/* Whose PATH, called WHAT, is; NULL where nothing is wrong, otherwise to be freed. On a file system
 * that is mounted read-only, modes promise what nobody can do. */
static char *exposure(const char *what, const char *path, bool follow)
{
    struct stat about;
    struct statvfs where;
    if ((follow ? stat(path, &about) : lstat(path, &about)) < 0)
        return NULL; /* opening it tells */
    enum config_file_risk risk = config_file_judge(&about);
    if (risk == CONFIG_FILE_OWNER)
        return memory_printf("%s belongs to uid %u, not to root; run chown root %s", what,
                             (unsigned)about.st_uid, path);
    if (risk == CONFIG_FILE_MODE && (statvfs(path, &where) < 0 || !(where.f_flag & ST_RDONLY)))
        return memory_printf("%s can be written by others than root; run chmod go-w %s", what,
                             path);
    return NULL;
}

/* FILE, a link at its place, and the folder that has it under that name. */
static char *exposed(const char *file)
{
    char *folder = config_file_folder(file);
    char *problem = exposure("it", file, true);
    if (!problem)
        problem = exposure("the link", file, false);
    if (!problem)
        problem = exposure("its folder", folder, true);
    free(folder);
    return problem;
}

/* Whoever can change a file that root acts on is root. A link leads to another folder. */
static char *distrust(const char *file)
{
    if (geteuid() != 0)
        return NULL;
    char *problem = exposed(file), *target = problem ? NULL : realpath(file, NULL);
    if (target)
        problem = exposed(target);
    free(target);
    return problem;
}

/* What is wrong with FILE, NULL where nothing is; to be freed. */
static char *fault(const char *file)
{
    struct stat about;
    if (stat(file, &about) < 0)
        return memory_string(strerror(errno));
    if (!S_ISREG(about.st_mode))
        return memory_string("not a regular file");
    if (about.st_size > SIZE_MAX_BYTES)
        return memory_string("larger than 1 MiB");
    return distrust(file);
}

/* The name behind @include at the start of LINE, cut out of it; NULL where it is another line. */
static char *included_name(char *line)
{
    line += strspn(line, " \t");
    if (strncmp(line, "@include", 8) != 0)
        return NULL;
    char *name = strchr(line, '"');
    char *end = name ? strchr(name + 1, '"') : NULL;
    if (!end)
        return NULL;
    *end = '\0';
    return name + 1;
}

static void check_numbers(struct config_reader *reader, const char *file, unsigned number,
                          const char *line, enum config_number_state *state)
{
    size_t length;
    const char *at = line, *word;
    while ((word = config_number_find(&at, state, &length))) {
        char *text = memory_printf("%.*s is too large; an integer of more than 32 bits is written "
                                   "with an L behind it (5000000000L)",
                                   (int)length, word);
        config_complain_at(reader, file, number, text);
        free(text);
    }
}

/* The include of FILE in line LINE of BY. */
static void refuse(const struct includes *in, const char *file, const char *by, unsigned line,
                   const char *problem)
{
    char *text = memory_printf("cannot include %s: %s", file, problem);
    config_complain_at(in->reader, by, line, text);
    free(text);
}

/* Before version 1.7 libconfig puts the folder in front of absolute names, too. */
static bool is_usable(const char *name)
{
    return name[0] != '/' || LIBCONFIG_VER_MAJOR > 1 || LIBCONFIG_VER_MINOR >= 7;
}

/* Line NUMBER of FILE, which begins neither in a string nor in a comment. */
static void follow(struct includes *in, const char *file, unsigned number, char *line)
{
    const char *name = included_name(line);
    if (!name)
        return;
    char *path =
        name[0] == '/' ? memory_string(name) : memory_printf("%s/%s", in->reader->folder, name);
    if (is_usable(name))
        look(in, path, file, number);
    else
        refuse(in, path, file, number,
               "this version of libconfig takes no absolute names; write one that is relative to "
               "the folder of the main file");
    free(path);
}

static void look_inside(struct includes *in, const char *file)
{
    enum config_number_state state = CONFIG_NUMBER_CODE;
    unsigned opened = 0; /* the line where what STATE is began */
    char *line = NULL;
    size_t room = 0;
    FILE *stream = fopen(file, "re");
    for (unsigned number = 1; stream && getline(&line, &room, stream) >= 0; number++) {
        bool code = state == CONFIG_NUMBER_CODE;
        if (code)
            opened = number;
        check_numbers(in->reader, file, number, line, &state);
        if (code)
            follow(in, file, number, line);
    }
    if (state == CONFIG_NUMBER_STRING)
        config_complain_at(in->reader, file, opened, "a string begins here and does not end");
    if (state == CONFIG_NUMBER_COMMENT)
        config_complain_at(in->reader, file, opened, "a comment begins here and does not end");
    free(line);
    if (stream)
        fclose(stream);
}

static char *include_fault(const struct includes *in, const char *file)
{
    if (in->count > COUNT_MAX)
        return memory_printf("too many includes (%d at most)", COUNT_MAX);
    return in->depth == DEPTH_MAX ? memory_string("includes go too deep") : fault(file);
}

/* FILE was named in line LINE of the file BY. */
static void look(struct includes *in, const char *file, const char *by, unsigned line)
{
    if (in->count > COUNT_MAX)
        return; /* it was told */
    in->count++;
    char *problem = include_fault(in, file);
    if (problem) {
        refuse(in, file, by, line, problem);
        free(problem);
        return;
    }
    in->depth++;
    look_inside(in, file);
    in->depth--;
}

char *config_file_folder(const char *file)
{
    const char *slash = strrchr(file, '/');
    if (!slash)
        return memory_string(".");
    return memory_printf("%.*s", slash == file ? 1 : (int)(slash - file), file);
}

int config_file_check(struct config_reader *reader, const char *file, struct buffer *errors)
{
    struct includes in = {.reader = reader};
    char *problem = fault(file);
    if (problem)
        buffer_printf(errors, "%s: %s\n", file, problem);
    else
        look_inside(&in, file);
    free(problem);
    return problem || reader->error_count > 0 ? -1 : 0;
}
