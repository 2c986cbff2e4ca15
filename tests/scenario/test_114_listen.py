# SPDX-License-Identifier: MIT
"""Handler type "listen": copies of a program that accepts by itself."""
import contextlib
import os
import pwd
import signal
import socket
import threading
import time

from harness import *
from load import Load
from programs import *

ALL = ("systemd", "server_starter", "einhorn")


def command(t, *options):
    """tests/programs/listener.pl, which does what its clients say."""
    return [installed(t, "perl"), script(t, "listener.pl"), *options]


def listener(t, *options, handler=None, name="preforkd", **keys):
    """A daemon, not started, with one service "p" of that program."""
    handler = {"type": "listen", "command": command(t, *options), **(handler or {})}
    return t.daemon(name, p={"handler": handler, "workers": 1, **keys})


SAYS = {"ready_after": 0}  # for those that say that they are ready


def ask(where, line):
    """What the program answers."""
    with Client(where) as client:
        return client.send(line.encode() + b"\n").recv_all().decode()


def environment_of(d, where=None):
    return dict(line.split("=", 1) for line in ask(where or d.port, "environment").splitlines())


def heard(d, text, count=1):
    """The line of the program, as it stands in the log."""
    return d.wait_log(msg="stderr", text=text, count=count)


def hold(where):
    """A connection in hand; (client, pid of the program)."""
    client = Client(where).send(b"hold\n")
    return client, int(client.recv().decode())


def warned(d, pattern):
    wait_until(lambda: any(re.search(pattern, line["msg"]) for line in d.log_lines(level="warning")),
               f"there is a warning /{pattern}/")


def worker(d, **wanted):
    """The row of the only worker."""
    return wait_until(lambda: d.workers(**wanted), f"a worker is {wanted}")[0]


def trace_file(t):
    """Where programs tell of signals when there is no pool any more."""
    with open(t.path("trace"), "w"):
        pass
    os.chmod(t.path("trace"), 0o666)
    return t.path("trace")


def traced(t, text):
    def there():
        with open(t.path("trace")) as file:
            return text in file.read().splitlines()
    wait_until(there, f"the program traces {text}")


# ---- what a program is given

def protocol_variables(d, pid, index=0):
    """By protocol, for one TCP socket."""
    return {
        "systemd": {"LISTEN_FDS": "1", "LISTEN_PID": str(pid), "LISTEN_FDNAMES": "p"},
        "server_starter": {"SERVER_STARTER_PORT": f"127.0.0.1:{d.port}=3",
                           "SERVER_STARTER_GENERATION": "1"},
        "einhorn": {"EINHORN_FD_COUNT": "1", "EINHORN_FD_0": "3", "EINHORN_FD_FAMILY_0": "AF_INET",
                    "EINHORN_FDS": "3", "EINHORN_CHILD_INDEX": str(index),
                    "EINHORN_MASTER_PID": str(d.pool_pid())},
    }


def scenario_environment_is_exactly_the_contract(t):
    """User, the protocols that are chosen, what the configuration adds; nothing else."""
    who = pwd.getpwuid(NOBODY if t.is_root else os.getuid())
    for chosen in (ALL, *((name,) for name in ALL)):
        handler = {"environment": ["GREETING=hello"], "ready_after": "1ms"}
        if chosen != ALL:
            handler["protocols"] = list(chosen)
        d = listener(t, handler=handler, name="-".join(chosen))
        d.start(env={"SECRET": "x", "NOTIFY_SOCKET": t.path("none"), "LISTEN_FDS": "7"})
        got = environment_of(d)
        wanted = {"PATH": PATH, "HOME": who.pw_dir, "USER": who.pw_name, "LOGNAME": who.pw_name,
                  "GREETING": "hello", "PREFORKD_WORKER": str(worker(d)["pid"])}
        for name in chosen:
            wanted.update(protocol_variables(d, worker(d)["pid"])[name])
        matches("^@preforkd/[0-9a-f]{32}$", got.pop("NOTIFY_SOCKET"), "NOTIFY_SOCKET")
        if "einhorn" in chosen:
            matches(f"^/proc/{d.pool_pid()}/fd/[0-9]+$", got.pop("EINHORN_SOCK_PATH"), "the path")
        equal(got, wanted, f"environment for {chosen}")
        d.stop()


def scenario_configured_words_do_not_hide_the_contract(t):
    """What the configuration adds cannot make the program see the wrong sockets."""
    d = listener(t, "ready=notify", handler={"environment": ["LISTEN_FDS=9"], **SAYS}).start()
    equal(environment_of(d)["LISTEN_FDS"], "1", "LISTEN_FDS")


def scenario_several_copies_are_told_apart(t):
    """Each has its own LISTEN_PID and index; they share generation, sockets, and the rest."""
    d = listener(t, "ready=notify", handler=SAYS, workers=3).start()
    d.wait_workers(3)
    for row in d.workers():
        with open(f"/proc/{row['pid']}/environ") as file:
            got = dict(entry.split("=", 1) for entry in file.read().rstrip("\0").split("\0"))
        wanted = {k: v for group in protocol_variables(d, row["pid"], row["slot"]).values()
                  for k, v in group.items()}
        equal({k: got[k] for k in wanted}, wanted, f"environment of slot {row['slot']}")
    sockets = {descriptors(pid)[3] for pid in d.worker_pids()}
    equal(len(sockets), 1, "different sockets on 3")


