# SPDX-License-Identifier: MIT
"""tier_stops - reload, restart, upgrade, scale and stop at once: the stop has the last word."""
import contextlib
import json
import signal
import time

import auditor
from harness import Client, alive, check, equal, reap, wait_until
from tier import milliseconds, share, wait_strong

COMMANDS = ("reload", "restart", "upgrade", "scale echo +1", "HUP", "USR2")


class Orders:
    """What is given to one daemon, without waiting for any of it."""

    def __init__(self, tier, d):
        self.tier, self.d = tier, d
        self.asked = []  # (command, the client that waits for its answer)

    def give(self, command):
        with self.tier.journal.note("order", what=command):
            if command in ("HUP", "USR2", "TERM", "INT"):
                self.d.kill(signal.Signals["SIG" + command])
                return
            client = Client(self.d.control)
            client.send(command.encode() + b"\n")
            self.asked.append((command, client))

    def give_late(self, command):
        """It may be gone by now."""
        with contextlib.suppress(OSError):
            self.give(command)

    def check_answers(self):
        """Who asked before the stop has been told what became of it."""
        for command, client in self.asked:
            with client:
                answer = client.recv_all()
            check(answer and "ok" in json.loads(answer), f"no answer to {command}: {answer!r}")

    def forget(self):
        for _, client in self.asked:
            client.close()


def end(d, pids):
    """Until nothing of it is left; how long that took."""
    began = time.monotonic()
    d.wait_exit(0)
    wait_until(lambda: not any(alive(pid) for pid in pids), "all are gone")
    took = time.monotonic() - began
    auditor.check_gone(pids, d.ports["echo"])
    reap()
    return took


def stop_amid(tier, d):
    """Up to three orders, the stop, up to two more that come too late; then a new start."""
    dice, orders, late = tier.dice, Orders(tier, d), Orders(tier, d)
    d.change("echo", idle_timeout=f"{dice.randint(60, 600)}s")
    d.write()
    pids = auditor.everybody(d)
    for command in dice.choices(COMMANDS, k=dice.randint(0, 3)):
        orders.give(command)
        time.sleep(dice.choice((0, 0.002, 0.01)))
    at_once = dice.random() < 0.2
    with tier.down() if at_once else tier.stopped():
        orders.give(dice.choice(("stop --now", "INT") if at_once else ("stop", "TERM")))
        for command in dice.choices(COMMANDS, k=dice.randint(0, 2)):
            late.give_late(command)
        took = end(d, pids)
        d.start()
    orders.check_answers()
    late.forget()
    return took


def tier_stops(tier):
    """Whatever else was ordered at the same time: it ends with 0, nothing is left, every order was
    answered, and a stop in peace costs nobody who was in hand or in the queue."""
    d = tier.serve().expect("(reload|upgrade) failed")
    herd = tier.herd(d)
    times = []
    for _ in tier.rounds():
        times.append(stop_amid(tier, d))
        wait_strong(d)
        herd.wait_served(50)
    cut, nobody = tier.audit(d)
    equal(cut, 0, "lost connections")
    tier.figure(f"{tier.done} stops amid other orders, {herd.total['total']} connections",
                f"0 lost, {nobody} found nobody or a stop at once", "0 lost")
    tier.figure("a stop, median and longest",
                f"{milliseconds(share(times, .5))}, {milliseconds(max(times))}")
    tier.stop(d)
