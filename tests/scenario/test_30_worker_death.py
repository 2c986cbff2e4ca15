# SPDX-License-Identifier: MIT
"""Death of workers, pools and the supervisor: who notices, what it costs, how it heals."""
import os
import re
import select
import signal

from harness import *

SIGNALS = [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL,
           signal.SIGFPE, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGSYS]


def obituary(d, pid, count=1):
    return d.wait_log(msg="worker died", worker_pid=pid, count=count)


# ---- death after READY: replaced at once

def scenario_idle_worker_dies(t):
    """By any signal: replaced at once, with one obituary line that tells everything."""
    t.skip_sanitized("its signal handlers turn some deaths into exits")
    d = t.daemon(echo={"workers": 2, "fresh_after_crash": False}).start()
    for number in SIGNALS:
        d.wait_workers(2)
        row = d.workers()[0]
        send_signal(row["pid"], number)
        line = obituary(d, row["pid"])
        equal(line["signal"], f"SIG{number.name[3:]}", "signal")
        equal((line["slot"], line["peer"], line["next"]),
              (str(row["slot"]), "", "replaced at once"), "slot, peer, next")
        check(line["core"] in ("yes", "no"), "core flag")
        check(re.fullmatch(r"\d+\.\d+", line["age_s"]), "age")
        equal((line["level"], line["role"], line["service"]), ("warning", "pool", "echo"), "line")
    d.wait_workers(2)
    equal(len(d.log_lines(msg="worker died")), len(SIGNALS), "one line each")
    service = d.service()
    equal((service["crashes"], service["restarts"], service["state"]),
          (len(SIGNALS), len(SIGNALS), "running"), "crashes, restarts, state")


def scenario_busy_worker_dies(t):
    """Its client loses the connection, and nobody else; the obituary names the peer in hand."""
    d = t.daemon(echo={"workers": 3, "fresh_after_crash": False}).start()
    with Client(d.port) as bystander:
        bystander.ask(b"x")
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGQUIT):
            d.wait_workers(3, idle=2, busy=1)
            victim = Client(d.port)
            victim.ask(b"x")
            row = d.worker_of(victim)
            send_signal(row["pid"], number)
            try:
                equal(victim.recv(), b"", "the victim sees the end")
            except ConnectionError:
                pass
            line = obituary(d, row["pid"])
            equal((line["peer"], line["slot"]), (victim.peer, str(row["slot"])), "peer and slot")
            equal(line["connections"], str(row["connections"]), "connections served")
            victim.close()
            equal(bystander.ask(b"unharmed"), b"unharmed", "the other client")
    d.wait_workers(3)


def scenario_worker_counts_survive_its_death(t):
    """Connections and bytes of dead workers stay in the sums."""
    d = t.daemon(echo={"workers": 1}).start()
    for number in range(3):
        with Client(d.port) as client:
            client.ask(b"12345")
        d.wait_workers(1)
        send_signal(d.workers()[0]["pid"], signal.SIGKILL)
        d.wait_log(msg="worker died", count=number + 1)
        d.wait_workers(1)
    service = d.service()
    equal(service["connections"]["accepted"], 3, "accepted")
    equal(service["bytes"], {"in": 15, "out": 15}, "bytes")


def scenario_killed_worker_is_dead_even_with_exit_status_zero(t):
    """TERM is how the pool asks a worker to leave; whoever else sends it gets a replacement, too."""
    d = t.daemon(echo={"workers": 1}).start()
    (pid,) = d.worker_pids()
    send_signal(pid, signal.SIGTERM)
    wait_until(lambda: d.worker_pids() and pid not in d.worker_pids(), "another worker")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_all_workers_killed_with_connections_queued(t):
    """All busy, more clients queued: the kill costs the connections in hand and none of the
    queued ones, since the kernel keeps the queue with the socket, which nobody closes."""
    d = t.daemon(echo={"workers": 4}).start()
    holders = [Client(d.port) for _ in range(4)]
    for client in holders:
        client.ask(b"x")
    queued = [Client(d.port).send(b"queued %d" % i) for i in range(50)]
    wait_until(lambda: d.service()["queue"]["length"] == 50, "50 connections are queued")
    for pid in d.worker_pids():
        send_signal(pid, signal.SIGKILL)
    for i, client in enumerate(queued):
        wanted = b"queued %d" % i
        equal(client.recv_exactly(len(wanted)), wanted, "a queued client")
        client.close()
    for client in holders:
        client.close()
    wait_until(lambda: len(d.log_lines(msg="worker died")) == 4, "four obituaries")


