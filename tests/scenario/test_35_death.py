# SPDX-License-Identifier: MIT
"""kill -9 of a worker, a pool, the supervisor in every phase of their lives: who goes on, what is
left over, whether a new start needs cleaning; and a crash, after which the pool gets another address
layout."""
import contextlib
import fcntl
import os
import signal
import socket
import stat
import struct

import plugins
from harness import *
from load import Load
from programs import sh
from test_113_warm import WAYS, service
from test_45_drain import (answer_of, check_cut, check_served, close_all, hold, pools, queue,
                           slow_reload, slow_reloads, stop_begins)

FRESH = "a worker of echo crashed: its pool is replaced, for another address layout"


def kill(pid):
    check(send_signal(pid, signal.SIGKILL), f"{pid} can be killed")
    wait_until(lambda: not alive(pid), f"{pid} is dead")


def none_left(t):
    """Every process that a dead supervisor had started is gone."""
    wait_until(lambda: not [p for p in descendants(os.getpid()) if alive(p)], "all are gone")


def go_on(clients, text=b"goes on"):
    for client in clients:
        equal(client.ask(text), text, "a connection in hand")


def stay_in_hand(clients):
    """Longer than kill_timeout is in these scenarios: nobody has told them to end."""
    stays(lambda: go_on(clients) is None, "connections in hand go on", 0.5)


LONG = {"graceful_timeout": "1h", "kill_timeout": "50ms"}


# ---- the supervisor dies: everything else leaves, and a new start needs no cleaning

def whole(t, **more):
    """A daemon, not started, with all that it could leave over: (daemon, its Unix address)."""
    path = t.path("echo.sock")
    d = t.daemon(echo={"workers": 3, "graceful_timeout": "1h"}, greet={"workers": 1},
                 top={"pid_file": t.path("the.pid")}, **more)
    d.services["echo"]["listen"].append(f"unix://{path}")
    return d, path


def slow_greet(t, d):
    """Workers of greet are not ready while that file is there."""
    return d.start(env=t.shim("unready", SHIM_UNREADY=t.path("cause"), SHIM_SERVICE="greet"))


def at_birth(t, d):
    """Some pools are ready, another one is not."""
    write(t.path("cause"), "wait")
    d.launch(env=t.shim("unready", SHIM_UNREADY=t.path("cause"), SHIM_SERVICE="greet"))
    d.wait_control()
    wait_until(lambda: d.service("greet")["workers"]["starting"] == 1, "a worker starts")
    return []


def while_it_serves(t, d):
    d.start()
    return hold(d.ports["echo"], 2)


def while_old_ones_drain(t, d):
    d.start()
    old = hold(d.ports["echo"], 1)
    d.change("echo", workers=2)
    d.reload()
    return old + hold(d.ports["echo"], 1)


def while_the_file_is_read(t, d):
    """By a child, which gets stuck."""
    d.start(env=t.shim("config_read", SHIM_READ=t.path("cause")))
    held = hold(d.ports["echo"], 1)
    write(t.path("cause"), "wait")
    before = set(descendants(d.pid))
    d.kill(signal.SIGHUP)
    wait_until(lambda: set(descendants(d.pid)) - before, "somebody reads")
    return held


def while_new_ones_start(t, d):
    slow_greet(t, d)
    held = hold(d.ports["echo"], 1)
    slow_reload(d, t.path("cause"), workers=2).close()
    wait_until(lambda: len(pools(d, "greet")) == 2, "the new pool of greet")
    return held


def in_the_last_call(t, d):
    d.start()
    held = hold(d.ports["echo"], 3)
    in_the_last_call.queued = queue(d, d.ports["echo"], 5, "echo")
    stop_begins(d)
    return held


def supervisor_dies(t, phase):
    """Idle processes leave at once, busy ones when they are done, and no port, path or file keeps
    another one from starting beside them."""
    d, path = whole(t)
    held = phase(t, d)
    left = {d.control, path, d.top["pid_file"]}
    if phase is in_the_last_call:
        left -= {path}
    d.killed()
    for name in left:
        check(os.path.lexists(name), f"{name} is left over")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(t.path("cause"))
    wait_until(lambda: refuses(d.ports["echo"]), "the port is free")
    go_on(held)
    if phase is in_the_last_call:
        check_cut(in_the_last_call.queued)
    d.services["echo"]["workers"] = 3
    d.start()
    for where in (d.ports["echo"], path):
        with Client(where) as client:
            equal(client.ask(b"new"), b"new", "the new daemon serves")
    with open(d.top["pid_file"]) as file:
        equal(file.read(), f"{d.pid}\n", "the pid file")
    go_on(held)
    close_all(held)
    d.stop()
    none_left(t)


