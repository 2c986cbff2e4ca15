# SPDX-License-Identifier: MIT
"""Plugins that crash, hang, exit, fork, leak, or are no plugins: what it costs, and whom."""
import contextlib

from harness import *
from plugins import *


def beside(t, options=None, **keys):
    """The plugin "trouble" with three workers, and a service beside it; both serve."""
    return serve(t, "trouble", options, more={"echo": {"workers": 1}},
                 **{"workers": 3, **keys}).start()


def others_go_on(d):
    """Another client of the plugin, and one of the service beside it."""
    equal(ask(d.ports["p"], "status x"), "done\nresult 0\n", "another worker")
    with Client(d.ports["echo"]) as client:
        equal(client.ask(b"hello"), b"hello", "another service")


def replaced(d, pid):
    wait_until(lambda: pid not in d.worker_pids("p"), "that worker is gone")
    d.wait_workers(3, "p")


# ---- in a worker

def scenario_crash(t):
    """One connection is lost, its worker is replaced and told of, nobody else notices."""
    d = beside(t, fresh_after_crash=False)
    other, client = Client(d.ports["p"]), Client(d.ports["p"])
    told(other, "status x")
    told(client, "status x")
    pid, pool = d.worker_of(client, "p")["pid"], d.pool_pid("p")
    client.send(b"crash\n")
    with contextlib.suppress(ConnectionResetError):
        equal(client.recv_all(), b"", "the connection ends")
    line = d.wait_log(msg="worker died", worker_pid=pid)
    equal((line["signal"], line["peer"]), ("SIGSEGV", client.peer), "obituary")
    told(other, "status x")
    others_go_on(d)
    other.close()
    replaced(d, pid)
    equal((d.pool_pid("p"), d.service("p")["crashes"]), (pool, 1), "pool, crashes")
    client.close()


def scenario_exit(t):
    """exit() in a handler is a death like any other."""
    d = beside(t)
    for what, status in (("exit", "3"), ("exit 0", "0")):
        with Client(d.ports["p"]) as client:
            told(client, "status x")
            pid = d.worker_of(client, "p")["pid"]
            client.send(what.encode() + b"\n")
            with contextlib.suppress(ConnectionResetError):
                client.recv_all()
        equal(d.wait_log(msg="worker died", worker_pid=pid)["status"], status, "obituary")
        replaced(d, pid)
    others_go_on(d)


def hanging(d, *before):
    """A client whose worker hangs; (client, pid)."""
    client = Client(d.ports["p"])
    for line in before:
        told(client, line)
    told(client, "status x")
    client.send(b"hang\n")
    return client, d.worker_of(client, "p")["pid"]


def scenario_hang_until_max_lifetime(t):
    """It is cut, does not notice, and is killed after kill_timeout."""
    d = beside(t, max_lifetime="300ms", kill_timeout="200ms")
    client, pid = hanging(d)
    equal(client.recv_all(), b"", "the client is let go of")
    equal(d.wait_log(msg="worker died", worker_pid=pid)["signal"], "SIGKILL", "obituary")
    replaced(d, pid)
    others_go_on(d)
    client.close()


def scenario_hang_while_it_stops(t):
    d = beside(t, graceful_timeout="300ms", kill_timeout="200ms")
    client, _ = hanging(d)
    d.stop()
    client.close()


def scenario_deaf_and_hanging(t):
    """A handler that ignores every signal can still be ended."""
    d = beside(t, max_lifetime="300ms", kill_timeout="200ms")
    client, pid = hanging(d, "deaf")
    equal(d.wait_log(msg="worker died", worker_pid=pid)["signal"], "SIGKILL", "obituary")
    replaced(d, pid)
    others_go_on(d)
    client.close()


def scenario_deaf_workers_are_stopped(t):
    """Those that ignore the request to leave are killed when the time is over."""
    d = beside(t, graceful_timeout="300ms", kill_timeout="200ms")
    for _ in range(6):
        ask(d.ports["p"], "deaf")
    d.stop()


def scenario_deaf_workers_are_replaced_by_a_reload(t):
    d = beside(t, graceful_timeout="300ms", kill_timeout="200ms")
    before = d.worker_pids("p")
    ask(d.ports["p"], "deaf")
    d.change("p", handler={**d.services["p"]["handler"], "number": 7})
    d.reload()
    wait_until(lambda: not any(alive(pid) for pid in before), "the old ones are gone")
    equal(ask(d.ports["p"], "options").split()[0], "number=7", "the new one serves")


