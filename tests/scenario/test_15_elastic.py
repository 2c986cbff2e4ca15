# SPDX-License-Identifier: MIT
"""Elastic pools: they grow when clients come, shrink when these have gone, and lose none of them."""
import contextlib
import os
import re
import resource
import signal
import socket
import struct
import time

from harness import *
from load import Load
from test_45_drain import close_all, hold

# Nothing shrinks while a test looks at how it grows.
FOREVER = "1h"


def settle(d, count, service=None, busy=0):
    d.wait_workers(count, service, busy=busy, starting=0, draining=0)


def grown(d, low, high, service=None):
    """Until there are as many as that; the numbers."""
    def there():
        workers = d.service(service)["workers"]
        return workers if low <= workers["total"] <= high and not workers["starting"] else None
    return wait_until(there, f"{low} to {high} workers")


def scenario_starts_with_start_workers(t):
    d = t.daemon(echo={"start_workers": 7}, upper={"start_workers": 1}).start()
    settle(d, 7, "echo")
    settle(d, 5, "upper")  # min_spare
    stays(lambda: d.service("upper")["workers"]["total"] == 5, "nothing grows without clients")


def scenario_fresh_process_is_there_before_its_client(t):
    """max_connections_per_worker = 1: the next one is forked when a client is taken, not when its
    process has ended; a fixed pool keeps to its number instead."""
    d = t.daemon(echo={"start_workers": 2, "min_spare": 2, "max_workers": 20, "spare_idle_timeout": FOREVER,
                       "max_connections_per_worker": 1},
                 upper={"workers": 2, "max_connections_per_worker": 1}).start()
    settle(d, 2, "echo")
    with contextlib.ExitStack() as stack:
        used = []
        for number in range(1, 6):
            client = stack.enter_context(Client(d.ports["echo"]))
            client.ask(b"hello")
            used.append(d.worker_of(client, "echo")["pid"])
            settle(d, 2 + number, "echo", busy=number)
        equal(len(set(used)), 5, "processes of five clients")
        for _ in range(2):
            stack.enter_context(Client(d.ports["upper"])).send(b"hello")
        d.wait_workers(2, "upper", busy=2)
        stays(lambda: d.service("upper")["workers"]["total"] == 2, "a fixed pool forks none ahead")
    wait_until(lambda: not any(map(alive, used)), "each has ended with its client")
    wait_until(lambda: d.service("echo")["workers"]["total"] >= 2, "two are there for others")


def scenario_one_more_for_each_client(t):
    """min_spare workers are idle after every client that is served, and none is too many."""
    d = t.daemon(echo={"start_workers": 3, "min_spare": 3, "max_workers": 20,
                       "spare_idle_timeout": FOREVER}).start()
    clients = []
    for count in range(1, 9):
        clients += hold(d.port, 1)
        settle(d, 3 + count, busy=count)
    close_all(clients)
    settle(d, 11)
    stays(lambda: d.service()["workers"]["total"] == 11, "they stay for spare_idle_timeout")


def scenario_burst_and_back(t):
    """Many clients at once, all held: each is served; later the pool is as it was."""
    d = t.daemon(echo={"min_spare": 4, "max_spare": 6, "max_workers": 150,
                       "spare_idle_timeout": "500ms"}).start()
    settle(d, 5)
    for _ in range(2):
        clients = [Client(d.port).send(b"%d" % i) for i in range(100)]
        for i, client in enumerate(clients):
            equal(client.recv(), b"%d" % i, "the echo")
        grown(d, 104, 150)
        equal(d.service()["workers"]["busy"], 100, "clients, each with a worker of its own")
        close_all(clients)
        settle(d, 6)
    equal(d.service()["crashes"], 0, "crashes")
    equal(d.service()["connections"]["accepted"], 200, "connections")


def scenario_who_is_busy_stays(t):
    """Shrinking around clients: they go on, and their workers are counted."""
    d = t.daemon(echo={"min_spare": 2, "max_spare": 3, "max_workers": 60, "start_workers": 40,
                       "graceful_timeout": "100ms", "spare_idle_timeout": "400ms"}).start()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(d.port)) for _ in range(12)]
        for client in clients:
            client.ask(b"x")
        settle(d, 15, busy=12)
        stays(lambda: d.service()["workers"]["total"] == 15, "no worker comes or goes", 1.5)
        for client in clients:
            equal(client.ask(b"still there"), b"still there", "the echo")
    settle(d, 3)


