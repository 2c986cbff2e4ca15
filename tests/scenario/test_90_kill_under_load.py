# SPDX-License-Identifier: MIT
"""Crashes under load: what is lost is what the crashed process held, and all of it is told."""
import json
import random
import signal
import time

from harness import *
from load import Load


@mark(alone=True)
def scenario_workers_killed_under_load(t):
    """kill -9 of random workers: no more connections are lost than workers were killed, each lost
    one is the peer in an obituary, and the counters add up."""
    d = t.daemon(echo={"workers": 8, "access_log": False}).start()
    load = Load(d.port)
    dice = random.Random(2)
    killed = set()
    while len(killed) < 120:
        rows = d.workers(state=dice.choice(["busy", "busy", "idle"]))
        if rows:
            pid = dice.choice(rows)["pid"]
            if send_signal(pid, signal.SIGKILL):
                killed.add(pid)
        time.sleep(dice.uniform(0, 0.02))
    load.stop()
    d.wait_workers(8)
    obituaries = d.log_lines(msg="worker died")
    equal({int(line["worker_pid"]) for line in obituaries}, killed, "one obituary per killed worker")
    equal(len(obituaries), len(killed), "obituaries")
    check(load.served > 200, f"there was load: {load.served} served")
    check(len(load.lost) <= len(killed), f"{len(load.lost)} lost, {len(killed)} workers killed")
    equal({lost[0] for lost in load.lost} <= {"reset", "closed"}, True, f"reasons: {load.lost}")
    # A worker may be killed between accept and the note of its peer: its obituary has none.
    peers = {line["peer"] for line in obituaries}
    nameless = sum(line["peer"] == "" for line in obituaries)
    unexplained = [lost for lost in load.lost if f"127.0.0.1:{lost[1]}" not in peers]
    check(len(unexplained) <= nameless,
          f"lost and in no obituary: {unexplained}; obituaries without peer: {nameless}")
    service = d.service()
    equal(service["crashes"], len(killed), "crashes in the status")
    check(load.served <= service["connections"]["accepted"] <= load.served + len(load.lost),
          f"accepted {service['connections']['accepted']}, served {load.served}, lost {load.lost}")
    equal(service["state"], "running", "state")


@mark(alone=True)
def scenario_all_workers_killed_again_and_again_under_load(t):
    """All of them at once, twenty times."""
    d = t.daemon(echo={"workers": 4, "access_log": False}).start()
    load = Load(d.port, processes=6)
    count = 0
    for _ in range(20):
        for pid in d.worker_pids():
            count += send_signal(pid, signal.SIGKILL)
        d.wait_log(msg="worker died", count=count)
    load.stop()
    check(len(load.lost) <= count, f"{len(load.lost)} lost, {count} killed")
    check({lost[0] for lost in load.lost} <= {"reset", "closed"}, f"reasons: {load.lost}")
    d.wait_workers(4)


@mark(alone=True)
def scenario_pool_killed_under_load(t):
    """The pool alone: its workers finish what they hold, the next pool takes the rest. None lost."""
    d = t.daemon(echo={"workers": 4, "access_log": False}).start()
    load = Load(d.port)
    for _ in range(4):
        old = wait_until(d.pool_pid, "a pool")
        send_signal(old, signal.SIGKILL)
        wait_until(lambda: d.pool_pid() not in (0, old), "another pool")
    load.stop()
    equal(load.lost, [], "lost connections")
    check(load.served > 50, f"there was load: {load.served} served")


@mark(alone=True)
def scenario_graceful_stop_under_load(t):
    """Who got a first answer gets all of them: a stop cuts no connection that was accepted."""
    d = t.daemon(echo={"workers": 4, "access_log": False, "graceful_timeout": "60s"}).start()
    load = Load(d.port, rounds=5)
    wait_until(lambda: d.service()["connections"]["accepted"] > 200, "there is load")
    d.stop()
    load.stop()
    equal([lost for lost in load.lost if lost[2] > 0], [], "connections cut after an answer")


@mark(alone=True)
def scenario_burst_larger_than_the_pool(t):
    """Two hundred clients at once for four workers: all are served, one after the other."""
    d = t.daemon(echo={"workers": 4, "access_log": False}).start()
    clients = [Client(d.port).send(b"%d" % i) for i in range(200)]
    for i, client in enumerate(clients):
        wanted = b"%d" % i
        equal(client.recv_exactly(len(wanted)), wanted, "echo")
        client.close()


@mark(alone=True)
def scenario_preforkc_load_counts_no_failure(t):
    """preforkc load, all modes: every attempt is served."""
    d = t.daemon(echo={"workers": 8, "access_log": False}).start()
    for mode, more in (("connect", ["--count", "2000"]), ("roundtrip", ["--count", "5000"]),
                       ("stream", ["--duration", "300ms"])):
        done = t.run("preforkc", "load", "--mode", mode, "--concurrency", "6", "--json", *more,
                     f"127.0.0.1:{d.port}", limit=60)
        equal(done.returncode, 0, f"preforkc load --mode {mode}: {done.stdout} {done.stderr}")
        result = json.loads(done.stdout)
        check(result["served"] > 0, f"served in mode {mode}")
        equal((result["failed"], sum(result["failures"].values())), (0, 0), f"failed in mode {mode}")
    done = t.run("preforkc", "load", "--mode", "burst", "--count", "8", "--json",
                 f"127.0.0.1:{d.port}", limit=60)
    equal(json.loads(done.stdout)["served"], 8, "a burst that fits the workers")


def scenario_preforkc_load_classes_failures(t):
    """Refused, closed too early, wrong answer, no answer: each told apart, exit code 1."""
    d = t.daemon(echo={"workers": 1}, upper={"workers": 1}, hello={"workers": 1}).start()
    with Client(d.ports["echo"]) as holder:
        holder.ask(b"x")
        for wanted, port in (("refused", t.port()), ("mismatch", d.ports["upper"]),
                             ("mismatch", d.ports["hello"]), ("timeout", d.ports["echo"])):
            done = t.run("preforkc", "load", "--count", "2", "--concurrency", "1", "--timeout",
                         "300ms", "--json", f"127.0.0.1:{port}", limit=60)
            equal(done.returncode, 1, f"exit code for {wanted}")
            failures = json.loads(done.stdout)["failures"]
            check(failures[wanted] >= 1 and sum(failures.values()) == failures[wanted],
                  f"wanted {wanted}, got {failures}")


def scenario_load_begins_one_after_another(t):
    """With --ramp: of two connections in two hours the first is there, the second is not yet."""
    d = t.daemon(echo={"workers": 2}).start()
    before = d.service()["connections"]["accepted"]
    address = f"127.0.0.1:{d.port}"
    done = t.run("preforkc", "load", "--mode", "roundtrip", "--concurrency", "2", "--ramp", "2h",
                 "--duration", "300ms", address)
    equal(done.returncode, 0, f"exit code ({done.stdout} {done.stderr})")
    wait_until(lambda: d.service()["connections"]["accepted"] == before + 1, "one connection")
    refused = t.run("preforkc", "load", "--mode", "burst", "--ramp", "1s", address)
    equal(refused.returncode, 64, f"a burst with a ramp ({refused.stderr})")
