# SPDX-License-Identifier: MIT
"""Reload, scaling and log files: everything about a running daemon that can change, and what must
not change by it."""
import contextlib
import json
import os
import re
import signal
import socket

from harness import *


# ---- what a reload replaces

def scenario_reload_without_change_keeps_everything(t):
    d = t.daemon(echo={"workers": 2}, upper={"workers": 1}).start()
    pools, workers = {s["name"]: s["pool_pid"] for s in d.status()["services"]}, d.worker_pids()
    equal(d.status()["generation"], 1, "generation")
    d.reload()
    equal({s["name"]: s["pool_pid"] for s in d.status()["services"]}, pools, "pools")
    equal(d.worker_pids(), workers, "workers")
    equal(d.status()["generation"], 2, "generation")
    line = d.wait_log(msg="reload done")
    equal([line[k] for k in ("added", "changed", "removed", "kept")], ["0", "0", "0", "2"], "log")


def scenario_reload_replaces_what_changed(t):
    """A changed service gets a new pool, an unchanged one keeps pool and workers."""
    d = t.daemon(echo={"workers": 2}, upper={"workers": 2}).start()
    echo, upper, kept = d.pool_pid("echo"), d.pool_pid("upper"), d.worker_pids("upper")
    d.change("echo", workers=5)
    d.reload()
    check(d.pool_pid("echo") not in (0, echo), "another pool for echo")
    equal(d.pool_pid("upper"), upper, "the pool of upper")
    d.wait_workers(5, "echo")
    equal(d.worker_pids("upper"), kept, "workers of upper")
    wait_until(lambda: not alive(echo), "the old pool leaves")
    line = d.wait_log(msg="reload done")
    equal([line[k] for k in ("added", "changed", "removed", "kept")], ["0", "1", "0", "1"], "log")


def scenario_hup_reloads(t):
    """SIGHUP does the same; its outcome is in the log."""
    d = t.daemon(echo={"workers": 1}).start()
    d.change("echo", workers=3)
    d.write()
    d.kill(signal.SIGHUP)
    d.wait_log(msg="reload done", changed="1")
    d.wait_workers(3)


def scenario_comments_and_order_are_no_change(t):
    d = t.daemon(echo={"workers": 1, "backlog": 64}, upper={"workers": 1}).start()
    pools = {d.pool_pid("echo"), d.pool_pid("upper")}
    text = d.config_text()
    with open(d.file, "w") as file:
        file.write("# a comment\n\n" + text.replace("workers = 1;", "workers = 1; # one"))
    d.result("reload")
    equal({d.pool_pid("echo"), d.pool_pid("upper")}, pools, "pools")


def scenario_reload_adds_and_removes_services(t):
    d = t.daemon(echo={"workers": 1}).start()
    d.add("upper", workers=1)
    d.reload()
    with Client(d.ports["upper"]) as client:
        equal(client.ask(b"abc"), b"ABC", "the added service")
    old = d.pool_pid("echo")
    del d.services["echo"]
    d.reload()
    wait_until(lambda: refuses(d.ports["echo"]), "the removed service's port is free")
    wait_until(lambda: not alive(old), "its pool is gone")
    wait_until(lambda: [s["name"] for s in d.status()["services"]] == ["upper"], "status")


def scenario_removed_service_finishes_its_connections(t):
    d = t.daemon(echo={"workers": 1}, upper={"workers": 1}).start()
    with Client(d.ports["echo"]) as client:
        client.ask(b"x")
        del d.services["echo"]
        d.reload()
        equal(client.ask(b"goes on"), b"goes on", "the connection in hand")
        states = {s["name"]: s["state"] for s in d.status()["services"]}
        equal(states, {"upper": "running", "echo": "draining"}, "states")
    wait_until(lambda: len(d.status()["services"]) == 1, "the removed service is gone")


