# SPDX-License-Identifier: MIT
"""Datagrams: who is answered with what, from where, by whom, and whether one is ever lost."""
import _strptime  # noqa: F401  (while whoever is root: later it may not be readable)
import calendar
import signal
import socket
import struct
import time

import plugins
from datagrams import *
from harness import *
from load import Load
from programs import installed, serve
from records import *


def udp(t, name="echo", **keys):
    """A daemon, started, whose only service takes datagrams on 127.0.0.1. (daemon, port)"""
    port = t.port()
    d = t.daemon(**{name: {"listen": [f"udp://127.0.0.1:{port}"], "workers": 2, **keys}})
    return d.start(), port


def taken(d, name=None):
    """Datagrams and connections that the service has taken, as its status says."""
    return d.service(name)["connections"]["accepted"]


# ---- what is answered

def scenario_every_service_answers_datagrams(t):
    """echo, upper, greet, daytime, time, chargen, each as its RFC says; discard never."""
    names = ("echo", "upper", "greet", "daytime", "time", "chargen", "discard")
    ports = {name: t.port() for name in names}
    d = t.daemon(**{n: {"listen": [f"udp://127.0.0.1:{p}"], "workers": 1}
                    for n, p in ports.items()}).start()
    equal(ask(t, ports["echo"], b"Hello"), b"Hello", "echo")
    equal(ask(t, ports["upper"], b"Hello 1\xe4"), b"HELLO 1\xe4", "upper")
    with Asker(t, ports["greet"]) as asker:
        equal(asker.ask("你好".encode("gbk")), b"server: hello, client!", "greet")
        asker_port = asker.socket.getsockname()[1]
    d.wait_log(msg="message", text="你好", peer=f"127.0.0.1:{asker_port}")
    told = time.strptime(ask(t, ports["daytime"], b"").decode(), "%A, %B %d, %Y %H:%M:%S-UTC\r\n")
    check(abs(calendar.timegm(told) - time.time()) < LIMIT, f"daytime is {told}")
    (number,) = struct.unpack("!I", ask(t, ports["time"], b""))
    check(abs(number - 2208988800 - time.time()) < LIMIT, f"time is {number}")
    equal(ask(t, ports["chargen"], b"x" * 80),
          bytes(range(32, 104)) + b"\r\n" + bytes(range(33, 39)), "chargen")
    with Asker(t, ports["discard"]) as asker:
        asker.send(b"x")
        wait_until(lambda: taken(d, "discard") == 1, "discard has read it")
        check(not asker.has_answer(0.1), "discard answered")


def scenario_every_kind_of_address(t):
    """udp on IPv4, IPv6 and both, Unix datagrams by path and abstract name, in one service."""
    path, abstract = t.path("datagrams"), f"@{t.path('abstract')}"
    four, six, both = t.port(), t.port(), t.port()
    t.skip_where(not has_ipv6(), "no IPv6")
    t.daemon(echo={"listen": [f"udp://127.0.0.1:{four}", f"udp://[::1]:{six}", f"udp://*:{both}",
                              f"unixgram://{path}", f"unixgram:{abstract}"], "workers": 2}).start()
    for where in (four, ("::1", six), both, ("::1", both), ("127.0.0.2", both), path, abstract):
        equal(ask(t, where, b"hello"), b"hello", f"echo of {where}")


def scenario_connections_that_keep_messages_apart(t):
    """seqpacket: each message is answered by one message, for all that have connections."""
    paths = {name: t.path(name) for name in ("echo", "upper", "greet", "chargen", "time")}
    t.daemon(**{n: {"listen": [f"seqpacket://{p}"], "workers": 1} for n, p in paths.items()}).start()
    for name, answer in (("echo", b"ab"), ("upper", b"AB"), ("greet", b"server: hello, client!")):
        with RecordClient(paths[name]) as client:
            for _ in range(3):
                client.send(b"ab", b"ab")
                equal([client.recv(), client.recv()], [answer] * 2, name)
            equal(client.half_close().recv(), b"", "the end")
    with RecordClient(paths["time"]) as client:
        equal(len(client.recv()), 4, "time")
    with RecordClient(paths["chargen"]) as client:
        equal(client.recv(72), bytes(range(32, 104)), "chargen")


