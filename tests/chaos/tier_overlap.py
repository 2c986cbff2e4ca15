# SPDX-License-Identifier: MIT
"""tier_overlap - all actions, one upon the other, in the order that the seed says."""
import collections
import os
import signal
import time

import auditor
from actions import ACTIONS
from broken import Broken
from harness import Failure, process_table
from tier import WORKERS, own_programs, send


class Chaos:
    """What the actions share."""

    def __init__(self, tier, d):
        self.tier, self.d = tier, d
        self.broken = Broken(tier.t, d, tier.dice)
        self.number, self.stopped, self.logs = 0, [], 0
        self.counts, self.phases = collections.Counter(), collections.Counter()

    def shuffle(self):
        dice = self.tier.dice
        self.d.change("echo", workers=dice.randint(2, 10), backlog=dice.randint(256, 4096),
                      idle_timeout=f"{dice.randint(60, 600)}s")

    def rotate(self):
        self.logs += 1
        os.rename(self.log_file(), self.log_file(self.logs))

    def log_file(self, number=0):
        return self.tier.t.path(f"the.log.{number}" if number else "the.log")

    def log_lines(self, **fields):
        files = [self.log_file(n) for n in range(1, self.logs + 1)] + [self.log_file()]
        return [line for file in files for line in self.d.log_lines(file, **fields)]

    def everybody(self):
        return auditor.everybody(self.d)

    def pools(self):
        """Of all generations. Newborn workers are called like their pool."""
        return sorted(pid for pid, about in process_table().items()
                      if about[0] == "preforkd-pool" and about[2] == self.d.pid)

    def is_stopped(self, pid):
        return any(pid == stopped for _, stopped in self.stopped)

    def go_on(self):
        """Those whose time has come."""
        for due, pid in self.stopped:
            if due <= self.number:
                send(pid, signal.SIGCONT)
        self.stopped = [row for row in self.stopped if row[0] > self.number]

    def go_on_all(self):
        for _, pid in self.stopped:
            send(pid, signal.SIGCONT)
        self.stopped = []

    def act(self):
        functions, weights = zip(*ACTIONS)
        (action,) = self.tier.dice.choices(functions, weights)
        name = action.__name__[len("action_"):]
        try:
            with self.tier.journal.note("begin", what=name):
                action(self)
        except Exception as error:
            latest = [row["what"] for row in self.tier.journal.of("begin")[-6:]]
            raise Failure(f"action {self.number}, {name}: {error}; before it: {latest}") from error
        self.counts[name] += 1
        self.number += 1
        self.go_on()


def numbers(counts):
    return " ".join(f"{n} {name}" for name, n in sorted(counts.items()))


def tier_overlap(tier):
    """Afterwards every loss has its culprit, and all is as the last file says."""
    own_programs(tier.t)
    d = tier.daemon()
    d.log_options["file"] = tier.t.path("the.log")
    d.expect("(reload|upgrade) failed").start(env=tier.forgive_libconfig())
    tier.baseline = auditor.Baseline(d)
    chaos = Chaos(tier, d)
    herd = tier.herd(d)
    for _ in tier.rounds():
        chaos.act()
        time.sleep(tier.dice.uniform(0, 0.03))
    chaos.go_on_all()
    herd.wait_served(50)
    d.change("echo", workers=WORKERS, backlog=4096, idle_timeout="62s")
    d.reload()
    cut, nobody = tier.audit(d, complete=False, log_lines=chaos.log_lines)
    chaos.broken.close()
    killed = len(tier.journal.killed())
    tier.figure(f"{tier.done} actions upon one another, {herd.total['total']} connections",
                f"{cut} lost with {killed} killed workers, {nobody} found nobody", "0 else")
    tier.figure("of them", numbers(chaos.counts))
    tier.figure("killed in the phase", numbers(chaos.phases))
    tier.stop(d)