def scenario_one_client_cannot_switch_a_service_off(t):
    """Workers that die serving are replaced at once, over and over: no hold-off, no degraded."""
    d = t.daemon(echo={"workers": 2}).start()
    for round in range(30):
        with Client(d.port) as client:
            client.ask(b"x")
            send_signal(d.worker_of(client)["pid"], signal.SIGKILL)
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    equal(d.log_lines(msg="service changed state", to="degraded"), [], "degraded")


def scenario_stopped_worker_harms_nobody_else(t):
    """SIGSTOP: the others go on; it is not replaced; with SIGCONT it goes on, too."""
    d = t.daemon(echo={"workers": 2}).start()
    stopped, other = [row["pid"] for row in d.workers()]
    send_signal(stopped, signal.SIGSTOP)
    for _ in range(5):
        with Client(d.port) as client:
            # The kernel may hand a connection to the stopped one only while it waits in accept.
            client.send(b"x")
            if not wait_for_answer(client, 1):
                send_signal(stopped, signal.SIGCONT)
            equal(client.recv(), b"x", "echo")
            send_signal(stopped, signal.SIGSTOP)
    send_signal(stopped, signal.SIGCONT)
    equal(d.worker_pids(), {stopped, other}, "workers")


def wait_for_answer(client, seconds):
    return bool(select.select([client.socket], [], [], seconds)[0])


# ---- death before READY: hold-off

def delays(d, pattern=r"next try in (\d+) ms"):
    return [int(found) for found in re.findall(pattern, d.log_text())]


def check_grows(found, initial, most):
    """Doubles from INITIAL to MOST, each 75 to 125 % of that."""
    for number, delay in enumerate(found):
        wanted = min(initial * 2 ** number, most)
        check(wanted * 0.74 <= delay <= wanted * 1.26,
              f"hold-off number {number} is {delay} ms, about {wanted} was due: {found}")


@mark(limit=60)
def scenario_worker_dies_before_ready(t):
    """The service is degraded, the hold-off doubles with jitter up to restart_delay_max; it heals
    by itself when the cause is gone."""
    t.skip_sanitized("its runtime takes over SIGSEGV")
    d = t.daemon(echo={"workers": 2, "restart_delay": "20ms", "restart_delay_max": "200ms"})
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause))
    write(cause, "signal 11")
    send_signal(d.workers()[0]["pid"], signal.SIGKILL)
    wait_until(lambda: len(delays(d)) >= 7, "the seventh hold-off")
    check_grows(delays(d), 20, 200)
    service = d.service()
    equal(service["state"], "degraded", "state")
    matches("SIGSEGV before it was ready", service["reason"], "reason in the status")
    line = d.log_lines(msg="worker died", signal="SIGSEGV")[0]
    matches("died before it was ready: next try in", line["next"], "next in the obituary")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "the worker that is left serves")
    os.unlink(cause)
    d.wait_workers(2)
    wait_until(lambda: d.service()["state"] == "running", "the service is running again")
    equal(d.service()["reason"], "", "reason")
    d.wait_log(msg="all 2 workers are ready again")


