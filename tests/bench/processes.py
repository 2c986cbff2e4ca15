# SPDX-License-Identifier: MIT
"""processes - what /proc tells of a server's processes."""

import os
import time

START_TIMEOUT_S = 60


def tree(pid):
    """PID and all its descendants."""
    found = [pid]
    for one in found:
        found += children(one)
    return found


def workers(server):
    """The processes that have no children: of each server here, those that serve."""
    pids = tree(server.process.pid)
    parents = {parent_of(pid) for pid in pids}
    return [pid for pid in pids if pid not in parents]


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def crew(server):
    """How many workers there are, at the price of a few files: the children of the process that forks
    them, which is the first one here, or a child of it."""
    own = children(server.process.pid)
    return max(len(found) for found in (own, *map(children, own[:1])))


def parent_of(pid):
    return int(field(f"/proc/{pid}/status", "PPid") or 0)


def field(path, name):
    """The first word of the line NAME: of a file in /proc; None where the process has gone."""
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return line.split()[1]
    except OSError:
        pass
    return None


def wait_for_workers(server, count):
    deadline = time.monotonic() + START_TIMEOUT_S
    while crew(server) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{server.name} has {crew(server)} of {count} workers")
        time.sleep(0.01)


def private_kib(pid):
    """What the process has for itself: pages nobody else maps, and the tables for all its pages."""
    rollup, status = f"/proc/{pid}/smaps_rollup", f"/proc/{pid}/status"
    parts = (field(rollup, "Private_Clean"), field(rollup, "Private_Dirty"), field(status, "VmPTE"))
    return sum(int(part or 0) for part in parts)


def runtime_s(pid):
    """Time on a processor, children that it has waited for included; 0 where it has gone. The kernel
    tells that of the first thread to the nanosecond (schedstat), all else (stat) in ticks."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            first_thread = int(file.read().split()[0]) / 1e9
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            ticks = list(map(int, file.read().rpartition(")")[2].split()[11:15]))
    except OSError:
        return 0
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    return max(first_thread, sum(ticks[:2]) * tick_s) + sum(ticks[2:]) * tick_s


def server_s(server):
    """Time that all of SERVER's processes, present and past, have been on a processor."""
    return sum(runtime_s(pid) for pid in tree(server.process.pid))


def sleeps(pids):
    """How often they went to sleep until now: after each wake-up once."""
    return sum(int(field(f"/proc/{pid}/status", "voluntary_ctxt_switches") or 0) for pid in pids)
