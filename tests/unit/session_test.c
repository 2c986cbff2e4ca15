/* SPDX-License-Identifier: MIT
 *
 * session_test - which functions of a handler are called for a connection, in which order, and how
 * it is closed.
 */
#include "server/session.h"

#include "tests/unit/stream_pair.h"

/* What the handler's functions answer, and what was called: one letter each. */
static struct {
    int verify, setup;
    enum preforkd_close how;
    char called[16];
    void *userdata; /* as finish() found it */
    int duplicate;  /* handle() kept one */
} script;

static char shared; /* the handler's state */

static void call(char letter, void *state)
{
    size_t length = strlen(script.called);
    assert_ptr_equal(state, &shared);
    assert_true(length < sizeof script.called - 1);
    script.called[length] = letter;
}

static int verify(const struct preforkd_host *h, struct preforkd_connection *connection,
                  void *state)
{
    call('v', state);
    h->print(connection, "v");
    return script.verify;
}

static int setup(const struct preforkd_host *h, struct preforkd_connection *connection, void *state)
{
    call('s', state);
    h->set_userdata(connection, script.called);
    h->print(connection, "s");
    return script.setup;
}

static int handle(const struct preforkd_host *h, struct preforkd_connection *connection,
                  void *state)
{
    call('h', state);
    h->print(connection, "h");
    if (script.how == PREFORKD_DETACHED)
        script.duplicate = dup(h->descriptor(connection));
    return (int)script.how;
}

static void finish(const struct preforkd_host *h, struct preforkd_connection *connection,
                   void *state)
{
    call('f', state);
    script.userdata = h->userdata(connection);
    h->print(connection, "f");
}

static const struct proxy_gate no_gate;
static char listeners[2][ADDRESS_TEXT_MAX] = {"tcp://127.0.0.1:1", "unix:/two"};
static bool records[2];

/* The connection of open_pair() is served; that it was begun there counts once more. */
static bool serve(const struct preforkd_handler *handler)
{
    const struct session_plan plan = {.handler = handler,
                                      .state = &shared,
                                      .gate = &no_gate,
                                      .listeners = listeners,
                                      .records = records};
    return session_serve(&plan, &c, c.fd, &UNNAMED, 1);
}

static int begin(void **state)
{
    memset(&script, 0, sizeof script);
    script.duplicate = -1;
    records[1] = false;
    return open_pair(state);
}

/* All that is sent, and then the end. */
static void expect_client_got_all(const char *text)
{
    char got[16] = "";
    assert_int_equal(recv(client, got, sizeof got - 1, MSG_WAITALL), strlen(text));
    assert_string_equal(got, text);
    assert_int_equal(recv(client, got, 1, MSG_DONTWAIT), 0);
}

static void every_combination_in_order(void **state)
{
    (void)state;
    for (int with = 0; with < 8; with++)
        for (int refuses = 0; refuses < 4; refuses++) {
            const struct preforkd_handler handler = {
                PREFORKD_HANDLER("x"), .verify = with & 1 ? verify : NULL,
                .setup = with & 2 ? setup : NULL, .handle = handle,
                .finish = with & 4 ? finish : NULL};
            bool refused = (with & 1) && (refuses & 1);
            bool unset = (with & 2) && (refuses & 2);
            char expected[8];
            close_pair(NULL);
            begin(NULL);
            script.verify = -(refuses & 1);
            script.setup = -(refuses >> 1);
            snprintf(expected, sizeof expected, "%s%s%s%s", with & 1 ? "v" : "",
                     !refused && (with & 2) ? "s" : "", refused || unset ? "" : "h",
                     !refused && (with & 4) ? "f" : "");
            client_ends(); /* a refused one is lingered for */
            assert_false(serve(&handler));
            assert_string_equal(script.called, expected);
            expect_client_got_all(expected);
            assert_int_equal(slot.refused, refused);
            assert_int_equal(c.end, refused ? WORKER_END_REFUSED : WORKER_END_SERVER);
            assert_ptr_equal(script.userdata, !refused && (with & 6) == 6 ? script.called : NULL);
            assert_int_equal(c.fd, -1);
            assert_int_equal(slot.phase, SCOREBOARD_IDLE);
        }
}

static const struct preforkd_handler PLAIN = {PREFORKD_HANDLER("x"), .handle = handle};

