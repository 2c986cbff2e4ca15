# SPDX-License-Identifier: MIT
"""Deadlines, and clients and a kernel that misbehave."""
import contextlib
import errno
import os
import resource
import signal
import socket
import subprocess
import time

from harness import *


# ---- deadlines

def ended_by(d, client):
    """Why the log says that this client's connection ended."""
    return d.wait_log(msg="connection", peer=client.peer)["end"]


def scenario_idle_timeout(t):
    """No byte moved: the client sees the end and nothing else; the log says why, even with
    access_log = false."""
    for access_log in (True, False):
        d = t.daemon(name=f"access_log_{access_log}".lower(),
                     echo={"workers": 1, "idle_timeout": "200ms", "access_log": access_log})
        d.start()
        with Client(d.port) as silent:
            equal(silent.recv(), b"", "a client that says nothing")
        equal(ended_by(d, silent), "idle_timeout", "reason in the log")
        with Client(d.port) as pausing:
            pausing.ask(b"some words")
            equal(pausing.recv(), b"", "a client that says nothing more")
        line = d.wait_log(msg="connection", peer=pausing.peer)
        equal((line["end"], line["bytes_in"], line["bytes_out"]), ("idle_timeout", "10", "10"),
              "log line")
        d.wait_workers(1)
        equal(d.log_lines(msg="worker died"), [], "the worker lives on")


def scenario_max_lifetime(t):
    """The whole connection, however busy it is."""
    d = t.daemon(echo={"workers": 1, "max_lifetime": "500ms", "access_log": False}).start()
    with Client(d.port) as client:
        def talk():
            try:
                client.send(b"x")
                return client.recv() == b""
            except ConnectionError:
                return True
        wait_until(talk, "the connection is ended although it is busy")
    equal(ended_by(d, client), "max_lifetime", "reason in the log")
    d.wait_workers(1)


def scenario_no_idle_timeout_while_bytes_move(t):
    """A byte now and then keeps a connection for much longer than idle_timeout."""
    d = t.daemon(echo={"workers": 1, "idle_timeout": "1s"}).start()
    with Client(d.port) as client:
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            equal(client.ask(b"x"), b"x", "echo")
            time.sleep(0.1)  # ten times shorter than the timeout
    equal(ended_by(d, client), "client closed", "reason in the log")


def scenario_no_deadlines(t):
    """0 = never."""
    d = t.daemon(echo={"workers": 1, "idle_timeout": 0, "max_lifetime": 0}).start()
    with Client(d.port) as client:
        stays(lambda: not client.ended(), "the connection goes on", 0.5)
        equal(client.ask(b"x"), b"x", "echo")


def scenario_slow_reader_is_not_idle(t):
    """A client that takes little, but takes it all the time, is served on, although the worker sits
    in one send for many times idle_timeout."""
    d = t.daemon(echo={"workers": 1, "idle_timeout": "300ms", "kill_timeout": "400ms"}).start()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", d.port))
        client.setblocking(False)
        sent = 0
        wait_until(lambda: d.workers()[0]["state"] == "busy", "it is served")
        full = time.monotonic() + 1
        while time.monotonic() < full:  # until nothing moves: the worker's send is stuck
            try:
                sent += client.send(b"x" * 65536)
                full = time.monotonic() + 0.1
            except BlockingIOError:
                time.sleep(0.01)
        client.setblocking(True)
        end, received = time.monotonic() + 3, 0
        while time.monotonic() < end:
            received += len(client.recv(20000))
            time.sleep(0.02)
        check(received > 0, "it read")
        equal(d.log_lines(msg="connection"), [], "ended connections")
        equal(d.service()["crashes"], 0, "crashes")
    d.wait_log(msg="connection")


def scenario_client_that_never_reads(t):
    """Its worker is stuck in send, not in recv: idle_timeout ends that, too."""
    d = t.daemon(echo={"workers": 1, "idle_timeout": "500ms"}).start()
    client = Client(d.port)
    client.socket.setblocking(False)
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            client.socket.send(b"x" * 65536)
        except BlockingIOError:
            if d.log_lines(msg="connection"):
                break
            time.sleep(0.02)
        except ConnectionError:
            break
    equal(ended_by(d, client), "idle_timeout", "reason in the log")
    equal(d.service()["crashes"], 0, "crashes")
    client.close()
    with Client(d.port) as other:
        equal(other.ask(b"x"), b"x", "the worker serves again")


