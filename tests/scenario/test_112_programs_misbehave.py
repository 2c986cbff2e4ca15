# SPDX-License-Identifier: MIT
"""Programs that cannot be executed, and programs that do what nobody should: what it costs, whom,
and how it is told."""
import os
import re
import shutil
import signal
import socket
import time

from harness import *
from programs import *


# ---- it cannot be executed: nothing starts

def refuse(t, command, pattern, handler=None):
    """The start fails before "service ready", with one error that says why."""
    d = serve(t, command, handler, name=f"preforkd{len(t.daemons)}").launch().expect(pattern)
    d.wait_exit(EXIT_UNAVAILABLE)
    errors = d.log_lines(level="error")
    equal(len(errors), 1, f"errors in {d.log_text()}")
    matches(pattern, errors[0]["msg"], "the error")
    equal(d.log_lines(msg="service ready"), [], "service ready")
    check(refuses(d.port), "nobody listens")
    check(not os.path.exists(d.control), "no control socket")


def scenario_command_not_found(t):
    refuse(t, ["/no/such/program"], "/no/such/program: No such file or directory")
    refuse(t, ["no-such-program"], "no-such-program.*: No such file or directory")


def scenario_command_not_executable(t):
    path = executable(t, "program", "#!/bin/sh\n", 0o644)
    refuse(t, [path], f"{path}: Permission denied")


def scenario_command_in_a_closed_folder(t):
    os.mkdir(t.path("closed"), 0o000 if not t.is_root else 0o700)
    refuse(t, [t.path("closed", "program")], "closed/program: Permission denied")
    os.chmod(t.path("closed"), 0o700)


def scenario_command_is_a_directory(t):
    refuse(t, ["/etc"], "/etc: Is a directory")


def scenario_directory_is_missing(t):
    refuse(t, ["/bin/cat"], "/no/such/folder: No such file", {"directory": "/no/such/folder"})


def scenario_relative_command_missing_in_its_directory(t):
    refuse(t, ["bin/none"], re.escape(t.path("bin/none")) + ": No such file",
           {"directory": t.folder})


def scenario_interpreter_is_missing(t):
    path = executable(t, "program", "#!/no/such/interpreter -x\n")
    refuse(t, [path], f"{path}: No such file or directory, its interpreter is /no/such/interpreter")


def scenario_no_executable_format(t):
    """No shell is asked to make something of it."""
    for name, text in (("text", "echo hello\n"), ("empty", ""), ("short", "\x7fELF"),
                       ("no-interpreter", "#!\n")):
        path = executable(t, name, text)
        refuse(t, [path], f"{path}: Exec format error")


def scenario_interpreter_is_a_directory(t):
    path = executable(t, "program", "#!/etc\n")
    refuse(t, [path], f"{path}: Permission denied, its interpreter is /etc")


def scenario_too_many_arguments(t):
    """One that is longer than the kernel takes, MAX_ARG_STRLEN."""
    refuse(t, ["/bin/echo", "x" * (128 << 10)], "/bin/echo: Argument list too long")


def scenario_many_arguments(t):
    """As many as fit arrive whole."""
    words = [f"argument {i}" for i in range(3000)] + ["y" * 100000]
    d = serve(t, ["/usr/bin/printf", "%s\\n", *words]).start()
    equal(answer(d.port).decode().splitlines() == words, True, "3,001 arguments")


def scenario_relative_command_without_directory(t):
    """Nobody knows from where: an error of the file, with its line."""
    d = serve(t, ["bin/program"])
    d.write()
    done = t.run("preforkd", "-t", "-c", d.file)
    equal(done.returncode, EXIT_CONFIG, "exit status")
    matches(r'preforkd\.conf:\d+: .*"bin/program" is relative', done.stderr, "the error")


def scenario_error_of_the_command_line(t):
    port = t.port()
    done = t.run("preforkd", "--listen", f"tcp://127.0.0.1:{port}", "--", "./none")
    equal(done.returncode, EXIT_UNAVAILABLE, "exit status")
    matches("none: No such file", done.stderr, "the error")


def scenario_daemonised_start_fails(t):
    """-d says it, too, in its exit status and on its own standard error."""
    d = serve(t, ["/no/such/program"]).expect("/no/such/program")
    done = d.daemonise()
    equal(done.returncode, EXIT_UNAVAILABLE, "exit status")
    matches("/no/such/program: No such file", done.stderr, "standard error")


