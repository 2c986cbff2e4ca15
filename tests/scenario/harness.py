# SPDX-License-Identifier: MIT
"""harness - what a scenario has at hand: daemons, plain clients, /proc, and polling.

A scenario is a function `scenario_…(t)` in a file test_NN_….py. `t` (class Scenario) belongs to
that one run: it has a temporary folder, hands out ports, starts daemons, and at the end checks
that each of them ended as it should and left nothing behind. See tests/README.md.
"""
import contextlib
import ctypes
import encodings.gbk  # noqa: F401  (while whoever is root: later it may not be readable)
import encodings.idna  # noqa: F401
import encodings.utf_16_le  # noqa: F401
import json
import os
import re
import select
import signal
import socket
import stat
import struct
import subprocess
import time

LIMIT = 20  # seconds that anything may take before it counts as "does not happen"
LIBC = ctypes.CDLL(None, use_errno=True)
NOBODY = 65534

EXIT_OK, EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_OS, EXIT_CONFIG = 0, 64, 69, 71, 78


class Failure(AssertionError):
    """What a scenario found wrong."""


class Skip(Exception):
    """A scenario cannot run here; its text says why."""


# ---- marks -----------------------------------------------------------------------------------

def mark(**marks):
    """alone=True: no other scenario runs beside it. limit=N: seconds it may take.
    root=True / root=False: only when started as root / as an ordinary user.
    known_defect="…": it is known to fail, and why; it is reported when it does not any more."""
    def put(function):
        function.marks = {**getattr(function, "marks", {}), **marks}
        return function
    return put


# ---- polling ---------------------------------------------------------------------------------

def resolves(name):
    """Does this machine know NAME? A bare container may lack even /etc/hosts."""
    try:
        return bool(socket.getaddrinfo(name, None))
    except OSError:
        return False


