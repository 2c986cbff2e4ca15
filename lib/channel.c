/* SPDX-License-Identifier: MIT
 *
 * channel - see lib/channel.h and include/channel.h.
 */
#include "lib/channel.h"

#include "lib/fds.h"

#include <errno.h>

static const char *const NAMES[] = {[CHANNEL_NONE] = "none",
#define MESSAGE(name) [CHANNEL_##name] = #name,
                                    CHANNEL_MESSAGES(MESSAGE)
#undef MESSAGE
};

#define TYPES (sizeof NAMES / sizeof *NAMES)

int channel_send(int fd, enum channel_type type, uint32_t value, uint32_t limit, const char *text,
                 int pass)
{
    struct channel_message message = {
        .magic = CHANNEL_MAGIC, .type = type, .value = value, .limit = limit};
    snprintf(message.text, sizeof message.text, "%s", text ? text : "");
    return fds_send(fd, &message, sizeof message, pass);
}

int channel_receive(int fd, struct channel_message *message, int *passed)
{
    int status = fds_receive(fd, message, sizeof *message, passed);
    if (status <= 0)
        return status;
    if (message->magic == CHANNEL_MAGIC && message->type > CHANNEL_NONE && message->type < TYPES &&
        memchr(message->text, '\0', sizeof message->text))
        return 1;
    fds_close(passed);
    errno = EBADMSG;
    return -1;
}

const char *channel_name(enum channel_type type)
{
    return (size_t)type < TYPES ? NAMES[type] : "unknown";
}
