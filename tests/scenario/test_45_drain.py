# SPDX-License-Identifier: MIT
"""Draining: a stop serves who is in the queue already and lets nobody else queue up; what a drain
costs, how long it lasts, and what becomes of commands that overlap."""
import contextlib
import errno
import json
import os
import select
import signal
import socket
import time

import plugins
from datagrams import Asker
from harness import *
from load import Load
from programs import installed, script
from test_113_warm import WAYS, service

LAST_CALL = "stopping, finishing the connections in hand"


def socket_for(where):
    """(unconnected socket, address) of a client of WHERE, see dial()."""
    if isinstance(where, str):
        name = "\0" + where[1:] if where.startswith("@") else where
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), name
    return socket.socket(), ("127.0.0.1", where)


def turned_away(where, seconds=0.3):
    """Who comes now gets no place in a queue: refused, or not answered."""
    client, address = socket_for(where)
    with client:
        client.setblocking(False)
        outcome = client.connect_ex(address)
        if outcome == errno.EINPROGRESS and select.select([], [client], [], seconds)[1]:
            outcome = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return outcome in (errno.EINPROGRESS, errno.EAGAIN, errno.ECONNREFUSED, errno.ENOENT)


def hold(where, count):
    """As many clients, each with a worker of its own."""
    clients = [Client(where) for _ in range(count)]
    for client in clients:
        client.ask(b"held")
    return clients


def queue(d, where, count, name=None):
    """As many clients who wait for a worker, their requests sent."""
    clients = [Client(where).send(b"queued %d" % i) for i in range(count)]
    if not isinstance(where, str):
        wait_until(lambda: d.service(name)["queue"]["length"] >= count, f"{count} are queued")
    return clients


def close_all(clients):
    for client in clients:
        client.close()


def check_served(clients, upper=False):
    """Each is answered and lets its worker go, one after the other."""
    for i, client in enumerate(clients):
        wanted = b"queued %d" % i
        equal(client.recv_exactly(len(wanted)), wanted.upper() if upper else wanted,
              "the answer to one who was in the queue")
        client.close()


def check_cut(clients):
    """None of them is answered."""
    for client in clients:
        with contextlib.suppress(ConnectionError):
            equal(client.recv(), b"", "the answer to one whom nobody serves any more")
        client.close()


def stop_begins(d, number=signal.SIGTERM):
    d.kill(number)
    d.wait_log(msg=LAST_CALL)
    d.status()  # answered when all is done that a stop begins with


def last_call(d, where, count=30, workers=2, name=None):
    """A daemon in its last call: every worker busy, COUNT clients behind. (holders, queued)"""
    d.wait_workers(workers, name)
    holders = hold(where, workers)
    queued = queue(d, where, count, name)
    stop_begins(d)
    return holders, queued


# ---- who is in the queue

def scenario_who_is_queued_is_served_at_a_stop(t):
    """By TERM, QUIT and the command; nobody is served who came later, and the end is 0."""
    for name, ask in (("term", lambda d: d.kill(signal.SIGTERM)),
                      ("quit", lambda d: d.kill(signal.SIGQUIT)),
                      ("command", lambda d: Client(d.control).send(b"stop\n"))):
        d = t.daemon(name=name, echo={"workers": 3}).start()
        holders = hold(d.port, 3)
        queued = queue(d, d.port, 40)
        ask(d)
        d.wait_log(msg=LAST_CALL)
        equal(d.status()["state"], "stopping", "state")
        check(turned_away(d.port), "who comes now does not queue up")
        equal(d.service()["queue"]["length"], 40, "those in the queue")
        equal(holders[0].ask(b"still"), b"still", "a connection in hand")
        close_all(holders)
        check_served(queued)
        d.wait_exit(0)
        equal(len(d.log_lines(msg="connection")), 43, "connections served")
        check(refuses(d.port), "the port is free")