def scenario_connection_in_hand_finishes_on_the_old_pool(t):
    """None is cut before graceful_timeout, new ones go to the new pool."""
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "60s"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        worker = d.worker_of(client)["pid"]
        d.change("echo", handler="upper")
        d.reload()
        with Client(d.port) as other:
            equal(other.ask(b"new"), b"NEW", "a new client meets the new configuration")
        equal(client.ask(b"old"), b"old", "the connection in hand keeps the old one")
        wait_until(lambda: d.worker_of(client)["state"] == "draining", "its worker is draining")
    wait_until(lambda: not alive(worker), "its worker leaves afterwards")


def scenario_old_connections_are_cut_at_graceful_timeout(t):
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "300ms"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        old = d.pool_pid()
        d.change("echo", workers=2)
        d.reload()
        equal(client.recv(), b"", "end of file")
    equal(d.wait_log(msg="connection", peer=client.peer)["end"], "graceful_timeout", "log")
    wait_until(lambda: not alive(old), "the old pool is gone")


def scenario_listener_stays_the_same(t):
    """The socket is never closed: the same inode over reloads, crashes of pools and of workers."""
    d = t.daemon(echo={"workers": 2}).start()
    inode, _ = tcp_listener(d.port)
    for workers in (3, 4, 2):
        d.change("echo", workers=workers)
        d.reload()
        equal(tcp_listener(d.port)[0], inode, "inode of the listening socket")
    old = d.pool_pid()
    send_signal(old, signal.SIGKILL)
    wait_until(lambda: d.pool_pid() not in (0, old), "another pool")
    equal(tcp_listener(d.port)[0], inode, "inode of the listening socket")


def scenario_service_can_be_renamed(t):
    """The address goes from one service to another."""
    d = t.daemon(echo={"workers": 1}).start()
    keys = d.services.pop("echo")
    d.services["parrot"] = keys
    d.reload()
    equal(d.service("parrot")["state"], "running", "state")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_connections_queued_over_a_reload(t):
    """Who waits in the queue while the pool is replaced is served by the new one."""
    d = t.daemon(echo={"workers": 1}).start()
    with Client(d.port) as holder:
        holder.ask(b"x")
        queued = [Client(d.port).send(b"%d" % i) for i in range(30)]
        d.change("echo", workers=2)
        d.reload()
        for i, client in enumerate(queued):
            wanted = b"%d" % i
            equal(client.recv_exactly(len(wanted)), wanted, "a queued client")
            client.close()


def scenario_backlog_changes(t):
    d = t.daemon(echo={"workers": 1, "backlog": 16}).start()
    inode = tcp_listener(d.port)[0]
    equal(d.service()["queue"]["limit"], 16, "limit")
    d.change("echo", backlog=64)
    d.reload()
    equal(d.service()["queue"]["limit"], 64, "limit after the reload")
    equal(tcp_listener(d.port)[0], inode, "the socket")


def scenario_addresses_change(t):
    """One more address, then the first one gone; both directions between one socket (blocking
    accept) and two (poll)."""
    d = t.daemon(echo={"workers": 2}).start()
    first, second = d.port, t.port()
    for ports in ((first, second), (second,), (first, second), (first,)):
        d.change("echo", listen=[f"tcp://127.0.0.1:{port}" for port in ports])
        d.reload()
        equal(d.service()["listen"], d.services["echo"]["listen"], "listen in the status")
        for port in (first, second):
            if port not in ports:
                wait_until(lambda: refuses(port), f"port {port} is free")
                continue
            for _ in range(6):
                with Client(port) as client:
                    equal(client.ask(b"x"), b"x", f"echo on {port}")


