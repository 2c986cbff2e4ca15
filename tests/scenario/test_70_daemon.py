# SPDX-License-Identifier: MIT
"""preforkd -d, the pid file, and a second copy."""
import os
import signal
import socket
import stat
import subprocess

from harness import *


# ---- -d

def scenario_daemonise(t):
    """The command returns 0 when every service is ready, and although its standard output and
    error are pipes: the daemon does not hold them. The daemon has no terminal and no folder."""
    file = t.path("the.log")
    d = t.daemon(echo={"workers": 2}, upper={"workers": 1}, log={"file": file})
    done = d.daemonise()
    equal((done.returncode, done.stdout, done.stderr), (EXIT_OK, "", ""), "preforkd -d")
    for name, wanted in (("echo", b"ab"), ("upper", b"AB")):
        with Client(d.ports[name]) as client:
            equal(client.ask(b"ab"), wanted, f"{name}, as soon as the command has returned")
    equal(os.readlink(f"/proc/{d.pid}/cwd"), "/", "folder")
    check(os.getsid(d.pid) not in (os.getsid(0), d.pid), "a session of its own, not led by it")
    fds = descriptors(d.pid)
    equal((fds[0], fds[1], fds[2]), ("/dev/null", "/dev/null", file), "descriptors 0 to 2")
    d.wait_log(file, msg="ready, 2 services")
    d.result("stop")
    d.wait_exit(0)


def scenario_daemonise_without_log_file_lets_pipes_go(t):
    """$(preforkd -d … 2>&1) comes back: nobody holds the pipe that is standard error."""
    d = t.daemon(echo={"workers": 1})
    equal(d.daemonise(limit=5).returncode, EXIT_OK, "preforkd -d")
    for pid in [d.pid, d.pool_pid(), *d.worker_pids()]:
        check(not descriptors(pid)[2].startswith("pipe:"), "no pipe is held")


def scenario_daemonise_with_standard_error_into_a_file(t):
    """A file is meant as the log, and kept."""
    d = t.daemon(echo={"workers": 1})
    d.write()
    with open(d.log_file, "ab") as log:
        subprocess.run([t.program("preforkd"), "-d", "-c", d.file], stdout=log, stderr=log,
                       env=t.environment(), check=True, timeout=LIMIT)
    d.process = Adopted(d.status()["pid"])
    with Client(d.port) as client:
        client.ask(b"x")
    d.wait_log(msg="connection", peer=client.peer)


def scenario_daemonise_with_a_relative_configuration(t):
    """-c is taken from where the command was given; a reload finds it again."""
    d = t.daemon(echo={"workers": 1}, log={"file": t.path("the.log")})
    d.write()
    done = t.run("preforkd", "-d", "-c", "preforkd.conf")
    equal(done.returncode, EXIT_OK, f"preforkd -d: {done.stderr}")
    d.process = Adopted(d.status()["pid"])
    d.change("echo", workers=2)
    d.reload()
    d.wait_workers(2)


def failed(t, d, code, pattern):
    done = d.daemonise()
    equal(done.returncode, code, f"exit code of preforkd -d; {done.stderr}")
    matches(pattern, done.stderr, "reason on standard error")
    return done


def scenario_daemonise_taken_port(t):
    with socket.socket() as other:
        other.bind(("127.0.0.1", t.port()))
        other.listen()
        port = other.getsockname()[1]
        d = t.daemon(echo={"listen": f"tcp://127.0.0.1:{port}"})
        done = failed(t, d, EXIT_UNAVAILABLE, rf"preforkd.conf:\d+: service echo: .*:{port}: cannot "
                      "bind: Address already in use")
        equal(len(done.stderr.splitlines()), 1, "one line")


def scenario_daemonise_configuration_error(t):
    d = t.daemon(echo={"wrokers": 1})
    failed(t, d, EXIT_CONFIG, r"preforkd.conf:\d+: unknown key")