def records(t, **keys):
    """A daemon, started, with echo and upper, one worker each, at paths of their names."""
    names = ("echo", "upper")
    d = t.daemon(**{name: {"listen": [f"seqpacket://{t.path(name)}"], "workers": 1, **keys}
                    for name in names}).start()
    return d, [t.path(name) for name in names]


def scenario_no_record_is_cut(t):
    """However long, up to what a socket sends by default: as long a one comes back."""
    _, paths = records(t)
    for path in paths:
        with RecordClient(path) as client:
            for size in (1, 4096, 16385, 65536, 65537, 100000, min(client.longest(), RECORD_MAX), 2):
                data = bytes(48 + i % 10 for i in range(size))
                answer = client.ask(data)
                equal(len(answer), size, f"{path}: length")
                check(answer == data, f"{path}: {size} bytes")


def scenario_a_record_that_is_too_long(t):
    """Nobody gets a part of it: the connection ends, the log says why, the worker goes on."""
    d, paths = records(t, access_log=False)
    for name, path in zip(("echo", "upper"), paths):
        with RecordClient(path) as client:
            sends = client.longest()
        sizes = [RECORD_MAX + 1] + ([sends + 1] if sends < RECORD_MAX else [])  # to read, to answer
        for count, size in enumerate(sizes, 1):
            with RecordClient(path, 2 * RECORD_MAX) as client:
                t.skip_where(client.longest() < size, "net.core.wmem_max is too small")
                equal(client.ask(b"before"), {"echo": b"before", "upper": b"BEFORE"}[name], name)
                equal(len(client.ask(bytes(size))), 0, f"{name}: the end, not a part of {size}")
            line = d.wait_log(msg="connection", service=name, end="record too long", count=count)
            equal(line["peer"], "unix", "peer")
        with RecordClient(path) as client:
            equal(client.ask(b"1"), b"1", f"{name}: the next client")
        equal(d.service(name)["crashes"], 0, "crashes")


def scenario_an_empty_record_is_not_the_end(t):
    """recv(2) cannot tell them apart. Empty ones are passed over, until the client has ended."""
    d, paths = records(t, access_log=True)
    for name, path in zip(("echo", "upper"), paths):
        with RecordClient(path) as client:
            equal(client.send(b"", b"", b"").ask(b"1"), b"1", name)
            client.send(b"2", b"", b"", b"3", b"").half_close()
            equal([client.recv(), client.recv(), client.recv()], [b"2", b"3", b""], name)
        line = d.wait_log(msg="connection", service=name)
        equal((line["bytes_in"], line["bytes_out"], line["end"]), ("3", "3", "client closed"), name)


def scenario_the_least_and_the_most(t):
    """Empty datagrams and such of 65,507 bytes, over UDP and Unix; longer ones of Unix are cut."""
    path, port = t.path("datagrams"), t.port()
    d = t.daemon(echo={"listen": [f"udp://127.0.0.1:{port}", f"unixgram://{path}"]}).start()
    longest = bytes(i % 251 for i in range(LONGEST))
    for where in (port, path):
        with Asker(t, where) as asker:
            for data in (b"", longest, b"", b"x", longest):
                equal(asker.ask(data), data, f"echo of {len(data)} bytes")
    equal(ask(t, path, longest + b"more"), longest, "echo of a longer one")
    equal(ask(t, path, b"short"), b"short", "the next one")
    equal(taken(d), 12, "datagrams are counted")


def scenario_answers_come_from_where_was_asked(t):
    """A service of all addresses answers from the very one; and if everybody was asked, not, which
    its log tells."""
    for name, host in (("four", "0.0.0.0"), ("both", "*")):
        port = t.port()
        d = t.daemon(name, echo={"listen": [f"udp://{host}:{port}"], "workers": 2}).start()
        for source in ("127.0.0.1", "127.0.0.3"):
            for asked in ("127.0.0.1", "127.0.0.2", "127.1.2.3"):
                equal(ask(t, (asked, port), b"x", (source, 0)), b"x", f"echo of {asked}")
        with Asker(t, ("127.255.255.255", port)) as asker:
            asker.send(b"all")
            wait_until(lambda: taken(d) == 7, "the broadcast has come")
            check(not asker.has_answer(0.1), "a broadcast was answered")
        d.wait_log(msg="datagram", bytes_in=3, bytes_out=0)
        d.stop()


ANSWERING = ("echo", "upper", "chargen", "daytime", "time", "greet")


def refused(d, name=None):
    return d.service(name)["connections"]["refused"]