def scenario_supervisor_dies_at_birth(t):
    supervisor_dies(t, at_birth)


def scenario_supervisor_dies_while_it_serves(t):
    supervisor_dies(t, while_it_serves)


def scenario_supervisor_dies_while_old_ones_drain(t):
    supervisor_dies(t, while_old_ones_drain)


def scenario_supervisor_dies_while_the_file_is_read(t):
    supervisor_dies(t, while_the_file_is_read)


def scenario_supervisor_dies_while_new_ones_start(t):
    supervisor_dies(t, while_new_ones_start)


def scenario_supervisor_dies_in_the_last_call(t):
    supervisor_dies(t, in_the_last_call)


def scenario_new_start_at_once_after_the_death(t):
    """Not a moment of waiting between: the new one tries until what is dying has let go."""
    d, path = whole(t)
    d.start()
    for _ in range(10):
        held = [*hold(d.ports["echo"], 1), *hold(path, 1)]
        d.process.kill()
        d.process.wait()
        d.launch()
        d.wait_running()
        go_on(held)
        close_all(held)
        with Client(path) as client:
            equal(client.ask(b"new"), b"new", "the new daemon serves")
    d.stop()
    none_left(t)


def lock(file):
    """As lib/lockfile.c does it."""
    fcntl.fcntl(file, fcntl.F_OFD_SETLK,
                struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))


def scenario_new_start_before_the_locks_are_free(t):
    """A child of the dead one that was forked in its last moment still has them."""
    d, path = whole(t)
    for name in (d.top["pid_file"], d.control + ".lock", path + ".lock"):
        with open(name, "w") as file:
            lock(file)
            d.launch()
            stays(lambda: d.process.poll() is None, f"it waits for {name}", 0.1)
        d.wait_running()
        d.stop()


def scenario_supervisor_and_pools_die_together(t):
    """As in a kill of everything with that name: the workers notice by themselves."""
    d, path = whole(t)
    d.start()
    held = hold(d.ports["echo"], 2)
    busy = {d.worker_of(client, "echo")["pid"] for client in held}
    idle = d.worker_pids() - busy
    victims = [d.pool_pid("echo"), d.pool_pid("greet")]
    d.kill(signal.SIGSTOP)  # so that it replaces none of them
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    d.killed()
    wait_until(lambda: not any(alive(pid) for pid in idle), "idle workers are gone")
    wait_until(lambda: refuses(d.ports["echo"]), "the port is free")
    go_on(held)
    close_all(held)
    none_left(t)
    d.start().stop()


def scenario_supervisor_of_programs_dies(t):
    """Cold, warm in every way, with templates: those without a client are gone, the others finish."""
    services = {way: service(["/bin/cat"], way, workers=2) for way in WAYS}
    services["cold"] = {"handler": {"type": "exec", "command": ["/bin/cat"]}, "workers": 2}
    d = t.daemon(**services).start()
    for way in services:
        d.wait_workers(2, way)
    held = [client for port in d.ports.values() for client in hold(port, 1)]
    busy = {d.worker_of(client)["pid"] for client in held}
    d.killed()
    for port in d.ports.values():
        wait_until(lambda: refuses(port), "the port is free")
    wait_until(lambda: {pid for pid in descendants(os.getpid()) if alive(pid) and
                        process_stat(pid)[0] == "cat"} == busy, "those without a client are gone")
    go_on(held)
    close_all(held)
    none_left(t)
    d.start().stop()


# ---- what is found at a path: stale, foreign, or in use

def scenario_stale_files_without_a_lock(t):
    """Sockets and a pid file of a crash long ago, or of another program that is gone: replaced,
    whatever the pid file says and whoever has that pid now."""
    d, path = whole(t)
    for name in (path, d.control):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(name)
    write(d.top["pid_file"], f"{os.getpid()}\n")
    write(d.control + ".lock", "left over")
    d.start()
    with Client(path) as client:
        equal(client.ask(b"x"), b"x", "it serves")
    d.stop()


