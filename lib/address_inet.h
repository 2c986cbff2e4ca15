/* SPDX-License-Identifier: MIT
 *
 * address_inet - HOST:PORT, for tcp:// and udp://; address.c knows which.
 */
#ifndef LIB_ADDRESS_INET_H
#define LIB_ADDRESS_INET_H

#include "lib/address.h"

/* Parse what follows SCHEME ("tcp://"), which is for messages; the sockets are of TYPE. A name is
 * looked up only if RESOLVE is set; otherwise it gives no entry. Returns the number of entries, or
 * -1 with ERROR. */
int address_inet_parse(const char *scheme, int type, const char *rest, bool resolve,
                       struct address found[ADDRESS_RESOLVED_MAX], struct error *error);

#endif
