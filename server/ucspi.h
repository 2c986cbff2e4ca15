/* SPDX-License-Identifier: MIT
 *
 * ucspi - a connection as environment variables: UCSPI (https://cr.yp.to/proto/ucspi.txt) as
 * s6-tcpserver and s6-ipcserver set it, and REMOTE_ADDR and REMOTE_PORT of CGI (RFC 3875).
 *
 *     TCP    PROTO=TCP TCPREMOTEIP TCPREMOTEPORT TCPLOCALIP TCPLOCALPORT REMOTE_ADDR REMOTE_PORT
 *     Unix   PROTO=IPC IPCREMOTEPID IPCREMOTEEUID IPCREMOTEEGID IPCLOCALPATH
 *     UDP    PROTO=UDP UDPLOCALIP UDPLOCALPORT, and of Unix datagrams PROTO=IPC IPCLOCALPATH: the
 *            program is handed the socket, and its clients are in recvfrom(2)
 *
 * Values hold nothing but letters, digits and ". : _ - / @"; a path with anything else is not
 * told. Runs in the worker and in the preload library; allocates nothing.
 */
#ifndef SERVER_UCSPI_H
#define SERVER_UCSPI_H

#include "lib/address.h"

#define UCSPI_VARIABLES 8
#define UCSPI_TEXT_MAX  128

struct ucspi {
    int count;
    char text[UCSPI_VARIABLES][UCSPI_TEXT_MAX]; /* "NAME=value" */
};

/* Every name that ucspi_describe() may set; ends with NULL. */
extern const char *const ucspi_names[];

/* Describe the connection on FD whose client is PEER. LOCAL is where the client connected to, as a
 * proxy told it together with PEER (a path has a NUL byte somewhere); NULL: PEER is who connected
 * to FD, or of family AF_UNSPEC where FD is for datagrams. */
void ucspi_describe(struct ucspi *ucspi, int fd, const union socket_address *peer,
                    const union socket_address *local);

#endif
