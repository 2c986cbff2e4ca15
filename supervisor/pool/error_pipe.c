/* SPDX-License-Identifier: MIT
 *
 * error_pipe - see error_pipe.h.
 */
#include "supervisor/pool/error_pipe.h"

#include "lib/clock.h"
#include "lib/fds.h"
#include "lib/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PIECE            8192 /* taken in one turn */
#define LAST_PIECES      16   /* taken at the end: what a pipe holds */
#define LINE_MAX_BYTES   2048 /* a longer one is cut in two */
#define LINES_BURST      4096
#define LINES_PER_SECOND 1000

static void begin(struct log_line *line, const struct error_pipe *p, enum log_level level,
                  const char *message)
{
    char peer[ADDRESS_TEXT_MAX];
    log_begin(line, level, message);
    if (p->pid > 0)
        log_int(line, "worker_pid", p->pid);
    if (p->shown && scoreboard_peer(p->shown, peer)[0] != '\0')
        log_text(line, "peer", peer);
}

void error_pipe_budget_init(struct error_pipe_budget *budget)
{
    int64_t now = clock_now_ms();
    *budget = (struct error_pipe_budget){0};
    rate_init(&budget->lines, LINES_BURST, LINES_PER_SECOND, now);
    rate_init(&budget->reports, 1, 1, now);
}

void error_pipe_budget_report(struct error_pipe_budget *budget)
{
    struct log_line line;
    if (budget->dropped == 0)
        return;
    log_begin(&line, LOG_LEVEL_WARNING, "stderr: too many lines");
    log_int(&line, "dropped", budget->dropped);
    log_end(&line);
    budget->dropped = 0;
}

int64_t error_pipe_budget_check(struct error_pipe_budget *budget, int64_t now_ms)
{
    if (budget->dropped == 0)
        return CLOCK_NEVER;
    if (rate_take(&budget->reports, 1, now_ms) == 0)
        return rate_next_ms(&budget->reports, now_ms);
    error_pipe_budget_report(budget);
    return CLOCK_NEVER;
}

static void write_line(struct error_pipe *p, const char *text, size_t length)
{
    struct log_line line;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    if (length == 0)
        return;
    if (rate_take(&p->budget->lines, 1, clock_now_ms()) == 0) {
        p->budget->dropped++;
        return;
    }
    begin(&line, p, LOG_LEVEL_INFO, "stderr");
    log_bytes(&line, "text", text, length);
    log_end(&line);
}

/* As much of a long line as is told at once: no character (UTF-8) is cut in two. */
static size_t long_piece(const char *text)
{
    size_t back = 1;
    while (back < 4 && (text[LINE_MAX_BYTES - back] & 0xC0) == 0x80)
        back++;
    unsigned char lead = (unsigned char)text[LINE_MAX_BYTES - back];
    size_t wanted = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return wanted > back ? LINE_MAX_BYTES - back : LINE_MAX_BYTES;
}

/* Whole lines, and what is too long for one. */
static void write_lines(struct error_pipe *p)
{
    size_t done = 0;
    while (done < p->line.length) {
        const char *at = p->line.data + done;
        size_t left = p->line.length - done;
        const char *end = memchr(at, '\n', left);
        if (!end && left < LINE_MAX_BYTES)
            break;
        size_t length = end ? (size_t)(end - at) : left;
        if (!end || length > LINE_MAX_BYTES)
            length = long_piece(at);
        write_line(p, at, length);
        done += length + (end == at + length);
    }
    buffer_consume(&p->line, done);
}

enum piece { PIECE_TAKEN, PIECE_NONE_NOW, PIECE_NONE_EVER };

static enum piece take_piece(struct error_pipe *p)
{
    ssize_t got = read(p->source.fd, buffer_reserve(&p->line, PIECE), PIECE);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return PIECE_NONE_NOW;
    if (got <= 0)
        return PIECE_NONE_EVER;
    p->line.length += (size_t)got;
    write_lines(p);
    return PIECE_TAKEN;
}

static void end(struct error_pipe *p)
{
    write_line(p, buffer_text(&p->line), p->line.length);
    loop_remove(p->loop, &p->source);
    fds_close(&p->source.fd);
    buffer_release(&p->line);
}

static void on_readable(struct loop_source *source, uint32_t events)
{
    struct error_pipe *p = source->owner;
    (void)events;
    if (p->pid > 0 && take_piece(p) == PIECE_NONE_EVER)
        end(p);
}

int error_pipe_open(struct error_pipe *p, struct loop *loop, struct error_pipe_budget *budget,
                    const struct scoreboard_slot *shown)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    *p = (struct error_pipe){.loop = loop, .budget = budget, .shown = shown};
    p->source = (struct loop_source){ends[0], on_readable, p};
    /* A hang-up is told unasked, epoll_ctl(2); this way it is told once. */
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && loop_add(loop, &p->source, EPOLLONESHOT) == 0)
        return ends[1];
    fds_close(&ends[1]);
    fds_close(&p->source.fd);
    return -1;
}

void error_pipe_start(struct error_pipe *p, int pid)
{
    p->pid = pid;
    if (p->source.fd >= 0)
        loop_change(p->loop, &p->source, EPOLLIN);
}

void error_pipe_close(struct error_pipe *p)
{
    if (p->source.fd < 0)
        return;
    for (int i = 0; i < LAST_PIECES && take_piece(p) == PIECE_TAKEN; i++)
        ;
    end(p);
}
