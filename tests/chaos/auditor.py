# SPDX-License-Identifier: MIT
"""auditor - what must hold after chaos: each loss has a culprit, and nothing has piled up."""
import collections
import datetime
import re
import socket

from harness import (Failure, alive, check, descendants, descriptors, equal, proc_status,
                     process_table, refuses, wait_until)
from herd import CUTS


WALL_SPARE_S = 1  # for a clock that is being set


# ---- losses ----------------------------------------------------------------------------------

def wall(line):
    return datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()


def match(journal, obituaries):
    """{number of the row that killed: its obituary}, and the obituaries of those whom nobody killed.

    Numbers of processes come again, though not within seconds."""
    rows_of, told, odd = collections.defaultdict(list), {}, []
    for row in journal.killed():
        rows_of[row["pid"]].insert(0, row)
    for line in obituaries:
        latest = wall(line) + WALL_SPARE_S
        row = next((row for row in rows_of[int(line["worker_pid"])]
                    if row["wall"] < latest and row["number"] not in told), None)
        if row:
            told[row["number"]] = line
        else:
            odd.append(line)
    return told, odd


def during(loss, row):
    """The deed fell into the life of the connection."""
    return row["from"] <= loss["ended"] and row["to"] >= loss["began"]


def name_culprits(losses, journal, obituaries):
    """One killed worker for each connection that was cut: [(loss, the row of its kill or None)].

    Its obituary names the peer; one that died between accept and the note of its peer has none
    to name, and so has one whose pool was dead; such a death may explain one cut of its moment."""
    by_peer, nameless, (told, _) = collections.defaultdict(list), [], match(journal, obituaries)
    for row in journal.killed():
        peer = told[row["number"]]["peer"] if row["number"] in told else ""
        (by_peer[peer] if peer else nameless).append(row)
    answer = []
    for loss in sorted(losses, key=lambda loss: loss["ended"]):
        row = None
        for rows in (by_peer[loss["peer"]], nameless):
            row = next((row for row in rows if during(loss, row)), None)
            if row:
                rows.remove(row)
                break
        answer.append((loss, row))
    return answer


def around(loss, journal):
    """The deeds next to a loss, from when to when, in seconds after its beginning."""
    rows = [row for row in journal.rows
            if row["from"] < loss["ended"] + 0.1 and row["to"] > loss["began"] - 0.1]
    deeds = [f"{row['from'] - loss['began']:+.3f}…{row['to'] - loss['began']:+.3f} {row['action']} "
             f"{row.get('what') or row.get('pid', '')}".rstrip() for row in rows]
    return f"done around it: {', '.join(deeds[:20]) or 'nothing'}"


# What may become of a connection while there is no supervisor, or one that stops in peace.
EXCUSES = {"down": ("refused", *CUTS), "stopped": ("refused",)}


def check_losses(herds, journal, obituaries):
    """How many were cut with their worker, and how many found no supervisor; all have a reason."""
    cut, nobody = [], 0
    excuses = [(row, names) for action, names in EXCUSES.items() for row in journal.of(action)]
    for loss in (loss for herd in herds for loss in herd.lost):
        if any(loss["class"] in names and during(loss, row) for row, names in excuses):
            nobody += 1
        elif loss["class"] in CUTS:
            cut.append(loss)
        else:
            raise Failure(f"lost without any reason: {loss}; {around(loss, journal)}")
    for loss, row in name_culprits(cut, journal, obituaries):
        if not row:
            raise Failure(f"lost, and no worker that was killed then had it: {loss}; "
                          f"{around(loss, journal)}")
    return len(cut), nobody


def check_obituaries(journal, obituaries, complete=True):
    """Nobody died whom nobody killed, nobody twice; complete: each who was killed has a line."""
    told, odd = match(journal, obituaries)
    check(not odd, f"died, and nobody killed them: {odd}")
    silent = [row for row in journal.killed() if row["number"] not in told]
    check(not (complete and silent), f"killed without an obituary: {silent}")


# ---- the daemon ------------------------------------------------------------------------------

def kinds(pid):
    """How many descriptors of which kind; numbers of sockets say nothing."""
    return collections.Counter(re.sub(r":\[\d+\]$", "", target)
                               for target in descriptors(pid).values())


def memory_kib(pid):
    """The pages that it has written, heap and all. Not those of files: they count as its own or as
    shared by who else happens to have them mapped at the moment."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        fields = dict(line.split(":", 1) for line in file if line.startswith(("Anonymous:", "Swap:")))
    return sum(int(value.split()[0]) for value in fields.values())


def data_kib(pid):
    """What it has asked the kernel for, written or not."""
    return int(proc_status(pid)["VmData"].split()[0])


def expected_processes(d):
    """Supervisor, one pool for each service, the workers of the status."""
    services = d.status()["services"]
    pids = {d.pid, *(service["pool_pid"] for service in services)}
    workers = {row["pid"] for row in d.workers()}
    wanted = sum(d.services[service["name"]].get("workers", 0) for service in services)
    settled = all(service["state"] == "running" and service["workers"]["idle"] ==
                  service["workers"]["total"] for service in services)
    return pids | workers if settled and len(workers) == wanted else None


def settle(d, limit=60):
    """Until exactly the processes are there that the configuration asks for: none more, none less,
    no zombie."""
    def there():
        table = process_table()
        found = {d.pid, *descendants(d.pid, table)}
        states = {table[pid][1] for pid in found if pid in table}
        return "Z" not in states and found == expected_processes(d)
    try:
        wait_until(there, "", limit)
    except Failure:
        table = process_table()
        left = [f"{pid} {table[pid][0]} ({table[pid][1]})" for pid in descendants(d.pid, table)]
        raise Failure(f"the processes are not those of the configuration: {', '.join(left)}; "
                      f"{d.status()['services']}") from None


GROWTH_KIB = 1024  # more than buffers for a busy moment; tier_idle_reloads looks closer


class Baseline:
    """The daemon as it was when it first ran; to be taken when it has settled."""

    def __init__(self, d):
        settle(d)
        self.daemon = d
        self.kinds = kinds(d.pid)
        self.pool_kinds = kinds(d.pool_pid("echo"))
        self.memory, self.data = memory_kib(d.pid), data_kib(d.pid)

    def check(self):
        """Same descriptors, in the supervisor and in the pool, which may be another one now, and no
        memory to speak of."""
        d = self.daemon
        settle(d)
        wait_until(lambda: kinds(d.pid) == self.kinds, self.describe(), 10)
        equal(kinds(d.pool_pid("echo")), self.pool_kinds, "descriptors of the pool")
        growth = self.growth_kib()
        check(d.t.sanitized or growth < GROWTH_KIB, f"the supervisor grew by {growth} KiB")

    def describe(self):
        now = kinds(self.daemon.pid)
        return (f"the supervisor has the descriptors of its start; it has more: "
                f"{dict(now - self.kinds)}, less: {dict(self.kinds - now)}")

    def growth_kib(self):
        return memory_kib(self.daemon.pid) - self.memory

    def data_growth_kib(self):
        return data_kib(self.daemon.pid) - self.data


def everybody(d):
    return [d.pid, *descendants(d.pid)]


def check_gone(pids, port):
    """After the stop: no process, nobody listening; Scenario.finish() looks at the files."""
    left = [pid for pid in pids if alive(pid)]
    check(not left, f"processes left over: {left}")
    check(refuses(port), f"somebody listens on {port} still")
    with socket.socket() as again:  # which does not listen: somebody of the herd might come
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of connections, not listeners
        again.bind(("127.0.0.1", port))
