/* SPDX-License-Identifier: MIT
 *
 * log_sink - where finished log lines go: file descriptor 2, without ever waiting for its reader.
 *
 * The sink is a terminal, pipe, file or journal socket whose reader may stop. A line that would
 * block is dropped and counted; the count is written with the next line that goes through.
 */
#ifndef LIB_LOG_SINK_H
#define LIB_LOG_SINK_H

#include "lib/error.h"

#include <stddef.h>

/* Give this process and all it will start a descriptor 2 of their own that does not block. Called
 * once by the supervisor: the open file of the shell it was started from is not changed. */
void log_sink_open(void);

/* Use the descriptor 2 that was inherited. Called first in preforkd-pool. */
void log_sink_adopt(void);

/* Open PATH for appending (created with mode 0640, symbolic links refused). Returns the
 * descriptor, close-on-exec, or -1 with ERROR. */
int log_sink_open_file(const char *path, struct error *error);

/* Make FD the descriptor 2 from now on; FD itself stays the caller's. Async-signal-safe. */
void log_sink_switch(int fd);

/* Write one line, newline included, at most PIPE_BUF bytes so that lines of several processes do
 * not mix. Returns 0, or -1 where it was dropped. */
int log_sink_write(const char *line, size_t length);

/* How many lines were dropped since the last call. */
unsigned long log_sink_take_dropped(void);

#endif