def scenario_descriptors_and_process(t):
    """0 nothing, 1 and 2 to the log, sockets from 3 on, blocking; a session of its own, no signal
    ignored or blocked, and the directory, umask and limits that were configured."""
    def spoil():
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2})
    path = t.path("second.sock")
    port = t.port()
    d = t.daemon(p={"listen": [f"tcp://127.0.0.1:{port}", f"unix://{path}"], "workers": 1,
                    "handler": {"type": "listen", "command": ["/bin/sleep", "1000"],
                                "ready_after": "1ms", "directory": t.folder, "umask": "0077",
                                "nice": 3, "limits": {"nofile": 77}}}).start(preexec=spoil)
    pid = worker(d, state="idle")["pid"]
    wait_until(lambda: process_stat(pid)[0] == "sleep", "execve")
    wait_until(lambda: sorted(descriptors(pid)) == [0, 1, 2, 3, 4],
               "it has these descriptors, and none for its libraries any more")
    have = descriptors(pid)
    equal(have[0], "/dev/null", "descriptor 0")
    check(have[1].startswith("pipe:") and have[1] == have[2], f"1 and 2: {have}")
    inode, _ = tcp_listener(port)
    equal(have[3], f"socket:[{inode}]", "descriptor 3")
    check(have[4].startswith("socket:"), f"descriptor 4: {have[4]}")
    equal([status_flags(pid, fd) & os.O_NONBLOCK for fd in (3, 4)], [0, 0], "O_NONBLOCK")
    about = proc_status(pid)
    for mask in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"):
        equal(int(about[mask], 16), 0, mask)
    equal((os.getsid(pid), os.getpgid(pid), int(about["PPid"])), (pid, pid, d.pool_pid()),
          "session, group, parent")
    equal((os.readlink(f"/proc/{pid}/cwd"), about["Umask"]), (t.folder, "0077"), "surroundings")


def status_flags(pid, fd):
    with open(f"/proc/{pid}/fdinfo/{fd}") as file:
        return int(re.search(r"flags:\s*(\d+)", file.read())[1], 8)


def scenario_several_addresses(t):
    """TCP, a path and an abstract name: all are served, and told in their order; the abstract one
    has no name in the words of Server::Starter."""
    path, name, port = t.path("p.sock"), f"preforkd-{os.getpid()}", t.port()
    listen = [f"unix://{path}", f"tcp://127.0.0.1:{port}", f"unix:@{name}", "tcp://127.0.0.1:0"]
    for protocol in ALL:
        d = listener(t, "ready=notify", handler={"protocols": [protocol], **SAYS},
                     name=protocol, listen=listen).start()
        shown = d.service()["listen"]
        chosen = int(shown[3].rpartition(":")[2])
        answers = [environment_of(d, where) for where in (path, port, chosen)]
        got = answers[0]
        for other in answers:
            equal(other, got, f"environment, asked elsewhere, {protocol}")
        if protocol == "server_starter":
            equal(got["SERVER_STARTER_PORT"],
                  f"{path}=3;127.0.0.1:{port}=4;127.0.0.1:{chosen}=6", "SERVER_STARTER_PORT")
            d.stop()
            continue
        equal(environment_of(d, "@" + name), got, f"environment, by the abstract name, {protocol}")
        if protocol == "systemd":
            equal((got["LISTEN_FDS"], got["LISTEN_FDNAMES"]), ("4", "p:p:p:p"), "names")
        else:
            equal([got[f"EINHORN_FD_FAMILY_{i}"] for i in range(4)],
                  ["AF_UNIX", "AF_INET", "AF_UNIX", "AF_INET"], "families")
        d.stop()


def scenario_output_goes_to_the_log(t):
    """Both streams, whole lines, with service and pid; also when it exits right after."""
    d = t.daemon(p={"workers": 1, "handler": {
        "type": "listen", "ready_after": "1ms",
        "command": sh("echo to stdout; echo to stderr >&2; printf 'no newline'; exec sleep 1000")}})
    d.start()
    pid = worker(d, state="idle")["pid"]
    for text in ("to stdout", "to stderr"):
        equal({k: heard(d, text)[k] for k in ("level", "service", "worker_pid")},
              {"level": "info", "service": "p", "worker_pid": str(pid)}, text)
    d.stop()
    equal(heard(d, "no newline")["worker_pid"], str(pid), "what had no newline")


def scenario_standard_error_to_null(t):
    """stderr = "null" silences that stream alone."""
    d = t.daemon(p={"workers": 1, "handler": {
        "type": "listen", "ready_after": "1ms", "stderr": "null",
        "command": sh("echo to stderr >&2; echo to stdout; exec sleep 1000")}}).start()
    heard(d, "to stdout")
    equal(d.log_lines(text="to stderr"), [], "lines from stderr")


# ---- readiness

