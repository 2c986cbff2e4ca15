/* SPDX-License-Identifier: MIT
 *
 * proxy_receive - see proxy_receive.h.
 */
#include "server/proxy_receive.h"

#include "lib/clock.h"
#include "server/socket_error.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>

const char *const proxy_receive_ends[] = {
#define END(id, text) [PROXY_RECEIVE_##id] = text,
    PROXY_RECEIVE_ENDS(END)
#undef END
};

/* Until there is something to read, or a signal came. DONE means: go on. */
static enum proxy_receive_end wait_for_bytes(int fd, int64_t deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t left = deadline_ms - clock_now_ms();
    if (left <= 0)
        return PROXY_RECEIVE_LATE;
    if (poll(&p, 1, left < INT_MAX ? (int)left : INT_MAX) < 0 && errno != EINTR)
        return PROXY_RECEIVE_FAILED;
    return PROXY_RECEIVE_DONE;
}

/* What errno of a failed recv means; DONE where it means: try again. */
static enum proxy_receive_end failed(int fd, int64_t deadline_ms)
{
    if (errno == EINTR)
        return PROXY_RECEIVE_DONE;
    if (errno == EAGAIN)
        return wait_for_bytes(fd, deadline_ms);
    return socket_error_is_gone(errno) ? PROXY_RECEIVE_SHORT : PROXY_RECEIVE_FAILED;
}

/* The next bytes, SIZE at most, are put at AT; *GOT says how many, which may be 0, and with FLAGS
 * of MSG_TRUNC more than SIZE. */
static enum proxy_receive_end some(int fd, uint8_t *at, size_t size, int flags, int64_t deadline_ms,
                                   size_t *got)
{
    ssize_t part = recv(fd, at, size, MSG_DONTWAIT | flags);
    *got = part > 0 ? (size_t)part : 0;
    if (part < 0)
        return failed(fd, deadline_ms);
    return part == 0 ? PROXY_RECEIVE_SHORT : PROXY_RECEIVE_DONE;
}

enum proxy_receive_end proxy_receive(int fd, int64_t deadline_ms, const volatile sig_atomic_t *cut,
                                     struct proxy_header *header)
{
    uint8_t bytes[PROXY_HEADER_MAX];
    size_t have = 0, got;
    enum proxy_header_state state;
    while ((state = proxy_header_parse(bytes, have, header)) == PROXY_HEADER_MORE) {
        assert(have + header->more <= sizeof bytes);
        enum proxy_receive_end end = some(fd, bytes + have, header->more, 0, deadline_ms, &got);
        if (cut && *cut)
            return PROXY_RECEIVE_CUT; /* whatever came was our own doing, or comes too late */
        if (end == PROXY_RECEIVE_SHORT && have == 0)
            return PROXY_RECEIVE_ABSENT;
        if (end != PROXY_RECEIVE_DONE)
            return end;
        have += got;
    }
    return state == PROXY_HEADER_DONE ? PROXY_RECEIVE_DONE : PROXY_RECEIVE_BAD;
}

enum proxy_receive_end proxy_receive_record(int fd, int64_t deadline_ms,
                                            const volatile sig_atomic_t *cut,
                                            struct proxy_header *header)
{
    uint8_t bytes[PROXY_HEADER_MAX];
    size_t got = 0;
    while (got == 0) {
        enum proxy_receive_end end = some(fd, bytes, sizeof bytes, MSG_TRUNC, deadline_ms, &got);
        if (cut && *cut)
            return PROXY_RECEIVE_CUT;
        if (end != PROXY_RECEIVE_DONE)
            return end == PROXY_RECEIVE_SHORT ? PROXY_RECEIVE_ABSENT : end;
    }
    size_t have = got < sizeof bytes ? got : sizeof bytes;
    enum proxy_header_state state = proxy_header_parse(bytes, have, header);
    if (state == PROXY_HEADER_BAD)
        return PROXY_RECEIVE_BAD;
    return state == PROXY_HEADER_DONE && header->length == got ? PROXY_RECEIVE_DONE
                                                               : PROXY_RECEIVE_RECORD;
}
