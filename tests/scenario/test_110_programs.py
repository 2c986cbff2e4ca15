# SPDX-License-Identifier: MIT
"""Handler type "exec", cold: what a program is given, and what becomes of it and its connection."""
import grp
import os
import pwd
import resource
import signal

from harness import *
from load import Load
from programs import *


def variables(data):
    return dict(line.split("=", 1) for line in data.decode().splitlines())


def runs_as(t):
    return pwd.getpwuid(NOBODY if t.is_root else os.getuid())


def of_user(who):
    return {"PATH": PATH, "HOME": who.pw_dir, "USER": who.pw_name, "LOGNAME": who.pw_name}


# ---- what a program is given

def scenario_environment_is_exactly_the_contract(t):
    """User, UCSPI, CGI names, what the configuration adds; nothing of preforkd's own."""
    added = {"GREETING": 'a "quoted" = $HOME `id`', "HOME": "/somewhere", "EMPTY": "",
             "TCPREMOTEIP": "10.0.0.1"}
    d = serve(t, ["/usr/bin/env"], {"environment": [f"{k}={v}" for k, v in added.items()]})
    d.start(env={"SECRET": "x", "LD_BIND_NOW": "1", "NOTIFY_SOCKET": t.path("none"), "LC_ALL": "C"})
    with Client(d.port) as client:
        got = variables(client.recv_all())
        host, port = client.address
    tcp = {"PROTO": "TCP", "TCPREMOTEIP": host, "TCPREMOTEPORT": str(port), "REMOTE_ADDR": host,
           "REMOTE_PORT": str(port), "TCPLOCALIP": "127.0.0.1", "TCPLOCALPORT": str(d.port)}
    equal(got, {**of_user(runs_as(t)), **added, **tcp}, "environment")


def scenario_environment_as_a_group(t):
    d = serve(t, ["/usr/bin/env"], {"environment": {"ONE": "1", "PATH": "/bin"}}).start()
    got = variables(answer(d.port))
    equal((got["ONE"], got["PATH"]), ("1", "/bin"), "environment")


def scenario_descriptors_are_0_1_and_2(t):
    """0 and 1 are the client's socket, blocking; 2 a pipe, the same socket, or nothing."""
    for where in ("log", "socket", "null"):
        d = serve(t, ["/bin/cat"], {"stderr": where}, name=where).start()
        with Client(d.port) as client:
            client.ask(b"x")
            pid = program_of(d, client)
            have = descriptors(pid)
            equal(sorted(have), [0, 1, 2], "descriptors")
            check(have[0].startswith("socket:") and have[1] == have[0], f"0 and 1: {have}")
            wanted = {"log": "pipe:", "socket": have[0], "null": "/dev/null"}[where]
            check(have[2].startswith(wanted), f"2 is {have[2]}, wanted {wanted}")
            for fd in (0, 1, 2):
                with open(f"/proc/{pid}/fdinfo/{fd}") as file:
                    flags = int(re.search(r"flags:\s*(\d+)", file.read())[1], 8)
                check(not flags & os.O_NONBLOCK, f"descriptor {fd} blocks")
        d.stop()


def scenario_a_process_of_its_own(t):
    """Session and group of its own, no terminal, child of the pool; every signal as by default,
    none blocked or pending, whatever preforkd was started with."""
    def spoil():
        for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGALRM,
                                                  signal.SIGUSR2, signal.SIGRTMIN + 1})
    d = serve(t, ["/bin/cat"]).start(preexec=spoil)
    with Client(d.port) as client:
        client.ask(b"x")
        pid = program_of(d, client)
        about = proc_status(pid)
        for mask in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd"):
            equal(int(about[mask], 16), 0, mask)
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(") ")[2].split()
        _, parent, group, session, terminal = fields[:5]
        equal((int(parent), int(group), int(session), int(terminal)),
              (d.pool_pid(), pid, pid, 0), "parent, group, session, terminal")
        equal(process_stat(pid)[0], "cat", "name")


def scenario_no_shell_is_involved(t):
    """Words reach the program as they are."""
    words = ["$HOME", "; id", "*", "`id`", "a  b", "", "\\", "'", "ü\n"]
    d = serve(t, ["/usr/bin/printf", "<%s>", *words[:-1], "ü"]).start()
    equal(answer(d.port).decode(), "".join(f"<{w}>" for w in [*words[:-1], "ü"]), "arguments")


def scenario_name_without_slash_is_looked_for_in_path(t):
    """In the PATH that the program will have, which is not preforkd's."""
    os.mkdir(t.path("bin"))
    executable(t, "bin/cat", "#!/bin/sh\necho mine\n")
    d = serve(t, ["cat"], {"environment": {"PATH": t.path("bin")}}).start()
    equal(answer(d.port), b"mine\n", "the configured PATH")
    d.stop()
    d = serve(t, ["cat"], name="other").start(env={"PATH": t.path("bin")})
    equal(answer(d.port, b"abc"), b"abc", "preforkd's PATH")


