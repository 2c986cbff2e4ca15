# SPDX-License-Identifier: MIT
"""workers = "auto": the affinity mask and the quota of the control group decide, and the log says
how."""
import contextlib
import os
import signal

from harness import *

CPU_V1 = "/sys/fs/cgroup/cpu"
EACH = 16


def processors():
    return sorted(os.sched_getaffinity(0))


def on(*those):
    """For a daemon's start: to be allowed these processors alone."""
    return lambda: os.sched_setaffinity(0, those)


def reason(count, quota="no cgroup quota", workers=None, more=""):
    return (f"{count} processor{'s' if count > 1 else ''} allowed by affinity mask, {quota} -> "
            f"{workers or EACH * count} workers ({EACH} for each{more})")


def scenario_affinity_mask(t):
    """As many as it allows at the start, and at a reload as many as it allows then."""
    first = processors()[0]
    d = t.daemon(echo={"workers": "auto"}, upper={"workers": 3}).start(preexec=on(first))
    said = d.wait_log(role="supervisor", msg=f"service echo: workers = auto: {reason(1)}")
    equal(said["level"], "info", "the level")
    d.wait_workers(EACH, "echo")
    d.wait_workers(3, "upper")
    equal([d.service(name)["workers"]["auto"] for name in ("echo", "upper")], [True, False], "auto")
    equal(len([line for line in d.log_lines() if "auto:" in line["msg"]]), 1, "lines about auto")
    if len(processors()) < 2:
        raise Skip("there is one processor: nothing else can be allowed")
    os.sched_setaffinity(d.process.pid, processors()[:2])
    plan = d.result("reload --dry-run")
    (echo,) = [row for row in plan["services"] if row["name"] == "echo"]
    equal((echo["action"], echo["auto"]), ("change", reason(2)), "what a reload would do")
    equal(echo["changes"], [{"key": "workers", "before": str(EACH), "after": str(2 * EACH)}],
          "the change")
    matches(r"workers = auto: 2 processors", d.ctl("reload", "--dry-run").stdout, "preforkctl")
    d.reload()
    d.wait_log(msg=f"service echo: workers = auto: {reason(2)}")
    d.wait_workers(2 * EACH, "echo")
    pool = d.pool_pid("echo")
    d.reload()
    equal(d.pool_pid("echo"), pool, "the pool after a reload that finds the same")


def scenario_quota_of_the_control_group(t):
    """Of our own group, and of one above it. Version 1; version 2 is a unit test."""
    if not os.access(f"{CPU_V1}/cpu.cfs_period_us", os.W_OK):
        raise Skip("no group of the cpu controller can be made here")
    group = f"{CPU_V1}/preforkd-test-{os.getpid()}"
    inner = f"{group}/inner"
    def put(where, name, value):
        with open(f"{where}/{name}", "w") as file:
            file.write(str(value))
    with contextlib.ExitStack() as stack:
        for path in (group, inner):
            os.mkdir(path)
            stack.callback(wait_until, lambda path=path: not os.path.exists(path) or
                           not os.rmdir(path), "the group is gone")
        put(group, "cpu.cfs_quota_us", 150000)
        put(group, "cpu.cfs_period_us", 100000)
        first = processors()[:2]
        count = len(first)
        d = t.daemon(echo={"workers": "auto"})
        def enter():
            os.sched_setaffinity(0, first)
            put(inner, "cgroup.procs", os.getpid())
        d.start(preexec=enter)
        share = min(1.5, count)
        d.wait_log(msg="service echo: workers = auto: " +
                   reason(count, "cgroup quota 1.5", int(EACH * share)))
        d.wait_workers(int(EACH * share))
        put(inner, "cpu.cfs_quota_us", 25000)
        d.reload()
        d.wait_log(msg="service echo: workers = auto: " +
                   reason(count, "cgroup quota 0.25", 8, ", at least 8"))
        d.wait_workers(8)
        d.stop()


def scenario_max_workers_bounds_it(t):
    d = t.daemon(echo={"workers": "auto", "max_workers": 5}).start(preexec=on(processors()[0]))
    d.wait_workers(5)
    matches(r"-> 5 workers \(16 for each, at most max_workers\)", d.log_text(), "the log")


def scenario_programs_that_accept(t):
    """They mostly serve many clients each: one for each processor, but two."""
    d = t.daemon(echo={"workers": "auto", "handler": {
        "type": "listen", "command": ["/bin/sleep", "1000"], "ready_after": "50ms"}})
    d.start(preexec=on(processors()[0]))
    d.wait_workers(2)
    matches(r"-> 2 workers \(1 for each, at least 2\)", d.log_text(), "the log")


def scenario_without_a_file(t):
    path = t.path("echo.socket")
    d = t.daemon()
    d.launch(arguments=["--listen", f"unix://{path}", "--handler", "echo", "--workers", "auto",
                        "--control", d.control], preexec=on(processors()[0]))
    d.wait_running()
    d.wait_workers(EACH)


def scenario_told_before_it_starts(t):
    """-t and --print-config."""
    d = t.daemon(echo={"workers": "auto"})
    d.write()
    keys = {"preexec_fn": on(processors()[0])}
    done = t.run("preforkd", "-t", "-c", d.file, **keys)
    equal(done.stdout, f"service echo: workers = auto: {reason(1)}\n{d.file}: ok\n", "-t")
    done = t.run("preforkd", "--print-config", "-c", d.file, **keys)
    matches(r'\n    workers = "auto"; # 1 processor allowed', done.stdout, "--print-config")
    write(t.path("again.conf"), done.stdout)
    again = t.run("preforkd", "--print-config", "-c", t.path("again.conf"), **keys)
    equal(again.stdout, done.stdout, "what was printed, read back")
    d.start(preexec=on(processors()[0]))
    matches(r'\n    workers = "auto"; # 1 processor allowed', d.result("config"), "config")


def scenario_scale(t):
    """A number that was asked for holds, as with any other fixed pool, until a reload finds another
    one."""
    first = processors()[0]
    d = t.daemon(echo={"workers": "auto"}).start(preexec=on(first))
    d.wait_workers(EACH)
    d.result("scale echo +2")
    d.wait_workers(EACH + 2)
    d.kill(signal.SIGTTOU)
    d.wait_workers(EACH + 1)
    d.reload()
    d.wait_workers(EACH + 1)
    if len(processors()) < 2:
        return
    os.sched_setaffinity(d.process.pid, processors()[:2])
    d.reload()
    d.wait_workers(2 * EACH)


def scenario_errors_are_told_by_line(t):
    for keys, pattern in (
            ({"workers": "atuo"}, r':\d+: workers must be an integer .*, or "auto", not "atuo"'),
            ({"workers": "8"}, r':\d+: workers must be an integer without quotes'),
            ({"max_workers": "auto"}, r":\d+: max_workers must be an integer, not a string"),
            ({"min_spare": "auto"}, r":\d+: min_spare must be an integer, not a string")):
        d = t.daemon(name="wrong", echo=keys)
        d.write()
        done = t.run("preforkd", "-t", "-c", d.file)
        equal(done.returncode, EXIT_CONFIG, f"exit code of -t with {keys}")
        matches(pattern, done.stdout + done.stderr, f"what -t says of {keys}")
        t.daemons.remove(d)
