# SPDX-License-Identifier: MIT
"""Handler type "exec" with `warm`: programs that were started before their client came, by
themselves and as copies of a template. tests/preload/ has the library alone."""
import os
import pwd
import shutil
import signal
import time

from harness import *
from load import Load
from programs import *

WAYS = {"start": {"warm": "start"}, "start_fork": {"warm": "start", "warm_fork": True},
        "io": {"warm": "io"}, "io_fork": {"warm": "io", "warm_fork": True}}
FORKS = {way: keys for way, keys in WAYS.items() if "warm_fork" in keys}
TEMPLATE_KILLED = ("the template of the workers ended by signal SIGKILL; "
                   "the next one is started")
TRACES = ("LD_PRELOAD", "PREFORKD_WARM")


def service(command, way, handler=None, **keys):
    """One service of a daemon, started in that way."""
    keys.setdefault("workers", 1)
    return {"handler": {"type": "exec", "command": command, **WAYS[way], **(handler or {})}, **keys}


def warm(t, command, handler=None, ways=WAYS, top=None, log=None, name="preforkd", **keys):
    """A daemon, not started, with the same program once for each of WAYS, under that name."""
    return t.daemon(name, log, top,
                    **{way: service(command, way, handler, **keys) for way in ways})


def all_idle(d, count=1):
    for way in d.services:
        d.wait_workers(count, way)


def served_by(d, client, way):
    """The pid of the program that has this client."""
    return d.worker_of(client, way)["pid"]


def processes(d, way):
    """Children of the pool that are not in its table: templates."""
    pool = d.pool_pid(way)
    workers = d.worker_pids(way)
    return {pid for pid, about in process_table().items()
            if about[2] == pool and about[1] not in "ZX"} - workers


def template_of(d, way):
    """Its pid, once there is exactly one, and no copy is in the making."""
    return next(iter(wait_until(lambda: len(found := processes(d, way)) == 1 and
                                found == processes(d, way) and found, "there is one template")))


def variables(data):
    return dict(line.split("=", 1) for line in data.decode().splitlines())


def runs_as(t):
    return pwd.getpwuid(NOBODY if t.is_root else os.getuid())


def of_user(who):
    return {"PATH": PATH, "HOME": who.pw_dir, "USER": who.pw_name, "LOGNAME": who.pw_name}


# ---- unmodified programs, many clients

def many_clients(t, command):
    """In a row, all at once, and some that leave without a word."""
    d = warm(t, command, workers=3).start()
    for way, port in d.ports.items():
        for number in range(5):
            text = f"{way} {number}\n".encode()
            equal(answer(port, text), text, f"{way}: client {number} in a row")
            if number == 2:
                Client(port).close()
        clients = [Client(port) for _ in range(3)]
        for round in range(3):
            for number, client in enumerate(clients):
                client.send(f"{number} {round}\n".encode())
            for number, client in enumerate(clients):
                text = f"{number} {round}\n".encode()
                equal(client.recv_exactly(len(text)), text, f"{way}: client {number} at once")
        pids = {served_by(d, client, way) for client in clients}
        equal(len(pids), 3, f"{way}: processes of three clients")
        for client in clients:
            equal(client.half_close().recv_all(), b"", f"{way}: the end")
            client.close()
    all_idle(d, 3)
    for way in WAYS:
        equal((d.service(way)["crashes"], d.service(way)["workers"]["busy"]), (0, 0), way)
    equal(d.log_lines(level="warning"), [], "warnings")


def scenario_cat(t):
    many_clients(t, ["cat"])


def scenario_perl(t):
    many_clients(t, [installed(t, "perl"), "-e", "use POSIX; $| = 1; print while <STDIN>"])


def scenario_python(t):
    installed(t, "python3")
    many_clients(t, ["python3", "-c", "import sys, json, socket\n"
                     "for line in sys.stdin: print(line, end='', flush=True)"])


def scenario_python_by_way_of_env(t):
    installed(t, "python3")
    many_clients(t, [executable(t, "echo.py", "#!/usr/bin/env python3\nimport sys, json, re\n"
                                "for line in sys.stdin:\n"
                                "    sys.stdout.write(line)\n    sys.stdout.flush()\n")])


def scenario_bash(t):
    path = installed(t, "bash")
    many_clients(t, [executable(t, "echo.bash",
                                f"#!{path}\nwhile read -r x; do echo \"$x\"; done\n")])


def scenario_dash(t):
    many_clients(t, [installed(t, "dash"), "-c", "while read -r x; do echo \"$x\"; done"])


def scenario_php(t):
    many_clients(t, [installed(t, "php"), "-r",
                     "while (($x = fgets(STDIN)) !== false) { echo $x; }"])


def scenario_ruby(t):
    many_clients(t, [installed(t, "ruby"), "-e",
                     "$stdout.sync = true; $stdin.each_line { |x| print x }"])


# ---- what a program is given

