/* SPDX-License-Identifier: MIT
 *
 * control.h - the contract between preforkctl and the supervisor.
 *
 * A client connects to the control socket (Unix stream, mode 0600; the peer's uid must be root or
 * the supervisor's own), sends one line "COMMAND [ARGUMENT…]\n" and reads one JSON object and end
 * of file:
 *
 *     {"ok": true, "result": …}          "result" where the command has one
 *     {"ok": false, "error": "text"}     the text may have several lines
 *
 * reload, restart, upgrade, stop and reopen-logs answer when they are done. One row per command:
 * name, least and most arguments, synopsis of the arguments, what it does. An underscore in a name
 * is a hyphen on the wire.
 */
#ifndef CONTROL_H
#define CONTROL_H

#define CONTROL_COMMANDS(COMMAND)                                                                  \
    COMMAND(status, 0, 0, "", "what runs: services, workers, connections")                         \
    COMMAND(workers, 0, 1, "[SERVICE]", "each worker: state, connections, peer")                   \
    COMMAND(reload, 0, 1, "[--dry-run]",                                                           \
            "read the configuration again; done when it serves, or refused; --dry-run: tell what " \
            "would change")                                                                        \
    COMMAND(restart, 0, 1, "[SERVICE]",                                                            \
            "as reload, with new processes where nothing changed either: for new program files")   \
    COMMAND(upgrade, 0, 0, "",                                                                     \
            "execute the new binary in the same process; done when its pools serve")               \
    COMMAND(stop, 0, 1, "[--now]", "finish the connections in hand and end; --now: cut them")      \
    COMMAND(reopen_logs, 0, 0, "", "open the log file anew, after it was moved away")              \
    COMMAND(scale, 2, 2, "SERVICE N|+N|-N", "set the number of workers of a fixed pool")           \
    COMMAND(config, 0, 0, "", "the configuration that is in force, defaults filled in")

#define CONTROL_REQUEST_MAX 256 /* bytes, newline included */

#endif
