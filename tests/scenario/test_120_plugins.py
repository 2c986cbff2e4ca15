# SPDX-License-Identifier: MIT
"""Handlers in C as shared objects: what they can do, and what they are told."""
import shutil
import socket
import struct

from harness import *
from plugins import *
from records import *

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, os.pardir, os.pardir)


# ---- the examples

def scenario_lines(t):
    """The example of 16 lines sends back every line."""
    d = serve(t, "lines").start()
    equal(ask(d.port, "one", "", "two\r"), "one\r\n\r\ntwo\r\n", "lines")
    with Client(d.port) as client:
        client.send(b"x" * 5000 + b"\n")
        equal(client.recv_all(), b"", "a line that does not fit ends the connection")
    d.wait_log(msg="connection", end="server closed")


def scenario_desk(t):
    """The richer example: greeting, sum, unknown questions, good bye."""
    d = serve(t, "desk", {"greeting": "good day", "most_questions": 4}).start()
    equal(ask(d.port, "NAME Ann", "ADD 40", "ADD 2", "QUIT", "ADD 1"),
          "good day\r\nhello, Ann\r\n40\r\n42\r\ngood bye\r\n", "conversation")
    equal(ask(d.port, "ADD 1", "what?"), "good day\r\n1\r\n? NAME word, ADD n, QUIT\r\n",
          "who asks and leaves")
    equal(ask(d.port, *["ADD 1"] * 9), "good day\r\n1\r\n2\r\n3\r\n4\r\ngood bye\r\n", "too many")
    d.wait_log(msg="unknown question", line="what?")
    wait_until(lambda: d.service().get("counters") == {"questions": 9, "unknown": 1}, "counters")


def scenario_desk_loses_patience(t):
    d = serve(t, "desk", {"patience": "50ms"}).start()
    with Client(d.port) as client:
        equal(client.recv_all(), b"welcome\r\ntoo slow\r\n", "what it is told")


def scenario_desk_turns_away(t):
    """verify() closes a connection before anything is said, and it is counted."""
    d = serve(t, "desk", {"visitors": "192.0.2."}).start()
    for _ in range(3):
        with Client(d.port) as client:
            equal(client.recv_all(), b"", "nothing is said")
    wait_until(lambda: d.service()["connections"]["refused"] == 3, "refused")
    equal(d.service()["connections"]["accepted"], 3, "accepted")
    d.wait_log(msg="connection", end="refused", count=3)


def scenario_desk_shows_who_is_served(t):
    d = serve(t, "desk", workers=2).start()
    with Client(d.port) as client:
        client.send(b"NAME Ann\n")
        row = d.worker_of(client)
        wait_until(lambda: d.worker_of(client)["status"] == "Ann, 1 questions", "status text")
        matches("Ann, 1 questions", d.ctl("workers").stdout, "preforkctl workers")
    wait_until(lambda: not [w for w in d.workers() if w["pid"] == row["pid"] and w["status"]],
               "it is gone with the connection")


class Frames:
    def __init__(self, where):
        self.client = Client(where)

    def ask(self, operation, key=b"", value=b""):
        request = bytes([operation, len(key)]) + key + value
        self.client.send(struct.pack(">I", len(request)) + request)
        return self.answer()

    def answer(self):
        (length,) = struct.unpack(">I", self.client.recv_exactly(4))
        answer = self.client.recv_exactly(length)
        return answer[0], answer[1:]