def scenario_timeout_hits_only_its_connection(t):
    """One connection after the other at the edge of idle_timeout: no deadline of an old connection
    ends a new one on the same worker."""
    d = t.daemon(echo={"workers": 1, "idle_timeout": "100ms"}).start()
    for _ in range(8):
        with Client(d.port) as late:
            equal(late.recv(), b"", "the idle one is ended")
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "the next one is served")
    equal({line["end"] for line in d.log_lines(msg="connection")} <=
          {"idle_timeout", "client closed"}, True, "ends")


def scenario_handler_that_ignores_the_end_is_killed(t):
    """A stopped worker cannot end its connection: kill_timeout later it is killed and replaced."""
    d = t.daemon(echo={"workers": 1, "idle_timeout": "100ms", "kill_timeout": "100ms"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        pid = d.worker_of(client)["pid"]
        send_signal(pid, signal.SIGSTOP)
        wait_until(lambda: not alive(pid), "the worker is killed")
    matches(f"worker {pid} did not end its connection in time, killing it", d.log_text(), "log")
    d.wait_workers(1)
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "another worker serves")


# ---- the calls of one connection

def traced_calls(t, count, **service):
    """What COUNT short echo connections cost the workers of SERVICE: {system call: how often},
    without the accept4 of each that the tracer interrupts when it comes."""
    t.skip_sanitized("its runtime and strace do not go together")
    t.skip_where(t.run_command(["sh", "-c", "command -v strace"]).returncode,
                 "strace is not installed")
    d = t.daemon(echo={"idle_timeout": "60s", "max_lifetime": "1h", **service}).start()
    pids = d.worker_pids()
    trace, errors = t.path("trace.txt"), t.path("strace.err")
    with open(errors, "wb") as file:
        strace = t.spawn(["strace", "-f", "-c", "-qq", "-U", "calls,name", "-o", trace,
                          "-p", ",".join(map(str, pids))], stdout=subprocess.DEVNULL, stderr=file)
    def attached():
        if strace.poll() is not None:
            with open(errors) as file:
                raise Skip(f"strace may not attach here: {file.read().strip()}")
        return all(proc_status(pid)["TracerPid"].strip() != "0" for pid in pids)
    wait_until(attached, "strace is attached")
    for _ in range(count):
        with Client(d.port) as client:
            client.ask(b"sixteen bytes...")
    wait_until(lambda: d.service()["connections"]["accepted"] == count and
               d.service()["workers"]["idle"] == len(pids), "all are served")
    strace.send_signal(signal.SIGTERM)
    strace.wait()
    with open(trace) as file:
        rows = [line.split() for line in file]
    return {row[1]: int(row[0]) for row in rows if len(row) == 2 and row[0].isdigit()
            and row[1] not in ("total", "restart_syscall")}


def scenario_a_connection_costs_five_calls(t):
    """accept4, recvfrom, sendto, recvfrom, close; no call for deadlines, logs, options or peers."""
    count = 50
    calls = traced_calls(t, count, workers=1, access_log=False)
    # The accept4 before the first connection and the one behind the last may be counted, or not.
    check(count - 1 <= calls.pop("accept4", 0) <= count + 2, "accept4 per connection")
    equal(calls, {"recvfrom": 2 * count, "sendto": count, "close": count},
          f"calls of {count} connections")


def scenario_the_access_log_costs_one_call(t):
    """A line per connection is one write more, and nothing else: no clock, no lock, no reopening."""
    count = 50
    calls = traced_calls(t, count, workers=1, access_log=True)
    check(count - 1 <= calls.pop("accept4", 0) <= count + 2, "accept4 per connection")
    equal(calls, {"recvfrom": 2 * count, "sendto": count, "close": count, "write": count},
          f"calls of {count} connections")


def scenario_elasticity_costs_no_call(t):
    """While enough workers are idle, an elastic pool is told nothing."""
    count = 50
    workers = 8
    calls = traced_calls(t, count, start_workers=workers, min_spare=1, max_spare=workers,
                         access_log=False)
    check(count - workers <= calls.pop("accept4", 0) <= count + 2 * workers,
          "accept4 per connection")
    equal(calls, {"recvfrom": 2 * count, "sendto": count, "close": count},
          f"calls of {count} connections")


# ---- clients that misbehave

def scenario_reset_before_accept(t):
    """Connections that are gone before a worker comes to them cost nothing."""
    d = t.daemon(echo={"workers": 1}).start()
    with Client(d.port) as holder:
        holder.ask(b"x")
        for _ in range(30):
            Client(d.port).reset()
        for _ in range(30):
            Client(d.port).close()
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    equal(d.log_lines(msg="worker died"), [], "deaths")
    check({line["end"] for line in d.log_lines(msg="connection")} <= {"reset", "client closed"},
          "ends")


def scenario_reset_in_the_middle(t):
    """A client resets while the worker has megabytes to send: no death, no SIGPIPE."""
    d = t.daemon(echo={"workers": 2}, hello={"workers": 1}, greet={"workers": 1}).start()
    for _ in range(20):
        client = Client(d.ports["echo"])
        client.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                client.socket.send(b"x" * 65536)
        client.reset()
    for name, message in (("hello", b"GET / HTTP/1.1\r\n\r\n"), ("greet", b"hi")):
        for _ in range(10):
            Client(d.ports[name]).send(message).reset()
    for name in ("echo", "hello", "greet"):
        with Client(d.ports[name]) as client:
            check(client.send(b"hi").recv(), f"{name} serves")
    equal(d.log_lines(msg="worker died"), [], "deaths")


def scenario_hundreds_connect_and_vanish(t):
    d = t.daemon(echo={"workers": 4}, hello={"workers": 2}).start()
    pids = d.worker_pids()
    for number in range(300):
        for port in d.ports.values():
            client = Client(port)
            if number % 3 == 1:
                client.send(b"half a mes")
            client.reset() if number % 2 else client.close()
    for name, port in d.ports.items():
        with Client(port) as client:
            check(client.send(b"x").recv(), f"{name} serves")
    equal(d.worker_pids(), pids, "the same workers")


def scenario_urgent_data(t):
    """Out-of-band bytes are no reason for anything."""
    d = t.daemon(echo={"workers": 1}).start()
    with Client(d.port) as client:
        client.socket.send(b"!", socket.MSG_OOB)
        equal(client.ask(b"x"), b"x", "echo")


def scenario_unix_client_that_leaves(t):
    path = t.path("echo.sock")
    d = t.daemon(echo={"workers": 1, "listen": f"unix://{path}"}).start()
    for _ in range(50):
        client = Client(path)
        client.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                client.socket.send(b"x" * 65536)
        client.close()
    with Client(path) as client:
        equal(client.ask(b"x"), b"x", "echo")
    equal(d.log_lines(msg="worker died"), [], "deaths")


def scenario_more_queued_than_the_backlog_holds(t):
    """Clients beyond workers and backlog wait or fail on their own side; the daemon goes on."""
    d = t.daemon(echo={"workers": 1, "backlog": 2}).start()
    with Client(d.port) as holder:
        holder.ask(b"x")
        waiting = []
        for _ in range(8):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", d.port))
            waiting.append(client)
        wait_until(lambda: d.service()["queue"]["length"] >= 2, "the queue is full")
        for client in waiting:
            client.close()
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


# ---- a system that misbehaves

def limit_files(pid, number):
    """RLIMIT_NOFILE of a worker, set by a child that is the worker's user."""
    status = proc_status(pid)
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(*[int(g) for g in status["Gid"].split()[:3]])
                os.setresuid(*[int(u) for u in status["Uid"].split()[:3]])
            hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (number, hard))
            os._exit(0)
        finally:
            os._exit(1)
    equal(os.waitpid(child, 0)[1], 0, "prlimit")