def scenario_load_that_comes_back_finds_its_workers(t):
    """What counts is the moment at which the fewest were idle, not the moments between clients."""
    d = t.daemon(echo={"min_spare": 2, "max_spare": 3, "max_workers": 60,
                       "spare_idle_timeout": "1s", "access_log": False}).start()
    close_all(hold(d.port, 20))
    end = time.monotonic() + 3
    while time.monotonic() < end:
        close_all(hold(d.port, 20))
        time.sleep(0.15)  # nearly always all are idle
        check(d.service()["workers"]["total"] >= 20, "nobody is sent away")
    settle(d, 3)


def scenario_no_client_is_lost(t):
    """Under load that comes and goes, while the pool grows and shrinks all the time."""
    d = t.daemon(echo={"min_spare": 1, "max_spare": 1, "start_workers": 1, "max_workers": 40,
                       "spare_idle_timeout": "100ms", "access_log": False}).start()
    for processes in (12, 1, 20, 3):
        load = Load(d.port, processes=processes)
        time.sleep(0.7)  # longer than spare_idle_timeout
        load.stop()
        equal(load.lost, [], "lost connections")
        check(load.served > processes, f"there was load: {load.served} served")
    settle(d, 1)
    equal(d.service()["crashes"], 0, "crashes")


def scenario_max_workers_is_kept(t):
    """Who comes when all are busy waits, is told of in the log, and served when one is free."""
    d = t.daemon(echo={"min_spare": 2, "max_spare": 3, "max_workers": 6,
                       "spare_idle_timeout": "300ms"}).start()
    held = hold(d.port, 6)
    with Client(d.port).send(b"waits") as waiting:
        d.wait_log(level="warning",
                   msg="all 6 workers are busy, who comes now has to wait; raise max_workers")
        stays(lambda: d.service()["workers"]["total"] == 6 and not waiting.readable(),
              "no seventh worker")
        held.pop().close()
        equal(waiting.recv(), b"waits", "the echo")
    close_all(held)
    settle(d, 3)
    hold_again = hold(d.port, 6)
    settle(d, 6, busy=6)
    close_all(hold_again)
    settle(d, 3)


def scenario_worker_that_cannot_leave_is_killed(t):
    """It was stopped, and would be counted as leaving for ever."""
    d = t.daemon(echo={"min_spare": 2, "max_spare": 3, "start_workers": 12, "max_workers": 20,
                       "kill_timeout": "300ms", "spare_idle_timeout": "400ms"}).start()
    last = d.workers()[-1]["pid"]
    os.kill(last, signal.SIGSTOP)
    d.expect(f"worker {last} did not leave in time, killing it")
    settle(d, 3)
    wait_until(lambda: not alive(last), "it was killed")
    equal(d.service()["state"], "running", "state")


def scenario_reload_of_a_grown_pool(t):
    """The new pool begins with start_workers and has caught up before anybody is refused."""
    d = t.daemon(echo={"min_spare": 2, "max_spare": 4, "start_workers": 2, "max_workers": 60,
                       "access_log": False}).start()
    load = Load(d.port, processes=12)
    clients = hold(d.port, 25)
    grown(d, 27, 60)
    for _ in range(3):
        d.result("restart echo")
        accepted = d.service()["connections"]["accepted"]
        wait_until(lambda: d.service()["connections"]["accepted"] > accepted + 500, "it serves")
    load.stop()
    equal(load.lost, [], "lost connections")
    close_all(clients)
    equal(d.service()["crashes"], 0, "crashes")


def scenario_killed_workers_are_replaced(t):
    """Idle ones and busy ones: what is counted remains true."""
    d = t.daemon(echo={"min_spare": 5, "max_spare": 8, "max_workers": 50, "fresh_after_crash": False,
                       "spare_idle_timeout": FOREVER}).start()
    killed = 0
    for _ in range(4):
        clients = hold(d.port, 3)
        settle(d, 8, busy=3)
        for pid in d.worker_pids():
            killed += send_signal(pid, signal.SIGKILL)
        d.wait_log(msg="worker died", count=killed)
        for client in clients:
            check(client.ended(), "its worker is dead")
            client.close()
        settle(d, 5)
    clients = hold(d.port, 4)
    settle(d, 9, busy=4)
    close_all(clients)


