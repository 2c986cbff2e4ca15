/* SPDX-License-Identifier: MIT
 *
 * host - see host.h.
 */
#include "server/host.h"

#include "server/connection.h"

static int host_stopping(struct preforkd_connection *c)
{
    return *c->stopping || c->cut;
}

static void host_log(struct preforkd_connection *c, enum preforkd_log_level level,
                     const char *message, const char *key, const void *bytes, size_t size)
{
    struct log_line line;
    log_begin(&line, (enum log_level)level, message);
    log_text(&line, "peer", connection_peer(c));
    if (key)
        log_bytes(&line, key, bytes, size);
    log_end(&line);
}

static const char *host_option(const struct preforkd_options *options, const char *name)
{
    return config_option(options->service, name);
}

_Static_assert((int)PREFORKD_LOG_ERROR == (int)LOG_LEVEL_ERROR &&
                   (int)PREFORKD_LOG_DEBUG == (int)LOG_LEVEL_DEBUG,
               "the public levels are ours");

const struct preforkd_host host_functions = {
    .size = sizeof(struct preforkd_host),
    .read_some = connection_read,
    .wait_some = connection_wait,
    .write_all = connection_write,
    .peer = connection_peer,
    .stopping = host_stopping,
    .log = host_log,
    .option = host_option,
};
