/* SPDX-License-Identifier: MIT
 *
 * config_auto - how many workers `workers = "auto"` stands for, and why. Pure.
 *
 * A worker has one client at a time, and most clients wait: for their user, for the network, for
 * the worker's own database. So a worker per processor, which is right where one process serves
 * many clients, would leave the processors idle and clients in the queue: it is a multiple. Idle
 * workers cost about 100 KiB each and no processor time. Programs that accept by themselves
 * (type = "listen") mostly do serve many clients each, and get one per processor.
 */
#ifndef LIB_CONFIG_AUTO_H
#define LIB_CONFIG_AUTO_H

#include "lib/config.h"
#include "lib/cpu_budget.h"

/* For each processor, a fraction of one counted as a fraction, and at least; never more than
 * max_workers. The least number of a program that accepts is for the case that one hangs. */
#define CONFIG_AUTO_EACH         16
#define CONFIG_AUTO_LEAST        8
#define CONFIG_AUTO_LISTEN_EACH  1
#define CONFIG_AUTO_LISTEN_LEAST 2

/* The number for SERVICE, which has its kind and max_workers. REASON says in one line how it comes
 * about. */
#define CONFIG_AUTO_REASON_MAX 192
int64_t config_auto_workers(const struct config_service *service, const struct cpu_budget *budget,
                            char reason[static CONFIG_AUTO_REASON_MAX]);

#endif
