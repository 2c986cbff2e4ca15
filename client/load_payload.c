/* SPDX-License-Identifier: MIT
 *
 * load_payload - see load_payload.h.
 */
#include "client/load_payload.h"

#include "lib/memory.h"

#include <ctype.h>

/* Letters and digits only: readable in a server's log, and unchanged by most encodings. */
static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

void load_payload_init(struct load_payload *p, size_t size_bytes, bool upper, bool lines)
{
    size_t length = size_bytes + LOAD_PAYLOAD_OFFSETS;
    uint64_t state = 1;
    *p = (struct load_payload){.size_bytes = size_bytes, .lines = lines};
    p->sent = memory_zeroed(length, 1);
    p->expected = memory_zeroed(length, 1);
    for (size_t i = 0; i < length; i++) {
        /* Knuth's MMIX constants: the same text in every run, so that failures can be repeated. */
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        p->sent[i] = lines && (i + 1) % size_bytes == 0 ? '\n' : ALPHABET[state >> 58];
        p->expected[i] = upper ? (char)toupper((unsigned char)p->sent[i]) : p->sent[i];
    }
}

void load_payload_release(struct load_payload *p)
{
    free(p->sent);
    free(p->expected);
    *p = (struct load_payload){0};
}

/* With lines, a message is where the text has its newline last. */
uint32_t load_payload_offset(const struct load_payload *p, uint32_t number)
{
    if (!p->lines)
        return number % LOAD_PAYLOAD_OFFSETS;
    size_t messages = LOAD_PAYLOAD_OFFSETS / p->size_bytes + 1;
    return (uint32_t)(number % messages * p->size_bytes);
}

const char *load_payload_at(const struct load_payload *p, uint32_t offset, uint64_t position,
                            size_t *length)
{
    size_t within = (size_t)(position % p->size_bytes);
    *length = p->size_bytes - within;
    return p->sent + offset + within;
}

bool load_payload_matches(const struct load_payload *p, uint32_t offset, uint64_t position,
                          const char *bytes, size_t length)
{
    while (length > 0) {
        size_t within = (size_t)(position % p->size_bytes);
        size_t part = p->size_bytes - within;
        if (part > length)
            part = length;
        if (memcmp(p->expected + offset + within, bytes, part) != 0)
            return false;
        position += part;
        bytes += part;
        length -= part;
    }
    return true;
}
