# SPDX-License-Identifier: MIT
"""journal - the chaos log: what was done to whom, between which two moments.

The moments are CLOCK_MONOTONIC, as in the rows of the herd, taken just before and just after: what
was done happened between them. "wall" is the time of day before it, as in the log.
"""
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
        row = {"number": len(self.rows), "action": action, "wall": time.time(),
               "from": time.monotonic(), "to": None, **about}
        self.rows.append(row)
        try:
            yield row
        finally:
            row["to"] = time.monotonic()
            self.file.write(json.dumps(row) + "\n")
            self.file.flush()

    def of(self, action):
        return [row for row in self.rows if row["action"] == action]

    def killed(self, kind="worker"):
        """The rows of those that were killed."""
        return [row for row in self.of("kill") if row["hit"] and row["kind"] == kind]
