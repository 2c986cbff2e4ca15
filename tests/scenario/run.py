#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run - runs the scenarios: tests/scenario/run.py [NAME-PATTERN…]

Without patterns: all of them, in the order of their families. A pattern is a part of a name, as
printed. BUILD names the build folder (default: build), JOBS how many run at a time, DEFECTS=1
shows how scenarios fail that are marked as known defects.

Each scenario runs in a process and a temporary folder of its own, with a time limit. The programs
are copied first, so that a build beside it changes nothing. Started by root, everything runs
twice: as root, and again as an ordinary user.
"""
import collections
import importlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import harness  # noqa: E402

JOBS = int(os.environ.get("JOBS", "6"))
LIMIT = 120  # seconds for one scenario, where its mark does not say otherwise
PROGRAMS = ("preforkd", "preforkd-pool", "preforkctl", "preforkc", "preforkd-preload.so")
PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"

Case = collections.namedtuple("Case", "name function marks")


def discover(patterns):
    cases = []
    files = sorted(f for f in os.listdir(HERE) if f.startswith("test_") and f.endswith(".py"))
    for file in sorted(files, key=lambda f: int(f.split("_")[1])):
        module = importlib.import_module(file[:-3])
        for key, function in vars(module).items():
            if not key.startswith("scenario_") or function.__module__ != file[:-3]:
                continue
            name = f"{file[5:-3]}.{key[len('scenario_'):]}"
            if not patterns or any(p in name for p in patterns):
                cases.append(Case(name, function, getattr(function, "marks", {})))
    return cases


def copy_programs(build, folder):
    """Programs and shims where everybody may read them and no compiler writes them."""
    os.makedirs(os.path.join(folder, "shim"))
    for name in PROGRAMS:
        if os.path.exists(os.path.join(build, name)):
            shutil.copy(os.path.join(build, name), folder)
    for name in ("next/preforkd", "upgrade/newcomer", "bench/floor"):
        if os.path.exists(os.path.join(build, "tests", name)):
            os.makedirs(os.path.join(folder, os.path.dirname(name)))
            shutil.copy(os.path.join(build, "tests", name), os.path.join(folder, name))
    shims = os.path.join(build, "tests", "shim")
    for name in sorted(os.listdir(shims)) if os.path.isdir(shims) else []:
        if name.endswith(".so"):
            shutil.copy(os.path.join(shims, name), os.path.join(folder, "shim"))
    for path, _, names in os.walk(folder):
        for name in ["", *names]:
            os.chmod(os.path.join(path, name), 0o755)


# In the child: one scenario.

def judge(case, t):
    """What became of it, and why."""
    marks = case.marks
    if "root" in marks and marks["root"] != t.is_root:
        return SKIPPED, "only " + ("as root" if marks["root"] else "as an ordinary user")
    try:
        case.function(t)
        t.finish()
    except harness.Skip as why:
        t.abandon()
        return SKIPPED, str(why)
    except Exception:  # whatever it is, it is the finding
        text = traceback.format_exc()
        logs = "".join(f"--- end of the log of {d.name}\n{d.tail()}\n" for d in t.daemons)
        t.abandon()
        if "known_defect" in marks and not os.environ.get("DEFECTS"):
            return SKIPPED, "known defect: " + marks["known_defect"]
        return FAILED, text + logs
    if "known_defect" in marks:
        return FAILED, "passes although marked as known defect; remove the mark: " + \
            marks["known_defect"]
    return PASSED, ""


def run_child(case, folder, programs, answer):
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.mkdir(folder, 0o755)
    outcome = judge(case, harness.Scenario(case.name, folder, programs))
    with os.fdopen(answer, "w") as file:
        json.dump(outcome, file)
    sys.stdout.flush()
    os._exit(0)


# In the parent: all of them.

class Running:
    def __init__(self, case, folder, programs):
        self.case = case
        self.folder = folder
        self.began = time.monotonic()
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reader)
            try:
                run_child(case, folder, programs, writer)
            finally:
                traceback.print_exc()
                os._exit(1)
        os.close(writer)
        self.reader = reader
        self.answer = b""

    @property
    def late(self):
        return time.monotonic() - self.began > self.case.marks.get("limit", LIMIT)

    def read(self):
        """True when it has ended."""
        piece = os.read(self.reader, 1 << 20)
        self.answer += piece
        return not piece

    def kill(self):
        for pid in [*harness.descendants(self.pid), self.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def conclude(self):
        late = self.late and not self.answer
        if late:
            self.kill()
        os.close(self.reader)
        os.waitpid(self.pid, 0)
        if self.answer:
            return json.loads(self.answer)
        logs = "".join(f"--- {n}\n{open(os.path.join(self.folder, n), errors='replace').read()[-4000:]}\n"
                       for n in sorted(os.listdir(self.folder)) if n.endswith(".log"))
        return FAILED, ("does not end\n" if late else "the scenario's process died\n") + logs


def run_cases(cases, folder, programs):
    """All at most JOBS at a time, those marked "alone" alone; returns {outcome: count}."""
    counts = collections.Counter()
    waiting = collections.deque(enumerate(cases))
    running = []

    def may_start():
        if not waiting or len(running) >= JOBS:
            return False
        alone = waiting[0][1].marks.get("alone") or any(r.case.marks.get("alone") for r in running)
        return not running or not alone

    while waiting or running:
        while may_start():
            number, case = waiting.popleft()
            running.append(Running(case, os.path.join(folder, str(number)), programs))
        readable = select.select([r.reader for r in running], [], [], 0.5)[0]
        for r in list(running):
            if not (r.late or (r.reader in readable and r.read())):
                continue
            running.remove(r)
            outcome, text = r.conclude()
            counts[outcome] += 1
            seconds = time.monotonic() - r.began
            note = f"  ({text})" if outcome == SKIPPED else ""
            print(f"{outcome:8}{seconds:6.1f} s  {r.case.name}{note}", flush=True)
            if outcome == FAILED:
                print("    " + text.rstrip().replace("\n", "\n    "), flush=True)
            shutil.rmtree(r.folder, ignore_errors=True)
    return counts


def run_as_user(cases, folder, programs):
    """The same in a child that is nobody."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        os.setgroups([])
        os.setresgid(harness.NOBODY, harness.NOBODY, harness.NOBODY)
        os.setresuid(harness.NOBODY, harness.NOBODY, harness.NOBODY)
        os.chdir("/")
        for name in ("HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR"):
            os.environ.pop(name, None)
        counts = run_cases(cases, folder, programs)
        os.write(writer, json.dumps(counts).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.waitpid(pid, 0)
    return collections.Counter(json.loads(text)) if text else collections.Counter({FAILED: 1})


def run_as_everybody(cases, top, programs):
    """As root, where we are root, and as an ordinary user: yields the {outcome: count} of each."""
    folders = {name: os.path.join(top, name) for name in ("root", "user")}
    if os.geteuid() == 0:
        print("as root:", flush=True)
        os.mkdir(folders["root"])
        yield run_cases(cases, folders["root"], programs)
    print("as an ordinary user:", flush=True)
    os.mkdir(folders["user"])
    if os.geteuid() == 0:
        os.chown(folders["user"], harness.NOBODY, harness.NOBODY)
        yield run_as_user(cases, folders["user"], programs)
    else:
        yield run_cases(cases, folders["user"], programs)


def main():
    build = os.path.abspath(os.environ.get("BUILD", "build"))
    cases = discover(sys.argv[1:])
    if not cases:
        print("no scenario of that name", file=sys.stderr)
        return 64
    if not os.path.exists(os.path.join(build, "preforkd")):
        print(f"{build}/preforkd is not there; run make first", file=sys.stderr)
        return 64
    os.umask(0o022)  # root takes no configuration that others can write
    counts = collections.Counter()
    top = tempfile.mkdtemp(prefix="preforkd-scenario-")
    os.chmod(top, 0o755)
    try:
        programs = os.path.join(top, "bin")
        copy_programs(build, programs)
        for outcomes in run_as_everybody(cases, top, programs):
            counts += outcomes
    finally:
        shutil.rmtree(top, ignore_errors=True)
    skipped = f", {counts[SKIPPED]} skipped" if counts[SKIPPED] else ""
    print(f"scenario: {counts[PASSED]} passed, {counts[FAILED]} failed{skipped}")
    return 1 if counts[FAILED] else 0


if __name__ == "__main__":
    sys.exit(main())
