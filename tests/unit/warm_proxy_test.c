/* SPDX-License-Identifier: MIT
 *
 * warm_proxy_test - what a worker tells a program's library of its proxies is read as it was, and
 * nothing else is read at all.
 */
#include "include/warm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define TEXT "3000 1 10.0.0.0/8 ::1 2001:db8::/32 unix 0.0.0.0/0"

/* TEXT is read; what is made of it is given back by free(). */
static struct cidr *read_text(const char *text, struct warm_proxy *proxy)
{
    struct cidr *trusted = calloc(warm_proxy_networks(text) + 1, sizeof *trusted);
    if (warm_proxy_parse(text, proxy, trusted) < 0)
        fail_msg("\"%s\" was not read", text);
    return trusted;
}

static void assert_reads_back(const char *text)
{
    struct warm_proxy proxy;
    struct cidr *trusted = read_text(text, &proxy);
    char *again = malloc(WARM_PROXY_ROOM(proxy.count));
    assert_string_equal(warm_proxy_print(&proxy, again), text);
    free(again);
    free(trusted);
}

static void assert_refused(const char *text)
{
    struct warm_proxy proxy;
    struct cidr *trusted = calloc(warm_proxy_networks(text) + 1, sizeof *trusted);
    if (warm_proxy_parse(text, &proxy, trusted) != -1)
        fail_msg("\"%s\" was read", text);
    free(trusted);
}

static void every_part_is_read(void **state)
{
    struct warm_proxy proxy;
    union socket_address peer = {.any.sa_family = AF_UNIX};
    struct cidr *trusted = read_text(TEXT, &proxy);
    (void)state;
    assert_int_equal(proxy.timeout_ms, 3000);
    assert_true(proxy.log);
    assert_int_equal(proxy.count, 5);
    assert_ptr_equal(proxy.trusted, trusted);
    assert_int_equal(trusted[0].bits, 8);
    assert_true(cidr_match(trusted, proxy.count, &peer));
    assert_false(cidr_match(trusted, 3, &peer));
    free(trusted);
}

static void prints_what_it_reads(void **state)
{
    (void)state;
    assert_reads_back(TEXT);
    assert_reads_back("1 0 unix");
    assert_reads_back("86400000 1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127");
    assert_reads_back("999999999999999999 1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void as_many_as_are_configured(void **state)
{
    const size_t count = 2000;
    struct warm_proxy proxy = {.timeout_ms = 10, .count = count};
    struct cidr *trusted = calloc(count, sizeof *trusted);
    char *text = malloc(WARM_PROXY_ROOM(count));
    (void)state;
    for (size_t i = 0; i < count; i++) {
        trusted[i].family = AF_INET6;
        trusted[i].bits = 127;
        memset(trusted[i].bytes, 0xfe, sizeof trusted[i].bytes);
    }
    proxy.trusted = trusted;
    warm_proxy_print(&proxy, text);
    assert_in_range(warm_proxy_networks(text), count, count + 1);
    assert_reads_back(text);
    free(text);
    free(trusted);
}

static void other_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "3000",
        "3000 ",
        "3000 1",
        "3000 1 ",
        "3000 1  unix",
        "3000 1 unix ",
        "3000 1 unix  ::1",
        " 3000 1 unix",
        "3000  1 unix",
        "3000\t1 unix",
        "0 1 unix",
        "03000 1 unix",
        "-3000 1 unix",
        "+3000 1 unix",
        "3s 1 unix",
        "1000000000000000000 1 unix",
        "99999999999999999999999 1 unix",
        "3000 2 unix",
        "3000 01 unix",
        "3000 -1 unix",
        "3000 1unix",
        "3000 unix",
        "3000 1 unix,::1",
        "3000 1 UNIX",
        "3000 1 10.0.0.1/8",
        "3000 1 10.0.0.1/32",
        "3000 1 10.0.0.0/08",
        "3000 1 10.0.0.0/33",
        "3000 1 0:0:0:0:0:0:0:1",
        "3000 1 ::1 localhost",
        "3000 1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "3000 1 unix\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_refused(texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_read),
        cmocka_unit_test(prints_what_it_reads),
        cmocka_unit_test(as_many_as_are_configured),
        cmocka_unit_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests_name("warm_proxy", tests, NULL, NULL);
}