def scenario_environment_in_start_is_exactly_the_contract(t):
    """As for a cold one: user, UCSPI, CGI names, what the configuration adds; no trace of ours."""
    added = {"GREETING": "a b", "EMPTY": ""}
    d = warm(t, ["/usr/bin/env"], {"environment": added}, ("start", "start_fork")).start(
        env={"SECRET": "x", "LD_BIND_NOW": "1"})
    for way, port in d.ports.items():
        for _ in range(2):
            with Client(port) as client:
                got = variables(client.recv_all())
                host, number = client.address
            tcp = {"PROTO": "TCP", "TCPREMOTEIP": host, "TCPREMOTEPORT": str(number),
                   "REMOTE_ADDR": host, "REMOTE_PORT": str(number), "TCPLOCALIP": "127.0.0.1",
                   "TCPLOCALPORT": str(port)}
            equal(got, {**of_user(runs_as(t)), **added, **tcp}, f"{way}: environment")


def scenario_unix_clients_are_told_in_start(t):
    path = t.path("s.sock")
    keys = service(["/usr/bin/env"], "start_fork")
    d = t.daemon(p={"listen": [f"unix://{path}"], **keys}).start()
    got = variables(answer(path))
    equal((got["PROTO"], got["IPCREMOTEPID"], got["IPCREMOTEEUID"]),
          ("IPC", str(os.getpid()), str(os.geteuid())), "variables")


def scenario_peer_in_io(t):
    """getpeername tells it, and children of a program with the C environment have the variables."""
    installed(t, "python3")
    code = ("import os, socket, subprocess, sys\n"
            "s = socket.socket(fileno=0)\n"
            "print(*s.getpeername(), *s.getsockname(), flush=True)\n"
            "print(sorted(k for k in os.environ if 'LD_' in k or 'WARM' in k), flush=True)\n")
    d = warm(t, ["python3", "-c", code], ways=("io", "io_fork")).start()
    for way, port in d.ports.items():
        for _ in range(3):
            with Client(port) as client:
                host, number = client.address
                equal(client.recv_all().decode(), f"{host} {number} 127.0.0.1 {port}\n[]\n", way)


