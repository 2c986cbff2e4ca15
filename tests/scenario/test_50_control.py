# SPDX-License-Identifier: MIT
"""The control socket and preforkctl: what they tell, who may ask, and that no client of it can
delay the supervisor."""
import collections
import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess

from harness import *
from test_45_drain import slow_reload, slow_reloads


# ---- what is told

def types(value):
    """The shape of a JSON value: names and types, the first of a list for all of it."""
    if isinstance(value, dict):
        return {key: types(v) for key, v in value.items()}
    if isinstance(value, list):
        return [types(value[0])] if value else []
    return type(value).__name__


def includes(got, wanted, where="status"):
    """GOT has all that WANTED has; fields may be added."""
    if isinstance(wanted, dict):
        for key, value in wanted.items():
            check(key in got, f"{where} has no {key}")
            includes(got[key], value, f"{where}.{key}")
    elif isinstance(wanted, list):
        for g, w in zip(got, wanted):
            includes(g, w, where + "[]")
    else:
        equal(got, wanted, f"type of {where}")


STATUS = {"pid": "int", "version": "str", "state": "str", "generation": "int", "uptime_s": "float",
          "services": [{
              "name": "str", "state": "str", "generation": "int", "pool_pid": "int",
              "listen": ["str"],
              "workers": {"total": "int", "starting": "int", "idle": "int", "busy": "int",
                          "draining": "int"},
              "connections": {"accepted": "int", "active": "int", "refused": "int"},
              "bytes": {"in": "int", "out": "int"}, "crashes": "int", "restarts": "int",
              "queue": {"length": "int", "limit": "int"}}]}
WORKER = {"service": "str", "slot": "int", "pid": "int", "generation": "int", "state": "str",
          "connections": "int", "peer": "str", "busy_ms": "int"}


def scenario_status_has_the_fields_of_the_contract(t):
    d = t.daemon(echo={"workers": 2}, upper={"workers": 1}).start()
    with Client(d.ports["echo"]) as client:
        client.ask(b"12345")
        status = d.status()
        includes(types(status), STATUS)
        equal((status["pid"], status["state"]), (d.pid, "running"), "pid, state")
        matches(r"^\d+\.\d+\.\d+", status["version"], "version")
        check(status["uptime_s"] >= 0, "uptime")
        echo = d.service("echo")
        equal(echo["listen"], [f"tcp://127.0.0.1:{d.ports['echo']}"], "listen")
        equal({k: echo["workers"][k] for k in ("total", "starting", "idle", "busy", "draining")},
              {"total": 2, "starting": 0, "idle": 1, "busy": 1, "draining": 0}, "workers")
        equal((echo["connections"]["accepted"], echo["connections"]["active"]), (1, 1), "connections")
        equal(echo["bytes"], {"in": 5, "out": 5}, "bytes")
        equal([s["name"] for s in status["services"]], ["echo", "upper"], "in the file's order")


def scenario_workers_has_the_fields_of_the_contract(t):
    d = t.daemon(echo={"workers": 2}, upper={"workers": 1}).start()
    with Client(d.ports["echo"]) as client:
        client.ask(b"x")
        rows = d.workers()
        for row in rows:
            includes(types(row), WORKER, "workers")
        equal(sorted(row["service"] for row in rows), ["echo", "echo", "upper"], "services")
        (busy,) = d.workers(state="busy")
        equal((busy["service"], busy["peer"], busy["connections"]), ("echo", client.peer, 1), "busy")
        wait_until(lambda: d.workers(state="busy")[0]["busy_ms"] > 0, "busy_ms grows")
        for row in d.workers(state="idle"):
            equal((row["peer"], row["busy_ms"]), ("", 0), "an idle worker")
    equal([row["service"] for row in d.workers("upper")], ["upper"], "of one service")
    matches('no service "nobody"', d.refused("workers nobody"), "of a service that is not there")


def scenario_config_is_what_is_in_force(t):
    """…not what the file says by now; with defaults; it is a configuration."""
    d = t.daemon(echo={"workers": 2}).start()
    d.change("echo", workers=7)
    d.write()
    text = d.result("config")
    matches("workers = 2;", text, "config")
    matches('graceful_timeout = "30s";', text, "a default")
    with open(t.path("printed.conf"), "w") as file:
        file.write(text)
    equal(t.run("preforkd", "-t", "-c", t.path("printed.conf")).returncode, EXIT_OK, "-t")
    d.result("reload")
    matches("workers = 7;", d.result("config"), "config after a reload")


def scenario_unix_and_ipv6_peers_are_shown(t):
    path = t.path("echo.sock")
    d = t.daemon(echo={"workers": 1, "listen": f"unix://{path}"}).start()
    with Client(path) as client:
        client.ask(b"x")
        equal(d.workers()[0]["peer"], "unix", "peer")