def starting(d):
    """Launched, and its program is up but has not said that it is ready."""
    d.launch().wait_control()
    heard(d, "up")
    equal(worker(d)["state"], "starting", "state of the worker")
    equal(d.service()["state"], "starting", "state of the service")
    return d


def scenario_ready_by_notification(t):
    """Not before it says so."""
    d = starting(listener(t, handler=SAYS))
    stays(lambda: worker(d)["state"] == "starting", "the worker is starting")
    ask(d.port, "say STATUS=up\\nREADY=1")
    d.wait_running()
    equal(worker(d)["state"], "idle", "state")


def scenario_ready_by_acknowledgement(t):
    """In the words of einhorn's clients; with another program's pid it is refused and told."""
    d = starting(listener(t, handler={"protocols": ["einhorn"], **SAYS}))
    pid = worker(d)["pid"]
    ask(d.port, f"acknowledge --- %0Acommand: worker:ack%0Apid: {pid + 1}%0A")
    line = d.wait_log(level="warning")
    matches(f"process {pid} acknowledged for another one", line["msg"], "the warning")
    ask(d.port, 'acknowledge {"command":"worker:none"}')
    matches("no acknowledgement", d.wait_log(level="warning", count=2)["msg"], "the warning")
    equal(worker(d)["state"], "starting", "state")
    ask(d.port, f'acknowledge {{"command":"worker:ack", "pid":{pid}}}')
    d.wait_running()


def scenario_ready_by_age(t):
    """A program that says nothing; one that says so is not kept waiting."""
    d = listener(t, handler={"ready_after": "300ms"}).start()
    equal(ask(d.port, "pid"), str(worker(d, state="idle")["pid"]), "pid")
    d.stop()
    d = listener(t, "ready=notify", handler={"ready_after": "1000s"}, name="says",
                 start_timeout="1100s").start()
    equal(ask(d.port, "pid"), str(worker(d, state="idle")["pid"]), "pid")


def scenario_never_ready(t):
    """The start fails when start_timeout is over, and says why."""
    d = listener(t, handler=SAYS, start_timeout="400ms", restart_delay="20ms").launch()
    d.expect("service p").wait_exit(EXIT_UNAVAILABLE)
    errors = d.log_lines(level="error")
    equal(len(errors), 1, f"errors in {d.log_text()}")
    matches(r"service p: not ready within 400ms \(start_timeout\)", errors[0]["msg"], "the error")
    check(refuses(d.port), "nobody listens")


def scenario_exits_before_it_is_ready(t):
    """The start fails, and says how the program ended."""
    d = listener(t, "exit=3", handler=SAYS, start_timeout="1s", restart_delay="30ms").launch()
    d.expect("service p").wait_exit(EXIT_UNAVAILABLE)
    errors = d.log_lines(level="error")
    equal(len(errors), 1, f"errors in {d.log_text()}")
    matches("status 3 before it was ready", errors[0]["msg"], "the error")
    deaths = d.log_lines(msg="worker died")
    check(2 <= len(deaths) <= 30, f"{len(deaths)} tries")
    matches("before it was ready: next try in", deaths[0]["next"], "the obituary")


def scenario_command_not_found(t):
    """As for a program per connection: at once."""
    d = t.daemon(p={"workers": 1, "handler": {"type": "listen", "command": ["/no/such/program"]}})
    d.launch().expect("/no/such/program: No such file")
    d.wait_exit(EXIT_UNAVAILABLE)
    equal(len(d.log_lines(level="error")), 1, "errors")


def scenario_child_says_ready(t):
    """A process that the program started speaks for it, as systemd-notify does."""
    d = starting(listener(t, handler=SAYS))
    child = int(ask(d.port, "child READY=1\\nSTATUS=by a child"))
    d.wait_running()
    equal(worker(d)["status"], "by a child", "status")
    check(alive(child), "the child lives on")
    d.stop()
    wait_until(lambda: not alive(child), "the child has ended with the program")


def scenario_systemd_notify_says_ready(t):
    """The real one, which waits until it was heard (BARRIER=1)."""
    notifier = installed(t, "systemd-notify")
    d = starting(listener(t, handler=SAYS))
    equal(ask(d.port, f"run {notifier} --ready --status='all is well'"), "", "what it says")
    d.wait_running()
    equal(worker(d)["status"], "all is well", "status")
    equal(d.log_lines(level="warning"), [], "warnings")


# ---- status and watchdog