def scenario_who_comes_during_the_last_call_is_refused_in_the_end(t):
    """Either at once, or his attempt is not answered, he tries again (tcp(7)), and finds nobody."""
    d = t.daemon(echo={"workers": 1}).start()
    holders, queued = last_call(d, d.port, 3, 1)
    client, address = socket_for(d.port)
    client.setblocking(False)
    check(client.connect_ex(address) != 0, "connect")
    close_all(holders)
    check_served(queued)
    d.wait_exit(0)
    wait_until(lambda: client.connect_ex(address) == errno.ECONNREFUSED, "he is refused")
    client.close()


def scenario_there_are_other_ways_than_a_filter(t):
    """Where socket filters are not permitted, or that nothing comes in from a network interface
    (numbers: SO_ATTACH_FILTER, SO_BINDTOIFINDEX), all who are in the queue are served all the same."""
    for name, refused in (("filter", "26"), ("both", "26 62")):
        d = t.daemon(name=name, echo={"workers": 2})
        d.start(env=t.shim("setsockopt_refused", SHIM_SETSOCKOPT=refused))
        holders, queued = last_call(d, d.port)
        check(turned_away(d.port), "who comes now does not queue up while others are waiting")
        close_all(holders)
        check_served(queued)
        d.wait_exit(0)
        check(refuses(d.port), "the port is free")


def scenario_drain_off_closes_at_once(t):
    """Who is in the queue is sent away at once; connections in hand go on all the same."""
    d = t.daemon(echo={"workers": 2, "drain": "off"}).start()
    holders, queued = last_call(d, d.port)
    check_cut(queued)
    check(refuses(d.port), "the port is free")
    for client in holders:
        equal(client.ask(b"in hand"), b"in hand", "a connection in hand")
    close_all(holders)
    d.wait_exit(0)
    equal(len(d.log_lines(msg="connection")), 2, "connections served")


def scenario_drain_changes_by_a_reload(t):
    """What counts is the configuration in force at the stop."""
    d = t.daemon(echo={"workers": 1, "drain": "off"}, upper={"workers": 1}).start()
    d.change("echo", drain="backlog")
    d.change("upper", drain="off")
    d.reload()
    holders = [hold(d.ports["echo"], 1)[0], Client(d.ports["upper"])]
    holders[1].ask(b"1")
    queued = queue(d, d.ports["echo"], 5, "echo")
    lost = queue(d, d.ports["upper"], 5, "upper")
    stop_begins(d)
    check_cut(lost)
    close_all(holders)
    check_served(queued)
    d.wait_exit(0)


# ---- every kind of socket

def unix_last_call(t, where, **keys):
    d = t.daemon(echo={"listen": f"unix:{'//' if where[0] == '/' else ''}{where}", "workers": 2})
    d.start()
    return d, *last_call(d, where)


def scenario_unix_queue_is_served(t):
    """The path goes first, so that nobody finds it any more; then who has found it is served."""
    path = t.path("echo.sock")
    d, holders, queued = unix_last_call(t, path)
    wait_until(lambda: not os.path.lexists(path), "the path is gone")
    check(turned_away(path), "who comes now is refused")
    other = t.daemon(name="other", echo={"listen": f"unix://{path}", "workers": 1})
    other.expect("another preforkd is running").launch()
    other.wait_exit(EXIT_UNAVAILABLE)
    close_all(holders)
    check_served(queued)
    d.wait_exit(0)
    check(not os.path.lexists(path), "no path is left")


def scenario_abstract_unix_queue_is_served(t):
    """It has no name that could be taken away: its queue takes nobody while it is not empty."""
    name = f"@preforkd-drain-{os.getpid()}-{t.port()}"
    d, holders, queued = unix_last_call(t, name)
    check(turned_away(name), "who comes now does not queue up while others are waiting")
    close_all(holders)
    check_served(queued)
    d.wait_exit(0)
    check(refuses(name), "the name is free")


