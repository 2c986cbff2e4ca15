/* SPDX-License-Identifier: MIT
 *
 * handler - see handler.h.
 */
#include "server/handler.h"

#include "server/host.h"
#include "server/option.h"
#include "server/plugin.h"

#include <string.h>

static const struct preforkd_handler *const BUILT_IN[] = {
#define HANDLER(name, text) &handler_##name,
    HANDLERS(HANDLER)
#undef HANDLER
};

const struct preforkd_handler *handler_find(const char *name)
{
    for (size_t i = 0; i < sizeof BUILT_IN / sizeof *BUILT_IN; i++)
        if (strcmp(BUILT_IN[i]->name, name) == 0)
            return BUILT_IN[i];
    return NULL;
}

/* "FILE:LINE: handler NAME: REASON" */
static void refuse(const struct config_service *service, const struct preforkd_handler *handler,
                   const char *reason, struct error *error)
{
    error_set(error, EXIT_CODE_CONFIG, "%s: handler %s: %s", service->handler_place, handler->name,
              reason);
}

static const struct preforkd_handler *open_handler(const struct config_service *service,
                                                   struct error *error)
{
    struct error why;
    if (service->kind != CONFIG_PLUGIN)
        return handler_find(service->handler);
    const struct preforkd_handler *handler = plugin_open(service->plugin, &why);
    if (!handler)
        error_set(error, why.code, "%s: %.2000s", service->handler_place, why.text);
    return handler;
}

/* Can it serve what the service listens on? What fd:// is, serve_check() will know. */
static int check_listeners(const struct config_service *service,
                           const struct preforkd_handler *handler, struct error *error)
{
    for (size_t i = 0; i < service->listen_count; i++) {
        int type = address_type(service->listens[i].text);
        bool able =
            type == 0 || (type == SOCK_DGRAM ? handler->datagram != NULL : handler->handle != NULL);
        if (!able)
            return error_set(error, EXIT_CODE_CONFIG, "%s: handler %s takes no %s (%s)",
                             service->handler_place, handler->name,
                             type == SOCK_DGRAM ? "datagrams" : "connections",
                             service->listens[i].text);
    }
    return 0;
}

static const struct preforkd_handler *check(const struct config_service *service,
                                            struct preforkd_options *options, struct error *error)
{
    char reason[512] = "no reason given";
    const struct preforkd_handler *handler = open_handler(service, error);
    if (!handler || check_listeners(service, handler, error) < 0 ||
        option_read(options, handler, service, error) < 0)
        return NULL;
    if (handler->check_config &&
        handler->check_config(&host_functions, options, reason, sizeof reason) < 0) {
        refuse(service, handler, reason, error);
        return NULL;
    }
    return handler;
}

const struct preforkd_handler *handler_check(const struct config_service *service,
                                             struct error *error)
{
    struct preforkd_options options = {0};
    const struct preforkd_handler *handler = check(service, &options, error);
    option_release(&options);
    return handler;
}

static void show_counters(const struct preforkd_handler *handler, struct scoreboard *board)
{
    for (int i = 0; handler->counters && handler->counters[i]; i++)
        snprintf(board->header.counter_names[i], sizeof board->header.counter_names[i], "%s",
                 handler->counters[i]);
}

static bool init(const struct config_service *service, const struct preforkd_handler *handler,
                 const struct preforkd_options *options, void **state, struct error *error)
{
    char reason[512] = "no reason given";
    if (!handler->pool_init ||
        handler->pool_init(&host_functions, options, state, reason, sizeof reason) == 0)
        return true;
    refuse(service, handler, reason, error);
    return false;
}

const struct preforkd_handler *handler_init(const struct config_service *service,
                                            struct scoreboard *board, void **state,
                                            struct error *error)
{
    struct preforkd_options options = {0};
    const struct preforkd_handler *handler = check(service, &options, error);
    *state = NULL;
    if (handler && !init(service, handler, &options, state, error))
        handler = NULL;
    option_release(&options);
    if (handler)
        show_counters(handler, board);
    return handler;
}
