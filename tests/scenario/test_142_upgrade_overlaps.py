# SPDX-License-Identifier: MIT
"""What comes in the middle of an upgrade - a stop, a reload, another upgrade, a death -, and an upgrade
under a service manager and as process 1."""
import os
import signal

from harness import *
from programs import script, serve
from test_130_service_manager import as_process_1, begin, manager, stop_process_1
from upgrade import *


def slow(t, *services, own=False, **top):
    """A daemon whose pools, of the service named at most, get ready only when the file that is
    returned is gone; its programs may be replaced where they are its OWN."""
    cause = t.path("cause")
    more = {"SHIM_SERVICE": services[0]} if services else {}
    env = t.shim("unready", SHIM_UNREADY=cause, **more)
    if own:
        own_programs(t)
    return t.daemon(echo={"workers": 1}, upper={"workers": 1}, top=top), cause, env


def half_way(d, cause):
    """Ask for an upgrade; the new image runs, its pools are not ready yet."""
    write(cause, "wait")
    waiting = waits(d, "upgrade")
    d.wait_log(msg="upgrading")
    d.wait_log(msg=f"reloading {d.file}")
    return waiting


def pools(d):
    return {s["name"]: s["pool_pid"] for s in d.status()["services"]}


# ---- in the middle

def scenario_a_stop_in_the_middle_wins(t):
    """TERM finishes what is in hand, INT does not; who waits for the upgrade is told."""
    for number in (signal.SIGTERM, signal.SIGINT):
        cause = t.path(f"cause-{number}")
        d = t.daemon(f"stop-{number}", echo={"workers": 1})
        d.start(env=t.shim("unready", SHIM_UNREADY=cause))
        with Client(d.port) as client:
            client.ask(b"x")
            waiting = half_way(d, cause)
            d.kill(number)
            matches("stopping", answer(waiting)["error"], "the answer")
            if number == signal.SIGTERM:
                equal(client.ask(b"y"), b"y", "the connection in hand")
            os.unlink(cause)
        d.wait_exit(0)


def scenario_signals_that_are_pending_at_the_execution_are_heard_afterwards(t):
    """They kill nobody: TERM that comes between the yes and the new image stops that."""
    for _ in range(5):
        d = t.daemon(f"d{_}", echo={"workers": 1}).start()
        waiting = waits(d, "upgrade")
        d.wait_log(msg="upgrading")
        d.kill(signal.SIGTERM)
        answer(waiting)
        d.wait_exit(0)


def scenario_a_reload_in_the_middle_comes_after_it(t):
    """With the file as it is then."""
    d, cause, env = slow(t)
    d.start(env=env)
    upgrading = half_way(d, cause)
    d.change("echo", workers=3)
    d.write()
    reloading = waits(d, "reload")
    stays(lambda: not reloading.readable() and not upgrading.readable(), "both wait")
    os.unlink(cause)
    check(answer(upgrading)["ok"], "the upgrade")
    check(answer(reloading)["ok"], "the reload")
    d.wait_workers(3, "echo")


def scenario_another_upgrade_in_the_middle_comes_after_it(t):
    """The file may be a newer one: who asked last gets what was there last."""
    d, cause, env = slow(t, own=True)
    d.start(env=env)
    old = d.status()["version"]
    first = half_way(d, cause)
    install_next(t)
    second = [waits(d, "upgrade") for _ in range(3)]
    d.kill(signal.SIGUSR2)
    stays(lambda: not first.readable() and not second[0].readable(), "all wait")
    os.unlink(cause)
    equal(answer(first)["result"], {"from": old, "to": old}, "the first answer")
    for client in second:
        equal(answer(client)["result"], {"from": old, "to": old + "-next"}, "the others")
    equal(len(d.log_lines(msg="upgrade done")), 2, "upgrades")


def scenario_a_refused_second_upgrade_changes_nothing(t):
    """In the middle of the first one: that one is done, the second is refused."""
    d, cause, env = slow(t, own=True)
    d.expect("upgrade failed, nothing changed").start(env=env)
    first = half_way(d, cause)
    install_bytes(t, b"junk")
    second = waits(d, "upgrade")
    os.unlink(cause)
    check(answer(first)["ok"], "the first")
    matches("cannot execute", answer(second)["error"], "the second")
    equal(d.status()["state"], "running", "state")


