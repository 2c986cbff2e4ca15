/* SPDX-License-Identifier: MIT
 *
 * config_file - can this file, and what it includes, be read without waiting?
 *
 * libconfig opens whatever @include names; a pipe would hold us for ever. So every file is looked
 * at first: it must be a regular one of reasonable size, and includes may not go too deep.
 */
#include "lib/config_reader.h"

#include "lib/memory.h"

#include <errno.h>
#include <sys/stat.h>

#define SIZE_MAX_BYTES (1 << 20)
#define DEPTH_MAX      8

struct includes {
    struct config_reader *reader;
    const char *folder; /* relative names start here, as in libconfig: the top file's folder */
    int depth;
};

static void look(struct includes *in, const char *file, const char *by, unsigned line);

/* What is wrong with FILE, NULL where nothing is. */
static const char *fault(const char *file)
{
    struct stat about;
    if (stat(file, &about) < 0)
        return strerror(errno);
    if (!S_ISREG(about.st_mode))
        return "not a regular file";
    return about.st_size > SIZE_MAX_BYTES ? "larger than 1 MiB" : NULL;
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

static void look_inside(struct includes *in, const char *file)
{
    char *line = NULL;
    size_t room = 0;
    FILE *stream = fopen(file, "re");
    for (unsigned number = 1; stream && getline(&line, &room, stream) >= 0; number++) {
        const char *name = included_name(line);
        if (!name)
            continue;
        char *path =
            name[0] == '/' ? memory_string(name) : memory_printf("%s/%s", in->folder, name);
        look(in, path, file, number);
        free(path);
    }
    free(line);
    if (stream)
        fclose(stream);
}

/* FILE was named in line LINE of the file BY. */
static void look(struct includes *in, const char *file, const char *by, unsigned line)
{
    const char *problem = in->depth == DEPTH_MAX ? "includes go too deep" : fault(file);
    if (problem) {
        char *text = memory_printf("cannot include %s: %s", file, problem);
        config_complain_at(in->reader, by, line, text);
        free(text);
        return;
    }
    in->depth++;
    look_inside(in, file);
    in->depth--;
}

int config_file_check(struct config_reader *reader, const char *file, const char *folder,
                      struct buffer *errors)
{
    struct includes in = {.reader = reader, .folder = folder};
    const char *problem = fault(file);
    if (problem)
        buffer_printf(errors, "%s: %s\n", file, problem);
    else
        look_inside(&in, file);
    return problem || reader->error_count > 0 ? -1 : 0;
}
