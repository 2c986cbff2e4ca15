/* SPDX-License-Identifier: MIT
 *
 * witness - a plugin that says what process it runs in: when its configuration is checked, on
 * descriptor 2; when a client comes, to that client.
 *
 *     session=SID leader=PID tty=ERRNO type=ERRNO read=ERRNO
 *     NAME=VALUE, for each variable of its environment
 *
 * tty is what opening /dev/tty says, type what typing into the terminal of descriptor 2 says
 * (ioctl_tty(2), TIOCSTI), read what reading from there says; 0 where they succeed.
 */
#include <preforkd/handler.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

extern char **environ;

static char testimony[1 << 16];

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    size_t length = strlen(testimony);
    va_list list;
    va_start(list, format);
    vsnprintf(testimony + length, sizeof testimony - length, format, list);
    va_end(list);
}

static int open_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int type_into_terminal(void)
{
    for (const char *key = "typed\n"; *key; key++)
        if (ioctl(2, TIOCSTI, key) < 0)
            return errno;
    return 0;
}

static int read_terminal(void)
{
    char byte;
    fcntl(2, F_SETFL, O_NONBLOCK);
    return read(2, &byte, 1) < 0 ? errno : 0;
}

static void testify(void)
{
    testimony[0] = '\0';
    say("session=%d leader=%d tty=%d type=%d read=%d\n", (int)getsid(0), (int)getpid(),
        open_terminal(), type_into_terminal(), read_terminal());
    for (char **variable = environ; *variable; variable++)
        say("%s\n", *variable);
}

static int check_config(const struct preforkd_host *host, const struct preforkd_options *options,
                        char *reason, size_t size)
{
    (void)reason;
    (void)size;
    testify();
    if (host->option_number(options, "loud"))
        (void)!write(2, testimony, strlen(testimony));
    const char *escape = host->option_text(options, "escape");
    if (escape[0] != '\0')
        dprintf(2, "\033]0;%s\a\x9b\rerased\n", escape);
    for (int64_t i = host->option_number(options, "lines"); i > 0; i--)
        dprintf(2, "one more line\n");
    return 0;
}

static int worker_init(const struct preforkd_host *host, void **state, char *reason, size_t size)
{
    (void)host;
    (void)state;
    (void)reason;
    (void)size;
    testify();
    return 0;
}

static int handle(const struct preforkd_host *host, struct preforkd_connection *connection,
                  void *state)
{
    (void)state;
    host->write_all(connection, testimony, strlen(testimony));
    return PREFORKD_CLOSE;
}

static const struct preforkd_option OPTIONS[] = {
    {"loud", PREFORKD_BOOLEAN, "false", 0, 0, "say it when the configuration is checked, too"},
    {"escape", PREFORKD_TEXT, "", 0, 0, "what the title of a terminal shall be then"},
    {"lines", PREFORKD_INTEGER, "0", 0, 1 << 30, "how much it says then, besides"},
    {0},
};

PREFORKD_PLUGIN = {
    PREFORKD_HANDLER("witness"), .options = OPTIONS, .check_config = check_config,
    .worker_init = worker_init,  .handle = handle,
};
