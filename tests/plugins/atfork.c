/* SPDX-License-Identifier: MIT
 *
 * atfork - a plugin with a function of pthread_atfork(3), as libraries have that a plugin may be
 * linked with. Its clients are told in which process that ran last, and in which they are.
 */
#include <preforkd/handler.h>

#include <pthread.h>
#include <unistd.h>

static int ran_in;

static void in_child(void)
{
    ran_in = (int)getpid();
}

static int pool_init(const struct preforkd_host *host, const struct preforkd_options *options,
                     void **state, char *reason, size_t size)
{
    (void)host;
    (void)options;
    (void)state;
    (void)reason;
    (void)size;
    return pthread_atfork(NULL, NULL, in_child) == 0 ? 0 : -1;
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    (void)state;
    host->print(connection, "%d %d\n", ran_in, (int)getpid());
    return PREFORKD_CLOSE;
}

PREFORKD_PLUGIN = {PREFORKD_HANDLER("atfork"), .pool_init = pool_init, .handle = handle};