def scenario_one_bad_program_among_good_services(t):
    """All or nothing, as for any service that does not become ready."""
    d = t.daemon(echo={"workers": 1}, bad={"handler": {"type": "exec", "command": ["/no/such"]},
                                           "workers": 1}).launch().expect("/no/such")
    d.wait_exit(EXIT_UNAVAILABLE)
    matches("service bad: ", d.log_lines(level="error")[0]["msg"], "the error")


# ---- it cannot be executed any more

def scenario_program_removed_and_back(t):
    """Hold-off instead of a storm, the state is told, connections wait and are served when it is
    back. Clients are lost only to workers that waited already."""
    path = executable(t, "program", "#!/bin/sh\necho fine\n")
    d = serve(t, [path], workers=2, restart_delay="20ms", restart_delay_max="200ms").start()
    d.expect(re.escape(path))
    d.wait_workers(2)
    os.rename(path, path + ".away")
    lost = [Client(d.port) for _ in range(2)]
    for client in lost:
        with contextlib.suppress(ConnectionError):
            equal(client.recv_all(), b"", "what a client of an idle worker sees")
        client.close()
    wait_until(lambda: d.service()["state"] == "degraded", "the state is degraded")
    waiting = [Client(d.port) for _ in range(10)]
    wait_until(lambda: d.service()["queue"]["length"] == 10, "ten clients wait")
    d.wait_log(msg="worker died", count=5)
    matches("next try in", d.log_lines(msg="worker died")[-1]["next"], "hold-off")
    matches(re.escape(path) + ": No such file", d.log_lines(level="error")[-1]["msg"], "reason")
    equal(d.service()["queue"]["length"], 10, "still waiting")
    os.rename(path + ".away", path)
    for client in waiting:
        equal(client.recv_all(), b"fine\n", "answer to one that waited")
        client.close()
    wait_until(lambda: d.service()["state"] == "running", "the state is running again")
    d.wait_workers(2)


def scenario_failed_execution_is_told(t):
    """Which program, which errno, which client; in the log and in the status."""
    path = executable(t, "program", "#!/bin/sh\necho fine\n")
    d = serve(t, [path], workers=1, restart_delay="20ms").start().expect(re.escape(path))
    d.wait_workers(1)
    os.chmod(path, 0o644)
    with Client(d.port) as client:
        with contextlib.suppress(ConnectionError):
            client.recv_all()
        line = d.wait_log(level="error")
        matches(f"{re.escape(path)}: Permission denied", line["msg"], "the error")
        line = d.wait_log(msg="worker died")
        equal((line["peer"], line["status"]), (client.peer, "104"), "the obituary")
    d.wait_log(msg="service changed state", to="degraded")
    os.chmod(path, 0o755)
    wait_until(lambda: d.service()["state"] == "running", "it runs again")
    equal(answer(d.port), b"fine\n", "answer")


def unusable(t, spoil, mend, pattern):
    """The program cannot be executed for a while, for a reason that only execve(2) knows: at most
    those clients are lost that idle workers took before that is known; all others wait."""
    shutil.copy("/bin/sh", t.path("interpreter"))
    path = executable(t, "program", "#!" + t.path("interpreter") + "\necho fine\n")
    d = serve(t, [path], workers=2, restart_delay="20ms", restart_delay_max="100ms").start()
    d.expect(re.escape(path))
    d.wait_workers(2)
    spoilt = spoil(path)
    clients = [Client(d.port) for _ in range(8)]
    d.wait_log(msg="worker died", count=6)
    wait_until(lambda: d.service()["queue"]["length"] == 6, "the others wait")
    matches(pattern, d.log_lines(level="error")[-1]["msg"], "reason")
    mend(path, spoilt)
    served = 0
    for client in clients:
        with contextlib.suppress(ConnectionError):
            served += client.recv_all() == b"fine\n"
        client.close()
    check(served >= 6, f"clients that were served: {served} of 8, two at most may be lost")
    wait_until(lambda: d.service()["state"] == "running", "the state is running again")


def scenario_interpreter_removed_and_back(t):
    unusable(t, lambda _: os.rename(t.path("interpreter"), t.path("away")),
             lambda _, __: os.rename(t.path("away"), t.path("interpreter")),
             "No such file or directory, its interpreter is ")


def scenario_program_is_being_written(t):
    """ETXTBSY, while somebody copies a new version over the old one."""
    unusable(t, lambda path: os.open(path, os.O_RDWR), lambda _, fd: os.close(fd),
             "Text file busy")


