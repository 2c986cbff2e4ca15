/* SPDX-License-Identifier: MIT
 *
 * notify - see notify.h.
 */
#include "supervisor/pool/notify.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"

#include <stddef.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WARNINGS_BURST      10
#define WARNINGS_PER_SECOND 1

/* One datagram and what the kernel says of it. */
struct datagram {
    char bytes[NOTIFY_MESSAGE_MAX];
    size_t length;
    struct ucred sender; /* pid 0: not told, or of a name space we do not see */
    bool cut;
};

/* Room for the credentials, which the kernel puts first, and for nothing else: descriptors that
 * find no room are closed by the kernel and never get a number here. */
union control {
    struct cmsghdr header; /* for its alignment */
    char room[CMSG_SPACE(sizeof(struct ucred))];
};

static int random_name(char name[static NOTIFY_NAME_MAX])
{
    unsigned char dice[16];
    if (getrandom(dice, sizeof dice, GRND_NONBLOCK) != (ssize_t)sizeof dice)
        return -1;
    int used = snprintf(name, NOTIFY_NAME_MAX, "@preforkd/");
    for (size_t i = 0; i < sizeof dice; i++)
        used += snprintf(name + used, NOTIFY_NAME_MAX - (size_t)used, "%02x", dice[i]);
    return 0;
}

/* In the abstract name space the length counts: no NUL at the end belongs to the name. */
static int bind_name(int fd, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    memcpy(address.sun_path + 1, name + 1, length - 1);
    return bind(fd, (const struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}

static void close_all(const struct cmsghdr *header)
{
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
        close(fd);
    }
}

static void read_control(struct msghdr *message, struct ucred *sender)
{
    *sender = (struct ucred){0};
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET)
            continue;
        if (h->cmsg_type == SCM_RIGHTS)
            close_all(h);
        if (h->cmsg_type == SCM_CREDENTIALS && h->cmsg_len == CMSG_LEN(sizeof *sender))
            memcpy(sender, CMSG_DATA(h), sizeof *sender);
    }
}

static int receive(int fd, struct datagram *datagram)
{
    struct iovec part = {.iov_base = datagram->bytes, .iov_len = sizeof datagram->bytes};
    union control control = {0};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return -1;
    read_control(&message, &datagram->sender);
    datagram->length = (size_t)got;
    datagram->cut = (message.msg_flags & MSG_TRUNC) != 0;
    return 0;
}

/* Programs of an ordinary user cannot become anybody else (no_new_privs); those of root can, and
 * are to be heard then. */
static bool is_stranger(const struct ucred *sender)
{
    uid_t us = geteuid();
    return sender->pid <= 0 || (us != 0 && sender->uid != us && sender->uid != 0);
}

static void hear(struct notify *notify, const struct datagram *datagram)
{
    struct notify_message message;
    const char *trouble = NULL;
    if (is_stranger(&datagram->sender))
        trouble = "is not of this pool";
    else if (datagram->cut)
        trouble = "said too much at once";
    else if (notify_message_parse(datagram->bytes, datagram->length, &message) < 0)
        trouble = "said what is no message";
    if (!trouble)
        notify->said(notify->owner, datagram->sender.pid, &message);
    else if (rate_take(&notify->warnings, 1, clock_now_ms()) > 0)
        log_warning("process %d (user %u) %s on the notification socket; ignored",
                    (int)datagram->sender.pid, (unsigned)datagram->sender.uid, trouble);
}

static void on_datagrams(struct loop_source *source, uint32_t events)
{
    struct datagram datagram = {0};
    (void)events;
    for (int i = 0; i < NOTIFY_BATCH && receive(source->fd, &datagram) == 0; i++)
        hear(source->owner, &datagram);
}

int notify_init(struct notify *notify, struct loop *loop,
                void (*said)(void *owner, pid_t pid, const struct notify_message *message),
                void *owner)
{
    int on = 1;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *notify = (struct notify){.loop = loop, .said = said, .owner = owner};
    notify->source = (struct loop_source){fd, on_datagrams, notify};
    rate_init(&notify->warnings, WARNINGS_BURST, WARNINGS_PER_SECOND, clock_now_ms());
    /* Credentials before the name: a datagram without them cannot come in between. */
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 &&
        random_name(notify->name) == 0 && bind_name(fd, notify->name) == 0 &&
        loop_add(loop, &notify->source, EPOLLIN) == 0)
        return 0;
    fds_close(&notify->source.fd);
    return -1;
}

void notify_release(struct notify *notify)
{
    loop_remove(notify->loop, &notify->source);
    fds_close(&notify->source.fd);
}
