/* SPDX-License-Identifier: MIT
 *
 * encoding - see encoding.h. iconv(3) does the work.
 */
#include "client/encoding.h"

#include <errno.h>
#include <stdint.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */
#define ROOM_BYTES  256

int encoding_open(struct encoding *e, const char *name, struct error *error)
{
    *e = (struct encoding){.name = name};
    e->to_server = iconv_open(name, "UTF-8");
    e->to_text = iconv_open("UTF-8", name);
    if (e->to_server != (iconv_t)-1 && e->to_text != (iconv_t)-1)
        return 0;
    encoding_close(e);
    return error_set(error, EXIT_CODE_USAGE,
                     "--encoding \"%s\" is not known here; `iconv -l` lists the names", name);
}

void encoding_close(struct encoding *e)
{
    if (e->to_server != (iconv_t)-1)
        iconv_close(e->to_server);
    if (e->to_text != (iconv_t)-1)
        iconv_close(e->to_text);
    buffer_release(&e->rest);
}

/* Convert as much as goes. 0 once *IN is used up, else -1 with errno EILSEQ or EINVAL and *IN at
 * the culprit. IN == NULL writes what returns a stateful encoding to its initial state. */
static int convert(iconv_t how, char **in, size_t *left, struct buffer *out)
{
    for (;;) {
        char *to = buffer_reserve(out, ROOM_BYTES);
        size_t room = ROOM_BYTES;
        size_t status = iconv(how, in, left, &to, &room);
        out->length += ROOM_BYTES - room;
        out->data[out->length] = '\0';
        if (status != (size_t)-1)
            return 0;
        if (errno != E2BIG)
            return -1;
    }
}

int encoding_encode(struct encoding *e, const char *text, struct buffer *out, struct error *error)
{
    char *in = (char *)(uintptr_t)text; /* iconv(3) does not write through it */
    size_t left = strlen(text);
    iconv(e->to_server, NULL, NULL, NULL, NULL);
    if (convert(e->to_server, &in, &left, out) == 0 && convert(e->to_server, NULL, NULL, out) == 0)
        return 0;
    return error_set(error, EXIT_CODE_USAGE,
                     "\"%s\" cannot be written in %s (from its byte %td on)", text, e->name,
                     in - text + 1);
}

void encoding_decode(struct encoding *e, const char *bytes, size_t length, struct buffer *out)
{
    buffer_append(&e->rest, bytes, length);
    char *in = e->rest.data;
    size_t left = e->rest.length;
    while (left > 0 && convert(e->to_text, &in, &left, out) < 0 && errno == EILSEQ) {
        buffer_append(out, REPLACEMENT, strlen(REPLACEMENT));
        in++;
        left--;
    }
    buffer_consume(&e->rest, e->rest.length - left);
}

void encoding_finish(struct encoding *e, struct buffer *out)
{
    if (e->rest.length > 0) {
        buffer_append(out, REPLACEMENT, strlen(REPLACEMENT));
        buffer_consume(&e->rest, e->rest.length);
    }
    iconv(e->to_text, NULL, NULL, NULL, NULL);
}