def scenario_daemonise_never_ready(t):
    """A service that cannot start (unknown encoding), and one whose workers die (start_timeout)."""
    d = t.daemon(name="encoding", greet={"handler": {"type": "greet", "encoding": "klingon"}})
    failed(t, d, EXIT_UNAVAILABLE, 'service greet: .*"klingon"')
    with open(t.path("cause"), "w") as file:
        file.write("exit 3")
    e = t.daemon(name="dying", echo={"workers": 2, "start_timeout": "500ms"})
    e.write()
    done = t.run("preforkd", "-d", "-c", e.file, env=t.shim("unready", SHIM_UNREADY=t.path("cause")))
    equal(done.returncode, EXIT_UNAVAILABLE, "exit code")
    matches(r"service echo: not ready within 500ms \(start_timeout\): a worker ended by status 3",
            done.stderr, "reason")


def scenario_daemonise_pool_missing(t):
    """preforkd without its preforkd-pool says so."""
    alone = t.path("alone")
    os.mkdir(alone)
    with open(t.program("preforkd"), "rb") as source, open(f"{alone}/preforkd", "wb") as copy:
        copy.write(source.read())
    os.chmod(f"{alone}/preforkd", 0o755)
    t.skip_where(os.path.exists("/usr/local/libexec/preforkd/preforkd-pool"), "one is installed")
    d = t.daemon(echo={"workers": 1})
    d.write()
    done = t.run_command([f"{alone}/preforkd", "-c", d.file])
    check(done.returncode in (70, EXIT_UNAVAILABLE), f"exit code {done.returncode}")
    matches("cannot find preforkd-pool: neither .*alone/preforkd-pool nor", done.stderr, "reason")
    check(refuses(d.port) and not os.path.lexists(d.control), "nothing is left")


def scenario_program_replaced_on_disk(t):
    """The programs are opened once: a new pool is born although the file is gone."""
    where = t.path("bin")
    os.mkdir(where)
    os.chmod(where, 0o755)
    for name in ("preforkd", "preforkd-pool"):
        with open(t.program(name), "rb") as source, open(f"{where}/{name}", "wb") as copy:
            copy.write(source.read())
        os.chmod(f"{where}/{name}", 0o755)
    d = t.daemon(echo={"workers": 1})
    t.programs = where
    d.start()
    for name in ("preforkd", "preforkd-pool"):
        os.unlink(f"{where}/{name}")
    old = d.pool_pid()
    send_signal(old, signal.SIGKILL)
    wait_until(lambda: d.pool_pid() not in (0, old), "another pool")
    d.change("echo", workers=2)
    d.reload()
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


# ---- pid file

def scenario_pid_file(t):
    """Holds the pid, is locked while preforkd runs, is removed at its end."""
    path = t.path("the.pid")
    d = t.daemon(echo={"workers": 1}, log={"file": t.path("the.log")}, top={"pid_file": path})
    d.start()
    with open(path) as file:
        equal(file.read(), f"{d.pid}\n", "content")
        equal(oct(stat.S_IMODE(os.fstat(file.fileno()).st_mode)), oct(0o644), "mode")
    d.stop()
    check(not os.path.lexists(path), "it is gone")
    equal(d.daemonise().returncode, EXIT_OK, "preforkd -d")
    with open(path) as file:
        equal(file.read(), f"{d.pid}\n", "content: the daemon, not the command")


def scenario_stale_pid_file(t):
    """The lock decides, not what stands in it."""
    path = t.path("the.pid")
    with open(path, "w") as file:
        file.write(f"{os.getpid()}\n and a longer text than a number")
    d = t.daemon(echo={"workers": 1}, top={"pid_file": path}).start()
    with open(path) as file:
        equal(file.read(), f"{d.pid}\n", "content")


def scenario_pid_file_that_is_no_plain_file(t):
    """Links, folders and pipes are refused and left alone."""
    with open(t.path("precious"), "w") as file:
        file.write("precious")
    os.symlink(t.path("precious"), t.path("symlink"))
    os.link(t.path("precious"), t.path("hardlink"))
    os.mkfifo(t.path("fifo"))
    os.mkdir(t.path("folder"))
    for name in ("symlink", "hardlink", "fifo", "folder"):
        d = t.daemon(name=f"on-{name}", echo={"workers": 1}, top={"pid_file": t.path(name)})
        d.expect(name).launch()
        d.wait_exit(EXIT_UNAVAILABLE)
        equal(len(d.log_text().splitlines()), 1, "one line")
    with open(t.path("precious")) as file:
        equal(file.read(), "precious", "the file behind the links")


