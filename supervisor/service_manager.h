/* SPDX-License-Identifier: MIT
 *
 * service_manager - keeps whoever started us as a service (systemd, s6, a container's manager)
 * informed, by the protocol of sd_notify(3): READY=1, RELOADING=1, STOPPING=1, STATUS=,
 * EXTEND_TIMEOUT_USEC= and WATCHDOG=1.
 *
 * The main loop calls service_manager_check() once a turn; what differs from what the manager was
 * told last is told then. So the watchdog is fed by a loop that turns, and by nothing else. A
 * manager that does not read is never waited for: what it was not told is told later.
 *
 * Runs in the supervisor alone. NOTIFY_SOCKET and WATCHDOG_* are taken out of the environment:
 * pools and programs cannot speak in our name.
 */
#ifndef SUPERVISOR_SERVICE_MANAGER_H
#define SUPERVISOR_SERVICE_MANAGER_H

#include "supervisor/supervisor.h"

/* Take NOTIFY_SOCKET (a path, or @NAME: abstract) and WATCHDOG_USEC (of WATCHDOG_PID: us, or not
 * given) over from the environment. Without the first, all the others here do nothing. */
void service_manager_adopt(void);

/* For the next image of this process, which calls service_manager_restore() instead: NOTIFY_SOCKET
 * (the caller's; NULL: there is none) and how often to feed the watchdog (0: there is none). */
char *service_manager_save(int64_t *watchdog_ms);
void service_manager_restore(const char *where, int64_t watchdog_ms);

/* Tell what has changed, and feed the watchdog where it is time. Returns when to call again. */
int64_t service_manager_check(const struct supervisor *s, int64_t now_ms);

/* A reload begins: the manager hears of it at once. How it ends it hears by the next check. */
void service_manager_reloading(const struct supervisor *s);

/* It ended; PROBLEM: why nothing changed, NULL where it was put into force. */
void service_manager_reloaded(const char *problem);

/* There will be no supervisor_run(), and why. */
void service_manager_failed(const char *why);

#endif