def scenario_other_services_are_not_answered(t):
    """A source that is a service itself: it might answer in turn, or be somebody's victim. Known
    are reflecting ones, privileged ones, and all of our own, on whatever host."""
    ports = {name: t.port() for name in ANSWERING}
    d = t.daemon(**{n: {"listen": [f"udp://127.0.0.1:{p}"], "workers": 1}
                    for n, p in ports.items()}).start()
    sources = [1900, 11211, *ports.values()] + ([7, 19, 53] if t.is_root else [])
    for name, port in ports.items():
        for host, source in enumerate(sources, 20):
            with Asker(t, port, (f"127.0.7.{host}", source)) as asker:
                asker.send(b"x")
                wait_until(lambda: refused(d, name) == host - 19, "it has come")
                check(not asker.has_answer(0.01), f"{name} answered port {source}")
        check(ask(t, port, b"x"), f"{name} answers others")
        equal(taken(d, name), len(sources) + 1, "taken")


def scenario_a_port_that_the_configuration_does_not_name_is_known(t):
    """Chosen by the kernel, as it might be that of a socket that was inherited: it is ours."""
    d = t.daemon(echo={"listen": ["udp://127.0.0.1:0"], "workers": 1}).start()
    port = int(d.service()["listen"][0].rsplit(":", 1)[1])
    equal(ask(t, port, b"x"), b"x", "others are answered")
    with Asker(t, port, ("127.0.7.1", port)) as asker:
        asker.send(b"x")
        wait_until(lambda: refused(d) == 1, "it has come")
        check(not asker.has_answer(0.01), "it was answered")


def scenario_services_do_not_talk_to_each_other_for_ever(t):
    """One forged datagram from each to each, itself included, ends there."""
    t.skip_where(not t.is_root, "needs root to forge them")
    ports = {name: t.port() for name in ANSWERING}
    d = t.daemon(**{n: {"listen": [f"udp://127.0.0.1:{p}"], "workers": 2}
                    for n, p in ports.items()}).start()
    for port in ports.values():
        for source in ports.values():
            forge(("127.0.0.1", source), ("127.0.0.1", port), b"x" * 40)
    for name, port in ports.items():
        wait_until(lambda: taken(d, name) >= len(ports), "all have come")
        for _ in range(20):
            check(ask(t, port, b"x"), "it answers others")
        equal((taken(d, name), refused(d, name)), (len(ports) + 20, len(ports)), "nothing else came")


def scenario_a_service_that_comes_later_knows_the_others(t):
    """And so does not answer them, who have not been started anew and know nothing of it."""
    first, second = t.port(), t.port()
    d = t.daemon(echo={"listen": [f"udp://127.0.0.1:{first}"], "workers": 1}).start()
    pids = d.worker_pids()
    d.add("upper", listen=[f"udp://127.0.0.1:{second}"], workers=1)
    d.reload()
    equal(d.worker_pids("echo"), pids, "echo's worker")
    with Asker(t, second, ("127.0.7.1", first)) as asker:
        asker.send(b"x")
        wait_until(lambda: refused(d, "upper") == 1, "it has come")
        check(not asker.has_answer(0.01), "upper answered echo's port")


def scenario_two_hosts_do_not_talk_for_ever(t):
    """Two daemons that do not know of each other: what goes around between them faster than
    datagram_rate dies out."""
    host = own_address()
    t.skip_where(not t.is_root or not host, "needs root to forge, and an address")
    ports, daemons = [t.port(), t.port()], []
    for port, handler in zip(ports, ("echo", "upper")):
        keys = {"listen": [f"udp://0.0.0.0:{port}"], "workers": 2, "access_log": False,
                "datagram_rate": 100}
        daemons.append(t.daemon(handler, **{handler: keys}).start())
    for _ in range(3):
        forge((host, ports[1]), (host, ports[0]), b"forged")
    def has_ended():
        before = [taken(d) for d in daemons]
        time.sleep(0.2)
        return before[0] > 3 and before == [taken(d) for d in daemons]
    wait_until(has_ended, "it ends")
    equal(sum(refused(d) for d in daemons), 3, "each of the three was left unanswered once")


