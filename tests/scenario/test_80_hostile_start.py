# SPDX-License-Identifier: MIT
"""Started by somebody careless or hostile: it starts rightly, or refuses with one line."""
import ctypes
import fcntl
import itertools
import os
import resource
import select
import signal
import socket
import stat
import subprocess

from harness import *


def serves(t, d, **keys):
    """Start it that way; it serves, replaces a worker, reloads and stops."""
    d.start(**keys)
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    send_signal(d.workers()[0]["pid"], signal.SIGKILL)
    wait_until(lambda: d.service()["crashes"] == 1, "the death is noticed")
    d.wait_workers(d.services["echo"]["workers"])
    d.change("echo", workers=d.services["echo"]["workers"] + 1)
    d.reload()
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo after a reload")
    return d


def scenario_standard_descriptors_closed(t):
    """Each subset of 0, 1 and 2: no socket ends up as standard output, nothing leaks."""
    for count in (1, 2, 3):
        for closed in itertools.combinations((0, 1, 2), count):
            d = t.daemon(name="closed" + "".join(map(str, closed)), echo={"workers": 1})
            # Popen puts its own error pipe on a low number when those are free: a shell does it.
            d.write()
            script = "exec " + " ".join(f"{fd}<&-" for fd in closed) + ' "$@"'
            d.process = subprocess.Popen(
                ["/bin/sh", "-c", script, "sh", t.program("preforkd"), "-c", d.file],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=open(d.log_file, "ab"), env=t.environment())
            d.wait_running()
            with Client(d.port) as client:
                client.ask(b"x")
                for pid in [d.pid, d.pool_pid(), *d.worker_pids()]:
                    fds = descriptors(pid)
                    for fd in (0, 1, 2):
                        check(fd in fds and "socket" not in fds[fd] and "anon" not in fds[fd],
                              f"descriptor {fd} of {pid} with {closed} closed: {fds.get(fd)}")
                        if fd in closed:
                            equal(fds[fd], "/dev/null", f"descriptor {fd}")
            d.stop()


