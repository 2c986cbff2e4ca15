/* SPDX-License-Identifier: MIT
 *
 * descriptors - those of the plan, which live in somebody else's table until the client is there.
 *
 * The program may do with descriptors what it likes: close all it does not know, or put its own at
 * numbers it has chosen. So closing one of ours is refused as if it were not open (the hooks do
 * that), and one that is in the way is moved. All changes are made with system calls, because the
 * functions for them are hooked by this library.
 */
#ifndef SERVER_PRELOAD_DESCRIPTORS_H
#define SERVER_PRELOAD_DESCRIPTORS_H

#include "include/warm.h"

/* Sets close-on-exec on those of ADOPTED, which stays the caller's and tells where they are from
 * then on. 0, or -1 and errno where one is not open. */
int descriptors_adopt(struct warm_plan *adopted);

bool descriptors_include(int fd);

/* The program is about to put something at FD: move what is ours there, if anything is. */
void descriptors_make_way(int fd);

/* Close all from FIRST to LAST but ours, with FLAGS of close_range(2). 0, or -1 and errno. */
int descriptors_close_others(unsigned first, unsigned last, unsigned flags);

/* Whether the next program that is executed has them. Keeps errno. */
void descriptors_pass_on(bool pass_on);

/* Put one that neither accepts nor blocks in place of the listeners and the gate: whoever waits at
 * one of them finds out. Async-signal-safe. */
void descriptors_deaden(void);

/* Close the template's line to the pool, or all of them. */
void descriptors_close_control(void);
void descriptors_close(void);

#endif
