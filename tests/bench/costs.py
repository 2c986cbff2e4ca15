# SPDX-License-Identifier: MIT
"""costs - what an idle server costs, how long a killed worker is missed, and what else is no steady
load: the table of these works."""

import contextlib
import os
import select
import signal
import socket
import tempfile
import time

import bursts
import crowds
import figures
import loads
import processes
import servers

IDLE_DAEMON_WORKERS = 256
WAKEUP_SECONDS = 5
KILLS = 20       # of each server in a round: far below what makes preforkd suspect a crash loop
KILL_REST_S = 0.02
READY_MS = 2     # median
READY_P99_MS = 10


@contextlib.contextmanager
def pair(workers):
    """The floor and preforkd, with all their workers."""
    with tempfile.TemporaryDirectory(prefix="preforkd-bench-") as folder:
        os.chmod(folder, 0o755)
        with loads.floor(workers=workers) as least, loads.preforkd(folder, workers=workers) as ours:
            for server in (least, ours):
                processes.wait_for_workers(server, workers)
            time.sleep(1)  # the last ones settle
            yield least, ours


def wakeups(options):
    """Of all processes together, a second, while nobody connects."""
    del options
    work = f"wake-ups ({IDLE_DAEMON_WORKERS} idle workers)"
    with pair(IDLE_DAEMON_WORKERS) as running:
        servers.progress(work)
        pids = [processes.tree(server.process.pid) for server in running]
        before = [processes.sleeps(some) for some in pids]
        time.sleep(WAKEUP_SECONDS)
        each = [[(processes.sleeps(some) - then) / WAKEUP_SECONDS] for some, then in zip(pids, before)]
    return [figures.row(work, "floor", each[0], "per second"),
            figures.row(work, "preforkd", each[1], "per second", goal=("most", 2))]


def missed_ms(server):
    """Kill the only worker; how long until a client that comes as soon as it is dead has its answer
    from the next one. A client that came earlier could still be its last."""
    (pid,) = processes.workers(server)
    fd = os.pidfd_open(pid)
    with socket.socket() as client:
        client.settimeout(10)
        begin = time.monotonic()
        signal.pidfd_send_signal(fd, signal.SIGKILL)
        select.select([fd], [], [])
        os.close(fd)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"x")
        client.recv(1)
        return (time.monotonic() - begin) * 1000


def replacement(options):
    work = "replacement of a killed worker"
    times = [[], []]
    with pair(1) as running:
        for number in range(options.rounds):
            for index in (0, 1) if number % 2 == 0 else (1, 0):
                servers.progress(f"{work} {running[index].name} {number + 1}/{options.rounds}")
                for _ in range(KILLS):
                    times[index].append(missed_ms(running[index]))
                    time.sleep(KILL_REST_S)
    rows = []
    for name, values in zip(("floor", "preforkd"), times):
        ours = name == "preforkd"
        rows.append(figures.row(work, name, values, "ms to the answer, median",
                                goal=("most", READY_MS) if ours else None, digits=3))
        rows.append(figures.row(work, name, [figures.quantile(values, 0.99)], "ms, 99th percentile",
                                goal=("most", READY_P99_MS) if ours else None, digits=3))
    return rows


COSTS = {"burst": bursts.burst, "crowd": crowds.crowd, "replacement": replacement,
         "wakeups": wakeups}