def scenario_all_sockets_of_a_service_are_served(t):
    """One that is empty is closed with those that are not, and takes nobody meanwhile."""
    path, second = t.path("echo.sock"), t.port()
    d = t.daemon(echo={"workers": 2})
    d.services["echo"]["listen"] += [f"tcp://127.0.0.1:{second}", f"unix://{path}"]
    d.start()
    holders = hold(d.port, 2)
    queued = [Client(path).send(b"queued %d" % i) for i in range(10)]
    stop_begins(d)
    for where in (d.port, second, path):
        check(turned_away(where), f"who comes to {where} now does not queue up")
    close_all(holders)
    check_served(queued)
    d.wait_exit(0)


def scenario_services_end_each_for_itself(t):
    """A long queue of one does not keep the others open."""
    d = t.daemon(echo={"workers": 1}, upper={"workers": 1}, hello={"workers": 1}).start()
    holder, = hold(d.ports["echo"], 1)
    queued = queue(d, d.ports["echo"], 20, "echo")
    workers = d.worker_pids("upper") | d.worker_pids("hello")
    stop_begins(d)
    for name in ("upper", "hello"):
        wait_until(lambda: refuses(d.ports[name]), f"the port of {name} is free")
    wait_until(lambda: not any(alive(pid) for pid in workers), "their workers are gone")
    equal(d.service("echo")["queue"]["length"], 20, "those in the queue of echo")
    holder.close()
    check_served(queued)
    d.wait_exit(0)


# ---- every kind of handler

def scenario_programs_serve_their_queue(t):
    """Cold, and warm in every way: those who wait are served by programs that start meanwhile."""
    command = ["/bin/cat"]
    services = {way: service(command, way) for way in WAYS}
    services["cold"] = {"handler": {"type": "exec", "command": command}, "workers": 1}
    d = t.daemon(**services).start()
    for way in services:
        d.wait_workers(1, way)
    holders = {way: hold(port, 1) for way, port in d.ports.items()}
    queued = {way: queue(d, port, 5, way) for way, port in d.ports.items()}
    stop_begins(d)
    for way, port in d.ports.items():
        check(turned_away(port), f"{way}: who comes now does not queue up")
        close_all(holders[way])
        check_served(queued[way])
    d.wait_exit(0)


def scenario_programs_that_accept_serve_their_queue(t):
    """They are not told to stop before their queue is empty."""
    command = [installed(t, "python3"), script(t, "systemd_echo.py")]
    script(t, "echo.py")
    d = t.daemon(p={"handler": {"type": "listen", "command": command, "ready_after": 0},
                    "workers": 1}).start()
    holders, queued = last_call(d, d.port, 10, 1, "p")
    check(turned_away(d.port), "who comes now does not queue up")
    close_all(holders)
    check_served(queued)
    d.wait_exit(0)


def scenario_datagrams_in_the_buffer_are_answered(t):
    """Those that came before the stop, by a worker that had no time for them before."""
    port, path = t.port(), t.path("grams")
    d = t.daemon(echo={"listen": [f"tcp://127.0.0.1:{port}", f"udp://127.0.0.1:{port}",
                                  f"unixgram://{path}"], "workers": 1}).start()
    holder, = hold(port, 1)
    with Asker(t, port) as udp, Asker(t, path) as grams:
        for i in range(9):
            udp.send(b"%d" % i)
            grams.send(b"%d" % i)
        stop_begins(d)
        wait_until(lambda: not os.path.lexists(path), "the path is gone")
        udp.send(b"late")
        equal(holder.ask(b"in hand"), b"in hand", "the connection in hand")
        holder.close()
        for asker in (udp, grams):
            equal([asker.recv()[0] for _ in range(9)], [b"%d" % i for i in range(9)], "answers")
        d.wait_exit(0)
        check(not udp.has_answer(), "what came later is not answered")


# ---- how long it lasts

def scenario_graceful_timeout_bounds_the_last_call(t):
    """Not graceful_timeout for the queue and once more for the rest: one for both."""
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "2s", "kill_timeout": "1h"}).start()
    (holder,), queued = last_call(d, d.port, 5, 1)
    equal(holder.recv(), b"", "the connection in hand is cut")
    check_cut(queued)
    d.wait_exit(0)
    ends = {line["end"] for line in d.log_lines(msg="connection")}
    equal(ends, {"graceful_timeout"}, "how connections ended")


