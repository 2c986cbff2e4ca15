/* SPDX-License-Identifier: MIT
 *
 * notify_message - see notify_message.h.
 */
#include "supervisor/pool/notify_message.h"

#include <string.h>

/* A part of the datagram; nothing in it is NUL-terminated. */
struct span {
    const char *at;
    size_t length;
};

static bool is(struct span line, const char *text)
{
    size_t length = strlen(text);
    return line.length == length && memcmp(line.at, text, length) == 0;
}

/* How much of TEXT fits into ROOM bytes without cutting a UTF-8 character. A character has at most
 * three bytes behind its first; where more follow it is no UTF-8, and any cut is as good. */
static size_t whole_characters(struct span text, size_t room)
{
    if (text.length <= room)
        return text.length;
    for (size_t end = room; end > 0 && end + 4 > room; end--)
        if (((unsigned char)text.at[end] & 0xC0) != 0x80)
            return end;
    return room;
}

static void take_status(struct notify_message *message, struct span text)
{
    if (message->has_status)
        return;
    size_t length = whole_characters(text, sizeof message->status - 1);
    memcpy(message->status, text.at, length);
    message->status[length] = '\0';
    message->has_status = true;
}

static void take_line(struct notify_message *message, struct span line)
{
    static const char status[] = "STATUS=";
    size_t prefix = sizeof status - 1;
    if (is(line, "READY=1"))
        message->ready = true;
    else if (is(line, "RELOADING=1"))
        message->reloading = true;
    else if (is(line, "STOPPING=1"))
        message->stopping = true;
    else if (is(line, "WATCHDOG=1"))
        message->alive = true;
    else if (is(line, "WATCHDOG=trigger"))
        message->triggered = true;
    else if (line.length >= prefix && memcmp(line.at, status, prefix) == 0)
        take_status(message, (struct span){line.at + prefix, line.length - prefix});
}

int notify_message_parse(const void *bytes, size_t length, struct notify_message *message)
{
    const char *at = bytes;
    *message = (struct notify_message){0};
    if (length == 0 || length > NOTIFY_MESSAGE_MAX)
        return -1;
    const char *end = at + length;
    if (end[-1] == '\0')
        end--;
    if (memchr(at, '\0', (size_t)(end - at)))
        return -1;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        take_line(message, (struct span){at, (size_t)(stop - at)});
        at = newline ? newline + 1 : end;
    }
    return 0;
}