def scenario_fork_refused_in_a_burst(t):
    """It serves with what there is, says so, and grows when it can again."""
    cause = t.path("cause")
    d = t.daemon(echo={"min_spare": 2, "max_spare": 40, "start_workers": 2, "max_workers": 40,
                       "spare_idle_timeout": FOREVER}).expect("cannot start a worker")
    d.start(env=t.shim("fork_refused", SHIM_FORK=cause, SHIM_PROGRAM="preforkd-pool"))
    write(cause, "")
    clients = [Client(d.port).send(b"%d" % i) for i in range(10)]
    wait_until(lambda: d.service()["state"] == "degraded", "the service is degraded")
    wait_until(lambda: d.service()["workers"]["busy"] == 2, "those that are there serve")
    before, end = cpu_seconds(d.pool_pid()), time.monotonic() + 1
    while time.monotonic() < end:
        Client(d.port).close()  # each wakes somebody
        time.sleep(0.01)
    check(cpu_seconds(d.pool_pid()) - before < 0.5, "the pool does not try without a pause")
    tries = len(d.log_lines(role="pool", level="warning"))
    check(1 <= tries <= 12, f"the tries are further and further apart: {tries}")
    os.unlink(cause)
    for i, client in enumerate(clients):
        equal(client.recv(), b"%d" % i, "the echo")
    wait_until(lambda: d.service()["state"] == "running", "the service is well")
    grown(d, 12, 22)
    close_all(clients)


def vanish(port, count, how):
    """As many clients that are gone before anybody can serve them."""
    for _ in range(count):
        with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as client:
            how(client)


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def scenario_clients_that_vanish(t):
    """By the thousand: each is counted in and out, costs one line of the access log, and the pool
    is back at what it was. Some say nothing and close, some reset, some close half and wait."""
    d = t.daemon(echo={"min_spare": 3, "max_spare": 5, "start_workers": 5, "max_workers": 60,
                       "spare_idle_timeout": "400ms"}).start()
    for how in (lambda client: None, reset, lambda client: client.shutdown(socket.SHUT_WR),
                lambda client: (client.sendall(b"x" * 1000), reset(client))):
        vanish(d.port, 700, how)
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "the echo of one who stays")
        grown(d, 3, 5)
        accepted = d.service()["connections"]["accepted"]
        lines = d.wait_log(count=accepted, msg="connection") and d.log_lines()
        check(len(lines) <= accepted + 20, f"{len(lines)} lines for {accepted} connections")
    clients = hold(d.port, 10)
    settle(d, 13, busy=10)  # as if nothing had been: min_spare are idle
    close_all(clients)
    settle(d, 5)
    equal(d.service()["crashes"], 0, "crashes")


def scenario_reload_from_fixed_to_elastic_and_back(t):
    d = t.daemon(echo={"workers": 3}).start()
    settle(d, 3)
    d.result("scale echo 4")
    with Client(d.port) as client:
        client.ask(b"x")
        del d.services["echo"]["workers"]
        d.change("echo", min_spare=2, max_spare=3, start_workers=2, spare_idle_timeout="300ms")
        d.reload()
        clients = hold(d.port, 5)
        wait_until(lambda: d.service()["workers"]["busy"] >= 5, "it grows")
        matches("no fixed number of workers; change min_spare, max_spare or max_workers",
                d.refused("scale echo 4"), "scale")
        d.kill(signal.SIGTTIN)
        close_all(clients)
        d.change("echo", workers=4)
        d.reload()
        equal(client.ask(b"still there"), b"still there", "a connection over both")
    settle(d, 4)
    stays(lambda: d.service()["workers"]["total"] == 4, "a fixed number")
    d.result("scale echo 5")
    settle(d, 5)


def scenario_reload_changes_the_limits(t):
    d = t.daemon(echo={"min_spare": 2, "max_spare": 3, "spare_idle_timeout": "300ms"}).start()
    settle(d, 3)
    d.change("echo", min_spare=12, max_spare=14)
    d.reload()
    settle(d, 12)


