# SPDX-License-Identifier: MIT
"""Workers that have served long enough are replaced: by another one that is READY before they leave,
without a client that is lost, and not all at a time."""
import contextlib
import os
import re
import shutil
import signal

from harness import *
from load import Load
from plugins import serve
from programs import installed
from test_45_drain import close_all, hold


def strength(d, service=None):
    """READY workers, and all."""
    workers = d.service(service)["workers"]
    return workers["idle"] + workers["busy"], workers["total"]


def watch(d, least, most, until, what):
    """Until UNTIL(): at no look fewer READY ones than LEAST, or more processes than MOST."""
    def look():
        ready, total = strength(d)
        check(ready >= least, f"{ready} are READY, {least} are wanted")
        check(total <= most, f"there are {total} workers, {most} at most")
        return until()
    wait_until(look, what)


def ask(d, line):
    """One connection to the plugin `trouble`."""
    with Client(d.port) as client:
        return client.ask(line + b"\n")


def served_by_those_who_left(d):
    return [int(line["connections"]) for line in d.log_lines(msg="worker left")]


def debug(t, **keys):
    return t.daemon(log={"level": "debug"}, **keys)


# ---- connections

def scenario_replacement_is_ready_before(t):
    """It takes its time to get ready: nobody waits for it."""
    d = serve(t, "trouble", {"trouble": "worker_init slow"}, workers=4, max_connections_per_worker=10,
              access_log=False, log={"level": "debug"}).start()
    first = d.worker_pids()
    def all_replaced():
        equal(ask(d, b"word"), b"done\n", "the answer")
        return not first & d.worker_pids()
    watch(d, 4, 5, all_replaced, "all of them were replaced")
    check(all(count >= 8 for count in served_by_those_who_left(d)), "nobody leaves too early")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_under_load(t):
    d = t.daemon(echo={"workers": 16, "max_connections_per_worker": 50, "access_log": False}).start()
    first = d.worker_pids()
    load = Load(d.port, processes=6, rounds=1)
    watch(d, 16, 16 + 3, lambda: d.service()["connections"]["accepted"] > 4000 and
          not first & d.worker_pids(), "all of them were replaced")
    load.stop()
    equal(load.lost, [], "lost connections")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_elastic_under_load(t):
    d = t.daemon(echo={"min_spare": 3, "max_spare": 6, "start_workers": 4, "max_workers": 16,
                       "max_connections_per_worker": 20, "access_log": False}).start()
    first = d.worker_pids()
    load = Load(d.port, processes=5, rounds=1)
    watch(d, 3, 16 + 3, lambda: d.service()["connections"]["accepted"] > 2000 and
          not first & d.worker_pids(), "all of them were replaced")
    load.stop()
    equal(load.lost, [], "lost connections")
    def settled():
        workers = d.service()["workers"]
        return 3 <= workers["idle"] == workers["total"] == workers["wanted"] <= 16
    wait_until(settled, "as many as configured, all idle")


def scenario_each_has_a_number_of_its_own(t):
    """From four fifths of the configured one to all of it."""
    d = debug(t, echo={"workers": 1, "max_connections_per_worker": 50, "access_log": False}).start()
    def ten():
        for _ in range(20):
            with Client(d.port) as client:
                equal(client.ask(b"x"), b"x", "the echo")
        return len(served_by_those_who_left(d)) >= 10
    wait_until(ten, "ten were replaced")
    counts = served_by_those_who_left(d)
    check(all(count >= 40 for count in counts), f"not too early: {counts}")
    check(len(set(counts)) > 1, f"not all with the same number: {counts}")


def scenario_no_replacement_can_be_started(t):
    """Worn out workers serve on for as long as that lasts."""
    cause = t.path("cause")
    d = t.daemon(echo={"workers": 2, "max_connections_per_worker": 5}).expect("cannot start a worker")
    d.start(env=t.shim("fork_refused", SHIM_FORK=cause, SHIM_PROGRAM="preforkd-pool"))
    first = d.worker_pids()
    write(cause, "")
    for i in range(60):
        with Client(d.port) as client:
            equal(client.ask(b"%d" % i), b"%d" % i, "the echo")
    equal(d.worker_pids(), first, "the workers")
    os.unlink(cause)
    def replaced():
        with Client(d.port) as client:
            client.ask(b"x")
        return not first & d.worker_pids()
    wait_until(replaced, "they are replaced")
    wait_until(lambda: d.service()["state"] == "running", "the service is well")


