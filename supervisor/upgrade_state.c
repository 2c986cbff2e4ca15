/* SPDX-License-Identifier: MIT
 *
 * upgrade_state - see upgrade_state.h.
 */
#include "supervisor/upgrade_state.h"

#include "lib/memory.h"

#include <unistd.h>

/* The file: magic, version of the writer, least version of a reader, length of all; records. */
#define MAGIC      "prefork\001"
#define MAGIC_SIZE 8
#define HEAD_SIZE  (MAGIC_SIZE + 3 * 4)

#define DAEMON_TAG 1

/* The tables. HERE is the structure whose rows follow. */
#define NUMBER(tag, name, ...) {tag, UPGRADE_NUMBER, #name, offsetof(HERE, name), __VA_ARGS__},
#define FLAG(tag, name)        {tag, UPGRADE_FLAG, #name, offsetof(HERE, name), 0, 0, 0},
#define TEXT(tag, name)        {tag, UPGRADE_TEXT, #name, offsetof(HERE, name), 0, 0, 0},
#define FD(tag, name)          {tag, UPGRADE_FD, #name, offsetof(HERE, name), 0, 0, 0},
#define COUNTS(tag, name, how_many)                                                                \
    {tag, UPGRADE_COUNTS, #name, offsetof(HERE, name), 0, 0, how_many},
#define END                                                                                        \
    {                                                                                              \
        0, UPGRADE_FLAG, NULL, 0, 0, 0, 0                                                          \
    }

#define HERE struct upgrade_daemon
static const struct upgrade_field DAEMON_FIELDS[] = {UPGRADE_DAEMON_FIELDS END};
#undef HERE
#define HERE struct upgrade_listener
static const struct upgrade_field LISTENER_FIELDS[] = {UPGRADE_LISTENER_FIELDS END};
#undef HERE
#define HERE struct upgrade_inherited
static const struct upgrade_field INHERITED_FIELDS[] = {UPGRADE_INHERITED_FIELDS END};
#undef HERE
#define HERE struct upgrade_service
static const struct upgrade_field SERVICE_FIELDS[] = {UPGRADE_SERVICE_FIELDS END};
#undef HERE
#define HERE struct upgrade_pool
static const struct upgrade_field POOL_FIELDS[] = {UPGRADE_POOL_FIELDS END};
#undef HERE
#define HERE struct upgrade_orphan
static const struct upgrade_field ORPHAN_FIELDS[] = {UPGRADE_ORPHAN_FIELDS END};
#undef HERE
#define HERE struct upgrade_client
static const struct upgrade_field CLIENT_FIELDS[] = {UPGRADE_CLIENT_FIELDS END};
#undef HERE

static const struct record {
    uint16_t tag;
    const char *name;
    size_t size;        /* of a row */
    size_t rows, count; /* where they are in struct upgrade_state */
    const struct upgrade_field *fields;
} RECORDS[UPGRADE_RECORD_COUNT] = {
#define RECORD(tag, name, NAME)                                                                    \
    [UPGRADE_##NAME] = {tag,                                                                       \
                        #name,                                                                     \
                        sizeof(struct upgrade_##name),                                             \
                        offsetof(struct upgrade_state, name),                                      \
                        offsetof(struct upgrade_state, name##_count),                              \
                        NAME##_FIELDS},
    UPGRADE_RECORDS(RECORD)
#undef RECORD
};

static size_t *count_of(const struct upgrade_state *state, const struct record *record)
{
    return (size_t *)(void *)((char *)(uintptr_t)state + record->count);
}

/* The pointers have types of their own: they are copied, not read as another type. */
static char *rows_of(const struct upgrade_state *state, const struct record *record)
{
    void *rows;
    memcpy(&rows, (const char *)state + record->rows, sizeof rows);
    return rows;
}

static void *row_of(const struct upgrade_state *state, const struct record *record, size_t i)
{
    return rows_of(state, record) + i * record->size;
}

struct upgrade_state *upgrade_state_new(void)
{
    struct upgrade_state *state = memory_zeroed(1, sizeof *state);
    upgrade_codec_defaults(DAEMON_FIELDS, &state->daemon);
    return state;
}

void upgrade_state_free(struct upgrade_state *state)
{
    if (!state)
        return;
    upgrade_codec_release(DAEMON_FIELDS, &state->daemon);
    for (const struct record *r = RECORDS; r < RECORDS + UPGRADE_RECORD_COUNT; r++) {
        for (size_t i = 0; i < *count_of(state, r); i++)
            upgrade_codec_release(r->fields, row_of(state, r, i));
        free(rows_of(state, r));
    }
    free(state);
}

static void *add(struct upgrade_state *state, const struct record *record)
{
    size_t *count = count_of(state, record);
    char *rows = rows_of(state, record);
    /* Room for 1, 2, 4, … rows. */
    if ((*count & (*count - 1)) == 0)
        rows = memory_resize(rows, (*count ? 2 * *count : 1) * record->size);
    memcpy((char *)state + record->rows, &rows, sizeof rows);
    void *row = rows + (*count)++ * record->size;
    upgrade_codec_defaults(record->fields, row);
    return row;
}

void *upgrade_state_add(struct upgrade_state *state, enum upgrade_record record)
{
    return add(state, &RECORDS[record]);
}

void upgrade_state_write(const struct upgrade_state *state, struct buffer *out)
{
    struct buffer records = {0};
    upgrade_codec_write(&records, DAEMON_TAG, DAEMON_FIELDS, &state->daemon);
    for (const struct record *r = RECORDS; r < RECORDS + UPGRADE_RECORD_COUNT; r++)
        for (size_t i = 0; i < *count_of(state, r); i++)
            upgrade_codec_write(&records, r->tag, r->fields, row_of(state, r, i));
    buffer_append(out, MAGIC, MAGIC_SIZE);
    upgrade_codec_put(out, UPGRADE_STATE_VERSION, 4);
    upgrade_codec_put(out, UPGRADE_STATE_LEAST, 4);
    upgrade_codec_put(out, HEAD_SIZE + records.length, 4);
    buffer_append(out, records.data, records.length);
    buffer_release(&records);
}

/* The head is taken off BYTES. */
static int read_head(struct upgrade_bytes *bytes, struct error *error)
{
    if (bytes->left < HEAD_SIZE || memcmp(bytes->at, MAGIC, MAGIC_SIZE) != 0)
        return error_set(error, EXIT_CODE_SOFTWARE, "it is no state of preforkd");
    unsigned version = (unsigned)upgrade_codec_get(bytes->at + MAGIC_SIZE, 4);
    unsigned least = (unsigned)upgrade_codec_get(bytes->at + MAGIC_SIZE + 4, 4);
    if (least > UPGRADE_STATE_VERSION)
        return error_set(error, EXIT_CODE_SOFTWARE,
                         "it is of version %u, which only versions from %u on can read, and this "
                         "one is %u",
                         version, least, UPGRADE_STATE_VERSION);
    if (upgrade_codec_get(bytes->at + MAGIC_SIZE + 8, 4) != bytes->left)
        return error_set(error, EXIT_CODE_SOFTWARE, "it is cut");
    bytes->at += HEAD_SIZE;
    bytes->left -= HEAD_SIZE;
    return 0;
}

static int read_record(struct upgrade_state *state, uint16_t tag, struct upgrade_bytes item,
                       struct error *error)
{
    struct error why;
    for (const struct record *r = RECORDS; r < RECORDS + UPGRADE_RECORD_COUNT; r++)
        if (r->tag == tag && upgrade_codec_read(item, r->fields, add(state, r), &why) < 0)
            return error_set(error, why.code, "record %zu of %s: %.512s", *count_of(state, r),
                             r->name, why.text);
    return 0; /* of another version */
}

/* The daemon's comes first, once. */
static int read_records(struct upgrade_state *state, struct upgrade_bytes *bytes,
                        struct error *error)
{
    struct upgrade_bytes item;
    uint16_t tag = 0;
    if (upgrade_codec_item(bytes, &tag, &item, error) < 0)
        return -1;
    if (tag != DAEMON_TAG)
        return error_set(error, EXIT_CODE_SOFTWARE, "it does not begin with the daemon");
    if (upgrade_codec_read(item, DAEMON_FIELDS, &state->daemon, error) < 0)
        return -1;
    while (bytes->left > 0)
        if (upgrade_codec_item(bytes, &tag, &item, error) < 0 ||
            read_record(state, tag, item, error) < 0)
            return -1;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const int *one = a, *other = b;
    return (*one > *other) - (*one < *other);
}

static size_t take_fds(const struct upgrade_field *fields, const void *row, int *fds)
{
    size_t count = 0;
    for (; fields->tag; fields++) {
        const void *at = (const char *)row + fields->offset;
        if (fields->kind == UPGRADE_FD && *(const int *)at >= 0)
            fds[count++] = *(const int *)at;
    }
    return count;
}

int *upgrade_state_fds(const struct upgrade_state *state, size_t *count)
{
    size_t rows = 1;
    for (const struct record *r = RECORDS; r < RECORDS + UPGRADE_RECORD_COUNT; r++)
        rows += *count_of(state, r);
    int *fds = memory_zeroed(rows * UPGRADE_FIELDS_MAX, sizeof *fds);
    *count = take_fds(DAEMON_FIELDS, &state->daemon, fds);
    for (const struct record *r = RECORDS; r < RECORDS + UPGRADE_RECORD_COUNT; r++)
        for (size_t i = 0; i < *count_of(state, r); i++)
            *count += take_fds(r->fields, row_of(state, r, i), fds + *count);
    qsort(fds, *count, sizeof *fds, compare);
    return fds;
}

/* Whoever takes one over closes it one day: it must be nobody else's. */
static int check_fds(const struct upgrade_state *state, struct error *error)
{
    size_t count;
    int *fds = upgrade_state_fds(state, &count);
    int wrong = count > 0 && fds[0] <= STDERR_FILENO ? fds[0] : -1;
    for (size_t i = 1; i < count; i++)
        if (fds[i] == fds[i - 1])
            wrong = fds[i];
    free(fds);
    return wrong < 0
               ? 0
               : error_set(error, EXIT_CODE_SOFTWARE, "its descriptor %d has two owners", wrong);
}

struct upgrade_state *upgrade_state_read(const void *bytes, size_t length, struct error *error)
{
    struct upgrade_bytes left = {bytes, length};
    struct upgrade_state *state = upgrade_state_new();
    struct error why;
    if (read_head(&left, &why) == 0 && read_records(state, &left, &why) == 0 &&
        check_fds(state, &why) == 0)
        return state;
    error_set(error, why.code, "the state of the running preforkd cannot be read: %.1024s",
              why.text);
    upgrade_state_free(state);
    return NULL;
}
