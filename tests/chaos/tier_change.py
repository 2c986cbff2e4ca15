# SPDX-License-Identifier: MIT
"""tier_change - changes of a running daemon: none costs a connection, a descriptor or memory."""
import time

import auditor
from harness import check, equal
from tier import (WORKERS, check_generous, milliseconds, own_programs, replace_programs,
                  share)

LIMIT_S = 10   # generous: what a change may take at most
ONCE_KIB = 64  # what may come late, but once; beyond it a byte for each reload is allowed


def change(tier, d):
    """Another file every time: keys of the pool, and of the socket that stays."""
    d.change("echo", workers=tier.dice.randint(WORKERS - 2, WORKERS + 2),
             idle_timeout=f"{tier.dice.randint(60, 600)}s", backlog=tier.dice.randint(256, 4096))


def timed(tier, name, deed):
    """Do it; how long that took."""
    with tier.journal.note(name) as row:
        deed()
    return row["to"] - row["from"]


def reload_back(d):
    """To the file of the start: what is compared afterwards has to be alike."""
    d.change("echo", workers=WORKERS, idle_timeout="61s", backlog=4096)
    d.reload()


def tier_reloads(tier):
    """Reloads of a changed file under full load: no connection is lost."""
    d = tier.serve(local=False)
    tier.herd(d)
    times = []
    for _ in tier.rounds():
        change(tier, d)
        times.append(timed(tier, "reload", d.reload))
        time.sleep(tier.dice.uniform(0, 0.02))
    reload_back(d)
    served = tier.none_lost(d)
    equal(d.status()["generation"], tier.done + 2, "generation")
    equal([line["msg"] for line in d.log_lines(level="warning")], [], "warnings")
    longest = max(herd.total["longest_s"] for herd in tier.herds)
    tier.figure(f"{tier.done} reloads, {served} connections", "0 lost", "0 lost")
    tier.figure("a reload, median and p99",
                f"{milliseconds(share(times, .5))}, {milliseconds(share(times, .99))}")
    tier.figure("longest connection", milliseconds(longest))
    check_generous(max(times), 1, LIMIT_S, "a reload")
    tier.stop(d)


def tier_idle_reloads(tier):
    """Reloads without load: no descriptor more, no kilobyte more. The first ones fill what is
    allocated once and for all."""
    d = tier.serve(local=False)  # so that workers sleep in accept, and must be woken
    for _ in range(20):
        change(tier, d)
        d.reload()
    reload_back(d)
    tier.baseline = auditor.Baseline(d)
    for _ in tier.rounds():
        change(tier, d)
        d.reload()
    reload_back(d)
    tier.baseline.check()
    tier.figure(f"{tier.done} reloads without load, descriptors", "same", "same")
    if not tier.t.sanitized:  # which keep what was freed
        check_memory(tier)
    tier.stop(d)


def check_memory(tier):
    """Live allocations wander over a heap that stays as it is: pages of it come into use for long."""
    growth = tier.baseline.growth_kib()
    tier.figure(f"{tier.done} reloads without load, memory asked for",
                f"{tier.baseline.data_growth_kib():+} KiB", "+0 KiB")
    tier.figure("of it, more pages in use", f"{growth:+} KiB")
    check(growth <= ONCE_KIB + tier.done // 1000, f"the supervisor grew by {growth} KiB")


def tier_upgrades(tier):
    """New programs in place, under full load: same pid, no connection is lost."""
    own_programs(tier.t)
    d = tier.serve()
    tier.herd(d)
    pid, times = d.pid, []
    for _ in tier.rounds():
        replace_programs(tier.t)
        times.append(timed(tier, "upgrade", lambda: d.result("upgrade")))
        equal(d.status()["pid"], pid, "pid")
    for herd in tier.herds:
        herd.wait_served(100)
    served = tier.none_lost(d)
    tier.figure(f"{tier.done} upgrades, {served} connections", "0 lost", "0 lost")
    tier.figure("an upgrade, median and p99",
                f"{milliseconds(share(times, .5))}, {milliseconds(share(times, .99))}")
    tier.stop(d)