def scenario_new_second_address_is_served_by_every_worker(t):
    """From one address to two, with a client that comes while the reload is under way."""
    write(t.path("cause"), "wait")
    d = t.daemon(echo={"workers": 4}, greet={"workers": 1})
    d.launch(env=t.shim("unready", "accept_errno", SHIM_UNREADY=t.path("cause"),
                        SHIM_SERVICE="greet", SHIM_ACCEPT_DELAY="10"))
    os.unlink(t.path("cause"))
    d.wait_running()
    first, second = d.ports["echo"], t.port()
    stays(lambda: True, "a moment for each worker to reach accept")
    accept = system_call(d.workers("echo")[0]["pid"])
    d.change("echo", listen=[f"tcp://127.0.0.1:{first}", f"tcp://127.0.0.1:{second}"])
    d.change("greet", workers=2)
    d.write()
    write(t.path("cause"), "wait")
    d.kill(signal.SIGHUP)
    d.wait_log(msg="service ready", service="echo", generation="2")

    def all_block_in_accept():
        return {system_call(row["pid"]) for row in d.workers("echo", generation=2)} <= {accept}
    for _ in range(10):
        with Client(first) as client:
            equal(client.ask(b"x"), b"x", "echo while the reload is under way")
        with contextlib.suppress(Failure):
            wait_until(all_block_in_accept, "all of them wait for one address", 0.1)
            break
    os.unlink(t.path("cause"))
    d.wait_log(msg="reload done")
    with Client(second, limit=3) as client:
        equal(client.ask(b"x"), b"x", "echo on the new address")


def scenario_socket_mode_changes(t):
    path = t.path("echo.sock")
    d = t.daemon(echo={"workers": 1, "listen": f"unix://{path}", "socket_mode": "0600"}).start()
    d.change("echo", socket_mode="0666")
    d.reload()
    mode = os.stat(path).st_mode & 0o777
    equal(f"{mode:04o}", "0666", "mode after the reload")


# ---- what a reload refuses: nothing changes, and the reason is told

def unharmed(d, before, client):
    service = d.service("echo")
    equal((service["pool_pid"], service["state"], tcp_listener(d.ports["echo"])[0]), before,
          "pool, state and socket are those of before")
    equal(client.ask(b"in hand"), b"in hand", "the connection in hand")
    with Client(d.ports["echo"]) as other:
        equal(other.ask(b"new"), b"new", "a new connection")


def refused_reload(t, change, pattern, ctl=False, **start):
    """Start echo, CHANGE the configuration, see the reload refused for a reason like PATTERN and
    nothing changed by that; then a good reload works."""
    d = t.daemon(echo={"workers": 2})
    d.expect("reload failed, nothing changed").start(**start)
    service = d.service()
    before = service["pool_pid"], service["state"], tcp_listener(d.port)[0]
    good = {k: dict(v) for k, v in d.services.items()}
    with Client(d.ports["echo"]) as client:
        client.ask(b"x")
        change(d)
        for round in (1, 2):
            matches(pattern, d.reload_refused(), "reason")
            unharmed(d, before, client)
            for name, port in d.ports.items():
                wait_until(lambda: name == "echo" or refuses(port), f"the socket of {name} is closed")
        line = d.wait_log(msg="reload failed, nothing changed", level="error", count=2)
        matches(pattern, line["reason"], "reason in the log")
        equal(d.status()["generation"], 1, "generation")
        d.services = good
        d.change("echo", workers=3)
        d.reload()
        check(d.pool_pid("echo") != before[0], "a good reload afterwards works")
    wait_until(lambda: not alive(before[0]), "the old pool leaves")
    return d


def scenario_reload_refuses_an_invalid_file(t):
    """The reason names file and line; preforkctl prints it and returns 1."""
    d = refused_reload(t, lambda d: d.change("echo", wrokers=1),
                       r'preforkd.conf:\d+: unknown key "wrokers" \(did you mean "workers"')
    d.change("echo", wrokers=1)
    d.write()
    done = d.ctl("reload")
    equal(done.returncode, 1, "preforkctl reload")
    matches('unknown key "wrokers"', done.stdout + done.stderr, "preforkctl prints the reason")


def scenario_reload_refuses_every_error_at_once(t):
    def change(d):
        d.change("echo", wrokers=1, backlog=0)
    refused_reload(t, change, r"(?s)unknown key.*\n.*backlog")


