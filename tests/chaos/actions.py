# SPDX-License-Identifier: MIT
"""actions - what chaos does to a daemon, one function each: action_NAME(chaos).

The dice decide what, whom and how many; a deed that kills is in the journal. A deed that waits for a
change lets those go on that are stopped: the change may wait for their generation to leave.
"""
import os
import signal
import time

from harness import alive, check, reap, wait_until
from tier import replace_programs, send


def action_reload(chaos):
    chaos.go_on_all()
    chaos.shuffle()
    chaos.d.reload()


def action_hup(chaos):
    """Nobody waits for it: the next deed comes while it is under way."""
    chaos.shuffle()
    chaos.d.write()
    chaos.d.kill(signal.SIGHUP)


def action_broken_reload(chaos):
    chaos.go_on_all()
    chaos.broken.good = chaos.d.config_text()
    chaos.broken.write()
    check(not chaos.d.ask("reload")["ok"], "a broken file was put into force")
    chaos.broken.restore()


def action_restart(chaos):
    chaos.go_on_all()
    chaos.d.result("restart")


def action_scale(chaos):
    chaos.d.result(f"scale echo {chaos.tier.dice.randint(1, 12)}")


def action_ttin_ttou(chaos):
    chaos.d.kill(chaos.tier.dice.choice([signal.SIGTTIN, signal.SIGTTOU]))


def action_reopen_logs(chaos):
    chaos.rotate()
    chaos.d.result("reopen_logs")


def action_kill_worker(chaos):
    rows = chaos.d.workers("echo")
    if rows:
        chaos.tier.kill(chaos.tier.dice.choice(rows)["pid"])


def action_kill_all_workers(chaos):
    for row in chaos.d.workers("echo"):
        chaos.tier.kill(row["pid"])


def action_kill_any(chaos):
    """One in whatever phase there is, most of the time amid a reload: of an old generation, one that
    is being born, one that finishes; or a pool."""
    dice = chaos.tier.dice
    if dice.random() < 0.7:
        action_hup(chaos)
        time.sleep(dice.uniform(0, 0.01))
    phases = {"pool": chaos.pools()}
    for row in chaos.d.workers():
        phases.setdefault(row["state"], []).append(row["pid"])
    there = sorted(phase for phase, pids in phases.items() if pids)
    if not there:
        return
    phase = dice.choice(there)
    kind = "pool" if phase == "pool" else "worker"
    chaos.phases[phase] += chaos.tier.kill(dice.choice(phases[phase]), kind)


def action_crash_worker(chaos):
    """Its pool is replaced for it, in the background, by one with another address layout."""
    rows = [row for row in chaos.d.workers("echo") if not chaos.is_stopped(row["pid"])]
    if rows:
        chaos.tier.kill(chaos.tier.dice.choice(rows)["pid"], number=signal.SIGSEGV)


def action_kill_pool(chaos):
    pool = chaos.d.pool_pid("echo")
    if pool:
        chaos.tier.kill(pool, "pool")


def action_stop_worker(chaos):
    """SIGSTOP; it goes on some deeds later."""
    rows = chaos.d.workers("echo")
    if rows:
        pid = chaos.tier.dice.choice(rows)["pid"]
        if send(pid, signal.SIGSTOP):
            chaos.stopped.append((chaos.number + chaos.tier.dice.randint(1, 4), pid))


def action_kill_supervisor(chaos):
    chaos.go_on_all()
    pids = chaos.everybody()
    with chaos.tier.down():
        chaos.d.killed()
        wait_until(lambda: not any(alive(pid) for pid in pids), "all are gone")
        reap()
        chaos.d.start(env=chaos.tier.forgive_libconfig())


def action_upgrade(chaos):
    chaos.go_on_all()
    replace_programs(chaos.tier.t)
    chaos.d.result("upgrade")


def action_broken_upgrade(chaos):
    """The new program is cut off, is none, fails, or is not there."""
    chaos.go_on_all()
    path = chaos.tier.t.program("preforkd")
    with open(path, "rb") as file:
        whole = file.read()
    os.rename(path, path + ".good")
    text = chaos.tier.dice.choice([whole[:4096], b"text", b"#!/bin/sh\nexit 1\n", None])
    if text is not None:
        with open(path, "wb") as file:
            file.write(text)
        os.chmod(path, 0o755)
    check(not chaos.d.ask("upgrade")["ok"], "a broken program took over")
    os.rename(path + ".good", path)


ACTIONS = [(action_reload, 6), (action_hup, 3), (action_broken_reload, 3), (action_restart, 2),
           (action_scale, 4), (action_ttin_ttou, 3), (action_reopen_logs, 3),
           (action_kill_worker, 6), (action_kill_any, 6), (action_crash_worker, 3),
           (action_kill_all_workers, 2), (action_kill_pool, 2), (action_stop_worker, 3),
           (action_kill_supervisor, 1), (action_upgrade, 2), (action_broken_upgrade, 1)]