def scenario_status_is_shown(t):
    """By preforkctl workers and its JSON; no control character gets there; gone with the
    program."""
    d = listener(t, "ready=notify", handler=SAYS, workers=2).start()
    pid = int(ask(d.port, "say STATUS=grüße, 3 requests"))
    said = f"p .* {pid} .* grüße, 3 requests\n"
    wait_until(lambda: re.search(said, d.ctl("workers").stdout), "preforkctl workers shows it")
    rows = json.loads(d.ctl("--json", "workers").stdout)
    equal({row["pid"]: row["status"] for row in rows},
          {pid: "grüße, 3 requests", **{other: "" for other in d.worker_pids() - {pid}}}, "JSON")
    d.result("scale p 1")
    d.wait_workers(1)
    ask(d.port, "say STATUS=\x1b[31mred\x07")
    wait_until(lambda: worker(d)["status"] == "?[31mred?", "control characters are masked")
    ask(d.port, "say STATUS=" + "x" * 3000)
    wait_until(lambda: re.fullmatch("x{50,}", worker(d)["status"]), "a long one is cut")
    ask(d.port, "say STATUS=")
    wait_until(lambda: worker(d)["status"] == "", "it can be taken back")
    pid = int(ask(d.port, "say STATUS=last words"))
    wait_until(lambda: worker(d)["status"] == "last words", "it is shown")
    ask(d.port, "exit 0")
    wait_until(lambda: d.workers(state="idle") and worker(d)["pid"] != pid, "another one is there")
    equal(worker(d)["status"], "", "status of another one")


def scenario_watchdog_is_told_and_kept(t):
    """WATCHDOG_USEC and WATCHDOG_PID; who keeps saying WATCHDOG=1 lives."""
    script = executable(t, "keeps", KEEPS)
    d = t.daemon(p={"workers": 1, "handler": {
        "type": "listen", "command": [installed(t, "perl"), script], "watchdog": "500ms",
        "ready_after": 0}}).start()
    pid = worker(d)["pid"]
    wait_until(lambda: worker(d)["status"] == f"500000 {pid} 12", "it has said so 12 times")
    equal(worker(d)["pid"], pid, "the program")
    equal(d.log_lines(level="warning"), [], "warnings")


KEEPS = """
use Socket;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die $!;
my $to = pack_sockaddr_un($ENV{NOTIFY_SOCKET} =~ s/^@/\\0/r);
for my $count (0 .. 100000) {
    my $status = "$ENV{WATCHDOG_USEC} $ENV{WATCHDOG_PID} $count";
    send($socket, "READY=1\\nWATCHDOG=1\\nSTATUS=$status", 0, $to) or die $!;
    select(undef, undef, undef, 0.1);
}
"""


def scenario_watchdog_is_missed(t):
    """Killed, with everything in its group, told, and another one is there."""
    d = listener(t, "ready=notify", "ignore=TERM", handler={"watchdog": "1200ms", **SAYS},
                 graceful_timeout="50ms", kill_timeout="100ms").start()
    pid = worker(d)["pid"]
    child = int(ask(d.port, "child STATUS=child"))
    warned(d, f"worker {pid} did not say WATCHDOG=1 in time, killing it")
    line = d.wait_log(msg="worker died")
    equal((line["signal"], line["next"]), ("SIGKILL", "replaced at once"), "the obituary")
    wait_until(lambda: not alive(child), "its child is gone")
    wait_until(lambda: worker(d)["pid"] != pid, "another one is there")
    check(int(d.service()["restarts"]) >= 1, "restarts")


def scenario_watchdog_is_triggered(t):
    """WATCHDOG=trigger: its own watchdog found it stuck."""
    d = listener(t, "ready=notify", handler=SAYS).start()
    pid = worker(d)["pid"]
    ask(d.port, "say WATCHDOG=trigger")
    warned(d, f"worker {pid} reported its own failure")
    wait_until(lambda: d.workers(state="idle") and worker(d)["pid"] != pid, "another one is there")


# ---- strangers, and descriptors that come along

def fork_sender(name, text, user=None):
    """A process that is not of the service sends that; its pid."""
    name = "\0" + name[1:]
    pid = os.fork()
    if pid == 0:
        status = 1
        with contextlib.suppress(OSError):
            if user is not None:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(text.encode(), name)
                status = 0
        os._exit(status)
    return pid


def scenario_strangers_are_not_heard(t):
    """Another process of the same user, root, another user: refused, and told who it was."""
    d = starting(listener(t, handler=SAYS))
    name = environment_of(d)["NOTIFY_SOCKET"]
    patterns = {None: "which is not of this service, sent a notification"}
    if t.is_root:
        patterns[NOBODY] = patterns[None]
        patterns[1] = r"\(user 1\) is not of this pool on the notification socket; ignored"
    for count, (user, pattern) in enumerate(patterns.items(), 1):
        pid = fork_sender(name, "READY=1\nSTATUS=mine\nWATCHDOG=trigger", user)
        line = d.wait_log(level="warning", count=count)
        matches(f"process {pid}.*{pattern}", line["msg"], "the warning")
        equal(os.waitpid(pid, 0)[1], 0, "it could send")
    equal({k: worker(d)[k] for k in ("state", "status")}, {"state": "starting", "status": ""},
          "the worker")
    ask(d.port, "say READY=1")
    d.wait_running()