def scenario_program_replaced_while_serving(t):
    """As a package manager does it: rename over it. No connection is lost; who runs, runs on."""
    path = executable(t, "program", "#!/bin/sh\necho old; cat >/dev/null\n")
    d = serve(t, [path], workers=2).start()
    with Client(d.port) as client:
        equal(client.recv_exactly(4), b"old\n", "greeting")
        os.rename(executable(t, "new", "#!/bin/sh\necho new\n"), path)
        equal(answer(d.port), b"new\n", "the next client")
        check(not client.ended(), "the first one is served on")


def scenario_directory_removed(t):
    """Workers are in it from their birth; those born later hold off, and say why."""
    folder = t.path("work")
    os.mkdir(folder)
    d = serve(t, ["/bin/cat"], {"directory": folder}, restart_delay="20ms").start()
    d.wait_workers(1)
    d.expect(re.escape(folder))
    os.rmdir(folder)
    equal(answer(d.port, b"abc"), b"abc", "a worker that was there")
    d.wait_log(level="error", msg=f"directory {folder}: No such file or directory")
    os.mkdir(folder)
    equal(answer(d.port, b"abc"), b"abc", "after it is back")


# ---- clients

def scenario_client_resets_before_the_program_runs(t):
    """It is a connection like any other: the program finds a socket that is at its end."""
    d = serve(t, sh("cat; echo \"over\" >&2"), workers=1).start()
    with Client(d.port) as first:
        first.ask(b"x")
        gone = [Client(d.port) for _ in range(20)]
        wait_until(lambda: d.service()["queue"]["length"] == 20, "they are in the queue")
        for client in gone:
            client.reset()
    equal(answer(d.port, b"abc"), b"abc", "the next client")
    # A reset connection is never accepted or is accepted as reset, as the kernel likes.
    d.wait_workers(1)
    service = d.service()
    equal((service["crashes"], service["state"]), (0, "running"), "crashes, state")


def scenario_client_resets_in_the_middle(t):
    """A program that writes to nobody dies by SIGPIPE, as it does anywhere. Clients leave: that is
    no crash of anything, and no warning."""
    d = serve(t, sh("echo up; read x; while :; do echo y; done"), workers=2).start()
    with Client(d.port) as client:
        client.recv()
        client.reset()
    line = ended(d)
    equal(line["signal"], "SIGPIPE", "its end")
    equal((line["level"], d.service()["crashes"]), ("info", 0), "level, crashes")
    with Client(d.port) as client:
        check(client.recv(), "the next client is served")


def scenario_client_that_reads_nothing(t):
    """The program waits for it; others are served; a stop at once ends both."""
    d = serve(t, ["/usr/bin/yes"], workers=2).start()
    with Client(d.port) as stuck:
        pid = program_of(d, stuck)
        wait_until(lambda: system_call(pid) not in ("running", None) or not t.is_root, "it waits")
        with Client(d.port) as client:
            check(client.recv(), "another client")
        d.kill(signal.SIGINT)
        d.wait_exit(0)


def scenario_names_from_the_network_are_safe(t):
    """What a socket is called may hold anything; what is not plain is not told to the program."""
    name = 'x";$(id)\n'
    d = serve(t, ["/usr/bin/env"], listen=[f"unix:@preforkd-{os.getpid()}-$(id)"]).start()
    text = answer(f"@preforkd-{os.getpid()}-$(id)").decode()
    check("PROTO=IPC" in text and "IPCLOCALPATH" not in text, f"environment: {text}")
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(LIMIT)
    client.bind(f"\0preforkd-client-{os.getpid()}-{name}")  # whoever connects chooses its own name
    client.connect(f"\0preforkd-{os.getpid()}-$(id)")
    text = b""
    while piece := client.recv(65536):
        text += piece
    client.close()
    check(b"(id)" not in text and b"PROTO=IPC" in text, f"environment: {text}")


# ---- the program's own ways

def scenario_closes_its_standard_descriptors(t):
    """The client sees the end; the worker is busy until the process ends; others are served."""
    d = serve(t, sh("trap 'exit 0' USR1; exec <&- >&- 2>&-; while :; do sleep 0.05; done"),
              workers=2).start()
    with Client(d.port) as client:
        equal(client.recv_all(), b"", "the end")
        d.wait_workers(2, busy=1, idle=1)
        send_signal(d.worker_of(client)["pid"], signal.SIGUSR1)
    equal(ended(d)["status"], "0", "status")