def scenario_an_address_is_answered_so_often_a_second(t):
    """datagram_rate is for who is not this machine's loopback; 0 is no limit."""
    host, port = own_address(), t.port()
    t.skip_where(not host, "no address but loopback's")
    d = t.daemon(echo={"listen": [f"udp://*:{port}"], "workers": 2, "datagram_rate": 2}).start()
    with Asker(t, (host, port), (host, 0)) as asker:
        for _ in range(100):
            asker.send(b"x")
        wait_until(lambda: taken(d) == 100, "all have come")
        answers = 0
        while asker.has_answer(0.1):
            asker.recv()
            answers += 1
        check(2 <= answers < 100, f"{answers} answers")
        equal(refused(d), 100 - answers, "those that were not answered are counted")
    with Asker(t, port) as asker:
        for _ in range(100):
            equal(asker.ask(b"x"), b"x", "loopback")
    d.stop()
    d.change("echo", datagram_rate=0)
    d.start()
    with Asker(t, (host, port), (host, 0)) as asker:
        for _ in range(100):
            equal(asker.ask(b"x"), b"x", "no limit")


# ---- many clients, one pool

def scenario_every_datagram_of_many_clients_is_answered(t):
    """8 clients, 4 workers, thousands of datagrams, none is lost; all workers have a share."""
    d, port = udp(t, workers=4)
    with Crowd(t, port, processes=8) as crowd:
        wait_until(lambda: taken(d) > 4000 and
                   all(row["connections"] > 0 for row in d.workers()), "all workers have served")
    equal(crowd.lost, 0, f"lost of {crowd.asked}")
    wait_until(lambda: taken(d) == crowd.asked, "each is counted once")
    wait_until(lambda: len(set(d.service()["bytes"].values())) == 1, "as many bytes out as in")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_addresses_of_all_types_share_one_pool(t):
    """tcp, udp, a Unix socket and Unix datagrams in one service: whichever is busy, the others are
    served, too."""
    port, unix, gram = t.port(), t.path("stream"), t.path("datagrams")
    d = t.daemon(echo={"listen": [f"tcp://127.0.0.1:{port}", f"udp://127.0.0.1:{port}",
                                  f"unix://{unix}", f"unixgram://{gram}"], "workers": 2}).start()
    load = Load(port, processes=2)
    with Crowd(t, port, processes=3) as crowd, Crowd(t, gram, processes=2) as grams:
        for i in range(50):
            with Client(unix) as client:
                equal(client.ask(b"%d" % i), b"%d" % i, "Unix")
            equal(ask(t, port, b"x"), b"x", "UDP")
        wait_until(lambda: taken(d) > 3000, "all work")
    load.stop()
    check(load.served > 20, f"only {load.served} TCP connections were served")
    check(crowd.asked > 100 and grams.asked > 100, f"{crowd.asked} UDP, {grams.asked} Unix")
    equal((load.lost, crowd.lost, grams.lost), ([], 0, 0), "lost")


def scenario_a_connection_does_not_keep_datagrams_waiting(t):
    """A worker that has a client is no worker for datagrams; the other one answers."""
    port = t.port()
    d = t.daemon(echo={"listen": [f"tcp://127.0.0.1:{port}", f"udp://127.0.0.1:{port}"],
                       "workers": 2}).start()
    with Client(port) as client:
        client.ask(b"x")
        for _ in range(20):
            equal(ask(t, port, b"y"), b"y", "UDP")
        row = d.worker_of(client)
        equal(row["connections"], 1, "the worker with the client")


# ---- reload, stop, death

@mark(alone=True)
def scenario_reload_loses_no_datagram(t):
    """Workers change again and again under load; whatever came is answered."""
    d, port = udp(t, workers=4)
    with Crowd(t, port, processes=6) as crowd:
        for i in range(12):
            before = taken(d)
            d.change("echo", idle_timeout=f"{60 + i}s", workers=2 + i % 3)
            d.reload()
            wait_until(lambda: taken(d) > before + 200 or
                       taken(d) < before, "it goes on")
    equal(crowd.lost, 0, f"lost of {crowd.asked}")


@mark(alone=True)
def scenario_workers_that_are_worn_out_lose_no_datagram(t):
    """max_connections_per_worker counts datagrams, and costs none."""
    d, port = udp(t, workers=3, max_connections_per_worker=50)
    with Crowd(t, port, processes=6) as crowd:
        wait_until(lambda: taken(d) > 2000, "many workers")
    equal(crowd.lost, 0, f"lost of {crowd.asked}")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_stop_answers_what_was_taken(t):
    """SIGTERM under load: it ends at once, with 0, and no answer is left behind half way."""
    d, port = udp(t, workers=4)
    with Crowd(t, port, processes=4, patience=1) as crowd:
        wait_until(lambda: taken(d) > 500, "load")
        d.stop()
    check(crowd.lost > 0, "they were answered by nobody")


