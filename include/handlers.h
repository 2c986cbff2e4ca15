/* SPDX-License-Identifier: MIT
 *
 * handlers.h - the built-in handlers: what a configuration may name, and what preforkd-pool links.
 *
 * One row per handler: name, what it does. A row here needs a `handler_NAME` in server/NAME.c.
 */
#ifndef HANDLERS_H
#define HANDLERS_H

#define HANDLERS(HANDLER)                                                                          \
    HANDLER(echo, "sends back every byte, until the client leaves")                                \
    HANDLER(greet, "answers each message with a greeting, in GBK or another encoding")             \
    HANDLER(upper, "sends back each message in upper case")                                        \
    HANDLER(hello, "answers one request with Hello, world! and closes; speaks HTTP where asked "   \
                   "so")                                                                           \
    HANDLER(discard, "reads and says nothing (RFC 863)")                                           \
    HANDLER(daytime, "tells the time in words (RFC 867)")                                          \
    HANDLER(time, "tells the time as a number (RFC 868)")                                          \
    HANDLER(chargen, "sends characters until the client leaves (RFC 864)")

/* One row per option of a handler: handler, name, default, what it is. All options are words. */
#define HANDLER_OPTIONS(OPTION)                                                                    \
    OPTION(greet, encoding, "gbk", "the encoding of the messages, as iconv(1) names it")

#endif