def starve(d):
    """Leave the only worker without a descriptor. The call of accept that it waits in has reserved
    one already: that takes one client more."""
    (pid,) = d.worker_pids()
    wait_until(lambda: system_call(pid) not in (None, "running"), "it waits in accept")
    limit_files(pid, max(descriptors(pid)) + 1)
    with Client(d.port) as client:
        client.ask(b"x")
    d.wait_log(level="warning", msg="accept refused by the system, backing off",
               error="Too many open files")
    return pid


def scenario_no_descriptor_left(t):
    """EMFILE: the worker backs off instead of spinning, says so once, and recovers by itself."""
    d = t.daemon(echo={"workers": 1}).start()
    pid = starve(d)
    spent = cpu_seconds(pid)
    with Client(d.port) as client:
        client.send(b"patience")
        stays(lambda: not client.readable(), "the client waits", 1.5)
        check(cpu_seconds(pid) - spent < 0.5, "the worker does not spin")
        limit_files(pid, 100)
        equal(client.recv(), b"patience", "it is served afterwards")
    refusals = int(d.wait_log(msg="accept works again")["refusals"])
    check(refusals <= 60, f"{refusals} attempts")
    equal(len(d.log_lines(msg="accept refused by the system, backing off")), 1, "one line")
    equal(d.log_lines(msg="worker died"), [], "deaths")


