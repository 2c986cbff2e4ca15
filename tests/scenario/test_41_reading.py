# SPDX-License-Identifier: MIT
"""Reading the file again: whatever is in it, and whatever happens to the process that reads it, the
daemon serves and answers meanwhile. And the dry run, which tells what a reload would do."""
import json
import os
import signal
import socket

from harness import *

REFUSED = "reload failed, nothing changed"


def memory_kib(pid):
    return int(proc_status(pid)["VmRSS"].split()[0])


def children(d):
    return [pid for pid, about in process_table().items() if about[2] == d.pid]


def shim(t):
    """A daemon whose process that reads does as the file it is given with says; and that file."""
    d = t.daemon(echo={"workers": 1}).expect(REFUSED)
    d.start(env=t.shim("config_read", SHIM_READ=t.path("fault")))
    return d, t.path("fault")


def serves(d):
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def rewrite(d, text):
    """Other words in the file than harness.py has."""
    with open(d.file, "w") as file:
        file.write(text)


# ---- the process that reads

def scenario_parser_crash_is_a_refusal(t):
    d, fault = shim(t)
    write(fault, "crash")
    matches(r"preforkd\.conf: .*ended by SIGSEGV", d.reload_refused(), "reason")
    serves(d)
    os.unlink(fault)
    d.change("echo", workers=2)
    d.reload()
    d.wait_workers(2)


def scenario_parser_that_computes_for_ever_is_ended(t):
    d, fault = shim(t)
    write(fault, "spin")
    with Client(d.control) as client:
        client.send(b"reload\n")
        wait_until(lambda: len(children(d)) == 2, "somebody reads")
        serves(d)
        matches("5 s of processor time|longer than 10 s", json.loads(client.recv_all())["error"],
                "reason")
    wait_until(lambda: len(children(d)) == 1, "nobody reads any more")


def scenario_memory_bomb_is_ended(t):
    d, fault = shim(t)
    t.skip_where(t.sanitized, "a sanitizer takes more address space than any limit allows")
    write(fault, "memory")
    before = memory_kib(d.pid)
    matches("256 MiB", d.reload_refused(), "reason")
    check(memory_kib(d.pid) < before + 4096, "memory of the supervisor")
    serves(d)


def scenario_file_system_that_hangs_is_given_up(t):
    """Ten seconds, in which everything else goes on; requests that came meanwhile are done then."""
    d, fault = shim(t)
    write(fault, "wait")
    first = Client(d.control).send(b"reload\n")
    (reader,) = wait_until(lambda: [p for p in children(d) if p != d.pool_pid()], "somebody reads")
    equal(process_stat(reader)[0], "preforkd", "who it is")
    d.change("echo", workers=2)
    d.write()
    second = Client(d.control).send(b"reload\n")
    serves(d)
    equal(d.status()["state"], "running", "state")
    equal(json.loads(first.recv_all())["ok"], False, "the first reload")
    line = d.wait_log(msg=REFUSED)
    matches(r"preforkd\.conf: reading it took longer than 10 s", line["reason"], "reason")
    os.unlink(fault)
    equal(json.loads(second.recv_all()), {"ok": True}, "the second reload")
    d.wait_workers(2)


def scenario_restart_during_a_reload_that_is_refused(t):
    """It is for the reload after that one, and not lost with it."""
    d, fault = shim(t)
    pool = d.pool_pid()
    write(fault, "wait")
    first = Client(d.control).send(b"reload\n")
    (reader,) = wait_until(lambda: [p for p in children(d) if p != pool], "somebody reads")
    second = Client(d.control).send(b"restart echo\n")
    equal(d.status()["state"], "running", "state, so restart was heard")
    os.kill(reader, signal.SIGKILL)
    matches("ended by SIGKILL", json.loads(first.recv_all())["error"], "the reload")
    os.unlink(fault)
    equal(json.loads(second.recv_all()), {"ok": True}, "restart")
    check(d.pool_pid() != pool, "a new pool serves")