def scenario_long_connections_hold_nobody_up(t):
    """Worn out workers with a client keep it; the others are replaced meanwhile."""
    d = t.daemon(echo={"workers": 4, "max_worker_age": "1s", "graceful_timeout": "100ms"}).start()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(d.port)) for _ in range(2)]
        for client in clients:
            client.ask(b"x")
        busy = {d.worker_of(client)["pid"] for client in clients}
        idle = d.worker_pids() - busy
        watch(d, 4, 5, lambda: not idle & d.worker_pids(), "those without a client are replaced")
        check(busy <= d.worker_pids(), "those with a client are there")
        for client in clients:
            equal(client.ask(b"still there"), b"still there", "the echo")
    watch(d, 4, 5, lambda: not busy & d.worker_pids(), "they are replaced when it has left")


@contextlib.contextmanager
def deaf(pid):
    """A process that hears of nothing meanwhile."""
    send_signal(pid, signal.SIGSTOP)
    wait_until(lambda: process_stat(pid)[1] == "T", "it is stopped")
    yield
    send_signal(pid, signal.SIGCONT)


def held(d, stack):
    client = stack.enter_context(Client(d.port))
    equal(client.ask(b"x"), b"x", "the echo")
    return client, d.worker_of(client)["pid"]


def scenario_a_last_client_holds_nobody_up(t):
    """A worker may leave, and has taken another client before that was decided, which stays for long:
    others are replaced meanwhile. It leaves after that client, without another one."""
    d = debug(t, echo={"workers": 2, "max_worker_age": "3s", "graceful_timeout": "100ms"}).start()
    pool = d.pool_pid()
    with contextlib.ExitStack() as stack:
        client, worn = held(d, stack)
        other, other_worn = held(d, stack)
        wait_until(lambda: len(re.findall(r"worker \d+ is \d+ s old", d.log_text())) == 2, "both are old")
        with deaf(pool):
            client.close()
            client, pid = held(d, stack)
            equal(pid, worn, "who takes the next client")
        d.wait_workers(3, idle=1, busy=2)
        other.close()
        watch(d, 2, 3, lambda: other_worn not in d.worker_pids(), "the other one is replaced")
        d.wait_workers(3, idle=2, busy=1)
        equal(client.ask(b"still there"), b"still there", "the echo")
        with deaf(pool):
            client.close()
            wait_until(lambda: not alive(worn), "it leaves")
    watch(d, 2, 3, lambda: worn not in d.worker_pids(), "it is replaced")
    equal(d.service()["crashes"], 0, "crashes")


# ---- age

def scenario_age(t):
    d = debug(t, echo={"workers": 12, "max_worker_age": "1s"}).start()
    first = d.worker_pids()
    watch(d, 12, 12 + 2, lambda: not first & d.worker_pids(), "all of them were replaced")
    matches(r"worker \d+ is 0 s old and is replaced \(max_worker_age\)|is 1 s old", d.log_text(), "log")


def scenario_age_in_an_elastic_pool(t):
    d = t.daemon(echo={"min_spare": 3, "max_spare": 5, "start_workers": 5, "max_worker_age": "1s",
                       "max_workers": 8}).start()
    first = d.worker_pids()
    watch(d, 3, 8 + 2, lambda: not first & d.worker_pids(), "all of them were replaced")
    with contextlib.ExitStack() as stack:
        for i in range(8):
            client = stack.enter_context(Client(d.port))
            equal(client.ask(b"%d" % i), b"%d" % i, "the echo")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_age_of_programs(t):
    """Those that wait for their client; one that has it goes on."""
    for name, warm in (("cold", {}), ("warm", {"warm": "start"})):
        handler = {"type": "exec", "command": ["/bin/cat"], **warm}
        d = t.daemon(name=name, echo={"handler": handler, "workers": 4, "max_worker_age": "1s"}).start()
        with Client(d.port) as client:
            client.ask(b"x")
            busy = d.worker_of(client)["pid"]
            idle = d.worker_pids() - {busy}
            wait_until(lambda: not idle & d.worker_pids(), "those that wait are replaced")
            equal(client.ask(b"still there"), b"still there", "the echo")
            check(busy in d.worker_pids(), "the program goes on")
        equal(d.service()["crashes"], 0, "crashes")
        d.stop()


