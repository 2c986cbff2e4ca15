/* SPDX-License-Identifier: MIT
 *
 * proxy_binary - version 2 of the PROXY protocol: binary. A part of proxy_header.c.
 *
 *     12 bytes  signature
 *      1        version 2, command
 *      1        address family, transport
 *      2        length of all that follows
 *               addresses and ports, then TLVs: type (1), length (2), value
 *
 * Only the checksum is looked at among the TLVs, the others are skipped.
 */
#ifndef SERVER_PROXY_BINARY_H
#define SERVER_PROXY_BINARY_H

#include "server/proxy_header.h"

/* As proxy_header_parse(), for a HEADER that is clean; COUNT is not 0. */
enum proxy_header_state proxy_binary_parse(const uint8_t *bytes, size_t count,
                                           struct proxy_header *header);

#endif
