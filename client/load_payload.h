/* SPDX-License-Identifier: MIT
 *
 * load_payload - the bytes a load sends, and the check that the right ones come back.
 *
 * All messages are windows into one random text, each connection's at another offset: a reply meant
 * for another connection, or another part of the same reply, does not pass for the right one.
 */
#ifndef CLIENT_LOAD_PAYLOAD_H
#define CLIENT_LOAD_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_PAYLOAD_OFFSETS 8191 /* how many different messages there are, at most */

struct load_payload {
    char *sent;     /* size_bytes + LOAD_PAYLOAD_OFFSETS letters, both cases, and digits */
    char *expected; /* the same, or in upper case */
    size_t size_bytes;
    bool lines; /* each message ends in a newline; there are fewer different ones then */
};

void load_payload_init(struct load_payload *p, size_t size_bytes, bool upper, bool lines);
void load_payload_release(struct load_payload *p);

/* Where the message of connection NUMBER begins; the OFFSET of the functions below. */
uint32_t load_payload_offset(const struct load_payload *p, uint32_t number);

/* The bytes to send at POSITION of a stream that repeats message OFFSET for ever. Sets *LENGTH to
 * how many there are before the message starts again. */
const char *load_payload_at(const struct load_payload *p, uint32_t offset, uint64_t position,
                            size_t *length);

/* Whether LENGTH BYTES are what is to come back for that stream, from POSITION on. */
bool load_payload_matches(const struct load_payload *p, uint32_t offset, uint64_t position,
                          const char *bytes, size_t length);

#endif
