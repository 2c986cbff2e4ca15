# SPDX-License-Identifier: MIT
"""tier_death - kill -9 of every kind of process, and fork() that fails: what does it cost?"""
import os
import time

import auditor
from harness import Failure, alive, check, equal, reap, refuses, wait_until
from tier import WORKERS, check_generous, milliseconds, share, wait_strong

READY_WANTED_S, READY_MEDIAN_S = 0.050, 0.005
GONE_WANTED_S = 1
ANSWER_WANTED_S, HEAL_WANTED_S = 0.050, 5
LEAVE_LIMIT_S = 15  # far less than graceful_timeout: they have nothing to wait for
GENEROUS = 40  # times of a busy machine; what is asserted is that nobody hangs


def serves(row):
    """What it has done itself counts: the pool looks only every 10 ms who of many is READY."""
    return row["state"] in ("idle", "busy") or row["peer"] or row["connections"] > 0


def wait_replaced(d, row, limit=20):
    """Until the slot has another worker that is READY: the time since we began to look, without
    any pause between looks."""
    began = time.monotonic()
    while (took := time.monotonic() - began) < limit:
        rows = d.workers("echo", slot=row["slot"], generation=row["generation"])
        if any(r["pid"] != row["pid"] and serves(r) for r in rows):
            return time.monotonic() - began
    raise Failure(f"worker {row['pid']} of slot {row['slot']} is not replaced within {took:.0f} s")


def kill_one(tier, d):
    """A worker that serves or waits, as the dice say; its row."""
    wanted = tier.dice.choice(["busy", "busy", "idle"])
    while True:
        rows = d.workers("echo", state=wanted) or d.workers("echo", state="busy")
        if rows and tier.kill((row := tier.dice.choice(rows))["pid"]):
            return row


def tier_kills(tier):
    """kill -9 of a random worker, again and again: at most the one connection each."""
    d = tier.serve()
    herd = tier.herd(d)
    times = []
    for _ in tier.rounds():
        times.append(wait_replaced(d, kill_one(tier, d)))
    killed = len(times)
    cut, _ = tier.audit(d)
    service = d.service()
    equal(service["crashes"], killed, "crashes in the status")
    check(cut <= killed, f"{cut} cut, {killed} workers killed")
    check(herd.total["served"] <= service["connections"]["accepted"] <= herd.total["served"] + cut,
          f"accepted {service['connections']['accepted']}, {herd.total}")
    median, most = share(times, .5), share(times, .99)
    tier.figure(f"{killed} workers killed, {herd.total['total']} connections",
                f"{cut} lost, each in hand of its worker", f"at most {killed}")
    tier.figure("replacement READY, median", milliseconds(median), milliseconds(READY_MEDIAN_S))
    tier.figure("replacement READY, p99", milliseconds(most), milliseconds(READY_WANTED_S))
    check_generous(most, READY_WANTED_S, GENEROUS, "replacement READY, p99")
    tier.stop(d)


def kill_all_workers(tier, d):
    """Those of this moment; who was killed."""
    return {row["pid"] for row in d.workers("echo") if tier.kill(row["pid"])}


def tier_massacres(tier):
    """kill -9 of all workers at once with eight times more connections queued: only what the
    killed had in hand is lost."""
    d = tier.serve(local=False)
    herd = tier.herd(d, connections=8 * WORKERS)
    killed, times = 0, []
    for _ in tier.rounds():
        gone = kill_all_workers(tier, d)
        began = time.monotonic()
        wait_strong(d, without=gone)
        killed += len(gone)
        times.append(time.monotonic() - began)
        herd.wait_served(8 * WORKERS)
    cut, _ = tier.audit(d)
    check(cut <= killed, f"{cut} cut, {killed} workers killed")
    tier.figure(f"all workers killed {tier.done} times ({killed}), {herd.total['total']} connections",
                f"{cut} lost, 0 of the queue", "0 of the queue")
    tier.figure("all replaced, p99", milliseconds(share(times, .99)))
    tier.stop(d)