def scenario_fork(t):
    """What a handler leaves behind does not outlive its service."""
    d = beside(t)
    with Client(d.ports["p"]) as client:
        told(client, "fork")
        pid = d.worker_of(client, "p")["pid"]
        wait_until(lambda: descendants(pid), "it has a child")
        (child,) = descendants(pid)
    others_go_on(d)
    d.stop()
    wait_until(lambda: not alive(child), "the child is gone", 5)


def scenario_close(t):
    """A handler that closes all descriptors loses its worker at most."""
    d = beside(t)
    with Client(d.ports["p"]) as client:
        told(client, "status x")
        pid = d.worker_of(client, "p")["pid"]
        client.send(b"close\n").half_close()
        with contextlib.suppress(ConnectionResetError):
            client.recv_all()
    for _ in range(6):
        with contextlib.suppress(Failure, ConnectionResetError):
            others_go_on(d)
    d.expect("listening socket").expect("descriptor")
    wait_until(lambda: not alive(pid), "that worker is replaced", 15)
    d.wait_workers(3, "p")
    others_go_on(d)


def leaked(d):
    """The most descriptors that a worker has."""
    most = 0
    for pid in d.worker_pids():
        with contextlib.suppress(FileNotFoundError, PermissionError):  # it was its turn to leave
            most = max(most, len(descriptors(pid)))
    return most


def scenario_thousand_connections_leak_nothing(t):
    """Ours: as many descriptors as before. A handler that leaks: until its worker is replaced."""
    d = serve(t, "trouble").start()
    ask(d.port, "status x")
    (pid,) = d.worker_pids()
    before = descriptors(pid)
    for _ in range(1000):
        equal(ask(d.port, "status x"), "done\nresult 0\n", "answer")
    equal(d.worker_pids(), {pid}, "the same worker")
    equal(descriptors(pid), before, "its descriptors")
    for _ in range(5):
        ask(d.port, "leak")
    equal(len(descriptors(pid)), len(before) + 5, "leaked by the handler")
    d.change("p", max_connections_per_worker=10)
    d.reload()
    wait_until(lambda: not alive(pid), "the old one is gone")
    for _ in range(30):
        ask(d.port, "leak")
    # One that has served ten serves on until the next one is READY.
    wait_until(lambda: leaked(d) <= len(before) + 10, "whoever leaked too much is replaced")


def scenario_worker_that_leaks_all(t):
    """It serves on what it has; the next worker has them all."""
    d = serve(t, "trouble", max_connections_per_worker=1, access_log=False).start()
    for _ in range(3):
        with Client(d.port) as client:
            client.send(b"leak\n" * 100000).half_close()
            equal(client.recv_all(), b"done\n" * 100000 + b"result 0\n", "what it answers")


# ---- when it starts

def refused_start(t, d, pattern, *codes):
    """It does not start, with that reason; -t says the same, or nothing."""
    d.expect(pattern).launch()
    code = d.process.wait(LIMIT)
    d.exit_codes = {code}
    check(code in (codes or (EXIT_CONFIG, EXIT_UNAVAILABLE)), f"exit code {code}")
    matches(pattern, d.log_text().replace('\\\\\\"', '"'), "reason")


def scenario_check_config_refuses(t):
    """preforkd -t says why; nothing starts."""
    d = serve(t, options={"trouble": "check_config refuse"})
    d.write()
    done = t.run("preforkd", "-t", "-c", d.file)
    equal((done.returncode, done.stderr), (EXIT_CONFIG, f"{service_place(d)}: handler trouble: "
          "check_config has no reason to work\n"), "-t")
    refused_start(t, d, "handler trouble: check_config has no reason to work")


def scenario_check_config_misbehaves(t):
    """preforkd -t ends, and says what happened."""
    ended = r"its handler ended the process \(status {}\) when it was asked"
    for what, pattern in (("crash", r"its handler crashed \(SIGSEGV\) when it was asked"),
                          ("hang", "its handler did not answer within 500ms "),
                          ("exit", ended.format(3)), ("_exit", ended.format(3)),
                          ("exit 0", ended.format(0)), ("close", ended.format(".*"))):
        d = serve(t, options={"trouble": f"check_config {what}"}, start_timeout="500ms")
        d.write()
        done = t.run("preforkd", "-t", "-c", d.file)
        matches(f"{re.escape(service_place(d))}: service p: {pattern}", done.stderr, f"-t of {what}")
        equal((done.returncode, done.stdout), (EXIT_CONFIG, ""), f"-t of {what}")


