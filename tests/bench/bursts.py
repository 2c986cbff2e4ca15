# SPDX-License-Identifier: MIT
"""bursts - a crowd of clients at once at a pool of few workers: when the last one has its first reply,
and when the pool is as small as before."""

import os
import tempfile
import time

import figures
import loads
import processes
import servers

CLIENTS = 1000
SPARE, MAX_SPARE, MAX_WORKERS = 16, 32, 1200
LAST_MS, LAST_RATIO = 300, 2
IDLE_S = 2  # spare_idle_timeout: how long the low-water mark looks back
POLL_S = 0.01
PATIENCE_S = 30

POOL = (f"min_spare = {SPARE}; max_spare = {MAX_SPARE}; start_workers = {SPARE}; "
        f"max_workers = {MAX_WORKERS}; spare_idle_timeout = \"{IDLE_S}s\";")
# `preforkc load` opens them without waiting, in one epoll loop, and holds them until all are served.
BURST = ["--mode", "burst", "--count", str(CLIENTS), "--sources", "8", "--timeout", f"{PATIENCE_S}s"]


def last_ms(server):
    """The time of the last first reply, and how many there were not."""
    (result,) = servers.load(server, BURST)
    return result["last_answer_ms"], result["failed"]


def back_s(server):
    """How long after the clients have left no more than MAX_SPARE workers are there."""
    begin = time.monotonic()
    while processes.crew(server) > MAX_SPARE:
        if time.monotonic() - begin > PATIENCE_S:
            raise TimeoutError(f"{server.name} has {processes.crew(server)} workers after a burst")
        time.sleep(POLL_S)
    return time.monotonic() - begin


def floor():
    """It grows once: each round has its own."""
    server = loads.floor(mode=f"burst {CLIENTS}", workers=SPARE)
    server.untouched = True
    return server


def one_of_the_floor():
    with floor() as server:
        processes.wait_for_workers(server, SPARE)
        return last_ms(server)


def one_of(server, back):
    processes.wait_for_workers(server, SPARE)
    last = last_ms(server)
    back.append((back_s(server), processes.crew(server)))
    return last


def rounds_of(ours, options):
    """(time, failures) of each round: the floor's, ours; and (time, workers) after each of ours."""
    least, own, back = [], [], []
    for number in range(options.rounds):
        servers.progress(f"burst {number + 1}/{options.rounds}")
        turns = (lambda: least.append(one_of_the_floor()), lambda: own.append(one_of(ours, back)))
        for turn in turns if number % 2 == 0 else reversed(turns):
            turn()
    return least, own, back


def rows_of(least, own, back):
    work = f"burst: {CLIENTS:,} clients on {SPARE} workers"
    unit = "ms to the last first reply"
    times = [[ms for ms, _ in some] for some in (least, own)]
    failed = [sum(failures for _, failures in some) for some in (least, own)]
    workers = figures.quantile([count for _, count in back], 0.5)
    return [figures.row(work, "floor", times[0], unit, failed=failed[0]),
            figures.row(work, "preforkd", times[1], unit, failed=failed[1],
                        goal=("most", LAST_MS)),
            figures.row(work, "preforkd", times[1], unit, "floor", times[0], ("most", LAST_RATIO)),
            figures.row(work, "preforkd", [seconds for seconds, _ in back],
                        f"s until {workers} workers are left", goal=("most", IDLE_S), digits=2)]


def burst(options):
    with tempfile.TemporaryDirectory(prefix="preforkd-bench-") as folder:
        os.chmod(folder, 0o755)
        with loads.preforkd(folder, pool=POOL) as ours:
            return rows_of(*rounds_of(ours, options))