def scenario_descriptors_of_the_starter_are_closed(t):
    """What the starter forgot to close does not live on in daemon, pool or worker."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    d = t.daemon(echo={"workers": 1}).start(close_fds=False)
    os.close(writer)
    equal(os.read(reader, 1), b"", "nobody holds the other end")
    os.close(reader)
    equal(d.status()["state"], "running", "state")


def scenario_sigchld_ignored(t):
    """Otherwise the kernel would take away the exit statuses."""
    d = t.daemon(echo={"workers": 2})
    serves(t, d, preexec=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    equal(d.wait_log(msg="worker died")["signal"], "SIGKILL", "obituary")


def scenario_all_signals_blocked(t):
    d = t.daemon(echo={"workers": 2})
    everything = set(range(1, signal.NSIG)) - {32, 33}
    serves(t, d, preexec=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, everything))
    for row in d.workers(generation=2):
        equal(int(proc_status(row["pid"])["SigBlk"], 16), 0, "blocked signals of a worker")


def scenario_all_signals_ignored(t):
    """As nohup and some starters do: TERM and HUP are obeyed all the same."""
    def ignore():
        for number in set(range(1, 32)) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
    d = t.daemon(echo={"workers": 2})
    serves(t, d, preexec=ignore)
    d.stop()


def scenario_umask_zero(t):
    """No file or socket is open to everybody by that."""
    file, pid_file = t.path("the.log"), t.path("the.pid")
    d = t.daemon(echo={"workers": 1}, log={"file": file}, top={"pid_file": pid_file})
    d.start(preexec=lambda: os.umask(0))
    for path in (d.control, d.control + ".lock", file, pid_file):
        mode = stat.S_IMODE(os.stat(path).st_mode)
        equal(mode & 0o022, 0, f"write permission of others on {os.path.basename(path)}")
    equal(stat.S_IMODE(os.stat(d.control).st_mode), 0o600, "mode of the control socket")


def scenario_umask_all(t):
    """And none is closed to the daemon itself."""
    d = t.daemon(echo={"workers": 1}, log={"file": t.path("the.log")},
                 top={"pid_file": t.path("the.pid")})
    serves(t, d, preexec=lambda: os.umask(0o777))
    for name, mode in (("the.log", 0o640), ("the.pid", 0o644)):
        equal(oct(stat.S_IMODE(os.stat(t.path(name)).st_mode)), oct(mode), f"mode of {name}")


def scenario_empty_environment(t):
    t.skip_sanitized("its options come by environment")
    d = t.daemon(echo={"workers": 1})
    t.environment = lambda **more: {}
    serves(t, d)


def scenario_huge_environment(t):
    d = t.daemon(echo={"workers": 1})
    serves(t, d, env={f"JUNK_{i}": "x" * 1000 for i in range(100)})


def scenario_no_argument_zero(t):
    """argc 0, which old programs took for argv[1]."""
    d = t.daemon(echo={"workers": 1})
    d.write()
    pid = os.fork()
    if pid == 0:
        null = os.open("/dev/null", os.O_RDWR)
        log = os.open(d.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(null, 0), os.dup2(log, 1), os.dup2(log, 2)
        argv = (ctypes.c_char_p * 1)(None)
        envp = (ctypes.c_char_p * 1)(None)
        LIBC.execve(t.program("preforkd").encode(), argv, envp)
        os._exit(99)
    # Without arguments it is the default configuration, which is not there; or the kernel puts an
    # empty argv[0] in (Linux 5.18). Whatever: it ends with one line.
    status = wait_until(lambda: os.waitpid(pid, os.WNOHANG)[1:] if not alive(pid) else None, "it ends")
    equal(os.waitstatus_to_exitcode(status[0]), EXIT_CONFIG, "exit code")
    equal(len(d.log_text().splitlines()), 1, "one line")
    d.expect(".*")


def scenario_few_open_files_allowed(t):
    """Starts rightly with what is enough; with less it refuses with one line and code 71, saying
    how many it needs."""
    started = refused = 0
    for number in (3, 4, 5, 6, 8, 12, 16, 24, 40, 64, 100, 200):
        d = t.daemon(name=f"files{number}", echo={"workers": 2})
        d.expect("open files are needed|error while loading shared libraries|Too many open files")
        d.launch(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number)))
        wait_until(lambda: d.process.poll() is not None or d.log_lines(msg="ready, 1 services"),
                   f"it starts or refuses with {number} open files")
        if d.process.poll() is None:
            with Client(d.port) as client:
                equal(client.ask(b"x"), b"x", f"echo with {number} open files")
            d.stop()
            started += 1
            continue
        refused += 1
        matches("open files|shared libraries", d.log_text(), f"reason with {number}")
        if d.log_lines(level="error"):  # the pool's refusal: see the next scenario
            d.wait_exit(EXIT_UNAVAILABLE, EXIT_OS)
            continue
        equal(len(d.log_text().splitlines()), 1, f"one line with {number}")
        if "shared libraries" in d.log_text():  # the dynamic linker's refusal, before main()
            d.exit_codes = {127}
            continue
        d.wait_exit(EXIT_OS)
        if number >= 8:
            matches(rf"\d+ open files are needed and the limit is {number}", d.log_text(), "line")
    check(started and refused, f"{started} started, {refused} refused")


def scenario_too_few_open_files_for_the_pool(t):
    d = t.daemon(echo={"workers": 2})
    d.expect("open files are needed")
    d.launch(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)))
    d.wait_exit(EXIT_OS)
    equal(len(d.log_text().splitlines()), 1, "one line")


def scenario_soft_limit_of_open_files_is_raised(t):
    """Only the hard limit counts."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    t.skip_where(hard < 512, "the hard limit is low")
    d = t.daemon(echo={"workers": 60})
    d.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, hard)))
    d.wait_workers(60)


def scenario_more_workers_than_open_files(t):
    """A pool that cannot hold its workers refuses: the daemon does not start, and says why."""
    d = t.daemon(echo={"workers": 400})
    d.expect("open files are needed")
    d.launch(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
    code = d.wait_exit(EXIT_UNAVAILABLE, EXIT_OS)
    matches("open files are needed and the limit is 200", d.log_text(), "reason")
    d.exit_codes = {code}


def scenario_folder_deleted(t):
    """The current folder is gone: absolute paths do."""
    gone = t.path("gone")
    os.mkdir(gone)
    d = t.daemon(echo={"workers": 1})
    d.write()
    d.launch(arguments=["-c", d.file],
             preexec=lambda: (os.chdir(gone), os.rmdir(gone)))
    d.wait_running()
    d.reload()
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    d.stop()


@mark(root=False)
def scenario_no_more_processes_allowed(t):
    """RLIMIT_NPROC reached: refuses, or is degraded and goes on; it never spins or dies later."""
    t.skip_sanitized("the leak check at the end needs a process, too")
    d = t.daemon(echo={"workers": 2, "start_timeout": "1s", "restart_delay": "50ms"})
    d.expect("Resource temporarily unavailable|not ready within")
    d.launch(preexec=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)))
    d.wait_exit(EXIT_UNAVAILABLE, EXIT_OS)
    matches("Resource temporarily unavailable", d.log_text(), "reason")


