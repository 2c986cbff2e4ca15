/* SPDX-License-Identifier: MIT
 *
 * scoreboard - creating, mapping and reading the mapping of include/scoreboard.h.
 */
#ifndef LIB_SCOREBOARD_H
#define LIB_SCOREBOARD_H

#include "include/scoreboard.h"
#include "lib/address.h"

/* A sealed memfd for SLOTS slots, its memory set aside (no SIGBUS later). -1 with ERROR. */
int scoreboard_create(uint32_t slots, struct error *error);

/* Is FD such a descriptor? */
bool scoreboard_is(int fd, uint32_t slots);

/* A number that is another one where the mapping is laid out in another way. */
int64_t scoreboard_layout(void);

/* Map such a descriptor; SLOTS as given to scoreboard_create(), never read from the mapping. NULL
 * and errno on failure. */
struct scoreboard *scoreboard_map(int fd, uint32_t slots, bool writable);
void scoreboard_unmap(struct scoreboard *board, uint32_t slots);

/* One worker as it is now. */
struct scoreboard_view {
    enum scoreboard_state state;
    enum scoreboard_phase phase;
    int pid;
    uint32_t sequence;
    uint64_t connections, bytes_in, bytes_out;
    int64_t born_ms, started_ms, moved_ms;
};
void scoreboard_read(const struct scoreboard_slot *slot, struct scoreboard_view *view);

/* The peer of the connection in hand, "" where there is none. Returns TEXT. */
char *scoreboard_peer(const struct scoreboard_slot *slot, char text[static ADDRESS_TEXT_MAX]);

/* The proxy it came by, "" for none. */
char *scoreboard_proxy(const struct scoreboard_slot *slot, char text[static ADDRESS_TEXT_MAX]);

/* What the worker's program says of itself, "" where it said nothing: one line of well-formed
 * UTF-8, whatever is in the mapping; bytes that cannot be shown are '?'. Returns TEXT. */
char *scoreboard_said(const struct scoreboard_slot *slot, char text[static SCOREBOARD_SAID_MAX]);

/* For the one who writes this half now: show TEXT there, as much of it as fits. */
void scoreboard_say(struct scoreboard_worker *worker, const char *text);

/* Sums over the workers that left and those that are there; scoreboard_sum() adds to TOTALS. */
struct scoreboard_totals {
    uint64_t connections, bytes_in, bytes_out, refused, crashes, restarts;
    uint64_t counters[SCOREBOARD_COUNTERS];
    uint32_t starting, idle, busy, draining;
};
void scoreboard_sum(const struct scoreboard *board, uint32_t slots,
                    struct scoreboard_totals *totals);

/* The name of a counter, "" where there is none; what cannot be printed is replaced. */
char *scoreboard_counter_name(const struct scoreboard *board, int counter,
                              char text[static SCOREBOARD_COUNTER_NAME_MAX]);

extern const char *const scoreboard_state_names[];

#endif