def scenario_last_call_ends_at_once(t):
    """By a second TERM, INT or stop --now."""
    for name, ask in (("term", lambda d: d.kill(signal.SIGTERM)),
                      ("int", lambda d: d.kill(signal.SIGINT)),
                      ("quit", lambda d: d.kill(signal.SIGQUIT)),
                      ("now", lambda d: d.result("stop --now"))):
        path = t.path(f"{name}.echo")
        d = t.daemon(name=name, echo={"workers": 1, "graceful_timeout": "1h"})
        d.services["echo"]["listen"].append(f"unix://{path}")
        d.start()
        holders = hold(d.port, 1)
        queued = [*queue(d, d.port, 5), Client(path).send(b"x")]
        stop_begins(d)
        ask(d)
        d.wait_exit(0)
        check_cut(holders)
        check_cut(queued)
        check(refuses(d.port), "the port is free")


def scenario_idle_workers_leave_at_once(t):
    """At a stop and at a reload alike; the busy ones finish."""
    d = t.daemon(echo={"workers": 4, "graceful_timeout": "1h"}).start()
    for change in (lambda: (d.change("echo", workers=3), d.reload()), lambda: stop_begins(d)):
        client, = hold(d.port, 1)
        busy = d.worker_of(client)["pid"]
        idle = {row["pid"] for row in d.workers() if row["state"] == "idle"}
        change()
        wait_until(lambda: not any(alive(pid) for pid in idle), "idle workers are gone")
        for _ in range(3):
            equal(client.ask(b"goes on"), b"goes on", "the connection in hand")
        check(alive(busy), "its worker lives")
        client.close()
        wait_until(lambda: not alive(busy), "its worker leaves")
    d.wait_exit(0)


def scenario_new_workers_serve_the_queue_when_one_dies(t):
    """A crash in the last call costs one connection; those in the queue get another worker."""
    d = t.daemon(echo={"workers": 1}).start()
    holders, queued = last_call(d, d.port, 5, 1)
    send_signal(d.worker_of(holders[0])["pid"], signal.SIGKILL)
    check_served(queued)
    d.wait_exit(0)
    check_cut(holders)


@mark(alone=True, limit=300)
def scenario_stops_under_load_break_no_connection(t):
    """Ten times: whoever got a connection gets his answers; all others are refused."""
    d = t.daemon(echo={"workers": 3, "access_log": False})
    for round in range(10):
        d.start()
        load = Load(d.port, processes=6, rounds=3)
        wait_until(lambda: d.service()["connections"]["accepted"] > 300, "load")
        d.stop()
        load.stop()
        equal([loss for loss in load.lost if loss[0] != "refused"], [],
              f"connections that broke, of {load.served}")


# ---- old generations

def pools(d, name="echo"):
    """pids of the pools of a service, the oldest first."""
    found = []
    for pid, about in process_table().items():
        if about[0] == "preforkd-pool" and about[2] == d.pid and about[1] not in "ZX":
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline") as file:
                words = file.read().split("\0")
                found += [(int(words[2]), pid)] if words[1:2] == [name] else []
    return [pid for _, pid in sorted(found)]


def ask_reload(d, workers):
    """Begin a reload that changes the service. The control client, which is answered at its end."""
    d.change("echo", workers=workers)
    d.write()
    return Client(d.control).send(b"reload\n")


def answer_of(client):
    with client:
        return json.loads(client.recv_all())