def scenario_check_ends_what_it_has_started(t):
    """When preforkd -t has ended, whatever the outcome, no process is left that the handler has
    started: not a child, not one that has left the session."""
    for what in ("fork", "abandon"):
        for then, code in (("", 0), (" and hang", EXIT_CONFIG), (" and crash", EXIT_CONFIG),
                           (" and refuse", EXIT_CONFIG)):
            d = serve(t, options={"trouble": f"check_config {what}{then}"}, start_timeout="500ms")
            d.write()
            done = t.run("preforkd", "-t", "-c", d.file)
            equal(done.returncode, code, f"-t of {what}{then}")
            reap()
            equal(descendants(os.getpid()), [], f"processes left by {what}{then}")


def scenario_check_leaves_other_children_alone(t):
    """Those that preforkd -t has from the shell that it was before."""
    d = serve(t, options={"trouble": "check_config abandon"})
    d.write()
    done = t.run_command(["/bin/sh", "-c", 'sleep 1000 >/dev/null 2>&1 & echo $!; exec "$@"', "sh",
                          t.program("preforkd"), "-t", "-c", d.file], env=t.environment())
    pid, outcome = done.stdout.splitlines()
    equal((done.returncode, outcome), (0, f"{d.file}: ok"), "-t")
    check(alive(int(pid)), "the child of the shell")
    equal(descendants(os.getpid()), [int(pid)], "and nothing else")
    send_signal(int(pid), signal.SIGKILL)


def scenario_pool_init_fails(t):
    for what, pattern in (("refuse", "handler trouble: pool_init has no reason to work"),
                          ("crash", "SIGSEGV"), ("hang", "start_timeout"), ("exit", "status 3"),
                          ("exit 0", "status 0")):
        d = serve(t, options={"trouble": f"pool_init {what}"}, start_timeout="500ms",
                  daemon=what.replace(" ", "-"))
        refused_start(t, d, pattern)


def scenario_pool_init_leaves_a_process(t):
    """It keeps what it inherited open, and nobody waits for that: clients are served, before and
    after a reload."""
    d = serve(t, options={"trouble": "pool_init fork"}, workers=2, kill_timeout="300ms").start()
    equal(ask(d.port, "status x"), "done\nresult 0\n", "a client")
    d.change("p", idle_timeout="1h")
    d.reload()
    equal(ask(d.port, "status x"), "done\nresult 0\n", "a client of the next generation")
    d.stop()


def scenario_pool_init_ignores_signals(t):
    """The pool takes its own back: what becomes of its workers is seen, and they are replaced."""
    d = beside(t, {"trouble": "pool_init deaf"})
    with Client(d.ports["p"]) as client:
        told(client, "status x")
        pid = d.worker_of(client, "p")["pid"]
        client.send(b"crash\n")
        with contextlib.suppress(ConnectionResetError):
            client.recv_all()
    equal(d.wait_log(msg="worker died", worker_pid=pid)["signal"], "SIGSEGV", "obituary")
    others_go_on(d)
    replaced(d, pid)
    equal(d.service("p")["crashes"], 1, "crashes")
    d.stop()


def scenario_worker_init_fails(t):
    """The service does not start, and the reason is told."""
    for what, pattern in (("refuse", "handler trouble: worker_init has no reason to work"),
                          ("crash", "SIGSEGV"), ("hang", "start_timeout"), ("exit", "status 3")):
        d = serve(t, options={"trouble": f"worker_init {what}"}, start_timeout="700ms",
                  daemon=what)
        refused_start(t, d.expect("worker_init").expect("start_timeout"), pattern)


def scenario_reload_to_what_fails(t):
    """The reload says why; the old ones serve on, and so does the service beside it."""
    d = beside(t)
    before = d.worker_pids("p")
    good = d.services["p"]["handler"]
    for where in ("check_config", "pool_init", "worker_init"):
        for what in ("refuse", "crash", "hang", "exit"):
            d.change("p", handler={**good, "trouble": f"{where} {what}"}, start_timeout="300ms")
            d.expect(where).expect("service p").expect("reload")
            d.reload_refused()
            others_go_on(d)
            equal(d.worker_pids("p"), before, "the same workers")
    d.change("p", handler=good)
    d.reload()
    others_go_on(d)