def limits_of(pid):
    """{name: (soft, hard)} as the kernel prints them."""
    with open(f"/proc/{pid}/limits") as file:
        return {line[:25].strip(): tuple(line[26:].split()[:2]) for line in list(file)[1:]}


def scenario_surroundings_by_default(t):
    """Directory /, umask 022, nice 0, and the soft limit of descriptors preforkd came with."""
    def limit():
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, hard))
        os.umask(0o777)
    d = serve(t, ["/bin/cat"], workers=30).start(preexec=limit)  # the pool needs more than 40
    d.wait_workers(30)
    with Client(d.port) as client:
        client.ask(b"x")
        pid = program_of(d, client)
        equal(os.readlink(f"/proc/{pid}/cwd"), "/", "directory")
        equal(proc_status(pid)["Umask"], "0022", "umask")
        equal(os.getpriority(os.PRIO_PROCESS, pid), os.getpriority(os.PRIO_PROCESS, 0), "nice")
        equal(limits_of(pid)["Max open files"][0], "40", "descriptors")


LIMITS = {"nofile": (99, "Max open files", "99"), "cpu": (77, "Max cpu time", "77", "78"),
          "as": ("1G", "Max address space", str(1 << 30)), "nproc": (500, "Max processes", "500"),
          "core": (0, "Max core file size", "0"),
          "fsize": ("10M", "Max file size", str(10 << 20))}


