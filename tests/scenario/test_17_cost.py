# SPDX-License-Identifier: MIT
"""What a worker costs the machine, against the least that such a process can cost: the floor server of
tests/bench, in the same run. Pages and page faults, no times."""
import contextlib
import re
import statistics
import subprocess

from harness import *

WORKERS = 24
# What the floor has not: a heap, a scoreboard, and libconfig where it is shared. Page tables are not
# compared: how many of them the same mappings need is up to where the kernel puts these.
MAPPINGS = 8


@contextlib.contextmanager
def floor(t, *mode):
    """Its port, and its first process."""
    port = t.port()
    process = subprocess.Popen([t.program("bench/floor"), str(port), str(WORKERS), *mode])
    try:
        wait_until(lambda: len(children(process.pid)) == WORKERS, "the floor's processes")
        wait_until(lambda: not refuses(port), "the floor accepts")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def own_kib(pid):
    """Of pages that no other process has."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(kib) for kib in re.findall(r"^Private_(?:Clean|Dirty): +(\d+)", file.read(), re.M))


def mappings(pid):
    with open(f"/proc/{pid}/maps") as file:
        return len(file.readlines())


def faults_of_ended(pid):
    """Page faults of the children of PID that were waited for."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b") ")[2].split()[8])


def median(values):
    return statistics.median(list(values))


def scenario_idle_worker_is_as_small_as_the_floor(t):
    """Pages of its own: what a worker writes after its fork is together. Mappings: nothing that only the
    pool needs is there; each is work for every fork and exit."""
    t.skip_sanitized("it has shadow memory")
    d = t.daemon(echo={"workers": WORKERS}).start()
    d.wait_workers(WORKERS)
    with floor(t) as (_, pid):
        least = children(pid)
        ours = d.worker_pids()
        for what, measure, more in (("KiB of pages", own_kib, 0), ("mappings", mappings, MAPPINGS)):
            floors, mine = median(map(measure, least)), median(map(measure, ours))
            check(mine <= floors + more, f"{what}: {mine}, the floor has {floors}")


def scenario_descriptors_of_the_pool_are_not_copied(t):
    """It has one for each worker: were they copied to be closed, each fork would cost more than the one
    before. The size of a descriptor table tells, because it never shrinks."""
    t.skip_sanitized("its runtime may hold descriptors")
    d = t.daemon(echo={"workers": 300}).start()
    d.wait_workers(300)
    sizes = [int(proc_status(pid)["FDSize"]) for pid in d.worker_pids()]
    check(max(sizes) <= 64, f"room for {max(sizes)} descriptors in a worker")


def serve(port, count):
    for _ in range(count):
        with Client(port) as client:
            client.ask(b"hello")


def scenario_fresh_worker_faults_less_than_the_floor(t):
    """A process for each connection lives as long as its page faults take."""
    t.skip_sanitized("it has shadow memory")
    d = t.daemon(echo={"workers": WORKERS, "max_connections_per_worker": 1,
                       "access_log": False}).start()
    d.wait_workers(WORKERS)
    with floor(t, "fresh") as (port, pid):
        each = []
        for where, parent in ((port, pid), (d.port, d.pool_pid())):
            serve(where, 2 * WORKERS)
            before = faults_of_ended(parent)
            serve(where, 100)
            wait_until(lambda parent=parent: all(map(alive, children(parent))), "all ended are waited for")
            each.append((faults_of_ended(parent) - before) / 100)
    check(each[1] <= each[0], f"{each[1]} page faults, the floor has {each[0]}")
