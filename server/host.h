/* SPDX-License-Identifier: MIT
 *
 * host - the functions a handler is given (struct preforkd_host); runs in pool and worker.
 */
#ifndef SERVER_HOST_H
#define SERVER_HOST_H

#include "lib/config.h"

#include <preforkd/handler.h>

struct preforkd_options {
    const struct config_service *service;
};

extern const struct preforkd_host host_functions;

#endif
