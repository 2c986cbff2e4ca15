# SPDX-License-Identifier: MIT
"""preforkd under a service manager: what that is told (sd_notify), and when; sockets from
systemd-socket-activate; preforkd as process 1 of a namespace."""
import os
import select
import signal
import socket
import struct
import time

from datagrams import ask
from harness import *
from programs import installed, serve, sh


# ---- the manager

class Manager:
    """The notify socket of a service manager, and what came there: a dict for each datagram, with
    the sender's pid as "from"."""

    def __init__(self, t, where):
        self.where = where
        self.told = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind("\0" + where[1:] if where.startswith("@") else where)
        t.kept.add(where)

    def environment(self, **more):
        return {"NOTIFY_SOCKET": self.where, **more}

    def read(self):
        """All that was told so far."""
        while select.select([self.socket], [], [], 0)[0]:
            data, extra, _, _ = self.socket.recvmsg(8192, socket.CMSG_SPACE(12))
            sender = [struct.unpack("iii", c[2])[0] for c in extra
                      if c[1] == socket.SCM_CREDENTIALS]
            text = data.decode()
            check(text.endswith("\n"), f"whole lines: {text!r}")
            lines = [line.split("=", 1) for line in text.splitlines()]
            equal(len(lines), len(dict(lines)), f"each name once: {text!r}")
            self.told.append({**dict(lines), "from": sender[0]})
        return self.told

    def forget(self):
        self.read()
        self.told = []
        return self

    def heard(self, name, pattern=".*"):
        """The messages with a line NAME=… that matches."""
        return [m for m in self.read() if name in m and re.fullmatch(pattern, m[name])]

    def wait(self, name, pattern=".*", count=1):
        """Until there are COUNT of them; returns the last one."""
        wait_until(lambda: len(self.heard(name, pattern)) >= count,
                   f"the manager is told {name}={pattern}")
        return self.heard(name, pattern)[-1]

    def order(self):
        """READY, RELOADING and STOPPING in the order they came."""
        return [name for m in self.read() for name in ("READY", "RELOADING", "STOPPING")
                if name in m]


def manager(t, name="notify"):
    return Manager(t, t.path(name))


def now_usec():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def begin(t, m, d, **env):
    """Start D under the manager M; what it was told about the start is forgotten."""
    d.start(env=m.environment(**env))
    m.wait("READY", "1")
    m.forget()
    return d


# ---- what it is told

def scenario_ready_is_told_when_every_service_is(t):
    """Not before; with the pid, by the supervisor itself, on a path and on an abstract name."""
    for where in (t.path("notify"), f"@preforkd-scenario-{os.getpid()}"):
        m = Manager(t, where)
        cause = t.path("cause")
        write(cause, "wait")
        d = t.daemon(f"d{len(where)}", echo={"workers": 1}, upper={"workers": 1})
        d.launch(env=m.environment(**t.shim("unready", SHIM_UNREADY=cause, SHIM_SERVICE="upper")))
        m.wait("STATUS", "1 of 2 services running; starting: upper")
        check(int(m.wait("EXTEND_TIMEOUT_USEC", r"\d+")["EXTEND_TIMEOUT_USEC"]) > 1e6, "time")
        stays(lambda: not m.heard("READY"), "READY=1 is not told", 0.2)
        os.unlink(cause)
        ready = m.wait("READY", "1")
        equal(ready["MAINPID"], str(d.pid), "MAINPID")
        equal(ready["STATUS"], "2 services running", "STATUS")
        equal({message["from"] for message in m.read()}, {d.pid}, "who says it")
        d.stop()
        equal(m.order(), ["READY", "STOPPING"], "all of it")


def scenario_ready_of_a_daemon(t):
    """With -d the pid is the daemon's, not the command's, and the watchdog goes on."""
    m = manager(t)
    d = t.daemon(echo={"workers": 1})
    equal(d.daemonise(env=m.environment(WATCHDOG_USEC="100000")).returncode, EXIT_OK, "preforkd -d")
    equal(m.wait("READY", "1")["MAINPID"], str(d.pid), "MAINPID")
    m.wait("WATCHDOG", "1", 3)