def wait_until(predicate, what, limit=LIMIT):
    """Poll until predicate() is true and return what it returned; fail saying WHAT was awaited."""
    end = time.monotonic() + limit
    pause = 0.002
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {limit} s in vain until {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def stays(predicate, what, seconds=0.3):
    """For "nothing happens": true now and at each look during a moment. Only ever too lenient."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not predicate():
            raise Failure(f"did not stay so: {what}")
        time.sleep(0.01)


def equal(got, wanted, what):
    if got != wanted:
        shown = [repr(x) if len(repr(x)) < 600 else repr(x)[:600] + "…" for x in (got, wanted)]
        raise Failure(f"{what}: got {shown[0]}, wanted {shown[1]}")


def check(condition, what):
    if not condition:
        raise Failure(what)


def matches(pattern, text, what):
    if not re.search(pattern, text):
        raise Failure(f"{what}: no match for /{pattern}/ in {text!r}")


def write(path, text):
    """Replace a file as a whole: who reads it meanwhile sees the old text or the new one."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


# ---- /proc -----------------------------------------------------------------------------------

def process_stat(pid):
    """(comm, state, ppid, start time) or None where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read().decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    comm = text[text.index("(") + 1:text.rindex(")")]
    rest = text[text.rindex(")") + 2:].split()
    return comm, rest[0], int(rest[1]), rest[19]


def process_table():
    table = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            about = process_stat(int(name))
            if about:
                table[int(name)] = about
    return table


def descendants(root, table=None):
    table = table or process_table()
    found, fresh = [], [root]
    while fresh:
        fresh = [pid for pid, about in table.items() if about[2] in fresh]
        found += fresh
    return found


def alive(pid):
    about = process_stat(pid)
    return about is not None and about[1] not in "ZX"


def proc_status(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    """{number: target} of a process."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    return found


def close_on_exec(pid, fd):
    with open(f"/proc/{pid}/fdinfo/{fd}") as file:
        for line in file:
            if line.startswith("flags:"):
                return bool(int(line.split()[1], 8) & os.O_CLOEXEC)
    raise Failure(f"no flags of descriptor {fd}")


def system_call(pid):
    """The number of the system call that the process sleeps in, "running", or None."""
    try:
        with open(f"/proc/{pid}/syscall") as file:
            return file.read().split()[0]
    except (FileNotFoundError, ProcessLookupError, PermissionError, IndexError):
        return None


def tcp_listener(port):
    """(inode, connections in its queue) of the listener on 127.0.0.1:PORT, or None."""
    with open("/proc/net/tcp") as file:
        for line in list(file)[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[1] == f"0100007F:{port:04X}":
                return int(fields[9]), int(fields[4].split(":")[1], 16)
    return None


def send_signal(pid, number):
    """By pidfd, after a look that the process is one of ours: never a stranger's."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if pid not in descendants(os.getpid()):
            return False
        signal.pidfd_send_signal(fd, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


# ---- the log ---------------------------------------------------------------------------------

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}


def unescape(text):
    return re.sub(r'\\(u[0-9a-f]{4}|.)', lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "u"
                  else ESCAPES[m[1]], text)


def parse_logfmt(line):
    """The fields of one line, or None where it is not logfmt through and through."""
    fields, at = {}, 0
    pair = re.compile(r'([a-z_0-9]+)=(?:"((?:[^"\\]|\\.)*)"|([^ "=\\]+))(?: |$)')
    while at < len(line):
        found = pair.match(line, at)
        if not found:
            return None
        fields[found[1]] = found[3] if found[2] is None else unescape(found[2])
        at = found.end()
    return fields if "msg" in fields and "level" in fields else None


def parse_log_line(line):
    if line.startswith("{"):
        try:
            return {key: str(value) for key, value in json.loads(line).items()}
        except ValueError:
            return None
    return parse_logfmt(line)


# ---- clients ---------------------------------------------------------------------------------

class Client:
    """A plain client as in the tutorials: connect, send, recv(1024), close. Blocking, with a
    limit that turns a hang into a failure."""

    def __init__(self, where, limit=LIMIT):
        self.socket = dial(where, limit)
        self.address = self.socket.getsockname()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def recv(self, size=1024):
        return self.socket.recv(size)

    def recv_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise Failure(f"closed after {len(data)} of {size} bytes")
            data += piece
        return bytes(data)

    def recv_all(self):
        """Until the server closes."""
        data = bytearray()
        while True:
            piece = self.socket.recv(1 << 16)
            if not piece:
                return bytes(data)
            data += piece

    def ask(self, data):
        """Send and take as many bytes back: what echo and upper answer."""
        self.send(data)
        return self.recv_exactly(len(data))

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def ended(self):
        """True when the server has closed or reset it, without waiting."""
        if not self.readable():
            return False
        try:
            return self.socket.recv(1, socket.MSG_PEEK) == b""
        except ConnectionError:
            return True

    def readable(self):
        """Something has come, or the end."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def close(self):
        self.socket.close()

    def reset(self):
        """Close with a reset instead of an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    @property
    def peer(self):
        """This client as the daemon's log calls it."""
        if self.socket.family == socket.AF_UNIX:
            return "unix"
        host, port = self.address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def dial(where, limit=LIMIT):
    """WHERE: a port of 127.0.0.1, ("::1", port), "/path" or "@abstract"."""
    if isinstance(where, int):
        where = ("127.0.0.1", where)
    if isinstance(where, str):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        where = "\0" + where[1:] if where.startswith("@") else where
    else:
        check(where[0] in ("127.0.0.1", "::1"), f"{where} is not loopback")
        made = socket.socket(socket.AF_INET6 if ":" in where[0] else socket.AF_INET,
                             socket.SOCK_STREAM)
    try:
        # A Unix socket whose queue is full makes connect() wait, but only a blocking one.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", limit, 0))
        made.connect(where)
        made.settimeout(limit)
    except BaseException:
        made.close()
        raise
    return made


def refuses(where):
    """True where nobody listens."""
    try:
        dial(where).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except ConnectionResetError:
        pass  # the listener went while it shook hands with us: the next one is refused
    return False


# ---- the daemon ------------------------------------------------------------------------------

def config_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        return "[ " + ", ".join(config_value(v) for v in value) + " ]"
    return "{ " + " ".join(f"{k} = {config_value(v)};" for k, v in value.items()) + " }"


class Adopted:
    """A process that somebody else started and that became ours, as a Popen."""

    def __init__(self, pid):
        self.pid = pid
        self.returncode = None

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, limit=LIMIT):
        wait_until(lambda: self.poll() is not None, f"process {self.pid} ends", limit)
        return self.returncode


class Daemon:
    """One preforkd with a configuration of its own.

    services: {name: {key: value}}; `listen` and `handler` may be left out: a free port of
    127.0.0.1 (self.ports[name]), and the handler called like the service."""

    def __init__(self, t, services, name="preforkd", log=None, **top):
        self.t = t
        self.name = name
        self.folder = t.folder
        self.file = t.path(f"{name}.conf")
        self.control = top.pop("control", t.path(f"{name}.sock"))
        self.log_file = t.path(f"{name}.log")
        self.top, self.log_options = top, log or {}
        self.ports, self.services = {}, {}
        for key, value in services.items():
            self.add(key, **value)
        self.process = None
        self.expected = []       # patterns of lines that would otherwise count as wrong
        self.exit_codes = {0}
        self.wrappers = []
        t.daemons.append(self)

    # configuration

    def add(self, name, **keys):
        """Add or replace a service in the configuration (not in the running daemon)."""
        if "listen" not in keys:
            self.ports.setdefault(name, self.t.port())
            keys = {"listen": [f"tcp://127.0.0.1:{self.ports[name]}"], **keys}
        self.services[name] = {"handler": name, **keys}

    def change(self, name, **keys):
        self.services[name].update(keys)

    def config_text(self):
        lines = [f"{k} = {config_value(v)};" for k, v in self.top.items()]
        if self.control:
            lines.append(f"control = {config_value(self.control)};")
        if self.log_options:
            lines.append(f"log = {config_value(self.log_options)};")
        lines.append("services = {")
        for name, keys in self.services.items():
            lines.append(f"  {name} = {{")
            lines += [f"    {k} = {config_value(v)};" for k, v in keys.items()]
            lines.append("  };")
        return "\n".join(lines + ["};", ""])

    def write(self):
        write(self.file, self.config_text())

    @property
    def port(self):
        """The port of the only service."""
        (port,) = self.ports.values()
        return port

    # life

    def launch(self, *options, env=None, preexec=None, stderr=None, arguments=None, **popen):
        """Start it and return at once."""
        if arguments is None:
            self.write()
            arguments = ["-c", self.file, *options]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrappers, self.t.program("preforkd"), *arguments], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log if stderr is None else stderr, cwd=self.folder,
                env=self.t.environment(**(env or {})), preexec_fn=preexec, **popen)
        return self

    def start(self, *options, **keys):
        """Start it and wait until every service is ready."""
        self.launch(*options, **keys)
        return self.wait_running()

    def daemonise(self, *options, **keys):
        """preforkd -d: run the command to its end; adopt the daemon where it says it is there."""
        self.write()
        done = self.t.run("preforkd", "-d", "-c", self.file, *options, **keys)
        if done.returncode == 0:
            status = self.status()
            equal(status["state"], "running", "state when the command returns")
            wait_until(lambda: process_stat(status["pid"])[2] == os.getpid(), "it is adopted")
            self.process = Adopted(status["pid"])
        return done

    def wait_control(self):
        """Until the control socket answers, which is before the services are ready."""
        def answers():
            with contextlib.suppress(OSError):
                return self.status()
        wait_until(answers, "the control socket answers")

    def wait_running(self):
        def ready():
            if self.process and self.process.poll() is not None:
                raise Failure(f"{self.name} ended with status {self.process.returncode} "
                              f"instead of becoming ready")
            with contextlib.suppress(OSError):
                return self.status()["state"] == "running"
        wait_until(ready, f"{self.name} runs")
        return self

    @property
    def pid(self):
        return self.process.pid

    def kill(self, number):
        os.kill(self.process.pid, number)

    def wait_exit(self, *codes, limit=40):
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} does not end") from None
        check(code in (codes or (0,)), f"{self.name} ended with {code}, wanted {codes or 0}")
        self.exit_codes = {code}
        return code

    def stop(self, number=signal.SIGTERM):
        self.kill(number)
        self.wait_exit(0)

    def killed(self, number=signal.SIGKILL):
        """Kill the supervisor as nobody should."""
        self.kill(number)
        self.wait_exit(-number)

    # control socket

    def ask(self, command):
        """One request on the control socket, answer as it came."""
        with Client(self.control) as client:
            client.send(command.encode() + b"\n")
            return json.loads(client.recv_all())

    def result(self, command):
        answer = self.ask(command)
        check(answer["ok"], f"{command}: {answer.get('error')}")
        return answer.get("result")

    def refused(self, command):
        """The reason why a request is refused."""
        answer = self.ask(command)
        check(not answer["ok"], f"{command} was not refused")
        return answer["error"]

    def status(self):
        return self.result("status")

    def service(self, name=None):
        services = self.status()["services"]
        for service in services:
            if name in (None, service["name"]):
                return service
        raise Failure(f"no service {name} in the status")

    def workers(self, service=None, **wanted):
        """Rows of `workers`, of those whose columns are as wanted."""
        rows = self.result(f"workers {service}" if service else "workers")
        return [r for r in rows if all(r[k] == v for k, v in wanted.items())]

    def worker_pids(self, service=None):
        return {row["pid"] for row in self.workers(service)}

    def pool_pid(self, name=None):
        return self.service(name)["pool_pid"]

    def worker_of(self, client, service=None):
        """The row of the worker that serves this client."""
        return wait_until(lambda: self.workers(service, peer=client.peer),
                          f"a worker serves {client.peer}")[0]

    def wait_workers(self, count, service=None, **states):
        """Until that many workers are there and all of them idle (or as STATES says)."""
        states = states or {"idle": count}
        def there():
            workers = self.service(service)["workers"]
            return workers["total"] == count and all(workers[k] == v for k, v in states.items())
        wait_until(there, f"{count} workers are {states}")

    def ctl(self, *arguments, limit=LIMIT):
        """preforkctl on this daemon's control socket."""
        return self.t.run("preforkctl", "-s", self.control, *arguments, limit=limit)

    def reload(self):
        """Put the configuration as it is here into force; fail where it is refused."""
        self.write()
        self.result("reload")
        return self

    def reload_refused(self):
        self.write()
        return self.refused("reload")

    # log

    def log_text(self, file=None):
        with contextlib.suppress(FileNotFoundError):
            with open(file or self.log_file, "rb") as log:
                return log.read().decode("utf-8", "replace")
        return ""

    def log_lines(self, file=None, **fields):
        """Parsed lines, of those that have all of FIELDS."""
        parsed = (parse_log_line(line) for line in self.log_text(file).splitlines())
        return [line for line in parsed if line and all(line.get(k) == str(v)
                                                        for k, v in fields.items())]

    def wait_log(self, file=None, limit=LIMIT, count=1, **fields):
        """Until there are COUNT such lines; returns the last one."""
        found = wait_until(lambda: (lines := self.log_lines(file, **fields)) and
                           len(lines) >= count and lines,
                           f"the log has {count} line(s) with {fields}", limit)
        return found[-1]

    def expect(self, pattern):
        """A line that matches may be in the log although it is an error or no log line at all."""
        self.expected.append(re.compile(pattern))
        return self

    # the end

    def check_end(self):
        """Stop it where it still runs, and look at what is left."""
        if self.process and self.process.poll() is None:
            self.kill(signal.SIGTERM)
            self.wait_exit(0)
        elif self.process:
            check(self.process.returncode in self.exit_codes,
                  f"{self.name} ended with {self.process.returncode}, wanted {self.exit_codes}")
        self.check_log()

    def check_log(self):
        """No error, no line that cannot be parsed (a sanitizer's report is neither)."""
        for line in self.log_text().splitlines():
            fields = parse_log_line(line)
            if fields and fields["level"] != "error":
                continue
            if not any(pattern.search(line) for pattern in self.expected):
                raise Failure(f"unexpected in the log of {self.name}: {line}")

    def tail(self, lines=20):
        return "\n".join(line[:300] for line in self.log_text().splitlines()[-lines:])


