# SPDX-License-Identifier: MIT
"""Sockets inherited by name, fd://NAME, as systemd and s6 pass them."""
import contextlib
import os
import socket

from datagrams import Asker, ask
from harness import *
from programs import serve

FIRST = 3


def listening(family=socket.AF_INET, kind=socket.SOCK_STREAM, where=("127.0.0.1", 0)):
    """A socket of the kind that a super-server has ready."""
    made = socket.socket(family, kind)
    made.bind(where)
    if kind != socket.SOCK_DGRAM:
        made.listen(16)
    return made


def port_of(made):
    return made.getsockname()[1]


def passing(sockets, names=None, count=None, pid=None):
    """Keys of Daemon.start(): SOCKETS from 3 on, and the environment that says so. LISTEN_PID can
    only be known in the child, so the variables are set there."""
    fds = [made.fileno() for made in sockets]
    def arrange():
        for above, fd in enumerate(fds, 200):
            os.dup2(fd, above)
        for i in range(len(fds)):
            os.dup2(200 + i, FIRST + i)
        os.closerange(FIRST + len(fds), 300)
    code = f"export LISTEN_PID={pid or '$$'}; exec \"$0\" \"$@\""
    env = {"LISTEN_FDS": str(len(fds) if count is None else count)}
    if names is not None:
        env["LISTEN_FDNAMES"] = ":".join(names)
    return {"env": env, "preexec": arrange, "close_fds": False}, ["/bin/sh", "-c", code]


def start(d, sockets, names=None, **keys):
    options, d.wrappers = passing(sockets, names, **keys)
    return d.start(**options)


def fails(t, listen, sockets, names, reason, name="preforkd", **keys):
    """It does not start, and says why."""
    d = t.daemon(name, echo={"listen": [listen]}).expect("inherited")
    options, d.wrappers = passing(sockets, names, **keys)
    d.launch(**options)
    d.wait_exit(EXIT_UNAVAILABLE)
    matches(reason, d.log_text(), "the reason")
    matches(f"service echo: {listen}: ", d.log_text(), "where")