def scenario_start_that_fails(t):
    """The reason is the status: a wrong file, a taken port, a service that does not get ready."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", t.port()))
        other.listen()
        port = other.getsockname()[1]
        cases = [("file", {"wrokers": 1}, EXIT_CONFIG,
                  r'.*file.conf:\d+: unknown key "wrokers" \(did you mean "workers"\?\)'),
                 ("two", {"wrokers": 1, "x": 2}, EXIT_CONFIG, r".* \(and 1 more\)"),
                 ("port", {"listen": f"tcp://127.0.0.1:{port}"}, EXIT_UNAVAILABLE,
                  r".*cannot bind: Address already in use"),
                 ("ready", {"handler": {"type": "greet", "encoding": "klingon"}}, EXIT_UNAVAILABLE,
                  'service echo: .*"klingon".*')]
        for name, keys, code, reason in cases:
            m = manager(t, f"notify-{name}")
            d = t.daemon(name, echo=keys).expect(".*").launch(env=m.environment())
            d.wait_exit(code)
            m.wait("STATUS", reason)
            equal(m.heard("READY"), [], "READY=1")


def scenario_check_tells_nothing(t):
    """preforkd -t and --print-config are no service, whatever the environment says."""
    m = manager(t)
    d = t.daemon(echo={"wrokers": 1})
    d.write()
    for option in ("-t", "--print-config"):
        equal(t.run("preforkd", option, "-c", d.file, env=m.environment()).returncode, EXIT_CONFIG,
              option)
    equal(m.read(), [], "what was told")


def scenario_reload(t):
    """RELOADING=1 with a time that is not before the request, then READY=1."""
    m = manager(t)
    d = begin(t, m, t.daemon(echo={"workers": 1}, upper={"workers": 1}))
    for number in (None, signal.SIGHUP):
        before = now_usec()
        d.change("echo", workers=2 if number else 3)
        if number:
            d.write()
            d.kill(number)
        else:
            d.reload()
        message = m.wait("RELOADING", "1")
        check(before <= int(message["MONOTONIC_USEC"]) <= now_usec(), "MONOTONIC_USEC")
        equal(m.wait("READY", "1")["STATUS"], "2 services running", "STATUS")
        equal(m.order(), ["RELOADING", "READY"], "order")
        m.forget()


def scenario_reload_that_is_asked_for_while_it_starts(t):
    """READY=1 of the start first, then the reload's two."""
    m = manager(t)
    cause = t.path("cause")
    write(cause, "wait")
    d = t.daemon(echo={"workers": 1})
    d.launch(env=m.environment(**t.shim("unready", SHIM_UNREADY=cause)))
    d.wait_control()
    d.kill(signal.SIGHUP)
    stays(lambda: not m.order(), "nothing yet", 0.1)
    os.unlink(cause)
    m.wait("READY", "1", 2)
    equal(m.order(), ["READY", "RELOADING", "READY"], "order")


def scenario_reload_that_is_refused(t):
    """READY=1 again, the reason as status until a reload succeeds: a wrong file, a taken port, a
    service that does not get ready."""
    m = manager(t)
    cause = t.path("cause")
    d = t.daemon(echo={"workers": 1}).expect("reload failed")
    begin(t, m, d, **t.shim("unready", SHIM_UNREADY=cause))
    good = dict(d.services["echo"])

    def refused(reason):
        d.reload_refused()
        status = m.wait("READY", "1")["STATUS"]
        matches(rf"^reload failed, nothing changed: {reason}.*; 1 service running$", status, "STATUS")
        equal(m.order(), ["RELOADING", "READY"], "order")
        m.forget()
        d.services["echo"] = dict(good)

    with socket.socket() as other:
        other.bind(("127.0.0.1", t.port()))
        other.listen()
        d.change("echo", wrokers=1, wrokesr=2)
        refused(r'.*preforkd.conf:\d+: unknown key "wrokers" \(.*\) \(and 1 more\)')
        d.change("echo", listen=f"tcp://127.0.0.1:{other.getsockname()[1]}")
        refused(r".*cannot bind: Address already in use")
    write(cause, "exit 3")
    d.change("echo", workers=2, start_timeout="300ms", restart_delay="10ms")
    refused(r"service echo: .*")
    os.unlink(cause)
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "it serves on")
    d.reload()
    equal(m.wait("READY", "1")["STATUS"], "1 service running", "STATUS")