def in_the_way(t):
    """Files at a path that are nobody's business: {kind: make(path)}."""
    def file(path):
        write(path, "precious")

    def link(path):
        write(t.path("target"), "precious")
        os.symlink(t.path("target"), path)

    def dead_link(path):
        os.symlink(t.path("nowhere"), path)
    return {"file": file, "folder": os.mkdir, "pipe": os.mkfifo, "link": link, "dead_link": dead_link}


def scenario_foreign_files_are_left_alone(t):
    """At the path of a Unix address or of the control socket: refused, with its name, and untouched."""
    for kind, make in in_the_way(t).items():
        for place in ("echo", "control"):
            path = t.path(f"{kind}.{place}")
            make(path)
            before = os.lstat(path)
            keys = {"listen": f"unix://{path}"} if place == "echo" else {}
            d = t.daemon(name=f"{kind}-{place}", echo={"workers": 1, **keys},
                         top={"control": path} if place == "control" else {})
            d.expect("exists and is not a socket").launch()
            d.wait_exit(EXIT_UNAVAILABLE)
            matches(f"^preforkd: .*{re.escape(path)} exists and is not a socket\n$", d.log_text(),
                    "reason")
            after = os.lstat(path)
            equal((stat.S_IFMT(after.st_mode), after.st_ino, after.st_mtime_ns),
                  (stat.S_IFMT(before.st_mode), before.st_ino, before.st_mtime_ns), "the file")
    with open(t.path("target")) as file:
        equal(file.read(), "precious", "the file behind the link")


def scenario_paths_of_the_living_are_refused(t):
    """Of another preforkd, known by its lock even where somebody has removed the socket; and of
    another program, which has no lock of ours."""
    d, path = whole(t)
    d.start()
    os.unlink(path)
    other = t.daemon(name="other", echo={"workers": 1, "listen": f"unix://{path}"})
    other.expect("is locked: another preforkd is running with it").launch()
    other.wait_exit(EXIT_UNAVAILABLE)
    check(not os.path.lexists(path), "the path is not taken over")
    foreign = t.path("foreign.sock")
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_UNIX, kind) as living:
            living.bind(foreign)
            if kind == socket.SOCK_STREAM:
                living.listen()
            inode = os.lstat(foreign).st_ino
            for name, keys, top in (("address", {"listen": f"unix://{foreign}"}, {}),
                                    ("control", {}, {"control": foreign})):
                another = t.daemon(name=f"{name}-{kind}", echo={"workers": 1, **keys}, top=top)
                another.expect("another program is serving").launch()
                another.wait_exit(EXIT_UNAVAILABLE)
            equal(os.lstat(foreign).st_ino, inode, "its socket")
        os.unlink(foreign)


# ---- a pool dies

def scenario_pool_dies_at_birth(t):
    """Before the daemon is ready: another one is tried, and the start succeeds."""
    write(t.path("cause"), "wait")
    d = t.daemon(echo={"workers": 1})
    d.launch(env=t.shim("unready", SHIM_UNREADY=t.path("cause")))
    d.wait_control()
    kill(wait_until(lambda: pools(d), "a pool is there")[0])
    os.unlink(t.path("cause"))
    d.wait_running()
    line, = d.log_lines(msg="pool died")
    matches("died before it was ready: next try in", line["next"], "obituary")
    go_on(hold(d.port, 1))


def scenario_old_pool_dies_while_it_drains(t):
    """Its connection goes on, nobody is started for it, and the present generation is not touched."""
    d = t.daemon(echo={"workers": 1, **LONG}).start()
    held = hold(d.port, 1)
    worker, old = d.worker_of(held[0])["pid"], d.pool_pid()
    d.change("echo", workers=2)
    d.reload()
    present = d.pool_pid()
    kill(old)
    equal(d.wait_log(msg="pool died", pool_pid=old)["next"], "none, it was leaving", "obituary")
    stay_in_hand(held)
    equal(pools(d), [present], "pools")
    close_all(held)
    wait_until(lambda: not alive(worker), "its worker leaves")
    equal(d.service()["state"], "running", "state")


