/* SPDX-License-Identifier: MIT
 *
 * proxy_expect - what holds for every header of the PROXY protocol, good or bad, wherever the
 * network cuts it. For proxy_line_test and proxy_binary_test; include it behind cmocka.
 */
#ifndef TESTS_PROXY_EXPECT_H
#define TESTS_PROXY_EXPECT_H

#include "server/proxy_header.h"

#include <arpa/inet.h>

/* The first COUNT of BYTES, alone in memory: ASan and valgrind see a read behind them. */
static inline enum proxy_header_state proxy_expect_judge(const void *bytes, size_t count,
                                                         struct proxy_header *header)
{
    char *alone = malloc(count > 0 ? count : 1);
    assert_non_null(alone);
    if (count > 0)
        memcpy(alone, bytes, count);
    enum proxy_header_state state = proxy_header_parse(alone, count, header);
    free(alone);
    return state;
}

/* MORE for every part before the first DECIDES bytes; then STATE, whatever follows. */
static inline void proxy_expect_every_split(const void *bytes, size_t count, size_t decides,
                                            enum proxy_header_state state)
{
    struct proxy_header header;
    for (size_t part = 0; part <= count; part++) {
        enum proxy_header_state found = proxy_expect_judge(bytes, part, &header);
        if (found != (part < decides ? PROXY_HEADER_MORE : state))
            fail_msg("state %d at byte %zu of %zu (%s)", found, part, count,
                     proxy_header_reasons[header.reason]);
        if (part < decides && (header.more == 0 || part + header.more > PROXY_HEADER_MAX))
            fail_msg("asks for %zu bytes at byte %zu", header.more, part);
        if (part < decides && state == PROXY_HEADER_DONE && part + header.more > decides)
            fail_msg("goes too far at byte %zu of %zu: %zu bytes", part, decides, header.more);
    }
}

/* How often a reader that takes what is asked for has to ask; fails where it takes too much. */
static inline int proxy_expect_reads(const void *bytes, size_t length)
{
    struct proxy_header header;
    size_t have = 0;
    int reads = 0;
    for (; proxy_header_parse(bytes, have, &header) == PROXY_HEADER_MORE; reads++)
        have += header.more;
    assert_int_equal(have, length);
    assert_int_equal(header.length, length);
    return reads;
}

/* A header of LENGTH bytes, and then something: found, alone and with what follows. */
static inline struct proxy_header proxy_expect_done(const void *bytes, size_t length)
{
    static const char payload[] = "\r\n\r\nPROXY TCP4 GET / HTTP/1.1\r\n\r\n";
    char *stream = malloc(length + sizeof payload);
    struct proxy_header header;
    assert_non_null(stream);
    memcpy(stream, bytes, length);
    memcpy(stream + length, payload, sizeof payload);
    proxy_expect_every_split(stream, length + sizeof payload, length, PROXY_HEADER_DONE);
    proxy_expect_reads(stream, length);
    assert_int_equal(proxy_expect_judge(stream, length + sizeof payload, &header),
                     PROXY_HEADER_DONE);
    assert_int_equal(header.length, length);
    free(stream);
    return header;
}

/* Bad for REASON from byte DECIDES on. */
static inline void proxy_expect_bad(const void *bytes, size_t count, size_t decides,
                                    enum proxy_header_reason reason)
{
    struct proxy_header header;
    proxy_expect_every_split(bytes, count, decides, PROXY_HEADER_BAD);
    for (size_t part = decides; part <= count; part++) {
        proxy_expect_judge(bytes, part, &header);
        if (header.reason != reason)
            fail_msg("\"%s\" instead of \"%s\" at byte %zu", proxy_header_reasons[header.reason],
                     proxy_header_reasons[reason], part);
    }
}

static inline void proxy_expect_address(const union socket_address *address, const char *host,
                                        int port)
{
    char text[INET6_ADDRSTRLEN] = "";
    bool v4 = address->any.sa_family == AF_INET;
    assert_true(v4 || address->any.sa_family == AF_INET6);
    inet_ntop(address->any.sa_family,
              v4 ? (const void *)&address->in.sin_addr : (const void *)&address->in6.sin6_addr,
              text, sizeof text);
    assert_string_equal(text, host);
    assert_int_equal(ntohs(v4 ? address->in.sin_port : address->in6.sin6_port), port);
}

#endif
