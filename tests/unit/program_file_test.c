/* SPDX-License-Identifier: MIT
 *
 * program_file_test - a program is found where execvp(3) would find it, and what the preload
 * library can go along with is told from what it cannot.
 */
#include "server/program_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the three above first. */
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static char base[64]; /* where everything is made */
static char home[256];
static struct program_file file;
static struct error error;

static int make(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "/tmp/preforkd-file-XXXXXX");
    memset(&file, 0xAA, sizeof file);
    error = (struct error){0};
    return mkdtemp(base) && getcwd(home, sizeof home) ? chmod(base, 0755) : -1;
}

static int drop(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

static int release(void **state)
{
    (void)state;
    return chdir(home) == 0 ? nftw(base, drop, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

/* BASE/NAME, in one of a few buffers. */
static char *in_base(const char *name)
{
    static char paths[8][PATH_MAX];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, PATH_MAX, "%s/%s", base, name);
    return path;
}

static const char *put(const char *name, const void *bytes, size_t length, mode_t mode)
{
    const char *path = in_base(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(fchmod(fd, mode), 0); /* past the umask */
    close(fd);
    return path;
}

static const char *put_text(const char *name, const char *text, mode_t mode)
{
    return put(name, text, strlen(text), mode);
}

static void folder(const char *name)
{
    assert_int_equal(mkdir(in_base(name), 0755), 0);
}

/* A program of this machine's kind; LINKER: its PT_INTERP, NULL: none. It cannot run. */
static const char *put_elf(const char *name, const char *linker, mode_t mode)
{
    struct {
        ElfW(Ehdr) header;
        ElfW(Phdr) parts[2];
        char text[64];
    } image = {.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3},
                          .e_type = ET_DYN,
                          .e_phoff = sizeof(ElfW(Ehdr)),
                          .e_phentsize = sizeof(ElfW(Phdr)),
                          .e_phnum = 2}};
    image.parts[0].p_type = PT_LOAD;
    image.parts[1].p_type = linker ? PT_INTERP : PT_DYNAMIC;
    image.parts[1].p_offset = (size_t)((char *)image.text - (char *)&image);
    if (linker) {
        image.parts[1].p_filesz = strlen(linker) + 1;
        snprintf(image.text, sizeof image.text, "%s", linker);
    }
    return put(name, &image, sizeof image, mode);
}

/* That of this test, with another folder in front. */
static const char *our_linker(void)
{
    static char text[256];
    ElfW(Ehdr) header;
    ElfW(Phdr) part;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &header, sizeof header, 0), sizeof header);
    for (unsigned i = 0; i < header.e_phnum; i++) {
        assert_true(pread(fd, &part, sizeof part, (off_t)(header.e_phoff + i * sizeof part)) > 0);
        if (part.p_type == PT_INTERP)
            assert_true(pread(fd, text, sizeof text - 1, (off_t)part.p_offset) > 0);
    }
    close(fd);
    return strrchr(text, '/');
}

static void find(const char *name, const char *directory, const char *search, const char *path)
{
    assert_int_equal(program_file_find(&file, name, directory, search, &error), 0);
    assert_string_equal(file.path, path);
}

static void expect_none(const char *name, const char *directory, const char *search,
                        const char *reason)
{
    assert_int_equal(program_file_find(&file, name, directory, search, &error), -1);
    assert_int_equal(error.code, EXIT_CODE_CONFIG);
    assert_non_null(strstr(error.text, reason));
    assert_true(strlen(name) > 1000 || strstr(error.text, name) != NULL);
}

/* "BASE/A:BASE/B" */
static const char *search_of(const char *first, const char *second)
{
    static char text[2 * PATH_MAX];
    snprintf(text, sizeof text, "%s:%s", in_base(first), in_base(second));
    return text;
}

static void two_folders(void)
{
    folder("one");
    folder("two");
}

static void first_in_the_path_is_taken(void **state)
{
    (void)state;
    two_folders();
    put_text("two/prog", "", 0755);
    find("prog", "/", search_of("one", "two"), in_base("two/prog"));
    put_text("one/prog", "", 0755);
    find("prog", "/", search_of("one", "two"), in_base("one/prog"));
    find("prog", "/", search_of("two", "one"), in_base("two/prog"));
}

static void what_cannot_be_executed_is_passed_over(void **state)
{
    (void)state;
    two_folders();
    put_text("one/prog", "", 0644);
    put_text("two/prog", "", 0755);
    find("prog", "/", search_of("one", "two"), in_base("two/prog"));
}