def scenario_pool_dies_during_a_stop(t):
    """Connections in hand go on, and the daemon ends when they do."""
    d = t.daemon(echo={"workers": 3, **LONG}).start()
    held = hold(d.port, 2)
    pool = d.pool_pid()
    stop_begins(d)
    wait_until(lambda: refuses(d.port), "the port is free")
    kill(pool)
    equal(d.wait_log(msg="pool died")["next"], "none, preforkd is stopping", "obituary")
    stay_in_hand(held)
    check(d.process.poll() is None, "the daemon waits for them")
    close_all(held)
    d.wait_exit(0)


def scenario_pool_dies_in_the_last_call(t):
    """Nobody is left to serve the queue: it is closed at once; connections in hand go on."""
    d = t.daemon(echo={"workers": 2, **LONG}).start()
    held = hold(d.port, 2)
    queued = queue(d, d.port, 5)
    pool = d.pool_pid()
    stop_begins(d)
    kill(pool)
    check_cut(queued)
    stay_in_hand(held)
    close_all(held)
    d.wait_exit(0)


def scenario_all_pools_die_at_once(t):
    """Of every service, with connections in hand and in queues: none of them is lost."""
    d = t.daemon(echo={"workers": 1, **LONG},
                 upper={"workers": 1, **LONG}).start()
    held = [*hold(d.ports["echo"], 1), Client(d.ports["upper"])]
    equal(held[1].ask(b"x"), b"X", "upper")
    queued = queue(d, d.ports["echo"], 10, "echo")
    upper = queue(d, d.ports["upper"], 10, "upper")
    for pid in [d.pool_pid(name) for name in d.services]:
        kill(pid)
    check_served(queued)
    check_served(upper, upper=True)
    stay_in_hand(held[:1])
    equal(held[1].ask(b"x"), b"X", "upper")
    close_all(held)


# ---- a worker dies

def scenario_worker_dies_at_birth(t):
    """Before any is ready: the next try comes after a while, and the start succeeds."""
    write(t.path("cause"), "wait")
    d = t.daemon(echo={"workers": 2})
    d.launch(env=t.shim("unready", SHIM_UNREADY=t.path("cause")))
    d.wait_control()
    row, = wait_until(d.workers, "one is starting")
    equal(row["state"], "starting", "state")
    kill(row["pid"])
    d.wait_log(msg="worker died", worker_pid=row["pid"], signal="SIGKILL")
    os.unlink(t.path("cause"))
    d.wait_running()
    d.wait_workers(2)


def scenario_worker_dies_while_it_drains(t):
    """Its client alone loses his connection, and nobody takes its place."""
    d = t.daemon(echo={"workers": 2, "graceful_timeout": "1h"}).start()
    lost, held = hold(d.port, 2)
    old = d.pool_pid()
    victim = d.worker_of(lost)["pid"]
    d.change("echo", workers=1)
    d.reload()
    kill(victim)
    check_cut([lost])
    equal(d.wait_log(msg="worker died", worker_pid=victim)["next"], "none, the pool is stopping",
          "obituary")
    go_on([held])
    held.close()
    wait_until(lambda: not alive(old), "the old pool leaves")
    d.wait_workers(1)


def scenario_workers_die_during_a_reload(t):
    """Of the pool that serves: replaced at once. Of the one that is to come: tried again, and the
    reload is done all the same."""
    d, cause = slow_reloads(t)
    reload = slow_reload(d, cause, workers=3)
    rows = wait_until(lambda: d.workers("greet", state="starting"), "a worker starts")
    d.wait_log(msg="service ready", service="echo", generation=2)
    for pid in [*d.worker_pids("echo"), *(row["pid"] for row in rows)]:
        send_signal(pid, signal.SIGKILL)
    with Client(d.ports["echo"]) as client:
        equal(client.ask(b"x"), b"x", "a client meanwhile")
    os.unlink(cause)
    equal(answer_of(reload), {"ok": True}, "reload")
    d.wait_workers(3, "echo")
    d.wait_workers(1, "greet")


def scenario_worker_dies_during_a_stop(t):
    """Its client alone loses his connection, and the stop goes on."""
    d = t.daemon(echo={"workers": 3, "graceful_timeout": "1h"}).start()
    lost, held = hold(d.port, 2)
    victim = d.worker_of(lost)["pid"]
    stop_begins(d)
    wait_until(lambda: refuses(d.port), "the port is free")
    kill(victim)
    check_cut([lost])
    go_on([held])
    held.close()
    d.wait_exit(0)


