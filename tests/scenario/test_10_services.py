# SPDX-License-Identifier: MIT
"""The four tutorial services, every address family, and what one client per process means."""
import json
import os
import pwd
import re
import signal
import socket
import stat
import subprocess

from harness import *

BODY = b"Hello, world!"
GREETING = b"server: hello, client!"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


# ---- echo

def scenario_echo_one_byte(t):
    d = t.daemon(echo={"workers": 1}).start()
    with Client(d.port) as client:
        equal(client.ask(b"\0"), b"\0", "echo of a NUL")


def scenario_echo_sixteen_mebibytes(t):
    """More than all buffers hold, with a client that reads and writes at the same time."""
    d = t.daemon(echo={"workers": 1}).start()
    data = os.urandom(1 << 20) * 16
    with Client(d.port) as client:
        child = os.fork()
        if child == 0:
            client.send(data).half_close()
            os._exit(0)
        equal(client.recv_all() == data, True, "16 MiB came back unchanged")
        os.waitpid(child, 0)
    line = d.wait_log(msg="connection")
    equal((line["bytes_in"], line["bytes_out"]), (str(16 << 20), str(16 << 20)), "bytes logged")


def scenario_echo_of_a_stream_is_a_batch(t):
    """Scheduled for throughput while the client sends on and on, as all others once it asks again."""
    d = t.daemon(echo={"workers": 1}).start()
    (worker,) = d.worker_pids()
    piece = bytes(1 << 20)

    def stream():
        child = os.fork()
        if child == 0:
            client.send(piece)
            os._exit(0)
        equal(client.recv_exactly(len(piece)), piece, "the echo")
        os.waitpid(child, 0)
        return os.sched_getscheduler(worker) == os.SCHED_BATCH

    with Client(d.port) as client:
        wait_until(stream, "SCHED_BATCH")
        equal(client.ask(b"x"), b"x", "the echo of a byte")
        equal(os.sched_getscheduler(worker), os.SCHED_OTHER, "policy")
        wait_until(stream, "SCHED_BATCH")
    wait_until(lambda: os.sched_getscheduler(worker) == os.SCHED_OTHER, "SCHED_OTHER at the end")


def scenario_echo_half_close(t):
    """A client that has sent its end (nc -N) still gets all of its answer, then the end."""
    d = t.daemon(echo={"workers": 1}).start()
    with Client(d.port) as client:
        client.send(b"the last words").half_close()
        equal(client.recv_all(), b"the last words", "echo")