static void folders_are_passed_over(void **state)
{
    (void)state;
    two_folders();
    folder("one/prog");
    put_text("two/prog", "", 0755);
    find("prog", "/", search_of("one", "two"), in_base("two/prog"));
    find("prog", "/", search_of("one/prog", "two"), in_base("two/prog"));
    find("prog", "/", search_of("two/prog", "two"), in_base("two/prog")); /* that is a file */
}

static void nothing_found_is_told_with_the_path(void **state)
{
    (void)state;
    two_folders();
    expect_none("prog", "/", search_of("one", "two"), "No such file or directory");
    assert_non_null(strstr(error.text, search_of("one", "two")));
    expect_none("prog", "/", "", "No such file or directory");
    folder("one/prog");
    expect_none("prog", "/", search_of("one", "none"), "No such file or directory");
}

static void what_is_there_beats_what_is_not(void **state)
{
    (void)state;
    two_folders();
    put_text("one/prog", "", 0644);
    expect_none("prog", "/", search_of("one", "two"), "Permission denied");
    expect_none("prog", "/", search_of("two", "one"), "Permission denied");
}

/* Runs BODY as a user that is not root, where we are; else as we are. What fails there ends the
 * process, and fails the test. */
static void as_nobody(void (*body)(void))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
            _exit(99);
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void require(bool condition, int code)
{
    if (!condition)
        _exit(code);
}

static void look_behind_a_closed_folder(void)
{
    const char *search = search_of("closed", "none");
    require(program_file_find(&file, "prog", "/", search, &error) == -1, 1);
    require(strstr(error.text, "Permission denied"), 2);
    search = search_of("closed", "two");
    require(program_file_find(&file, "prog", "/", search, &error) == 0, 3);
    require(strcmp(file.path, in_base("two/prog")) == 0, 4);
}

static void folder_that_may_not_be_searched_is_told(void **state)
{
    (void)state;
    folder("closed");
    folder("two");
    put_text("closed/prog", "", 0755);
    put_text("two/prog", "", 0755);
    assert_int_equal(chmod(in_base("closed"), 0600), 0);
    as_nobody(look_behind_a_closed_folder);
    assert_int_equal(chmod(in_base("closed"), 0700), 0);
}

/* As for execvp(3) in a process that is in the program's directory, which the pool is not. */
static void empty_element_is_the_directory(void **state)
{
    static const char *const searches[] = {"", ":", ":/nonexistent",
                                           "/nonexistent:", "/nonexistent::/nonexistent"};
    (void)state;
    put_text("prog", "", 0755);
    for (size_t i = 0; i < sizeof searches / sizeof *searches; i++)
        find("prog", base, searches[i], in_base("prog"));
    assert_int_equal(chdir(base), 0);
    expect_none("prog", "/", ":", "No such file or directory");
    find("prog", ".", ":", "./prog");
}

static void relative_element_begins_in_the_directory(void **state)
{
    (void)state;
    folder("bin");
    put_text("bin/prog", "", 0755);
    find("prog", base, "/nonexistent:bin", in_base("bin/prog"));
    assert_int_equal(chdir(base), 0);
    expect_none("prog", "/", "bin", "No such file or directory");
    find("prog", ".", "bin", "./bin/prog");
}

static void name_with_a_slash_is_not_looked_for(void **state)
{
    (void)state;
    folder("one");
    put_text("one/prog", "", 0755);
    find(in_base("one/prog"), "/", "", in_base("one/prog"));
    find("one/prog", base, "/nonexistent", in_base("one/prog"));
    expect_none("./prog", base, in_base("one"), "No such file or directory");
    expect_none("/nonexistent/prog", base, in_base("one"), "No such file or directory");
    expect_none(in_base("one/prog/x"), "/", "", "Not a directory");
    expect_none(in_base("one"), "/", "", "Is a directory");
    expect_none("./one", base, "", "Is a directory");
}

static void path_that_is_too_long_is_not_cut(void **state)
{
    char name[PATH_MAX + 64];
    (void)state;
    put_text("prog", "", 0755);
    /* "/tmp/x/prog////…": as much as there is room for would be the program */
    snprintf(name, sizeof name, "%s/", base);
    size_t length = strlen(name);
    memset(name + length, '/', PATH_MAX - 1 - 4 - length);
    memcpy(name + PATH_MAX - 1 - 4, "prog", 4);
    memcpy(name + PATH_MAX - 1, "-other", 7);
    expect_none(name, "/", "", "too long");
    expect_none(name + 1, base, "", "too long");
    name[PATH_MAX - 1] = '\0';
    find(name, "/", "", name);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    expect_none(name, base, base, "No such file or directory");
}