def scenario_a_killed_worker_costs_its_batch_at_most(t):
    """The socket and what is in its queue belong to the supervisor."""
    d, port = udp(t, workers=2)
    d.expect("worker died")
    with Crowd(t, port, processes=4, patience=0.5) as crowd:
        for i in range(4):
            wait_until(lambda: taken(d) > 300 * (i + 1), "load")
            rows = wait_until(d.workers, "a worker is there")
            send_signal(rows[0]["pid"], signal.SIGKILL)
            wait_until(lambda: d.service()["crashes"] == i + 1, "it is noticed")
    check(crowd.lost <= 4 * 4, f"{crowd.lost} lost of {crowd.asked}")


def scenario_datagrams_wait_while_nobody_is_there(t):
    """All workers stopped: what comes meanwhile is answered when they go on."""
    d, port = udp(t, workers=2)
    pids = d.worker_pids()
    for pid in pids:
        send_signal(pid, signal.SIGSTOP)
    with Asker(t, port) as asker:
        for i in range(40):
            asker.send(b"%d" % i)
        for pid in pids:
            send_signal(pid, signal.SIGCONT)
        equal({asker.recv()[0] for _ in range(40)}, {b"%d" % i for i in range(40)}, "answers")


def scenario_an_address_that_is_taken_off_is_free(t):
    """After a reload without it another server can have it, and stops getting nothing."""
    first, second = t.port(), t.port()
    d = t.daemon(echo={"listen": [f"udp://127.0.0.1:{first}", f"udp://127.0.0.1:{second}"],
                       "workers": 2}).start()
    d.change("echo", listen=[f"udp://127.0.0.1:{second}"])
    d.reload()
    def is_free():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", first))
                return True
            except OSError:
                return False
    wait_until(is_free, "the address is free")
    equal(ask(t, second, b"x"), b"x", "the other")


def scenario_two_servers_do_not_share_a_port(t):
    """The second one is refused, and says which address; it does not take half the datagrams."""
    d, port = udp(t)
    other = t.daemon("other", echo={"listen": [f"udp://127.0.0.1:{port}"]}).launch()
    other.expect("cannot bind")
    other.wait_exit(EXIT_UNAVAILABLE)
    matches(f"udp://127.0.0.1:{port}.*cannot bind", other.log_text(), "the reason")
    equal(ask(t, port, b"x"), b"x", "the first one serves")


# ---- what is told

def scenario_status_and_access_log(t):
    """Datagrams count as connections; one line each, with its client, where that is wanted."""
    d, port = udp(t, access_log=True)
    with Asker(t, port) as asker:
        asker.ask(b"hello")
        asker.ask(b"")
        peer = "127.0.0.1:%d" % asker.socket.getsockname()[1]
    d.wait_log(msg="datagram", peer=peer, bytes_in=5, bytes_out=5)
    d.wait_log(msg="datagram", peer=peer, bytes_in=0, bytes_out=0)
    service = d.service()
    equal((service["connections"], service["bytes"]),
          ({"accepted": 2, "active": 0, "refused": 0}, {"in": 5, "out": 5}), "status")


def scenario_no_access_log_where_it_is_not_wanted(t):
    d, port = udp(t, access_log=False)
    for _ in range(5):
        ask(t, port, b"x")
    equal(d.log_lines(msg="datagram"), [], "lines")
    wait_until(lambda: taken(d) == 5, "and yet they are counted")


def scenario_who_has_no_name_is_served(t):
    """A Unix client that is bound to nothing cannot be answered, and costs nothing."""
    path = t.path("datagrams")
    d = t.daemon(echo={"listen": [f"unixgram://{path}"], "workers": 1, "access_log": True}).start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nobody:
        nobody.sendto(b"hello", path)
        nobody.sendto(b"", path)
    d.wait_log(msg="datagram", peer="unix", bytes_in=5, bytes_out=0)
    d.wait_log(msg="datagram", peer="unix", bytes_in=0, bytes_out=0)
    equal(ask(t, path, b"x"), b"x", "the next one")


