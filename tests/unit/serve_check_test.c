/* SPDX-License-Identifier: MIT
 *
 * serve_check_test - which sockets a service is served on, once their types are known.
 */
#include "server/serve_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    (void)host;
    (void)connection;
    (void)state;
    return PREFORKD_CLOSE;
}

static void datagram(const struct preforkd_host *host, struct preforkd_datagram *message,
                     void *state)
{
    (void)host;
    (void)message;
    (void)state;
}

static const struct preforkd_handler streams = {PREFORKD_HANDLER("streams"), .handle = handle};
static const struct preforkd_handler datagrams = {PREFORKD_HANDLER("datagrams"),
                                                  .datagram = datagram};
static const struct preforkd_handler both = {PREFORKD_HANDLER("both"), .handle = handle,
                                             .datagram = datagram};

static char place[] = "f:9";

struct row {
    const char *sockets; /* 's' with connections, 'd' datagrams */
    const struct preforkd_handler *handler;
    enum config_handler kind;
    int64_t workers;
    int warm;
    bool proxied;
    const char *refused; /* NULL: it is not */
};

static void check_row(const struct row *row)
{
    static struct serve serve;
    struct error error;
    const struct config_service service = {.kind = row->kind,
                                           .handler_place = place,
                                           .max_workers = row->workers,
                                           .program = {.warm = row->warm}};
    const struct worker_plan plan = {.service = &service,
                                     .listener_count = (int)strlen(row->sockets)};
    serve =
        (struct serve){.plan = &plan, .handler = row->handler, .gate = {.required = row->proxied}};
    for (int i = 0; i < plan.listener_count; i++) {
        serve.datagram[i] = row->sockets[i] == 'd';
        snprintf(serve.listeners[i], sizeof serve.listeners[i], "fd://%d", i);
    }
    int status = serve_check(&serve, &error);
    if (!row->refused && status < 0)
        fail_msg("%s refused: %s", row->sockets, error.text);
    if (!row->refused)
        return;
    assert_int_equal(status, -1);
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
    assert_string_equal(error.text, row->refused);
}

static void handlers(void **state)
{
    static const struct row rows[] = {
        {"s", &streams, CONFIG_BUILT_IN, 9, 0, false, NULL},
        {"s", &both, CONFIG_PLUGIN, 9, 0, true, NULL},
        {"sd", &both, CONFIG_PLUGIN, 9, 0, false, NULL},
        {"dd", &datagrams, CONFIG_PLUGIN, 9, 0, false, NULL},
        {"d", &streams, CONFIG_BUILT_IN, 9, 0, false, "f:9: streams takes no datagrams (fd://0)"},
        {"sd", &streams, CONFIG_PLUGIN, 9, 0, false, "f:9: streams takes no datagrams (fd://1)"},
        {"s", &datagrams, CONFIG_PLUGIN, 9, 0, false,
         "f:9: datagrams takes no connections (fd://0)"},
        {"ds", &datagrams, CONFIG_PLUGIN, 9, 0, false,
         "f:9: datagrams takes no connections (fd://1)"},
        {"sd", &both, CONFIG_PLUGIN, 9, 0, true,
         "f:9: PROXY headers are for connections, not for datagrams (fd://1)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i]);
}

static void programs(void **state)
{
    static const struct row rows[] = {
        {"ss", NULL, CONFIG_EXEC, 9, WARM_IO, true, NULL},
        {"d", NULL, CONFIG_EXEC, 1, WARM_OFF, false, NULL},
        {"sdd", NULL, CONFIG_LISTEN, 9, WARM_OFF, false, NULL},
        {"d", NULL, CONFIG_EXEC, 2, WARM_OFF, false,
         "f:9: a program that is handed datagrams reads them all; write workers = 1; max_workers "
         "= 1; (fd://0)"},
        {"sd", NULL, CONFIG_EXEC, 1, WARM_OFF, false,
         "f:9: a program that is handed datagrams has one address; make it two services (fd://1)"},
        {"d", NULL, CONFIG_EXEC, 1, WARM_START, false,
         "f:9: a program that is handed datagrams cannot be started warm (fd://0)"},
        {"d", NULL, CONFIG_EXEC, 1, WARM_OFF, true,
         "f:9: PROXY headers are for connections, not for datagrams (fd://0)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_row(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers),
        cmocka_unit_test(programs),
    };
    return cmocka_run_group_tests_name("serve_check", tests, NULL, NULL);
}
