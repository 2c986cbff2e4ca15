/* SPDX-License-Identifier: MIT
 *
 * pool_template - where the workers of a pool come from when they are copies: which template takes
 * orders, when it is renewed, and what its death means.
 *
 * At most two live: the one that takes orders, and one that is getting ready to replace it, because
 * of its age or after a crash of a copy (all copies share its address layout).
 */
#ifndef POOL_POOL_TEMPLATE_H
#define POOL_POOL_TEMPLATE_H

#include "supervisor/pool/pool.h"

void pool_template_init(struct pool *pool);

/* Do workers of this pool come from a template, at present? Not where the program has several
 * threads. */
bool pool_template_wanted(const struct pool *pool);

/* Workers are needed: true where they can be made, in the way that worker_table finds set then;
 * else a template is started, and will make itself heard. */
bool pool_template_ready(struct pool *pool);

/* How many of COUNT workers can be started now: a template has only so many orders at a time. */
int64_t pool_template_most(const struct pool *pool, int64_t count);

/* Does NUMBER, an errno of an order, mean that the template is about to end, or has its hands full?
 * Both make themselves heard. */
bool pool_template_is_deaf(const struct pool *pool, int number);

/* For worker_table: order a copy for SLOT. The number of the template, or -1 and errno. */
int pool_template_order(struct worker_table *table, uint32_t slot, int error_fd);

/* A copy crashed: the next ones shall be of a new template. */
void pool_template_renew(struct pool *pool);

/* Deadlines; returns the next one. */
int64_t pool_template_check(struct pool *pool, int64_t now_ms);

/* The pool stops: none is needed any more. */
void pool_template_leave(struct pool *pool);

/* Is one still alive? */
bool pool_template_alive(const struct pool *pool);

#endif