def scenario_log_file_that_may_not_grow(t):
    """RLIMIT_FSIZE reached, as on a full disk: no service is harmed, SIGXFSZ is not deadly."""
    file, size = t.path("the.log"), 1 << 20
    with open(file, "wb") as log:
        log.write(b"#" * (size - 1000) + b"\n")
    d = t.daemon(echo={"workers": 1}, log={"file": file})
    d.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    for _ in range(50):
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "echo")
    send_signal(d.workers()[0]["pid"], signal.SIGKILL)
    wait_until(lambda: d.service()["crashes"] == 1, "its death is noticed")
    d.wait_workers(1)
    check(os.stat(file).st_size <= size, "the log did not grow")
    equal(d.service()["crashes"], 1, "only the worker that was killed has died")


def scenario_standard_error_is_a_shared_file(t):
    """2>file without append, written to by others before and after: no line is overwritten."""
    path = t.path("shared.txt")
    with open(path, "wb") as file:
        file.write(b"before\n")
        file.flush()
        with subprocess.Popen([t.program("preforkd"), "--listen", "unix:@" + path, "--handler", "echo",
                               "--control", t.path("x.sock")], stderr=file) as daemon:
            wait_until(lambda: "ready, 1 services" in open(path).read(), "it is ready")
            daemon.terminate()
            equal(daemon.wait(LIMIT), 0, "exit code")
        file.write(b"after\n")
    lines = open(path).read().splitlines()
    equal((lines[0], lines[-1]), ("before", "after"), "lines of others")
    equal([line for line in lines[1:-1] if not line.startswith("time=")], [], "torn lines")


# ---- a log that nobody reads

def scenario_log_reader_stopped(t):
    """Standard error is a pipe that is full: clients are served and workers replaced as before;
    the lines that had to be dropped are counted as soon as there is room."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    d = t.daemon(echo={"workers": 2}, greet={"workers": 1}).start(stderr=writer)
    os.close(writer)
    for _ in range(200):
        for port in d.ports.values():
            with Client(port) as client:
                check(client.send(b"x").recv(), "served")
    send_signal(d.workers("echo")[0]["pid"], signal.SIGKILL)
    d.wait_workers(2, "echo")
    text = os.read(reader, 1 << 20)
    while select.select([reader], [], [], 0)[0]:
        text += os.read(reader, 1 << 20)
    for _ in range(3):
        for port in d.ports.values():
            with Client(port) as client:
                check(client.send(b"x").recv(), "served")
    d.stop()
    with os.fdopen(reader, "rb") as rest:
        text += rest.read()
    lines = text.decode().splitlines()
    check(all(parse_log_line(line) for line in lines), "no line is torn")
    dropped = [parse_log_line(line) for line in lines
               if "log lines dropped: the reader was too slow" in line]
    check(dropped and all(int(line["count"]) > 0 for line in dropped), "dropped lines are counted")


def scenario_log_reader_gone(t):
    """Standard error is a pipe that nobody will ever read again: no SIGPIPE, no spin."""
    reader, writer = os.pipe()
    d = t.daemon(echo={"workers": 1}).start(stderr=writer)
    os.close(writer)
    os.close(reader)
    for _ in range(20):
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "echo")
    send_signal(d.workers()[0]["pid"], signal.SIGKILL)
    d.wait_workers(1)
    d.stop()


def scenario_log_into_a_socket(t):
    """As under some supervisors of services."""
    ours, theirs = socket.socketpair()
    d = t.daemon(echo={"workers": 1}).start(stderr=theirs.fileno())
    theirs.close()
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    d.stop()
    with ours.makefile(encoding="utf-8") as file:
        lines = [parse_log_line(line.rstrip("\n")) for line in file]
    check({"ready, 1 services", "stopped"} <= {line["msg"] for line in lines}, "lines")


def scenario_log_file_that_cannot_be_opened(t):
    """A folder, a link, a missing folder: refused at the start with one line."""
    os.symlink("/dev/null", t.path("link"))
    for path in (t.folder, t.path("no", "the.log"), t.path("link")):
        d = t.daemon(name="log" + str(len(t.daemons)), echo={"workers": 1}, log={"file": path})
        d.expect("cannot open the log file").launch()
        check(d.wait_exit(EXIT_CONFIG, EXIT_UNAVAILABLE), "exit code")
        equal(len(d.log_text().splitlines()), 1, "one line")
        check(refuses(d.port) and not os.path.lexists(d.control), "nothing is left")
