# SPDX-License-Identifier: MIT
"""Services behind a proxy, whose header (proxy.py) says who the client is: built-in handlers, and
programs that are started cold and warm. test_125 has real proxies."""
import contextlib
import os
import re
import signal
import socket
import time

import proxy
from harness import *
from programs import *
from records import *

# Every way of serving. Those that wait at their first touch get children to tell the environment:
# what they have copied themselves is older than the client.
ENV = ["/bin/sh", "-c", "env; echo --; exec cat"]
ENV_OF_C = ["/usr/bin/perl", "-e", "$| = 1; system 'env; echo --; exec cat'"]
PROGRAMS = {"cold": (ENV, {}), "start": (ENV, {"warm": "start"}),
            "start_fork": (ENV, {"warm": "start", "warm_fork": True}),
            "io": (ENV_OF_C, {"warm": "io"}), "io_fork": (ENV_OF_C, {"warm": "io", "warm_fork": True})}
TRUSTED = {"proxy_protocol": "required", "proxy_trusted": ["10.0.0.0/8", "127.0.0.1", "::1"]}
CLIENT, LOCAL = ("192.0.2.1", "56324"), ("198.51.100.2", "443")


def behind(t, kinds=("echo", *PROGRAMS), handler=None, command=None, log=None, **keys):
    """A daemon, not started, with a service for each of KINDS, of one worker."""
    services = {}
    for kind in kinds:
        services[kind] = {"workers": 1, **TRUSTED, **keys}
        if kind != "echo":
            words, way = PROGRAMS[kind]
            if words is ENV_OF_C:
                installed(t, "perl")
            services[kind]["handler"] = {"type": "exec", "command": command or words, **way,
                                         **(handler or {})}
    return t.daemon(log=log, **services)


def where(d, kind):
    (listen,) = d.services[kind]["listen"]
    return listen.removeprefix("unix://") if listen.startswith("unix") else d.ports[kind]


def rest_of(kind, data):
    """(variables, what follows them) of what a service has sent."""
    if kind == "echo":
        return {}, data
    head, _, rest = data.partition(b"--\n")
    variables = dict(line.split("=", 1) for line in head.decode().splitlines())
    equal({name for name in variables if "PREFORKD" in name or "LD_PRELOAD" in name}, set(),
          f"{kind}: our traces")
    return variables, rest


def send(client, pieces, pause=0.002):
    if client.socket.family != socket.AF_UNIX:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        client.send(piece)
        time.sleep(pause if len(pieces) > 1 else 0)


def converse(d, kind, header, text=b"hello\n"):
    """A client that sends HEADER (or its pieces) and TEXT. (variables, the client)"""
    pieces = [header + text] if isinstance(header, bytes) else [*header[:-1], header[-1] + text]
    with Client(where(d, kind)) as client:
        send(client, pieces)
        variables, rest = rest_of(kind, client.half_close().recv_all())
        equal(rest, text, f"{kind}: behind {b''.join(pieces)[:60]}")
        return variables, client


def turned_away(d, kind, data, half_close=True):
    """A client that sends DATA and is served nothing."""
    with Client(where(d, kind)) as client:
        with contextlib.suppress(OSError):
            if data:
                client.send(data)
            if half_close:
                client.half_close()
        with contextlib.suppress(ConnectionError):
            equal(client.recv_all(), b"", f"{kind}: answer to {data[:60]}")
        return client


def refusals(d, kind):
    """[(peer, reason)] as the log tells it, by a worker or by a library in a program."""
    found = []
    for line in d.log_lines(service=kind):
        if line["msg"] == "connection refused":
            found.append((line["peer"], line["reason"]))
        elif line["msg"] == "stderr" and "refused" in line["text"]:
            told = re.fullmatch(r'preforkd: connection refused peer=(\S+) reason="(.*)"', line["text"])
            check(told, f"{kind}: {line['text']}")
            found.append(told.groups())
    return found


def refused(d, kind):
    return d.service(kind)["connections"]["refused"]


def wait_refused(d, kind, count):
    wait_until(lambda: refused(d, kind) >= count, f"{kind}: {count} refused")
    equal(refused(d, kind), count, f"{kind}: refused")


def still_serves(d, kind):
    variables, _ = converse(d, kind, proxy.v1())
    if variables:
        equal((variables["TCPREMOTEIP"], variables["TCPREMOTEPORT"]), CLIENT, f"{kind}: client")