def scenario_unknown_command(t):
    d = t.daemon(echo={"workers": 1}).start()
    matches(r'unknown command "statsu" \(did you mean "status"\?\)', d.refused("statsu"), "reason")
    matches("^unknown command \"xyzzy\"$", d.refused("xyzzy"), "reason")
    matches("number of arguments", d.refused("status now"), "reason")
    matches("COMMAND", d.refused(""), "an empty line")
    matches("COMMAND", d.refused("a b c d e f g"), "too many words")
    matches("--now", d.refused("stop later"), "an unknown argument")


def scenario_stop_command(t):
    """Answers when it is done; finishes the connection in hand."""
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "60s", "drain": "off"}).start()
    with Client(d.port) as client, Client(d.control) as control:
        client.ask(b"x")
        control.send(b"stop\n")
        wait_until(lambda: refuses(d.port), "no new connections")
        equal(client.ask(b"in hand"), b"in hand", "the connection in hand")
        check(not control.readable(), "not done yet")
        client.close()
        equal(json.loads(control.recv_all()), {"ok": True}, "answer")
    d.wait_exit(0)


def scenario_stop_now_command(t):
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "1h"}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        equal(d.ask("stop --now"), {"ok": True}, "answer")
        d.wait_exit(0)
        check(client.ended(), "the connection was cut")


def scenario_stop_now_after_stop(t):
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "1h"}).start()
    with Client(d.port) as client, Client(d.control) as first:
        client.ask(b"x")
        first.send(b"stop\n")
        wait_until(lambda: d.status()["state"] == "stopping", "stopping")
        d.result("stop --now")
        equal(json.loads(first.recv_all()), {"ok": True}, "who asked first is answered, too")
        d.wait_exit(0)


# ---- who may ask

def scenario_control_socket_mode(t):
    """0600, whatever the umask of whoever starts it."""
    for mask in (0, 0o022, 0o777):
        d = t.daemon(name=f"umask{mask:o}", echo={"workers": 1})
        d.start(preexec=lambda: os.umask(mask))
        about = os.lstat(d.control)
        check(stat.S_ISSOCK(about.st_mode), "a socket")
        equal(oct(stat.S_IMODE(about.st_mode)), oct(0o600), "mode")
        d.stop()


@mark(root=True)
def scenario_control_of_another_user_is_refused(t):
    """Even with the socket's mode opened: the peer's uid decides, and the log says so."""
    d = t.daemon(echo={"workers": 1}).start()
    reader, writer = os.pipe()

    def ask_as_nobody():
        child = os.fork()
        if child == 0:
            text = b"?"
            try:
                os.setgroups([])
                os.setresuid(NOBODY, NOBODY, NOBODY)
                with Client(d.control) as client:
                    client.send(b"status\n")
                    text = b"answer " + client.recv_all()
            except PermissionError:
                text = b"no permission"
            except ConnectionError:
                text = b"answer "
            finally:
                os.write(writer, text)
                os._exit(0)
        os.waitpid(child, 0)
        return os.read(reader, 65536)
    equal(ask_as_nobody(), b"no permission", "nobody on a socket of mode 0600")
    os.chmod(d.control, 0o666)
    equal(ask_as_nobody(), b"answer ", "nobody on a socket of mode 0666")
    d.wait_log(level="warning", msg=f"control connection of uid {NOBODY} refused")
    equal(d.status()["state"], "running", "root is answered")


@mark(root=True)
def scenario_root_may_control_the_daemon_of_another_user(t):
    """preforkd runs as nobody; root asks."""
    os.chmod(t.folder, 0o777)
    d = t.daemon(echo={"workers": 1})
    def become_nobody():
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    d.start(preexec=become_nobody)
    equal(d.status()["state"], "running", "state")


@mark(root=False)
def scenario_default_control_socket_of_a_user(t):
    """$XDG_RUNTIME_DIR/preforkd.sock, where there is one."""
    d = t.daemon(echo={"workers": 1}, top={"control": None})
    d.control, shown = None, t.path("preforkd.sock")
    d.write()
    d.launch(arguments=["-c", d.file], env={"XDG_RUNTIME_DIR": t.folder})
    d.control = shown
    d.wait_running()


@mark(root=False)
def scenario_default_control_socket_below_tmp(t):
    """Without XDG_RUNTIME_DIR: /tmp/preforkd-UID/control.sock, in a folder of mode 0700 that must be
    one's own."""
    folder = f"/tmp/preforkd-{os.geteuid()}"
    t.skip_where(os.path.lexists(folder), f"{folder} exists already")
    d = t.daemon(echo={"workers": 1}, top={"control": None})
    d.control = None
    d.write()
    try:
        d.launch(arguments=["-c", d.file])
        d.control = f"{folder}/control.sock"
        d.wait_running()
        equal(oct(stat.S_IMODE(os.stat(folder).st_mode)), oct(0o700), "mode of the folder")
        d.stop()
        equal(os.listdir(folder), [], "left in the folder")
        os.chmod(folder, 0o777)
        d.expect("not a directory of ours").launch(arguments=["-c", d.file])
        d.wait_exit(EXIT_UNAVAILABLE)
    finally:
        os.rmdir(folder)