static void expect_unpreloadable(const char *path, const char *reason)
{
    assert_int_equal(program_file_find(&file, path, "/", "", &error), 0);
    if (!reason)
        assert_null(file.unpreloadable);
    else
        assert_non_null(file.unpreloadable);
    if (reason)
        assert_non_null(strstr(file.unpreloadable, reason));
}

static void real_program_can_be_preloaded(void **state)
{
    (void)state;
    expect_unpreloadable("/proc/self/exe", NULL);
    expect_unpreloadable("/bin/sh", NULL);
}

static void linked_program_can_be_preloaded(void **state)
{
    (void)state;
    expect_unpreloadable(put_elf("dynamic", our_linker(), 0755), NULL);
    expect_unpreloadable(put_elf("static", NULL, 0755), "statically linked");
}

/* The library would not fit the C library of such a program. */
static void program_of_another_library_cannot(void **state)
{
    (void)state;
    expect_unpreloadable(put_elf("other", "/lib/ld-musl-mips.so.1", 0755), "dynamic linker");
}

static void what_is_no_program_cannot(void **state)
{
    ElfW(Ehdr) header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3},
                         .e_phoff = UINT32_MAX,
                         .e_phentsize = sizeof(ElfW(Phdr)),
                         .e_phnum = UINT16_MAX};
    (void)state;
    expect_unpreloadable(put("endless", &header, sizeof header, 0755), "statically linked");
    expect_unpreloadable(put("cut", &header, sizeof header / 2, 0755), "statically linked");
    header.e_phentsize = 1;
    expect_unpreloadable(put("odd", &header, sizeof header, 0755), "statically linked");
    expect_unpreloadable(put_text("empty", "", 0755), "statically linked");
    expect_unpreloadable(put_text("lone", "#!\n", 0755), "statically linked");
}

static void program_that_gains_privilege_cannot(void **state)
{
    (void)state;
    expect_unpreloadable(put_elf("suid", our_linker(), 04755), "set-user-ID");
    expect_unpreloadable(put_elf("sgid", our_linker(), 02755), "set-user-ID");
}

/* "#!TARGET" in NAME. */
static const char *put_script(const char *name, const char *before, const char *target,
                              const char *after, mode_t mode)
{
    char text[PATH_MAX];
    snprintf(text, sizeof text, "#!%s%s%s", before, target, after);
    return put_text(name, text, mode);
}

static void script_is_what_its_interpreter_is(void **state)
{
    static const char *const before[] = {"", " ", "\t ", "", ""};
    static const char *const after[] = {"\n", "\n", " -e x\n", "\t-e", ""};
    (void)state;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        expect_unpreloadable(
            put_script("script", before[i], put_elf("dynamic", our_linker(), 0755), after[i], 0755),
            NULL);
        expect_unpreloadable(
            put_script("script", before[i], put_elf("static", NULL, 0755), after[i], 0755),
            "statically linked");
    }
    expect_unpreloadable(put_script("script", "", put_elf("suid", our_linker(), 04755), "\n", 0755),
                         "set-user-ID");
    expect_unpreloadable(put_script("script", "", "/nonexistent", "\n", 0755), "cannot be read");
}

/* Linux takes no notice of the bit there. */
static void set_user_id_script_gains_nothing(void **state)
{
    (void)state;
    expect_unpreloadable(
        put_script("script", "", put_elf("dynamic", our_linker(), 0755), "\n", 06755), NULL);
}

/* COUNT scripts, each the interpreter of the one before, the last one's being TARGET. */
static const char *put_chain(int count, const char *target)
{
    char name[24];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "chain%d", i);
        target = put_script(name, "", target, "\n", 0755);
    }
    return target;
}

/* As many as the kernel follows, which is asked. */
static void chain_of_scripts_is_followed_as_far_as_linux_does(void **state)
{
    (void)state;
    for (int count = 1; count <= 7; count++) {
        const char *path = put_chain(count, "/bin/true");
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            execl(path, path, (char *)NULL);
            _exit(errno == ELOOP ? 1 : 2);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_in_range(status, 0, 1 << 8);
        expect_unpreloadable(path, status == 0 ? NULL : "do not end");
    }
}

static void scripts_that_call_each_other_end(void **state)
{
    (void)state;
    put_script("a", "", in_base("b"), "\n", 0755);
    expect_unpreloadable(put_script("b", "", in_base("a"), "\n", 0755), "do not end");
    expect_unpreloadable(put_script("self", "", in_base("self"), "\n", 0755), "do not end");
}