def scenario_worker_leaves_while_it_backs_off(t):
    """A stop is obeyed at once by a worker that waits for descriptors."""
    d = t.daemon(echo={"workers": 1}).start()
    starve(d)
    with Client(d.port):
        d.stop()


def scenario_accept_fails_for_a_while(t):
    """Errors that pass: of this connection (the next is taken at once) and of the machine (back
    off). Each costs no worker and no queued connection."""
    passing = [errno.ECONNABORTED, errno.EPROTO, errno.EINTR, errno.ENETDOWN, errno.EHOSTUNREACH,
               errno.ENETUNREACH, errno.EPERM]
    starving = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]
    for name, errors in (("passing", passing), ("starving", starving),
                         ("mixed", passing[:2] + starving + passing[2:] + starving)):
        d = t.daemon(name=name, echo={"workers": 1})
        d.start(env=t.shim("accept_errno", SHIM_ACCEPT=" ".join(map(str, errors))))
        pids = d.worker_pids()
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", f"echo after {name} errors")
        equal(d.worker_pids(), pids, "the same worker")
        refused = d.log_lines(msg="accept refused by the system, backing off")
        if name == "passing":
            equal(refused, [], "lines about errors that pass")
        else:
            check(1 <= len(refused) <= 2, "one line per time of need")
            d.wait_log(msg="accept works again")


def scenario_accept_error_that_does_not_pass(t):
    """A socket that stays unusable (EINVAL: somebody who shares it shut it down) ends the worker
    with an error line. That is no crash to be repaired at once: the pool holds off, says so, and
    does not spin."""
    d = t.daemon(echo={"workers": 1}, log={"level": "debug"})
    d.expect("the listening socket is unusable")
    d.start(env=t.shim("accept_errno", SHIM_ACCEPT=f"{errno.EINVAL} " * 100))
    d.wait_log(level="error", msg="the listening socket is unusable: Invalid argument")
    wait_until(lambda: d.service()["state"] == "degraded", "the service is degraded")
    equal(d.service()["reason"], "the listening socket is unusable", "reason")
    stays(lambda: d.process.poll() is None, "the daemon goes on", 1)
    check(cpu_seconds(d.pool_pid()) < 3, "the pool does not spin")


def scenario_signals_to_a_worker_lose_nothing(t):
    """Signals that a handler or nobody takes (EINTR everywhere) do not change a byte."""
    d = t.daemon(echo={"workers": 1}).start()
    data = os.urandom(1 << 20)
    with Client(d.port) as client:
        client.ask(b"x")
        pid = d.worker_of(client)["pid"]
        child = os.fork()
        if child == 0:
            for _ in range(2000):
                os.kill(pid, signal.SIGURG)   # without a value: no cut of this connection
                os.kill(pid, signal.SIGCHLD)
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.0002)
            os._exit(0)
        try:
            for at in range(0, len(data), 16384):
                piece = data[at:at + 16384]
                equal(client.ask(piece) == piece, True, "echo under signals")
        finally:
            os.waitpid(child, 0)
    equal(d.log_lines(msg="worker died"), [], "deaths")