# ---- clients that misbehave

def scenario_stalled_client_delays_nobody(t):
    """Half a request and then nothing: others are answered, and it is dropped some time."""
    d = t.daemon(echo={"workers": 1}).start()
    with Client(d.control) as silent, Client(d.control) as half:
        half.send(b"stat")
        for _ in range(20):
            equal(d.status()["state"], "running", "state")
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "echo")
        equal(half.recv_all() + silent.recv_all(), b"", "both are dropped")


def scenario_who_waits_keeps_nobody_out(t):
    """A reload takes long, and everybody wants one: some are told that enough wait already; status
    is answered, and stop obeyed."""
    d, cause = slow_reloads(t)
    d.expect("abandoned")
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(slow_reload(d, cause))]
        for line in (b"reload\n", b"upgrade\n", b"restart\n") * 10:
            waiting.append(stack.enter_context(Client(d.control)).send(line))
        for _ in range(20):
            equal(d.status()["state"], "running", "state")
        matches("too many requests wait", d.refused("reload"), "one more")
        d.result("stop --now")
        d.wait_exit(0)
        said = collections.Counter(json.loads(client.recv_all()).get("error") for client in waiting)
    check(said["preforkd is stopping"] == 28, f"the others have waited: {said}")
    os.unlink(cause)


def scenario_request_in_pieces(t):
    d = t.daemon(echo={"workers": 1}).start()
    with Client(d.control) as client:
        for byte in b"status\n":
            client.send(bytes([byte]))
        equal(json.loads(client.recv_all())["ok"], True, "answer")
    with Client(d.control) as client:
        client.send(b"status\nstop\n")
        equal(json.loads(client.recv_all())["ok"], True, "one request per connection")
    stays(lambda: d.process.poll() is None, "the second line was not obeyed")


def scenario_babbling_client_is_dropped(t):
    """More than a request can be, without an end of line; and any bytes at all."""
    d = t.daemon(echo={"workers": 1}).start()
    for noise in (b"x" * 100000, b"\0" * 5000, bytes(range(1, 10)) * 50):
        with Client(d.control) as client:
            try:
                client.send(noise)
                equal(client.recv_all(), b"", "answer")
            except ConnectionError:
                pass
    for line in (b"\xff\xfe\n", b"\0\n", b"%s%n\n", b"status\r\n", b"status \n", b" status\n"):
        with Client(d.control) as client:
            client.send(line)
            check("ok" in json.loads(client.recv_all()), f"answer to {line}")
    equal(d.status()["state"], "running", "state")


def scenario_reader_that_does_not_read(t):
    """Its answer waits in its own buffer; others get theirs."""
    d = t.daemon(echo={"workers": 400}).start()
    lazy = []
    for _ in range(5):
        client = socket.socket(socket.AF_UNIX)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(d.control)
        client.sendall(b"workers\n")
        lazy.append(client)
    for _ in range(5):
        equal(len(d.workers()), 400, "workers")
    for client in lazy:
        client.close()


def scenario_fifty_clients_at_once(t):
    """More than there is room for: whoever asks is answered, those who dawdle make way."""
    d = t.daemon(echo={"workers": 1}).start()
    dawdlers = [Client(d.control) for _ in range(50)]
    for _ in range(10):
        equal(d.status()["state"], "running", "state")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    for client in dawdlers:
        client.close()
    asking = []
    for _ in range(50):
        asking.append(Client(d.control).send(b"status\n"))
    answers = [client.recv_all() for client in asking]
    for client in asking:
        client.close()
    equal([json.loads(a)["ok"] for a in answers], [True] * 50, "answers")


def scenario_clients_that_leave_at_once(t):
    d = t.daemon(echo={"workers": 1}).start()
    before = len(descriptors(d.pid))
    for number in range(200):
        client = Client(d.control)
        if number % 3:
            client.send((b"status\n", b"workers\n", b"reload\n")[number % 3])
        client.close()
    equal(d.status()["state"], "running", "state")
    wait_until(lambda: len(descriptors(d.pid)) == before, "no descriptor stays")


def scenario_client_that_leaves_while_its_reload_is_under_way(t):
    """The reload is done all the same."""
    d = t.daemon(greet={"workers": 1})
    cause = t.path("cause")
    d.start(env=t.shim("unready", SHIM_UNREADY=cause, SHIM_SERVICE="greet"))
    with open(cause, "w") as file:
        file.write("wait")
    d.change("greet", workers=2)
    d.write()
    with Client(d.control) as client:
        client.send(b"reload\n")
        d.wait_log(msg=f"reloading {d.file}")
    os.unlink(cause)
    d.wait_log(msg="reload done")
    d.wait_workers(2)