def scenario_pid_file_in_a_folder_that_is_not_there(t):
    d = t.daemon(echo={"workers": 1}, top={"pid_file": t.path("no", "the.pid")})
    d.expect("cannot create .*the.pid").launch()
    d.wait_exit(EXIT_UNAVAILABLE)


# ---- a second copy

def second_copy_on(t, share):
    """The first serves on, its files are untouched; the second ends with 69 and one line."""
    path = t.path("the.pid")
    first = t.daemon(name="first", echo={"workers": 1}, top={"pid_file": path}).start()
    control = os.stat(first.control).st_ino
    second = t.daemon(name="second", echo={"workers": 1},
                      top={"pid_file": t.path("other.pid"), **share(first, path)})
    second.expect("is locked: another preforkd is running with it").launch()
    second.wait_exit(EXIT_UNAVAILABLE)
    equal(len(second.log_text().splitlines()), 1, "one line")
    matches("another preforkd is running", second.log_text(), "reason")
    second.write()
    done = t.run("preforkd", "-d", "-c", second.file)
    equal(done.returncode, EXIT_UNAVAILABLE, "the same with -d")
    matches("another preforkd is running", done.stderr, "reason")
    with open(path) as file:
        equal(file.read(), f"{first.pid}\n", "pid file of the first")
    equal(os.stat(first.control).st_ino, control, "control socket of the first")
    check(not os.path.lexists(t.path("other.pid")), "no pid file of the second")
    equal(first.status()["state"], "running", "the first is controlled")
    with Client(first.port) as client:
        equal(client.ask(b"x"), b"x", "the first serves")


def scenario_second_copy_on_the_same_control_socket(t):
    second_copy_on(t, lambda first, path: {"control": first.control})


def scenario_second_copy_on_the_same_pid_file(t):
    second_copy_on(t, lambda first, path: {"pid_file": path})


def scenario_second_copy_on_the_same_unix_address(t):
    path = t.path("echo.sock")
    first = t.daemon(name="first", echo={"listen": f"unix://{path}", "workers": 1}).start()
    second = t.daemon(name="second", echo={"listen": f"unix://{path}", "workers": 1})
    second.expect(r"second.conf:\d+: .*another preforkd is running").launch()
    second.wait_exit(EXIT_UNAVAILABLE)
    with Client(path) as client:
        equal(client.ask(b"x"), b"x", "the first serves")


def scenario_many_copies_at_once(t):
    """Of ten started together one wins, and the others end with 69."""
    port, control = t.port(), t.path("the.sock")
    copies = [t.daemon(name=f"copy{i}", echo={"listen": f"tcp://127.0.0.1:{port}", "workers": 1},
                       top={"control": control, "pid_file": t.path("the.pid")}).expect(".*")
              for i in range(10)]
    for copy in copies:
        copy.launch()
    wait_until(lambda: sum(c.process.poll() is None for c in copies) == 1, "nine have ended")
    losers = [c for c in copies if c.process.poll() is not None]
    (winner,) = [c for c in copies if c.process.poll() is None]
    for loser in losers:
        loser.wait_exit(EXIT_UNAVAILABLE)
    winner.wait_running()
    with Client(port) as client:
        equal(client.ask(b"x"), b"x", "the winner serves")
    with open(t.path("the.pid")) as file:
        equal(file.read(), f"{winner.pid}\n", "pid file")
    equal(winner.status()["pid"], winner.pid, "control socket")


def scenario_restart_again_and_again(t):
    """Stop and start on the same port, with connections in TIME_WAIT: the port is always free."""
    d = t.daemon(echo={"workers": 1}, top={"pid_file": t.path("the.pid")})
    for _ in range(10):
        d.start()
        with Client(d.port) as client:
            client.ask(b"x")
            d.kill(signal.SIGINT)   # the server closes first
            d.wait_exit(0)
