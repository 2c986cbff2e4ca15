/* SPDX-License-Identifier: MIT
 *
 * proxy_header - see proxy_header.h.
 */
#include "server/proxy_header.h"

#include "server/proxy_binary.h"
#include "server/proxy_line.h"

const char *const proxy_header_reasons[] = {
#define REASON(id, text) [PROXY_HEADER_BAD_##id] = text,
    PROXY_HEADER_REASONS(REASON)
#undef REASON
};

enum proxy_header_state proxy_header_parse(const void *bytes, size_t count,
                                           struct proxy_header *header)
{
    const uint8_t *b = bytes;
    *header = (struct proxy_header){.command = PROXY_HEADER_PROXY};
    if (count == 0)
        return proxy_header_more(header, PROXY_HEADER_MIN);
    if (b[0] == '\r')
        return proxy_binary_parse(b, count, header);
    if (b[0] == 'P')
        return proxy_line_parse(bytes, count, header);
    return proxy_header_bad(header, PROXY_HEADER_BAD_ABSENT);
}
