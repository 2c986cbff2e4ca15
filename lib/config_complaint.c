/* SPDX-License-Identifier: MIT
 *
 * config_complaint - every error of a configuration, collected while it is read and printed in the
 * order of the file.
 */
#include "lib/config_reader.h"

#include "lib/memory.h"

#include <stdarg.h>

static void add(struct config_reader *reader, struct config_complaint complaint)
{
    size_t size = (size_t)(reader->error_count + 1) * sizeof *reader->complaints;
    reader->complaints = memory_resize(reader->complaints, size);
    reader->complaints[reader->error_count++] = complaint;
}

/* A complaint is one line of text, whatever is in the words that it repeats. */
static char *one_line(const char *text)
{
    struct buffer out = {0};
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c == 0x7F)
            buffer_printf(&out, "\\x%02x", c);
        else
            buffer_append(&out, text, 1);
    }
    return out.data ? out.data : memory_string("");
}

void config_complain_at(struct config_reader *reader, const char *file, unsigned line,
                        const char *text)
{
    add(reader, (struct config_complaint){
                    .file = memory_string(file), .line = line ? line : 1, .text = one_line(text)});
}

/* Before version 1.7 libconfig calls an include as it is written. */
static char *full_name(const struct config_reader *reader, const char *name)
{
    if (name && name[0] != '/' && reader->folder)
        return memory_printf("%s/%s", reader->folder, name);
    return memory_string(name ? name : reader->file);
}

void config_complain_parsed(struct config_reader *reader, const char *name, unsigned line,
                            const char *text)
{
    char *file = full_name(reader, name);
    config_complain_at(reader, file, line, text);
    free(file);
}

/* The end of a text that did not fit says so, and is no half character. */
static void mark_cut(char *text, size_t size)
{
    static const char mark[] = "…";
    size_t at = size - sizeof mark;
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    memcpy(text + at, mark, sizeof mark);
}

void config_complain(struct config_reader *reader, const config_setting_t *setting,
                     const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length >= (int)sizeof text)
        mark_cut(text, sizeof text);
    config_complain_parsed(reader, config_setting_source_file(setting),
                           config_setting_source_line(setting), text);
}

static int by_place(const struct config_complaint *a, const struct config_complaint *b)
{
    int files = strcmp(a->file, b->file);
    if (files != 0)
        return files;
    return a->line < b->line ? -1 : a->line > b->line;
}

/* Few enough for an insertion sort, which keeps the order of those of one line. */
static void sort(struct config_complaint *list, int count)
{
    for (int i = 1; i < count; i++) {
        struct config_complaint moving = list[i];
        int k = i;
        for (; k > 0 && by_place(&list[k - 1], &moving) > 0; k--)
            list[k] = list[k - 1];
        list[k] = moving;
    }
}

void config_complaints_print(struct config_reader *reader, struct buffer *out)
{
    if (reader->lines)
        sort(reader->complaints, reader->error_count);
    for (int i = 0; i < reader->error_count; i++) {
        struct config_complaint *complaint = &reader->complaints[i];
        if (reader->lines)
            buffer_printf(out, "%s:%u: %s\n", complaint->file, complaint->line, complaint->text);
        else
            buffer_printf(out, "%s: %s\n", complaint->file, complaint->text);
        free(complaint->file);
        free(complaint->text);
    }
    free(reader->complaints);
    reader->complaints = NULL;
    reader->error_count = 0;
}

char *config_place_text(const struct config_reader *reader, const config_setting_t *setting)
{
    if (!reader->lines || !setting)
        return memory_string(reader->file);
    char *file = full_name(reader, config_setting_source_file(setting));
    char *place = memory_printf("%s:%u", file, config_setting_source_line(setting));
    free(file);
    return place;
}