def scenario_reload_refuses_a_taken_port(t):
    with socket.socket() as other:
        other.bind(("127.0.0.1", t.port()))
        other.listen()
        port = other.getsockname()[1]

        def change(d):
            d.change("echo", workers=7)
            d.add("upper", listen=f"tcp://127.0.0.1:{port}")
        d = refused_reload(t, change, rf"preforkd.conf:\d+: service upper: tcp://127.0.0.1:{port}: "
                           "cannot bind: Address already in use")
        equal([s["name"] for s in d.status()["services"]], ["echo"], "services")


def scenario_reload_refuses_what_never_becomes_ready(t):
    """An encoding that the system does not know shows only in the pool."""
    def change(d):
        d.change("echo", workers=7)
        d.add("greet", handler={"type": "greet", "encoding": "klingon"})
    d = refused_reload(t, change, 'service greet: .*does not know the encoding "klingon"')
    check(refuses(d.ports["greet"]), "its socket is closed again")


def scenario_reload_refuses_a_pool_that_is_not_ready_in_time(t):
    """Workers of the new pool die before they are ready: start_timeout ends the attempt."""
    cause = t.path("cause")

    def change(d):
        d.add("upper", start_timeout="500ms", restart_delay="20ms")
        with open(cause, "w") as file:
            file.write("exit 5")
    refused_reload(t, change, r"service upper: .*(start_timeout|before it was ready)",
                   env=t.shim("unready", SHIM_UNREADY=cause, SHIM_SERVICE="upper"))


def scenario_reload_that_cannot_fork_changes_nothing(t):
    """Several pools cannot be started: the reload is refused once, and the old ones serve on."""
    d = t.daemon(echo={"workers": 1}, upper={"workers": 1}).expect("reload failed, nothing changed")
    cause = t.path("cause")
    d.start(env=t.shim("fork_refused", SHIM_FORK=cause, SHIM_PROGRAM="preforkd"))
    pools = d.pool_pid("echo"), d.pool_pid("upper")
    for name in "echo", "upper":
        d.change(name, workers=2)
    write(cause, "1")  # for the child that reads the file
    matches("fork: Resource temporarily unavailable", d.reload_refused(), "reason")
    equal((d.pool_pid("echo"), d.pool_pid("upper")), pools, "pools")
    os.unlink(cause)
    d.reload()


def scenario_reload_refuses_to_move_the_control_socket(t):
    def change(d):
        d.top["control"] = t.path("elsewhere.sock")
        d.control, change.control = None, d.control
        d.write()
        d.control = change.control
        d.write = lambda: None
    d = t.daemon(echo={"workers": 1}).start()
    d.expect("reload failed, nothing changed")
    change(d)
    matches("control cannot change while preforkd runs", d.reload_refused(), "reason")
    check(not os.path.lexists(t.path("elsewhere.sock")), "no other control socket")


def scenario_reload_when_the_file_is_gone(t):
    d = t.daemon(echo={"workers": 1}).expect("reload failed, nothing changed").start()
    os.unlink(d.file)
    matches("No such file", d.refused("reload"), "reason")
    d.kill(signal.SIGHUP)
    d.wait_log(msg="reload failed, nothing changed", count=2)
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_signals_work_after_a_failed_reload(t):
    """A failed reload leaves no signal blocked: HUP and TERM are obeyed."""
    d = t.daemon(echo={"workers": 1}).expect("reload failed, nothing changed").start()
    d.change("echo", wrokers=1)
    d.reload_refused()
    del d.services["echo"]["wrokers"]
    d.write()
    d.kill(signal.SIGHUP)
    d.wait_log(msg="reload done")
    d.stop()


# ---- many reloads, and a reload at the wrong time