def scenario_at_most_two_old_generations(t):
    """With a connection in each: the third reload waits until the oldest one is gone, and says for
    whom; the pool before serves meanwhile."""
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "1h"}).start()
    held = []
    for generation in (1, 2):
        held += hold(d.port, 1)
        equal(answer_of(ask_reload(d, generation + 1)), {"ok": True}, "reload")
    held += hold(d.port, 1)
    oldest = pools(d)[0]
    for round in range(3):
        waiting = ask_reload(d, 6 + round)
        d.wait_log(msg=f"the reload waits for pool {oldest} of echo, an older one, which still "
                   "finishes what it has in hand")
        equal(len(pools(d)), 3, "pools: two old ones and the present one")
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "a new client")
        check(not waiting.readable(), "the reload waits")
        for client in held:
            equal(client.ask(b"goes on"), b"goes on", "a connection in hand")
        held.pop(0).close()
        equal(answer_of(waiting), {"ok": True}, "reload")
        equal(d.status()["generation"], 4 + round, "generation")
        held += hold(d.port, 1)
        oldest = pools(d)[0]
    close_all(held)
    wait_until(lambda: len(pools(d)) == 1, "the old ones leave")


@mark(limit=240)
def scenario_many_reloads_with_connections_that_stay(t):
    """Twenty in a row: graceful_timeout makes way for each; never more than three pools."""
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "500ms"}).start()
    held = []
    for round in range(20):
        held += hold(d.port, 1)
        answer = ask_reload(d, 1 + (round + 1) % 2)

        def done():
            check(len(pools(d)) <= 3, "no more than three pools")
            return answer.readable()
        wait_until(done, "the reload is done")
        equal(answer_of(answer), {"ok": True}, "reload")
    close_all(held)
    wait_until(lambda: len(pools(d)) == 1, "the old ones leave")


def scenario_stop_with_old_generations(t):
    """All of them finish what they have in hand, and the queue is served by the present one."""
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "1h"}).start()
    held = hold(d.port, 1)
    d.change("echo", handler="upper")
    d.reload()
    present = Client(d.port)
    equal(present.ask(b"x"), b"X", "the new generation")
    queued = queue(d, d.port, 5)
    stop_begins(d)
    equal(held[0].ask(b"old"), b"old", "the old generation")
    equal(present.ask(b"new"), b"NEW", "the new generation")
    present.close()
    check_served(queued, upper=True)
    wait_until(lambda: refuses(d.port), "the port is free")
    equal(held[0].ask(b"old"), b"old", "the old generation")
    close_all(held)
    d.wait_exit(0)


# ---- commands that overlap end in the state of the last one

def slow_reloads(t, **keys):
    """A daemon with echo, and greet, whose new workers are not ready while cause is there; so a
    reload that changes greet lasts until it goes. (daemon, path of cause)"""
    d = t.daemon(echo={"workers": 1, "max_workers": 16, **keys}, greet={"workers": 1})
    d.start(env=t.shim("unready", SHIM_UNREADY=t.path("cause"), SHIM_SERVICE="greet"))
    return d, t.path("cause")


def slow_reload(d, cause, round=1, **echo):
    """Begin one, and wait until it is under way. The control client."""
    write(cause, "wait")
    d.change("greet", idle_timeout=f"{60 + round}s")
    d.change("echo", **echo)
    d.write()
    client = Client(d.control).send(b"reload\n")
    d.wait_log(msg=f"reloading {d.file}", count=round)
    return client


def scenario_stop_while_a_program_starts(t):
    """Warm, it does not hear that it has to leave. It has nobody in hand, and so kill_timeout."""
    d = t.daemon(echo={"workers": 1}).expect("abandoned|did not leave in time").start()
    d.add("slow", handler={"type": "exec", "command": ["sleep", "3600"], "warm": "io"}, workers=2,
          start_timeout="1h", graceful_timeout="1h", kill_timeout="100ms")
    d.write()
    with Client(d.control) as client:
        client.send(b"reload\n")
        wait_until(lambda: [about for about in process_table().values()
                            if about[0] == "sleep" and about[2] in descendants(d.pid)], "it starts")
        d.stop()
        equal(answer_of(client)["error"], "preforkd is stopping", "reload")


