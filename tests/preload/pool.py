# SPDX-License-Identifier: MIT
"""Plays the pool of include/warm.h: gives the preload library all that it expects, and looks at what
it does. Python's standard library only."""

import array
import ctypes
import errno
import fcntl
import mmap
import os
import re
import select
import shutil
import signal
import socket
import struct
import sys
import time

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
LIBRARY = os.path.join(BUILD, "preforkd-preload.so")
PATIENCE_S = 10

# include/scoreboard.h, which asserts its sizes in lines
LINE = 64


def lines(what):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../include/scoreboard.h")
    with open(path, encoding="ascii") as file:
        return LINE * int(re.search(rf"sizeof\(struct {what}\) == (\d+) \*", file.read())[1])


HEADER, SLOT = lines("scoreboard"), lines("scoreboard_slot")  # what is before the slots
WORKER = LINE  # behind the keeper
STARTING, READY, DRAINING = 1, 2, 3
UNBORN, IDLE, PARKED, BUSY, LEAVING, PROGRAM = range(6)
# include/worker.h
DRAIN = signal.SIGWINCH
EXIT_LEFT, EXIT_PARENT, EXIT_SOCKET, EXIT_SYSTEM = 0, 101, 102, 103
# include/warm.h
START, IO = 1, 2
MAGIC = 0x70665731
HIGH = 700  # the plan's descriptors are high numbers
MODES = {"start": START, "io": IO}

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Skip(Exception):
    """The test cannot run here; says why."""


def need(program):
    """The path of PROGRAM, or the test is skipped."""
    path = shutil.which(program)
    if not path:
        raise Skip(f"{program} is not installed")
    return path


def wait_until(condition, what):
    """Wait for CONDITION() to be true; its value."""
    end = time.monotonic() + PATIENCE_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {PATIENCE_S} s: {what}")
        time.sleep(0.002)


def high(fd, inheritable=True):
    """FD moved to a high number."""
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, HIGH)
    os.close(fd)
    os.set_inheritable(moved, inheritable)
    return moved


class Worker:
    """A process that the pool started, or had copied."""

    def __init__(self, pool, slot, pid, errors=None):
        self.pool, self.slot, self.pid, self.errors = pool, slot, pid, errors
        self.status, self.text = None, b""

    def field(self, layout, offset):
        at = HEADER + self.slot * SLOT + WORKER + offset
        return struct.unpack_from(layout, self.pool.board, at)[0]

    @property
    def phase(self):
        return self.field("I", 0)

    @property
    def connections(self):
        return self.field("Q", 8)

    @property
    def refused(self):
        return self.field("Q", 120)

    @property
    def started_us(self):
        return self.field("q", 48)

    def wait_phase(self, phase):
        wait_until(lambda: self.phase == phase or self.poll(), f"phase {phase} of {self.pid}")
        assert self.phase == phase, \
            f"phase {self.phase} instead of {phase}, status {self.status}, said {self.said()!r}"
        return self

    def wait_ready(self):
        return self.wait_phase(IDLE)

    def poll(self):
        """Has it ended?"""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait_exit(self):
        wait_until(self.poll, f"end of {self.pid}")
        return self.status

    def said(self):
        """What it has written to descriptor 2."""
        os.set_blocking(self.errors, False)
        try:
            while part := os.read(self.errors, 65536):
                self.text += part
        except BlockingIOError:
            pass
        return self.text.decode(errors="replace")

    def descriptors(self):
        return sorted(int(fd) for fd in os.listdir(f"/proc/{self.pid}/fd"))

    def in_accept(self):
        """Is its main thread in accept4 or poll?"""
        with open(f"/proc/{self.pid}/syscall", encoding="ascii") as file:
            return file.read().split()[0] in ("288", "7", "271", "242", "73")

    def kill(self, number=signal.SIGKILL):
        if not self.poll():
            os.kill(self.pid, number)