def check_calm(d):
    """No worker died of it."""
    for kind in d.services:
        equal(d.service(kind)["crashes"], 0, f"{kind}: crashes")
    equal(d.log_lines(level="warning"), [], "warnings")


# ---- headers that are one

def expect_variables(d, kind, name, variables, told, client):
    """What the program was told, where the table says that the header names TOLD."""
    got = {key: value for key, value in variables.items()
           if key in ("PROTO", "REMOTE_ADDR", "REMOTE_PORT") or key.startswith(("TCP", "IPC"))}
    if told == "unix":
        equal(got, {"PROTO": "IPC", "IPCLOCALPATH": "/run/server"}, f"{kind} {name}")
        return
    host, port = (client.peer if told is None else told).rsplit(":", 1)
    host = host.strip("[]")
    equal((got["PROTO"], got["TCPREMOTEIP"], got["TCPREMOTEPORT"], got["REMOTE_ADDR"],
           got["REMOTE_PORT"]), ("TCP", host, port, host, port), f"{kind} {name}: client")
    if told is None:
        equal((got["TCPLOCALIP"], got["TCPLOCALPORT"]), ("127.0.0.1", str(d.ports[kind])),
              f"{kind} {name}: the socket's own address")


def scenario_every_valid_header(t):
    """The client is whom it names, in the environment and in the log, the proxy beside it; what
    follows the header is the program's, untouched."""
    d = behind(t).start()
    for kind in d.services:
        wanted = []
        for name, (header, told) in proxy.VALID.items():
            if name == "v2_udp4":
                continue
            variables, client = converse(d, kind, header, b"for " + name.encode())
            if variables:
                expect_variables(d, kind, name, variables, told, client)
            wanted.append((told or client.peer, client.peer if told else None))
        d.wait_log(msg="connection", service=kind, count=len(wanted))
        equal([(line["peer"], line.get("proxy")) for line in
               d.log_lines(msg="connection", service=kind)], wanted, f"{kind}: peers and proxies")
        equal(refused(d, kind), 0, f"{kind}: refused")
    check_calm(d)


def scenario_local_address(t):
    """TCPLOCALIP and TCPLOCALPORT are where the client connected to."""
    d = behind(t, kinds=PROGRAMS).start()
    for kind in d.services:
        for header, local in ((proxy.v1(), LOCAL), (proxy.v2(), LOCAL),
                              (proxy.v1("2001:db8::1", "2001:db8::2", 1, 2), ("2001:db8::2", "2")),
                              (proxy.v2("2001:db8::1", "2001:db8::2", 1, 2), ("2001:db8::2", "2")),
                              (proxy.v1("::ffff:192.0.2.1", "::ffff:198.51.100.2"), LOCAL)):
            variables, _ = converse(d, kind, header)
            equal((variables["TCPLOCALIP"], variables["TCPLOCALPORT"]), local, f"{kind} {header}")


def scenario_peer_and_proxy_in_the_status(t):
    d = behind(t).start()
    for kind in d.services:
        for header, peer in ((proxy.v1(), "192.0.2.1:56324"), (proxy.v2_local(), None),
                             (proxy.v2("2001:db8::1", "::1"), "[2001:db8::1]:56324")):
            with Client(where(d, kind)) as client:
                client.send(header + b"x")
                (row,) = wait_until(lambda: d.workers(kind, state="busy", peer=peer or client.peer),
                                    f"{kind}: {peer} is served")
                equal(row["proxy"], client.peer if peer else "", f"{kind}: proxy of {peer}")
                client.half_close().recv_all()


def scenario_proxy_on_a_unix_socket(t):
    """proxy_trusted has "unix"; the addresses of a TCP client have nothing to do with the socket."""
    kinds = ("cold", "start", "io_fork")
    d = behind(t, kinds, proxy_trusted=["unix"])
    for kind in kinds:
        d.change(kind, listen=[f"unix://{t.path(kind)}"])
    d.start()
    for kind in kinds:
        variables, _ = converse(d, kind, proxy.v2())
        equal((variables["PROTO"], variables["TCPREMOTEIP"], variables["TCPLOCALIP"]),
              ("TCP", CLIENT[0], LOCAL[0]), kind)
        variables, _ = converse(d, kind, proxy.VALID["v2_unix"][0])
        check("IPCREMOTEPID" not in variables and "IPCREMOTEEUID" not in variables,
              f"{kind}: the proxy's credentials are not the client's")
        variables, _ = converse(d, kind, proxy.v2_local())
        equal((variables["IPCREMOTEPID"], variables["IPCLOCALPATH"]),
              (str(os.getpid()), t.path(kind)), f"{kind}: a connection of the proxy's own")
        line = d.wait_log(msg="connection", service=kind, count=3)
        equal((line["peer"], line.get("proxy")), ("unix", None), f"{kind}: its line")


