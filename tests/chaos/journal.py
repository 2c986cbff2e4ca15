# SPDX-License-Identifier: MIT
"""journal - the chaos log: what was done to whom, between which two moments.

The moments are CLOCK_MONOTONIC, as in the rows of the herd, taken just before and just after: what
was done happened between them.
"""
import collections
import contextlib
import json
import time


class Journal:
    def __init__(self, path):
        self.file = open(path, "a")  # noqa: SIM115  (as long as the tier runs)
        self.rows = []

    @contextlib.contextmanager
    def note(self, action, **about):
        """Around the deed; the body may add to the row that it gets."""
        row = {"action": action, "from": time.monotonic(), "to": None, **about}
        self.rows.append(row)
        try:
            yield row
        finally:
            row["to"] = time.monotonic()
            self.file.write(json.dumps(row) + "\n")
            self.file.flush()

    def of(self, action):
        return [row for row in self.rows if row["action"] == action]

    def killed(self):
        """{(pid, how many of that number were killed before): the row}: numbers come again."""
        rows, before = {}, collections.Counter()
        for row in self.of("kill"):
            if row["hit"]:
                rows[row["pid"], before[row["pid"]]] = row
                before[row["pid"]] += 1
        return rows