def scenario_pools_that_die_in_the_middle(t):
    """A new one: the upgrade comes to nothing, the old ones serve. An old one: likewise, and it is
    replaced."""
    d, cause, env = slow(t, "upper")
    d.change("upper", start_timeout="2s")
    d.expect("reload failed|serve on below it|pool died|degraded").start(env=env)
    before = pools(d)
    waiting = half_way(d, cause)
    coming = d.wait_log(msg="service ready", service="echo", count=2)["pool_pid"]
    send_signal(int(coming), signal.SIGKILL)
    matches("serve on below it.*SIGKILL", answer(waiting)["error"], "the answer")
    equal(pools(d), before, "pools")
    os.unlink(cause)
    upgrade(d)
    waiting = half_way(d, cause)
    send_signal(d.pool_pid("echo"), signal.SIGKILL)
    matches("serve on below it", answer(waiting)["error"], "the answer")
    os.unlink(cause)
    d.wait_running()
    for name, wanted in (("echo", b"a"), ("upper", b"A")):
        with Client(d.ports[name]) as client:
            equal(client.ask(b"a"), wanted, name)


def scenario_the_supervisor_dies_in_the_middle(t):
    """All pools leave, the old and the new ones; a start needs no cleaning."""
    d, cause, env = slow(t, pid_file=t.path("the.pid"))
    d.start(env=env)
    half_way(d, cause)
    family = [pid for pid in descendants(d.pid) if pid != d.pid]
    d.killed()
    os.unlink(cause)
    wait_until(lambda: not any(alive(pid) for pid in family), "all are gone")
    again = t.daemon("again", top={"control": d.control, "pid_file": t.path("the.pid")},
                     echo={"workers": 1})
    again.start()


def scenario_an_execution_that_fails_after_all(t):
    """It said yes, and cannot be executed then: all is as before, and another try works."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}).expect("upgrade failed, nothing changed").start()
    before, count = pools(d), descriptor_count(d)
    for _ in range(2):
        install_newcomer(t, f"wait {t.shared}/preforkd")
        waiting = waits(d, "upgrade")
        d.wait_log(msg=f"checking {t.program('preforkd')} for an upgrade", count=_ + 1)
        wait_until(lambda: newcomers(d), "it is being asked")
        os.chmod(t.program("preforkd"), 0o644)
        write(t.path("go"), "")
        matches("cannot execute the new binary: Permission denied", answer(waiting)["error"],
                "the answer")
        os.remove(t.path("go"))
        equal(pools(d), before, "pools")
        equal(descriptor_count(d), count, "descriptors")
        for fd in descriptors(d.pid):
            check(fd < 3 or close_on_exec(d.pid, fd), f"{fd} would stay open")
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "echo")
    install(t, os.path.join(t.shared, "preforkd"))
    upgrade(d)


def newcomers(d):
    """Processes that are being asked and have got so far that they wait for the file "go"."""
    return [pid for pid, about in process_table().items() if about[2] == d.pid and
            os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "preforkd"]


def scenario_clients_that_wait_for_something_else(t):
    """Logs that are reopened are waited for on the other side."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}, log={"file": t.path("the.log")}).start()
    for _ in range(10):
        for client in [waits(d, what) for what in ("upgrade", "reopen-logs", "status")]:
            check(answer(client)["ok"], "the answer")


def scenario_a_dry_run_in_the_middle_is_to_be_asked_again(t):
    """The process that reads for it is not waited for, and is gone afterwards."""
    fault = t.path("fault")
    env = t.shim("config_read", SHIM_READ=fault)
    own_programs(t)
    d = t.daemon(echo={"workers": 1}).start(env=env)
    install_newcomer(t, f"wait {t.shared}/preforkd")
    upgrading = waits(d, "upgrade")
    d.wait_log(msg=f"checking {t.program('preforkd')} for an upgrade")
    write(fault, "wait")
    planning = [waits(d, "reload --dry-run") for _ in range(2)]
    stays(lambda: not planning[0].readable(), "it is not read")
    write(t.path("go"), "")
    for client in planning:
        matches("being upgraded: ask again", answer(client)["error"], "the answer")
    os.unlink(fault)
    check(answer(upgrading)["ok"], "the upgrade")
    d.result("reload --dry-run")
    wait_settled(d)