def scenario_worker_exits_before_ready(t):
    """An exit with a status is told as such; one good start resets the hold-off."""
    d = t.daemon(echo={"workers": 1, "restart_delay": "20ms", "restart_delay_max": "10s"})
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause))
    for round in (1, 2):
        before = len(delays(d))
        write(cause, "exit 9")
        send_signal(d.workers()[0]["pid"], signal.SIGKILL)
        wait_until(lambda: len(delays(d)) >= before + 3, "three hold-offs")
        check_grows(delays(d)[before:], 20, 10000)
        os.unlink(cause)
        wait_until(lambda: d.service()["state"] == "running", "it heals")
        d.wait_workers(1)
    equal(d.log_lines(msg="worker died", status="9")[0]["core"], "no", "obituary")


def scenario_worker_not_ready_in_time_is_killed(t):
    """start_timeout."""
    d = t.daemon(echo={"workers": 1, "start_timeout": "2s", "restart_delay": "20ms"})
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause))
    write(cause, "wait")
    send_signal(d.workers()[0]["pid"], signal.SIGKILL)
    wait_until(lambda: d.service()["workers"]["starting"] == 1, "one is starting")
    wait_until(lambda: "did not become ready in time, killing it" in d.log_text(), "it is killed")
    wait_until(lambda: d.service()["state"] == "degraded", "degraded")
    os.unlink(cause)
    d.wait_workers(1)
    wait_until(lambda: d.service()["state"] == "running", "it heals")


def scenario_stop_during_hold_off(t):
    """A hold-off of an hour does not keep preforkd from stopping."""
    d = t.daemon(echo={"workers": 1, "restart_delay": "1h", "restart_delay_max": "1h"})
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause))
    write(cause, "exit 1")
    send_signal(d.workers()[0]["pid"], signal.SIGKILL)
    wait_until(lambda: d.service()["state"] == "degraded", "degraded")
    d.stop()


def scenario_stop_while_a_worker_starts(t):
    """A worker that is not ready holds no connection: a graceful stop does not give it
    graceful_timeout to finish one."""
    d = t.daemon(echo={"workers": 2, "graceful_timeout": "1h", "start_timeout": "2s"})
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause))
    write(cause, "wait")
    send_signal(d.workers()[0]["pid"], signal.SIGKILL)
    wait_until(lambda: d.service()["workers"]["starting"] == 1, "one is starting")
    d.kill(signal.SIGTERM)
    d.wait_exit(0, limit=10)


@mark(limit=60)
def scenario_fork_fails(t):
    """fork() refused by the system: the same as a death before READY; those that live serve."""
    d = t.daemon(echo={"workers": 3, "restart_delay": "20ms", "restart_delay_max": "300ms"})
    cause = t.path("cause")
    d.start(env=t.shim("fork_refused", SHIM_FORK=cause))
    write(cause, "")
    for row in d.workers()[:2]:
        send_signal(row["pid"], signal.SIGKILL)
    wait_until(lambda: len(delays(d)) >= 6, "the sixth hold-off")
    check_grows(delays(d), 20, 300)
    service = d.service()
    equal((service["state"], service["workers"]["total"]), ("degraded", 1), "state, workers")
    matches("cannot start a worker: Resource temporarily unavailable", service["reason"], "reason")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    check(cpu_seconds(d.pool_pid()) < 5, "the pool does not spin")
    os.unlink(cause)
    d.wait_workers(3)
    wait_until(lambda: d.service()["state"] == "running", "it heals")


@mark(limit=60)
def scenario_supervisor_cannot_fork(t):
    """A pool that cannot be replaced: degraded, hold-off, healed when fork works again."""
    d = t.daemon(echo={"workers": 1, "restart_delay": "20ms", "restart_delay_max": "200ms"})
    cause = t.path("cause")
    d.start(env=t.shim("fork_refused", SHIM_FORK=cause, SHIM_PROGRAM="preforkd"))
    write(cause, "")
    send_signal(d.pool_pid(), signal.SIGKILL)
    wait_until(lambda: len(delays(d)) >= 5, "the fifth hold-off")
    check_grows(delays(d), 20, 200)
    equal(d.service()["state"], "degraded", "state")
    matches("fork: Resource temporarily unavailable", d.log_text(), "reason")
    os.unlink(cause)
    wait_until(lambda: d.service()["state"] == "running", "it heals")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_service_that_is_never_ready_at_start(t):
    """Every worker dies before it is ready, from the first: not ready within start_timeout ends
    the daemon with 69 and the reason."""
    d = t.daemon(echo={"workers": 2, "start_timeout": "700ms", "restart_delay": "20ms"})
    write(t.path("cause"), "exit 3")
    d.expect("not ready within").launch(env=t.shim("unready", SHIM_UNREADY=t.path("cause")))
    d.wait_exit(EXIT_UNAVAILABLE)
    matches(r"service echo: not ready within 700ms \(start_timeout\): a worker ended by status 3",
            d.log_text(), "reason")