def scenario_a_header_is_a_record(t):
    """seqpacket: the first record is the header, whole and alone; the next ones are the client's."""
    kinds = ("echo", "cold", "start", "io_fork")
    d = behind(t, kinds, proxy_trusted=["unix"])
    for kind in kinds:
        d.change(kind, listen=[f"seqpacket://{t.path(kind)}"])
    d.start()
    def served(kind, header):
        """(variables, the rest) of what comes back; programs write as many records as they like."""
        with RecordClient(t.path(kind)) as client:
            client.send(header, b"hello\n").half_close()
            return rest_of(kind, client.recv_all())
    for kind in kinds:
        for header in (proxy.v1(), proxy.v2(), proxy.v2(tlvs=proxy.tlv(proxy.NOOP, bytes(3000)))):
            variables, rest = served(kind, header)
            equal((rest, variables.get("TCPREMOTEIP", CLIENT[0])), (b"hello\n", CLIENT[0]), kind)
        wrong = (proxy.v1()[:-1], proxy.v2()[:20], proxy.v1() + b"x", proxy.v2() + b"hello\n",
                 proxy.v2() + bytes(8000))
        for data in wrong:
            with RecordClient(t.path(kind)) as client:
                client.send(data)
                with contextlib.suppress(ConnectionError):
                    equal(client.recv(), b"", f"{kind}: answer to {data[:60]}")
        wait_refused(d, kind, len(wrong))
        wait_until(lambda: len(refusals(d, kind)) == len(wrong), f"{kind}: lines")
        equal(set(refusals(d, kind)),
              {("unix", "its first record is not a PROXY header and nothing else")}, kind)
        equal(served(kind, proxy.v2_local())[1], b"hello\n", kind)
    check_calm(d)


def scenario_preforkc_is_a_proxy(t):
    """send --proxy, over what keeps messages apart and what does not."""
    d = behind(t, ("echo",), proxy_trusted=["unix", "127.0.0.1"])
    (tcp,) = d.services["echo"]["listen"]
    addresses = [tcp, f"seqpacket://{t.path('records')}"]
    d.change("echo", listen=addresses)
    d.start()
    for address in addresses:
        for version in ("v1", "v2"):
            done = t.run("preforkc", "send", "--proxy", f"{version}:192.0.2.1:4711-192.0.2.2:80",
                         address, "one", "two")
            equal((done.returncode, done.stdout), (0, "one\ntwo\n"), f"{address} {version}")
    d.wait_log(msg="connection", count=4)
    equal({line["peer"] for line in d.log_lines(msg="connection")}, {"192.0.2.1:4711"}, "peers")


# ---- headers that come slowly, or together with more

def scenario_byte_by_byte(t):
    d = behind(t).start()
    for kind in d.services:
        for header in (proxy.v1(), proxy.v2(tlvs=proxy.tlv(proxy.NOOP, b"xyz"))):
            converse(d, kind, [header[i:i + 1] for i in range(len(header))])
    check_calm(d)


def scenario_split_anywhere(t):
    """One pause, at any place that a parser might mind, and a few others."""
    d = behind(t).start()
    for kind in d.services:
        for header, places in ((proxy.v1(), (1, 5, 6, 11, 14, 15, 20, -2, -1)),
                               (proxy.v2(tlvs=proxy.tlv(proxy.NOOP, bytes(9))),
                                (1, 11, 12, 13, 14, 15, 16, 17, 28, 29, 31, -1))):
            for place in places:
                converse(d, kind, [header[:place], header[place:]])


def scenario_what_follows_belongs_to_the_program(t):
    """Not a byte more is taken than the header has, however much comes with it."""
    text = b"".join(b"%07d\n" % i for i in range(8192))
    d = behind(t).start()
    for kind in d.services:
        for header in (proxy.v1(), proxy.v2(), proxy.VALID["v2_longest"][0], proxy.v1_unknown()):
            converse(d, kind, header, text)
            converse(d, kind, header, header)  # a second header is not one


# ---- headers that are none

