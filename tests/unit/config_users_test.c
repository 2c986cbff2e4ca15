/* SPDX-License-Identifier: MIT
 *
 * config_users_test - whom the programs of a service may run as, for root and for others. What is
 * only for others is tried as root, too, which then is somebody else for a while.
 */
#include "lib/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

static struct buffer errors;
static struct config *config;
static char file[] = "/tmp/preforkd-users-XXXXXX";
static bool lowered;
static char me[64], own_group[64]; /* names; of who we are or have become */
static char other_group[64];       /* neither root's nor nobody's nor ours */

static int remember_names(void **state)
{
    (void)state;
    const struct group *group;
    const struct passwd *nobody = getpwnam("nobody");
    if (!nobody)
        return -1;
    gid_t gid = nobody->pw_gid;
    if (geteuid() == 0)
        snprintf(me, sizeof me, "%s", nobody->pw_name);
    else if ((nobody = getpwuid(geteuid())))
        snprintf(me, sizeof me, "%s", nobody->pw_name);
    if ((group = getgrgid(geteuid() == 0 ? gid : getegid())))
        snprintf(own_group, sizeof own_group, "%s", group->gr_name);
    setgrent();
    while ((group = getgrent()))
        if (group->gr_gid != 0 && group->gr_gid != gid && group->gr_gid != getegid()) {
            snprintf(other_group, sizeof other_group, "%s", group->gr_name);
            break;
        }
    endgrent();
    return other_group[0] ? 0 : -1;
}

static int release(void **state)
{
    (void)state;
    config_release(config);
    config = NULL;
    buffer_release(&errors);
    if (lowered)
        assert_int_equal(seteuid(0) | setegid(0), 0);
    lowered = false;
    return 0;
}

static void need_root(void)
{
    if (geteuid() != 0)
        skip();
}

static void be_no_root(void)
{
    const struct passwd *nobody = getpwnam("nobody");
    if (geteuid() == 0) {
        assert_int_equal(setegid(nobody->pw_gid) | seteuid(nobody->pw_uid), 0);
        lowered = true;
    }
    if (!me[0])
        skip();
}

/* GLOBALS are line 1, KEYS of the handler lines 3 and following. */
static const struct config_service *load(const char *globals, const char *keys)
{
    config_release(config);
    buffer_release(&errors);
    memcpy(file + sizeof file - 7, "XXXXXX", 6);
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    dprintf(fd,
            "%s\nservices = { one = { listen = \"unix:@x\"; handler = { type = \"exec\";\n%s\n"
            "command = [ \"/bin/cat\" ]; }; }; };\n",
            globals, keys);
    config = config_load(file, &errors);
    close(fd);
    unlink(file);
    return config ? &config->services[0] : NULL;
}

static const struct config_service *taken(const char *globals, const char *keys)
{
    const struct config_service *service = load(globals, keys);
    if (!service)
        fail_msg("%s %s: %s", globals, keys, buffer_text(&errors));
    return service;
}

/* Exactly one complaint. */
static void expect_refused(const char *globals, const char *keys, int line, const char *words)
{
    struct buffer expected = {0};
    if (load(globals, keys))
        fail_msg("taken: %s %s", globals, keys);
    buffer_printf(&expected, "%s:%d: %s\n", file, line, words);
    assert_string_equal(buffer_text(&errors), buffer_text(&expected));
    buffer_release(&expected);
}

static const char *setting(const char *key, const char *value)
{
    static char texts[4][100];
    static int next;
    char *text = texts[next++ % 4];
    snprintf(text, sizeof *texts, "%s = \"%s\"; ", key, value);
    return text;
}

static void who_is_not_named_is_the_global_user(void **state)
{
    (void)state;
    need_root();
    assert_null(taken("", "")->credentials);
    assert_non_null(config->credentials);
    taken("user = \"root\"; allow_root = true;", "");
    assert_null(config->services[0].credentials);
}

static void service_has_a_user_of_its_own(void **state)
{
    const struct passwd *entry = getpwnam("nobody");
    uid_t uid = entry->pw_uid;
    gid_t gid = entry->pw_gid;
    (void)state;
    need_root();
    const struct credentials *c =
        taken("user = \"root\"; allow_root = true;", setting("user", "nobody"))->credentials;
    assert_non_null(c);
    assert_int_equal(c->uid, uid);
    assert_int_equal(c->gid, gid);
    assert_int_equal(config->credentials->uid, 0);
    c = taken("allow_root = true;", setting("user", "root"))->credentials;
    assert_int_equal(c->uid, 0);
    assert_int_equal(config->credentials->uid, uid);
}

static void group_stands_alone(void **state)
{
    const struct group *entry = getgrnam(other_group);
    const struct passwd *nobody = getpwnam("nobody");
    gid_t gid = entry->gr_gid, gid_of_nobody = nobody->pw_gid;
    uid_t uid = nobody->pw_uid;
    char keys[200];
    (void)state;
    need_root();
    snprintf(keys, sizeof keys, "user = \"nobody\"; group = \"%s\";", other_group);
    for (int i = 0; i < 2; i++) {
        /* With a user beside it, and with the global one. */
        const struct credentials *c =
            taken("", i ? setting("group", other_group) : keys)->credentials;
        assert_non_null(c);
        assert_int_equal(c->uid, uid);
        assert_int_equal(c->gid, gid);
        assert_int_equal(c->group_count, 1);
        assert_int_equal(c->groups[0], gid);
        assert_int_equal(config->credentials->gid, gid_of_nobody);
    }
}