# ---- a crash: the pool is replaced by one with another address layout

def layout(pid):
    """Where its program, libraries, heap and stack lie: {name: first address}."""
    found = {}
    with open(f"/proc/{pid}/maps") as file:
        for line in file:
            fields = line.split()
            if len(fields) == 6 and fields[5] not in ("[vvar]", "[vdso]", "[vsyscall]"):
                found.setdefault(os.path.basename(fields[5]), fields[0].split("-")[0])
    return found


def crashes(t):
    t.skip_sanitized("its runtime takes over SIGSEGV")
    with open("/proc/sys/kernel/randomize_va_space") as file:
        t.skip_where(file.read().strip() != "2", "this system does not randomise addresses")


def another_pool(d, old, name=None):
    return wait_until(lambda: (pid := d.pool_pid(name)) not in (0, old) and pid, "another pool")


def crash(d, client):
    """By the plugin, as a client with a crafted request could have it."""
    plugins.told(client, "status x")
    pid = d.worker_of(client)["pid"]
    client.send(b"crash\n")
    equal(d.wait_log(msg="worker died", worker_pid=pid)["signal"], "SIGSEGV", "obituary")
    client.close()


def scenario_crash_gets_a_fresh_layout(t):
    """All parts of the process lie elsewhere in the next pool and its workers, while workers of one
    pool lie alike; connections in hand go on; the old pool leaves when they end."""
    crashes(t)
    d = plugins.serve(t, workers=3, graceful_timeout="1h").start()
    old = d.pool_pid()
    before = layout(old)
    check({"[heap]", "[stack]", "preforkd-pool", "libc.so.6", "trouble.so"} <= set(before),
          f"all parts are seen: {before}")
    equal({pid: layout(pid)["libc.so.6"] for pid in d.worker_pids()},
          {pid: before["libc.so.6"] for pid in d.worker_pids()}, "workers of one pool")
    held = Client(d.port)
    plugins.told(held, "status x")
    crash(d, Client(d.port))
    new = another_pool(d, old)
    d.wait_log(msg=FRESH.replace("echo", "p"))
    rows = wait_until(lambda: len(rows := d.workers(generation=2, state="idle")) == 3 and rows,
                      "the workers of the new pool are ready")
    for pid in (new, *(row["pid"] for row in rows)):
        after = layout(pid)
        for part, address in before.items():
            check(after.get(part) != address, f"{part} lies elsewhere")
    plugins.told(held, "status goes on")
    check(alive(old), "the old pool is there while a connection is")
    with Client(d.port) as client:
        plugins.told(client, "status new")
    held.close()
    wait_until(lambda: not alive(old), "the old pool leaves")
    equal((d.service()["state"], d.service()["generation"]), ("running", 2), "state, generation")


def scenario_crash_cuts_connections_that_last(t):
    """In hand of the old pool they have graceful_timeout, as at a reload, so that it is gone then."""
    crashes(t)
    d = plugins.serve(t, workers=2, graceful_timeout="1s").start()
    old = d.pool_pid()
    with Client(d.port) as held:
        plugins.told(held, "status x")
        crash(d, Client(d.port))
        another_pool(d, old)
        plugins.told(held, "status goes on")
        equal(held.recv_all(), b"", "the end")
        equal(d.wait_log(msg="connection", peer=held.peer)["end"], "graceful_timeout", "log")
    wait_until(lambda: not alive(old), "the old pool leaves")


def scenario_many_crashes_are_one_replacement(t):
    """At most one every ten seconds; meanwhile every crash costs one worker, as ever."""
    crashes(t)
    d = plugins.serve(t, workers=2).start()
    first = d.pool_pid()
    crash(d, Client(d.port))
    second = another_pool(d, first)
    wait_until(lambda: not alive(first), "the old pool leaves")
    for _ in range(10):
        crash(d, Client(d.port))
    d.wait_workers(2)
    stays(lambda: d.pool_pid() == second, "the second pool serves", 1)
    equal(d.log_lines(msg="service changed state", to="degraded"), [], "degraded")
    third = another_pool(d, second)
    wait_until(lambda: not alive(second), "the old pool leaves")
    stays(lambda: d.pool_pid() == third, "the third pool serves", 1)
    equal(len(d.log_lines(msg="service ready")), 3, "pools")