def scenario_stop_does_not_wait_for_idle_ones(t):
    """In the middle of growing and of shrinking."""
    d = t.daemon(echo={"min_spare": 4, "max_spare": 4, "start_workers": 60, "max_workers": 100,
                       "spare_idle_timeout": "200ms"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        wait_until(lambda: d.service()["workers"]["total"] < 60, "it shrinks")
        d.kill(signal.SIGTERM)
        equal(client.ask(b"still there"), b"still there", "a client over the stop")
    d.wait_exit(0)


def scenario_program_per_connection(t):
    """Each worker becomes a program and ends with its client: others are there before they are
    missed, started cold, warm, and as copies."""
    for name, warm in (("cold", {}), ("warm", {"warm": "start"}),
                       ("copy", {"warm": "start", "warm_fork": True})):
        handler = {"type": "exec", "command": ["/bin/cat"], **warm}
        d = t.daemon(name=name, echo={"handler": handler, "min_spare": 3, "max_spare": 5,
                                      "start_workers": 3, "max_workers": 40,
                                      "spare_idle_timeout": "400ms"}).start()
        clients = []
        for count in range(1, 6):
            clients += hold(d.port, 1)
            settle(d, 3 + count, busy=count)
        close_all(clients)
        for i in range(20):
            with Client(d.port) as client:
                equal(client.ask(b"%d" % i), b"%d" % i, "the echo")
        grown(d, 3, 5)
        d.stop()


def scenario_more_than_the_system_allows(t):
    """Said at the start; it serves as many as there can be, and the others in turn."""
    d = t.daemon(echo={"min_spare": 5, "max_spare": 300, "max_workers": 300,
                       "spare_idle_timeout": FOREVER}).expect("cannot start a worker")
    d.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
    said = d.wait_log(level="warning", role="pool")["msg"]
    matches(r"max_workers = 300, but there can only be \d+ workers with the open files", said, "it")
    clients = [Client(d.port).send(b"%d" % i) for i in range(200)]
    wait_until(lambda: d.service()["workers"]["busy"] >= int(re.search(r"be (\d+)", said)[1]),
               "it serves as many as there can be")
    for i, client in enumerate(clients):
        equal(client.recv(), b"%d" % i, "the echo")
        client.close()


def scenario_unix_socket(t):
    """Its queue is not told by the kernel: it grows all the same."""
    path = t.path("echo.socket")
    d = t.daemon(echo={"listen": [f"unix://{path}"], "min_spare": 2, "max_spare": 3,
                       "max_workers": 80, "spare_idle_timeout": "400ms"}).start()
    clients = [Client(path).send(b"%d" % i) for i in range(50)]
    for i, client in enumerate(clients):
        equal(client.recv(), b"%d" % i, "the echo")
    grown(d, 52, 80)
    close_all(clients)
    settle(d, 3)


def scenario_errors_are_told_by_line(t):
    for keys, pattern in (
            ({"min_spare": 6, "max_spare": 5}, r":\d+: min_spare is greater than max_spare"),
            ({"max_workers": 4, "start_workers": 5}, r":\d+: start_workers is greater than max_wo"),
            ({"max_workers": 4, "min_spare": 5}, r":\d+: min_spare is greater than max_workers"),
            ({"start_workers": 300}, r"which is 256; raise that, or lower this"),
            *(({key: value}, rf":\d+: {key} = {value} is out of range \(1 to 65536\)")
              for key in ("min_spare", "max_spare", "start_workers", "max_workers")
              for value in (0, -1, 65537)),
            ({"spare_idle_timeout": "1ms"}, r":\d+: spare_idle_timeout"),
            ({"spare_idle_timeout": "soon"}, r":\d+: spare_idle_timeout"),
            ({"spare_idle_timeot": "1s"}, r':\d+: unknown key .*"spare_idle_timeout"')):
        d = t.daemon(name="wrong", echo=keys)
        d.write()
        done = t.run("preforkd", "-t", "-c", d.file)
        equal(done.returncode, 78, f"exit code of -t with {keys}")
        matches(pattern, done.stdout + done.stderr, f"what -t says of {keys}")
        t.daemons.remove(d)