def scenario_concurrent_reloads_coalesce(t):
    """Eight at once: each is answered, and they cost two or three reloads, not eight."""
    d = t.daemon(echo={"workers": 2}).start()
    d.change("echo", workers=3)
    d.write()
    clients = [Client(d.control).send(b"reload\n") for _ in range(8)]
    for client in clients:
        equal(json.loads(client.recv_all()), {"ok": True}, "answer")
        client.close()
    check(2 <= d.status()["generation"] <= 9, "generation")
    d.wait_workers(3)
    equal(len([s for s in d.status()["services"]]), 1, "services")


def scenario_reloads_during_a_slow_reload_become_one(t):
    """While one is under way, any number of others is one more reload; each of them sees the file
    as it was when they asked."""
    d = t.daemon(echo={"workers": 1}, greet={"workers": 1})
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause, SHIM_SERVICE="greet"))
    write(cause, "wait")
    d.change("greet", workers=2)
    d.write()
    first = Client(d.control).send(b"reload\n")
    wait_until(lambda: d.log_lines(role="supervisor", msg=f"reloading {d.file}"), "it is under way")
    d.change("echo", workers=4)
    d.write()
    others = [Client(d.control).send(b"reload\n") for _ in range(6)]
    for _ in range(5):
        d.kill(signal.SIGHUP)
    equal(d.status()["generation"], 1, "still the old configuration")
    stays(lambda: not first.readable(), "the first waits for its pool")
    os.unlink(cause)
    for client in [first, *others]:
        equal(json.loads(client.recv_all()), {"ok": True}, "answer")
        client.close()
    d.wait_workers(4, "echo")
    check(d.status()["generation"] in (3, 4), f"generation {d.status()['generation']}")


def scenario_reload_during_the_start(t):
    """It is done when the start is."""
    write(t.path("cause"), "wait")
    d = t.daemon(echo={"workers": 1}).launch(env=t.shim("unready", SHIM_UNREADY=t.path("cause")))
    d.wait_control()
    wait_until(lambda: d.service()["workers"]["starting"] == 1, "a worker starts")
    d.change("echo", workers=3)
    d.write()
    with Client(d.control) as client:
        client.send(b"reload\n")
        stays(lambda: not client.readable(), "the reload waits")
        os.unlink(t.path("cause"))
        equal(json.loads(client.recv_all()), {"ok": True}, "answer")
    d.wait_workers(3)


def scenario_reload_while_stopping(t):
    """Refused with the reason; the stop goes on."""
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "60s"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        d.kill(signal.SIGTERM)
        wait_until(lambda: d.status()["state"] == "stopping", "stopping")
        matches("stopping", d.refused("reload"), "reason")
        d.kill(signal.SIGHUP)
        equal(client.ask(b"x"), b"x", "echo")
    d.wait_exit(0)


def scenario_stop_during_a_reload(t):
    """The reload is given up and its asker told; everything ends."""
    d = t.daemon(echo={"workers": 1}, greet={"workers": 1}).expect("preforkd is stopping")
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause, SHIM_SERVICE="greet"))
    write(cause, "wait")
    d.change("greet", workers=2)
    d.write()
    with Client(d.control) as client:
        client.send(b"reload\n")
        wait_until(lambda: d.log_lines(msg=f"reloading {d.file}"), "it is under way")
        d.kill(signal.SIGTERM)
        answer = json.loads(client.recv_all())
        equal(answer["ok"], False, "answer")
        matches("stopping", answer["error"], "reason")
    os.unlink(cause)
    d.wait_exit(0)


def coming_pool(d, present):
    """Its pid, when there is another pool than PRESENT."""
    return wait_until(lambda: [pid for pid, about in process_table().items()
                               if about[2] == d.pid and pid != present and
                               about[0] == "preforkd-pool"], "the new pool is there")[0]