def scenario_other_deaths_replace_no_pool(t):
    """kill -9, exits and programs of somebody else's, which have a layout of their own each time."""
    crashes(t)
    d = plugins.serve(t, workers=2, more={
        "cold": {"handler": {"type": "exec", "command": sh("kill -SEGV $$")}, "workers": 1},
        "echo": {"workers": 1, "fresh_after_crash": False}}).start()
    before = {name: d.pool_pid(name) for name in d.services}
    kill(d.workers("p")[0]["pid"])
    for what in ("exit", "_exit"):
        with Client(d.ports["p"]) as client, contextlib.suppress(ConnectionError):
            client.send(what.encode() + b"\n").recv_all()
    with Client(d.ports["cold"]) as client:
        equal(client.recv_all(), b"", "the program dies")
    d.wait_log(msg="connection", service="cold", signal="SIGSEGV")
    send_signal(d.workers("echo")[0]["pid"], signal.SIGSEGV)
    d.wait_log(msg="worker died", service="echo")
    stays(lambda: {name: d.pool_pid(name) for name in d.services} == before, "pools", 0.5)


def scenario_fresh_pool_that_cannot_start(t):
    """The old one serves on, and the next try comes after a while."""
    crashes(t)
    cause = t.path("cause")
    d = t.daemon(echo={"workers": 2, "restart_delay": "20ms", "restart_delay_max": "50ms",
                       "start_timeout": "1s"})
    d.start(env=t.shim("unready", SHIM_UNREADY=cause))
    old = d.pool_pid()
    held = hold(d.port, 1)
    write(cause, "signal 9")
    idle, = [row["pid"] for row in d.workers(state="idle")]
    send_signal(idle, signal.SIGSEGV)
    d.wait_log(msg="pool died", count=2)
    equal(d.pool_pid(), old, "the old pool")
    go_on(held)
    os.unlink(cause)
    another_pool(d, old)
    go_on(held)
    close_all(held)
    wait_until(lambda: d.service()["state"] == "running", "running")


def scenario_reload_stop_and_crash_at_once(t):
    """A pool that is being replaced for a crash is replaced by a reload; a stop ends all of them."""
    crashes(t)
    cause = t.path("cause")
    d = t.daemon(echo={"workers": 2}).start(env=t.shim("unready", SHIM_UNREADY=cause))
    old = d.pool_pid()
    write(cause, "wait")
    send_signal(d.workers()[0]["pid"], signal.SIGSEGV)
    d.wait_log(msg=FRESH)
    wait_until(lambda: len(pools(d)) == 2, "the fresh pool starts")
    d.change("echo", workers=3)
    d.write()
    reload = Client(d.control).send(b"reload\n")
    wait_until(lambda: len(pools(d)) == 3 and pools(d)[2], "the pool of the reload starts")
    os.unlink(cause)
    equal(answer_of(reload), {"ok": True}, "reload")
    wait_until(lambda: len(pools(d)) == 1 and old not in pools(d), "one pool is left")
    d.wait_workers(3)
    write(cause, "wait")
    send_signal(d.workers()[0]["pid"], signal.SIGSEGV)
    d.stop(signal.SIGINT)


@mark(alone=True)
def scenario_fresh_layout_under_load(t):
    """Nothing is lost but what the crashed workers held. (One may crash between accept and the note
    of its peer: its obituary has none.)"""
    crashes(t)
    d = t.daemon(echo={"workers": 4, "access_log": False}).start()
    load = Load(d.port)
    for count in range(1, 3):
        old = d.pool_pid()
        row = wait_until(lambda: d.workers(state="busy"), "a worker is busy")[0]
        send_signal(row["pid"], signal.SIGSEGV)
        another_pool(d, old)
        d.wait_log(msg="worker died", count=count)
    load.stop()
    obituaries = d.log_lines(msg="worker died")
    equal({line["signal"] for line in obituaries}, {"SIGSEGV"}, "deaths")
    peers = {line["peer"] for line in obituaries}
    nameless = sum(line["peer"] == "" for line in obituaries)
    unexplained = [loss for loss in load.lost if f"127.0.0.1:{loss[1]}" not in peers]
    check(len(unexplained) <= nameless, f"lost and in no obituary: {unexplained}, {nameless} nameless")
    check(load.served > 500, f"there was load: {load.served} served")
