/* SPDX-License-Identifier: MIT
 *
 * warm - see include/warm.h. The text is a version and the numbers of the plan, with spaces:
 *
 *     1 MODE SLOT SLOTS POOL_PID GATE_OPEN SCOREBOARD NOTIFY GATE LIBRARY CONTROL LISTENER COUNT
 *
 * Runs in the pool and in the preload library, before main(); allocates nothing.
 */
#include "include/warm.h"

#include "include/channel.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define VERSION "1"
#define NUMBERS 12
#define FIRST   3 /* below are the standard descriptors */

char *warm_print(const struct warm_plan *plan, char text[static WARM_TEXT_MAX])
{
    snprintf(text, WARM_TEXT_MAX, VERSION " %d %u %u %d %d %d %d %d %d %d %d %d", (int)plan->mode,
             plan->slot, plan->slots, plan->pool_pid, plan->gate_open, plan->scoreboard_fd,
             plan->notify_fd, plan->gate_fd, plan->library_fd, plan->control_fd,
             plan->listener_first, plan->listener_count);
    return text;
}

/* Reads " NUMBER" at *TEXT, 64 bits being more than any field has. How it is spelt is checked by
 * who compares the whole text. */
static bool read_number(const char **text, int64_t *number)
{
    const char *at = *text;
    bool negative = at[0] == ' ' && at[1] == '-';
    at += negative ? 2 : 1;
    if (**text != ' ' || *at < '0' || *at > '9')
        return false;
    for (*number = 0; *at >= '0' && *at <= '9'; at++) {
        if (*number > UINT32_MAX)
            return false;
        *number = *number * 10 + (*at - '0');
    }
    if (negative)
        *number = -*number;
    *text = at;
    return true;
}

static bool is_descriptor(int fd)
{
    return fd >= FIRST;
}

static bool makes_sense(const struct warm_plan *p)
{
    bool is_template = p->control_fd != -1;
    return (p->mode == WARM_START || p->mode == WARM_IO) && (is_template || p->slot < p->slots) &&
           p->slots > 0 && p->pool_pid > 0 && is_descriptor(p->scoreboard_fd) &&
           is_descriptor(p->notify_fd) && is_descriptor(p->gate_fd) &&
           is_descriptor(p->library_fd) && (!is_template || is_descriptor(p->control_fd)) &&
           is_descriptor(p->listener_first) && p->listener_count > 0 &&
           p->listener_count <= CHANNEL_LISTENERS_MAX &&
           p->listener_first <= INT32_MAX - p->listener_count;
}

int warm_parse(const char *text, struct warm_plan *plan)
{
    char again[WARM_TEXT_MAX];
    int64_t n[NUMBERS];
    const char *at = text + strlen(VERSION);
    if (strncmp(text, VERSION, strlen(VERSION)) != 0)
        return -1;
    for (int i = 0; i < NUMBERS; i++)
        if (!read_number(&at, &n[i]))
            return -1;
    *plan = (struct warm_plan){
        .mode = (enum warm_mode)n[0],
        .slot = (uint32_t)n[1],
        .slots = (uint32_t)n[2],
        .pool_pid = (int32_t)n[3],
        .gate_open = n[4] != 0,
        .scoreboard_fd = (int)n[5],
        .notify_fd = (int)n[6],
        .gate_fd = (int)n[7],
        .library_fd = (int)n[8],
        .control_fd = (int)n[9],
        .listener_first = (int)n[10],
        .listener_count = (int)n[11],
    };
    /* Numbers that did not fit, leading zeros, and anything behind the last one. */
    return makes_sense(plan) && strcmp(warm_print(plan, again), text) == 0 ? 0 : -1;
}