def scenario_surroundings_as_configured(t):
    """directory, umask, nice, and every limit, soft and hard: the same, but for cpu."""
    d = serve(t, ["/bin/cat"], {"directory": t.folder, "umask": "0077", "nice": 7,
                                "limits": {k: v[0] for k, v in LIMITS.items()}}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        pid = program_of(d, client)
        equal(os.readlink(f"/proc/{pid}/cwd"), t.folder, "directory")
        equal(proc_status(pid)["Umask"], "0077", "umask")
        equal(os.getpriority(os.PRIO_PROCESS, pid), 7, "nice")
        for name, (_, shown, *values) in LIMITS.items():
            equal(limits_of(pid)[shown], (values[0], values[-1]), f"limits.{name}")


@mark(root=True)
def scenario_negative_nice(t):
    """Needs the privilege that preforkd has and the pool has not."""
    d = serve(t, ["/bin/cat"], {"nice": -3}).start()
    with Client(d.port) as client:
        client.ask(b"x")
        equal(os.getpriority(os.PRIO_PROCESS, program_of(d, client)), -3, "nice")


def scenario_relative_command_in_its_directory(t):
    os.mkdir(t.path("bin"))
    executable(t, "bin/here", "#!/bin/sh\npwd\n")
    d = serve(t, ["bin/here"], {"directory": t.folder}).start()
    equal(answer(d.port).decode().strip(), t.folder, "pwd")


@mark(root=True)
def scenario_user_and_group(t):
    """As that user, in that group alone; in the user's groups where no group is given."""
    who, group = pwd.getpwnam("daemon"), grp.getgrnam("mail")
    d = serve(t, ["/bin/cat", "/proc/self/status"], {"user": "daemon", "group": "mail"}).start()
    about = dict(line.split(":\t", 1) for line in answer(d.port).decode().splitlines())
    equal(about["Uid"].split(), [str(who.pw_uid)] * 4, "users")
    equal(about["Gid"].split(), [str(group.gr_gid)] * 4, "groups")
    equal(about["Groups"].split(), [str(group.gr_gid)], "supplementary groups")
    equal((int(about["CapEff"], 16), int(about["CapPrm"], 16)), (0, 0), "capabilities")
    d.stop()
    d = serve(t, ["/usr/bin/env"], {"user": "daemon"}, name="env").start()
    got = variables(answer(d.port))
    equal({k: got[k] for k in of_user(who)}, of_user(who), "environment")


@mark(root=True)
def scenario_two_services_two_users(t):
    """Each service's program is its own user; the global one is for those that say nothing."""
    run = {"type": "exec", "command": ["/usr/bin/id", "-un"]}
    d = t.daemon(a={"workers": 1, "handler": {**run, "user": "daemon"}},
                 b={"workers": 1, "handler": run}).start()
    equal((answer(d.ports["a"]), answer(d.ports["b"])), (b"daemon\n", b"nobody\n"), "users")


@mark(root=True)
def scenario_root_needs_permission(t):
    d = serve(t, ["/usr/bin/id", "-u"], {"user": "root"}, name="refused").launch()
    d.expect("allow_root")
    d.wait_exit(EXIT_CONFIG)
    check("allow_root" in d.log_text(), "the message names allow_root")
    d = serve(t, ["/usr/bin/id", "-u"], {"user": "root"}, top={"allow_root": True}).start()
    equal(answer(d.port), b"0\n", "uid")


@mark(root=False)
def scenario_ordinary_user_cannot_be_another(t):
    d = serve(t, ["/bin/cat"], {"user": "daemon"}).expect("user|daemon").launch()
    d.wait_exit(EXIT_CONFIG)


# ---- addresses

def scenario_ipv6(t):
    t.skip_where(not os.path.exists("/proc/net/if_inet6"), "no IPv6 here")
    port = t.port()
    d = serve(t, ["/usr/bin/env"], listen=[f"tcp://[::1]:{port}"]).start()
    got = variables(answer(("::1", port)))
    equal([got[k] for k in ("PROTO", "TCPREMOTEIP", "REMOTE_ADDR", "TCPLOCALIP", "TCPLOCALPORT")],
          ["TCP", "::1", "::1", "::1", str(port)], "variables")
    matches(r"^\[::1\]:\d+$", ended(d)["peer"], "peer")


def scenario_dual_stack_tells_ipv4_as_ipv4(t):
    port = t.port()
    d = serve(t, ["/usr/bin/env"], listen=[f"tcp://*:{port}"]).start()
    got = variables(answer(port))
    equal([got[k] for k in ("TCPREMOTEIP", "REMOTE_ADDR", "TCPLOCALIP")], ["127.0.0.1"] * 3, "IPv4")
    if os.path.exists("/proc/net/if_inet6"):
        equal(variables(answer(("::1", port)))["TCPREMOTEIP"], "::1", "IPv6")
    matches(r"^127\.0\.0\.1:\d+$", d.log_lines(msg="connection")[0]["peer"], "peer")


def scenario_unix_sockets(t):
    """In the file system and abstract: PROTO=IPC, who the client is, no TCP variables."""
    path, name = t.path("s.sock"), f"preforkd-test-{os.getpid()}"
    d = serve(t, ["/usr/bin/env"], listen=[f"unix://{path}", f"unix:@{name}"]).start()
    for where in (path, f"@{name}"):
        ipc = {"PROTO": "IPC", "IPCREMOTEPID": str(os.getpid()), "IPCLOCALPATH": where,
               "IPCREMOTEEUID": str(os.geteuid()), "IPCREMOTEEGID": str(os.getegid())}
        equal(variables(answer(where)), {**of_user(runs_as(t)), **ipc}, where)


def scenario_several_listeners(t):
    """One service, four addresses, clients of each alone and of all at once."""
    ports = [t.port(), t.port(), t.port()]
    path = t.path("s.sock")
    d = serve(t, ["/bin/cat"], workers=4,
              listen=[*(f"tcp://127.0.0.1:{p}" for p in ports), f"unix://{path}"]).start()
    for where in [path, *reversed(ports)]:
        equal(answer(where, b"alone"), b"alone", "echo")
    for _ in range(3):
        clients = [Client(where) for where in [*ports, path]]
        for number, client in enumerate(clients):
            equal(client.ask(b"%d" % number), b"%d" % number, "echo")
        for client in clients:
            client.close()
    ended(d, 16)


# ---- bytes

def scenario_half_close_is_the_end_of_input(t):
    """The program reads the end, and its answer still reaches the client."""
    d = serve(t, ["/usr/bin/wc", "-c"]).start()
    with Client(d.port) as client:
        client.send(b"12345").half_close()
        equal(client.recv_all().strip(), b"5", "answer after the end of input")
    equal(ended(d)["status"], "0", "it was not killed")


def scenario_program_sends_its_end_first(t):
    """The program closes its output; what the client sends then is still read."""
    d = serve(t, sh("echo ready; exec >&-; cat >&2")).start()
    with Client(d.port) as client:
        equal(client.recv_exactly(6), b"ready\n", "greeting")
        client.send(b"the last words").half_close()
        d.wait_log(msg="stderr", text="the last words")


def scenario_connection_ends_with_the_program(t):
    """Nobody of ours keeps the socket open."""
    d = serve(t, ["/bin/echo", "bye"], workers=3).start()
    with Client(d.port) as client:
        equal(client.recv_all(), b"bye\n", "all that came")


# ---- standard error

def lines_of(d):
    return [line["text"] for line in d.log_lines(msg="stderr")]


def scenario_standard_error_goes_to_the_log(t):
    """Line by line, with service, worker and client; before the line of the connection."""
    d = serve(t, sh("echo one >&2; echo 'two \"2\"' >&2; echo answer")).start()
    with Client(d.port) as client:
        equal(client.recv_all(), b"answer\n", "the client gets standard output alone")
        last = ended(d)
        first, second = d.log_lines(msg="stderr")
        equal((first["text"], second["text"]), ("one", 'two "2"'), "text")
        for line in (first, second):
            equal((line["service"], line["peer"], line["worker_pid"], line["level"]),
                  ("p", client.peer, last["worker_pid"], "info"), "line")
    order = [line["msg"] for line in d.log_lines() if line["msg"] in ("stderr", "connection")]
    equal(order, ["stderr", "stderr", "connection"], "order")


def scenario_standard_error_while_it_runs(t):
    """A line is in the log when it is whole, not when the program ends."""
    d = serve(t, sh("echo begun >&2; cat >/dev/null")).start()
    with Client(d.port):
        d.wait_log(msg="stderr", text="begun")


def scenario_standard_error_without_an_end_of_line(t):
    d = serve(t, sh("printf 'no end' >&2")).start()
    answer(d.port)
    d.wait_log(msg="stderr", text="no end")


def scenario_standard_error_in_pieces_is_one_line(t):
    d = serve(t, sh("printf 'one ' >&2; read x; printf 'line\\n' >&2")).start()
    with Client(d.port) as client:
        program_of(d, client)
        client.send(b"go on\n")
        d.wait_log(msg="stderr", text="one line")


def scenario_standard_error_with_carriage_returns(t):
    d = serve(t, sh(r"printf 'one\r\n\r\n\ntwo\r\n' >&2")).start()
    answer(d.port)
    ended(d)
    equal(lines_of(d), ["one", "two"], "lines")


def scenario_standard_error_of_any_length(t):
    """What is too long for one line is told in several; nothing is lost."""
    text = "".join(chr(33 + i % 90) for i in range(10000))
    path = executable(t, "text", text + "\nshort\n")
    d = serve(t, sh(f"cat {path} >&2")).start()
    answer(d.port)
    ended(d)
    found = lines_of(d)
    equal("".join(found[:-1]), text, "the long line")
    equal(found[-1], "short", "the next")


def scenario_standard_error_in_any_language(t):
    """A long line is not cut within a character."""
    text = "x" + "é漢字🙂" * 1000
    path = executable(t, "text", text + "\n")
    d = serve(t, sh(f"cat {path} >&2")).start()
    answer(d.port)
    ended(d)
    equal("".join(lines_of(d)), text, "the line")


def scenario_standard_error_may_be_binary(t):
    """No byte of it breaks the log, and none is dropped without a word."""
    data = bytes(range(256)) * 16
    path = executable(t, "data", data)
    d = serve(t, sh(f"cat {path} >&2")).start()
    answer(d.port)
    ended(d)
    text = "".join(lines_of(d))
    check(text.count("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 16, "every round of it is told")
    equal([c for c in d.log_text() if (c < " " and c != "\n") or c == "\x7f"], [], "control bytes")


def scenario_standard_error_to_the_client(t):
    d = serve(t, sh("echo out; echo error >&2; echo more"), {"stderr": "socket"}).start()
    equal(answer(d.port), b"out\nerror\nmore\n", "what the client sees")
    ended(d)
    equal(lines_of(d), [], "lines in the log")


def scenario_standard_error_to_nobody(t):
    d = serve(t, sh("echo error >&2; echo out"), {"stderr": "null"}).start()
    equal(answer(d.port), b"out\n", "what the client sees")
    ended(d)
    equal(lines_of(d), [], "lines in the log")


def scenario_standard_error_follows_a_reopened_log(t):
    """The pipe is the pool's: a program need not know that the file was rotated."""
    log = t.path("file.log")
    d = serve(t, sh("while read x; do echo $x >&2; echo; done"), log={"file": log}).start()
    with Client(d.port) as client:
        equal(client.send(b"before\n").recv(), b"\n", "answer")
        d.wait_log(log, msg="stderr", text="before")
        os.rename(log, log + ".1")
        d.kill(signal.SIGUSR1)
        wait_until(lambda: os.path.exists(log), "there is a new file")
        equal(client.send(b"after\n").recv(), b"\n", "answer")
        wait_until(lambda: {line["text"] for file in (log, log + ".1")
                            for line in d.log_lines(file, msg="stderr")} == {"before", "after"},
                   "both lines are told")
        # Who had the old file when the line came may have written it there; not so the next one.
        equal(client.send(b"later\n").recv(), b"\n", "answer")
        d.wait_log(log, msg="stderr", text="later")


# ---- the line of a connection, status, counters

def scenario_exit_status_and_usage_in_the_log(t):
    d = serve(t, sh("exit 3")).start()
    with Client(d.port) as client:
        client.recv_all()
        line = ended(d)
    equal([line[k] for k in ("peer", "end", "status", "core", "level", "service", "role")],
          [client.peer, "program ended", "3", "no", "info", "p", "pool"], "line")
    for key in ("duration_s", "user_s", "system_s"):
        check(re.fullmatch(r"\d+\.\d+", line[key]), f"{key}={line[key]}")
    check(int(line["max_rss_kib"]) > 0, "memory")
    check("signal" not in line, "no signal")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_no_exit_status_has_a_meaning_to_us(t):
    """Also not those with which a worker of ours says something."""
    d = serve(t, sh("read x; exit $x"), workers=2).start()
    for status in (0, 1, 100, 101, 102, 103, 104, 127, 255):
        with Client(d.port) as client:
            client.send(b"%d\n" % status)
            client.recv_all()
        ended(d, status=status)
    d.wait_workers(2)
    equal((d.service()["crashes"], d.log_lines(level="warning")), (0, []), "crashes, warnings")


def scenario_processor_time_is_the_programs(t):
    """What it used, its own children that it waited for included."""
    d = serve(t, sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")).start()
    answer(d.port)
    line = ended(d)
    check(float(line["user_s"]) + float(line["system_s"]) > 0, "some time")


def scenario_json_log(t):
    d = serve(t, sh("printf 'say \"x\"\\t\\377\\n' >&2; exit 1"), log={"format": "json"}).start()
    answer(d.port)
    equal(ended(d)["status"], "1", "status")
    matches('^say "x"\t', d.log_lines(msg="stderr")[0]["text"], "text")


def scenario_access_log_off(t):
    """No line for connections that ended by themselves; a crash is told all the same."""
    d = serve(t, sh("read x; [ $x = die ] && kill -SEGV $$; exit 1"), access_log=False).start()
    answer(d.port, b"live\n")
    answer(d.port, b"die\n")
    line = ended(d)
    equal((line["signal"], line["level"]), ("SIGSEGV", "warning"), "line of the crash")
    equal(len(d.log_lines(msg="connection")), 1, "lines")


def scenario_status_and_workers(t):
    """A program with a client is a busy worker, and counts like one."""
    d = serve(t, ["/bin/cat"], workers=3).start()
    with Client(d.port) as one, Client(d.port) as two:
        one.ask(b"x"), two.ask(b"x")
        d.wait_workers(3, busy=2, idle=1)
        service = d.service()
        equal(service["connections"], {"accepted": 2, "active": 2, "refused": 0}, "connections")
        row = d.worker_of(one)
        equal((row["state"], row["connections"], row["peer"]), ("busy", 1, one.peer), "row")
        check(row["busy_ms"] >= 0 and alive(row["pid"]), "busy_ms, pid")
        check(two.peer in d.ctl("workers").stdout, "preforkctl shows it")
    d.wait_workers(3, idle=3)
    service = d.service()
    equal((service["connections"], service["crashes"], service["state"]),
          ({"accepted": 2, "active": 0, "refused": 0}, 0, "running"), "afterwards")


# ---- many

def scenario_more_clients_than_workers(t):
    """Those beyond wait in the queue and are served."""
    d = serve(t, ["/bin/cat"], workers=2).start()
    clients = [Client(d.port).send(b"client %02d" % i) for i in range(12)]
    for i, client in enumerate(clients):
        equal(client.recv_exactly(9), b"client %02d" % i, "echo")
        client.close()
    ended(d, 12)


def scenario_every_connection_a_process(t):
    """Each connection is served by a process of its own, once."""
    d = serve(t, sh("echo $$"), workers=4).start()
    pids = [int(answer(d.port)) for _ in range(100)]
    equal(len(set(pids)), 100, "processes")
    ended(d, 100)
    service = d.service()
    equal((service["connections"]["accepted"], service["crashes"], service["state"]),
          (100, 0, "running"), "accepted, crashes, state")
    equal(d.log_lines(level="warning"), [], "warnings")


# ---- changes

def scenario_reload_leaves_programs_alone(t):
    """A running program serves on, also past its service's end; new clients get the new one."""
    d = serve(t, ["/bin/cat"], workers=2).start()
    with Client(d.port) as old:
        old.ask(b"x")
        d.change("p", handler={"type": "exec", "command": ["/bin/echo", "new"]})
        d.reload()
        wait_until(lambda: answer(d.port) == b"new\n", "new clients get the new program")
        equal(old.ask(b"still there"), b"still there", "the old client")
        d.change("p", handler={"type": "exec", "command": ["/bin/echo", "newer"]})
        d.reload()
        wait_until(lambda: answer(d.port) == b"newer\n", "new clients get the newest program")
        equal(old.ask(b"still there"), b"still there", "the old client")
        equal(old.half_close().recv_all(), b"", "and its end")
    equal(d.log_lines(msg="connection", end="graceful_timeout"), [], "ended by us")


@mark(alone=True)
def scenario_reload_under_load_loses_nothing(t):
    """Clients that come and go all the time; every connection is served to its end, by a program
    of the old or of the new pool."""
    d = serve(t, ["/bin/cat"], workers=4, access_log=False).start()
    load = Load(d.port)
    for workers in (3, 6, 2, 5):
        d.change("p", workers=workers)
        d.reload()
    for number, change in ((signal.SIGTTIN, "6 workers wanted, before 5"),
                           (signal.SIGTTOU, "5 workers wanted, before 6"),
                           (signal.SIGTTOU, "4 workers wanted, before 5")):
        d.kill(number)
        d.wait_log(msg=f"service p: {change}")
    load.stop()
    equal(load.lost, [], "lost connections")
    check(load.served > 0, "some were served")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_reload_with_a_bad_program_changes_nothing(t):
    """Refused with the reason; the service goes on with what it had."""
    d = serve(t, ["/bin/cat"]).start().expect("no-such-program")
    d.change("p", handler={"type": "exec", "command": ["/no-such-program"]})
    matches("/no-such-program: No such file", d.reload_refused(), "reason")
    equal(answer(d.port, b"abc"), b"abc", "the old program")
    equal(d.service()["state"], "running", "state")


def scenario_stop_waits_for_programs(t):
    """TERM to preforkd: no signal reaches a program that has a client; the port is closed."""
    d = serve(t, sh("trap 'echo term' TERM; while read x; do echo $x; done"), workers=2).start()
    with Client(d.port) as client:
        equal(client.send(b"one\n").recv(), b"one\n", "echo")
        d.kill(signal.SIGTERM)
        wait_until(lambda: refuses(d.port), "the port is closed")
        equal(client.send(b"two\n").recv(), b"two\n", "echo")
        equal(client.half_close().recv_all(), b"", "no trap was taken")
    d.wait_exit(0)
    line = ended(d)
    equal((line["end"], line["status"]), ("program ended", "0"), "line")


def scenario_no_signal_reaches_a_program(t):
    """Reload, more and fewer workers, reopening of the log, and stop are none of its business."""
    names = "HUP INT QUIT TERM URG CONT WINCH USR1 USR2 ALRM PIPE IO"
    traps = " ".join(f"trap 'echo {name}' {name};" for name in names.split())
    log = t.path("file.log")
    d = serve(t, sh(f"{traps} while read x; do echo $x; done; echo end"), workers=2,
              log={"file": log}).start()
    with Client(d.port) as client:
        equal(client.send(b"begin\n").recv_exactly(6), b"begin\n", "echo")
        for number, told in ((signal.SIGUSR1, "log file reopened"),
                             (signal.SIGTTIN, "service p: 3 workers wanted, before 2"),
                             (signal.SIGTTOU, "service p: 2 workers wanted, before 3"),
                             (signal.SIGTTOU, "service p: 1 workers wanted, before 2")):
            d.kill(number)
            d.wait_log(log, msg=told)
        d.change("p", workers=3)
        d.reload()
        d.kill(signal.SIGTERM)
        wait_until(lambda: refuses(d.port), "the port is closed")
        client.half_close()
        equal(client.recv_all(), b"end\n", "what the program has to say")
    d.wait_exit(0)


def scenario_graceful_timeout_ends_the_group(t):
    """When it is over: TERM to the program and its children, as long as it takes to be obeyed."""
    d = serve(t, sh("sleep 1000 & echo up; wait"), graceful_timeout="100ms").start()
    with Client(d.port) as client:
        equal(client.recv_exactly(3), b"up\n", "greeting")
        pid = program_of(d, client)
        equal(len(group_members(pid)), 2, "processes in its group")
        d.kill(signal.SIGTERM)
        equal(client.recv_all(), b"", "the end")
    d.wait_exit(0)
    line = ended(d)
    equal((line["end"], line["signal"], line["level"]), ("graceful_timeout", "SIGTERM", "info"),
          "line")
    equal(group_members(pid), [], "left of its group")


def scenario_kill_timeout_ends_what_ignores_term(t):
    """KILL to the whole group, and a line that says so."""
    d = serve(t, sh("trap '' TERM; sleep 1000 & echo up; while :; do wait; done"),
              graceful_timeout="50ms", kill_timeout="100ms").start()
    with Client(d.port) as client:
        equal(client.recv_exactly(3), b"up\n", "greeting")
        pid = program_of(d, client)
        d.kill(signal.SIGTERM)
        equal(client.recv_all(), b"", "the end")
    d.wait_exit(0)
    equal(ended(d)["signal"], "SIGKILL", "signal")
    check(d.log_lines(level="warning", msg=f"worker {pid} did not end its connection in time, "
                                           "killing it"), "it is told")
    equal(group_members(pid), [], "left of its group")


def scenario_program_may_tidy_up_at_term(t):
    """Between TERM and KILL it can say goodbye to its client."""
    d = serve(t, sh("trap 'echo bye; exit 5' TERM; echo up; while :; do read x || sleep 0.01; done"),
              graceful_timeout="50ms").start()
    with Client(d.port) as client:
        equal(client.recv_exactly(3), b"up\n", "greeting")
        d.kill(signal.SIGTERM)
        client.send(b"\n")
        equal(client.recv_all(), b"bye\n", "the last words")
    d.wait_exit(0)
    line = ended(d)
    equal((line["end"], line["status"]), ("graceful_timeout", "5"), "line")


def scenario_stop_now(t):
    """Nothing is waited for, and nothing is left."""
    d = serve(t, sh("trap '' TERM; sleep 1000 & echo up; while :; do wait; done")).start()
    with Client(d.port) as client:
        client.recv_exactly(3)
        pid = program_of(d, client)
        d.kill(signal.SIGINT)
        d.wait_exit(0)
        equal(group_members(pid), [], "left of its group")


def scenario_max_lifetime(t):
    """A program whose connection is that old is told to end; the next client is served."""
    d = serve(t, ["/bin/cat"], max_lifetime="150ms").start()
    with Client(d.port) as client:
        client.ask(b"x")
        equal(client.recv_all(), b"", "the end")
        line = ended(d)
        equal((line["end"], line["signal"], line["peer"]), ("max_lifetime", "SIGTERM", client.peer),
              "line")
    with Client(d.port) as client:
        equal(client.ask(b"y"), b"y", "the next client")
    equal(d.service()["crashes"], 0, "crashes")


def scenario_idle_timeout(t):
    """Ends the connection on which no byte moves, in spite of others on which they do, in either
    direction. Bytes are the kernel's to count: program and client talk without us."""
    d = serve(t, sh("read x; [ $x = tick ] && while :; do echo tock; sleep 0.1; done; "
                    "echo $x; exec cat"), workers=3, idle_timeout="1500ms").start()
    with Client(d.port) as silent, Client(d.port) as talking, Client(d.port) as listening:
        silent.ask(b"silent\n"), talking.ask(b"talk\n")
        listening.send(b"tick\n")

        def over():
            equal(talking.ask(b"x"), b"x", "echo of the one who talks")
            return silent.ended()
        wait_until(over, "the silent one is ended")
        listening.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                check(listening.recv(), "the one who listens is served on")
        line = ended(d)
        equal((line["end"], line["peer"], line["signal"]), ("idle_timeout", silent.peer, "SIGTERM"),
              "line")
        equal(talking.ask(b"y"), b"y", "echo")


def scenario_no_idle_timeout_unless_asked_for(t):
    """Programs know best; only our own handlers have a default."""
    d = serve(t, ["/bin/cat"])
    d.write()
    text = t.run("preforkd", "--print-config", "-c", d.file).stdout
    matches(r'idle_timeout = "0s"', text, "default")


# ---- deaths

def scenario_killed_pool_harms_no_program(t):
    """The programs finish with their clients; a new pool serves new ones."""
    d = serve(t, ["/bin/cat"], workers=3).start()
    with Client(d.port) as client:
        client.ask(b"x")
        pid = program_of(d, client)
        pool = d.pool_pid()
        send_signal(pool, signal.SIGKILL)
        d.wait_log(msg="pool died", pool_pid=pool)
        d.wait_workers(3)
        equal(answer(d.port, b"new"), b"new", "a new client")
        equal(client.ask(b"unharmed"), b"unharmed", "the old client")
        check(alive(pid), "the same process")
        equal(client.half_close().recv_all(), b"", "its end")
        wait_until(lambda: not alive(pid), "the program ends")


def scenario_killed_supervisor_harms_no_program(t):
    """The programs finish; the port is free for the next preforkd meanwhile."""
    d = serve(t, ["/bin/cat"], workers=2).start()
    with Client(d.port) as client:
        client.ask(b"x")
        d.killed()
        wait_until(lambda: refuses(d.port), "nobody listens")
        equal(client.ask(b"unharmed"), b"unharmed", "echo")
        d.launch().wait_running()
        d.exit_codes = {0}
        equal(answer(d.port, b"new"), b"new", "a client of the next one")
        equal(client.ask(b"unharmed"), b"unharmed", "echo")
        equal(client.half_close().recv_all(), b"", "its end")


def scenario_programs_without_a_pool_may_not_stay_for_ever(t):
    """After graceful_timeout they are told to end: by the supervisor when the pool was killed, by
    the pool when the supervisor was; then they are killed."""
    for who in ("pool", "supervisor"):
        d = serve(t, sh("trap '' TERM; echo up; while :; do read x || sleep 0.1; done"), name=who,
                  graceful_timeout="100ms", kill_timeout="100ms").start()
        with Client(d.port) as client:
            equal(client.recv_exactly(3), b"up\n", "greeting")
            pid = program_of(d, client)
            if who == "pool":
                send_signal(d.pool_pid(), signal.SIGKILL)
            else:
                d.killed()
                t.kept |= {d.control, d.control + ".lock"}
            equal(client.recv_all(), b"", "the end")
            wait_until(lambda: not alive(pid), "the program is gone")
        if who == "pool":
            d.wait_workers(1)
            d.stop()


def scenario_killed_worker_in_accept(t):
    """Before it is a program it is a worker like any other."""
    d = serve(t, ["/bin/cat"], workers=2).start()
    pid = d.workers()[0]["pid"]
    send_signal(pid, signal.SIGKILL)
    equal(d.wait_log(msg="worker died", worker_pid=pid)["next"], "replaced at once", "next")
    d.wait_workers(2)
    equal(answer(d.port, b"x"), b"x", "echo")


def scenario_worker_in_accept_leaves_when_told(t):
    """Fewer workers: idle ones go at once, those that are programs stay with their clients."""
    d = serve(t, ["/bin/cat"], workers=3).start()
    with Client(d.port) as client:
        client.ask(b"x")
        for count in (2, 1):
            d.kill(signal.SIGTTOU)
            d.wait_workers(count, busy=1)
        equal(client.ask(b"y"), b"y", "echo")
    d.wait_workers(1)
    equal(answer(d.port, b"x"), b"x", "echo")


# ---- the template that makes cold workers

def template_of(d):
    """The one child of the pool that is not in its table and stays."""
    def others():
        workers = d.worker_pids()
        return {pid for pid, about in process_table().items()
                if about[2] == d.pool_pid() and about[0] == "preforkd-copier"} - workers
    return next(iter(wait_until(lambda: len(others()) == 1 and others(), "there is one template")))


def scenario_killed_template_is_replaced(t):
    """Who waits waits on, who is served is served on; the next worker is made by another one."""
    t.skip_sanitized("the pool forks the workers")
    d = serve(t, ["/bin/cat"], workers=2).start()
    d.wait_workers(2)
    before, workers = template_of(d), d.worker_pids()
    with Client(d.port) as client:
        client.ask(b"x")
        send_signal(before, signal.SIGKILL)
        d.wait_log(level="warning", msg="the template of the workers ended by signal SIGKILL; "
                                        "the next one is started")
        equal(d.worker_pids(), workers, "workers")
        for _ in range(4):
            equal(answer(d.port, b"x"), b"x", "echo")
        check(template_of(d) != before, "another one")
        equal(client.ask(b"y"), b"y", "the client that was there")
    d.wait_workers(2)


def scenario_template_that_hangs_is_replaced(t):
    """It is killed when it has owed a worker for start_timeout."""
    t.skip_sanitized("the pool forks the workers")
    d = serve(t, ["/bin/cat"], workers=1, start_timeout="300ms").start()
    d.wait_workers(1)
    before = template_of(d)
    send_signal(before, signal.SIGSTOP)
    d.expect("template")
    equal(answer(d.port, b"x"), b"x", "echo by the worker that waited")
    equal(answer(d.port, b"y"), b"y", "echo by one of another template")
    check(template_of(d) != before, "another one")


def scenario_cold_workers_share_nothing_that_a_program_sees(t):
    """Each has limits, variables and descriptors as if it were alone, whoever came before it."""
    d = serve(t, sh("ulimit -n; ulimit -t; env | grep -c .; ls /proc/self/fd | wc -l; cat"),
              {"limits": {"nofile": 100, "cpu": 50}}, workers=3).start()
    d.wait_workers(3)
    answers = {answer(d.port, b"") for _ in range(12)}
    equal(len(answers), 1, "different answers")
    equal(next(iter(answers)).split()[:2], [b"100", b"50"], "limits")


def scenario_services_behind_a_proxy_have_no_template(t):
    """Their workers read what a stranger sent before they are the program: each has its memory."""
    d = serve(t, ["/bin/cat"], workers=1, proxy_protocol="required",
              proxy_trusted=["127.0.0.1"]).start()
    d.wait_workers(1)
    equal([pid for pid, about in process_table().items()
           if about[2] == d.pool_pid() and about[0] == "preforkd-copier"], [], "templates")


# ---- without a file

def command_line(t, *command, workers=1):
    port = t.port()
    d = t.daemon()
    d.launch(arguments=["--listen", f"tcp://127.0.0.1:{port}", "--control", d.control,
                        "--workers", str(workers), "--", *command])
    d.wait_running().wait_workers(workers)
    return d, port


def scenario_command_line(t):
    """preforkd --listen ADDRESS -- PROGRAM ARGUMENTS: it runs where preforkd was started; relative
    paths are from there; options behind the program are the program's."""
    executable(t, "here", '#!/bin/sh\necho "$@"\npwd\n')
    for program in ("./here", t.path("here")):
        d, port = command_line(t, program, "--workers", "-c", "x", "--", "", workers=2)
        equal(d.service()["name"], "here", "name")
        lines = answer(port).decode().splitlines()
        equal(lines, ["--workers -c x -- ", t.folder], "arguments and directory")
        d.stop()


def scenario_command_line_looks_in_path(t):
    """And names that cannot be a service's are no hindrance."""
    d, port = command_line(t, "cat")
    equal((answer(port, b"abc"), d.service()["name"]), (b"abc", "cat"), "answer and name")
    d.stop()
    name = executable(t, "a name (1).sh", "#!/bin/sh\necho fine\n")
    d, port = command_line(t, name)
    equal(answer(port), b"fine\n", "answer")


def scenario_command_line_on_a_unix_socket(t):
    path = t.path("s.sock")
    d = t.daemon()
    d.launch(arguments=["--listen", f"unix://{path}", "--control", d.control, "--", "cat"])
    d.wait_running()
    equal(answer(path, b"abc"), b"abc", "answer")
