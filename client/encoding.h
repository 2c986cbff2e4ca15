/* SPDX-License-Identifier: MIT
 *
 * encoding - text between UTF-8 (the command line, the terminal) and what the server speaks.
 *
 * Replies arrive in pieces that may end in the middle of a character: decode each piece with
 * encoding_decode(), then call encoding_finish() once the reply is over.
 */
#ifndef CLIENT_ENCODING_H
#define CLIENT_ENCODING_H

#include "lib/buffer.h"
#include "lib/error.h"

#include <iconv.h>

struct encoding {
    const char *name; /* borrowed */
    iconv_t to_server;
    iconv_t to_text;
    struct buffer rest; /* the beginning of a character whose end has not arrived */
};

/* NAME as iconv(1) knows it. 0 or -1; after 0 call encoding_close(). */
int encoding_open(struct encoding *e, const char *name, struct error *error);
void encoding_close(struct encoding *e);

/* Append TEXT in the server's encoding to OUT. 0, or -1 where TEXT is not UTF-8 or has a character
 * that the encoding lacks. */
int encoding_encode(struct encoding *e, const char *text, struct buffer *out, struct error *error);

/* Append what LENGTH BYTES mean to OUT as UTF-8, each invalid byte as U+FFFD. */
void encoding_decode(struct encoding *e, const char *bytes, size_t length, struct buffer *out);

/* The reply is over: a character still incomplete becomes U+FFFD. */
void encoding_finish(struct encoding *e, struct buffer *out);

#endif