# ---- one run of one scenario -----------------------------------------------------------------

class Scenario:
    def __init__(self, name, folder, programs):
        self.name = name
        self.folder = folder
        self.programs = programs
        self.daemons = []
        self.children = []       # processes that a scenario started besides daemons
        self.kept = set()        # paths that may be left over
        self.locks = []
        self.is_root = os.geteuid() == 0
        with open(self.program("preforkd"), "rb") as file:
            self.sanitized = b"__asan_init" in file.read()
        LIBC.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans become ours, none gets lost

    # where things are

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def program(self, name):
        path = os.path.join(self.programs, name)
        if not os.access(path, os.X_OK):
            raise Skip(f"{name} is not built")
        return path

    def skip_where(self, condition, why):
        if condition:
            raise Skip(why)

    def skip_sanitized(self, why):
        self.skip_where(self.sanitized, f"built with sanitizers: {why}")

    def port(self):
        """A free port of 127.0.0.1 below the ephemeral range, reserved against other scenarios
        (and other runs on this machine) by an abstract socket of that name."""
        seed = os.getpid() * 7919
        for i in range(20000):
            port = 10000 + (seed + i) % 20000
            lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            probe = socket.socket()
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                lock.bind(f"\0preforkd-scenario-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError:
                lock.close()
                continue
            finally:
                probe.close()
            self.locks.append(lock)
            return port
        raise Failure("no free port")

    # starting things

    def environment(self, **more):
        """Little of ours: the daemon must not live on what a developer's shell has."""
        kept = {k: os.environ[k] for k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
                if k in os.environ}
        return {**kept, "LC_ALL": "C", **more}

    def daemon(self, name="preforkd", log=None, top=None, **services):
        return Daemon(self, services, name=name, log=log, **(top or {}))

    def run(self, program, *arguments, limit=LIMIT, env=None, **keys):
        """Run one of the four programs to its end."""
        return self.run_command([self.program(program), *arguments], limit=limit,
                                env=self.environment(**(env or {})), **keys)

    def run_command(self, command, limit=LIMIT, **keys):
        keys = {"stdin": subprocess.DEVNULL, "cwd": self.folder, **keys}
        try:
            return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=limit, encoding="utf-8", errors="replace", **keys)
        except subprocess.TimeoutExpired:
            raise Failure(f"{' '.join(command)} does not end within {limit} s") from None

    def spawn(self, command, **keys):
        """Run a helper beside the scenario; it is ended with it."""
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=self.folder, **keys)
        self.children.append(child)
        return child

    def shim(self, *names, **variables):
        """The environment that puts faults of tests/shim/NAME.so into preforkd and all below.
        VARIABLES are PREFORKD_… there: others are not handed on to pools."""
        paths = [self.sanitizer_library()] if self.sanitized else []
        for name in names:
            path = os.path.join(self.programs, "shim", f"{name}.so")
            self.skip_where(not os.path.exists(path), f"shim {name}.so is not built")
            paths.append(path)
        return {"LD_PRELOAD": ":".join(paths),
                **{f"PREFORKD_{name}": value for name, value in variables.items()}}

    def sanitizer_library(self):
        text = subprocess.run(["ldd", self.program("preforkd")], stdout=subprocess.PIPE,
                              encoding="utf-8", check=False).stdout
        found = re.search(r"libasan\S* => (\S+)", text)
        self.skip_where(not found, "libasan is linked statically: a shim cannot be preloaded")
        return found[1]

    # the end

    def finish(self):
        """What every scenario ends with: daemons ended rightly, nothing left over."""
        for daemon in self.daemons:
            daemon.check_end()
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        self.check_processes()
        self.check_files()

    def check_processes(self):
        def gone():
            reap()
            return not descendants(os.getpid())
        try:
            wait_until(gone, "every process has ended", 5)
        except Failure:
            table = process_table()
            left = [f"{pid} {table[pid][0]} ({table[pid][1]})"
                    for pid in descendants(os.getpid(), table)]
            raise Failure(f"processes left over: {', '.join(left)}") from None

    def check_files(self):
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                about = os.lstat(path)
                if path not in self.kept and (stat.S_ISSOCK(about.st_mode) or
                                              name.endswith((".lock", ".pid"))):
                    raise Failure(f"left over: {path}")

    def abandon(self):
        """After a failure: end whatever still runs."""
        for _ in range(200):
            pids = descendants(os.getpid())
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            reap()
            time.sleep(0.01)


def reap():
    """Orphans that became ours and have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
