/* SPDX-License-Identifier: MIT
 *
 * frames - a binary protocol: a small store of keys and values that lives as long as the
 * connection.
 *
 * A frame is its length (4 bytes, most significant first) and so many bytes. A request is an
 * operation (1 byte), the length of a key (1 byte), the key, and what is left is the value:
 *
 *     1 SET key value    2 GET key    3 DELETE key    4 COUNT (how many keys, 4 bytes)
 *
 * An answer is 0 (done), 1 (no such key), 2 (no room) or 3 (no request), and the value.
 */
#include <preforkd/handler.h>

#include <stdlib.h>
#include <string.h>

enum { SET = 1, GET, DELETE, COUNT };
enum { DONE, ABSENT, FULL, WRONG };

#define HEAD 2 /* operation and length of the key */

static const struct preforkd_option OPTIONS[] = {
    {"max_frame", PREFORKD_SIZE, "64K", 16, 16 << 20, "the longest request"},
    {"max_keys", PREFORKD_INTEGER, "1000", 1, 1000000, "of one connection"},
    {0},
};

static const char *const COUNTERS[] = {"requests", "wrong_requests", NULL};

struct limits {
    size_t max_frame, max_keys;
};

struct entry {
    unsigned char *bytes; /* the key, and behind it the value */
    size_t key, value;
};

struct store {
    struct entry *entries;
    size_t count;
    unsigned char *frame; /* the request, max_frame bytes */
};

static int pool_init(const struct preforkd_host *host, const struct preforkd_options *options,
                     void **state, char *reason, size_t reason_size)
{
    static struct limits limits;
    (void)reason;
    (void)reason_size;
    limits.max_frame = (size_t)host->option_number(options, "max_frame");
    limits.max_keys = (size_t)host->option_number(options, "max_keys");
    *state = &limits;
    return 0;
}

static int setup(const struct preforkd_host *host, struct preforkd_connection *client, void *state)
{
    const struct limits *limits = state;
    struct store *store = calloc(1, sizeof *store);
    host->set_userdata(client, store);
    if (!store)
        return -1;
    store->entries = calloc(limits->max_keys, sizeof *store->entries);
    store->frame = malloc(limits->max_frame);
    return store->entries && store->frame ? 0 : -1;
}

static void finish(const struct preforkd_host *host, struct preforkd_connection *client,
                   void *state)
{
    struct store *store = host->userdata(client);
    (void)state;
    for (size_t i = 0; store && i < store->count; i++)
        free(store->entries[i].bytes);
    free(store ? store->entries : NULL);
    free(store ? store->frame : NULL);
    free(store);
}

/* A worker serves the next client after this one: what is kept has to be let go of in finish(). */
static struct entry *find(struct store *store, const unsigned char *key, size_t size)
{
    for (size_t i = 0; i < store->count; i++)
        if (store->entries[i].key == size && memcmp(store->entries[i].bytes, key, size) == 0)
            return &store->entries[i];
    return NULL;
}

static int set(struct store *store, const struct limits *limits, const unsigned char *key,
               size_t key_size, size_t value_size)
{
    struct entry *entry = find(store, key, key_size);
    unsigned char *bytes = malloc(key_size + value_size + 1);
    if (!bytes || (!entry && store->count == limits->max_keys)) {
        free(bytes);
        return FULL;
    }
    if (!entry)
        entry = &store->entries[store->count++];
    else
        free(entry->bytes);
    memcpy(bytes, key, key_size + value_size); /* the value stands behind the key */
    *entry = (struct entry){bytes, key_size, value_size};
    return DONE;
}

static void put_number(unsigned char bytes[4], size_t number)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(number >> (24 - 8 * i));
}

static int reply(const struct preforkd_host *host, struct preforkd_connection *client, int status,
                 const void *value, size_t size)
{
    unsigned char head[5];
    put_number(head, size + 1);
    head[4] = (unsigned char)status;
    int result = host->write_all(client, head, sizeof head);
    return result < 0 || size == 0 ? result : host->write_all(client, value, size);
}

static int get(const struct preforkd_host *host, struct preforkd_connection *client,
               struct entry *entry)
{
    if (!entry)
        return reply(host, client, ABSENT, NULL, 0);
    return reply(host, client, DONE, entry->bytes + entry->key, entry->value);
}

static int delete_entry(struct store *store, struct entry *entry)
{
    if (!entry)
        return ABSENT;
    free(entry->bytes);
    *entry = store->entries[--store->count];
    return DONE;
}

/* SIZE bytes are in store->frame. PREFORKD_OK, or below 0 where the client is gone. */
static int serve(const struct preforkd_host *host, struct preforkd_connection *client,
                 const struct limits *limits, struct store *store, size_t size)
{
    const unsigned char *frame = store->frame, *key = frame + HEAD;
    unsigned char number[4];
    host->count(0, 1);
    if (size < HEAD || frame[1] > size - HEAD || frame[0] < SET || frame[0] > COUNT) {
        host->count(1, 1);
        return reply(host, client, WRONG, NULL, 0);
    }
    switch (frame[0]) {
    case SET:
        return reply(host, client, set(store, limits, key, frame[1], size - HEAD - frame[1]), NULL,
                     0);
    case GET:
        return get(host, client, find(store, key, frame[1]));
    case DELETE:
        return reply(host, client, delete_entry(store, find(store, key, frame[1])), NULL, 0);
    default:
        put_number(number, store->count);
        return reply(host, client, DONE, number, sizeof number);
    }
}

/* read_exact() says END only where no frame has begun. */
static int handle(const struct preforkd_host *host, struct preforkd_connection *client, void *state)
{
    const struct limits *limits = state;
    struct store *store = host->userdata(client);
    unsigned char head[4];
    while (host->read_exact(client, head, sizeof head) > 0) {
        size_t size =
            (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        if (size > limits->max_frame) {
            host->log(client, PREFORKD_LOG_WARNING, "frame is too long", NULL, NULL, 0);
            return PREFORKD_ABORT;
        }
        if (size > 0 && host->read_exact(client, store->frame, size) <= 0)
            break;
        if (serve(host, client, limits, store, size) < 0)
            break;
    }
    return PREFORKD_CLOSE;
}

PREFORKD_PLUGIN = {
    PREFORKD_HANDLER("frames"), .options = OPTIONS, .counters = COUNTERS,
    .pool_init = pool_init,     .setup = setup,     .handle = handle,
    .finish = finish,
};