class Pool:
    """Listeners, scoreboard, gate and the rest; ends all its processes when it is left."""

    def __init__(self, listeners=1, slots=4, gate_open=True, family=socket.AF_INET):
        self.family, self.slots, self.gate_open = family, slots, gate_open
        self.listeners = []
        for _ in range(listeners):
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.bind(("127.0.0.1", 0) if family == socket.AF_INET else
                          f"\0preload-{os.getpid()}-{time.monotonic_ns()}")
            listener.listen(64)
            listener.setblocking(listeners == 1)
            self.listeners.append(listener)
        size = HEADER + slots * SLOT
        self.board_fd = os.memfd_create("scoreboard")
        os.posix_fallocate(self.board_fd, 0, size)
        self.board = mmap.mmap(self.board_fd, size)
        self.notify = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.gate_read, self.gate_write = os.pipe()
        self.workers = []
        self.control = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open_gate()
        for worker in self.workers:
            worker.kill()
            if worker.status is None:
                worker.wait_exit()
            if worker.errors is not None:
                os.close(worker.errors)
        while True:  # what the programs left behind comes to us, the subreaper
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
        if self.control:
            self.control.close()
        for listener in self.listeners:
            listener.close()
        for fd in (self.board_fd, self.notify, self.gate_read, self.gate_write):
            os.close(fd)
        self.board.close()

    def open_gate(self):
        """By a byte; somebody may hold the write end for ever."""
        if not self.gate_open:
            os.write(self.gate_write, b"\0")
        self.gate_open = True

    def set_state(self, slot, state):
        struct.pack_into("I", self.board, HEADER + slot * SLOT, state)

    def start(self, *command, mode="io", slot=0, env=None, preload="", template=False,
              pool_pid=None, before=None, plan=None):
        """Start a worker (or the template) with the library, as the pool does."""
        need(command[0])
        read_end, write_end = os.pipe()
        ours, theirs = (socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                        if template else (None, None))
        self.set_state(slot, STARTING)
        parent = os.getpid()
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            try:
                self._become(command, mode, slot, env, preload, theirs, pool_pid or parent,
                             write_end, before, plan)
            finally:
                os._exit(126)
        os.close(write_end)
        worker = Worker(self, slot, pid, read_end)
        self.workers.append(worker)
        if template:
            theirs.close()
            ours.settimeout(PATIENCE_S)
            self.control = ours
        return worker

    def _become(self, command, mode, slot, env, preload, control, pool_pid, errors, before, plan):
        for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        placeholder = socket.socket(self.family, socket.SOCK_STREAM)
        for fd in (0, 1):
            os.dup2(placeholder.fileno(), fd)
        os.dup2(errors, 2)
        placeholder.close()
        board, notify, gate = (high(os.dup(fd))
                               for fd in (self.board_fd, self.notify, self.gate_read))
        library = high(os.open(LIBRARY, os.O_RDONLY))
        control = high(os.dup(control.fileno())) if control else -1
        first = fcntl.fcntl(self.listeners[0], fcntl.F_DUPFD, HIGH + 50)
        for i, listener in enumerate(self.listeners):
            os.dup2(listener.fileno(), first + i)
        text = plan or (f"1 {MODES[mode]} {slot} {self.slots} {pool_pid} {int(self.gate_open)} "
                        f"{board} {notify} {gate} {library} {control} {first} {len(self.listeners)}")
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PREFORKD_WARM": text, **(env or {}),
                       "LD_PRELOAD": f"/proc/self/fd/{library}" + (":" + preload if preload else "")}
        keep = {0, 1, 2, board, notify, gate, library, control,
                *range(first, first + len(self.listeners))}
        for fd in os.listdir("/proc/self/fd"):
            if int(fd) not in keep:
                try:
                    os.close(int(fd))
                except OSError:
                    pass
        if before:
            before()
        os.execvpe(command[0], command, environment)

    def hello(self):
        magic, threads, _, _ = struct.unpack("IIII", self.control.recv(64))
        assert magic == MAGIC
        return threads

    def order(self, slot):
        """A copy of the template."""
        read_end, write_end = os.pipe()
        self.set_state(slot, STARTING)
        self.control.sendmsg([struct.pack("III", MAGIC, slot, int(self.gate_open))],
                             [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [write_end]))])
        os.close(write_end)
        magic, answered, pid = struct.unpack("IIi", self.control.recv(64))
        assert magic == MAGIC and answered == slot, (magic, answered)
        assert pid > 0, os.strerror(-pid)
        worker = Worker(self, slot, pid, read_end)
        self.workers.append(worker)
        return worker

    def connect(self, listener=0):
        client = socket.socket(self.family, socket.SOCK_STREAM)
        client.settimeout(PATIENCE_S)
        client.connect(self.listeners[listener].getsockname())
        return client


def receive_all(client):
    """Everything up to the end."""
    parts = []
    while True:
        part = client.recv(65536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def exchange(client, request=b"", half_close=True):
    """Send REQUEST and the end of input, return all that comes."""
    if request:
        client.sendall(request)
    if half_close:
        client.shutdown(socket.SHUT_WR)
    return receive_all(client)


def pump(client, payload):
    """Send PAYLOAD while receiving; what came until the end."""
    client.setblocking(False)
    sent, got = 0, []
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        readable, writable, _ = select.select([client], [client] if sent < len(payload) else [], [], 1)
        if writable:
            try:
                sent += client.send(payload[sent:sent + 65536])
            except BlockingIOError:
                pass
            if sent == len(payload):
                client.shutdown(socket.SHUT_WR)
        if readable:
            part = client.recv(65536)
            if not part:
                return b"".join(got)
            got.append(part)
    raise AssertionError(f"stuck after {sent} bytes sent")


__all__ = [name for name in dir() if not name.startswith("_")] + ["errno"]