def scenario_untrusted(t):
    """Nobody is believed, not even who sends a header, and nothing is read."""
    d = behind(t, proxy_trusted=["192.0.2.0/24", "unix"]).start()
    for kind in d.services:
        pids = d.worker_pids(kind)
        peers = [turned_away(d, kind, data).peer for data in (proxy.v1(), b"", b"hello\n")]
        wait_refused(d, kind, 3)
        wait_until(lambda: len(refusals(d, kind)) == 3, f"{kind}: three lines")
        equal(refusals(d, kind), [(peer, "not in proxy_trusted") for peer in peers], kind)
        equal(d.worker_pids(kind), pids, f"{kind}: the worker is the same")
        equal(d.log_lines(msg="connection", service=kind), [], f"{kind}: served")
    check_calm(d)


def scenario_malformed(t):
    d = behind(t).start()
    for kind in d.services:
        pids, wanted = d.worker_pids(kind), []
        for header, reason in [*proxy.MALFORMED.values(), (proxy.VALID["v2_udp4"][0], None)]:
            peer = turned_away(d, kind, header).peer
            wanted.append((peer, f"malformed PROXY header: {reason}" if reason else
                           "its header is for datagrams"))
        wait_refused(d, kind, len(wanted))
        wait_until(lambda: len(refusals(d, kind)) >= len(wanted), f"{kind}: lines")
        equal(refusals(d, kind), wanted, kind)
        equal(d.worker_pids(kind), pids, f"{kind}: the worker is the same")
        still_serves(d, kind)
    check_calm(d)


def scenario_cut(t):
    """The proxy leaves within its header, in good order or not."""
    d = behind(t).start()
    for kind in d.services:
        for header in proxy.CUT.values():
            turned_away(d, kind, header)
        client = Client(where(d, kind)).send(proxy.v2()[:20])
        time.sleep(0.05)
        client.reset()
        wait_refused(d, kind, len(proxy.CUT) + 1)
        wait_until(lambda: len(refusals(d, kind)) == len(proxy.CUT) + 1, f"{kind}: lines")
        equal({reason for _, reason in refusals(d, kind)}, {"left within the PROXY header"}, kind)
        still_serves(d, kind)
    check_calm(d)


def scenario_late(t):
    """proxy_timeout is for the whole header, and keeps nobody from being served before."""
    d = behind(t, proxy_timeout="300ms").start()
    for kind in d.services:
        for data in (b"", proxy.v1()[:-1], proxy.v2()[:14]):
            began = time.monotonic()
            turned_away(d, kind, data, half_close=False)
            check(0.25 < time.monotonic() - began < 5, f"{kind}: turned away in time")
        with Client(where(d, kind)) as client:
            with contextlib.suppress(ConnectionError):
                for byte in proxy.v1_unknown(b" " + b"x" * 60):
                    client.send(bytes([byte]))
                    time.sleep(0.02)
        wait_refused(d, kind, 4)
        wait_until(lambda: len(refusals(d, kind)) == 4, f"{kind}: lines")
        equal({reason for _, reason in refusals(d, kind)}, {"PROXY header late"}, kind)
        still_serves(d, kind)
    check_calm(d)


def scenario_who_waits_for_a_header_is_busy(t):
    """With the proxy as its peer: otherwise a service looks idle whose workers are all taken."""
    d = behind(t).start()
    for kind in d.services:
        with Client(where(d, kind)) as client:
            (row,) = wait_until(lambda: d.workers(kind, state="busy"), f"{kind}: it is busy")
            equal((row["peer"], row["proxy"], row["connections"]), (client.peer, "", 1), kind)
        wait_until(lambda: d.workers(kind, state="idle"), f"{kind}: it is idle again")
        wait_refused(d, kind, 1)
        with Client(where(d, kind)) as client:
            client.send(proxy.v1() + b"x")
            row = wait_until(lambda: d.workers(kind, peer="192.0.2.1:56324"), f"{kind}: served")[0]
            equal((row["proxy"], row["connections"]), (client.peer, 2), f"{kind}: counted once")
            client.half_close().recv_all()


def scenario_a_header_is_not_waited_for_beyond_the_limits_of_connections(t):
    """idle_timeout and max_lifetime turn the connection away; they do not cost the worker."""
    for key in ("idle_timeout", "max_lifetime"):
        d = behind(t, proxy_timeout="1h", kill_timeout="500ms", **{key: "300ms"}).start()
        for kind in d.services:
            pids = d.worker_pids(kind)
            for data in (b"", proxy.v1()[:-1]):
                turned_away(d, kind, data, half_close=False)
            wait_refused(d, kind, 2)
            equal(d.worker_pids(kind), pids, f"{kind}, {key}: the worker is the same")
        d.stop()