def tier_pools(tier):
    """kill -9 of a pool: its workers finish. Every third time they are killed as well."""
    d = tier.serve()
    herd = tier.herd(d)
    for number in tier.rounds():
        pool = wait_until(lambda: d.pool_pid("echo"), "a pool")
        workers = [row["pid"] for row in d.workers("echo")]
        tier.kill(pool, "pool")
        for pid in workers if number % 3 == 2 else []:
            tier.kill(pid)
        wait_until(lambda: not any(alive(pid) for pid in workers), "workers without a pool leave",
                   LEAVE_LIMIT_S)
        wait_until(lambda: d.pool_pid("echo") not in (0, pool), "another pool")
        wait_strong(d)
        herd.wait_served(50)
    cut, _ = tier.audit(d, complete=False)
    killed = len(tier.journal.killed())
    tier.figure(f"{tier.done} pools killed, a third with their {killed} workers",
                f"{cut} lost, all of those workers", "0 else")
    tier.stop(d)


def tier_supervisor(tier):
    """kill -9 of the supervisor: all end, the port is free, and a new start needs no cleaning."""
    d = tier.serve()
    herd = tier.herd(d)
    times = []
    for _ in tier.rounds():
        pids = auditor.everybody(d)
        with tier.down():
            d.killed()
            began = time.monotonic()
            wait_until(lambda: not any(alive(pid) for pid in pids), "all are gone")
            times.append(time.monotonic() - began)
            check(refuses(d.ports["echo"]), "the port is free")
            reap()
            d.start()
        wait_strong(d)
        herd.wait_served(50)
    _, nobody = tier.audit(d, complete=False)
    tier.figure(f"{tier.done} supervisors killed, {herd.total['total']} connections",
                f"{nobody} found nobody, others served", "no cleaning")
    tier.figure("all gone, longest", milliseconds(max(times)), milliseconds(GONE_WANTED_S))
    check_generous(max(times), GONE_WANTED_S, GENEROUS / 2, "all gone")
    tier.stop(d)


# ---- fork() that fails half of the time ------------------------------------------------------

def look_until_whole(d, gone, longest):
    """Ask for the status until all workers are there, and none of GONE; how long that took.
    LONGEST[0] is the slowest answer ever."""
    def whole():
        began = time.monotonic()
        service = d.service("echo")
        longest[0] = max(longest[0], time.monotonic() - began)
        states = service["workers"]
        return (service["state"] == "running" and states["idle"] + states["busy"] == WORKERS and
                not gone & {service["pool_pid"], *d.worker_pids("echo")})
    began = time.monotonic()
    wait_until(whole, "the service is whole again although every second fork fails", 60)
    return time.monotonic() - began


def tier_forks(tier):
    """Every second fork() fails while workers and pools are killed: the control socket answers,
    and all heals without help."""
    fault = tier.t.path("fork-fails")
    shim = tier.t.shim("fork_refused", SHIM_FORK=fault, SHIM_PERCENT="50")
    d = tier.serve(env=shim, restart_delay="10ms")
    d.expect("reload failed").expect("fork")
    tier.herd(d)
    longest, times, refused = [0], [], 0
    with open(fault, "w"):
        pass
    for number in tier.rounds():
        gone, pool = tier.dice.sample(sorted(d.worker_pids("echo")), 4), d.pool_pid("echo")
        for pid in gone:
            tier.kill(pid)
        if number % 3 == 1:
            tier.kill(pool, "pool")
            gone.append(pool)
        if number % 3 == 2:
            d.change("echo", idle_timeout=f"{100 + number}s")
            d.write()
            refused += not d.ask("reload")["ok"]
        times.append(look_until_whole(d, set(gone), longest))
    os.unlink(fault)
    d.result("restart")
    look_until_whole(d, set(), [0])
    cut, _ = tier.audit(d, complete=False)
    check(any(line["msg"].startswith("cannot start a worker") for line in d.log_lines()),
          "a fork failed")
    tier.figure(f"{tier.done} rounds with every second fork() refused",
                f"{cut} lost, {refused} reloads refused", "those in hand")
    tier.figure("control socket answers, longest", milliseconds(longest[0]),
                milliseconds(ANSWER_WANTED_S))
    tier.figure("healed, median and longest", f"{milliseconds(share(times, .5))}, "
                f"{milliseconds(max(times))}", milliseconds(HEAL_WANTED_S))
    check_generous(longest[0], ANSWER_WANTED_S, GENEROUS, "an answer of the control socket")
    check_generous(max(times), HEAL_WANTED_S, 6, "healing")
    tier.stop(d)