def scenario_name_server_that_does_not_answer(t):
    d, fault = shim(t)
    d.add("echo", listen=[f"tcp://127.0.0.1:{d.port}", "tcp://somewhere.invalid:7000"])
    write(fault, "resolver")
    d.write()
    with Client(d.control) as client:
        client.send(b"reload\n")
        wait_until(lambda: len(children(d)) == 2, "somebody reads")
        serves(d)
        matches("name server", json.loads(client.recv_all())["error"], "reason")
    os.unlink(fault)


def scenario_stop_while_the_file_is_read(t):
    """Nobody reads on, though the daemon still finishes what it has in hand."""
    d, fault = shim(t)
    d.expect("preforkd is stopping")
    write(fault, "wait")
    with Client(d.control) as client, Client(d.control) as other, Client(d.port) as busy:
        equal(busy.ask(b"x"), b"x", "echo")
        client.send(b"reload\n")
        other.send(b"reload --dry-run\n")
        wait_until(lambda: len(children(d)) == 3, "both are read")
        d.kill(signal.SIGTERM)
        for answer in (client.recv_all(), other.recv_all()):
            matches("stopping", json.loads(answer)["error"], "answer")
        wait_until(lambda: len(children(d)) == 1, "nobody reads any more", 8)  # not after its 10 s
        equal(busy.ask(b"y"), b"y", "echo")
    d.wait_exit(0)


def scenario_reader_ends_with_the_supervisor(t):
    d, fault = shim(t)
    write(fault, "wait")
    d.kill(signal.SIGHUP)
    (reader,) = wait_until(lambda: [p for p in children(d) if p != d.pool_pid()], "somebody reads")
    d.killed()
    wait_until(lambda: not alive(reader), "it is gone")
    t.kept |= {d.control, d.control + ".lock"}


def scenario_reader_has_nothing_but_its_task(t):
    """No descriptor of ours, no right but reading files, no core, its own process group."""
    d, fault = shim(t)
    write(fault, "wait")
    d.kill(signal.SIGHUP)
    (reader,) = wait_until(lambda: [p for p in children(d) if p != d.pool_pid()], "somebody reads")
    wait_until(lambda: any(to == d.file for to in descriptors(reader).values()), "it has the file")
    found = descriptors(reader)
    found = {n: to for n, to in found.items() if to != fault}
    equal([found.pop(n) for n in (0, 1, 2)], ["/dev/null"] * 3, "standard descriptors")
    equal(sorted(to.split(" ")[0] for to in found.values()), sorted(["/memfd:config", d.file]),
          "descriptors")
    status = proc_status(reader)
    equal(status["NoNewPrivs"], "1", "no_new_privs")
    equal(int(status["CapEff"], 16) & ~(1 << 2), 0, "capabilities besides CAP_DAC_READ_SEARCH")
    equal(os.getpgid(reader), reader, "process group")
    os.unlink(fault)
    d.wait_log(msg="reload done")


# ---- files