def scenario_held_off_pools_stay_held_off(t):
    """A service that cannot start its pool is tried no sooner for an upgrade that comes to
    nothing."""
    d, cause, env = slow(t, "upper")
    d.change("upper", start_timeout="300ms", restart_delay="60s", restart_delay_max="60s")
    d.expect("degraded|died|reload failed|serve on below it|not ready").start(env=env)
    write(cause, "exit 3")
    send_signal(d.pool_pid("upper"), signal.SIGKILL)
    d.wait_log(service="upper", msg="pool died", count=2)
    d.change("echo", listen=[f"tcp://127.0.0.1:{d.ports['echo']}", f"unix://{t.folder}/no/such/folder"])
    d.write()
    matches("serve on below it", d.refused("upgrade"), "the answer")
    equal(d.service("upper")["state"], "degraded", "state")
    matches("status 3", d.service("upper")["reason"], "why")
    stays(lambda: len(d.log_lines(service="upper", msg="pool died")) == 2, "no try", 1.5)
    with Client(d.ports["echo"]) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_connections_of_several_generations(t):
    """Pools that leave are adopted, too, time and again; a third generation waits for the oldest, whose
    deadline goes on; the stop waits for all."""
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "1h"}).start()
    oldest, held = d.pool_pid(), []
    for generation in (1, 2):
        held.append(Client(d.port))
        held[-1].ask(b"x")
        d.result("upgrade")
    third = waits(d, "upgrade")
    d.wait_log(msg=f"the reload waits for pool {oldest} of echo, an older one, which still finishes "
               "what it has in hand")
    for client in held:
        equal(client.ask(b"y"), b"y", "a connection of before")
    held[0].close()
    check(answer(third)["ok"], "the third")
    equal(held[1].ask(b"z"), b"z", "the second connection")
    d.kill(signal.SIGTERM)
    d.wait_log(msg="stopping, finishing the connections in hand")
    equal(held[1].ask(b"z"), b"z", "it is finished")
    held[1].close()
    d.wait_exit(0)


# ---- who looks after us

def scenario_a_service_manager(t):
    """It hears of a reload, by a path and by an abstract name, from the same pid; and its watchdog is
    fed."""
    for where in (t.path("notify"), f"@{t.name}-{os.getpid()}"):
        m = type(manager(t, "unused"))(t, where) if where[0] == "@" else manager(t)
        d = begin(t, m, t.daemon(f"d{len(where)}", echo={"workers": 1}), WATCHDOG_USEC="200000")
        for _ in range(2):
            m.forget()
            upgrade(d)
            m.wait("READY", "1")
            equal(m.order(), ["RELOADING", "READY"], "order")
            equal(m.heard("READY")[0]["MAINPID"], str(d.pid), "MAINPID")
            m.forget()
            m.wait("WATCHDOG", "1", 3)
            equal({message["from"] for message in m.read()}, {d.pid}, "who speaks")
        d.stop()
        m.wait("STOPPING", "1")


def scenario_a_service_manager_and_a_binary_that_is_refused(t):
    """It hears nothing: nothing has changed. Where the pools are refused it hears that."""
    own_programs(t)
    m = manager(t)
    d = t.daemon(echo={"workers": 1})
    begin(t, m, d.expect("upgrade failed|reload failed|serve on below it"))
    install_bytes(t, b"junk")
    d.refused("upgrade")
    d.wait_control()
    equal(m.order(), [], "order")
    install(t, os.path.join(t.shared, "preforkd"))
    d.change("echo", listen=[f"tcp://127.0.0.1:{d.port}", f"unix://{t.folder}/no/such/folder"])
    d.write()
    d.refused("upgrade")
    m.wait("READY", "1")
    equal(m.order(), ["RELOADING", "READY"], "order")
    m.wait("STATUS", "reload failed, nothing changed: .*")


def scenario_process_1(t):
    """The pid of a container stays 1."""
    d = t.daemon(echo={"workers": 2})
    inner = as_process_1(t, d)
    with Client(d.port) as client:
        client.ask(b"x")
        for _ in range(2):
            d.result("upgrade")
        equal(client.ask(b"y"), b"y", "the connection goes on")
    equal(d.status()["pid"], 1, "pid within")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    stop_process_1(d, inner)


def scenario_programs_end_their_own_way(t):
    """Connections of programs, one that ends and one that is cut, below the pool of before."""
    d = serve(t, [script(t, "lines.sh")], workers=2, graceful_timeout="3s",
              kill_timeout="1s").start()
    with Client(d.port) as one, Client(d.port) as other:
        greetings = [client.recv() for client in (one, other)]
        d.result("upgrade")
        one.send(b"hello\n")
        equal(one.recv(), b"HELLO\n", f"it goes on after {greetings[0]}")
        one.half_close()
        one.recv_all()
        wait_until(other.ended, "the other is cut in time")
    wait_settled(d)
