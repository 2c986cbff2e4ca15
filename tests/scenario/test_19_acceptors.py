# SPDX-License-Identifier: MIT
"""Pools with more workers than places in accept: few serve while few are needed, and each one that is
parked is there when it is needed, whatever happened to the others."""
import os
import random
import signal

from harness import *
from test_45_drain import close_all, hold
from test_60_sockets import limit_files

WORKERS = 40


def daemon(t, places=1, **keys):
    return t.daemon(echo={"workers": WORKERS, "acceptors_per_processor": places,
                          "access_log": False, **keys}).start()


def used(d):
    """Pids of the workers that have had a client."""
    return [worker["pid"] for worker in d.workers() if worker["connections"]]


def one_by_one(d, count):
    """Pids of the workers that these clients had."""
    before = {worker["pid"]: worker["connections"] for worker in d.workers()}
    for i in range(count):
        with Client(d.port) as client:
            equal(client.ask(b"%d" % i), b"%d" % i, "the echo")
        d.wait_workers(WORKERS, busy=0)
    return [worker["pid"] for worker in d.workers()
            if worker["connections"] > before.get(worker["pid"], 0)]


def scenario_few_serve_where_few_are_needed(t):
    """One client after another: never another worker than those that have a place."""
    d = daemon(t, places=2)
    places = 2 * (os.cpu_count() or 1)
    # Not at once: a worker that is late may be called for a place that is to be its own.
    wait_until(lambda: len(one_by_one(d, WORKERS)) <= places, f"{places} workers serve all")


def scenario_all_serve_where_that_is_asked_for(t):
    """acceptors_per_processor = 0: the kernel takes them in turn."""
    d = daemon(t, places=0)
    wait_until(lambda: len(one_by_one(d, WORKERS + 10)) == WORKERS, "all of them serve")


def scenario_every_parked_worker_is_called(t):
    """As many clients as workers, all held: each has one, again and again."""
    d = daemon(t)
    for _ in range(3):
        clients = hold(d.port, WORKERS)
        d.wait_workers(WORKERS, busy=WORKERS)
        for client in clients:
            equal(client.ask(b"again"), b"again", "the echo")
        close_all(clients)
        d.wait_workers(WORKERS, busy=0)


def scenario_a_burst_finds_every_worker(t):
    """All connect before the first one speaks."""
    d = daemon(t)
    for _ in range(3):
        clients = [Client(d.port) for _ in range(WORKERS)]
        for client in clients:
            client.send(b"burst")
        for client in clients:
            equal(client.recv(), b"burst", "the echo")
        close_all(clients)


def scenario_killed_workers_take_no_place_along(t):
    """SIGKILL for idle ones, parked or not: as many clients as before are served at a time."""
    d = daemon(t, restart_delay="1ms", fresh_after_crash=False)
    rng = random.Random(16)
    for turn in range(6):
        one = Client(d.port)
        equal(one.ask(b"warm"), b"warm", "the echo")
        one.close()
        victims = rng.sample(sorted(d.worker_pids()), 8) + (used(d)[:1] if turn % 2 else [])
        for pid in set(victims):
            send_signal(pid, signal.SIGKILL)
        wait_until(lambda: not set(victims) & set(d.worker_pids()), "they are gone")
        d.wait_workers(WORKERS, starting=0)
        clients = hold(d.port, WORKERS)
        close_all(clients)
        d.wait_workers(WORKERS, busy=0)


def scenario_stopped_workers_take_no_place_along(t):
    """SIGSTOP for whoever waits in accept: parked ones serve instead."""
    d = daemon(t)
    one_by_one(d, 8)
    stopped = used(d)
    for pid in stopped:
        send_signal(pid, signal.SIGSTOP)
    wait_stopped(stopped)
    clients = hold(d.port, WORKERS - len(stopped))
    close_all(clients)
    for pid in stopped:
        send_signal(pid, signal.SIGCONT)
    d.wait_workers(WORKERS, busy=0)
    close_all(hold(d.port, WORKERS))


def wait_stopped(pids):
    """Until then they may take a client along."""
    for pid in pids:
        wait_until(lambda: "stopped" in proc_status(pid)["State"], "it has stopped")