def scenario_degraded_service_is_named(t):
    """With the reason; and the status is good again when the service is."""
    m = manager(t)
    cause = t.path("cause")
    d = t.daemon(echo={"workers": 1, "restart_delay": "20ms", "restart_delay_max": "50ms"},
                 upper={"workers": 1})
    begin(t, m, d, **t.shim("unready", SHIM_UNREADY=cause, SHIM_SERVICE="echo"))
    write(cause, "exit 3")
    send_signal(*d.worker_pids("echo"), signal.SIGKILL)
    m.wait("STATUS", r"1 of 2 services running; degraded: echo \(.+\)")
    os.unlink(cause)
    m.wait("STATUS", "2 services running")
    equal(m.order(), [], "no other state")


def scenario_stop_takes_its_time(t):
    """STOPPING=1 at once, and until when the connections in hand may go on."""
    m = manager(t)
    d = begin(t, m, t.daemon(echo={"workers": 1, "graceful_timeout": "10m"}, upper={"workers": 1}))
    with Client(d.port if len(d.ports) == 1 else d.ports["echo"]) as client:
        client.ask(b"x")
        d.kill(signal.SIGTERM)
        message = m.wait("STOPPING", "1")
        check(int(message["EXTEND_TIMEOUT_USEC"]) >= 600e6, "time for connections in hand")
        m.wait("STATUS", "stopping, 1 pool left")
        equal(client.ask(b"y"), b"y", "it is served on")
    d.wait_exit(0)
    equal(m.order(), ["STOPPING"], "once")


def scenario_stop_during_a_reload(t):
    """No READY=1 after STOPPING=1."""
    m = manager(t)
    cause = t.path("cause")
    d = begin(t, m, t.daemon(echo={"workers": 1}), **t.shim("unready", SHIM_UNREADY=cause))
    write(cause, "wait")
    d.change("echo", workers=2)
    d.write()
    d.kill(signal.SIGHUP)
    m.wait("RELOADING", "1")
    d.kill(signal.SIGINT)
    d.wait_exit(0)
    equal(m.order(), ["RELOADING", "STOPPING"], "order")


# ---- the watchdog

def scenario_watchdog_is_fed_by_the_loop_alone(t):
    """Every half of its time; not where the loop stands still, nor where the watchdog is another
    process's."""
    m = manager(t)
    d = begin(t, m, t.daemon(echo={"workers": 2}), WATCHDOG_USEC="400000")
    m.forget()
    before = now_usec()
    m.wait("WATCHDOG", "1", 5)
    check(now_usec() - before >= 4 * 200_000 - 100_000, "it is not fed more often than twice")
    equal({message["from"] for message in m.read()}, {d.pid}, "who feeds it")
    d.kill(signal.SIGSTOP)
    wait_until(lambda: process_stat(d.pid)[1] == "T", "it is stopped")
    m.forget()
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "workers work meanwhile")
    stays(lambda: not m.heard("WATCHDOG"), "the watchdog is not fed", 1)
    d.kill(signal.SIGCONT)
    m.wait("WATCHDOG", "1")
    d.stop()
    other = t.daemon("other", echo={"workers": 1})
    begin(t, m, other, WATCHDOG_USEC="100000", WATCHDOG_PID="1")
    stays(lambda: not m.heard("WATCHDOG"), "another's is not fed", 0.3)


# ---- a manager that misbehaves