def scenario_last_words_by_another_process(t):
    """What a program leaves in its session has a moment for them: recordio and its like pass bytes
    on in a process of their own."""
    d = serve(t, sh("read line; (sleep 0.3; echo \"<$line>\") & exit")).start()
    with Client(d.port) as client:
        equal(client.send(b"hello\n").recv_all(), b"<hello>\n", "answer")


def scenario_in_the_background(t):
    """What a program leaves in its group ends with it, and the client sees the end."""
    d = serve(t, sh("sleep 1000 & sleep 1000 & echo started")).start()
    equal(answer(d.port), b"started\n", "all that came, and the end")
    pid = int(ended(d)["worker_pid"])
    wait_until(lambda: not group_members(pid), "its group is gone")
    equal(answer(d.port), b"started\n", "the next client")


# How a program is started. There is always somebody who has no client and lives on: a worker that
# waits, or the template.
WAYS = {"cold": {}, "start": {"warm": "start"}, "io": {"warm": "io"},
        "fork": {"warm": "io", "warm_fork": True}}


def daemonises(t, *options, **keys):
    """A daemon with that program as a service in each of WAYS, two workers each."""
    path = script(t, "daemonises.pl")
    installed(t, "perl")
    d = t.daemon(**{way: {"handler": {"type": "exec", "command": [path, *options], **handler},
                          "workers": 2, **keys} for way, handler in WAYS.items()}).start()
    for way in WAYS:
        d.wait_workers(2, way)
    return d


def scenario_daemon_of_its_own(t):
    """Double fork and setsid do not help: what is left of a connection ends with it."""
    d = daemonises(t, kill_timeout="200ms")
    pids = {way: [int(answer(port)) for _ in range(3)] for way, port in d.ports.items()}
    for way in WAYS:
        wait_until(lambda: not any(alive(pid) for pid in pids[way]), f"{way}: daemons are gone")
        equal(d.service(way)["state"], "running", f"{way}: state")


def scenario_daemon_that_ignores_term(t):
    """TERM, and KILL after kill_timeout, also for those."""
    d = daemonises(t, "stubborn", kill_timeout="100ms")
    pids = {way: int(answer(port)) for way, port in d.ports.items()}
    for way in WAYS:
        wait_until(lambda: not alive(pids[way]), f"{way}: the daemon is gone")


def scenario_changes_its_process_group(t):
    """max_lifetime ends it all the same, and the child that is in the other group."""
    path = script(t, "changes_group.pl")
    installed(t, "perl")
    d = serve(t, [path], max_lifetime="200ms", kill_timeout="200ms").start()
    with Client(d.port) as client:
        pids = [int(pid) for pid in client.recv_all().split()]
        equal(len(pids), 2, "pids told")
    wait_until(lambda: not any(alive(pid) for pid in pids), "both are gone")
    equal(ended(d)["end"], "max_lifetime", "why")


def scenario_stops_itself(t):
    """SIGSTOP: others are served, and max_lifetime ends it: TERM reaches it, or KILL does."""
    d = serve(t, sh("echo up; read x; [ \"$x\" ] || kill -STOP $$; echo $x"), workers=2,
              max_lifetime="300ms", kill_timeout="100ms").start()
    with Client(d.port) as client:
        client.recv_exactly(3)
        pid = program_of(d, client)
        client.send(b"\n")
        equal(answer(d.port, b"other\n"), b"up\nother\n", "another client")
        equal(client.recv_all(), b"", "the end")
    line = ended(d, end="max_lifetime")
    equal(line["worker_pid"], str(pid), "who was ended")


