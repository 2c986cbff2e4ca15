/* SPDX-License-Identifier: MIT
 *
 * plugin_test - what is loaded as a plugin, and what is said about everything else. Shared objects
 * are compiled here, from the lines beside what is expected of them.
 */
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/preforkd-plugin-XXXXXX";
static char path[64], include[512];
static int objects; /* each gets a name of its own: what is loaded stays loaded */
static struct error error;

#define START                                                                                      \
    "#include <preforkd/handler.h>\n"                                                              \
    "static int handle(const struct preforkd_host *h,\n"                                           \
    "    struct preforkd_connection *c, void *s) { (void)h, (void)c, (void)s; return 0; }\n"

static int make_folder(void **state)
{
    char here[480];
    (void)state;
    snprintf(include, sizeof include, "-I%s/include", getcwd(here, sizeof here));
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    for (int i = 1; i <= objects; i++) {
        snprintf(path, sizeof path, "%s/%d.so", folder, i);
        if (unlink(path) < 0)
            rmdir(path);
    }
    snprintf(path, sizeof path, "%s/source.c", folder);
    unlink(path);
    return rmdir(folder);
}

static void next_object(void)
{
    snprintf(path, sizeof path, "%s/%d.so", folder, ++objects);
    memset(&error, 0, sizeof error);
}

static void write_object(const void *bytes, size_t size)
{
    next_object();
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* The object PATH is made from these lines. */
static void compile(const char *text)
{
    char source[80];
    int status = -1;
    next_object();
    snprintf(source, sizeof source, "%s/source.c", folder);
    FILE *file = fopen(source, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("cc", "cc", "-shared", "-fPIC", include, "-o", path, source, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WEXITSTATUS(status) == 127)
        skip();
    assert_int_equal(status, 0);
}

/* It is refused, and the reason has these WORDS and its path. */
static void expect_refused(const char *words)
{
    assert_null(plugin_open(path, &error));
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
    if (!strstr(error.text, words) || !strstr(error.text, path))
        fail_msg("no \"%s\" and path in: %s", words, error.text);
}

static void plugin_is_found(void **state)
{
    (void)state;
    compile(START "static const char *const names[] = {\"a\", \"b\", NULL};\n"
                  "PREFORKD_PLUGIN = {PREFORKD_HANDLER(\"found\"), .counters = names,\n"
                  "                   .handle = handle};\n");
    const struct preforkd_handler *handler = plugin_open(path, &error);
    if (!handler)
        fail_msg("%s", error.text);
    assert_string_equal(handler->name, "found");
    assert_string_equal(handler->counters[1], "b");
    assert_non_null(handler->handle);
    assert_null(handler->worker_exit);
    assert_null(handler->options);
}

/* What was built with the header of a later version has members that nobody here knows. */
static void later_one_is_longer(void **state)
{
    (void)state;
    compile("#define preforkd_handler known\n" START "#undef preforkd_handler\n"
            "struct { struct known known; void *more; } const preforkd_handler = {\n"
            "    {.abi = PREFORKD_ABI, .size = sizeof preforkd_handler, .name = \"later\",\n"
            "     .handle = handle}, \"more\"};\n");
    const struct preforkd_handler *handler = plugin_open(path, &error);
    if (!handler)
        fail_msg("%s", error.text);
    assert_string_equal(handler->name, "later");
    assert_int_equal(handler->size, sizeof *handler + sizeof(void *));
}

static void what_is_no_file(void **state)
{
    (void)state;
    next_object();
    expect_refused("No such file or directory");
    next_object();
    assert_int_equal(mkdir(path, 0700), 0);
    expect_refused("not a regular file");
    next_object();
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_refused("not a regular file"); /* and does not wait for a writer */
}

static void what_is_no_shared_object(void **state)
{
    static const char text[200] = "#!/bin/sh\necho no shared object\n";
    (void)state;
    write_object(text, sizeof text);
    expect_refused("invalid ELF header");
    write_object("", 0);
    expect_refused("file too short");
    write_object("\177ELF", 4);
    expect_refused("file too short");
}

/* Of a good one, the byte at OFFSET is changed. */
static void change(size_t offset, unsigned char byte)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
    close(fd);
}

#define GOOD START "PREFORKD_PLUGIN = {PREFORKD_HANDLER(\"good\"), .handle = handle};\n"

static void what_is_for_another_machine(void **state)
{
    (void)state;
    compile(GOOD);
    change(18, 243); /* e_machine */
    expect_refused("was built for another machine (243, 64 bits; this preforkd: ");
    compile(GOOD);
    change(4, 1); /* EI_CLASS */
    expect_refused("32 bits; this preforkd: ");
    compile(GOOD);
    change(5, 2); /* EI_DATA */
    expect_refused("was built for another machine");
}

static void what_needs_more_than_there_is(void **state)
{
    (void)state;
    compile("#include <preforkd/handler.h>\n"
            "int nowhere(const struct preforkd_host *,\n"
            "    struct preforkd_connection *, void *);\n"
            "PREFORKD_PLUGIN = {PREFORKD_HANDLER(\"x\"), .handle = nowhere};\n");
    expect_refused("undefined symbol: nowhere");
}

static void what_has_no_handler(void **state)
{
    (void)state;
    compile("int something;\n");
    expect_refused("has no symbol preforkd_handler; write PREFORKD_PLUGIN");
    compile("static int preforkd_handler;\nint *keep(void) { return &preforkd_handler; }\n");
    expect_refused("has no symbol");
}

static void handlers_that_cannot_be_hosted(void **state)
{
    static const struct {
        const char *fields, *words;
    } rows[] = {
        {".abi = 0, .size = 8", "was built for ABI 0, this preforkd has ABI 1"},
        {".abi = 2, .size = 8", "was built for ABI 2, this preforkd has ABI 1"},
        {".abi = 1, .size = 0", "has 0 bytes, 120 were expected"},
        {".abi = 1, .size = 112, .name = \"x\", .handle = handle", "has 112 bytes"},
        {".abi = 1, .size = 1u << 30, .name = \"x\", .handle = handle", "has 1073741824 bytes"},
        {"PREFORKD_HANDLER(0), .handle = handle", "has no name"},
        {"PREFORKD_HANDLER(\"\"), .handle = handle", "has no name"},
        {"PREFORKD_HANDLER(\"x\")", "has no handle()"},
        {"PREFORKD_HANDLER(\"x\"), .handle = handle, .counters = nine",
         "9 counters; 8 are possible"},
        {"PREFORKD_HANDLER(\"x\"), .handle = handle, .counters = word",
         "longer than 23 characters"},
        {".abi = 1, .size = sizeof preforkd_handler, .name = \"x\", .handle = handle, .options = "
         "row",
         "its struct preforkd_option has 0 bytes, 48 were expected"},
        {".abi = 1, .size = sizeof preforkd_handler, .option_size = 40, .name = \"x\", .handle = "
         "handle, .options = row",
         "its struct preforkd_option has 40 bytes"},
        {".abi = 1, .size = sizeof preforkd_handler, .option_size = 52, .name = \"x\", .handle = "
         "handle, .options = row",
         "its struct preforkd_option has 52 bytes"},
    };
    char text[1500];
    (void)state;
    if (sizeof(struct preforkd_handler) != 120)
        skip();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(text, sizeof text,
                 START
                 "const char *const nine[] = {\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", "
                 "\"h\", \"i\", 0};\n"
                 "const struct preforkd_option row[] = {{0}};\n"
                 "const char *const word[] = {\"a_name_of_24_characters_\", 0};\n"
                 "void *keep(void) { return handle; }\nPREFORKD_PLUGIN = {%s};\n",
                 rows[i].fields);
        compile(text);
        expect_refused(rows[i].words);
    }
}