def scenario_frames(t):
    """The binary example keeps keys and values of each connection, and only of that."""
    d = serve(t, "frames", {"max_frame": 1000, "max_keys": 2}, workers=2).start()
    one, two = Frames(d.port), Frames(d.port)
    equal(one.ask(1, b"k", b"\0\n\xff"), (0, b""), "set")
    equal(one.ask(2, b"k"), (0, b"\0\n\xff"), "get")
    equal(two.ask(2, b"k"), (1, b""), "the other connection has none")
    equal(one.ask(1, b"k", b"v" * 900), (0, b""), "set again")
    equal(one.ask(1, b"l"), (0, b""), "an empty value")
    equal(one.ask(1, b"m", b"x"), (2, b""), "no room")
    equal(one.ask(4), (0, b"\0\0\0\2"), "count")
    equal(one.ask(3, b"k"), (0, b""), "delete")
    equal(one.ask(3, b"k"), (1, b""), "delete again")
    equal(one.ask(9), (3, b""), "no operation")
    for request in (b"\0\0\0\0", b"\0\0\0\1\1", b"\0\0\0\2\1\5"):
        one.client.send(request)
        equal(one.answer(), (3, b""), f"no request: {request}")
    one.client.close()
    wait_until(lambda: len(d.workers(state="idle")) == 1, "that worker is free")
    again = Frames(d.port)
    equal(again.ask(4), (0, b"\0\0\0\0"), "the next client finds nothing")
    for client in (two, again):
        client.client.close()


def scenario_frames_byte_by_byte_and_all_at_once(t):
    d = serve(t, "frames").start()
    requests = [struct.pack(">I", 4) + b"\1\1" + bytes([i]) + b"v" for i in range(50)]
    client = Frames(d.port)
    client.client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in requests[0]:
        client.client.send(bytes([byte]))
    client.client.send(b"".join(requests[1:]))
    for _ in requests:
        equal(client.answer(), (0, b""), "answer")
    client.client.send(b"\0\0").half_close()
    equal(client.client.recv_all(), b"", "half a frame is answered by nothing")
    client.client.close()


def scenario_frames_in_records(t):
    """Where messages are kept apart: a frame in one, in several, several in one."""
    path = t.path("records")
    serve(t, "frames", listen=[f"seqpacket://{path}"]).start()
    def frame(*body):
        return struct.pack(">I", sum(map(len, body))) + b"".join(body)
    value = bytes(i % 251 for i in range(60000))
    done, count = frame(b"\0"), frame(b"\0", b"\0\0\0\1")
    with RecordClient(path) as client:
        def answer(size):
            data = b""
            while len(data) < size:
                data += client.recv()
            return data
        whole = frame(b"\1\1k", value)
        for records in ([whole], [whole[i:i + 700] for i in range(0, len(whole), 700)]):
            client.send(*records)
            equal(answer(5), done, "set")
        client.send(frame(b"\2\1k") + frame(b"\4\0") + frame(b"\4\0")[:3])
        check(answer(5 + len(value) + 9) == frame(b"\0", value) + count, "get and count")
        client.send(frame(b"\4\0")[3:])
        equal(answer(9), count, "count")
        equal(client.half_close().recv(), b"", "the end")


def scenario_frames_too_long(t):
    """A length that is not allowed ends in a reset."""
    d = serve(t, "frames", {"max_frame": "1K"}).start()
    with Client(d.port) as client:
        client.send(b"\xff\xff\xff\xff and more")
        try:
            client.recv_all()
        except ConnectionResetError:
            pass
        else:
            raise Failure("no reset")


def scenario_readme_line_builds(t):
    """The command of each README, with the pkg-config file that is installed."""
    t.skip_where(not shutil.which("cc") or not shutil.which("pkg-config"), "no cc or pkg-config")
    include = os.path.join(TOP, "include", "preforkd")
    os.makedirs(t.path("usr/include/preforkd"))
    shutil.copy(os.path.join(include, "handler.h"), t.path("usr/include/preforkd"))
    with open(os.path.join(include, "preforkd.pc.in")) as file:
        text = file.read().replace("@PREFIX@", t.path("usr")).replace("@VERSION@", "1")
    write(t.path("preforkd.pc"), text)
    for name in ("lines", "frames"):
        folder = os.path.join(TOP, "etc", "plugins", name)
        shutil.copytree(folder, t.path(name))
        with open(os.path.join(folder, "README.md")) as file:
            commands = [line.strip() for line in file if line.startswith("    cc ")]
        check(commands, f"a command in {name}/README.md")
        for command in commands:
            done = t.run_command(["/bin/sh", "-c", command], cwd=t.path(name), env=t.environment(
                PKG_CONFIG_PATH=t.folder))
            equal((done.returncode, done.stderr), (0, ""), command)
    put(t.path("built.so"), open(t.path("lines", "lines.so"), "rb").read())
    d = t.daemon(p={"handler": {"type": "plugin", "path": t.path("built.so")}, "workers": 1})
    d.start()
    equal(ask(d.port, "hello"), "hello\r\n", "the plugin that was built")


