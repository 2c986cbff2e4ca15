# SPDX-License-Identifier: MIT
"""Every change of a running daemon, under load: no connection is lost by any of them."""
import os
import random
import signal
import socket
import time

from harness import *
from load import Load


@mark(alone=True)
def scenario_hundred_reloads_under_load(t):
    """None lost; connections that are held all the while go on; nothing piles up."""
    d = t.daemon(echo={"workers": 4, "access_log": False, "graceful_timeout": "120s"}).start()
    held = [Client(d.port) for _ in range(2)]
    for client in held:
        client.ask(b"x")
    load = Load(d.port, processes=3)
    for number in range(100):
        d.change("echo", workers=4 + number % 3, idle_timeout=f"{60 + number}s")
        d.reload()
    equal(d.status()["generation"], 101, "generation")
    for client in held:
        equal(client.ask(b"held over 100 reloads"), b"held over 100 reloads", "held connections")
        client.close()
    load.stop()
    equal(load.lost, [], "lost connections")
    check(load.served > 100, f"there was load: {load.served} served")
    wait_until(lambda: len([p for p, about in process_table().items() if about[2] == d.pid]) == 1,
               "one pool is left")
    equal(d.log_lines(level="warning"), [], "warnings")


@mark(alone=True)
def scenario_reloads_by_hup_under_load(t):
    """As fast as signals can be sent: those that come while one is under way become one."""
    d = t.daemon(echo={"workers": 3, "access_log": False}).start()
    load = Load(d.port, processes=3)
    for number in range(40):
        d.change("echo", backlog=100 + number)
        d.write()
        for _ in range(3):
            d.kill(signal.SIGHUP)
    d.result("reload")
    load.stop()
    equal(load.lost, [], "lost connections")
    equal(d.service()["queue"]["limit"], 139, "the last configuration is in force")


def refused_reloads(t, *changes):
    """Sixty reloads that are refused, under load: none lost, nothing changed."""
    d = t.daemon(echo={"workers": 3, "access_log": False}).expect("reload failed").start()
    good = dict(d.services["echo"])
    load = Load(d.port, processes=3)
    pool = d.pool_pid()
    for number in range(60):
        d.services = {"echo": dict(good, workers=4)}
        changes[number % len(changes)](d)
        d.reload_refused()
    load.stop()
    equal(load.lost, [], "lost connections")
    equal(d.pool_pid("echo"), pool, "the pool")


@mark(alone=True)
def scenario_invalid_reloads_under_load(t):
    """An unknown key, a duplicate address, a taken port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", t.port()))
        other.listen()
        taken = other.getsockname()[1]
        refused_reloads(
            t, lambda d: d.change("echo", wrokers=1),
            lambda d: d.services.update(again={"handler": "echo", "listen": d.services["echo"]["listen"]}),
            lambda d: d.services.update(more={"handler": "echo", "listen": f"tcp://127.0.0.1:{taken}"}))


@mark(alone=True)
def scenario_reloads_with_a_pool_that_fails_under_load(t):
    """One service's new pool is ready and serves, then another's fails."""
    refused_reloads(t, lambda d: d.add("greet", listen="tcp://127.0.0.1:0",
                                       handler={"type": "greet", "encoding": "klingon"}))


@mark(alone=True)
def scenario_scaling_under_load(t):
    """Workers come and go by TTIN, TTOU and scale: none lost."""
    d = t.daemon(echo={"workers": 3, "access_log": False}).start()
    load = Load(d.port, processes=3)
    for number in range(60):
        d.result(f"scale echo {1 + number * 5 % 9}")
        d.kill(signal.SIGTTIN if number % 2 else signal.SIGTTOU)
    d.result("scale echo 2")
    d.result("scale echo 2")  # a signal that came just before may have been behind the first
    load.stop()
    d.wait_workers(2)
    equal(load.lost, [], "lost connections")
    equal(d.service()["crashes"], 0, "crashes")


@mark(alone=True)
def scenario_log_reopened_under_load(t):
    """Forty times: no connection is lost, no line is torn or lost."""
    file = t.path("the.log")
    d = t.daemon(echo={"workers": 3}, log={"file": file}).start()
    load = Load(d.port, processes=2)
    for number in range(40):
        os.rename(file, f"{file}.{number}")
        d.result("reopen_logs")
    load.stop()
    equal(load.lost, [], "lost connections")
    wait_until(lambda: d.service()["workers"]["draining"] == 0 and
               d.service()["workers"]["idle"] == 3, "all are idle")
    text = "".join(d.log_text(path) for path in [file] + [f"{file}.{n}" for n in range(40)])
    lines = [parse_log_line(line) for line in text.splitlines()]
    check(all(lines), "no line is torn")
    equal(sum(line["msg"] == "connection" for line in lines), load.served, "lines per connection")


@mark(alone=True)
def scenario_fresh_processes_under_load(t):
    """max_connections_per_worker = 1 with reloads on top: none lost."""
    d = t.daemon(echo={"workers": 4, "access_log": False, "max_connections_per_worker": 1}).start()
    load = Load(d.port, processes=3)
    for number in range(20):
        d.change("echo", workers=4 + number % 2)
        d.reload()
    load.stop()
    equal(load.lost, [], "lost connections")
    equal(d.log_lines(msg="worker died"), [], "deaths")


@mark(alone=True)
def scenario_chaos(t):
    """Reloads, scaling, reopened logs, killed workers and killed pools, all at once: only what
    killed workers held is lost, and afterwards everything is as configured."""
    dice = random.Random(7)
    d = t.daemon(echo={"workers": 4, "access_log": False}, log={"file": t.path("the.log")}).start()
    load = Load(d.port, processes=3)
    killed = 0
    for number in range(80):
        time.sleep(dice.uniform(0, 0.02))
        action = dice.randrange(5)
        if action == 0:
            d.change("echo", workers=dice.randint(2, 6), backlog=100 + number)
            d.reload()
        elif action == 1:
            d.result(f"scale echo {dice.randint(1, 6)}")
        elif action == 2:
            d.result("reopen_logs")
        elif action == 3:
            rows = d.workers()
            killed += bool(rows) and send_signal(dice.choice(rows)["pid"], signal.SIGKILL)
        elif number % 4 == 0:
            pool = d.pool_pid()
            if pool:
                send_signal(pool, signal.SIGKILL)
    d.change("echo", workers=3, backlog=99)
    d.reload()
    load.stop()
    check(len(load.lost) <= killed, f"{load.lost} lost, {killed} workers killed")
    d.wait_workers(3)
    equal(d.service()["state"], "running", "state")