def about(pid):
    """What /proc tells of a process, as far as preforkd has to do with it."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(") ")[2].split()
    status = proc_status(pid)
    masks = {m: int(status[m], 16) for m in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd")}
    return {"parent, group, session, terminal": tuple(int(f) for f in fields[1:5]),
            "descriptors": sorted(descriptors(pid)), **masks}


def scenario_process_of_its_own_without_our_traces(t):
    """0 to 2 open, blocking, no signal ignored or handled or blocked; session of its own, a child
    of the pool, also for copies; whatever preforkd was started with."""
    def spoil():
        for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGWINCH, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR2, signal.SIGWINCH})
    d = warm(t, ["cat"]).start(preexec=spoil)
    for way, port in d.ports.items():
        with Client(port) as client:
            client.ask(b"x")
            pid = served_by(d, client, way)
            equal(about(pid), {"parent, group, session, terminal": (d.pool_pid(way), pid, pid, 0),
                               "descriptors": [0, 1, 2], "SigBlk": 0, "SigIgn": 0, "SigCgt": 0,
                               "SigPnd": 0, "ShdPnd": 0}, way)
            have = descriptors(pid)
            check(have[0].startswith("socket:") and have[1] == have[0] and
                  have[2].startswith("pipe:"), f"{way}: {have}")
            for fd in (0, 1, 2):
                with open(f"/proc/{pid}/fdinfo/{fd}") as file:
                    flags = int(re.search(r"flags:\s*(\d+)", file.read())[1], 8)
                check(not flags & (os.O_NONBLOCK | os.O_CLOEXEC), f"{way}: descriptor {fd}")


def scenario_children_have_none_of_our_traces(t):
    """Neither variables nor descriptors nor odd signals."""
    d = warm(t, sh("cat; echo end")).start()
    for way, port in d.ports.items():
        with Client(port) as client:
            client.ask(b"x")
            pid = served_by(d, client, way)
            (child,) = descendants(pid)
            equal(process_stat(child)[0], "cat", "the child")
            told = about(child)
            told.pop("parent, group, session, terminal")
            equal(told, {"descriptors": [0, 1, 2], "SigBlk": 0, "SigIgn": 0, "SigCgt": 0,
                         "SigPnd": 0, "ShdPnd": 0}, f"{way}: the child")
            with open(f"/proc/{child}/environ") as file:
                names = {entry.partition("=")[0] for entry in file.read().split("\0")}
            equal([name for name in TRACES if name in names], [], f"{way}: variables")
            with open(f"/proc/{child}/maps") as file:
                check("preforkd" not in file.read(), f"{way}: the library is in the child")
            equal(client.half_close().recv_all(), b"end\n", f"{way}: the end")


def scenario_standard_error(t):
    """To the log with the peer of the client that it is about; to the client; to nobody."""
    code = sh("read x; echo \"error $x\" >&2; echo out")
    d = t.daemon(**{f"{way}_{where}": service(code, way, {"stderr": where}, workers=2)
                    for way in WAYS for where in ("log", "socket", "null")}).start()
    for way in WAYS:
        for number in range(3):
            with Client(d.ports[f"{way}_log"]) as client:
                client.send(b"%d\n" % number)
                equal(client.recv_all(), b"out\n", f"{way}: answer")
                line = d.wait_log(msg="stderr", service=f"{way}_log", text=f"error {number}")
                equal(line["peer"], client.peer, f"{way}: peer")
                last = d.wait_log(msg="connection", service=f"{way}_log", peer=client.peer)
                equal(line["worker_pid"], last["worker_pid"], f"{way}: pid")
            equal(answer(d.ports[f"{way}_socket"], b"1\n"), b"error 1\nout\n", f"{way}: socket")
            equal(answer(d.ports[f"{way}_null"], b"1\n"), b"out\n", f"{way}: null")
    equal(len(d.log_lines(msg="stderr")), 3 * len(WAYS), "lines in the log")


def scenario_standard_error_before_there_is_a_client(t):
    """Is told, without a peer."""
    installed(t, "python3")
    d = warm(t, ["python3", "-c", "import sys; print('begun', file=sys.stderr); input()"],
             ways=("io", "io_fork")).start()
    for way in d.services:
        line = d.wait_log(msg="stderr", text="begun", service=way)
        check("peer" not in line, f"{way}: {line}")


def scenario_errors_for_the_client_come_first(t):
    """stderr = "socket": what is written there before anything else is for the client, too."""
    installed(t, "python3")
    code = "import sys; sys.stderr.write('early\\n'); print(input())"
    d = warm(t, ["python3", "-c", code], {"stderr": "socket"}).start()
    for way, port in d.ports.items():
        for _ in range(2):
            equal(answer(port, b"x\n"), b"early\nx\n", way)


LIMITS = {"nofile": (64, "Max open files", "64"), "cpu": (77, "Max cpu time", "77", "78"),
          "core": (0, "Max core file size", "0"),
          "fsize": ("10M", "Max file size", str(10 << 20))}


def scenario_surroundings(t):
    """directory, umask, nice and limits hold for programs and their copies."""
    d = warm(t, ["cat"], {"directory": t.folder, "umask": "0077", "nice": 7,
                          "limits": {k: v[0] for k, v in LIMITS.items()}}).start()
    for way, port in d.ports.items():
        with Client(port) as client:
            client.ask(b"x")
            pid = served_by(d, client, way)
            equal(os.readlink(f"/proc/{pid}/cwd"), t.folder, f"{way}: directory")
            equal(proc_status(pid)["Umask"], "0077", f"{way}: umask")
            equal(os.getpriority(os.PRIO_PROCESS, pid), 7, f"{way}: nice")
            with open(f"/proc/{pid}/limits") as file:
                have = {line[:25].strip(): tuple(line[26:].split()[:2]) for line in list(file)[1:]}
            for name, (_, shown, *values) in LIMITS.items():
                equal(have[shown], (values[0], values[-1]), f"{way}: limits.{name}")


@mark(root=True)
def scenario_user(t):
    who = pwd.getpwnam("daemon")
    d = warm(t, ["cat"], {"user": "daemon"}).start()
    for way, port in d.ports.items():
        with Client(port) as client:
            client.ask(b"x")
            status = proc_status(served_by(d, client, way))
            equal(status["Uid"].split(), [str(who.pw_uid)] * 4, f"{way}: users")
            equal(int(status["CapEff"], 16), 0, f"{way}: capabilities")


def scenario_low_limit_of_descriptors(t):
    """With as few as a program can live with it is served, or the reason is told; it never runs
    on without the library."""
    for number in (13, 24):
        d = t.daemon(f"limit{number}", **{
            way: service(["cat"], way, {"limits": {"nofile": number}}, start_timeout="1s")
            for way in WAYS}).launch()
        d.expect("open files|not ready within")

        def settled():
            if d.process.poll() is not None:
                return True
            with contextlib.suppress(OSError):
                return d.status()["state"] == "running"
        wait_until(settled, "it runs or has ended")
        check("cannot be preloaded" not in d.log_text(), f"nofile {number}: {d.tail()}")
        if d.process.poll() is not None:
            d.wait_exit(EXIT_UNAVAILABLE)
            matches("open files", d.log_text(), f"reason with {number}")
            check(number < 24, f"{number} are enough")
            continue
        for way, port in d.ports.items():
            equal(answer(port, b"abc"), b"abc", f"nofile {number}: {way}")
        d.stop()


# ---- status and log

def scenario_line_and_duration_of_a_connection(t):
    """Status, and a duration that begins when the client came, not when the process did."""
    d = warm(t, sh("read x; exit $x")).start()
    all_idle(d)
    born = time.monotonic()
    wait_until(lambda: time.monotonic() > born + 0.5, "the workers have waited for a while")
    for way, port in d.ports.items():
        with Client(port) as client:
            client.send(b"3\n").recv_all()
            line = ended(d, service=way)
            equal([line[k] for k in ("peer", "end", "status", "level")],
                  [client.peer, "program ended", "3", "info"], f"{way}: line")
    lines = d.log_lines(msg="connection")
    check(sum(float(line["duration_s"]) for line in lines) < time.monotonic() - born - 0.4,
          f"durations: {[line['duration_s'] for line in lines]}")
    for way in WAYS:
        d.wait_workers(1, way)
        equal(d.service(way)["crashes"], 0, f"{way}: crashes")


def scenario_states_peers_and_counters(t):
    """Idle while it waits, busy with its peer, counted once; the next one waits by then."""
    d = warm(t, ["cat"], workers=2).start()
    for way, port in d.ports.items():
        d.wait_workers(2, way)
        equal([(row["peer"], row["connections"]) for row in d.workers(way)], [("", 0)] * 2, way)
        with Client(port) as client:
            client.ask(b"x")
            row = d.worker_of(client, way)
            equal((row["state"], row["connections"]), ("busy", 1), f"{way}: row")
            d.wait_workers(2, way, busy=1, idle=1)
            equal(d.service(way)["connections"]["accepted"], 1, f"{way}: accepted")
            equal(d.service(way)["connections"]["active"], 1, f"{way}: active")
        d.wait_workers(2, way)
        equal(answer(port, b"abc"), b"abc", f"{way}: the next")
        wait_until(lambda: d.service(way)["connections"]["accepted"] == 2, "both are counted")


def scenario_half_close_is_the_end_of_input(t):
    """The program reads the end, and its answer still reaches the client."""
    d = warm(t, ["wc", "-c"]).start()
    for way, port in d.ports.items():
        with Client(port) as client:
            client.send(b"12345").half_close()
            equal(client.recv_all().strip(), b"5", f"{way}: answer after the end of input")
        equal(ended(d, service=way)["status"], "0", f"{way}: it was not killed")


def scenario_several_listeners(t):
    ports = [t.port(), t.port()]
    path = t.path("s.sock")
    listen = [*(f"tcp://127.0.0.1:{p}" for p in ports), f"unix://{path}"]
    for way in WAYS:
        d = t.daemon(way, p={"listen": listen, **service(["cat"], way, workers=3)}).start()
        clients = [Client(where) for where in [*ports, path]]
        for number, client in enumerate(clients):
            equal(client.ask(b"%d" % number), b"%d" % number, f"{way}: echo")
        for client in clients:
            client.close()
        d.stop()


# ---- drain, stop, reload

def scenario_stop(t):
    """Idle ones leave at once, those that have a client finish, without a signal."""
    d = warm(t, sh("trap 'echo term' TERM; while read x; do echo $x; done"), workers=3).start()
    clients = {way: Client(port) for way, port in d.ports.items()}
    busy = set()
    for way, client in clients.items():
        equal(client.send(b"one\n").recv(), b"one\n", f"{way}: echo")
        busy.add(served_by(d, client, way))
    all_pids = {pid for way in WAYS for pid in d.worker_pids(way)} | \
        {template_of(d, way) for way in FORKS}
    d.kill(signal.SIGTERM)
    wait_until(lambda: {pid for pid in all_pids if alive(pid)} == busy,
               "idle ones and templates left")
    for way, client in clients.items():
        equal(client.send(b"two\n").recv(), b"two\n", f"{way}: echo")
        equal(client.half_close().recv_all(), b"", f"{way}: no trap was taken")
        client.close()
    d.wait_exit(0)
    equal({line["status"] for line in d.log_lines(msg="connection")}, {"0"}, "status")


def scenario_reload_with_clients_in_hand(t):
    """Old programs finish with their clients, old idle ones and templates go; new ones serve."""
    d = warm(t, sh("while read x; do echo old $x; done"), workers=2).start()
    clients = {way: Client(port) for way, port in d.ports.items()}
    for way, client in clients.items():
        equal(client.send(b"1\n").recv(), b"old 1\n", f"{way}: echo")
    busy = {served_by(d, client, way) for way, client in clients.items()}
    old = {pid for way in WAYS for pid in d.worker_pids(way)} | \
        {template_of(d, way) for way in FORKS}
    for way in WAYS:
        d.change(way, **service(sh("while read x; do echo new $x; done"), way, workers=2))
    d.reload()
    wait_until(lambda: {pid for pid in old if alive(pid)} == busy, "those without a client left")
    for way, client in clients.items():
        equal(answer(d.ports[way], b"2\n"), b"new 2\n", f"{way}: a new client")
        equal(client.send(b"3\n").recv(), b"old 3\n", f"{way}: an old client")
        client.close()
    wait_until(lambda: not any(alive(pid) for pid in old), "the old ones are gone")


SLOW = """
import os, sys, time
if os.path.exists(sys.argv[1]):
    open(sys.argv[1] + ".%d" % os.getpid(), "w").close()