# ---- options

def scenario_options_of_every_kind(t):
    for options, shown in (({}, "number=5 flag=0 room=65536"),
                           ({"number": 9, "flag": True, "room": "1M"}, "number=9 flag=1 room=1048576"),
                           ({"number": 1, "flag": False, "room": 12}, "number=1 flag=0 room=12")):
        d = serve(t, "trouble", options).start()
        equal(ask(d.port, "options").splitlines()[0], shown, f"options {options}")
        d.stop()


WRONG = (({"number": 10}, r"number = 10 is out of range \(1 to 9\)"),
         ({"number": "5"}, "number must be an integer, not a string such as 5"),
         ({"number": 4.5}, "number must be an integer, not a floating-point number"),
         ({"flag": 1}, "flag must be true or false, not an integer"),
         ({"room": "much"}, "room must be a size .*, not a string such as much"),
         ({"patience": True}, "patience must be a duration .*, not a boolean"),
         ({"patience": 0}, r"patience = 0 is out of range \(1 to 2147483647 ms\)"),
         ({"trouble": 5}, "trouble must be a string, not an integer"),
         ({"*places": "x"}, 'the name of an option does not begin with [*]: "[*]places"'),
         ({"nubmer": 5}, r'unknown option "nubmer" \(did you mean "number"\?\)'))


def scenario_wrong_options_stop_the_start(t):
    """Each with FILE:LINE, by -t and by a start."""
    for number, (options, pattern) in enumerate(WRONG):
        d = serve(t, "trouble", options, daemon=f"wrong{number}")
        d.write()
        done = t.run("preforkd", "-t", "-c", d.file)
        equal(done.returncode, EXIT_CONFIG, f"-t {options}")
        matches(f"^{re.escape(service_place(d))}: {pattern}$", done.stderr.rstrip("\n"), "-t")
    d.expect("unknown option").launch()
    check(d.process.wait(LIMIT) in (EXIT_CONFIG, EXIT_UNAVAILABLE), "exit code")
    d.exit_codes = {d.process.returncode}
    matches(re.escape(service_place(d)) + ": unknown option", d.log_text(), "reason")


def scenario_wrong_options_stop_a_reload(t):
    """The old configuration goes on serving."""
    d = serve(t, "trouble", more={"echo": {"workers": 1}}).start()
    before, pool = d.worker_pids("p"), d.pool_pid("p")
    held = Client(d.ports["p"])
    told(held, "status before")
    good = dict(d.services["p"]["handler"])
    for options, pattern in WRONG:
        d.change("p", handler={**good, **options}, workers=2)
        reason = d.expect(".").reload_refused()
        matches(re.escape(service_place(d)) + ": " + pattern, reason.replace('\\"', '"'), "reason")
    equal((d.worker_pids("p"), d.pool_pid("p")), (before, pool), "same processes")
    told(held, "status after")
    held.close()
    d.change("p", handler=good)
    d.reload()
    d.wait_workers(2, "p")


def scenario_options_change_by_a_reload(t):
    d = serve(t, "trouble", {"number": 1}).start()
    held = Client(d.port)
    told(held, "status x")
    d.change("p", handler={**d.services["p"]["handler"], "number": 2})
    d.reload()
    equal(told(held, "options").split()[0], "number=1", "a connection from before")
    wait_until(lambda: ask(d.port, "options").split()[0] == "number=2", "new ones have the new one")
    held.close()