/* The object is only as long as it says: nothing behind it may be read. */
static void short_ones_are_not_read_beyond_their_end(void **state)
{
    (void)state;
    compile("struct { unsigned abi, size; } const preforkd_handler = {7, 8};\n");
    expect_refused("was built for ABI 7");
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    (void)host;
    (void)connection;
    (void)state;
    return PREFORKD_CLOSE;
}

static void built_in_handlers_pass_the_same_check(void **state)
{
    static const char *const eight[] = {"a", "b", "c", "d", "e", "f", "g", "h", NULL};
    static const char *const longest[] = {"a_name_of_23_characters", NULL};
    struct preforkd_handler handler = {PREFORKD_HANDLER("x"), .handle = handle, .counters = eight};
    (void)state;
    assert_int_equal(plugin_check(&handler, "here", &error), 0);
    handler.counters = longest;
    assert_int_equal(plugin_check(&handler, "here", &error), 0);
    handler.size += 8; /* one of a later version */
    assert_int_equal(plugin_check(&handler, "here", &error), 0);
    handler.abi++;
    assert_int_equal(plugin_check(&handler, "here", &error), -1);
    assert_int_equal(strncmp(error.text, "here: ", 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plugin_is_found),
        cmocka_unit_test(later_one_is_longer),
        cmocka_unit_test(what_is_no_file),
        cmocka_unit_test(what_is_no_shared_object),
        cmocka_unit_test(what_is_for_another_machine),
        cmocka_unit_test(what_needs_more_than_there_is),
        cmocka_unit_test(what_has_no_handler),
        cmocka_unit_test(handlers_that_cannot_be_hosted),
        cmocka_unit_test(short_ones_are_not_read_beyond_their_end),
        cmocka_unit_test(built_in_handlers_pass_the_same_check),
    };
    return cmocka_run_group_tests_name("plugin", tests, make_folder, remove_folder);
}
