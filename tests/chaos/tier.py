# SPDX-License-Identifier: MIT
"""tier - what one run of one tier has at hand: its dice, its daemon, its herds, its end."""
import contextlib
import json
import os
import random
import shutil
import signal
import time

import auditor
from harness import Failure, alive, equal, process_stat, wait_until, write
from herd import Herd
from journal import Journal

WORKERS = 8


class Tier:
    """count: how often the tier does what it does. connections: how many are to be served meanwhile.
    seconds: the time after which it does no more, whatever was reached; None is no such time."""

    def __init__(self, t, name, seed, count, connections=0, seconds=None):
        self.t, self.name = t, name
        self.dice = random.Random(f"{seed} {name}")
        self.count, self.connections, self.seconds = count, connections, seconds
        self.began = time.monotonic()
        self.journal = Journal(t.path("journal.jsonl"))
        self.herds, self.killed, self.done = [], set(), 0
        self.baseline = None

    # what it works on

    def daemon(self, local=True, **more):
        """echo, not started. LOCAL: on a Unix socket besides the TCP port; who has one listener
        blocks in accept, who has several polls."""
        port, self.local = self.t.port(), [self.t.path("echo.sock")] * local
        listen = [f"tcp://127.0.0.1:{port}", *(f"unix://{path}" for path in self.local)]
        keys = {"workers": WORKERS, "access_log": False, "listen": listen, **more}
        d = self.t.daemon(echo=keys, log={"level": "debug"}, top={"pid_file": self.t.path("it.pid")})
        d.ports["echo"] = port
        return d

    def serve(self, env=None, **more):
        d = self.daemon(**more).start(env=env)
        self.baseline = auditor.Baseline(d)
        return d

    def forgive_libconfig(self):
        """Its reader forgets strings that are cut off. LeakSanitizer is not to speak of that."""
        path = self.t.path("leaks")
        write(path, "leak:strbuf_append\nleak:libconfig_\n")
        return {"LSAN_OPTIONS": f"suppressions={path}:print_suppressions=0"}

    def herd(self, d, **more):
        herd = Herd(self.t, d.ports["echo"], *self.local, **more)
        self.herds.append(herd)
        herd.wait_served(1)
        return herd

    # how long it goes on

    def late(self):
        return self.seconds is not None and time.monotonic() > self.began + self.seconds

    def rounds(self):
        """0, 1, … until it has been done often enough under load enough, or time is over."""
        while not self.late() and (self.done < self.count or
                                   sum(herd.served for herd in self.herds) < self.connections):
            yield self.done
            self.done += 1

    # deeds

    def kill(self, pid, kind="worker", number=signal.SIGKILL):
        """The end of a process of ours; False where it was gone already, or is on its way."""
        about = process_stat(pid)
        name = about and (pid, about[3])  # a number comes again, with another start time
        if not name or name in self.killed:
            return False
        with self.journal.note("kill", pid=pid, kind=kind, hit=False) as row:
            row["hit"] = send(pid, number)
        if row["hit"]:
            self.killed.add(name)
        return row["hit"]

    @contextlib.contextmanager
    def down(self):
        """There is no supervisor meanwhile, by our doing."""
        with self.journal.note("down"):
            yield

    @contextlib.contextmanager
    def stopped(self):
        """It stops in peace, by our order: nobody gets through to it, but nobody is cut off."""
        with self.journal.note("stopped"):
            yield

    # the end

    def audit(self, d, complete=True, log_lines=None):
        """After the last deed: every connection and every death has its reason, all is as it was."""
        for herd in self.herds:
            herd.stop()
        obituaries = (log_lines or d.log_lines)(msg="worker died")
        cut, nobody = auditor.check_losses(self.herds, self.journal, obituaries)
        auditor.check_obituaries(self.journal, obituaries, complete)
        self.baseline.check()
        return cut, nobody

    def none_lost(self, d):
        equal(self.audit(d), (0, 0), "lost connections")
        return sum(herd.total["served"] for herd in self.herds)

    def stop(self, d):
        """A stop in peace leaves nothing."""
        pids = auditor.everybody(d)
        d.stop()
        auditor.check_gone(pids, d.ports["echo"])

    def figure(self, what, got, wanted=""):
        """A row of the table that is printed at the end."""
        with open(os.environ["FIGURES"], "a") as file:
            file.write(json.dumps([self.name, what, str(got), wanted]) + "\n")


def replace_programs(t):
    """As a package manager does: a new file by rename. The same bytes, but another inode."""
    for name in ("preforkd", "preforkd-pool"):
        path = t.program(name)
        shutil.copy(path, path + ".new")
        os.rename(path + ".new", path)


def own_programs(t):
    """A copy for this tier alone: others run beside it."""
    folder = t.path("bin")
    shutil.copytree(t.programs, folder)
    t.programs = folder


def is_ours(pid):
    """Is it below this process? Cheaper than a look at all processes."""
    while pid > 1:
        about = process_stat(pid)
        if not about:
            return False
        pid = about[2]
        if pid == os.getpid():
            return True
    return False


def send(pid, number):
    """By pidfd, to processes of ours; False where it is none, or has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not is_ours(pid) or not alive(pid):
            return False
        signal.pidfd_send_signal(fd, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


def wait_strong(d, without=(), limit=60):
    """Until all workers are READY, under whatever load, and none of WITHOUT is among them."""
    def there():
        if any(row["pid"] in without for row in d.workers("echo")):
            return False
        service = d.service("echo")
        states = service["workers"]
        return service["state"] == "running" and states["idle"] + states["busy"] == WORKERS
    wait_until(there, f"{WORKERS} other workers are ready", limit)


def check_generous(seconds, wanted, factor, what):
    """Times are printed; what is asserted is only that they are not absurd."""
    if seconds > wanted * factor:
        raise Failure(f"{what}: {seconds:.3f} s, {factor} times more than {wanted} s")


def share(values, part):
    """The value below which PART of them are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def milliseconds(seconds):
    return f"{seconds * 1000:.1f} ms"