def scenario_echo_byte_by_byte(t):
    d = t.daemon(echo={"workers": 1}).start()
    with Client(d.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"one byte at a time":
            equal(client.ask(bytes([byte])), bytes([byte]), "echo")


def scenario_echo_several_messages_in_a_segment(t):
    d = t.daemon(echo={"workers": 1}).start()
    with Client(d.port) as client:
        client.send(b"one\ntwo\nthree\n")
        equal(client.recv_exactly(14), b"one\ntwo\nthree\n", "echo")


def scenario_echo_with_short_sends(t):
    """The kernel may take fewer bytes than offered: nothing is lost or doubled by that."""
    d = t.daemon(echo={"workers": 1}).start(env=t.shim("short_send"))
    data = os.urandom(50000)
    with Client(d.port) as client:
        equal(client.ask(data) == data, True, "50,000 bytes sent 7 at a time")


def scenario_client_says_nothing(t):
    """A client that connects and leaves is a connection without bytes."""
    d = t.daemon(echo={"workers": 1}, hello={"workers": 1}, upper={"workers": 1},
                 greet={"workers": 1}).start()
    for name, port in d.ports.items():
        Client(port).close()
        line = d.wait_log(msg="connection", service=name)
        equal((line["bytes_in"], line["bytes_out"], line["end"]), ("0", "0", "client closed"), name)


# ---- upper

def scenario_upper(t):
    """ASCII letters; every other byte as it came."""
    d = t.daemon(upper={"workers": 1}).start()
    every = bytes(range(256))
    with Client(d.port) as client:
        equal(client.ask(b"Hello, World 123"), b"HELLO, WORLD 123", "upper")
        equal(client.ask(every), every.upper(), "every byte")


# ---- greet

def scenario_greet_gbk(t):
    """Each message is logged decoded and answered; who came and who left is logged."""
    d = t.daemon(greet={"workers": 1}).start()
    with Client(d.port) as client:
        for text in ("你好", "服务器 second message", "plain"):
            equal(client.send(text.encode("gbk")).recv(), GREETING, "answer")
            line = d.wait_log(msg="message", text=text)
            equal(line["peer"], client.peer, "peer of the message")
        d.wait_log(msg="client came", peer=client.peer)
    d.wait_log(msg="client left", peer=client.peer)


def scenario_greet_character_cut_over_two_sends(t):
    """The two bytes of one character in two messages: it is logged whole, not as two errors."""
    d = t.daemon(greet={"workers": 1}).start()
    first, second = "好".encode("gbk")[:1], "好".encode("gbk")[1:]
    with Client(d.port) as client:
        equal(client.send(b"ab" + first).recv(), GREETING, "answer to the first half")
        d.wait_log(msg="message", text="ab")
        equal(client.send(second + b"cd").recv(), GREETING, "answer to the second half")
    d.wait_log(msg="message", text="好cd")
    check(REPLACEMENT not in d.log_text(), "no replacement character")


def scenario_greet_invalid_bytes(t):
    """Answered like any message; logged with U+FFFD in their place."""
    d = t.daemon(greet={"workers": 1}).start()
    with Client(d.port) as client:
        equal(client.send(b"ab\xff\xffcd").recv(), GREETING, "answer")
        d.wait_log(msg="message", text=f"ab{REPLACEMENT}{REPLACEMENT}cd")
        equal(client.send(b"end\x81").recv(), GREETING, "answer to half a character")
    d.wait_log(msg="message", text=REPLACEMENT)


def scenario_greet_control_characters_are_escaped(t):
    """No client can forge a log line, colour a terminal or hide text."""
    d = t.daemon(greet={"workers": 1}).start()
    nasty = 'a"b\\c\nlevel=error msg=forged\r\t\x1b[31m\x00\x07\x7f'
    with Client(d.port) as client:
        equal(client.send(nasty.encode()).recv(), GREETING, "answer")
        d.wait_log(msg="message", text=nasty)
    equal([c for c in d.log_text() if (c < " " and c != "\n") or c == "\x7f"], [],
          "control characters in the log")
    equal(d.log_lines(msg="forged"), [], "forged lines")


def scenario_greet_other_encoding(t):
    """handler = { type = "greet"; encoding = …; } for question and answer."""
    d = t.daemon(greet={"workers": 1, "handler": {"type": "greet", "encoding": "utf-16le"}}).start()
    with Client(d.port) as client:
        equal(client.send("grüße".encode("utf-16le")).recv(), GREETING.decode().encode("utf-16le"),
              "answer")
        d.wait_log(msg="message", text="grüße")


def scenario_greet_through_preforkc(t):
    """preforkc speaks GBK for a terminal that speaks UTF-8."""
    d = t.daemon(greet={"workers": 1}).start()
    done = t.run("preforkc", "send", "--encoding", "gbk", f"127.0.0.1:{d.port}", "你好")
    equal(done.returncode, 0, "preforkc send")
    matches("server: hello, client!", done.stdout, "answer")
    d.wait_log(msg="message", text="你好")


def scenario_preforkc_tells_failures_apart(t):
    """send: 0 answered, 2 refused, 3 timed out, 5 closed without an answer; chat: both ways."""
    d = t.daemon(echo={"workers": 1}, hello={"workers": 1}).start()
    echo = f"127.0.0.1:{d.ports['echo']}"
    equal(t.run("preforkc", "send", f"127.0.0.1:{t.port()}", "x").returncode, 2, "refused")
    gone = t.run("preforkc", "send", "unix://" + t.path("nowhere"), "x")
    equal(gone.returncode, 2, "refused, too")
    matches(": No such file or directory$", gone.stderr.strip(), "what a person has to look at")
    with Client(d.ports["echo"]) as holder:
        holder.ask(b"x")
        equal(t.run("preforkc", "send", "--timeout", "200ms", echo, "x").returncode, 3, "timed out")
    equal(t.run("preforkc", "send", "--count", "3", echo, "x").stdout.count("x"), 3, "three times")
    done = subprocess.run([t.program("preforkc"), "chat", echo], input=b"typed\nlines\n",
                          stdout=subprocess.PIPE, timeout=LIMIT, check=False)
    equal((done.returncode, done.stdout), (0, b"typed\nlines\n"), "chat")


# ---- hello

def http(client, request):
    """Send, read to the end, split: (status line, headers, body)."""
    head, _, body = client.send(request).recv_all().partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, body


def scenario_hello_plain_text(t):
    """Anything that is not HTTP is one message; the answer is the text, then the end."""
    d = t.daemon(hello={"workers": 1}).start()
    for number, message in enumerate((b"hi\n", b"x", b"GETTING there", b"get / HTTP/1.1\r\n")):
        with Client(d.port) as client:
            equal(client.send(message).recv_all(), BODY, f"answer to {message}")
        d.wait_log(msg="request", count=number + 1)
    equal([line["line"] for line in d.log_lines(msg="request")],
          ["hi", "x", "GETTING there", "get / HTTP/1.1"], "requests logged")


def scenario_hello_http_get(t):
    d = t.daemon(hello={"workers": 1}).start()
    with Client(d.port) as client:
        status, headers, body = http(client, b"GET /path HTTP/1.1\r\nHost: localhost\r\n\r\n")
    equal((status, body), ("HTTP/1.1 200 OK", BODY), "response")
    equal((headers["content-length"], headers["connection"]), (str(len(BODY)), "close"), "headers")
    d.wait_log(msg="request", line="GET /path HTTP/1.1")


def scenario_hello_http_head(t):
    """The same headers, no body."""
    d = t.daemon(hello={"workers": 1}).start()
    with Client(d.port) as client:
        status, headers, body = http(client, b"HEAD / HTTP/1.0\r\n\r\n")
    equal((status, headers["content-length"], body), ("HTTP/1.1 200 OK", str(len(BODY)), b""),
          "response")


def scenario_hello_http_post_with_body(t):
    """The body is read and thrown away: it must not turn the answer into a reset."""
    d = t.daemon(hello={"workers": 1}).start()
    body = b"x" * 200000
    request = b"POST /form HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for _ in range(5):
        with Client(d.port) as client:
            status, _, answer = http(client, request)
        equal((status, answer), ("HTTP/1.1 200 OK", BODY), "response")


def scenario_hello_request_cut_into_single_bytes(t):
    d = t.daemon(hello={"workers": 1}).start()
    with Client(d.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\n\r":
            client.send(bytes([byte]))
        check(not client.ended(), "no answer before the request is whole")
        equal(http(client, b"\n")[0], "HTTP/1.1 200 OK", "response")


def scenario_hello_huge_header(t):
    """More header than there is room for: 431, not a reset, and the worker lives."""
    d = t.daemon(hello={"workers": 1}).start()
    (pid,) = d.worker_pids()
    with Client(d.port) as client:
        status, _, _ = http(client, b"GET / HTTP/1.1\r\nX: " + b"y" * 40000)
    equal(status, "HTTP/1.1 431 Request Header Fields Too Large", "response")
    equal(d.worker_pids(), {pid}, "worker")


def scenario_hello_half_a_request(t):
    """The client sends half a request and its end: it is answered and let go."""
    d = t.daemon(hello={"workers": 1}).start()
    for half in (b"GET / HTT", b"GET / HTTP/1.1\r\nHost:", b"GE"):
        with Client(d.port) as client:
            check(BODY in client.send(half).half_close().recv_all(), f"{half} is answered")


def scenario_hello_with_curl(t):
    """An HTTP client that somebody else wrote."""
    t.skip_where(t.run_command(["sh", "-c", "command -v curl"]).returncode, "curl is not installed")
    d = t.daemon(hello={"workers": 1}).start()
    done = t.run_command(["curl", "-sS", "--noproxy", "*", "-i", f"http://127.0.0.1:{d.port}/"])
    equal(done.returncode, 0, f"curl: {done.stderr}")
    matches(r"(?s)^HTTP/1.1 200 OK.*\n\r?\nHello, world!$", done.stdout, "curl")


# ---- addresses

def scenario_address_ipv6(t):
    t.skip_where(not has_ipv6(), "no IPv6 loopback here")
    port = t.port()
    d = t.daemon(echo={"workers": 1, "listen": [f"tcp://[::1]:{port}"]}).start()
    with Client(("::1", port)) as client:
        equal(client.ask(b"x"), b"x", "echo")
    equal(d.wait_log(msg="connection")["peer"], client.peer, "peer")
    check(refuses(port), "IPv6 loopback is not IPv4 loopback")


def scenario_address_every(t):
    """tcp://*:PORT: IPv4 and IPv6 on one socket; peers are shown as what they are."""
    port = t.port()
    d = t.daemon(echo={"workers": 1, "listen": [f"tcp://*:{port}"]}).start()
    equal(d.service()["listen"], [f"tcp://*:{port}"], "listen in the status")
    for host in ["127.0.0.1"] + (["::1"] if has_ipv6() else []):
        with Client((host, port)) as client:
            equal(client.ask(b"x"), b"x", f"echo through {host}")
        d.wait_log(msg="connection", peer=client.peer)


def scenario_address_name(t):
    """A name stands for each of its addresses."""
    t.skip_where(not resolves("localhost"), "this machine does not know localhost")
    port = t.port()
    d = t.daemon(echo={"workers": 2, "listen": f"tcp://localhost:{port}"}).start()
    hosts = {info[4][0] for info in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    equal(len(d.service()["listen"]), len(hosts), "sockets")
    for host in hosts:
        with Client((host, port)) as client:
            equal(client.ask(b"x"), b"x", f"echo through {host}")


def scenario_address_unix_path(t):
    """The socket has socket_mode, whatever the umask; it is removed at the end."""
    for mode in ("0600", "0666", "0660"):
        path = t.path(f"echo-{mode}.sock")
        d = t.daemon(name=f"mode-{mode}",
                     echo={"workers": 1, "listen": [f"unix://{path}"], "socket_mode": mode})
        d.start()
        equal(f"{stat.S_IMODE(os.stat(path).st_mode):04o}", mode, "mode of the socket")
        with Client(path) as client:
            equal(client.ask(b"x"), b"x", "echo")
        equal(d.wait_log(msg="connection")["peer"], "unix", "peer")
        d.stop()
        check(not os.path.lexists(path), "the socket is gone")


def scenario_address_abstract(t):
    name = f"preforkd-scenario-{os.getpid()}"
    d = t.daemon(echo={"workers": 1, "listen": [f"unix:@{name}"]}).start()
    equal(d.service()["listen"], [f"unix:@{name}"], "listen in the status")
    with Client(f"@{name}") as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_two_addresses_in_one_service(t):
    """Both are served by the same workers, at the same time."""
    port, path = t.port(), t.path("echo.sock")
    d = t.daemon(echo={"workers": 2, "listen": [f"tcp://127.0.0.1:{port}", f"unix://{path}"]})
    d.start()
    for _ in range(20):
        with Client(port) as one, Client(path) as other:
            equal(one.ask(b"x") + other.ask(b"y"), b"xy", "echo on both")
    equal(len(d.workers()), 2, "workers")


def scenario_port_zero(t):
    """The kernel chooses a port; the status shows it; a reload keeps it."""
    d = t.daemon(echo={"workers": 1, "listen": ["tcp://127.0.0.1:0"]}).start()
    (shown,) = d.service()["listen"]
    port = int(re.fullmatch(r"tcp://127\.0\.0\.1:(\d+)", shown)[1])
    check(port > 0, "a real port")
    d.change("echo", workers=2)
    d.reload()
    equal(d.service()["listen"], [shown], "listen after a reload")
    with Client(port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_stale_unix_socket_is_replaced(t):
    """A socket file that nobody serves is left over from a crash; one that is served is not."""
    path = t.path("echo.sock")
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    d = t.daemon(echo={"workers": 1, "listen": [f"unix://{path}"]}).start()
    with Client(path) as client:
        equal(client.ask(b"x"), b"x", "echo")
    d.stop()
    served = socket.socket(socket.AF_UNIX)
    served.bind(path)
    served.listen()
    d.expect("another program is serving").launch()
    d.wait_exit(EXIT_UNAVAILABLE)
    served.close()
    check(os.path.lexists(path), "the other program's socket is still there")
    os.unlink(path)
    with open(path, "w") as file:
        file.write("precious")
    d.expect("is not a socket").launch()
    d.wait_exit(EXIT_UNAVAILABLE)
    with open(path) as file:
        equal(file.read(), "precious", "a file in the way")


# ---- one client per process

def scenario_one_client_per_process(t):
    """N workers serve N clients at once, each in another process; the N+1st waits in the
    kernel's queue and is served when one of them leaves."""
    d = t.daemon(echo={"workers": 3}).start()
    clients = [Client(d.port) for _ in range(3)]
    for client in clients:
        client.ask(b"x")
    busy = d.workers(state="busy")
    equal({row["peer"] for row in busy}, {c.peer for c in clients}, "peers")
    equal(len({row["pid"] for row in busy}), 3, "processes")
    late = Client(d.port).send(b"waiting")
    wait_until(lambda: d.service()["queue"]["length"] == 1, "one connection is queued")
    stays(lambda: not late.readable(), "the fourth client waits")
    clients.pop().close()
    equal(late.recv_exactly(7), b"waiting", "the fourth client is served")
    for client in [*clients, late]:
        client.close()


def scenario_workers_compete_for_connections(t):
    """All workers of a pool block in accept on the same socket; each gets some."""
    d = t.daemon(echo={"workers": 4}).start()
    for _ in range(100):
        with Client(d.port) as client:
            client.ask(b"x")
    wait_until(lambda: d.service()["connections"]["accepted"] == 100, "100 accepted")
    counts = [row["connections"] for row in d.workers()]
    equal(sum(counts), 100, "connections of all workers")
    check(min(counts) >= 5, f"each worker gets its share: {counts}")


def scenario_there_are_no_threads(t):
    d = t.daemon(echo={"workers": 2}, greet={"workers": 2}).start()
    with Client(d.ports["echo"]) as client:
        client.ask(b"x")
        pids = [d.pid, *descendants(d.pid)]
        equal(len(pids), 1 + 2 + 4, "processes")
        for pid in pids:
            equal(os.listdir(f"/proc/{pid}/task"), [str(pid)], "threads")


def scenario_process_names(t):
    d = t.daemon(echo={"workers": 2}).start()
    table = process_table()
    equal(table[d.pid][0], "preforkd", "supervisor")
    equal(table[d.pool_pid()][0], "preforkd-pool", "pool")
    for pid in d.worker_pids():
        equal(table[pid][0], "preforkd-worker", "worker")
        equal(table[pid][2], d.pool_pid(), "its parent")


def kinds(pid):
    """A process' descriptors, as a list of what they are in the order of their numbers."""
    return [re.sub(r":\[\d+\]$", "", target) for _, target in sorted(descriptors(pid).items())]


def scenario_descriptors_are_exactly_those_expected(t):
    """No process holds a descriptor that it does not use, and none but 0 to 2 survives an exec."""
    t.skip_sanitized("its runtime may hold descriptors")
    d = t.daemon(echo={"workers": 2}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        log, null = d.log_file, "/dev/null"
        busy = d.worker_of(client)["pid"]
        (idle,) = d.worker_pids() - {busy}
        pool, supervisor = d.pool_pid(), d.pid
        # 0 1 2, the gate, the pool's eventfd, two that only programs need, the listener, the
        # mailbox of the log, one more for programs
        own = [null, null, log, "pipe", "anon_inode:[eventfd]", null, null, "socket", "socket", null]
        equal(kinds(idle), own, "an idle worker")
        equal(kinds(busy), own + ["socket"], "a busy worker")
        equal(sorted(kinds(pool)), sorted(own + [
             "socket", "anon_inode:[eventpoll]", "anon_inode:[signalfd]",  # channel, loop, signals
             "socket",  # the other end of the mailbox
             "anon_inode:[pidfd]", "anon_inode:[pidfd]"]), "the pool")
        program, library = t.program("preforkd-pool"), t.program("preforkd-preload.so")
        equal(sorted(kinds(supervisor)), sorted(
            [null, log, log, null, program, library, "anon_inode:[eventpoll]", "anon_inode:[signalfd]",
             "socket", d.control + ".lock",  # control socket
             "socket",  # listener
             # a pool: channel, process, and what an upgrade hands on of it
             "socket", "anon_inode:[pidfd]", "/memfd:scoreboard (deleted)"]), "the supervisor")
        for pid in (busy, idle, pool, supervisor):
            for fd in descriptors(pid):
                check(fd <= 2 or close_on_exec(pid, fd), f"descriptor {fd} is closed by an exec")


def scenario_workers_have_no_privileges(t):
    """Started by root: pools and workers are nobody, without groups, capabilities or a way back.
    Started by anybody else: they are that user."""
    d = t.daemon(echo={"workers": 2}).start()
    uid = NOBODY if t.is_root else os.geteuid()
    for pid in [d.pool_pid(), *d.worker_pids()]:
        status = proc_status(pid)
        equal(status["Uid"].split(), [str(uid)] * 4, "uid")
        equal(status["Gid"].split(), [str(NOBODY if t.is_root else os.getegid())] * 4, "gid")
        equal(status["NoNewPrivs"], "1", "NoNewPrivs")
        check(set(status["Groups"].split()) <= {str(NOBODY)}, f"groups {status['Groups']}")
        for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            equal(int(status[key], 16), 0, key)


@mark(root=True)
def scenario_groups_of_root_are_dropped(t):
    """Started with supplementary groups: no pool or worker keeps one."""
    d = t.daemon(echo={"workers": 1})
    d.start(preexec=lambda: os.setgroups([0, 4, 12345]))
    for pid in [d.pool_pid(), *d.worker_pids()]:
        check(set(proc_status(pid)["Groups"].split()) <= {str(NOBODY)}, "groups")


@mark(root=True)
def scenario_user_option(t):
    """user = … is what workers run as; root needs allow_root."""
    d = t.daemon(echo={"workers": 1}, top={"user": "daemon"}).start()
    (pid,) = d.worker_pids()
    equal(proc_status(pid)["Uid"].split(), [str(pwd.getpwnam("daemon").pw_uid)] * 4, "uid")
    d.stop()
    r = t.daemon(name="root", echo={"workers": 1}, top={"user": "root"})
    r.write()
    matches("allow_root", t.run("preforkd", "-t", "-c", r.file).stderr, "root is refused")
    r.top["allow_root"] = True
    r.start()
    equal(proc_status(r.pool_pid())["Uid"].split(), ["0"] * 4, "uid with allow_root")


def scenario_process_groups(t):
    """A pool has a process group of its own: Control-C at the terminal reaches the supervisor
    alone, which stops the rest in its order."""
    d = t.daemon(echo={"workers": 1}).start()
    equal(os.getpgid(d.pool_pid()), d.pool_pid(), "process group of the pool")
    for pid in d.worker_pids():
        equal(os.getpgid(pid), d.pool_pid(), "process group of a worker")


# ---- what is counted and logged

def scenario_access_log(t):
    """One line per connection, with peer, bytes both ways, duration and why it ended."""
    d = t.daemon(echo={"workers": 1}, hello={"workers": 1}, upper={"workers": 1}).start()
    with Client(d.ports["echo"]) as client:
        client.ask(b"12345")
    line = d.wait_log(msg="connection", service="echo")
    equal((line["peer"], line["bytes_in"], line["bytes_out"], line["end"], line["role"]),
          (client.peer, "5", "5", "client closed", "worker"), "line")
    check(0 <= float(line["duration_s"]) < 60, "duration")
    with Client(d.ports["hello"]) as client:
        client.send(b"x").recv_all()
    equal(d.wait_log(msg="connection", service="hello")["end"], "server closed", "end of hello")
    client = Client(d.ports["upper"])
    client.ask(b"x")
    client.reset()
    equal(d.wait_log(msg="connection", service="upper")["end"], "reset", "end by a reset")


def scenario_access_log_off(t):
    d = t.daemon(echo={"workers": 1, "access_log": False}).start()
    for _ in range(3):
        with Client(d.port) as client:
            client.ask(b"x")
    wait_until(lambda: d.service()["connections"]["accepted"] == 3 and
               d.service()["workers"]["idle"] == 1, "three were served")
    equal(d.log_lines(msg="connection"), [], "lines per connection")


def scenario_json_log(t):
    """log.format = "json": every line is one JSON object, whatever clients send."""
    d = t.daemon(greet={"workers": 2}, log={"format": "json"}).start()
    with Client(d.port) as client:
        for message in (b"x", bytes(range(256)), b'"}{"level":"error"}\n', b"\xff" * 3000):
            client.send(message).recv()
    send_signal(d.workers()[0]["pid"], signal.SIGKILL)
    d.wait_log(msg="worker died")
    d.stop()
    lines = d.log_text().splitlines()
    check(len(lines) > 8, "there are lines")
    for line in lines:
        fields = json.loads(line)
        check({"time", "level", "role", "pid", "msg"} <= set(fields), f"fields of {line}")


def scenario_log_level(t):
    d = t.daemon(echo={"workers": 1}, log={"level": "warning"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
    d.stop()
    equal(d.log_text(), "", "a log of level warning where nothing is wrong")
    e = t.daemon(name="debug", echo={"workers": 1}, log={"level": "debug"}).start()
    e.stop()
    e.wait_log(level="debug", msg="worker left")


def scenario_worker_is_replaced_after_max_connections(t):
    """max_connections_per_worker: a fresh process, without a word above debug."""
    d = t.daemon(echo={"workers": 1, "max_connections_per_worker": 3}).start()
    (first,) = d.worker_pids()
    for number in range(7):
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", f"connection {number}")
    wait_until(lambda: first not in d.worker_pids(), "another process is there")
    wait_until(lambda: d.service()["connections"]["accepted"] == 7, "counters go on")
    equal(d.service()["crashes"], 0, "crashes")
    equal(d.log_lines(level="warning"), [], "warnings")


def scenario_fresh_process_for_each_connection(t):
    """max_connections_per_worker = 1: no two clients ever meet in one process."""
    d = t.daemon(echo={"workers": 2, "max_connections_per_worker": 1}).start()
    for _ in range(60):
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "echo")
    wait_until(lambda: len(d.log_lines(msg="connection")) == 60, "60 log lines")
    equal(len({line["pid"] for line in d.log_lines(msg="connection")}), 60, "processes")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False