def scenario_pool_dies_during_a_reload(t):
    """The serving pool is killed while the new one is being prepared. Its service does not wait for
    the outcome: the reload is refused, and another pool serves with the old configuration."""
    d = t.daemon(greet={"workers": 1}).expect("reload failed, nothing changed")
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause, SHIM_SERVICE="greet"))
    write(cause, "wait")
    d.change("greet", workers=2)
    d.write()
    with Client(d.control) as client:
        client.send(b"reload\n")
        present = d.pool_pid()
        coming_pool(d, present)
        send_signal(present, signal.SIGKILL)
        answer = json.loads(client.recv_all())
    equal(answer["ok"], False, "answer")
    matches("service greet: its pool was ended by SIGKILL", answer["error"], "reason")
    os.unlink(cause)
    wait_until(lambda: d.service()["state"] == "running", "the service is running")
    d.wait_workers(1)


def scenario_coming_pool_dies_during_a_reload(t):
    """The new pool is killed before it is ready: the reload is refused, the old one serves on."""
    d = t.daemon(greet={"workers": 1}).expect("reload failed, nothing changed")
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause, SHIM_SERVICE="greet"))
    old = d.pool_pid()
    write(cause, "wait")
    d.change("greet", workers=2)
    d.write()
    with Client(d.control) as client:
        client.send(b"reload\n")
        send_signal(coming_pool(d, old), signal.SIGKILL)
        answer = json.loads(client.recv_all())
        equal(answer["ok"], False, "answer")
        matches("SIGKILL before it was ready", answer["error"], "reason")
    os.unlink(cause)
    equal((d.pool_pid(), d.service()["state"]), (old, "running"), "the old pool")


def client_during_a_reload(t):
    """A daemon in the middle of a reload: the only worker of the serving pool is busy with HOLDER,
    the new pool of upper, which is echo now, is ready, the reload still waits for greet; and a
    client that has just come."""
    d = t.daemon(upper={"workers": 1, "graceful_timeout": "60s"}, greet={"workers": 1})
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause, SHIM_SERVICE="greet"))
    holder = Client(d.ports["upper"])
    holder.ask(b"x")
    write(cause, "wait")
    d.change("upper", handler="echo", workers=2)
    d.change("greet", workers=2)
    d.write()
    d.kill(signal.SIGHUP)
    d.wait_log(msg="service ready", service="upper", generation="2")
    client = Client(d.ports["upper"])
    client.send(b"whose answer?")
    return d, holder, client


def scenario_new_pools_serve_nobody_before_the_reload_is_done(t):
    """A refused reload has answered nobody: who came meanwhile is served by the old pool."""
    d, holder, client = client_during_a_reload(t)
    d.expect("reload failed, nothing changed")
    current = d.pool_pid("greet")
    (coming,) = [pid for pid, about in process_table().items() if about[2] == d.pid and
                 pid not in (current, d.pool_pid("upper")) and
                 open(f"/proc/{pid}/cmdline").read().split("\0")[1] == "greet"]
    send_signal(coming, signal.SIGKILL)
    os.unlink(t.path("cause"))
    d.wait_log(msg="reload failed, nothing changed")
    equal(holder.ask(b"goes on"), b"GOES ON", "the connection in hand")
    holder.close()
    equal(client.recv(1024), b"WHOSE ANSWER?", "the old pool's answer")
    client.close()


def scenario_new_pools_serve_as_soon_as_the_reload_is_done(t):
    d, holder, client = client_during_a_reload(t)
    os.unlink(t.path("cause"))
    d.wait_log(msg="reload done")
    equal(client.recv(1024), b"whose answer?", "the new pool's answer")
    equal(holder.ask(b"goes on"), b"GOES ON", "the connection in hand")
    client.close()
    holder.close()


def scenario_nothing_piles_up_over_reloads(t):
    """After fifty reloads the supervisor has the descriptors and children it had before."""
    d = t.daemon(echo={"workers": 1}, upper={"workers": 1}).start()
    before = sorted(re.sub(r"\d+", "", x) for x in descriptors(d.pid).values())
    for number in range(50):
        d.change("echo", workers=1 + number % 2, backlog=16 + number)
        d.reload()
    wait_until(lambda: len([p for p, a in process_table().items() if a[2] == d.pid]) == 2,
               "two pools")
    equal(sorted(re.sub(r"\d+", "", x) for x in descriptors(d.pid).values()), before,
          "descriptors of the supervisor")
    equal(d.status()["generation"], 51, "generation")


