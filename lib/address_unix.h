/* SPDX-License-Identifier: MIT
 *
 * address_unix - paths and abstract names, for unix:, unixgram: and seqpacket:.
 */
#ifndef LIB_ADDRESS_UNIX_H
#define LIB_ADDRESS_UNIX_H

#include "lib/address.h"

/* Parse what follows SCHEME ("unix:"), which is for messages; the socket is of TYPE. Returns 1, or
 * -1 with ERROR. */
int address_unix_parse(const char *scheme, int type, const char *rest, struct address *found,
                       struct error *error);

#endif