# ---- the life of a plugin

def scenario_functions_are_called_in_order(t):
    d = serve(t, "trouble", {"trace": trace_file(t)}, workers=2).start()
    ask(d.port, "status x")
    wait_until(lambda: traced(t, "finish"), "finish()")
    calls = [row for row in traced(t) if row[0] != "tick"]
    # Whatever looked at the configuration before did so in a process of its own.
    pool = [call for call, pid in calls if pid == d.pool_pid()]
    equal(pool, ["check_config", "pool_init"], "in the pool")
    workers = d.worker_pids()
    equal({pid for call, pid in calls if call == "worker_init"}, workers, "worker_init")
    (served,) = [pid for call, pid in calls if call == "finish"]
    equal([call for call, pid in calls if pid == served],
          ["worker_init", "verify", "setup", "handle", "finish"], "in the worker")
    d.stop()
    equal({pid for call, pid in traced(t, "worker_exit")}, workers, "worker_exit")


def scenario_setup_that_refuses_is_finished(t):
    d = serve(t, "trouble", {"trace": trace_file(t), "trouble": "setup refuse"}).start()
    equal(ask(d.port), "", "nothing is said")
    wait_until(lambda: traced(t, "finish"), "finish()")
    equal(traced(t, "handle"), [], "no handle()")
    equal(d.service()["connections"]["refused"], 0, "it was not refused")


def scenario_tick_while_idle(t):
    d = serve(t, "trouble", {"trace": trace_file(t)}, workers=2).start()
    wait_until(lambda: {pid for _, pid in traced(t, "tick")} == d.worker_pids(), "each has ticks")
    wait_until(lambda: len(traced(t, "tick")) > 10, "many")
    with Client(d.port) as client:
        told(client, "status x")
        pid = d.worker_of(client)["pid"]
        count = len([p for _, p in traced(t, "tick") if p == pid])
        stays(lambda: len([p for _, p in traced(t, "tick") if p == pid]) == count,
              "none while it serves", 0.2)
    wait_until(lambda: len([p for _, p in traced(t, "tick") if p == pid]) > count, "and afterwards")


def scenario_tick_with_several_sockets(t):
    d = serve(t, "trouble", {"trace": trace_file(t)}, listen=["unix:@" + t.path("a")[-80:],
                                                             "unix:@" + t.path("b")[-80:]]).start()
    wait_until(lambda: len(traced(t, "tick")) > 3, "ticks", 5)
    d.stop()


def scenario_retire(t):
    """The worker leaves, another one takes its place, and it was no crash."""
    d = serve(t, "trouble", {"trace": trace_file(t)}).start()
    before = d.worker_pids()
    ask(d.port, "retire")
    wait_until(lambda: d.worker_pids() and not before & d.worker_pids(), "another worker")
    equal(traced(t, "worker_exit"), [("worker_exit", pid) for pid in before], "worker_exit")
    equal(d.service()["crashes"], 0, "crashes")
    equal(ask(d.port, "status x"), "done\nresult 0\n", "it serves")


def scenario_abort_and_detach(t):
    d = serve(t, "trouble").start()
    with Client(d.port) as client:
        client.send(b"abort\n")
        try:
            client.recv_all()
            raise Failure("no reset")
        except ConnectionResetError:
            pass
    with Client(d.port) as client:
        client.send(b"detach\n")
        wait_until(lambda: d.workers(state="idle"), "the worker is free")
        equal(ask(d.port, "status x"), "done\nresult 0\n", "and serves the next one")
        equal(client.recv_all(), b"later\n", "somebody else answers")