# ---- number of workers

def scenario_ttin_and_ttou(t):
    """One worker more or less in each fixed pool; never less than one."""
    d = t.daemon(echo={"workers": 2}, upper={"workers": 1}).start()
    d.kill(signal.SIGTTIN)
    d.wait_workers(3, "echo")
    d.wait_workers(2, "upper")
    for left in ((2, 1), (1, 1), (1, 1)):
        d.kill(signal.SIGTTOU)
        d.wait_workers(left[0], "echo")
        d.wait_workers(left[1], "upper")
    equal(d.log_lines(msg="worker died"), [], "workers that left as asked are no deaths")


def scenario_scale(t):
    d = t.daemon(echo={"workers": 2, "max_workers": 8}, upper={"start_workers": 1}).start()
    for request, count in (("5", 5), ("+2", 7), ("-4", 3), ("1", 1), ("8", 8)):
        d.result(f"scale echo {request}")
        d.wait_workers(count, "echo")
    for request, pattern in (("echo 9", "1 to 8"), ("echo 0", "1 to 8"), ("echo -8", "1 to 8"),
                             ("echo many", "number of workers as"), ("upper 3", "no fixed number"),
                             ("nobody 3", 'no service "nobody"'), ("echo", "number of arguments"),
                             ("echo 99999999999999999999", "number of workers as|1 to 8")):
        matches(pattern, d.refused(f"scale {request}"), f"scale {request}")
    equal(d.service("echo")["workers"]["total"], 8, "workers")


def scenario_scaling_down_finishes_connections(t):
    """Idle workers leave first; a busy one leaves after its connection."""
    d = t.daemon(echo={"workers": 3}).start()
    with Client(d.port) as one, Client(d.port) as two:
        one.ask(b"x"), two.ask(b"x")
        d.result("scale echo 1")
        equal(one.ask(b"one") + two.ask(b"two"), b"onetwo", "both connections go on")
    d.wait_workers(1)


def scenario_scale_survives_the_death_of_the_pool(t):
    """The number that was asked for counts, until a reload changes the service."""
    d = t.daemon(echo={"workers": 1}).start()
    d.result("scale echo 4")
    d.wait_workers(4)
    old = d.pool_pid()
    send_signal(old, signal.SIGKILL)
    wait_until(lambda: d.pool_pid() not in (0, old), "another pool")
    d.wait_workers(4)
    d.change("echo", workers=2)
    d.reload()
    d.wait_workers(2)


# ---- log file

def reopen(t, ask):
    """log.file was moved away: supervisor, pool and workers, idle and busy, write to the new file,
    and none of them is replaced for that."""
    file = t.path("the.log")
    d = t.daemon(echo={"workers": 2}, log={"file": file}).start()
    d.log_file = file
    workers = d.worker_pids()
    for round in (1, 2):
        with Client(d.port) as held:
            held.ask(b"x")
            os.rename(file, f"{file}.{round}")
            ask(d)
            d.wait_log(msg="log file reopened")
            with Client(d.port) as client:
                equal(client.ask(b"x"), b"x", "echo")
            d.wait_log(msg="connection", peer=client.peer)
            equal(held.ask(b"goes on"), b"goes on", "a connection that was in hand")
        d.wait_log(msg="connection", peer=held.peer)
        equal(d.worker_pids(), workers, "workers")
    send_signal(min(workers), signal.SIGKILL)
    d.wait_log(msg="worker died")
    with Client(d.port) as one, Client(d.port) as two:
        one.ask(b"x"), two.ask(b"x")
    for client in (one, two):
        d.wait_log(msg="connection", peer=client.peer)


