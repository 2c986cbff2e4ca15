# SPDX-License-Identifier: MIT
"""What preforkd has from its starter - a terminal, an environment - and what becomes of that."""
import errno
import fcntl
import pty
import select
import signal
import subprocess
import termios
import threading

from harness import *
from plugins import *


class Terminal:
    """A terminal whose session is led by the one program that is started in it."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.said = b""
        self.over = False
        self.reader = threading.Thread(target=self.listen)
        self.reader.start()

    def listen(self):
        """Nobody must have to wait until somebody reads what stands on the screen."""
        while not self.over:
            with contextlib.suppress(OSError):  # nobody has it open at the moment
                if select.select([self.master], [], [], 0.02)[0]:
                    self.said += os.read(self.master, 65536)
                    continue
            time.sleep(0.002)

    def enter(self):
        """In the child: a session of its own, with this as its controlling terminal."""
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def press(self, key):
        os.write(self.master, key)

    def typed(self):
        """What waits to be read by the session, as if somebody had typed it."""
        fcntl.fcntl(self.slave, fcntl.F_SETFL, os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            return os.read(self.slave, 1000)
        return b""

    @property
    def text(self):
        return self.said.decode("utf-8", "replace").replace("\r\n", "\n")

    def close(self):
        self.over = True
        self.reader.join()
        os.close(self.master)
        os.close(self.slave)


@contextlib.contextmanager
def terminal():
    made = Terminal()
    try:
        yield made
    finally:
        made.close()


def check_in(t, screen, d):
    """preforkd -t in that terminal."""
    d.write()
    return t.spawn([t.program("preforkd"), "-t", "-c", d.file], env=t.environment(),
                   stdout=screen.slave, stderr=screen.slave, preexec_fn=screen.enter)


def testimony(text):
    """Of the plugin "witness": what it says of its terminal, and its environment."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("session="))
    about = {k: int(v) for k, v in (pair.split("=") for pair in lines[first].split())}
    return about, dict(line.split("=", 1) for line in lines[first + 1:] if "=" in line)


def has_no_terminal(screen, about, starter, what):
    check(about["session"] != starter, f"{what}: another session than its starter's")
    equal(about["tty"], errno.ENXIO, f"{what}: /dev/tty")
    check(about["type"] != 0, f"{what}: it cannot type")
    check(about["read"] != 0, f"{what}: it cannot read what is typed")
    equal(screen.typed(), b"", f"{what}: nothing was typed")


# ---- the terminal

def scenario_check_gives_no_terminal_away(t):
    """Foreign code that -t asks cannot reach the terminal: not what is typed there, not its title."""
    d = serve(t, "witness", {"loud": True, "escape": "root"})
    with terminal() as screen:
        process = check_in(t, screen, d)
        equal(process.wait(LIMIT), 0, "exit code of -t")
        wait_until(lambda: "ok" in screen.text, "all is said")
        about, _ = testimony(screen.text)
        has_no_terminal(screen, about, process.pid, "-t")
        equal(about["session"], about["leader"], "a session of its own")
        matches(r"\\u001b\]0;root\\u0007", screen.text, "the escape sequence can be read")
        check("\033" not in screen.text and "\x9b" not in screen.text, "and is none any more")


def scenario_check_shows_only_so_much(t):
    """Of a handler that says a lot, which is not kept waiting for that."""
    d = serve(t, "witness", {"lines": 20000})
    d.write()
    done = t.run("preforkd", "-t", "-c", d.file)
    equal(done.returncode, 0, "exit code of -t")
    check(1000 < len(done.stderr) < 100000, f"{len(done.stderr)} bytes")
    matches("one more line\n.*\n.*says more than is shown here\n$", done.stderr, "it is told")


def scenario_foreground_gives_no_terminal_away(t):
    """The same for the workers of a daemon in the foreground whose log is the terminal."""
    with terminal() as screen:
        d = serve(t, "witness").start(stderr=screen.slave, preexec=screen.enter)
        about, _ = testimony(ask(d.port))
        has_no_terminal(screen, about, d.pid, "worker")
        equal(about["session"], d.pool_pid(), "it is the pool's session")
        equal(os.getpgid(d.pool_pid()), d.pool_pid(), "and its group")
        d.stop()