static void look_at_what_may_not_be_read(void)
{
    require(program_file_find(&file, in_base("secret"), "/", "", &error) == 0, 1);
    require(file.unpreloadable && strstr(file.unpreloadable, "cannot be read"), 2);
    require(program_file_find(&file, in_base("suid"), "/", "", &error) == 0, 3);
    require(file.unpreloadable && strstr(file.unpreloadable, "set-user-ID"), 4);
}

static void program_that_may_not_be_read_cannot(void **state)
{
    (void)state;
    put_elf("secret", our_linker(), 0111);
    put_elf("suid", our_linker(), 04111);
    as_nobody(look_at_what_may_not_be_read);
}

/* Not waited for, and not started. */
static void fifo_is_no_program(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(in_base("fifo"), 0755), 0);
    expect_unpreloadable(in_base("fifo"), "cannot be read");
    expect_none("fifo", "/", base, "No such file or directory");
}

static void expect_reason(const char *path, int number, const char *reason)
{
    char text[PROGRAM_FILE_REASON_MAX];
    assert_int_equal(program_file_find(&file, path, "/", "", &error), 0);
    assert_ptr_equal(program_file_reason(&file, number, text), text);
    assert_string_equal(text, reason);
}

static void reason_helps(void **state)
{
    char expected[PATH_MAX];
    (void)state;
    expect_reason(put_text("odd", "rubbish", 0755), ENOEXEC,
                  "Exec format error (no #! line, or made for another machine)");
    expect_reason(put_script("script", " ", "/nonexistent/sh", " -e\n", 0755), ENOENT,
                  "No such file or directory, its interpreter is /nonexistent/sh");
    snprintf(expected, sizeof expected, "Permission denied, its interpreter is %s", base);
    expect_reason(put_script("script", "", base, "\n", 0755), EACCES, expected);
    expect_reason(put_elf("musl", "/lib/ld-musl.so.1", 0755), ENOENT,
                  "No such file or directory, its dynamic linker is /lib/ld-musl.so.1");
    expect_reason(put_elf("static", NULL, 0755), ENOENT, "No such file or directory");
    expect_reason(put_script("script", "", "/bin/sh", "\n", 0644), EACCES,
                  "Permission denied (this user may not execute it)");
    expect_reason(
        put_script("script", "", "/bin/sh", "\r\n", 0755), ENOENT,
        "No such file or directory; its first line ends in a carriage return (\\r), as on "
        "Windows: /bin/sh");
    expect_reason("/bin/sh", ENOMEM, "Cannot allocate memory");
}

static void reason_of_a_file_that_is_gone(void **state)
{
    char text[PROGRAM_FILE_REASON_MAX];
    (void)state;
    const char *path = put_script("script", "", "/nonexistent/sh", "\n", 0755);
    assert_int_equal(program_file_find(&file, path, "/", "", &error), 0);
    assert_int_equal(unlink(path), 0);
    assert_string_equal(program_file_reason(&file, ENOENT, text), "No such file or directory");
}

static void long_interpreter_is_cut(void **state)
{
    char line[300], text[PROGRAM_FILE_REASON_MAX];
    (void)state;
    memset(line, 'x', sizeof line);
    memcpy(line, "#!/", 3);
    const char *path = put("script", line, sizeof line, 0755);
    assert_int_equal(program_file_find(&file, path, "/", "", &error), 0);
    program_file_reason(&file, ENOENT, text);
    assert_in_range(strlen(text), 128, sizeof text - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_in_the_path_is_taken),
        TEST(what_cannot_be_executed_is_passed_over),
        TEST(folders_are_passed_over),
        TEST(nothing_found_is_told_with_the_path),
        TEST(what_is_there_beats_what_is_not),
        TEST(folder_that_may_not_be_searched_is_told),
        TEST(empty_element_is_the_directory),
        TEST(relative_element_begins_in_the_directory),
        TEST(name_with_a_slash_is_not_looked_for),
        TEST(path_that_is_too_long_is_not_cut),
        TEST(real_program_can_be_preloaded),
        TEST(linked_program_can_be_preloaded),
        TEST(program_of_another_library_cannot),
        TEST(what_is_no_program_cannot),
        TEST(program_that_gains_privilege_cannot),
        TEST(script_is_what_its_interpreter_is),
        TEST(set_user_id_script_gains_nothing),
        TEST(chain_of_scripts_is_followed_as_far_as_linux_does),
        TEST(scripts_that_call_each_other_end),
        TEST(program_that_may_not_be_read_cannot),
        TEST(fifo_is_no_program),
        TEST(reason_helps),
        TEST(reason_of_a_file_that_is_gone),
        TEST(long_interpreter_is_cut),
    };
    return cmocka_run_group_tests_name("program_file", tests, NULL, NULL);
}
