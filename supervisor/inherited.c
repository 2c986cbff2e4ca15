/* SPDX-License-Identifier: MIT
 *
 * inherited - see inherited.h.
 */
#include "supervisor/inherited.h"

#include "lib/buffer.h"
#include "lib/memory.h"
#include "lib/quantity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_FD     3
#define SOCKETS_MAX  1024
#define DEFAULT_NAME "unknown" /* as sd_listen_fds_with_names(3) calls what has no name */

struct inherited {
    int fd;
    char *name;
    const char *unfit; /* why it cannot be used; NULL where it can */
    bool wanted;       /* somebody asked for it */
};

static struct {
    struct inherited *sockets;
    unsigned count;
    const char *problem; /* why there are none; NULL where that is no wonder */
} all;

static int option_of(int fd, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

const char *inherited_unfit(int fd)
{
    struct stat about;
    if (fstat(fd, &about) < 0)
        return "is not open";
    if (!S_ISSOCK(about.st_mode))
        return "is not a socket";
    int family = option_of(fd, SO_DOMAIN), type = option_of(fd, SO_TYPE);
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return "is of a family that is not served (IPv4, IPv6 and Unix are)";
    if (type == SOCK_DGRAM)
        return NULL;
    if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
        return "is of a type that is not served (stream, datagram and seqpacket are)";
    /* What systemd passes for Accept=yes, and inetd for nowait. */
    return option_of(fd, SO_ACCEPTCONN) == 1 ? NULL : "does not listen; is it a connection?";
}

static void adopt(struct inherited *socket, int fd)
{
    socket->fd = fd;
    socket->unfit = inherited_unfit(fd);
    if (!socket->unfit && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
        return;
    close(fd);
    socket->fd = -1;
}

/* How many parts LIST has between its colons. */
static int64_t parts(const char *list)
{
    int64_t count = 1;
    for (; *list; list++)
        count += *list == ':';
    return count;
}

/* How many sockets there are for us by the words of the environment. */
static int64_t announced(const char *pid, const char *fds, const char *names)
{
    int64_t number;
    if (!pid || !fds)
        return 0;
    if (quantity_parse_count(pid, &number) < 0)
        all.problem = "LISTEN_PID is not a number";
    else if (number != getpid())
        all.problem = "LISTEN_PID is another process";
    else if (quantity_parse_count(fds, &number) < 0 || number > SOCKETS_MAX)
        all.problem = "LISTEN_FDS is not a number from 0 to 1024";
    else if (number > 0 && names && parts(names) != number)
        all.problem = "LISTEN_FDNAMES has not as many names as LISTEN_FDS says";
    else
        return number;
    return 0;
}

static void forget_environment(void)
{
    static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
                                            "LISTEN_PIDFDID"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
}

int inherited_adopt(void)
{
    const char *names = getenv("LISTEN_FDNAMES");
    int64_t count = announced(getenv("LISTEN_PID"), getenv("LISTEN_FDS"), names);
    all.sockets = memory_zeroed((size_t)count + 1, sizeof *all.sockets);
    for (; all.count < count; all.count++) {
        size_t length = names ? strcspn(names, ":") : 0;
        struct inherited *socket = &all.sockets[all.count];
        socket->name =
            length > 0 ? memory_printf("%.*s", (int)length, names) : memory_string(DEFAULT_NAME);
        adopt(socket, FIRST_FD + (int)all.count);
        if (names)
            names += length + (names[length] == ':');
    }
    forget_environment();
    return (int)all.count;
}

size_t inherited_count(void)
{
    return all.count;
}

const char *inherited_name(size_t index, int *fd)
{
    *fd = all.sockets[index].fd;
    return all.sockets[index].name;
}

void inherited_add(const char *name, int fd)
{
    all.sockets = memory_resize(all.sockets, (all.count + 1) * sizeof *all.sockets);
    struct inherited *socket = &all.sockets[all.count++];
    socket->name = memory_string(name);
    adopt(socket, fd);
}

static int none(const char *name, struct error *error)
{
    struct buffer list = {0};
    for (unsigned i = 0; i < all.count; i++)
        buffer_printf(&list, "%s\"%s\"", i > 0 ? ", " : "", all.sockets[i].name);
    if (all.count > 0)
        error_set(error, EXIT_CODE_UNAVAILABLE,
                  "no inherited socket is named \"%s\"; there are: %.1024s", name,
                  buffer_text(&list));
    else
        error_set(error, EXIT_CODE_UNAVAILABLE, "no sockets were inherited%s%s%s",
                  all.problem ? " (" : "; they come with LISTEN_FDS, see sd_listen_fds(3)",
                  all.problem ? all.problem : "", all.problem ? ")" : "");
    buffer_release(&list);
    return -1;
}

static int wrong_number(const char *name, unsigned count, struct error *error)
{
    if (count == 1)
        return error_set(error, EXIT_CODE_UNAVAILABLE,
                         "one inherited socket is named \"%s\"; write fd://%s", name, name);
    return error_set(error, EXIT_CODE_UNAVAILABLE,
                     "%u inherited sockets are named \"%s\"; write fd://%s:1 to fd://%s:%u", count,
                     name, name, name, count);
}

int inherited_find(const struct address *a, struct error *error)
{
    struct inherited *found = NULL;
    unsigned count = 0, wanted = a->number ? a->number : 1;
    for (unsigned i = 0; i < all.count; i++)
        if (strcmp(all.sockets[i].name, a->name) == 0 && ++count == wanted)
            found = &all.sockets[i];
    if (count == 0)
        return none(a->name, error);
    if (!found || (count > 1 && a->number == 0))
        return wrong_number(a->name, count, error);
    if (found->unfit)
        return error_set(error, EXIT_CODE_UNAVAILABLE, "inherited descriptor %d %s",
                         FIRST_FD + (int)(found - all.sockets), found->unfit);
    found->wanted = true;
    return found->fd;
}

const char *inherited_idle(size_t index)
{
    const struct inherited *socket = &all.sockets[index];
    return socket->unfit || socket->wanted ? NULL : socket->name;
}

void inherited_release(void)
{
    for (unsigned i = 0; i < all.count; i++) {
        if (all.sockets[i].fd >= 0)
            close(all.sockets[i].fd);
        free(all.sockets[i].name);
    }
    free(all.sockets);
    all.sockets = NULL;
    all.count = 0;
    all.problem = NULL;
}
