# SPDX-License-Identifier: MIT
"""herd - the load of herd.c as an object: how many have been served, and who was not."""
import json
import signal
import subprocess

from harness import Failure, check, wait_until

CLASSES = ("served", "policy", "refused", "reset_before", "reset_middle", "timeout", "wrong")
CUTS = ("reset_before", "reset_middle")


class Herd:
    """Connections to ADDRESSES (ports, paths) until stop(), or until LIMIT of them have ended."""

    def __init__(self, t, *addresses, connections=32, limit=0, rounds=2, pause_ms=20,
                 timeout_ms=20000, policy=False):
        self.path = t.path(f"herd-{len(t.children)}.jsonl")
        command = [t.program("herd"), "-c", connections, "-n", limit, "-r", rounds,
                   "-p", pause_ms, "-t", timeout_ms, *["-g"] * policy, *addresses]
        with open(self.path, "wb") as out:
            self.process = t.spawn([str(word) for word in command], stdout=out,
                                   stderr=subprocess.PIPE)
        self.read_to = 0
        self.latest = dict.fromkeys(("so_far", "begun", *CLASSES), 0)
        self.lost = []     # a row for each connection that was not served
        self.total = None  # the sums, once it has ended

    def read(self):
        with open(self.path, "rb") as file:
            file.seek(self.read_to)
            text = file.read()
        whole = text[:text.rfind(b"\n") + 1]
        self.read_to += len(whole)
        for line in whole.splitlines():
            row = json.loads(line)
            if "class" in row:
                self.lost.append(row)
            elif "total" in row:
                self.total = row
            else:
                self.latest = row
        return self

    @property
    def served(self):
        return self.read().latest["served"]

    def wait_served(self, more, limit=60):
        """Until MORE connections than now have been served: it is alive, whatever was done."""
        target = self.served + more
        wait_until(lambda: self.served >= target, f"{more} more connections are served", limit)

    def stop(self):
        """No new ones; those in hand go on to their end. The sums are final, and add up."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, limit=120):
        try:
            said = self.process.communicate(timeout=limit)[1].decode()
        except subprocess.TimeoutExpired:
            raise Failure("the herd does not end") from None
        self.read()
        check(self.process.returncode == 0 and self.total, f"the herd failed: {said}")
        self.check_sums()
        return self

    def check_sums(self):
        """Every connection that was begun is in one class; every loss has a row, and only one."""
        sums = {name: self.total[name] for name in CLASSES}
        check(self.total["begun"] == self.total["total"] == sum(sums.values()),
              f"the classes do not add up: {self.total}")
        for name in CLASSES[1:]:
            rows = sum(row["class"] == name for row in self.lost)
            check(rows == sums[name], f"{sums[name]} were {name}, {rows} have a row")
        check(len({row["id"] for row in self.lost}) == len(self.lost), "a connection ended twice")
