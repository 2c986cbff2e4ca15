/* SPDX-License-Identifier: MIT
 *
 * accept_log - what accept.c tells, as log lines of a worker.
 */
#ifndef SERVER_ACCEPT_LOG_H
#define SERVER_ACCEPT_LOG_H

#include "server/accept.h"

void accept_log(enum accept_news news, int number);

#endif