def scenario_slow_start(t):
    """A worker that takes its time is waited for; queued clients are served afterwards."""
    write(t.path("cause"), "wait")
    d = t.daemon(echo={"workers": 1}).launch(env=t.shim("unready", SHIM_UNREADY=t.path("cause")))
    d.wait_control()
    wait_until(lambda: d.service()["workers"]["starting"] == 1, "a worker starts")
    equal((d.status()["state"], d.service()["state"]), ("starting", "starting"), "states")
    with Client(d.port) as client:
        client.send(b"early")
        os.unlink(t.path("cause"))
        equal(client.recv(), b"early", "echo")
    d.wait_running()


# ---- death of a pool

def scenario_idle_pool_dies(t):
    """The supervisor starts another one at once; no worker of the old one stays."""
    d = t.daemon(echo={"workers": 3}).start()
    old, workers = d.pool_pid(), d.worker_pids()
    send_signal(old, signal.SIGKILL)
    line = d.wait_log(msg="pool died", pool_pid=old)
    equal((line["signal"], line["next"], line["service"], line["role"]),
          ("SIGKILL", "replaced at once", "echo", "supervisor"), "obituary")
    wait_until(lambda: not any(alive(pid) for pid in workers), "the old workers are gone")
    wait_until(lambda: d.pool_pid() not in (0, old), "another pool")
    d.wait_workers(3)
    equal(d.service()["generation"], 2, "generation of the service")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_pool_with_busy_workers_dies(t):
    """A connection in hand goes on to its own end; new ones are served by the new pool."""
    d = t.daemon(echo={"workers": 2, "graceful_timeout": "60s"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        old, worker = d.pool_pid(), d.worker_of(client)["pid"]
        send_signal(old, signal.SIGKILL)
        wait_until(lambda: d.pool_pid() not in (0, old), "another pool")
        with Client(d.port) as other:
            equal(other.ask(b"new"), b"new", "a new client")
        equal(client.ask(b"goes on"), b"goes on", "the connection in hand")
        check(alive(worker), "its worker lives")
    wait_until(lambda: not alive(worker), "its worker leaves after the connection")


def scenario_orphaned_worker_is_bounded_by_graceful_timeout(t):
    """The pool is dead and the connection does not end: it is cut at graceful_timeout."""
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "1s"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        worker = d.worker_of(client)["pid"]
        send_signal(d.pool_pid(), signal.SIGKILL)
        equal(client.recv(), b"", "end of file")
        wait_until(lambda: not alive(worker), "its worker is gone")
    equal(d.wait_log(msg="connection", peer=client.peer)["end"], "graceful_timeout", "log")


def scenario_pool_dies_with_connections_queued(t):
    d = t.daemon(echo={"workers": 1}).start()
    with Client(d.port) as holder:
        holder.ask(b"x")
        queued = [Client(d.port).send(b"%d" % i) for i in range(20)]
        wait_until(lambda: d.service()["queue"]["length"] == 20, "20 connections are queued")
        send_signal(d.pool_pid(), signal.SIGKILL)
        for i, client in enumerate(queued):
            equal(client.recv(), b"%d" % i, "a queued client")
            client.close()


def scenario_pool_killed_again_and_again(t):
    """Replaced, but no faster than the restart rate allows; the supervisor does not spin."""
    d = t.daemon(echo={"workers": 1}).start()
    for _ in range(8):
        old = wait_until(d.pool_pid, "a pool")
        send_signal(old, signal.SIGKILL)
        wait_until(lambda: d.pool_pid() not in (0, old), "another pool")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    wait_until(lambda: d.service()["state"] == "running", "running")


def scenario_pool_dies_by_other_signals(t):
    """A pool takes its signals as events: TERM, INT and QUIT make it drain and be replaced, others
    mean nothing to it."""
    d = t.daemon(echo={"workers": 1}).start()
    old = d.pool_pid()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
        send_signal(old, number)
    equal(d.pool_pid(), old, "the pool")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        old = wait_until(d.pool_pid, "a pool")
        send_signal(old, number)
        wait_until(lambda: d.pool_pid() not in (0, old), f"another pool after {number.name}")
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "echo")


# ---- death of the supervisor

def scenario_supervisor_killed_idle(t):
    """SIGKILL: pool and idle workers leave by themselves, and the port is free."""
    d = t.daemon(echo={"workers": 8}).start()
    pids = [d.pool_pid(), *d.worker_pids()]
    d.killed()
    wait_until(lambda: not any(alive(pid) for pid in pids), "all of them are gone", 5)
    check(refuses(d.port), "the port is free")
    t.kept |= {d.control, d.control + ".lock"}
    d.wait_log(msg="the supervisor is gone, leaving")


def scenario_supervisor_killed_busy(t):
    """A busy worker finishes its connection, accepts no other, and leaves."""
    d = t.daemon(echo={"workers": 2, "graceful_timeout": "60s"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        busy = d.worker_of(client)["pid"]
        others = d.worker_pids() - {busy}
        d.killed()
        wait_until(lambda: not any(alive(pid) for pid in others), "idle workers are gone")
        wait_until(lambda: refuses(d.port), "the port is free although a connection goes on")
        equal(client.ask(b"goes on"), b"goes on", "the connection in hand")
    wait_until(lambda: not alive(busy), "the busy one leaves after its connection")
    t.kept |= {d.control, d.control + ".lock"}


def scenario_supervisor_killed_and_a_connection_that_does_not_end(t):
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "1s"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        busy = d.worker_of(client)["pid"]
        d.killed()
        equal(client.recv(), b"", "cut at graceful_timeout")
        wait_until(lambda: not alive(busy), "its worker is gone")
    t.kept |= {d.control, d.control + ".lock"}


def scenario_new_daemon_after_the_supervisor_was_killed(t):
    """The port can be bound at once, beside an orphaned connection; the control socket and lock
    that the dead one left are no obstacle; a Unix listener's neither."""
    path = t.path("echo.sock")
    d = t.daemon(echo={"workers": 2, "graceful_timeout": "60s"})
    d.services["echo"]["listen"].append(f"unix://{path}")
    d.start()
    with Client(d.port) as client:
        client.ask(b"x")
        idle = d.worker_pids() - {d.worker_of(client)["pid"]}
        d.killed()
        wait_until(lambda: not any(alive(pid) for pid in idle), "idle workers are gone")
        check(os.path.lexists(d.control), "the control socket is left over")
        d.start()
        for where in (d.port, path):
            with Client(where) as other:
                equal(other.ask(b"new"), b"new", "the new daemon serves")
        equal(client.ask(b"old"), b"old", "the orphaned connection goes on")


def scenario_supervisor_killed_during_start(t):
    """Nothing outlives it, even before READY."""
    write(t.path("cause"), "wait")
    d = t.daemon(echo={"workers": 1}).launch(env=t.shim("unready", SHIM_UNREADY=t.path("cause")))
    d.wait_control()
    wait_until(lambda: d.service()["workers"]["starting"] == 1, "a worker starts")
    d.killed()
    os.unlink(t.path("cause"))
    wait_until(lambda: not [p for p in descendants(os.getpid()) if alive(p)], "all are gone")
    t.kept |= {d.control, d.control + ".lock"}
