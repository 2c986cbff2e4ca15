/* SPDX-License-Identifier: MIT
 *
 * reading_child - see reading_child.h.
 */
#include "supervisor/reading_child.h"

#include "lib/config_snapshot.h"
#include "lib/signals.h"
#include "lib/sys.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define COMPLAINTS_MAX 65536 /* bytes; who has more errors than that begins with the first */

/* A sanitizer takes more address space than any limit allows. */
#if defined __SANITIZE_ADDRESS__
#define MEMORY_IS_OURS false
#elif defined __has_feature
#define MEMORY_IS_OURS !__has_feature(address_sanitizer)
#else
#define MEMORY_IS_OURS true
#endif

/* SNAPSHOT becomes 3, the standard descriptors /dev/null, and there is nothing else. */
static int arrange_descriptors(int snapshot, struct error *error)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot open /dev/null");
    for (int i = 0; i <= STDERR_FILENO; i++)
        if (dup2(null, i) < 0)
            return error_set_errno(error, EXIT_CODE_OS, "cannot place /dev/null");
    if (snapshot != STDERR_FILENO + 1 && dup2(snapshot, STDERR_FILENO + 1) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot place the snapshot");
    return sys_close_range(STDERR_FILENO + 2, ~0U, 0) < 0
               ? error_set_errno(error, EXIT_CODE_OS, "close_range")
               : 0;
}

/* GRACE: how much later the hard limit comes, which kills without saying why (RLIMIT_CPU). */
static int limit(unsigned resource, rlim_t most, rlim_t grace, struct error *error)
{
    struct rlimit now;
    if (getrlimit(resource, &now) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "getrlimit");
    if (now.rlim_max > most + grace)
        now.rlim_max = most + grace;
    if (now.rlim_cur > most)
        now.rlim_cur = most;
    return setrlimit(resource, &now) == 0
               ? 0
               : error_set_errno(error, EXIT_CODE_OS, "cannot limit the process that reads");
}

/* A crash leaves no core: it would have all that the supervisor remembers. */
static int set_limits(struct error *error)
{
    if (limit(RLIMIT_CPU, READING_CPU_SECONDS, 1, error) < 0 ||
        limit(RLIMIT_CORE, 0, 0, error) < 0 ||
        limit(RLIMIT_FSIZE, READING_SNAPSHOT_MAX, 0, error) < 0)
        return -1;
    return MEMORY_IS_OURS ? limit(RLIMIT_AS, (rlim_t)READING_MEMORY_MIB << 20, 0, error) : 0;
}

/* The signals are unblocked last: a limit that is reached has to kill. */
static int confine(int snapshot, pid_t parent, struct error *error)
{
    signals_reset(0);
    if (setpgid(0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot confine the process that reads");
    if (getppid() != parent)
        return error_set(error, EXIT_CODE_OS, "the parent is gone");
    if (arrange_descriptors(snapshot, error) < 0 || set_limits(error) < 0 ||
        credentials_keep_reading(error) < 0)
        return -1;
    signals_unblock_all();
    return 0;
}

/* At the end of a line. */
static void cut(struct buffer *errors)
{
    if (errors->length <= COMPLAINTS_MAX)
        return;
    errors->length = COMPLAINTS_MAX;
    while (errors->length > 0 && errors->data[errors->length - 1] != '\n')
        errors->length--;
    buffer_printf(errors, "and more\n");
}

static enum exit_code read_file(const char *file, struct buffer *text)
{
    struct buffer errors = {0};
    struct config *config = config_load(file, &errors);
    if (config)
        config_print_resolved(config, text);
    if (text->length > READING_SNAPSHOT_MAX)
        buffer_printf(&errors, "%s: more than %u MiB with all that it includes\n", file,
                      READING_SNAPSHOT_MAX >> 20);
    if (errors.length == 0)
        return EXIT_CODE_OK;
    cut(&errors);
    *text = errors;
    return EXIT_CODE_CONFIG;
}

_Noreturn void reading_child_run(const char *file, int snapshot, pid_t parent)
{
    struct error error;
    struct buffer text = {0};
    enum exit_code code = EXIT_CODE_CONFIG;
    if (confine(snapshot, parent, &error) == 0)
        code = read_file(file, &text);
    else
        buffer_printf(&text, "%s: %s\n", file, error.text);
    if (config_snapshot_write(STDERR_FILENO + 1, &text, &error) < 0)
        code = EXIT_CODE_SOFTWARE;
    _exit((int)code);
}
