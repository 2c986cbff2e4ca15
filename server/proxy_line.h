/* SPDX-License-Identifier: MIT
 *
 * proxy_line - version 1 of the PROXY protocol: one line of text. A part of proxy_header.c.
 *
 *     PROXY TCP4 192.0.2.1 198.51.100.2 56324 443
 *     PROXY TCP6 2001:db8::1 2001:db8::2 56324 443
 *     PROXY UNKNOWN, with or without a blank and anything behind
 */
#ifndef SERVER_PROXY_LINE_H
#define SERVER_PROXY_LINE_H

#include "server/proxy_header.h"

/* As proxy_header_parse(), for a HEADER that is clean; COUNT is not 0. */
enum proxy_header_state proxy_line_parse(const char *text, size_t count,
                                         struct proxy_header *header);

#endif