def scenario_broken_files_on_a_serving_daemon(t):
    """All are refused, with the place, and change nothing."""
    d = t.daemon(echo={"workers": 1}).expect(REFUSED).start()
    pool, good = d.pool_pid(), d.config_text()
    os.mkfifo(t.path("pipe.inc"))
    with open(t.path("big.inc"), "w") as file:
        file.write("# " + "x" * (1 << 20))
    for text, pattern in (
            (good[:len(good) // 2], r"preforkd\.conf:\d+: syntax error"),
            ("", r"preforkd\.conf:\d+: there is no service"),
            (good + '@include "absent.inc"\n', r"conf:\d+: cannot include \S+absent\.inc: No such"),
            (good + '@include "pipe.inc"\n', r"conf:\d+: cannot include \S+: not a regular file"),
            (good + '@include "big.inc"\n', r"conf:\d+: cannot include \S+: larger than 1 MiB"),
            (good + '@include "preforkd.conf"\n', r"conf:\d+: .* includes go too deep"),
            (good + "# " + "x" * (1 << 20), r"preforkd\.conf: larger than 1 MiB"),
            ("(" * 100000, r"preforkd\.conf:1: |ended by"),
            ("\0" + good, r"preforkd\.conf:1: "),
            (good.replace("tcp://", "tpc://"), r'conf:\d+: "tpc://\S+" is not an address'),
            (good.replace("workers = 1", "workers = 0"), r"conf:\d+: workers = 0 is out of range")):
        rewrite(d, text)
        matches(pattern, d.refused("reload"), "reason")
    equal(d.pool_pid(), pool, "the pool")
    serves(d)


def scenario_include_fan_is_bounded(t):
    """Each file includes the next one forty times: what would take years is refused at once."""
    d = t.daemon(echo={"workers": 1}).expect(REFUSED).start()
    for level in range(7):
        with open(t.path(f"{level}.inc"), "w") as file:
            file.write(f'@include "{level + 1}.inc"\n' * 40)
    with open(t.path("7.inc"), "w") as file:
        file.write("# nothing\n")
    rewrite(d, '@include "0.inc"\n' + d.config_text())
    reason = d.refused("reload")
    matches(r"\d\.inc:\d+: cannot include \S+: too many includes \(1000 at most\)", reason, "reason")
    equal(len(reason.splitlines()), 1, "lines")
    serves(d)


def scenario_include_vanishes_and_comes_back(t):
    d = t.daemon(echo={"workers": 1}).expect(REFUSED)
    part = t.path("part.inc")
    write(part, "    workers = 1;\n")
    text = d.config_text().replace("    workers = 1;\n", '@include "part.inc"\n')
    d.write = lambda: rewrite(d, text)
    d.start()
    os.unlink(part)
    matches(r"conf:\d+: cannot include \S+part\.inc: No such file", d.refused("reload"), "reason")
    write(part, "    workers = 3;\n")
    d.result("reload")
    d.wait_workers(3)


@mark(root=True)
def scenario_files_that_others_can_change_on_a_serving_daemon(t):
    d = t.daemon(echo={"workers": 1}).expect(REFUSED).start()
    os.chmod(d.file, 0o664)
    matches(r"conf: it can be written by others than root; run chmod go-w", d.refused("reload"),
            "reason")
    os.chown(d.file, NOBODY, 0)
    matches(rf"conf: it belongs to uid {NOBODY}", d.refused("reload --dry-run"), "reason")
    d.write()
    d.result("reload")


def scenario_two_hundred_requests_become_few(t):
    """Signals are merged, one reload is done and one is waiting at most; then the state is that of
    the file."""
    d = t.daemon(echo={"workers": 1}).start()
    for number in range(200):
        d.change("echo", workers=1 + number % 7)
        d.write()
        d.kill(signal.SIGHUP)
    d.change("echo", workers=5)
    d.reload()
    d.wait_workers(5)
    check(d.status()["generation"] <= 202, "generation")
    wait_until(lambda: len(children(d)) == 1, "one pool is left")


@mark(limit=120)
def scenario_nothing_piles_up_over_three_hundred_reloads(t):
    """Descriptors, children and memory stay as they were, whether reloads are done or refused."""
    d = t.daemon(echo={"workers": 1}).expect(REFUSED).start()
    def reloads(count):
        for number in range(count):
            d.change("echo", backlog=16 + number % 2)
            d.write()
            d.result("reload")
            d.result("reload --dry-run")
            rewrite(d, "broken")
            d.refused("reload")
    reloads(30)
    wait_until(lambda: len(children(d)) == 1, "one pool is left")
    descriptors_before, memory_before = len(descriptors(d.pid)), memory_kib(d.pid)
    reloads(300)
    wait_until(lambda: len(children(d)) == 1, "one pool is left")
    equal(len(descriptors(d.pid)), descriptors_before, "descriptors")
    if not t.sanitized:
        check(memory_kib(d.pid) <= memory_before + 256,
              f"memory: {memory_before} KiB before, {memory_kib(d.pid)} KiB after")


# ---- dry run

def scenario_dry_run_tells_what_would_change(t):
    d = t.daemon(echo={"workers": 1}, upper={"workers": 1}, greet={"workers": 1}).start()
    before = d.status()
    d.change("echo", workers=3, idle_timeout="90s")
    del d.services["upper"]
    d.add("hello")
    d.write()
    done = d.ctl("reload", "--dry-run")
    equal(done.returncode, EXIT_OK, "exit code")
    equal(done.stdout.split("\n"),
          ["change      echo", "            workers: 1 -> 3",
           '            idle_timeout: "1m" -> "90s"', "keep        greet", "add         hello",
           "remove      upper", ""], "plan")
    plan = json.loads(d.ctl("--json", "reload", "--dry-run").stdout)
    equal({s["name"]: s["action"] for s in plan["services"]},
          {"echo": "change", "greet": "keep", "hello": "add", "upper": "remove"}, "actions")
    equal(plan["services"][0]["changes"][0], {"key": "workers", "before": "1", "after": "3"}, "change")
    after = d.status()
    for status in (before, after):
        del status["uptime_s"]
    equal(after, before, "everything is as it was")
    check(refuses(d.ports["hello"]), "the new address is not bound")
    d.log_options = {"level": "debug"}
    plan = json.loads(json.dumps(d.reload().result("reload --dry-run")))
    equal([s["action"] for s in plan["services"]], ["keep"] * 3, "after the reload")
    d.log_options = {"level": "info"}
    d.write()
    matches(r'outside of services\n +log\.level: "debug" -> "info"\nchange +echo\nchange +greet\n',
            d.ctl("reload", "--dry-run").stdout, "what concerns all")


def scenario_dry_run_tells_what_would_be_refused(t):
    """As the reload would: the file's errors, keys that stay, addresses that are taken."""
    d = t.daemon(echo={"workers": 1}).start()
    good = d.config_text()
    def refused(pattern):
        done = d.ctl("reload", "--dry-run")
        equal((done.returncode, done.stdout), (1, ""), "exit code and output")
        matches(pattern, done.stderr, "reason")
    rewrite(d, "wrong = 1;\n" + d.config_text())
    refused(r'preforkd\.conf:1: unknown key "wrong"')
    rewrite(d, d.config_text().replace(d.control, d.control + "2"))
    refused(r"control cannot change while preforkd runs")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        d.add("hello", listen=[f"tcp://127.0.0.1:{taken.getsockname()[1]}"])
        d.write()
        refused(r"preforkd\.conf:\d+: service hello: .*cannot bind: Address already in use")
    d.add("hello", listen=[f"unix://{t.path('absent', 'x')}"])
    d.write()
    refused(r"preforkd\.conf:\d+: service hello: .*No such file or directory")
    d.add("hello", listen=[f"unix://{t.path('new.sock')}", "fd://nobody"])
    d.write()
    refused(r"preforkd\.conf:\d+: service hello: fd://nobody: ")
    check(not os.path.exists(t.path("new.sock")), "no socket file is left")
    check(not os.path.exists(t.path("new.sock.lock")), "no lock file is left")
    rewrite(d, good + f'log = {{ file = "{t.path("absent", "log")}"; }};\n')
    refused("cannot open the log file .*absent/log: No such file or directory")
    rewrite(d, good + f'log = {{ file = "{t.path("new.log")}"; }};\n')
    equal(d.ctl("reload", "--dry-run").returncode, 0, "a log file that can be made")
    check(not os.path.exists(t.path("new.log")), "no log file is left")
    matches("--dry-run or nothing", d.refused("reload --dry"), "another argument")
    serves(d)
    equal(d.status()["generation"], 1, "generation")


def scenario_dry_runs_beside_each_other(t):
    """Each tells of the file as it was when it was asked for, or later; reloads go on meanwhile."""
    d, fault = shim(t)
    write(fault, "wait")
    first = Client(d.control).send(b"reload --dry-run\n")
    wait_until(lambda: len(children(d)) == 2, "somebody reads")
    others = [Client(d.control).send(b"reload --dry-run\n") for _ in range(4)]
    d.change("echo", workers=4)
    d.write()
    reload = Client(d.control).send(b"reload\n")
    wait_until(lambda: len(children(d)) == 3, "both are read")
    os.unlink(fault)
    for client in [first, *others, reload]:
        check(json.loads(client.recv_all())["ok"], "answer")
        client.close()
    d.wait_workers(4)


def scenario_no_file_no_reload(t):
    """Everything was given on the command line."""
    d = t.daemon().expect(REFUSED)
    d.launch(arguments=["--listen", "unix:@" + t.path("x").replace("/", "."), "--handler", "echo",
                        "--control", d.control]).wait_running()
    for command in ("reload", "reload --dry-run"):
        matches("no file to reload", d.refused(command), "reason")