def scenario_manager_that_does_not_read(t):
    """Nobody waits for it; when it reads again it is told how things are."""
    m = manager(t)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        filler.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                filler.sendto(b"X=1\n", m.where)
    d = t.daemon(echo={"workers": 1}).start(env=m.environment(WATCHDOG_USEC="100000"))
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "it serves")
    for workers in range(2, 7):
        d.change("echo", workers=workers)
        d.reload()
    equal(m.wait("READY", "1")["STATUS"], "1 service running", "STATUS")
    m.wait("WATCHDOG", "1")


def scenario_manager_that_is_gone(t):
    """One warning, and service as ever; the same for an address that is none."""
    for name, where in (("gone", t.path("nobody")), ("none", "vsock:2:1")):
        d = t.daemon(name, echo={"workers": 1}).start(env={"NOTIFY_SOCKET": where})
        d.change("echo", workers=2)
        d.reload()
        d.stop()
        warnings = d.log_lines(level="warning")
        equal(len(warnings), 1, f"warnings: {warnings}")
        matches("the service manager", warnings[0]["msg"], "warning")


def scenario_pools_and_programs_know_nothing_of_it(t):
    """No variable of it and no descriptor: they cannot speak in our name."""
    m = manager(t)
    d = serve(t, sh("env; ls /proc/self/fd"))
    begin(t, m, d, WATCHDOG_USEC="30000000", WATCHDOG_PID="")
    with Client(d.port) as client:
        client.half_close()
        words = client.recv_all().decode().split()
    names = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    check(not [w for w in words if w.split("=")[0] in names], f"program: {words}")
    equal([w for w in words if w.isdigit()], ["0", "1", "2", "3"], "descriptors (3 is the folder)")
    d.wait_workers(1)
    for pid in [d.pool_pid(), *d.worker_pids()]:
        if t.is_root:  # others may not look
            with open(f"/proc/{pid}/environ", "rb") as file:
                text = file.read().decode()
            check("LC_ALL=C" in text.split("\0") or pid != d.pool_pid(), "it is the environment")
            check(not any(name in text for name in names), f"environment of {pid}: {text!r}")
        else:
            check(alive(pid), "it lives")


# ---- sockets from systemd-socket-activate

def activate(t, d, addresses, names, *options, **env):
    """Launch D behind systemd-socket-activate, which starts it when the first client comes."""
    command = [installed(t, "systemd-socket-activate"), f"--fdname={':'.join(names)}", *options]
    command += [word for address in addresses for word in ("-l", address)]
    kept = {**t.environment(), **env}
    command += [word for name, value in kept.items() for word in ("-E", f"{name}={value}")]
    d.wrappers = command
    d.expect("Listening on|Communication attempt|Execing|Received|Spawned")
    d.launch()
    wait_until(lambda: "Listening on" in d.log_text(), "the sockets are there")
    return d


def scenario_systemd_socket_activate_several(t):
    """The first client starts it and is served; each socket under its name, sockets of our own
    beside them; READY is told besides."""
    web, other, m = t.port(), t.port(), manager(t)
    d = t.daemon(echo={"listen": ["fd://web"]}, upper={"listen": ["fd://other"]}, hello={})
    activate(t, d, [f"127.0.0.1:{web}", f"127.0.0.1:{other}"], ["web", "other"],
             **m.environment())
    with Client(web) as client:
        equal(client.ask(b"early"), b"early", "who came first")
    d.wait_running()
    equal(m.wait("READY", "1")["MAINPID"], str(d.pid), "MAINPID")
    with Client(other) as client:
        equal(client.ask(b"x"), b"X", "the other name")
    with Client(d.ports["hello"]) as client:
        matches("Hello", client.send(b"x\n").recv_all().decode(), "a socket of our own")


def scenario_systemd_socket_activate_udp(t):
    """Datagrams: what started it is answered as well."""
    port = t.port()
    d = t.daemon(echo={"listen": ["fd://gram"]})
    activate(t, d, [f"127.0.0.1:{port}"], ["gram"], "--datagram")
    equal(ask(t, port, b"early"), b"early", "the first datagram")
    d.wait_running()
    equal(ask(t, port, b"x"), b"x", "another one")


# ---- process 1