def scenario_strangers_do_not_fill_the_log(t):
    """A thousand messages are a few lines."""
    d = listener(t, "ready=notify", handler=SAYS).start()
    to = "\0" + environment_of(d)["NOTIFY_SOCKET"][1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for _ in range(1000):
            sender.sendto(b"STATUS=mine", to)
    path = environment_of(d)["EINHORN_SOCK_PATH"]
    for _ in range(200):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sender:
            sender.connect(path)
            sender.sendall(b'{"command":"worker:ack"}\n')
            sender.shutdown(socket.SHUT_WR)
            sender.recv(1)
    ask(d.port, "say STATUS=done")
    wait_until(lambda: worker(d)["status"] == "done", "the program is heard")
    lines = d.log_lines(level="warning")
    check(1 <= len(lines) <= 50, f"{len(lines)} lines")


SENDS_DESCRIPTORS = """
import array, os, socket, sys
name = os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1)
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
reader, writer = os.pipe()
for text, fds in (("FDSTORE=1\\nFDNAME=x", [writer] * 200), ("BARRIER=1", [writer]),
                  ("STATUS=passed", [writer])):
    sender.sendmsg([text.encode()],
                   [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))], 0, name)
os.close(writer)
print("barrier", os.read(reader, 1))
"""


def scenario_descriptors_that_come_along_are_not_kept(t):
    """FDSTORE=1 and BARRIER=1: whoever waits for the end of its pipe goes on, nothing leaks."""
    path = executable(t, "sends.py", SENDS_DESCRIPTORS)
    python = installed(t, "python3")
    d = listener(t, "ready=notify", handler=SAYS).start()
    before = descriptors(d.pool_pid())
    for _ in range(3):
        equal(ask(d.port, f"run {python} -IS {path}"), "barrier b''\n", "the sender")
    wait_until(lambda: worker(d)["status"] == "passed", "the messages are read")
    wait_until(lambda: descriptors(d.pool_pid()) == before, "the pool has what it had")


# ---- end

def scenario_stop_waits_for_the_program(t):
    """It gets the signal once, finishes what it has in hand, and nobody is refused by then."""
    d = listener(t, "ready=notify", handler=SAYS).start()
    client, _ = hold(d.port)
    d.kill(signal.SIGTERM)
    heard(d, "got TERM")
    check(d.process.poll() is None and not client.ended(), "it waits for the connection")
    client.send(b"rest\n")
    equal(client.recv_all(), b"rest", "answer")
    d.wait_exit(0)
    equal([line["text"] for line in d.log_lines(msg="stderr")], ["up", "got TERM", "leaving"],
          "what the program told")
    equal(d.log_lines(level="warning"), [], "warnings")


def scenario_stop_signal(t):
    """Each of those that can be configured, and nothing else."""
    for name in ("INT", "QUIT", "HUP", "USR1", "USR2", "WINCH"):
        d = listener(t, "ready=notify", f"stop={name}", handler={"stop_signal": name, **SAYS},
                     name=name).start()
        pid = worker(d)["pid"]
        d.stop()
        equal([line["text"] for line in d.log_lines(msg="stderr", worker_pid=pid)],
              ["up", f"got {name}", "leaving"], f"what the program told of {name}")


def scenario_stop_takes_force_in_steps(t):
    """After graceful_timeout TERM to the whole group, after kill_timeout KILL."""
    d = listener(t, "ready=notify", "stop=INT", "ignore=TERM",
                 handler={"stop_signal": "INT", **SAYS},
                 graceful_timeout="200ms", kill_timeout="1s").start()
    ask(d.port, "child STATUS=child")
    client, pid = hold(d.port)
    d.kill(signal.SIGTERM)
    d.wait_exit(0)
    told = [line["text"] for line in d.log_lines(msg="stderr")]
    equal([text for text in told if text != "child got TERM"], ["up", "got INT", "ignored TERM"],
          "what the program told")
    check("child got TERM" in told, "its child was told, too")
    warned(d, f"worker {pid} did not leave in time")
    check(not alive(pid), "the program is gone")
    client.close()


def scenario_stop_ends_the_group(t):
    """A child that the program leaves behind gets TERM with it."""
    d = listener(t, "ready=notify", handler=SAYS).start()
    child = int(ask(d.port, "child STATUS=child"))
    d.stop()
    check(not alive(child), "the child is gone")


def scenario_program_that_ignores_the_signal(t):
    """TERM is the stop signal, and ignored: KILL in the end."""
    d = listener(t, "ready=notify", "ignore=TERM", handler=SAYS, graceful_timeout="200ms",
                 kill_timeout="300ms").start()
    pid = worker(d)["pid"]
    d.stop()
    check(not alive(pid), "the program is gone")
    warned(d, f"worker {pid} did not leave in time")


def scenario_stop_now(t):
    """The second TERM does not wait."""
    d = listener(t, "ready=notify", "ignore=TERM", handler=SAYS).start()
    d.kill(signal.SIGTERM)
    heard(d, "ignored TERM")
    d.kill(signal.SIGTERM)
    d.wait_exit(0)


def scenario_stop_while_it_starts(t):
    """One that has not said that it is ready is told as any other, and may finish."""
    d = starting(listener(t, handler=SAYS))
    client, pid = hold(d.port)
    d.kill(signal.SIGTERM)
    heard(d, "got TERM")
    client.send(b"rest\n")
    equal(client.recv_all(), b"rest", "answer")
    d.wait_exit(*range(256))


# ---- deaths

def scenario_crash_is_replaced_at_once(t):
    """By a signal, after it has served for a while; the others go on."""
    d = listener(t, "ready=notify", handler=SAYS, workers=2, restart_delay="20s").start()
    d.wait_workers(2)
    time.sleep(1.1)  # what dies sooner has not proved that it can serve
    before = d.worker_pids()
    with contextlib.suppress(ConnectionError):
        ask(d.port, "kill SEGV")
    line = d.wait_log(msg="worker died")
    equal((line["signal"], line["next"]), ("SIGSEGV", "replaced at once"), "the obituary")
    d.wait_workers(2)
    equal(len(before & d.worker_pids()), 1, "of those that were there")
    equal((d.service()["crashes"], d.service()["restarts"]), (1, 1), "crashes and restarts")


def scenario_leaves_daemons_behind(t):
    """What one that died has left ends, sessions of its own or not; what belongs to another stays."""
    d = listener(t, "ready=notify", handler=SAYS, workers=2, kill_timeout="200ms").start()
    d.wait_workers(2)
    daemons = {}

    def both_have_one():
        owner, pid = map(int, ask(d.port, "run echo $PPID; setsid sh -c "
                                  "'sleep 1000 >/dev/null 2>&1 & echo $!'").split())
        daemons.setdefault(owner, []).append(pid)
        return len(daemons) == 2
    wait_until(both_have_one, "each program has a daemon")
    victim, survivor = daemons
    stays(lambda: all(map(alive, daemons[victim] + daemons[survivor])), "daemons live", 0.5)
    send_signal(victim, signal.SIGKILL)
    wait_until(lambda: not any(map(alive, daemons[victim])), "its daemons are gone")
    d.wait_workers(2)
    stays(lambda: all(map(alive, daemons[survivor])), "those of the other live", 0.5)
    d.stop()
    check(not any(map(alive, daemons[survivor])), "they end with the service")


def scenario_exits_as_soon_as_it_is_ready(t):
    """Hold-off that grows, as before READY: a program that cannot serve costs no processor."""
    d = listener(t, "ready=notify", "exit=0", handler=SAYS, workers=4, restart_delay="50ms",
                 restart_delay_max="20s").launch()
    d.wait_control()
    d.wait_log(msg="worker died", count=3)
    line = d.log_lines(msg="worker died")[0]
    matches("cannot serve: next try in", line["next"], "the obituary")
    wait_until(lambda: any(int(re.search(r"in (\d+) ms", line["next"])[1]) > 500
                           for line in d.log_lines(msg="worker died")), "the hold-off grows", 3)
    check(len(d.log_lines(msg="worker died")) < 60, "deaths")
    wait_until(lambda: d.service()["state"] == "degraded", "the state tells")
    matches("as soon as it was ready", d.wait_log(to="degraded")["reason"], "the reason")


def scenario_program_exits_by_itself(t):
    """Whatever its status: it should not have; another one is there at once."""
    d = listener(t, "ready=notify", handler=SAYS).start()
    time.sleep(1.1)
    pid = worker(d)["pid"]
    ask(d.port, "exit 0")
    line = d.wait_log(msg="worker died")
    equal((line["status"], line["next"]), ("0", "replaced at once"), "the obituary")
    wait_until(lambda: d.workers(state="idle") and worker(d)["pid"] != pid, "another one is there")


def scenario_pool_is_killed(t):
    """Its programs are told to finish, and do; the service comes back beside them."""
    d = listener(t, "ready=notify", f"trace={trace_file(t)}", handler=SAYS, workers=2).start()
    d.wait_workers(2)
    held, pid = hold(d.port)
    old, pool = d.worker_pids(), d.pool_pid()
    d.expect("pool died")
    send_signal(pool, signal.SIGKILL)
    for each in old:
        traced(t, f"{each} got TERM")
    check(not held.ended(), "the connection in hand goes on")
    wait_until(lambda: d.service()["pool_pid"] not in (0, pool), "there is another pool")
    d.wait_workers(2)
    check(int(ask(d.port, "pid")) not in old, "a new program answers")
    held.send(b"rest\n")
    equal(held.recv_all(), b"rest", "answer on the connection in hand")
    traced(t, f"{pid} leaving")
    held.close()


def scenario_supervisor_is_killed(t):
    """Pool and programs finish what they have, and end."""
    d = listener(t, "ready=notify", f"trace={trace_file(t)}", handler=SAYS).start()
    held, pid = hold(d.port)
    d.killed()
    traced(t, f"{pid} got TERM")
    held.send(b"rest\n")
    equal(held.recv_all(), b"rest", "answer")
    held.close()
    wait_until(lambda: not alive(pid), "the program has ended")
    for name in (d.control, d.control + ".lock"):
        t.kept.add(name)


# ---- changes

def scenario_reload_makes_new_ones_before(t):
    """Until the new generation has said that it is ready, nobody tells the old one to go."""
    d = listener(t, "ready=notify", handler=SAYS).start()
    old = worker(d)["pid"]
    d.change("p", handler={"type": "listen", "ready_after": 0, "environment": ["GENERATION=2"],
                           "command": command(t)})
    d.write()
    d.kill(signal.SIGHUP)
    d.wait_log(msg="stderr", text="up", count=2)
    stays(lambda: alive(old) and not d.log_lines(text="got TERM"), "the old one serves")
    (new,) = {line["worker_pid"] for line in d.log_lines(text="up")} - {str(old)}

    def told():
        ask(d.port, "say READY=1")  # by either of them
        return d.log_lines(text="got TERM")
    wait_until(told, "it has said so")
    equal(heard(d, "got TERM")["worker_pid"], str(old), "who is told")
    wait_until(lambda: d.worker_pids() == {int(new)}, "the new one is left")
    equal((worker(d)["generation"], environment_of(d)["SERVER_STARTER_GENERATION"]), (2, "2"),
          "generation")


@mark(alone=True)
def scenario_reload_under_load(t):
    """None lost."""
    d = listener(t, "ready=notify", "echo", handler=SAYS, workers=2).start()
    load = Load(d.port, processes=3)
    for number in range(4):
        d.change("p", workers=2 + number % 2)
        d.services["p"]["handler"]["environment"] = [f"NUMBER={number}"]
        d.reload()
    load.stop()
    equal(load.lost, [], "lost connections")
    check(load.served > 100, f"there was load: {load.served} served")
    equal(d.log_lines(level="warning"), [], "warnings")


def scenario_reload_that_never_gets_ready(t):
    """The old generation serves on, unharmed, and the reason is told."""
    d = listener(t, "ready=notify", handler=SAYS, start_timeout="500ms").start()
    pid = worker(d)["pid"]
    d.services["p"]["handler"] = {"type": "listen", "command": ["/bin/sleep", "1000"],
                                  "ready_after": 0}
    d.expect("reload failed")
    matches("service p: .*ready", d.reload_refused(), "the reason")
    equal((worker(d)["pid"], ask(d.port, "pid")), (pid, str(pid)), "the program")
    equal(d.log_lines(text="got TERM"), [], "it was not told anything")
    equal(d.service()["state"], "running", "state")


def scenario_reload_to_a_program_that_ends_at_once(t):
    """It says READY=1 first, as gunicorn does before it loads the application: the old generation
    serves on, and the reason is told."""
    d = listener(t, "ready=notify", handler=SAYS, start_timeout="1500ms").start()
    pid = worker(d)["pid"]
    d.services["p"]["handler"]["command"] = command(t, "ready=notify", "exit=3")
    d.expect("reload failed")
    matches("service p: .*status 3", d.reload_refused(), "the reason")
    equal((worker(d)["pid"], ask(d.port, "pid")), (pid, str(pid)), "the program")
    equal(d.log_lines(text="got TERM"), [], "it was not told anything")


def nonblocking(pids, numbers):
    return {status_flags(pid, fd) & os.O_NONBLOCK for pid in pids for fd in numbers}


def scenario_unchanged_reload_touches_nothing(t):
    """Same programs, not one signal, and the flags of the shared sockets stay as they made them."""
    d = listener(t, "ready=notify", handler=SAYS, workers=2).start()
    other = listener(t, "ready=notify", "blocking", handler=SAYS, name="blocking",
                     listen=[f"tcp://127.0.0.1:{t.port()}", f"unix://{t.path('s')}"]).start()
    for daemon, wanted, numbers in ((d, os.O_NONBLOCK, [3]), (other, 0, [3, 4])):
        pids = daemon.worker_pids()
        equal(nonblocking(pids, numbers), {wanted}, "O_NONBLOCK before")
        daemon.reload()
        daemon.result("reload")
        equal(daemon.worker_pids(), pids, "programs")
        equal(nonblocking(pids, numbers), {wanted}, "O_NONBLOCK after")
        equal({line["text"] for line in daemon.log_lines(msg="stderr")}, {"up"}, "signals")
        daemon.change("p", backlog=77)
        daemon.reload()
        wait_until(lambda: not pids & daemon.worker_pids(), "the old ones have left")
        equal(nonblocking(daemon.worker_pids(), numbers), {wanted}, "O_NONBLOCK after a change")


def scenario_handler_becomes_another_type(t):
    """From a program that makes the socket non-blocking to a built-in handler, and back."""
    d = listener(t, "ready=notify", handler=SAYS, workers=2).start()
    program = d.services["p"]["handler"]
    old = d.worker_pids()
    d.change("p", handler="echo")
    d.reload()
    wait_until(lambda: not any(map(alive, old)), "the programs have ended")
    with Client(d.port) as client:
        equal(client.ask(b"abc"), b"abc", "answer of the built-in handler")
    old = d.worker_pids()
    d.change("p", handler=program)
    d.reload()
    wait_until(lambda: not any(map(alive, old)), "the built-in workers have ended")
    check(int(ask(d.port, "pid")) in d.worker_pids(), "a program answers")
    equal(d.log_lines(level="warning"), [], "warnings")


def scenario_scale(t):
    """More are there at once; fewer are told to finish, and do not lose what they have."""
    d = listener(t, "ready=notify", handler=SAYS, workers=1).start()
    d.result("scale p 4")
    d.wait_workers(4)
    held = [hold(d.port) for _ in range(4)]
    equal(len({pid for _, pid in held}), 4, "programs with a connection in hand")
    d.result("scale p 1")
    d.wait_log(text="got TERM", count=3)
    for client, _ in held:
        client.send(b"rest\n")
        equal(client.recv_all(), b"rest", "answer")
        client.close()
    d.wait_workers(1)
    d.kill(signal.SIGTTIN)
    d.wait_workers(2)
    equal(d.log_lines(level="warning"), [], "warnings")


def scenario_program_is_not_disturbed_by_the_log(t):
    """reopen_logs: what programs say arrives in the new one; at most they get SIGCONT, which is
    nothing to a program that runs."""
    file = t.path("the.log")
    d = listener(t, "ready=notify", handler=SAYS)
    d.log_options = {"file": file}
    d.start()
    os.rename(file, file + ".1")
    d.result("reopen_logs")
    client, pid = hold(d.port)
    client.close()
    send_signal(pid, signal.SIGUSR1)
    d.wait_log(file, msg="stderr", text="got USR1")
    told = {line["text"] for line in d.log_lines(file, msg="stderr")}
    equal(told - {"got CONT"}, {"got USR1"}, "signals")


# ---- real programs

GUNICORN_APP = """
import os
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d %s" % (os.getppid(), os.environ.get("NUMBER", "").encode())]
"""


def fetch(port):
    """One request, as HTTP/1.0: (status, body)."""
    with Client(port) as client:
        client.send(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        head, _, body = client.recv_all().partition(b"\r\n\r\n")
        return head.split(b" ")[1].decode(), body.decode()


class Requests:
    """Clients in threads that fetch until stop(); what failed is in self.failed."""

    def __init__(self, port, count=2):
        self.served, self.failed, self.stopping = 0, [], False
        self.threads = [threading.Thread(target=self.run, args=(port,)) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, port):
        while not self.stopping:
            try:
                status, body = fetch(port)
                if status == "200":
                    self.served += 1
                else:
                    self.failed.append((status, body))
            except Exception as error:  # whatever it is, the request failed
                self.failed.append(repr(error))
                time.sleep(0.01)

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


def real_program(t, command, environment, handler=None):
    """Two copies; requests answered by both; two reloads without a failed request."""
    d = t.daemon(p={"workers": 2, "start_timeout": "30s", "handler": {
        "type": "listen", "command": command, "environment": environment, **(handler or {})}})
    d.start()
    d.wait_workers(2)
    equal(fetch(d.port)[0], "200", "status")
    requests = Requests(d.port)
    try:
        wait_until(lambda: requests.served > 20, "requests are answered")
        old = d.worker_pids()
        d.services["p"]["handler"]["environment"] = environment + ["NUMBER=2"]
        d.reload()
        wait_until(lambda: d.service()["workers"]["draining"] == 0 and
                   not old & d.worker_pids(), "the old ones have left")
        served = requests.served
        wait_until(lambda: requests.served > served + 20, "requests are answered")
    finally:
        requests.stop()
    equal(requests.failed, [], "failed requests")
    check(fetch(d.port)[1].endswith(" 2"), "the new configuration answers")
    equal(d.log_lines(level="warning"), [], "warnings")
    return d


@mark(alone=True)
def scenario_gunicorn(t):
    """By LISTEN_FDS, with its own READY=1 and status."""
    gunicorn = installed(t, "gunicorn")
    executable(t, "app.py", GUNICORN_APP, 0o644)
    d = real_program(t, [gunicorn, "-w", "1", "app:app"],
                     [f"PYTHONPATH={t.folder}", "PYTHONDONTWRITEBYTECODE=1"],
                     {"protocols": ["systemd"], **SAYS})
    matches("Gunicorn arbiter booted", d.workers()[0]["status"], "its status")


PSGI = """
my $app = sub { [200, ['Content-Type' => 'text/plain'], [$$ . ' ' . ($ENV{NUMBER} // '')]] };
"""


@mark(alone=True)
def scenario_starlet(t):
    """A server for Server::Starter, ready by its age."""
    plackup = installed(t, "plackup")
    tried = t.run_command([installed(t, "perl"), "-MPlack::Handler::Starlet", "-e", "1"])
    t.skip_where(tried.returncode, "Starlet is not installed")
    path = executable(t, "app.psgi", PSGI, 0o644)
    real_program(t, [plackup, "-E", "deployment", "-s", "Starlet", "--max-workers=2", path], [],
                 {"protocols": ["server_starter"], "ready_after": "300ms"})


@mark(alone=True)
def scenario_einhorn_style(t):
    """Takes its socket from EINHORN_FD_0 and acknowledges: none lost in a reload."""
    d = listener(t, "ready=einhorn", "echo", handler={"protocols": ["einhorn"], **SAYS},
                 workers=2).start()
    load = Load(d.port, processes=2)
    for number in range(2):
        d.services["p"]["handler"]["environment"] = [f"NUMBER={number}"]
        d.reload()
    load.stop()
    equal(load.lost, [], "lost connections")
    equal(d.log_lines(level="warning"), [], "warnings")