def scenario_absent(t):
    """Who says nothing at all is counted, not told: most simple health checks do that."""
    d = behind(t).start()
    for kind in d.services:
        for _ in range(3):
            Client(where(d, kind)).close()
        wait_refused(d, kind, 3)
        still_serves(d, kind)
        equal(refusals(d, kind), [], kind)
    check_calm(d)


def scenario_without_access_log(t):
    """Counted all the same."""
    d = behind(t, access_log=False).start()
    for kind in d.services:
        turned_away(d, kind, b"GET / HTTP/1.1\r\n\r\n")
        wait_refused(d, kind, 1)
        still_serves(d, kind)
        equal(refusals(d, kind), [], kind)


def scenario_many_refusals(t):
    """They cost no process, and the counters survive the worker."""
    d = behind(t).start()
    for kind in d.services:
        pids = d.worker_pids(kind)
        for _ in range(200):
            turned_away(d, kind, b"nonsense")
        wait_refused(d, kind, 200)
        equal(d.worker_pids(kind), pids, f"{kind}: the worker is the same")
        still_serves(d, kind)
        still_serves(d, kind)
        wait_refused(d, kind, 200)
    check_calm(d)


def scenario_standard_error_is_the_client(t):
    """stderr = "socket": where there is no client yet, a refusal is told to nobody."""
    command = ["/bin/sh", "-c", "echo problem >&2; exec cat"]
    kinds = ("start", "start_fork")
    d = behind(t, kinds, {"stderr": "socket"}, command).start()
    for kind in kinds:
        turned_away(d, kind, b"nonsense")
        wait_refused(d, kind, 1)
        with Client(where(d, kind)) as client:
            client.send(proxy.v1() + b"x").half_close()
            equal(client.recv_all(), b"problem\nx", kind)
        equal(refusals(d, kind), [], kind)
    check_calm(d)


# ---- together with the rest

def scenario_stop_within_a_header(t):
    """Whoever was accepted is served: the header may take its time."""
    d = behind(t).start()
    clients = {kind: Client(where(d, kind)).send(proxy.v1()[:20]) for kind in d.services}
    time.sleep(0.3)
    d.kill(signal.SIGTERM)
    time.sleep(0.3)
    for kind, client in clients.items():
        client.send(proxy.v1()[20:] + b"hello\n")
        variables, rest = rest_of(kind, client.half_close().recv_all())
        equal(rest, b"hello\n", kind)
        equal(variables.get("TCPREMOTEIP", CLIENT[0]), CLIENT[0], kind)
        client.close()
    d.wait_exit(0)


def scenario_stop_with_a_header_that_never_comes(t):
    d = behind(t, proxy_timeout="500ms").start()
    clients = [Client(where(d, kind)).send(b"PROXY ") for kind in d.services]
    time.sleep(0.2)
    began = time.monotonic()
    d.stop()
    check(time.monotonic() - began < 10, "ended soon")
    for client in clients:
        client.close()


def scenario_reload_changes_whom_to_trust(t):
    def reload():
        before = d.worker_pids()
        d.reload()  # those that leave may have accepted one more
        wait_until(lambda: not d.worker_pids() & before, "the workers are others")
    d = behind(t, proxy_trusted=["192.0.2.1"]).start()
    for kind in d.services:
        turned_away(d, kind, proxy.v1())
    for kind in d.services:
        d.change(kind, proxy_trusted=["192.0.2.1", *(f"10.{i}.0.0/16" for i in range(250)),
                                      "127.0.0.0/8"])
    reload()
    for kind in d.services:
        still_serves(d, kind)
        for key in TRUSTED:
            del d.services[kind][key]
    reload()
    for kind in d.services:
        converse(d, kind, b"", b"PROXY is what the client says\n")


def scenario_wrappers(t):
    """Programs that become others hand on whom to trust, whatever they do to the environment."""
    installed(t, "perl")
    for command in (["/usr/bin/env", "-i", *ENV_OF_C], ["/usr/bin/nice", "/usr/bin/env", *ENV_OF_C],
                    sh("exec " + " ".join(["/usr/bin/env", "-u", "HOME", ENV_OF_C[0], "-e",
                                           f'"{ENV_OF_C[2]}"']).replace("$|", r"\$|"))):
        d = behind(t, ("io", "io_fork"), command=command).start()
        for kind in d.services:
            turned_away(d, kind, b"nonsense")
            wait_refused(d, kind, 1)
            still_serves(d, kind)
        d.stop()