while os.path.exists(sys.argv[1]):
    time.sleep(0.01)
while line := sys.stdin.readline():
    print(line, end="", flush=True)
"""


def slow(t, ways=("io", "io_fork"), **keys):
    """Programs that start as long as a file is there. Returns the daemon, the file."""
    installed(t, "python3")
    os.mkdir(t.path("slow"), 0o777)
    os.chmod(t.path("slow"), 0o777)
    path = t.path("slow", "import")
    return warm(t, ["python3", "-c", SLOW, path], ways=ways, **keys), path


def starting(t):
    return {int(name.split(".")[1]) for name in os.listdir(t.path("slow")) if "." in name}


def scenario_stop_while_they_are_starting(t):
    """What is in the middle of a long import leaves when it comes to its waiting point."""
    d, path = slow(t, workers=2)
    write(path, "")
    d.launch()
    wait_until(lambda: len(starting(t)) >= 2, "programs are starting")
    d.kill(signal.SIGTERM)
    d.wait_log(msg="stopping, finishing the connections in hand")
    os.unlink(path)
    d.wait_exit(0)


def scenario_reload_while_new_ones_are_starting(t):
    """The old ones serve until the new ones have come to their waiting point."""
    d, path = slow(t)
    d.start()
    all_idle(d)
    old = {way: d.pool_pid(way) for way in d.services}
    write(path, "")
    for way in d.services:
        d.change(way, **service(["python3", "-c", SLOW, path], way, {"nice": 1}))
    d.write()
    d.kill(signal.SIGHUP)
    wait_until(lambda: len(starting(t)) >= 2, "new ones are starting")
    for way, port in d.ports.items():
        with Client(port) as client:
            equal(client.ask(b"old\n"), b"old\n", f"{way}: served by the old ones")
            equal(process_stat(served_by(d, client, way))[2], old[way], f"{way}: the old pool's")
    os.unlink(path)
    wait_until(lambda: all(d.pool_pid(way) != old[way] for way in d.services),
               "the new pools serve")
    d.wait_running()
    for way, port in d.ports.items():
        equal(answer(port, b"new\n"), b"new\n", way)


@mark(alone=True)
def scenario_reload_under_load(t):
    """No connection is lost, whatever way they are started."""
    d = warm(t, ["cat"], workers=3).start()
    loads = [Load(port, processes=1, rounds=2) for port in d.ports.values()]
    for round in range(4):
        for way in WAYS:
            d.change(way, **service(["cat"], way, {"nice": round + 1}, workers=3))
        d.reload()
    for way in WAYS:
        for number, change in ((signal.SIGTTIN, "4 workers wanted, before 3"),
                               (signal.SIGTTOU, "3 workers wanted, before 4")):
            if way == "start":
                d.kill(number)
            d.wait_log(msg=f"service {way}: {change}")
    for way, load in zip(WAYS, loads):
        load.stop()
        equal(load.lost, [], f"{way}: lost connections")
        check(load.served > 0, f"{way}: some were served")
        equal(d.service(way)["crashes"], 0, f"{way}: crashes")
    equal(d.log_lines(level="warning"), [], "warnings")


# ---- deaths

def scenario_killed_pool(t):
    """Idle ones and templates leave, programs with a client finish, a new pool serves."""
    d = warm(t, ["cat"], workers=2).start()
    clients = {way: Client(port) for way, port in d.ports.items()}
    busy, old = set(), set()
    for way, client in clients.items():
        client.ask(b"x")
        busy.add(served_by(d, client, way))
    for way in WAYS:
        d.wait_workers(2, way, busy=1, idle=1)
        old |= d.worker_pids(way) | ({template_of(d, way)} if way in FORKS else set())
        send_signal(d.pool_pid(way), signal.SIGKILL)
    wait_until(lambda: {pid for pid in old if alive(pid)} == busy, "those without a client left")
    for way, client in clients.items():
        d.wait_workers(2, way)
        equal(answer(d.ports[way], b"new"), b"new", f"{way}: a new client")
        equal(client.ask(b"unharmed"), b"unharmed", f"{way}: the old client")
        equal(client.half_close().recv_all(), b"", f"{way}: its end")
    wait_until(lambda: not any(alive(pid) for pid in busy), "the programs end")


def scenario_killed_pool_while_they_are_starting(t):
    """Programs and templates of a killed pool go when they come to their waiting point."""
    d, path = slow(t, workers=2, restart_delay="10ms")
    d.start()
    all_idle(d, 2)
    write(path, "")
    clients = [Client(port) for port in d.ports.values()]
    for client in clients:
        client.ask(b"x\n")
    send_signal(template_of(d, "io_fork"), signal.SIGKILL)
    for port in d.ports.values():
        equal(answer(port, b"x\n"), b"x\n", "the last one that waits")
    wait_until(lambda: len(starting(t)) == 2, "a program and a template are starting")
    first = starting(t)
    pools = [d.pool_pid(way) for way in d.services]
    for pool in pools:
        send_signal(pool, signal.SIGKILL)
    for pool in pools:
        d.wait_log(msg="pool died", pool_pid=pool)
    os.unlink(path)
    wait_until(lambda: not any(alive(pid) for pid in first), "they are gone")
    for client, port in zip(clients, d.ports.values()):
        equal(client.ask(b"unharmed\n"), b"unharmed\n", "the old client")
        equal(answer(port, b"new\n"), b"new\n", "a new client")


def scenario_killed_supervisor(t):
    """The port is free at once for the next preforkd; clients in hand are served to their end."""
    d = warm(t, ["cat"], workers=2).start()
    clients = {way: Client(port) for way, port in d.ports.items()}
    busy, old = set(), set()
    for way, client in clients.items():
        client.ask(b"x")
        busy.add(served_by(d, client, way))
    for way in WAYS:
        d.wait_workers(2, way, busy=1, idle=1)
        old |= d.worker_pids(way) | ({template_of(d, way)} if way in FORKS else set())
    d.killed()
    wait_until(lambda: all(refuses(port) for port in d.ports.values()), "nobody listens")
    wait_until(lambda: {pid for pid in old if alive(pid)} == busy, "those without a client left")
    d.launch().wait_running()
    d.exit_codes = {0}
    for way, client in clients.items():
        equal(answer(d.ports[way], b"new"), b"new", f"{way}: a client of the next one")
        equal(client.ask(b"unharmed"), b"unharmed", f"{way}: the old client")
        client.close()


def scenario_max_lifetime(t):
    """Counts from the arrival of the client; then TERM, and the next client is served."""
    d = warm(t, ["cat"], max_lifetime="200ms").start()
    all_idle(d)
    born = time.monotonic()
    wait_until(lambda: time.monotonic() > born + 0.3, "the workers are older than that")
    for way, port in d.ports.items():
        with Client(port) as client:
            equal(client.ask(b"x"), b"x", f"{way}: echo")
            equal(client.recv_all(), b"", f"{way}: the end")
            line = ended(d, service=way)
            equal((line["end"], line["signal"], line["peer"]),
                  ("max_lifetime", "SIGTERM", client.peer), f"{way}: line")
        with Client(port) as client:
            equal(client.ask(b"y"), b"y", f"{way}: the next client")
        equal(d.service(way)["crashes"], 0, f"{way}: crashes")


def scenario_graceful_and_kill_timeout(t):
    """TERM to the whole group, then KILL to what ignores it."""
    d = warm(t, sh("trap '' TERM; echo up; sleep 1000 & while :; do wait; done"),
             graceful_timeout="50ms", kill_timeout="100ms").start()
    clients = {way: Client(port) for way, port in d.ports.items()}
    pids = []
    for way, client in clients.items():
        equal(client.recv_exactly(3), b"up\n", f"{way}: greeting")
        pids.append(served_by(d, client, way))
    d.kill(signal.SIGTERM)
    for client in clients.values():
        equal(client.recv_all(), b"", "the end")
        client.close()
    d.wait_exit(0)
    for way in WAYS:
        equal(ended(d, service=way)["signal"], "SIGKILL", f"{way}: signal")
    equal([group_members(pid) for pid in pids], [[]] * 4, "left of their groups")


def scenario_killed_while_idle(t):
    """Replaced at once."""
    d = warm(t, ["cat"], workers=2).start()
    for way, port in d.ports.items():
        d.wait_workers(2, way)
        pid = d.workers(way)[0]["pid"]
        send_signal(pid, signal.SIGKILL)
        equal(d.wait_log(msg="worker died", worker_pid=pid)["next"], "replaced at once", way)
        d.wait_workers(2, way)
        equal(answer(port, b"x"), b"x", f"{way}: echo")


def scenario_crash_of_a_copy_renews_the_template(t):
    """All copies have its address layout. Those that have a client finish."""
    d = warm(t, sh("while read x; do echo $x; done"), ways=FORKS, workers=3).start()
    for way, port in d.ports.items():
        d.wait_workers(3, way)
        before = template_of(d, way)
        with Client(port) as other, Client(port) as client:
            equal(other.send(b"one\n").recv(), b"one\n", f"{way}: echo")
            pid = served_by(d, other, way)
            client.send(b"go\n").recv()
            crashed = served_by(d, client, way)
            send_signal(crashed, signal.SIGSEGV)
            equal(client.recv_all(), b"", f"{way}: the end")
            equal(ended(d, service=way, worker_pid=crashed)["signal"], "SIGSEGV", f"{way}: signal")
            wait_until(lambda: not alive(before) and processes(d, way), f"{way}: it is renewed")
            check(template_of(d, way) != before, f"{way}: another one")
            equal(other.send(b"two\n").recv(), b"two\n", f"{way}: the other one finishes")
            check(alive(pid), f"{way}: the same process")
        d.wait_workers(3, way)
        equal(answer(port, b"3\n"), b"3\n", f"{way}: a new client")


def scenario_templates_are_renewed_by_age(t):
    """Without the loss of a connection, and without a worker that nobody knows."""
    d = warm(t, ["cat"], {"warm_fork_max_age": "50ms"}, FORKS, workers=4).start()
    loads = [Load(port, processes=1, rounds=1) for port in d.ports.values()]
    seen = {way: set() for way in FORKS}

    def renewed():
        for way, templates in seen.items():
            templates |= processes(d, way) - {
                int(line["worker_pid"]) for line in d.log_lines(msg="connection", service=way)}
        return all(len(templates) > 5 for templates in seen.values())
    wait_until(renewed, "templates were renewed some times")
    for way, load in zip(FORKS, loads):
        load.stop()
        equal(load.lost, [], f"{way}: lost connections")
        check(load.served > 0, f"{way}: some were served")
        d.wait_workers(4, way)
        wait_until(lambda: len(processes(d, way)) <= 2, f"{way}: every process is known")
        equal(d.service(way)["crashes"], 0, f"{way}: crashes")
    equal(d.log_lines(level="warning"), [], "warnings")


def scenario_killed_template(t):
    """Is told, and the next one is started when a worker is needed; waiting copies stay."""
    d = warm(t, ["cat"], ways=FORKS, workers=2).start()
    for way, port in d.ports.items():
        d.wait_workers(2, way)
        before = template_of(d, way)
        workers = d.worker_pids(way)
        send_signal(before, signal.SIGKILL)
        d.wait_log(service=way, level="warning", msg=TEMPLATE_KILLED)
        equal(d.worker_pids(way), workers, f"{way}: workers")
        for _ in range(4):
            equal(answer(port, b"x"), b"x", f"{way}: echo")
        check(template_of(d, way) != before, f"{way}: another one")
        d.wait_workers(2, way)


def scenario_templates_with_threads_are_refused(t):
    """One line, and every worker starts the program for itself; also after a reload."""
    installed(t, "python3")
    code = ("import sys, threading, time\n"
            "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
            "for line in sys.stdin: print(line, end='', flush=True)")
    d = warm(t, ["python3", "-c", code], ways=("io_fork",), workers=3).start()
    for _ in range(6):
        equal(answer(d.port, b"x\n"), b"x\n", "echo")
    d.wait_workers(3)
    equal(len(d.log_lines(msg="warm_fork is not possible: the program has 2 threads; every worker "
                              "starts it for itself")), 1, "lines")
    equal(processes(d, "io_fork"), set(), "templates")
    equal(d.service()["state"], "running", "state")


# ---- programs for which it is nothing

def scenario_program_that_ends_before_it_took_a_client(t):
    """A start fails, with the reason; no port is left open."""
    for way in WAYS:
        keys = service(["/bin/true"], way, start_timeout="600ms")
        d = t.daemon(way, p=keys).launch()
        d.expect("service p|true")
        if way.startswith("start"):  # it waits before main(): the program is never asked
            d.wait_running()
            equal(answer(d.port), b"", f"{way}: answer")
            d.stop()
            continue
        d.wait_exit(EXIT_UNAVAILABLE)
        (line,) = d.log_lines(level="error")
        matches("service p: .*ended by status 0 before it (was ready|waited for a client)",
                line["msg"], f"{way}: the reason")
        check(refuses(d.port), "nobody listens")


def scenario_program_that_does_not_wait_any_more(t):
    """Hold-off and "degraded" instead of a spinning processor; and back."""
    d, path = slow(t, workers=2, restart_delay="20ms", restart_delay_max="60ms")
    for way in d.services:
        d.change(way, **service(["python3", "-c", "import os, sys\n"
                                 "if os.path.exists(sys.argv[1]): sys.exit(7)\n"
                                 "for line in sys.stdin: print(line, end='', flush=True)", path],
                                way, workers=2, restart_delay="20ms", restart_delay_max="60ms"))
    d.start()
    all_idle(d, 2)
    write(path, "")
    for way, port in d.ports.items():
        if way in FORKS:
            send_signal(template_of(d, way), signal.SIGKILL)
            d.wait_log(service=way, level="warning", msg=TEMPLATE_KILLED)
        for _ in range(2):
            equal(answer(port, b"x\n"), b"x\n", f"{way}: those that wait still serve")
    for way in d.services:
        wait_until(lambda: d.service(way)["state"] == "degraded", f"{way} is degraded")
        pool = d.pool_pid(way)
        tries, before = len(d.log_lines(service=way, level="warning")), cpu_seconds(pool)
        wait_until(lambda: len(d.log_lines(service=way, level="warning")) >= tries + 4, "4 tries")
        check(cpu_seconds(pool) - before < 0.5, f"{way}: processor time of the pool")
    os.unlink(path)
    all_idle(d, 2)
    d.wait_running()
    for way, port in d.ports.items():
        equal(answer(port, b"x\n"), b"x\n", f"{way}: it serves again")


def scenario_program_that_touches_nothing(t):
    """Is killed at start_timeout, and the error says why."""
    d = warm(t, ["sleep", "1000"], ways=("io",), start_timeout="200ms").launch()
    d.expect("service io")
    d.wait_exit(EXIT_UNAVAILABLE)
    f = warm(t, ["sleep", "1000"], ways=("io_fork",), name="fork", start_timeout="200ms").launch()
    f.expect("service io_fork")
    f.wait_exit(EXIT_UNAVAILABLE)
    for daemon in (d, f):
        (line,) = daemon.log_lines(level="error")
        matches("start_timeout.*when it uses its standard input or output", line["msg"], "reason")


def cold(t, command, reason, ways=WAYS, **keys):
    """It is served as without `warm`, and one line per pool says why."""
    d = warm(t, command, ways=ways, workers=3).start(**keys)
    for way, port in d.ports.items():
        for _ in range(4):
            equal(answer(port, b"abc"), b"abc", f"{way}: echo")
        d.wait_workers(3, way)
        lines = [line["msg"] for line in d.log_lines(service=way, level="warning")]
        equal(len(lines), 1, f"{way}: warnings")
        matches(f"{re.escape(command[0])} is started cold, when its client is there: {reason}",
                lines[0], f"{way}: the line")
    d.stop()


def scenario_static_programs_are_served_cold(t):
    compiler, path = installed(t, "cc", "gcc", "clang"), t.path("static")
    write(t.path("static.c"), "#include <unistd.h>\nint main(void) { char b[64]; ssize_t n;\n"
          "while ((n = read(0, b, sizeof b)) > 0) if (write(1, b, (size_t)n) < 0) return 1;\n"
          "return 0; }\n")
    done = t.run_command([compiler, "-static", "-o", path, t.path("static.c")],
                         env={"PATH": PATH, "TMPDIR": t.folder})
    t.skip_where(done.returncode != 0, "there is no static C library")
    cold(t, [path], "it is statically linked")


def scenario_set_user_id_programs_are_served_cold(t):
    path = t.path("cat")
    shutil.copy(installed(t, "cat"), path)
    os.chmod(path, 0o4755)
    cold(t, [path], "it is set-user-ID")


def scenario_programs_that_cannot_be_read_are_served_cold(t):
    """Executable for all, readable for none: nothing can be loaded into those."""
    path = t.path("cat")
    shutil.copy(installed(t, "cat"), path)
    os.chmod(path, 0o111)
    cold(t, [path], "it cannot be read")


def scenario_without_the_library_programs_are_served_cold(t):
    folder = t.path("bin")
    os.mkdir(folder)
    for name in ("preforkd", "preforkd-pool", "preforkctl"):
        shutil.copy(t.program(name), folder)
    t.programs = folder
    cold(t, [installed(t, "cat")], "preforkd-preload.so is missing")


# ---- many

def scenario_many_workers(t):
    """64 copies wait soon, and all of them serve."""
    d = warm(t, ["cat"], ways=("io_fork",), workers=64).start()
    d.wait_workers(64)
    clients = [Client(d.port) for _ in range(64)]
    for client in clients:
        client.send(b"x")
    for client in clients:
        equal(client.recv(), b"x", "echo")
    equal(d.service()["workers"]["busy"], 64, "busy")
    for client in clients:
        client.close()
    d.wait_workers(64)


def scenario_nothing_is_left_after_many_connections(t):
    """No descriptor in the pool or the template, no zombie, no process."""
    d = warm(t, ["cat"], workers=4).start()
    all_idle(d, 4)
    for way, port in d.ports.items():
        pool = d.pool_pid(way)
        before = len(descriptors(pool))
        kept = template_of(d, way) if way in FORKS else None
        held = len(descriptors(kept)) if kept else 0
        for number in range(500 if way in FORKS else 250):
            equal(answer(port, b"x"), b"x", f"{way}: echo")
        d.wait_workers(4, way)
        wait_until(lambda: len(descriptors(pool)) == before,
                   f"{way}: the pool's {before} descriptors")
        if kept:
            equal(len(descriptors(kept)), held, f"{way}: descriptors of the template")
        zombies = [pid for pid, entry in process_table().items()
                   if entry[2] == pool and entry[1] == "Z"]
        wait_until(lambda: not any(process_stat(pid) and process_stat(pid)[1] == "Z"
                                   for pid in zombies), f"{way}: zombies are reaped")
        equal(len(processes(d, way)), 1 if kept else 0, f"{way}: other children")


def scenario_copies_that_the_system_refuses(t):
    """Hold-off, and few lines; the start fails with the reason."""
    d = warm(t, ["cat"], {"limits": {"nproc": 1}}, ("io_fork",), workers=8, start_timeout="600ms",
             restart_delay="50ms").launch().expect("cannot copy a worker")
    d.wait_exit(EXIT_UNAVAILABLE)
    (line,) = d.log_lines(level="error")
    matches("cannot copy a worker: Resource temporarily unavailable", line["msg"], "the reason")
    check(len(d.log_lines()) < 30, f"lines: {len(d.log_lines())}")


def scenario_temporary_files_are_not_shared(t):
    """A program with a file open for writing is not copied: what one client makes it write there the
    next one would read. It is told once, and served without copies."""
    d = t.daemon(tac={"workers": 2, "handler": {"type": "exec", "command": ["tac"], "warm": "io",
                                                "warm_fork": True}}).start()
    told = "warm_fork is not possible: the program has 1 files open for writing, which copies would " \
           "share; every worker starts it for itself"
    d.wait_log(msg=told)
    d.expect("warm_fork is not possible")
    for _ in range(6):
        with Client(d.port) as client:
            client.send(b"one\ntwo\n")
            client.half_close()
            equal(client.recv_all(), b"two\none\n", "a client's own lines, and no others")