static void handler_may_retire_its_worker(void **state)
{
    static const enum preforkd_close ways[] = {PREFORKD_CLOSE, PREFORKD_LINGER, PREFORKD_ABORT};
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        close_pair(NULL);
        begin(NULL);
        client_ends();
        script.how = ways[i];
        assert_false(serve(&PLAIN));
        close_pair(NULL);
        begin(NULL);
        client_ends();
        script.how = (enum preforkd_close)(ways[i] | PREFORKD_RETIRE);
        assert_true(serve(&PLAIN));
    }
}

/* TCP: a pair of Unix sockets knows no reset. */
static void connect_by_tcp(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    close_pair(NULL);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
    c.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(c.fd >= 0);
    close(listener);
}

static void expect_reset(enum preforkd_close how)
{
    char byte;
    ssize_t got;
    connect_by_tcp();
    script.how = how;
    assert_int_equal(serve(&PLAIN), (how & PREFORKD_RETIRE) != 0);
    while ((got = recv(client, &byte, 1, 0)) > 0)
        ; /* what was on its way before the reset */
    assert_int_equal(got, -1);
    assert_int_equal(errno, ECONNRESET);
}

static void abort_is_a_reset(void **state)
{
    (void)state;
    expect_reset(PREFORKD_ABORT);
    expect_reset((enum preforkd_close)(PREFORKD_ABORT | PREFORKD_RETIRE));
}

/* What was printed could wait for a client that does not read, and is dropped in any case. */
static void abort_sends_nothing_more(void **state)
{
    (void)state;
    script.how = PREFORKD_ABORT;
    assert_false(serve(&PLAIN));
    assert_int_equal(c.bytes_out, 0);
}

static void refused_client_reads_why(void **state)
{
    const struct preforkd_handler handler = {PREFORKD_HANDLER("x"), .verify = verify,
                                             .handle = handle};
    char got[4];
    (void)state;
    connect_by_tcp();
    script.verify = -1;
    client_says("unread");
    client_ends();
    assert_false(serve(&handler));
    assert_int_equal(recv(client, got, sizeof got, 0), 1); /* not ECONNRESET */
    assert_int_equal(recv(client, got, sizeof got, 0), 0);
    assert_int_equal(c.end, WORKER_END_REFUSED);
}

static void listener_says_whether_there_are_records(void **state)
{
    for (int i = 0; i < 2; i++) {
        close_pair(state);
        begin(state);
        client_ends();
        records[1] = i > 0;
        serve(&PLAIN);
        assert_int_equal(c.records, i > 0);
    }
}

static void detached_connection_lives_on(void **state)
{
    (void)state;
    connect_by_tcp();
    script.how = PREFORKD_DETACHED;
    assert_false(serve(&PLAIN));
    assert_int_equal(c.fd, -1);
    assert_int_equal(write(script.duplicate, "!", 1), 1);
    close(script.duplicate);
    expect_client_got_all("!");
}

static void listener_is_the_one_it_came_by(void **state)
{
    (void)state;
    serve(&PLAIN);
    assert_string_equal(host->listener(&c), "unix:/two");
}

static int cut(const struct preforkd_host *h, struct preforkd_connection *connection, void *state)
{
    char byte;
    call('h', state);
    connection_cut(connection, WORKER_END_GRACEFUL);
    assert_int_equal(h->read_some(connection, &byte, 1), PREFORKD_STOPPING);
    h->print(connection, "too late");
    return PREFORKD_LINGER;
}

static void cut_connection_is_finished_all_the_same(void **state)
{
    const struct preforkd_handler handler = {PREFORKD_HANDLER("x"), .handle = cut,
                                             .finish = finish};
    (void)state;
    assert_false(serve(&handler));
    assert_string_equal(script.called, "hf");
    assert_int_equal(c.end, WORKER_END_GRACEFUL);
    expect_client_got_all("");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, close_pair)
    const struct CMUnitTest tests[] = {
        TEST(every_combination_in_order),
        TEST(handler_may_retire_its_worker),
        TEST(abort_is_a_reset),
        TEST(abort_sends_nothing_more),
        TEST(refused_client_reads_why),
        TEST(listener_says_whether_there_are_records),
        TEST(detached_connection_lives_on),
        TEST(listener_is_the_one_it_came_by),
        TEST(cut_connection_is_finished_all_the_same),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