def as_process_1(t, d, before="true", **keys):
    """Launch D as process 1 of a namespace, after BEFORE of shell in the same process."""
    own = [] if t.is_root else ["--user", "--map-current-user"]
    unshare = [installed(t, "unshare"), *own, "--pid", "--fork", "--mount-proc", "--kill-child"]
    tried = t.run_command([*unshare, "true"])
    t.skip_where(tried.returncode != 0, f"no namespaces here: {tried.stderr.strip()}")
    d.wrappers = [*unshare, "/bin/sh", "-c", f'{before}; exec "$@"', "sh"]
    d.launch(**keys)
    d.wait_running()
    (inner,) = [pid for pid, about in process_table().items() if about[2] == d.pid]
    equal(d.status()["pid"], 1, "pid within")
    return inner


def stop_process_1(d, inner, number=signal.SIGTERM):
    send_signal(inner, number)
    d.wait_exit(0)


def scenario_process_1_serves_reloads_and_stops(t):
    """Workers and pools are replaced, a reload works, TERM ends it; the manager outside is not told a
    pid that means nothing there."""
    m = manager(t)
    d = t.daemon(echo={"workers": 2})
    inner = as_process_1(t, d, env=m.environment())
    equal(m.wait("READY", "1").get("MAINPID"), None, "MAINPID")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
        d.change("echo", workers=3)
        d.reload()
        equal(client.ask(b"y"), b"y", "the connection goes on")
    pools = [pid for pid in descendants(inner) if process_stat(pid)[0].startswith("preforkd-pool")]
    for pid in pools:
        send_signal(pid, signal.SIGKILL)
    wait_until(lambda: d.service()["state"] == "running" and
               not set(pools) & set(descendants(inner)), "another pool, and no zombie")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    stop_process_1(d, inner)


def scenario_process_1_reaps_what_is_not_its_own(t):
    """Whatever was started in the container and lost its parent."""
    done = t.path("done")
    before = (f"( i=0; while [ $i -lt 50 ]; do sh -c 'sleep 0.0$((i % 5)) & exit'; i=$((i + 1)); "
              f"done; : > {done} ) &")
    d = t.daemon(echo={"workers": 1})
    inner = as_process_1(t, d, f"{before} true")
    wait_until(lambda: os.path.exists(done), "all were started")
    def reaped():
        names = [process_stat(pid) for pid in descendants(inner)]
        return not [n for n in names if n and n[0] in ("sh", "sleep")]
    wait_until(reaped, "all are reaped")
    stop_process_1(d, inner)


def scenario_process_1_forwards_the_stop(t):
    """Foreign processes are told to end before the kernel kills them; a deaf one does not hold the
    end up for long; nor does a second TERM wait."""
    told, there = t.path("told"), t.path("there")
    polite = f"( trap 'echo told > {told}; exit' TERM; : > {there}; while :; do sleep 0.05; done ) &"
    d = t.daemon("polite", echo={"workers": 1})
    inner = as_process_1(t, d, f"{polite} true")
    wait_until(lambda: os.path.exists(there), "it is there")
    stop_process_1(d, inner)
    wait_until(lambda: os.path.exists(told), "it was told")
    d = t.daemon("deaf", echo={"workers": 1})
    inner = as_process_1(t, d, "( trap '' TERM; while :; do sleep 0.05; done ) & true")
    stop_process_1(d, inner)


def scenario_foreign_children_of_others_are_left_alone(t):
    """Where we are not process 1, what our process had started before it became preforkd lives on:
    its parent is the next subreaper then."""
    pid_file = t.path("pid")
    d = t.daemon(echo={"workers": 1})
    d.wrappers = ["/bin/sh", "-c", f'sleep 100 & echo $! > {pid_file}; exec "$@"', "sh"]
    d.start()
    with open(pid_file) as file:
        foreign = int(file.read())
    d.stop()
    check(alive(foreign), "it lives")
    equal(process_stat(foreign)[2], os.getpid(), "its parent now")
    send_signal(foreign, signal.SIGKILL)