def scenario_without_terminal_one_session(t):
    """A daemon without a terminal has nothing to give away: one session, one group in the
    scheduler (sched(7), autogroup)."""
    d = serve(t, "witness").start(start_new_session=True)
    equal(os.getsid(d.pool_pid()), d.pid, "the session of the pool")
    equal(os.getpgid(d.pool_pid()), d.pool_pid(), "its group")
    equal(testimony(ask(d.port))[0]["tty"], errno.ENXIO, "/dev/tty")


# ---- Ctrl-C

def scenario_ctrl_c_stops_a_daemon_in_the_foreground(t):
    """All of it, cleanly, also while a client is served."""
    with terminal() as screen:
        d = t.daemon(echo={"workers": 3}).start(stderr=screen.slave, preexec=screen.enter)
        pids = d.worker_pids() | {d.pool_pid()}
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "echo")
            screen.press(b"\x03")
            d.wait_exit(0)
        equal({pid for pid in pids if alive(pid)}, set(), "nothing is left")
        wait_until(lambda: "stopped" in screen.text, "it says so")
        check(refuses(d.port) and not os.path.lexists(d.control), "nothing is left over")


def hanging_check(t):
    """A configuration whose check would take hours, of two services."""
    handler = {"type": "plugin", "path": plugin(t, "trouble"), "trace": trace_file(t),
               "trouble": "check_config hang"}
    return t.daemon(p={"handler": handler, "start_timeout": "1h"},
                    q={"handler": handler, "start_timeout": "1h"})


def asked(t):
    """The process in which the handler is asked."""
    return wait_until(lambda: traced(t, "check_config"), "the handler is asked")[0][1]


def scenario_ctrl_c_ends_a_check(t):
    with terminal() as screen:
        process = check_in(t, screen, hanging_check(t))
        pid = asked(t)
        screen.press(b"\x03")
        equal(process.wait(LIMIT), -signal.SIGINT, "it ends as any program does")
        check(not alive(pid), "with the process that it asked")
        equal(len(traced(t)), 1, "no other service is asked")
        check("ok" not in screen.text, "nothing is said to be right")


def scenario_signals_end_a_check(t):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        d = hanging_check(t)
        d.write()
        process = t.spawn([t.program("preforkd"), "-t", "-c", d.file], env=t.environment())
        pid = asked(t)
        process.send_signal(number)
        equal(process.wait(LIMIT), -number, f"it ends by signal {number}")
        wait_until(lambda: not alive(pid), "with the process that it asked", 5)


# ---- the environment

GIVEN = {"SECRET": "hush", "HOME": "/root", "SSH_AUTH_SOCK": "/nowhere", "LANGUAGES": "secret",
         "NOTIFY_SOCKET": "/nowhere", "XLC_ALL": "secret", "PREFORKDX": "secret", "PATHS": "secret"}
KEPT = {"TZ": "UTC", "LANG": "C", "LANGUAGE": "de", "LC_TIME": "C", "TMPDIR": "/tmp",
        "MALLOC_ARENA_MAX": "1", "LD_BIND_NOW": "1", "PREFORKD_COLOUR": "green=grass"}


def is_clean(found, what):
    equal({k: found.get(k) for k in KEPT}, KEPT, f"{what}: kept")
    equal(found.get("PATH"), os.environ["PATH"], f"{what}: PATH")
    equal(set(found) & set(GIVEN), set(), f"{what}: not given to anybody")


def scenario_handlers_get_a_clean_environment(t):
    """What preforkd's starter keeps in its environment is not for plugins: neither in a worker nor
    when the configuration is checked."""
    d = serve(t, "witness", {"loud": True}).expect("session=").expect("^[A-Za-z_]+=")
    d.write()
    done = t.run("preforkd", "-t", "-c", d.file, env={**GIVEN, **KEPT})
    equal(done.returncode, 0, "exit code of -t")
    is_clean(testimony(done.stderr)[1], "-t")
    d.start(env={**GIVEN, **KEPT})
    is_clean(testimony(ask(d.port))[1], "worker")