def scenario_supervisor_stopped_does_not_stop_serving(t):
    """SIGSTOP to the supervisor: clients are served, dead workers replaced; only control waits."""
    d = t.daemon(echo={"workers": 2}).start()
    workers = d.worker_pids()
    d.kill(signal.SIGSTOP)
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    for pid in workers:
        send_signal(pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in workers), "they are dead")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo of a replacement")
    d.kill(signal.SIGCONT)
    wait_until(lambda: not d.worker_pids() & workers, "both were replaced")


# ---- preforkctl

def scenario_preforkctl_status(t):
    """A table for people, with --json the object of the contract."""
    d = t.daemon(echo={"workers": 2}, upper={"workers": 1}).start()
    done = d.ctl("status")
    equal((done.returncode, done.stderr), (0, ""), "preforkctl status")
    for pattern in (r"\becho\b", r"\bupper\b", r"\brunning\b", str(d.ports["echo"])):
        matches(pattern, done.stdout, "the table")
    includes(types(json.loads(d.ctl("--json", "status").stdout)), STATUS)


def scenario_preforkctl_workers(t):
    d = t.daemon(echo={"workers": 2}, upper={"workers": 1}).start()
    with Client(d.ports["echo"]) as client:
        client.ask(b"x")
        done = d.ctl("workers")
        equal(done.returncode, 0, "preforkctl workers")
        matches(re.escape(client.peer), done.stdout, "the peer in hand")
        rows = json.loads(d.ctl("--json", "workers").stdout)
        equal(len(rows), 3, "rows")
        includes(types(rows[0]), WORKER, "workers")
        equal(len(json.loads(d.ctl("--json", "workers", "upper").stdout)), 1, "of one service")
    equal(d.ctl("workers", "nobody").returncode, 1, "of a service that is not there")


def scenario_preforkctl_reload(t):
    """0 only when the new configuration serves, 1 and the reason otherwise."""
    d = t.daemon(echo={"workers": 1}).expect("reload failed").start()
    d.change("echo", workers=3)
    d.write()
    done = d.ctl("reload")
    equal(done.returncode, 0, f"preforkctl reload: {done.stderr}")
    equal(len(d.workers(generation=2, state="idle")), 3, "workers as soon as it returns")
    d.change("echo", handler="parrot")
    d.write()
    done = d.ctl("reload")
    equal(done.returncode, 1, "preforkctl reload")
    matches(r'preforkd.conf:\d+: unknown handler "parrot"', done.stderr + done.stdout, "reason")


def scenario_preforkctl_stop(t):
    for arguments in (["stop"], ["stop", "--now"]):
        d = t.daemon(name="-".join(arguments).replace("--", ""), echo={"workers": 1}).start()
        done = d.ctl(*arguments)
        equal(done.returncode, 0, f"preforkctl {arguments}: {done.stderr}")
        d.wait_exit(0)
        check(refuses(d.port), "the port is free when preforkctl returns")


def scenario_preforkctl_other_commands(t):
    d = t.daemon(echo={"workers": 2}, log={"file": t.path("the.log")}).start()
    matches("workers = 2;", d.ctl("config").stdout, "config")
    os.rename(t.path("the.log"), t.path("old.log"))
    equal(d.ctl("reopen-logs").returncode, 0, "reopen-logs")
    wait_until(lambda: os.path.exists(t.path("the.log")), "a new log file")
    equal(d.ctl("scale", "echo", "3").returncode, 0, "scale")
    d.wait_workers(3)
    equal(d.ctl("scale", "echo", "-2").returncode, 0, "scale by -2")
    d.wait_workers(1)
    done = d.ctl("statsu")
    check(done.returncode in (1, EXIT_USAGE), "an unknown command fails")
    matches("did you mean", done.stderr, "with a suggestion")


def scenario_preforkctl_without_a_daemon(t):
    """One line that says where it looked, and not 0."""
    t.program("preforkctl")
    done = t.run("preforkctl", "-s", t.path("nowhere.sock"), "status")
    check(done.returncode not in (0, EXIT_USAGE), f"exit code {done.returncode}")
    equal(len(done.stderr.splitlines()), 1, "one line")
    matches("nowhere.sock", done.stderr, "where it looked")


def scenario_preforkctl_output_into_a_closed_pipe(t):
    """SIGPIPE or EPIPE, not a message or a hang."""
    d = t.daemon(echo={"workers": 300}).start()
    with subprocess.Popen([t.program("preforkctl"), "-s", d.control, "workers"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        process.wait(LIMIT)
