/* SPDX-License-Identifier: MIT
 *
 * upgrade_codec - see upgrade_codec.h.
 */
#include "supervisor/upgrade_codec.h"

#include "lib/memory.h"

#include <stdbool.h>

#define ITEM_HEAD 6 /* tag and length */

void upgrade_codec_put(struct buffer *out, uint64_t value, size_t size)
{
    char *at = buffer_reserve(out, size);
    for (size_t i = 0; i < size; i++, value >>= 8)
        at[i] = (char)(value & 0xFF);
    out->length += size;
}

uint64_t upgrade_codec_get(const unsigned char *at, size_t size)
{
    uint64_t value = 0;
    while (size-- > 0)
        value = value << 8 | at[size];
    return value;
}

void upgrade_codec_defaults(const struct upgrade_field *fields, void *row)
{
    for (; fields->tag; fields++) {
        void *at = (char *)row + fields->offset;
        if (fields->kind == UPGRADE_NUMBER)
            *(int64_t *)at = fields->fallback;
        else if (fields->kind == UPGRADE_FLAG)
            *(bool *)at = false;
        else if (fields->kind == UPGRADE_TEXT)
            *(char **)at = NULL;
        else if (fields->kind == UPGRADE_FD)
            *(int *)at = -1;
        else
            memset(at, 0, (size_t)fields->high * sizeof(uint64_t));
    }
}

void upgrade_codec_release(const struct upgrade_field *fields, void *row)
{
    for (; fields->tag; fields++)
        if (fields->kind == UPGRADE_TEXT)
            free(*(char **)(void *)((char *)row + fields->offset));
}

static void begin_item(struct buffer *out, uint16_t tag, size_t length)
{
    upgrade_codec_put(out, tag, 2);
    upgrade_codec_put(out, length, 4);
}

static void write_number(struct buffer *out, uint16_t tag, int64_t value)
{
    begin_item(out, tag, 8);
    upgrade_codec_put(out, (uint64_t)value, 8);
}

static void write_text(struct buffer *out, uint16_t tag, const char *text)
{
    if (!text)
        return;
    begin_item(out, tag, strlen(text));
    buffer_append(out, text, strlen(text));
}

static void write_counts(struct buffer *out, uint16_t tag, const uint64_t *counts, size_t count)
{
    begin_item(out, tag, 8 * count);
    for (size_t i = 0; i < count; i++)
        upgrade_codec_put(out, counts[i], 8);
}

static void write_field(struct buffer *out, const struct upgrade_field *field, const void *at)
{
    switch (field->kind) {
    case UPGRADE_NUMBER:
        write_number(out, field->tag, *(const int64_t *)at);
        break;
    case UPGRADE_FLAG:
        begin_item(out, field->tag, 1);
        upgrade_codec_put(out, *(const bool *)at, 1);
        break;
    case UPGRADE_TEXT:
        write_text(out, field->tag, *(char *const *)at);
        break;
    case UPGRADE_FD:
        write_number(out, field->tag, *(const int *)at);
        break;
    case UPGRADE_COUNTS:
        write_counts(out, field->tag, at, (size_t)field->high);
        break;
    }
}

void upgrade_codec_write(struct buffer *out, uint16_t tag, const struct upgrade_field *fields,
                         const void *row)
{
    struct buffer record = {0};
    for (; fields->tag; fields++)
        write_field(&record, fields, (const char *)row + fields->offset);
    begin_item(out, tag, record.length);
    buffer_append(out, record.data, record.length);
    buffer_release(&record);
}

int upgrade_codec_item(struct upgrade_bytes *bytes, uint16_t *tag, struct upgrade_bytes *item,
                       struct error *error)
{
    if (bytes->left < ITEM_HEAD)
        return error_set(error, EXIT_CODE_SOFTWARE, "it is cut");
    *tag = (uint16_t)upgrade_codec_get(bytes->at, 2);
    item->left = (size_t)upgrade_codec_get(bytes->at + 2, 4);
    item->at = bytes->at + ITEM_HEAD;
    if (item->left > bytes->left - ITEM_HEAD)
        return error_set(error, EXIT_CODE_SOFTWARE, "it is cut");
    bytes->at = item->at + item->left;
    bytes->left -= ITEM_HEAD + item->left;
    return 0;
}

static int read_number(struct upgrade_bytes item, const struct upgrade_field *field,
                       int64_t *number)
{
    if (item.left != 8)
        return -1;
    *number = (int64_t)upgrade_codec_get(item.at, 8);
    /* What the writer had not set either is as if it were missing. */
    return *number == field->fallback || (*number >= field->low && *number <= field->high) ? 0 : -1;
}

static int read_fd(struct upgrade_bytes item, int *fd)
{
    static const struct upgrade_field range = {.fallback = -1, .low = 0, .high = UPGRADE_FD_MAX};
    int64_t number;
    if (read_number(item, &range, &number) < 0)
        return -1;
    *fd = (int)number;
    return 0;
}

static int read_text(struct upgrade_bytes item, char **text)
{
    if (memchr(item.at, '\0', item.left))
        return -1;
    *text = memory_zeroed(item.left + 1, 1);
    memcpy(*text, item.at, item.left);
    return 0;
}

static int read_counts(struct upgrade_bytes item, uint64_t *counts, size_t count)
{
    if (item.left % 8 != 0)
        return -1;
    for (size_t i = 0; i < count && 8 * i < item.left; i++)
        counts[i] = upgrade_codec_get(item.at + 8 * i, 8);
    return 0;
}

static int read_flag(struct upgrade_bytes item, bool *flag)
{
    if (item.left != 1 || item.at[0] > 1)
        return -1;
    *flag = item.at[0] == 1;
    return 0;
}

static int read_field(struct upgrade_bytes item, const struct upgrade_field *field, void *at)
{
    switch (field->kind) {
    case UPGRADE_NUMBER:
        return read_number(item, field, at);
    case UPGRADE_FLAG:
        return read_flag(item, at);
    case UPGRADE_TEXT:
        return read_text(item, at);
    case UPGRADE_FD:
        return read_fd(item, at);
    default:
        return read_counts(item, at, (size_t)field->high);
    }
}

int upgrade_codec_read(struct upgrade_bytes record, const struct upgrade_field *fields, void *row,
                       struct error *error)
{
    bool seen[UPGRADE_FIELDS_MAX] = {false};
    struct upgrade_bytes item;
    uint16_t tag;
    while (record.left > 0) {
        if (upgrade_codec_item(&record, &tag, &item, error) < 0)
            return -1;
        size_t i = 0;
        while (fields[i].tag && fields[i].tag != tag)
            i++;
        if (!fields[i].tag)
            continue; /* of another version */
        if (seen[i] || read_field(item, &fields[i], (char *)row + fields[i].offset) < 0)
            return error_set(error, EXIT_CODE_SOFTWARE, "its field %s is broken", fields[i].name);
        seen[i] = true;
    }
    return 0;
}