def scenario_age_of_programs_that_accept(t):
    """They are told to finish when another one has proved itself."""
    d = t.daemon(echo={"workers": 2, "max_worker_age": "1s", "handler": {
        "type": "listen", "command": ["/bin/sleep", "1000"], "ready_after": "50ms"}}).start()
    first = d.worker_pids()
    watch(d, 2, 3, lambda: not first & d.worker_pids(), "both were replaced")
    equal(d.service()["crashes"], 0, "crashes")


# ---- memory

def scenario_soft_limit_of_memory(t):
    """Told when the client is there, replaced when it has left."""
    d = serve(t, "trouble", workers=2, max_worker_memory="6M").start()
    with Client(d.port) as client:
        equal(client.ask(b"grow\n"), b"done\n", "the answer")
        big = d.worker_of(client)["pid"]
        wait_until(lambda: re.search(rf"worker {big} uses \d+ KiB of memory and is replaced",
                                     d.log_text()), "it is found")
        equal(client.ask(b"word\n"), b"done\n", "its client is served")
        check(big in d.worker_pids(), "it is there")
    watch(d, 2, 3, lambda: big not in d.worker_pids(), "it is replaced")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_all_are_measured(t):
    """Of many busy workers, of which not all are measured in one step, none is left out."""
    d = serve(t, "trouble", workers=160, max_worker_memory="6M", access_log=False).start()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(d.port)) for _ in range(160)]
        for client in clients:
            equal(client.ask(b"word\n"), b"done\n", "the answer")
        big = d.workers(slot=39)[0]
        client = next(client for client in clients if client.peer == big["peer"])
        equal(client.ask(b"grow\n"), b"done\n", "the answer")
        wait_until(lambda: f"worker {big['pid']} uses" in d.log_text(), "it is found")


def scenario_a_new_worker_is_too_big(t):
    """Told once, with figures, before there is a client; nobody without one is replaced."""
    text = r"a new worker uses \d+ KiB of memory, and max_worker_memory is 2048 KiB: each is replaced"
    d = serve(t, "trouble", {"trouble": "worker_init grow"}, workers=2, max_worker_memory="2M")
    d.expect("a new worker uses").start()
    first = d.worker_pids()
    wait_until(lambda: re.search(text, d.log_text()), "it is told")
    for _ in range(3):
        equal(ask(d, b"word"), b"done\n", "the answer")
    wait_until(lambda: first != d.worker_pids(), "one that has served is replaced")
    equal(len(re.findall(text, d.log_text())), 1, "told once")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_hard_limit_of_memory(t):
    d = serve(t, "trouble", workers=2, max_worker_memory="6M", max_worker_memory_hard="30M")
    d.expect("max_worker_memory_hard").expect("worker died").start()
    with Client(d.port) as client:
        for _ in range(4):
            equal(client.ask(b"grow\n"), b"done\n", "the answer")
        big = d.worker_of(client)["pid"]
        wait_until(lambda: re.search(rf"worker {big} uses \d+ KiB of memory \(max_worker_memory_hard\), "
                                     "killing it", d.log_text()), "it is killed")
        wait_until(client.ended, "its connection is over")
    d.wait_workers(2)
    check(big not in d.worker_pids(), "another one is there")