def scenario_a_stop_is_noticed_beside_a_death(t):
    """The pool is told of several that end or stop at one time by one signal, about the first."""
    d = daemon(t)
    one_by_one(d, 8)
    stopped = used(d)
    dead = next(pid for pid in d.worker_pids() if pid not in stopped)
    pool = d.pool_pid()
    send_signal(pool, signal.SIGSTOP)
    wait_stopped([pool])
    send_signal(dead, signal.SIGKILL)
    wait_until(lambda: "zombie" in proc_status(dead)["State"], "it has ended")
    for pid in stopped:
        send_signal(pid, signal.SIGSTOP)
    wait_stopped(stopped)
    send_signal(pool, signal.SIGCONT)
    close_all(hold(d.port, WORKERS - len(stopped)))
    for pid in stopped:
        send_signal(pid, signal.SIGCONT)
    close_all(hold(d.port, WORKERS))


def scenario_workers_without_descriptors_keep_no_place(t):
    """Whoever waits in accept has run out of them, while those that are parked have not."""
    d = daemon(t)
    one_by_one(d, 8)
    for pid in used(d):
        limit_files(pid, 4)
    for _ in range(3):
        one_by_one(d, 8)


def scenario_parked_workers_leave_when_told(t):
    """A change and a stop end them as all others, and a client in hand stays."""
    d = daemon(t, graceful_timeout="20s")
    client = Client(d.port)
    equal(client.ask(b"old"), b"old", "the echo")
    old = set(d.worker_pids())
    d.change("echo", idle_timeout="59s")
    d.reload()
    wait_until(lambda: sum(alive(pid) for pid in old) == 1, "all but one of the old workers left")
    equal(client.ask(b"still"), b"still", "the echo")
    client.close()
    wait_until(lambda: not any(alive(pid) for pid in old), "all of them left")
    close_all(hold(d.port, WORKERS))
    d.stop()


def scenario_elastic_pools_park_too(t):
    """A burst makes them grow; those that are too many afterwards leave from wherever they wait."""
    d = t.daemon(echo={"min_spare": 4, "max_spare": 6, "max_workers": 90, "access_log": False,
                       "acceptors_per_processor": 1, "spare_idle_timeout": "500ms"}).start()
    for _ in range(2):
        clients = hold(d.port, 60)
        close_all(clients)
        wait_until(lambda: d.service()["workers"]["total"] <= 6, "the pool is small again")


def switches(d):
    return sum(int(proc_status(pid)["voluntary_ctxt_switches"]) for pid in d.worker_pids())


def scenario_several_sockets_wake_few(t):
    """A client of one of several sockets wakes one worker, and at most a second one that finds nothing:
    not all that wait, who would be forty."""
    ports = [t.port() for _ in range(3)]
    d = t.daemon(echo={"workers": WORKERS, "access_log": False,
                       "listen": [f"tcp://127.0.0.1:{port}" for port in ports]}).start()
    def wakes_few():
        before = switches(d)
        for i in range(60):
            with Client(ports[i % 3]) as client:
                equal(client.ask(b"%d" % i), b"%d" % i, "the echo")
        return switches(d) - before < 60 * WORKERS / 4
    wait_until(wakes_few, "few wake up for a client")


def scenario_several_sockets_and_every_worker(t):
    """As many clients as workers, by all sockets, held; and after a worker was killed in its wait."""
    ports = [t.port() for _ in range(3)]
    d = t.daemon(echo={"workers": WORKERS, "access_log": False, "acceptors_per_processor": 1,
                       "fresh_after_crash": False,
                       "listen": [f"tcp://127.0.0.1:{port}" for port in ports]}).start()
    for _ in range(3):
        clients = [Client(ports[i % 3]) for i in range(WORKERS)]
        for client in clients:
            equal(client.ask(b"held"), b"held", "the echo")
        close_all(clients)
        d.wait_workers(WORKERS, busy=0)
        for pid in sorted(d.worker_pids())[:4]:
            send_signal(pid, signal.SIGKILL)


def scenario_bad_values(t):
    for value in (-1, 1025, "many"):
        d = t.daemon(name="wrong", echo={"acceptors_per_processor": value})
        d.write()
        done = t.run("preforkd", "-t", "-c", d.file)
        equal(done.returncode, 78, f"exit code of -t with {value}")
        matches(r":\d+: acceptors_per_processor", done.stdout + done.stderr, "place and key")
        t.daemons.remove(d)