# ---- what is no plugin

def foreign(content):
    """The same for another processor."""
    machine = b"\xb7\0" if content[18:20] != b"\xb7\0" else b"\x3e\0"
    return content[:18] + machine + content[20:]


def scenario_no_plugin(t):
    """Each says what was found, with FILE:LINE, by -t and by a start."""
    write(t.path("text.so"), "no shared object\n")
    write(t.path("empty.so"), "")
    os.mkdir(t.path("folder.so"))
    os.mkfifo(t.path("pipe.so"))
    put(t.path("foreign.so"), foreign(BUILT["lines"]))
    put(t.path("half.so"), BUILT["lines"][:len(BUILT["lines"]) // 2])
    for name in ("old_abi", "nothing", "unresolved"):
        plugin(t, name)
    for name, pattern in (("missing", "missing.so: No such file or directory"),
                          ("text", "text.so.*(invalid ELF header|file too short)"),
                          ("empty", "empty.so.*too short"),
                          ("folder", "folder.so: not a regular file"),
                          ("pipe", "pipe.so: not a regular file"),
                          ("foreign", "foreign.so.*built for another machine"),
                          ("half", "half.so|signal 7|SIGBUS"),  # as far as it is there
                          ("old_abi", "built for ABI 0, this preforkd has ABI 1"),
                          ("nothing", "has no symbol preforkd_handler"),
                          ("unresolved", "function_of_a_library_that_was_forgotten")):
        d = t.daemon(name, p={"handler": {"type": "plugin", "path": t.path(f"{name}.so")}})
        d.write()
        done = t.run("preforkd", "-t", "-c", d.file)
        equal(done.returncode, EXIT_CONFIG, f"-t of {name}")
        matches(f"^{re.escape(service_place(d))}: .*({pattern})", done.stderr, f"-t of {name}")
        refused_start(t, d, pattern)


def scenario_unreadable(t):
    d = serve(t)
    os.chmod(t.path("trouble.so"), 0)
    if t.is_root:
        refused_start(t, d, "trouble.so.*Permission denied")


# ---- replaced while it runs

def scenario_replaced_by_rename(t):
    """Workers keep the old one, new workers too; a pool that is replaced has the new one."""
    d = serve(t, "trouble", workers=2, fresh_after_crash=False).start()
    put(t.path("trouble.so"), BUILT["lines"])
    client = Client(d.port)
    client.send(b"crash\n")
    with contextlib.suppress(ConnectionResetError):
        client.recv_all()
    d.wait_log(msg="worker died")
    d.wait_workers(2)
    for _ in range(4):
        equal(ask(d.port, "status x"), "done\nresult 0\n", "the old one")
    d.change("p", idle_timeout="1h")
    d.reload()
    wait_until(lambda: ask(d.port, "status x") == "status x\r\n", "the new one serves")
    client.close()


def scenario_truncated_in_place(t):
    """Harms that service only, and a good file with a reload mends it."""
    t.skip_sanitized("the sanitizer reads what is not there any more")
    d = beside(t)
    with open(t.path("trouble.so"), "r+b") as file:
        file.truncate(0)
    for _ in range(3):
        with contextlib.suppress(OSError):
            ask(d.ports["p"], "status x")
    with Client(d.ports["echo"]) as client:
        equal(client.ask(b"hello"), b"hello", "another service")
    d.expect("truncated|too short|service p|pool|worker")
    plugin(t, "trouble")
    d.change("p", idle_timeout="1h")
    d.reload()
    others_go_on(d)


# ---- who has it

def scenario_supervisor_never_maps_it(t):
    d = beside(t)
    def mapped(pid):
        with open(f"/proc/{pid}/maps") as file:
            return "trouble.so" in file.read()
    def only_the_service():
        check(not mapped(d.pid), "the supervisor")
        check(not mapped(d.pool_pid("echo")), "another pool")
    check(mapped(d.pool_pid("p")), "its pool has it")
    only_the_service()
    d.change("p", handler={**d.services["p"]["handler"], "number": 7})
    d.reload()
    only_the_service()
    d.change("p", handler={**d.services["p"]["handler"], "number": 70})
    d.expect("number").reload_refused()
    only_the_service()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            check("trouble.so" not in os.readlink(f"/proc/{d.pid}/fd/{name}"), "nor opens it")