def scenario_sockets_of_every_type(t):
    """Stream, datagram and seqpacket, TCP, UDP and Unix, each under its name."""
    unix, seq, gram = t.path("stream"), t.path("seq"), t.path("gram")
    t.kept |= {unix, seq, gram}
    sockets = {"web": listening(), "udp": listening(kind=socket.SOCK_DGRAM),
               "unix": listening(socket.AF_UNIX, socket.SOCK_STREAM, unix),
               "seq": listening(socket.AF_UNIX, socket.SOCK_SEQPACKET, seq),
               "gram": listening(socket.AF_UNIX, socket.SOCK_DGRAM, gram)}
    for path in (unix, seq, gram):
        os.chmod(path, 0o777)
    d = t.daemon(echo={"listen": [f"fd://{name}" for name in sockets], "workers": 2},
                 upper={"workers": 1})
    start(d, list(sockets.values()), list(sockets))
    for where in (port_of(sockets["web"]), unix):
        with Client(where) as client:
            equal(client.ask(b"hello"), b"hello", f"echo of {where}")
    for where in (port_of(sockets["udp"]), gram):
        equal(ask(t, where, b"hello"), b"hello", f"echo of {where}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(LIMIT)
        client.connect(seq)
        client.send(b"hello")
        equal(client.recv(10), b"hello", "seqpacket")
    with Client(d.ports["upper"]) as client:
        equal(client.ask(b"x"), b"X", "a socket of our own beside them")
    equal(d.service("echo")["listen"], [f"fd://{name}" for name in sockets], "status")


def scenario_several_of_one_name(t):
    """fd://NAME:2 is the second of those; without a number it is not clear which."""
    one, two = listening(), listening()
    d = t.daemon(echo={"listen": ["fd://web:1"]}, upper={"listen": ["fd://web:2"]})
    start(d, [one, two], ["web", "web"])
    for made, answer in ((one, b"a"), (two, b"A")):
        with Client(port_of(made)) as client:
            equal(client.ask(b"a"), answer, "answer")
    fails(t, "fd://web", [one, two], ["web", "web"], "write fd://web:1 to fd://web:2", "unclear")
    fails(t, "fd://web:3", [one, two], ["web", "web"], "2 inherited sockets are named", "third")


def scenario_what_nobody_listens_on_is_told(t):
    """Somebody has a unit for it, and its clients would wait for ever without a word in the log."""
    used, idle = listening(), listening()
    d = start(t.daemon(echo={"listen": ["fd://web"]}), [used, idle], ["web", "other"])
    equal(len(d.log_lines(level="warning")), 1, "warnings")
    matches('on the inherited socket "other"', d.log_lines(level="warning")[0]["msg"], "warning")


def scenario_sockets_without_names(t):
    """Without LISTEN_FDNAMES they are all called "unknown", as with systemd."""
    made = listening()
    start(t.daemon(echo={"listen": ["fd://unknown"]}), [made])
    with Client(port_of(made)) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_what_is_not_there_is_told(t):
    """Wrong names, numbers and processes: each with what was found instead."""
    web = listening()
    with socket.socket() as idle, open("/dev/null") as null:
        idle.bind(("127.0.0.1", 0))
        cases = [
            ("fd://wob", [web], ["web"], 'no inherited socket is named "wob"; there are: "web"', {}),
            ("fd://web:2", [web], ["web"], "one inherited socket is named", {}),
            ("fd://web", [], None, "no sockets were inherited", {}),
            ("fd://web", [web], ["web"], "LISTEN_PID is another process", {"pid": 1}),
            ("fd://web", [web], ["web"], "LISTEN_PID is not a number", {"pid": "x"}),
            ("fd://web", [web], ["web", "two"], "not as many names", {}),
            ("fd://web", [web], ["web"], "LISTEN_FDS is not a number", {"count": "-1"}),
            ("fd://two", [web], ["web", "two"], "inherited descriptor 4 is not open", {"count": 2}),
            ("fd://web", [idle], ["web"], "does not listen; is it a connection", {}),
            ("fd://web", [null], ["web"], "is not a socket", {})]
        for i, (listen, sockets, names, reason, keys) in enumerate(cases):
            fails(t, listen, sockets, names, reason, f"case-{i}", **keys)
    check(not refuses(port_of(web)), "the parent's socket is closed")


def scenario_a_reload_drops_it_and_takes_it_again(t):
    """Who connects meanwhile waits in its queue, and is served when the service is back."""
    web, udp = listening(), listening(kind=socket.SOCK_DGRAM)
    d = t.daemon(echo={"listen": ["fd://web", "fd://udp"], "workers": 2}, upper={"workers": 1})
    start(d, [web, udp], ["web", "udp"])
    echo = d.services["echo"]
    with Client(port_of(web)) as client:
        equal(client.ask(b"x"), b"x", "before")
    for i in range(2):
        del d.services["echo"]
        d.reload()
        wait_until(lambda: [s["name"] for s in d.status()["services"]] == ["upper"], "it is gone")
        with Client(port_of(web)) as client, Asker(t, port_of(udp)) as asker:
            client.send(b"early")
            asker.send(b"early")
            stays(lambda: not client.readable() and not asker.has_answer(), "nobody serves", 0.1)
            d.services["echo"] = echo
            d.reload()
            equal(client.recv_exactly(5), b"early", "the connection is served")
            equal(asker.recv()[0], b"early", "the datagram is answered")


def scenario_a_reload_that_names_what_is_not_there(t):
    """It is refused, and all goes on."""
    web = listening()
    d = start(t.daemon(echo={"listen": ["fd://web"]}), [web], ["web"])
    d.change("echo", listen=["fd://wob"])
    d.expect("no inherited socket")
    matches('no inherited socket is named "wob"', d.reload_refused(), "the reason")
    with Client(port_of(web)) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_stop_leaves_the_socket_to_who_has_it(t):
    """It listens on, and the next one who is given it serves who came in between."""
    web, udp = listening(), listening(kind=socket.SOCK_DGRAM)
    keys = {"echo": {"listen": ["fd://web", "fd://udp"]}}
    start(t.daemon("first", **keys), [web, udp], ["web", "udp"]).stop()
    with Client(port_of(web)) as client, Asker(t, port_of(udp)) as asker:
        client.send(b"between")
        asker.send(b"between")
        start(t.daemon("second", **keys), [web, udp], ["web", "udp"])
        equal(client.recv_exactly(7), b"between", "the connection is served")
        equal(asker.recv()[0], b"between", "the datagram is answered")


def scenario_a_supervisor_that_is_killed_leaves_it_too(t):
    web = listening()
    d = start(t.daemon(echo={"listen": ["fd://web"]}), [web], ["web"])
    d.killed()
    t.kept.add(d.control)
    t.kept.add(d.control + ".lock")
    with Client(port_of(web)) as client:
        client.send(b"between")
        start(t.daemon("second", echo={"listen": ["fd://web"]}), [web], ["web"])
        equal(client.recv_exactly(7), b"between", "the connection is served")


def scenario_programs_get_nothing_of_it(t):
    """Neither LISTEN_* nor the descriptors: a program of type exec has its client and no more."""
    web, other = listening(), listening()
    d = serve(t, ["/bin/sh", "-c", "env; ls /proc/self/fd"], listen=["fd://web"])
    start(d, [web, other], ["web", "other"])
    with Client(port_of(web)) as client:
        client.half_close()
        words = client.recv_all().decode().split()
    check(not [w for w in words if w.startswith("LISTEN_")], f"LISTEN_ in {words}")
    equal([w for w in words if w.isdigit()], ["0", "1", "2", "3"], "descriptors (3 is the folder)")


def scenario_nobody_gets_what_he_does_not_serve(t):
    """Each service's workers have its sockets only; the supervisor keeps all, close-on-exec."""
    web, other = listening(), listening()
    inodes = {name: f"socket:[{os.fstat(made.fileno()).st_ino}]"
              for name, made in (("web", web), ("other", other))}
    d = start(t.daemon(echo={"listen": ["fd://web"], "workers": 1}), [web, other], ["web", "other"])
    (pid,) = d.worker_pids()
    if t.is_root:
        have = descriptors(pid).values()
        check(inodes["web"] in have and inodes["other"] not in have, f"worker: {have}")
    ours = descriptors(d.pid)
    check(set(inodes.values()) <= set(ours.values()), f"supervisor: {ours}")
    for fd, target in ours.items():
        check(target not in inodes.values() or close_on_exec(d.pid, fd), f"{fd} stays open")


def scenario_what_a_service_cannot_take_is_refused(t):
    """The configuration cannot tell the type of fd://NAME; the start does, with FILE:LINE."""
    udp = listening(kind=socket.SOCK_DGRAM)
    proxied, cat = {"proxy_protocol": "required", "proxy_trusted": ["127.0.0.0/8"]}, ["/bin/cat"]
    for i, (keys, reason) in enumerate((
            ({"handler": "echo", **proxied}, "PROXY headers are for connections"),
            ({"handler": "hello"}, "hello takes no datagrams"),
            ({"handler": {"type": "exec", "command": cat}, "workers": 3}, "write workers = 1"),
            ({"handler": {"type": "exec", "command": cat, "warm": "io"}, "workers": 1,
              "max_workers": 1}, "cannot be started warm"))):
        d = t.daemon(f"d{i}", a={"listen": ["fd://web"], **keys}).expect("service a")
        options, d.wrappers = passing([udp], ["web"])
        d.launch(**options)
        d.wait_exit(EXIT_UNAVAILABLE)
        matches(f"{d.file}:[0-9]+: .*{reason}", d.log_text(), "the reason")


def scenario_a_reload_to_what_it_cannot_take_is_refused(t):
    udp = listening(kind=socket.SOCK_DGRAM)
    d = start(t.daemon(echo={"listen": ["fd://udp"]}), [udp], ["udp"])
    d.change("echo", handler="hello")
    d.expect("reload").expect("service echo").reload_refused()
    matches("hello takes no datagrams", d.log_text(), "the reason")
    equal(ask(t, port_of(udp), b"hi"), b"hi", "the old one serves on")


def scenario_a_socket_that_somebody_made_non_blocking(t):
    """Who shares it may do that at any time; nobody spins, everybody is served."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        made = listening(kind=kind)
        d = start(t.daemon(f"kind-{kind}", echo={"listen": ["fd://it"], "workers": 1}), [made],
                  ["it"])
        made.setblocking(False)
        for i in range(3):
            if kind == socket.SOCK_DGRAM:
                equal(ask(t, port_of(made), b"x"), b"x", "echo")
            else:
                with Client(port_of(made)) as client:
                    equal(client.ask(b"x"), b"x", "echo")
        (pid,) = d.worker_pids()
        before = cpu_seconds(pid)
        stays(lambda: cpu_seconds(pid) - before < 0.2, "it sleeps", 0.5)
        d.stop()


def scenario_a_socket_that_somebody_shuts_down(t):
    """A worker that finds it dead leaves with a reason, and nobody spins."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        made = listening(kind=kind)
        d = t.daemon(f"kind-{kind}", echo={"listen": ["fd://it"], "workers": 1}).expect("socket")
        start(d, [made], ["it"])
        (pid,) = d.worker_pids()
        with contextlib.suppress(OSError):  # "not connected", and yet it is done
            made.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: not alive(pid), "the worker leaves")
        before = cpu_seconds(d.pid)
        stays(lambda: cpu_seconds(d.pid) - before < 0.3, "the supervisor does not spin", 0.6)
        made.close()
        d.stop()