def scenario_hard_limit_of_a_program(t):
    program = [installed(t, "python3"), "-c", "x = bytearray(64 << 20); print('big', flush=True); input()"]
    d = t.daemon(echo={"handler": {"type": "exec", "command": program}, "workers": 2,
                       "max_worker_memory_hard": "40M"}).expect("max_worker_memory_hard").start()
    with Client(d.port) as client:
        equal(client.recv(), b"big\n", "what it says")
        d.wait_log(level="warning", role="pool", service="echo")
        matches(r"worker \d+ uses \d+ KiB of memory \(max_worker_memory_hard\), killing it",
                d.log_text(), "the log")
        wait_until(client.ended, "its connection is over")
    d.wait_workers(2)


def scenario_memory_of_a_program_that_accepts(t):
    """It is replaced while it runs; who may not be measured is told of, once."""
    program = [installed(t, "python3"), "-c", "import time; x = bytearray(64 << 20); time.sleep(1000)"]
    hidden = t.path("hidden")
    shutil.copy("/bin/sleep", hidden)
    os.chmod(hidden, 0o111)
    d = t.daemon(echo={"workers": 1, "max_worker_memory": "40M", "handler": {
        "type": "listen", "command": program, "ready_after": "50ms"}}, upper={
            "workers": 2, "max_worker_memory": "40M", "handler": {
                "type": "listen", "command": [hidden, "1000"], "ready_after": "50ms"}})
    d.expect("cannot tell how much memory").expect("a new worker uses").start()
    first = d.worker_pids("echo")
    wait_until(lambda: not first & d.worker_pids("echo"), "it is replaced")
    d.wait_log(service="upper", level="warning",
               msg="cannot tell how much memory workers use (/proc/PID/smaps_rollup: Permission "
                   "denied): max_worker_memory has no effect")
    stays(lambda: len(d.log_lines(service="upper", level="warning")) == 1, "said once", 1.5)


# ---- whatever else

def scenario_stop_in_the_middle(t):
    d = t.daemon(echo={"workers": 8, "max_connections_per_worker": 5, "max_worker_age": "1s",
                       "access_log": False}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        load = Load(d.port, processes=3, rounds=1)
        wait_until(lambda: d.service()["connections"]["accepted"] > 300, "load")
        load.stop()
        equal(load.lost, [], "lost connections")
        d.kill(signal.SIGTERM)
        equal(client.ask(b"still there"), b"still there", "a client over the stop")
    d.wait_exit(0)


def scenario_scale_meanwhile(t):
    d = t.daemon(echo={"workers": 4, "max_worker_age": "1s"}).start()
    for count in (12, 3, 6):
        d.result(f"scale echo {count}")
        before = d.worker_pids()
        wait_until(lambda: not before & d.worker_pids(), "all of them were replaced")
        wait_until(lambda: count <= strength(d)[0] <= count + 2, f"{count} workers")
    clients = hold(d.port, 6)
    close_all(clients)


def scenario_errors_are_told_by_line(t):
    cat = {"type": "exec", "command": ["/bin/cat"]}
    for keys, pattern in (
            ({"max_worker_memory": "2M", "max_worker_memory_hard": "1M"},
             r":\d+: max_worker_memory is greater than max_worker_memory_hard \(line \d+\)"),
            ({"max_worker_memory": "1000"}, r":\d+: max_worker_memory is out of range \(1M to"),
            ({"max_worker_memory": "much"}, r":\d+: max_worker_memory is not a number; write"),
            ({"max_worker_memory": "2M", "handler": cat}, r":\d+: max_worker_memory is not possible "
             r"here: .* use max_worker_memory_hard, or limits.as"),
            ({"max_worker_age": "soon"}, r":\d+: max_worker_age is not a duration"),
            ({"max_worker_age": -1}, r":\d+: max_worker_age"),
            ({"max_worker_aeg": "1h"}, r':\d+: unknown key .*"max_worker_age"')):
        d = t.daemon(name="wrong", echo=keys)
        d.write()
        done = t.run("preforkd", "-t", "-c", d.file)
        equal(done.returncode, EXIT_CONFIG, f"exit code of -t with {keys}")
        matches(pattern, done.stdout + done.stderr, f"what -t says of {keys}")
        t.daemons.remove(d)
