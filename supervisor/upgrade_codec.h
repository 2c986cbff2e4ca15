/* SPDX-License-Identifier: MIT
 *
 * upgrade_codec - a structure as tagged, length-prefixed fields, and back. Pure.
 *
 * What one version of preforkd writes, an older or newer one reads: a tag means the same for ever,
 * a field that is not known is skipped, one that is missing keeps its default. All else is strict:
 * a length that does not fit, a value out of range or a field that comes twice is an error.
 *
 *     item    = tag (16 bits) length (32 bits) bytes        numbers are little-endian
 *     record  = an item whose bytes are the items of its fields
 */
#ifndef SUPERVISOR_UPGRADE_CODEC_H
#define SUPERVISOR_UPGRADE_CODEC_H

#include "lib/buffer.h"
#include "lib/error.h"

#include <stddef.h>
#include <stdint.h>

enum upgrade_kind {
    UPGRADE_NUMBER, /* int64_t */
    UPGRADE_FLAG,   /* bool */
    UPGRADE_TEXT,   /* char *, owned; NULL: absent */
    UPGRADE_FD,     /* int; -1: absent */
    UPGRADE_COUNTS, /* uint64_t[high]; a shorter or longer list is no error */
};

struct upgrade_field {
    uint16_t tag; /* 0 ends a table */
    enum upgrade_kind kind;
    const char *name; /* for messages */
    size_t offset;
    int64_t fallback;  /* of a number; it may be out of range, which says "absent" */
    int64_t low, high; /* of a number, inclusive */
};

/* At most that many fields in a table, and the highest descriptor there is. */
#define UPGRADE_FIELDS_MAX 32
#define UPGRADE_FD_MAX     ((1 << 30) - 1)

/* Fill ROW with the defaults of its table. */
void upgrade_codec_defaults(const struct upgrade_field *fields, void *row);

/* Free the texts of ROW. */
void upgrade_codec_release(const struct upgrade_field *fields, void *row);

/* Append ROW as a record. */
void upgrade_codec_write(struct buffer *out, uint16_t tag, const struct upgrade_field *fields,
                         const void *row);

/* Bytes that are being read. */
struct upgrade_bytes {
    const unsigned char *at;
    size_t left;
};

/* Take the next item, at least one byte being left. 0, or -1 with ERROR where it is cut. */
int upgrade_codec_item(struct upgrade_bytes *bytes, uint16_t *tag, struct upgrade_bytes *item,
                       struct error *error);

/* Read the fields of a record into ROW, which holds its defaults. 0, or -1 with ERROR; what ROW
 * holds by then is to be released in either case. */
int upgrade_codec_read(struct upgrade_bytes record, const struct upgrade_field *fields, void *row,
                       struct error *error);

/* A number of SIZE bytes (1 to 8), little-endian. */
void upgrade_codec_put(struct buffer *out, uint64_t value, size_t size);
uint64_t upgrade_codec_get(const unsigned char *at, size_t size);

#endif
