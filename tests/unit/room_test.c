/* SPDX-License-Identifier: MIT
 *
 * room_test - which limit of the system is told, and that none is where there is room.
 */
#include "supervisor/pool/room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANYTHING ((struct room){ROOM_ANY, ROOM_ANY, ROOM_ANY, ROOM_ANY})

static struct config_service service;

static int elastic(void **state)
{
    (void)state;
    service = (struct config_service){.start_workers = 5, .max_workers = 1000};
    return 0;
}

static void expect(struct room room, const char *wanted)
{
    char text[192] = "";
    assert_int_equal(room_is_short(&room, &service, text, sizeof text), wanted[0] != '\0');
    assert_string_equal(text, wanted);
}

static void room_enough_is_not_told(void **state)
{
    (void)state;
    expect(ANYTHING, "");
    expect((struct room){1000, 1000, 1000, 2000}, "");
}

static void least_limit_is_told(void **state)
{
    (void)state;
    expect((struct room){999, ROOM_ANY, ROOM_ANY, ROOM_ANY},
           "max_workers = 1000, but there can only be 999 processes for this user (ulimit -u, "
           "LimitNPROC=)");
    expect((struct room){999, 500, 700, ROOM_ANY},
           "max_workers = 1000, but there can only be 500 processes on this machine "
           "(kernel.pid_max, kernel.threads-max)");
    expect((struct room){999, 500, 0, ROOM_ANY},
           "max_workers = 1000, but there can only be 0 processes in this control group (pids.max, "
           "TasksMax=)");
}

/* Each needs one, or two where it is a program, and the pool has its own. */
static void open_files_are_counted_for_each(void **state)
{
    struct room room = ANYTHING;
    (void)state;
    room.files = (int64_t)config_pool_descriptors(&service, 1000);
    expect(room, "");
    room.files--;
    expect(room,
           "max_workers = 1000, but there can only be 999 workers with the open files that are "
           "allowed (ulimit -n, LimitNOFILE=)");
    service.kind = CONFIG_EXEC;
    room.files = (int64_t)config_pool_descriptors(&service, 600) + 1;
    expect(room,
           "max_workers = 1000, but there can only be 600 workers with the open files that are "
           "allowed (ulimit -n, LimitNOFILE=)");
    room.files = 3;
    expect(room, "max_workers = 1000, but there can only be 0 workers with the open files that are "
                 "allowed (ulimit -n, LimitNOFILE=)");
}

static void fixed_number_is_called_by_its_name(void **state)
{
    (void)state;
    service.workers = 50;
    expect((struct room){50, ROOM_ANY, ROOM_ANY, ROOM_ANY}, "");
    expect((struct room){49, ROOM_ANY, ROOM_ANY, ROOM_ANY},
           "workers = 50, but there can only be 49 processes for this user (ulimit -u, "
           "LimitNPROC=)");
}

static void look_finds_what_there_is(void **state)
{
    struct room room;
    (void)state;
    room_look(&room);
    assert_true(room.machine > 0 && room.machine < ROOM_ANY);
    assert_true(room.user > 0 && room.cgroup > 0 && room.files > 0);
}

/* Makes FOLDER/NAME with TEXT in it; with NULL, a folder of that name. */
static void make(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (!text) {
        assert_int_equal(mkdir(path, 0700), 0);
        return;
    }
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int64_t least(const char *folder, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return room_least_pids(path);
}

static void groups_above_limit_as_well(void **state)
{
    static const char *const names[] = {"a/b/pids.max", "a/pids.max", "a/b/c", "a/b", "a"};
    char folder[] = "/tmp/room_test.XXXXXX";
    (void)state;
    assert_non_null(mkdtemp(folder));
    make(folder, "a", NULL);
    make(folder, "a/b", NULL);
    make(folder, "a/b/c", NULL);
    assert_int_equal(least(folder, "a/b/c"), ROOM_ANY);
    make(folder, "a/pids.max", "300\n");
    assert_int_equal(least(folder, "a/b/c"), 300);
    make(folder, "a/b/pids.max", "max\n");
    assert_int_equal(least(folder, "a/b"), 300);
    make(folder, "a/b/pids.max", "20\n");
    assert_int_equal(least(folder, "a/b/c"), 20);
    assert_int_equal(least(folder, "a"), 300);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(room_enough_is_not_told, elastic),
        cmocka_unit_test_setup(least_limit_is_told, elastic),
        cmocka_unit_test_setup(open_files_are_counted_for_each, elastic),
        cmocka_unit_test_setup(fixed_number_is_called_by_its_name, elastic),
        cmocka_unit_test(look_finds_what_there_is),
        cmocka_unit_test(groups_above_limit_as_well),
    };
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