def scenario_what_is_cut_is_logged(t):
    """Unix datagrams may be longer than handlers read."""
    path = t.path("datagrams")
    d = t.daemon(echo={"listen": [f"unixgram://{path}"], "workers": 1}).start()
    with Asker(t, path) as asker:
        for size in (LONGEST, LONGEST + 1):
            equal(len(asker.ask(b"x" * size)), LONGEST, f"answer to {size} bytes")
    d.wait_log(msg="datagram", bytes_in=LONGEST, count=2)
    lines = [line.get("cut") for line in d.log_lines(msg="datagram", bytes_in=LONGEST)]
    equal(lines, [None, "yes"], "cut")


def scenario_why_an_answer_was_not_sent_is_logged(t):
    """A Unix client whose socket the service's user may not write to."""
    path = t.path("datagrams")
    d = t.daemon(echo={"listen": [f"unixgram://{path}"], "workers": 1}).start()
    with Asker(t, path) as asker:
        os.chmod(asker.path, 0)
        asker.send(b"hello")
        d.wait_log(msg="datagram", bytes_in=5, bytes_out=0, error="Permission denied")
        os.chmod(asker.path, 0o777)
        equal(asker.ask(b"hello"), b"hello", "answer")
        equal(len(d.log_lines(error="Permission denied")), 1, "refused answers")


def scenario_a_client_that_does_not_read_stops_nobody(t):
    """Its queue is full: what does not fit is lost to it, others are answered; and the log says of
    each datagram what was sent, not what was meant to be."""
    path = t.path("datagrams")
    d = t.daemon(echo={"listen": [f"unixgram://{path}"], "workers": 1}).start()
    with Asker(t, path) as lazy:
        for _ in range(100):
            lazy.send(b"x" * 1000)
        equal(ask(t, path, b"y"), b"y", "another client")
    lines = wait_until(lambda: (found := d.log_lines(msg="datagram")) and len(found) == 101 and found,
                       "a line for each")
    sent = sum(int(line["bytes_out"]) for line in lines)
    check(sent < 100001, "nothing was lost")
    equal(sent, d.service()["bytes"]["out"], "bytes out")


# ---- plugins

def scenario_a_plugin_is_told_of_its_datagrams(t):
    """Who sent it, where it was sent to, which entry took it; and the log has the sender."""
    port, both, path = t.port(), t.port(), t.path("datagrams")
    t.skip_where(not has_ipv6(), "no IPv6")
    entries = [f"udp://127.0.0.1:{port}", f"udp://*:{both}", f"unixgram://{path}"]
    d = plugins.serve(t, listen=entries, workers=2).start()
    d.expect("asked")
    for where, entry in ((port, 0), (("127.0.0.1", both), 1), (("127.0.0.9", both), 1),
                         (("::1", both), 1)):
        with Asker(t, where) as asker:
            host, number = asker.where
            peer, local, listener = asker.ask(b"who").decode().split()
            mine = asker.socket.getsockname()
            host = f"[{host}]" if ":" in host else host
            equal(local, f"{host}:{number}", "where it was sent to")
            equal(peer.rsplit(":", 1)[1], str(mine[1]), "who sent it")
            equal(listener, entries[entry], "which entry took it")
            asker.ask(b"log")
            d.wait_log(msg="asked", **{"for": "log"}, peer=peer)
    equal(ask(t, path, b"who").decode().split(), ["unix", "unix", entries[2]], "Unix")


def scenario_a_plugin_that_hangs_on_a_datagram_is_killed(t):
    """Nothing wakes it when its time is over: it is killed, and another one serves."""
    port = t.port()
    d = plugins.serve(t, listen=[f"udp://127.0.0.1:{port}"], idle_timeout="200ms",
                      kill_timeout="100ms").start()
    d.expect("worker died")
    with Asker(t, port) as asker:
        asker.send(b"hang")
        equal(d.wait_log(msg="worker died")["signal"], "SIGKILL", "how")
        check(asker.ask(b"who"), "the next one serves")


# ---- programs that are handed the socket, inetd's "wait"

# Answers COUNT datagrams with its process number and what it got, and ends.
READER = """
import os, socket, sys
s = socket.socket(fileno=os.dup(0))
for _ in range(int(sys.argv[1])):
    data, peer = s.recvfrom(65536)
    s.sendto(b"%d " % os.getpid() + data, peer)
"""