static void root_has_to_be_allowed(void **state)
{
    (void)state;
    need_root();
    expect_refused("", "\nuser = \"root\";", 4,
                   "workers would run as root; name another user, or add allow_root = true;");
    /* The group does not make another user of him. */
    char keys[200];
    snprintf(keys, sizeof keys, "user = \"root\"; group = \"%s\";", other_group);
    assert_null(load("", keys));
    taken("allow_root = true;", setting("user", "root"));
}

static void names_must_be_known(void **state)
{
    (void)state;
    if (!me[0])
        skip();
    expect_refused("", "\nuser = \"no-such-user\";", 4,
                   "there is no user \"no-such-user\" on this system");
    char keys[200];
    snprintf(keys, sizeof keys, "user = \"%s\";\ngroup = \"no-such-group\";", me);
    expect_refused("", keys, 4, "there is no group \"no-such-group\" on this system");
    expect_refused("", "user = \"\";", 3, "user is empty");
    expect_refused("", "group = 7;", 3, "group must be a string, not an integer");
}

/* What is wrong with the global user is told once, not for each service that has a group. */
static void wrong_global_user_is_told_once(void **state)
{
    (void)state;
    expect_refused("user = \"no-such-user\";", setting("group", other_group), 1,
                   "there is no user \"no-such-user\" on this system");
    if (geteuid() == 0)
        expect_refused("user = \"root\";", setting("group", other_group), 1,
                       "workers would run as root; name another user, or add allow_root = true;");
    /* Its own user is looked at all the same. */
    assert_null(load("user = \"no-such-user\";", "\nuser = \"no-such-two\";"));
    assert_non_null(strstr(buffer_text(&errors), ":1: there is no user \"no-such-user\""));
    assert_non_null(strstr(buffer_text(&errors), ":4: there is no user \"no-such-two\""));
}

static void others_cannot_become_anybody(void **state)
{
    char message[300], keys[200];
    (void)state;
    be_no_root();
    expect_refused("", "\nuser = \"root\";", 4,
                   "only root can run workers as \"root\"; remove this key or start as root");
    expect_refused("user = \"root\";", "", 1,
                   "only root can run workers as \"root\"; remove this key or start as root");
    snprintf(keys, sizeof keys, "user = \"%s\";\ngroup = \"%s\";", me, other_group);
    snprintf(message, sizeof message,
             "only root can run workers in the group \"%s\"; remove this key or start as root",
             other_group);
    expect_refused("", keys, 4, message);
    expect_refused("", setting("group", other_group), 3, "group needs user here, too");
}

static void others_may_name_themselves(void **state)
{
    char keys[200];
    (void)state;
    be_no_root();
    assert_null(taken("", setting("user", me))->credentials);
    assert_null(taken(setting("user", me), setting("user", me))->credentials);
    assert_null(config->credentials);
    if (!own_group[0])
        return;
    snprintf(keys, sizeof keys, "user = \"%s\"; group = \"%s\";", me, own_group);
    assert_null(taken("", keys)->credentials);
    assert_null(taken(setting("user", me), setting("group", own_group))->credentials);
}

/* As after newgrp(1): the group we have is not the one of the user database. */
static void others_keep_the_group_they_have(void **state)
{
    (void)state;
    need_root();
    assert_int_equal(setegid(getgrnam(other_group)->gr_gid), 0);
    assert_int_equal(seteuid(getpwnam("nobody")->pw_uid), 0);
    lowered = true;
    taken(setting("user", "nobody"), "");
    taken("", setting("user", "nobody"));
    taken(setting("user", "nobody"), setting("group", other_group));
    assert_null(load(setting("user", "nobody"), setting("group", own_group)));
}

static void built_in_handler_has_no_user(void **state)
{
    (void)state;
    config = config_load_snapshot("services = { one = { listen = \"unix:@x\"; handler = "
                                  "{ type = \"echo\"; user = \"nobody\"; }; }; };",
                                  &errors);
    assert_null(config);
    assert_string_equal(buffer_text(&errors), "snapshot:1: unknown option \"user\"; known: type\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(who_is_not_named_is_the_global_user, release),
        cmocka_unit_test_teardown(service_has_a_user_of_its_own, release),
        cmocka_unit_test_teardown(group_stands_alone, release),
        cmocka_unit_test_teardown(root_has_to_be_allowed, release),
        cmocka_unit_test_teardown(names_must_be_known, release),
        cmocka_unit_test_teardown(wrong_global_user_is_told_once, release),
        cmocka_unit_test_teardown(others_cannot_become_anybody, release),
        cmocka_unit_test_teardown(others_may_name_themselves, release),
        cmocka_unit_test_teardown(others_keep_the_group_they_have, release),
        cmocka_unit_test_teardown(built_in_handler_has_no_user, release),
    };
    return cmocka_run_group_tests_name("config_users", tests, remember_names, NULL);
}
