/* SPDX-License-Identifier: MIT
 *
 * connection_room - the buffers of the connection in hand, apart from all else: see the Makefile.
 */
#include "server/connection.h"

struct connection_room connection_room;