@mark(alone=True)
def scenario_floods_its_standard_error(t):
    """100 MB of lines: the daemon lives, others are served meanwhile, the log stays bounded and
    says how much it does not tell."""
    d = serve(t, sh("read x; [ \"$x\" ] && echo $x && exit; yes 'no news is good news' | "
                    "head -c 100000000 >&2; echo done"), workers=3).start()
    with Client(d.port) as client:
        client.send(b"\n")
        served = 0

        def over():
            nonlocal served
            equal(answer(d.port, b"other\n"), b"other\n", "another client")
            served += 1
            return client.readable()
        wait_until(over, "all of it is written", 60)
        equal(client.recv_all(), b"done\n", "the program's end")
    check(served > 1, f"others were served meanwhile: {served}")
    def sums():
        return (len(d.log_lines(msg="stderr")),
                sum(int(r["dropped"]) for r in d.log_lines(msg="stderr: too many lines")))
    # The last line may have been cut by head.
    lines = -(-100000000 // len("no news is good news\n"))
    wait_until(lambda: sum(sums()) == lines, "all lines are told or counted")
    told, dropped = sums()
    check(told < 100000 and dropped > 0, f"{told} lines in the log, {dropped} counted")
    equal(d.log_lines(msg="stderr: too many lines")[0]["level"], "warning", "level")
    check(os.path.getsize(d.log_file) < 30 << 20, "size of the log")


def scenario_what_was_dropped_is_told_at_the_end(t):
    """However soon after a flood the pool ends; and what a template writes is no exception."""
    program = sh("yes no | head -n 20000 >&2; read x; echo done")
    for name, warm in (("cold", {}), ("copies", {"warm": "io", "warm_fork": True})):
        d = serve(t, program, handler=warm, name=name).start()
        equal(answer(d.port, b"x\n"), b"done\n", "answer")
        d.stop()
        d.wait_exit(EXIT_OK)
        dropped = [int(r["dropped"]) for r in d.log_lines(msg="stderr: too many lines")]
        equal(len(d.log_lines(msg="stderr")) + sum(dropped), 20000, f"{name}: told or counted")


def scenario_floods_its_standard_error_without_lines(t):
    """The same without a single end of line: pieces, memory and log are bounded."""
    d = serve(t, sh("head -c 30000000 /dev/zero | tr '\\0' x >&2; echo done")).start()
    equal(answer(d.port), b"done\n", "the program's end")
    ended(d)
    check(os.path.getsize(d.log_file) < 30 << 20, "size of the log")
    memory = int(proc_status(d.pool_pid())["VmHWM"].split()[0])
    check(memory < 100 << 10 or t.sanitized, f"the pool has used {memory} KiB")


def scenario_fills_its_standard_error_while_the_log_is_stuck(t):
    """Nobody reads preforkd's log: the program is not held up by that."""
    reader, writer = os.pipe()
    d = serve(t, sh("i=0; while [ $i -lt 3000 ]; do echo $i 0123456789012345678901234567890 >&2; "
                    "i=$((i+1)); done; echo done"), workers=2)
    d.start(stderr=writer)
    os.close(writer)
    equal(answer(d.port), b"done\n", "the program's end")
    equal(answer(d.port), b"done\n", "the next one")
    os.close(reader)


def scenario_ends_at_once_a_thousand_times(t):
    """Every client is served; afterwards nobody spins, and there are as many workers as before."""
    d = serve(t, ["/bin/true"], workers=4, access_log=False).start()
    for _ in range(20):
        clients = [Client(d.port) for _ in range(50)]
        for client in clients:
            equal(client.recv_all(), b"", "the end")
            client.close()
    d.wait_workers(4)
    service = d.service()
    equal((service["connections"]["accepted"], service["crashes"], service["state"]),
          (1000, 0, "running"), "accepted, crashes, state")
    check_rests(d)


def check_rests(d):
    """Supervisor, pool and workers sleep, and workers stay who they are."""
    pool, workers = d.pool_pid(), d.worker_pids()
    everybody = [d.pid, pool, *workers]

    def asleep():
        return all(process_stat(pid)[1] == "S" for pid in everybody)

    def quiet():
        """A machine that is busy itself gives no processor to who spins, but shows it runnable."""
        for _ in range(20):
            if not asleep():
                return False
            time.sleep(0.005)
        return True
    wait_until(quiet, "nobody spins")
    equal(d.worker_pids(), workers, "workers")


def scenario_crashes(t):
    """SIGSEGV: counted, told as a warning with client and signal, replaced at once, not degraded."""
    d = serve(t, sh("read x; kill -SEGV $$"), workers=2).start()
    for number in range(1, 11):
        with Client(d.port) as client:
            client.send(b"\n")
            equal(client.recv_all(), b"", "the end")
            line = ended(d, number)
            equal((line["signal"], line["level"], line["peer"], line["end"]),
                  ("SIGSEGV", "warning", client.peer, "program ended"), "line")
    d.wait_workers(2)
    service = d.service()
    equal((service["crashes"], service["state"]), (10, "running"), "crashes, state")
    equal(d.log_lines(msg="service changed state", to="degraded"), [], "degraded")


def scenario_crashes_a_thousand_times(t):
    """A client that crashes it over and over costs bounded work, and switches nothing off."""
    d = serve(t, sh("kill -SEGV $$"), workers=4).start()
    for _ in range(10):
        clients = [Client(d.port) for _ in range(50)]
        for client in clients:
            equal(client.recv_all(), b"", "the end")
            client.close()
    d.wait_workers(4)
    service = d.service()
    equal((service["crashes"], service["state"]), (500, "running"), "crashes, state")
    check_rests(d)


def scenario_limit_that_it_cannot_live_with(t):
    """limits.as too small for its libraries: what the dynamic linker says is in the log, with its
    status; clients see the end, and neither storm nor crash comes of it."""
    d = serve(t, ["/bin/cat"], {"limits": {"as": "1M"}}, workers=2).start()
    for number in range(1, 4):
        equal(answer(d.port), b"", "the end")
        line = ended(d, number)
        check(line.get("signal") or line["status"] != "0", f"its end: {line}")
    d.wait_workers(2)
    equal(d.service()["state"], "running", "state")


def scenario_uses_up_its_processor_time(t):
    """limits.cpu: SIGXCPU by the kernel; told, and the service goes on."""
    d = serve(t, sh("echo up; read x; [ \"$x\" ] && exit; while :; do :; done"),
              {"limits": {"cpu": 1}}, workers=2).start()
    with Client(d.port) as client:
        client.send(b"\n")
        equal(client.recv_all(), b"up\n", "the end")
    matches("SIGXCPU|signal 24", ended(d)["signal"], "signal, which says what it was")
    equal(answer(d.port, b"x\n"), b"up\n", "the next client")


def scenario_writes_more_than_it_may(t):
    """limits.fsize ends it by SIGXFSZ, whose disposition is the default again."""
    path = t.path("file")
    os.close(os.open(path, os.O_CREAT, 0o666))
    os.chmod(path, 0o666)
    d = serve(t, sh(f"exec head -c 100000 /dev/zero >{path}"), {"limits": {"fsize": "10K"}}).start()
    equal(answer(d.port), b"", "the end")
    matches("SIGXFSZ|signal 25", ended(d)["signal"], "signal")
    equal(os.path.getsize(path), 10 << 10, "size")


def scenario_many_children(t):
    """A program may have a hundred of its own; all of them end with it."""
    d = serve(t, sh("i=0; while [ $i -lt 100 ]; do sleep 1000 & i=$((i+1)); done; echo up; "
                    "read x")).start()
    with Client(d.port) as client:
        equal(client.recv_exactly(3), b"up\n", "greeting")
        pid = program_of(d, client)
        equal(len(group_members(pid)), 101, "processes")
        client.send(b"\n")
        equal(client.recv_all(), b"", "the end")
    wait_until(lambda: not group_members(pid), "all are gone")
    equal(ended(d)["status"], "0", "status")


def scenario_leaves_the_socket_to_a_child(t):
    """The program ends while a child of its group still talks: the child ends, too."""
    d = serve(t, sh("(while :; do echo x; sleep 0.01; done) & read x")).start()
    with Client(d.port) as client:
        client.recv()
        pid = program_of(d, client)
        client.send(b"\n")
        client.recv_all()
    wait_until(lambda: not group_members(pid), "the child is gone")


def scenario_kills_its_parent(t):
    """The pool is the same user's: it can be signalled. TERM makes it leave, a new one comes."""
    d = serve(t, sh("read x; [ \"$x\" ] && echo $x && exit; kill -TERM $PPID; echo did; cat"),
              workers=2).start()
    pool = d.pool_pid()
    with Client(d.port) as client:
        client.send(b"\n")
        equal(client.recv_exactly(4), b"did\n", "it did")
        wait_until(lambda: d.pool_pid() not in (0, pool), "another pool")
        equal(answer(d.port, b"other\n"), b"other\n", "another client")
        equal(client.ask(b"still"), b"still", "itself goes on")


def scenario_makes_the_shared_socket_nonblocking(t):
    """Its own socket is its own: the next client's is as it should be."""
    path = script(t, "nonblocking.pl")
    installed(t, "perl")
    d = serve(t, [path], workers=1).start()
    for _ in range(3):
        equal(answer(d.port), b"was blocking\n", "what it found")