def waits(t, *arguments, **keys):
    """A daemon, started, that hands its socket to READER with ARGUMENTS. (daemon, port)"""
    port = t.port()
    python = installed(t, "python3")
    d = serve(t, [python, "-c", READER, *arguments], listen=[f"udp://127.0.0.1:{port}"], **keys)
    return d.start(), port


def scenario_a_program_is_handed_the_socket(t):
    """It reads as many as it likes; the next one is started for what comes then, never two."""
    d, port = waits(t, "3")
    with Asker(t, port) as asker:
        for i in range(9):
            asker.send(b"%d" % i)
        answers = [asker.recv()[0].split() for _ in range(9)]
    pids = [pid for pid, _ in answers]
    equal([data for _, data in answers], [b"%d" % i for i in range(9)], "in order: one at a time")
    equal([len(set(pids[i:i + 3])) for i in (0, 3, 6)], [1, 1, 1], "three for each")
    equal(len(set(pids)), 3, "programs")
    d.wait_log(msg="connection", count=3, end="program ended", status=0)
    equal(taken(d), 3, "programs are counted")
    check(d.ctl("scale", "p", "2").returncode != 0, "nor can there be two later")


def scenario_a_program_is_told_of_its_socket(t):
    """Where it is bound to, and no client: there may be many."""
    port, path = t.port(), t.path("datagrams")
    code = ("import os, socket; data, peer = socket.socket(fileno=0).recvfrom(100); "
            "print(sorted(f'{k}={v}' for k, v in os.environ.items() "
            "if k == 'PROTO' or 'LOCAL' in k or 'REMOTE' in k), file=__import__('sys').stderr)")
    handler = {"type": "exec", "command": [installed(t, "python3"), "-c", code]}
    d = t.daemon(udp={"listen": [f"udp://127.0.0.1:{port}"], "handler": handler, "workers": 1},
                 gram={"listen": [f"unixgram://{path}"], "handler": handler, "workers": 1}).start()
    for where in (port, path):
        with Asker(t, where) as asker:
            asker.send(b"x")
    d.wait_log(msg="stderr", service="udp",
               text=f"['PROTO=UDP', 'UDPLOCALIP=127.0.0.1', 'UDPLOCALPORT={port}']")
    d.wait_log(msg="stderr", service="gram", text=f"['IPCLOCALPATH={path}', 'PROTO=IPC']")


def scenario_a_program_that_reads_nothing_is_held_off(t):
    """Its datagram stays; nobody is started for it over and over without end."""
    port = t.port()
    d = serve(t, ["/bin/true"], listen=[f"udp://127.0.0.1:{port}"]).start()
    with Asker(t, port) as asker:
        asker.send(b"unread")
        d.wait_log(level="warning", msg="the program ends and leaves its datagram unread; "
                                        "it is held off")
        before = taken(d)
        time.sleep(1)
        check(taken(d) - before < 12, f"{taken(d) - before} programs in a second")
        d.stop()


def scenario_a_program_that_is_held_off_is_not_started_by_a_stop(t):
    """Its worker leaves; there is nothing to hand over."""
    port = t.port()
    d = serve(t, ["/usr/bin/test", "-S", "/dev/fd/0"], listen=[f"udp://127.0.0.1:{port}"]).start()
    with Asker(t, port) as asker:
        asker.send(b"unread")
        d.wait_log(level="warning", msg="the program ends and leaves its datagram unread; "
                                        "it is held off")
        wait_until(lambda: d.workers(state="idle"), "one is held off")
        d.stop()
    for line in d.log_lines(msg="connection"):
        equal((line["end"], line["status"]), ("program ended", "0"), "it got the socket")
    equal(d.log_lines(level="error"), [], "errors")


def scenario_a_program_that_stays_is_ended_by_max_lifetime(t):
    """As any program, and what came meanwhile is read by the next one."""
    d, port = waits(t, "1000000", max_lifetime="1s")
    with Asker(t, port) as asker:
        first = asker.ask(b"x").split()[0]
        d.wait_log(msg="connection", end="max_lifetime")
        second = asker.ask(b"x").split()[0]
    check(first != second, "another program")


def scenario_a_reload_waits_for_the_program(t):
    """It may finish, for graceful_timeout, and the next generation's reads beside it: no datagram
    is lost."""
    d, port = waits(t, "2", graceful_timeout="1s")
    with Asker(t, port) as asker:
        asker.ask(b"x")
        d.change("p", access_log=False)
        d.reload()
        asker.ask(b"y")
        asker.ask(b"z")