def scenario_scale_during_a_reload_counts(t):
    """It came later, so it is what counts when the reload is done, though that brings a number, too."""
    d, cause = slow_reloads(t)
    reload = slow_reload(d, cause, workers=3)
    d.result("scale echo 5")
    os.unlink(cause)
    equal(answer_of(reload), {"ok": True}, "reload")
    d.wait_workers(5, "echo")
    stays(lambda: d.service("echo")["workers"]["total"] == 5, "five workers")


def scenario_reload_after_scale_counts(t):
    """Also where the number was changed while the reload before was under way."""
    d, cause = slow_reloads(t)
    first = slow_reload(d, cause, workers=3)
    d.result("scale echo 5")
    d.change("echo", workers=4)
    d.write()
    second = Client(d.control).send(b"reload\n")
    os.unlink(cause)
    for client in (first, second):
        equal(answer_of(client), {"ok": True}, "reload")
    d.wait_workers(4, "echo")
    stays(lambda: d.service("echo")["workers"]["total"] == 4, "four workers")


def scenario_restart_during_a_reload_counts(t):
    """Done after it, whatever became of it."""
    for name, fails in (("done", False), ("failed", True)):
        d = t.daemon(name=name, echo={"workers": 1}, greet={"workers": 1})
        cause = t.path(name)
        d.expect("reload failed, nothing changed")
        d.start(env=t.shim("unready", SHIM_UNREADY=cause, SHIM_SERVICE="greet"))
        old = d.pool_pid("echo")
        reload = slow_reload(d, cause)
        restart = Client(d.control).send(b"restart echo\n")
        if fails:
            send_signal(wait_until(lambda: pools(d, "greet")[1:], "its new pool")[0], signal.SIGKILL)
        else:
            os.unlink(cause)
        equal(answer_of(reload)["ok"], not fails, "reload")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(cause)
        equal(answer_of(restart), {"ok": True}, "restart")
        check(d.pool_pid("echo") not in (0, old), "another pool")


def scenario_stop_has_the_last_word(t):
    """Whatever is under way or asked for, before or after it: those who asked are told, and the
    daemon ends with 0."""
    d, cause = slow_reloads(t)
    d.expect("preforkd is stopping")
    holder, = hold(d.ports["echo"], 1)
    asked = [slow_reload(d, cause, workers=3)]
    d.result("scale echo 2")
    asked += [Client(d.control).send(b"restart echo\n"), Client(d.control).send(b"reload\n")]
    d.result("scale echo 3")
    stop = Client(d.control).send(b"stop\n")
    d.wait_log(msg=LAST_CALL)
    asked += [Client(d.control).send(b"restart\n"), Client(d.control).send(b"reload\n")]
    for client in asked:
        answer = answer_of(client)
        equal(answer["ok"], False, "answer")
        matches("stopping", answer["error"], "reason")
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN):
        d.kill(number)
    equal(holder.ask(b"goes on"), b"goes on", "the connection in hand")
    holder.close()
    os.unlink(cause)
    with stop, contextlib.suppress(ConnectionError):
        stop.recv_all()
    d.wait_exit(0)


@mark(limit=240)
def scenario_many_commands_at_once(t):
    """Asked without waiting for an answer, many times: each is answered, and the last file is in
    force, in new processes."""
    d = t.daemon(echo={"workers": 1, "max_workers": 16}, upper={"workers": 1}).start()
    for round in range(15):
        wanted = 1 + round % 5
        asked = [Client(d.control).send(b"reload\n"), Client(d.control).send(b"restart\n")]
        d.result("scale echo 7")
        d.kill(signal.SIGHUP)
        d.change("echo", workers=wanted, idle_timeout=f"{60 + round}s")
        d.write()
        before = d.pool_pid("upper")
        asked += [Client(d.control).send(b"reload\n"), Client(d.control).send(b"restart upper\n")]
        for client in asked:
            equal(answer_of(client), {"ok": True}, "answer")
        d.wait_workers(wanted, "echo")
        check(d.pool_pid("upper") not in (0, before), "another pool")
    for name in d.services:
        wait_until(lambda: len(pools(d, name)) == 1, "the old ones leave")