def scenario_usr1_reopens_the_log(t):
    def ask(d):
        d.kill(signal.SIGUSR1)
        wait_until(lambda: all(descriptors(pid)[2] == d.log_file for pid in
                               [d.pid, d.pool_pid(), *d.worker_pids()]), "all have switched")
    reopen(t, ask)


def scenario_reopen_logs_command(t):
    """Answers when all of them have switched."""
    reopen(t, lambda d: d.result("reopen_logs"))


def scenario_reopen_without_a_file(t):
    d = t.daemon(echo={"workers": 1}).start()
    matches("standard error", d.refused("reopen_logs"), "reason")
    d.kill(signal.SIGUSR1)
    d.wait_log(level="warning", msg="the log goes to standard error: there is no log.file to reopen")


def scenario_reopen_into_a_folder_that_is_gone(t):
    """Refused with the reason, and the old file goes on."""
    os.mkdir(t.path("logs"))
    d = t.daemon(echo={"workers": 1}, log={"file": t.path("logs", "the.log")}).start()
    d.log_file = t.path("moved", "the.log")
    os.rename(t.path("logs"), t.path("moved"))
    matches("cannot open the log file", d.refused("reopen_logs"), "reason")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    d.wait_log(msg="connection", peer=client.peer)


def scenario_log_settings_change_by_reload(t):
    d = t.daemon(echo={"workers": 1}).start()
    old = d.pool_pid()
    d.log_options = {"file": t.path("other.log"), "format": "json", "level": "debug"}
    d.reload()
    d.log_file = t.path("other.log")
    d.wait_log(msg="pool left", pool_pid=old)  # a line of level debug; from here on none of the old
    with Client(d.port) as client:
        client.ask(b"x")
    d.wait_log(msg="connection", peer=client.peer, limit=3)


def scenario_who_connects_after_a_reload_is_served_by_the_new_pool(t):
    """Idle workers of the old one compete on accept until they have left; the answer waits."""
    d = t.daemon(s={"workers": 16, "handler": {"type": "exec", "command": ["/bin/echo", "0"]}})
    d.start()
    for number in range(1, 41):
        d.change("s", handler={"type": "exec", "command": ["/bin/echo", str(number)]})
        d.reload()
        with Client(d.ports["s"]) as client:
            equal(client.recv_all(), f"{number}\n".encode(), "the new program")


def scenario_restart_replaces_processes(t):
    """New processes although nothing changed, of one service or of all; a failure changes nothing."""
    program = t.path("version.sh")
    def release(number):
        with open(program, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\nread line\necho {number}\n")
        os.chmod(program, 0o755)
    release(1)
    d = t.daemon(echo={"workers": 2},
                 ver={"workers": 2, "handler": {"type": "exec", "command": [program],
                                                "warm": "io", "warm_fork": True}}).start()
    def answer():
        with Client(d.ports["ver"]) as client:
            return client.send(b"x\n").recv_exactly(2)
    equal(answer(), b"1\n", "the first version")
    release(2)
    before = {name: d.pool_pid(name) for name in ("echo", "ver")}
    equal(d.ctl("restart", "ver").returncode, EXIT_OK, "restart")
    equal(answer(), b"2\n", "the second version")
    equal(d.pool_pid("echo"), before["echo"], "the pool of the other service")
    equal(d.ctl("restart").returncode, EXIT_OK, "restart of all")
    check(d.pool_pid("echo") != before["echo"], "every service has a new pool")
    os.unlink(program)
    present = d.pool_pid("ver")
    done = d.ctl("restart", "ver")
    equal(done.returncode, 1, "restart of a program that is not there")
    matches("version.sh: No such file", done.stderr, "why")
    equal(d.pool_pid("ver"), present, "the pool that serves on")
    matches('no service "vre"', d.ctl("restart", "vre").stderr, "a service that is not there")
    d.expect("reload failed, nothing changed")
    d.expect("pool died")
