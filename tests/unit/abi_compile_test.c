/* SPDX-License-Identifier: MIT
 *
 * abi_compile_test - a plugin under the languages, standards and switches that people compile with:
 * it builds without a warning, and is then found and understood. Compilers that are not installed
 * are skipped.
 */
#include "server/option.h"
#include "server/plugin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* All that the README uses, and a value of each enum where one is wanted. */
static const char PLUGIN[] =
    "#include <preforkd/handler.h>\n"
    "static const struct preforkd_option options[] = {\n"
    "    {\"word\", PREFORKD_TEXT, \"a\", 0, 0, \"a word\"},\n"
    "    {\"size\", PREFORKD_SIZE, \"64K\", 1, 1 << 20, \"a size\"},\n"
    "    {0, 0, 0, 0, 0, 0},\n"
    "};\n"
    "static const char *const counters[] = {\"lines\", 0};\n"
    "static int handle(const struct preforkd_host *host, struct preforkd_connection *client,\n"
    "                  void *state)\n"
    "{\n"
    "    if (state)\n"
    "        host->log(client, PREFORKD_LOG_INFO, \"here\", 0, 0, 0);\n"
    "    return PREFORKD_LINGER | PREFORKD_RETIRE;\n"
    "}\n"
    "PREFORKD_PLUGIN = {PREFORKD_HANDLER(\"compiled\"), .tick_ms = 20, .options = options,\n"
    "                   .counters = counters, .handle = handle};\n";

static const char LAYOUT[] =
    "#include \"tests/unit/abi_layout.h\"\n"
    "#define HOLDS(structure, member, at64, at32, ...)                                      \\\n"
    "    _Static_assert(offsetof(struct structure, member) == ABI_AT(at64, at32) &&         \\\n"
    "                   _Generic(((struct structure *)0)->member, __VA_ARGS__ : 1, default : "
    "0),\\\n"
    "                   #structure \".\" #member);\n"
    "ABI_OPTION(HOLDS) ABI_HOST(HOLDS) ABI_HANDLER(HOLDS)\n"
    "_Static_assert(sizeof(struct preforkd_option) == ABI_OPTION_SIZE, \"option\");\n"
    "_Static_assert(sizeof(struct preforkd_host) == ABI_HOST_SIZE, \"host\");\n"
    "_Static_assert(sizeof(struct preforkd_handler) == ABI_HANDLER_SIZE, \"handler\");\n";

static char folder[] = "/tmp/preforkd-abi-XXXXXX", source[64], object[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(source, sizeof source, "%s/source.c", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(source);
    unlink(object); /* of a test that failed */
    return rmdir(folder);
}

static void write_source(const char *text)
{
    FILE *file = fopen(source, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Does "COMPILER WORDS -o OBJECT SOURCE" succeed? */
static bool compile(const char *words, bool quiet)
{
    char command[512];
    snprintf(command, sizeof command, "%s -Iinclude -I. -o %s %s%s", words, object, source,
             quiet ? " 2>/dev/null" : "");
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status == 0;
}

/* Can that be compiled at all here? */
static bool possible(const char *words)
{
    write_source("#include <stddef.h>\n#include <stdint.h>\n");
    return compile(words, true);
}

static void expect_understood(const char *words)
{
    static const struct config_service none = {.handler_place = NULL};
    struct preforkd_options options;
    struct error error;
    const struct preforkd_handler *handler = plugin_open(object, &error);
    if (!handler)
        fail_msg("%s: %s", words, error.text);
    assert_string_equal(handler->name, "compiled");
    assert_string_equal(handler->counters[0], "lines");
    assert_int_equal(handler->tick_ms, 20);
    assert_int_equal(handler->handle(NULL, NULL, NULL), PREFORKD_LINGER | PREFORKD_RETIRE);
    assert_int_equal(option_read(&options, handler, &none, &error), 0);
    assert_string_equal(option_text(&options, "word"), "a");
    assert_int_equal(option_number(&options, "size"), 65536);
    option_release(&options);
}

static void plugins_are_understood_whatever_compiled_them(void **state)
{
    static const char *const ways[] = {
        "cc -std=c99 -pedantic",
        "cc -std=c17 -pedantic -fvisibility=hidden",
        "cc -fshort-enums",
        "clang -std=c17 -pedantic -fvisibility=hidden -fshort-enums",
        "g++ -x c++ -std=c++20 -pedantic -fvisibility=hidden",
        "g++ -x c++ -std=c++20 -fshort-enums",
        "g++ -x c++ -std=c++17",
        "g++ -x c++ -std=c++11",
        "clang++ -x c++ -std=c++20 -pedantic -fvisibility=hidden",
        "clang++ -x c++ -std=c++11 -Wno-c++20-designator",
    };
    char words[256];
    int compiled = 0;
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(object, sizeof object, "%s/%zu.so", folder, i);
        snprintf(words, sizeof words, "%s -shared -fPIC -Wall -Wextra -Werror %s", ways[i],
                 "-Wno-missing-field-initializers");
        if (!possible(words))
            continue;
        write_source(PLUGIN);
        if (!compile(words, false))
            fail_msg("%s: not compiled", words);
        expect_understood(words);
        unlink(object);
        compiled++;
    }
    if (compiled == 0)
        skip();
}

/* Freestanding: that needs no C library for the other machine. */
static void layout_is_the_same_for_every_compiler(void **state)
{
    static const char *const ways[] = {"cc -std=c17",
                                       "cc -std=c17 -fshort-enums",
                                       "cc -std=c17 -m32",
                                       "cc -std=c17 -mx32",
                                       "clang -std=c17 -m32",
                                       "clang -std=c17 --target=armv7-linux-gnueabi",
                                       "cc -std=c17 -m32 -malign-double"};
    char words[256];
    (void)state;
    snprintf(object, sizeof object, "%s/none", folder); /* nothing is written with -fsyntax-only */
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        snprintf(words, sizeof words, "%s -ffreestanding -fsyntax-only", ways[i]);
        if (!possible(words))
            continue;
        write_source(LAYOUT);
        if (!compile(words, false))
            fail_msg("%s: another layout", words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plugins_are_understood_whatever_compiled_them),
        cmocka_unit_test(layout_is_the_same_for_every_compiler),
    };
    return cmocka_run_group_tests_name("abi_compile", tests, make_folder, remove_folder);
}