def scenario_deadline(t):
    """A silent client: reading says TIMEOUT (-4) to the handler, which can still answer."""
    d = serve(t, "trouble", {"patience": "50ms"}).start()
    with Client(d.port) as client:
        equal(client.recv_all(), b"result -4\n", "what the handler saw")
    d.wait_log(msg="connection", end="server closed")


def scenario_idle_timeout_and_stopping_are_told_apart(t):
    d = serve(t, "trouble", idle_timeout="100ms", graceful_timeout="200ms", workers=2,
              log={"level": "debug"}).start()
    with Client(d.port) as client:
        equal(client.recv_all(), b"", "cut")
    d.wait_log(msg="connection", end="idle_timeout")


def scenario_addresses(t):
    d = serve(t, "trouble").start()
    with Client(d.port) as client:
        wanted = f"{client.peer} {client.peer} 127.0.0.1:{d.port} tcp://127.0.0.1:{d.port}\n"
        equal(told(client, "who"), wanted, "peer, transport, local, listener")


def scenario_stopping_is_seen(t):
    d = serve(t, "trouble").start()
    client = Client(d.port)
    equal(told(client, "stopping"), "0\n", "while it runs")
    d.kill(signal.SIGTERM)
    wait_until(lambda: told(client, "stopping") == "1\n", "it is told")
    client.close()
    d.wait_exit(0)


# ---- counters and status texts

def scenario_counters(t):
    """Sums over workers that are there and that have left; unknown ones are nobody's."""
    d = serve(t, "trouble", workers=2, max_connections_per_worker=1).start()
    for number in (1, 10, 100):
        ask(d.port, f"count {number}")
    wait_until(lambda: d.service()["counters"] == {"lines": 111, "more": 0}, "sums")
    status = json.loads(d.ctl("--json", "status").stdout)
    equal(status["services"][0]["counters"], {"lines": 111, "more": 0}, "preforkctl --json status")


def scenario_status_text(t):
    """In `workers`, and in the obituary; escaped, cut, gone with the connection."""
    d = serve(t, "trouble").start()
    with Client(d.port) as client:
        told(client, "status at \x1b[31m work")
        equal(d.worker_of(client)["status"], "at ?[31m work", "in workers")
        rows = json.loads(d.ctl("--json", "workers").stdout)
        equal(rows[0]["status"], "at ?[31m work", "in preforkctl --json workers")
        told(client, "status " + "x" * 200)
        equal(set(d.worker_of(client)["status"]), {"x"}, "cut")
    wait_until(lambda: d.workers()[0]["status"] == "", "gone")


def scenario_status_text_in_the_obituary(t):
    d = serve(t, "trouble").start()
    with Client(d.port) as client:
        told(client, "status last words")
        client.send(b"crash\n")
        d.wait_log(msg="worker died")
    matches("last words", d.log_text(), "obituary")


def scenario_access_log(t):
    d = serve(t, "trouble").start()
    with Client(d.port) as client:
        client.send(b"status x\n").half_close()
        equal(client.recv_all(), b"done\nresult 0\n", "answer")
        line = d.wait_log(msg="connection", peer=client.peer)
        equal((line["bytes_in"], line["bytes_out"], line["end"]), ("9", "14", "client closed"),
              "the line")
    old = d.pool_pid()
    d.change("p", access_log=False)
    d.reload()
    wait_until(lambda: not alive(old), "whoever still tells is gone")
    ask(d.port, "status x")
    equal(len(d.log_lines(msg="connection")), 1, "no more lines")


def scenario_functions_of_pthread_atfork_run(t):
    """In each worker, its replacement included: the libraries of a plugin may live by them."""
    d = serve(t, "atfork").start()
    before = d.workers()[0]["pid"]
    equal(ask(d.port), f"{before} {before}\n", "in the first worker")
    os.kill(before, signal.SIGKILL)
    (after,) = wait_until(lambda: {worker["pid"] for worker in d.workers()} - {before}, "it is replaced")
    equal(ask(d.port), f"{after} {after}\n", "in its replacement")
