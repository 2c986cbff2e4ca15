# SPDX-License-Identifier: MIT
"""Another binary in the same process, by `preforkctl upgrade` or USR2: what stays, what changes."""
import os
import shutil
import signal
import socket

from datagrams import ask
from harness import *
from load import Load
from programs import script, serve, sh
from test_122_inherited import listening, port_of, start
from upgrade import *


def scenario_pid_sockets_and_counters_stay(t):
    """And who is connected is served on by his worker, below the pool of before."""
    d = t.daemon(echo={"workers": 2}, upper={"workers": 1}, top={"pid_file": t.path("the.pid")}).start()
    with Client(d.ports["echo"]) as client:
        client.ask(b"x")
    wait_until(lambda: d.service("echo")["connections"]["active"] == 0, "it is counted")
    before, inode, pool = d.status(), tcp_listener(d.ports["echo"])[0], d.pool_pid("echo")
    with Client(d.ports["echo"]) as client:
        client.ask(b"before")
        worker = d.worker_of(client, "echo")["pid"]
        done = d.ctl("upgrade")
        equal((done.returncode, done.stderr), (0, ""), "preforkctl upgrade")
        matches(r"^upgraded from version \S+ to \S+$", done.stdout, "its words")
        after = d.status()
        equal(after["pid"], before["pid"], "pid")
        equal(after["state"], "running", "state")
        equal(after["generation"], before["generation"] + 1, "generation")
        check(after["uptime_s"] > before["uptime_s"], "the uptime goes on")
        equal(tcp_listener(d.ports["echo"])[0], inode, "the socket")
        check(d.pool_pid("echo") != pool, "there is a new pool")
        equal(d.service("echo")["generation"], 2, "generation of the service")
        equal(client.ask(b"after"), b"after", "the connection goes on")
        equal(d.worker_of(client, "echo")["pid"], worker, "its worker")
        check(d.service("echo")["connections"]["accepted"] >= 2, "the counter goes on")
    with Client(d.ports["upper"]) as client:
        equal(client.ask(b"new"), b"NEW", "a new connection")
    wait_settled(d)
    equal(d.service("echo")["connections"]["accepted"], 2, "connections accepted in all")
    upgrade(d)
    equal(d.service("echo")["connections"]["accepted"], 2, "and after another upgrade")
    equal(process_stat(d.pid)[0], "preforkd", "its name")
    with open(t.path("the.pid")) as file:
        equal(int(file.read()), d.pid, "the pid file")


@mark(alone=True)
def scenario_twenty_upgrades_under_load(t):
    """None of the connections is lost, no descriptor and no process is left over."""
    d = t.daemon(echo={"workers": 3, "access_log": False}).start()
    upgrade(d)
    before, inode = descriptor_count(d), tcp_listener(d.port)[0]
    load = Load(d.port, processes=3)
    for _ in range(20):
        d.result("upgrade")
    load.stop()
    equal(load.lost, [], "lost connections")
    check(load.served > 100, f"there was load: {load.served} served")
    wait_settled(d)
    equal(tcp_listener(d.port)[0], inode, "the socket")
    wait_until(lambda: descriptor_count(d) == before, "no descriptor more, no descriptor less")
    equal(d.status()["generation"], 22, "generation")
    equal(d.log_lines(level="warning"), [], "warnings")


@mark(alone=True)
def scenario_usr2_again_and_again_under_load(t):
    """As fast as signals can be sent, among others: those that come while one is under way become
    one, and none kills the process between two images."""
    d = t.daemon(echo={"workers": 3, "access_log": False}).start()
    load = Load(d.port, processes=2)
    for _ in range(60):
        for number in (signal.SIGUSR2, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU,
                       signal.SIGALRM, signal.SIGPIPE, signal.SIGWINCH):
            d.kill(number)
        d.wait_control()
    upgrade(d)
    load.stop()
    equal(load.lost, [], "lost connections")
    equal(d.status()["state"], "running", "state")


def scenario_a_newer_version_and_back(t):
    """Its state has a newer version and fields that the older one does not know."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}).start()
    old = d.status()["version"]
    install_next(t)
    equal(d.status()["version"], old, "the file alone changes nothing")
    equal(upgrade(d), {"from": old, "to": old + "-next"}, "the way there")
    equal(d.status()["version"], old + "-next", "version")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    install(t, os.path.join(t.shared, "preforkd"))
    equal(upgrade(d), {"from": old + "-next", "to": old}, "the way back")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_a_new_pool_program(t):
    """The companions are those of the new binary: what runs is another file than before."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}).start()
    before = os.stat(f"/proc/{d.pool_pid()}/exe").st_ino if t.is_root else None
    install(t, os.path.join(t.shared, "preforkd-pool"), "preforkd-pool")
    install(t, os.path.join(t.shared, "preforkd"))
    upgrade(d)
    if t.is_root:
        now = os.stat(f"/proc/{d.pool_pid()}/exe").st_ino
        check(now != before, "the pool runs the new file")
        equal(now, os.stat(t.program("preforkd-pool")).st_ino, "the pool's file")


def scenario_files_that_are_gone_break_nothing(t):
    """A pool and workers that die get successors although no program is on the disk any more."""
    folder = own_programs(t)
    d = t.daemon(echo={"workers": 1}).expect("upgrade failed").start()
    shutil.move(folder, t.path("away"))
    pool = d.pool_pid()
    send_signal(pool, signal.SIGKILL)
    wait_until(lambda: d.pool_pid() not in (None, pool), "a new pool is there")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    matches("No such file", d.refused("upgrade"), "the reason")
    shutil.move(t.path("away"), folder)
    upgrade(d)
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_a_link_that_leads_elsewhere_now(t):
    """The path it was started by counts, not the file that it led to then."""
    own_programs(t)
    shutil.copytree(t.programs, t.path("two"))
    shutil.copy(os.path.join(t.shared, "next", "preforkd"), t.path("two"))
    os.symlink(t.path("bin"), t.path("current"))
    t.programs = t.path("current")
    d = t.daemon(echo={"workers": 1}).start()
    os.symlink(t.path("two"), t.path("current.new"))
    os.rename(t.path("current.new"), t.path("current"))
    check(upgrade(d)["to"].endswith("-next"), "the new version")
    equal(os.readlink(f"/proc/{d.pid}/exe"), t.path("two", "preforkd"), "what runs")


def scenario_a_relative_link_of_a_daemon(t):
    """It is understood from where preforkd -d was started, although the daemon's folder is /."""
    own_programs(t)
    shutil.copytree(t.programs, t.path("two"))
    shutil.copy(os.path.join(t.shared, "next", "preforkd"), t.path("two"))
    os.symlink("bin", t.path("current"))
    d = t.daemon(echo={"workers": 1}, log={"file": t.path("the.log")})
    d.write()
    done = t.run_command(["current/preforkd", "-d", "-c", d.file], env=t.environment())
    equal((done.returncode, done.stderr), (0, ""), "preforkd -d")
    pid = d.status()["pid"]
    wait_until(lambda: process_stat(pid)[2] == os.getpid(), "it is adopted")
    d.process = Adopted(pid)
    os.symlink("two", t.path("current.new"))
    os.rename(t.path("current.new"), t.path("current"))
    check(d.result("upgrade")["to"].endswith("-next"), "the new version")


def scenario_a_changed_file_comes_into_force(t):
    """Services that the file has now, and none that it has no more."""
    d = t.daemon(echo={"workers": 1}, upper={"workers": 1}).start()
    d.change("echo", workers=3)
    del d.services["upper"]
    d.add("greet")
    d.write()
    d.result("upgrade")
    equal(sorted(s["name"] for s in d.status()["services"] if s["state"] == "running"),
          ["echo", "greet"], "services")
    d.wait_workers(3, "echo")
    check(refuses(d.ports["upper"]), "upper is gone")


def scenario_scaled_workers_stay(t):
    """Until a reload changes the service: then the number of the file counts again."""
    d = t.daemon(echo={"workers": 1}).start()
    d.result("scale echo 4")
    d.wait_workers(4)
    for _ in range(2):
        upgrade(d)
        d.wait_workers(4)
    d.change("echo", backlog=77)
    d.reload()
    d.wait_workers(1)


def scenario_a_daemon(t):
    """preforkd -d, with a relative path, a working folder that is / and a pid file."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}, log={"file": t.path("the.log")}, top={"pid_file": t.path("the.pid")})
    d.write()
    done = t.run_command(["bin/preforkd", "-d", "-c", os.path.basename(d.file)], env=t.environment())
    equal((done.returncode, done.stderr), (0, ""), "preforkd -d")
    pid = d.status()["pid"]
    wait_until(lambda: process_stat(pid)[2] == os.getpid(), "it is adopted")
    d.process = Adopted(pid)
    install_next(t)
    for _ in range(2):
        check(upgrade(d)["to"].endswith("-next"), "the new version")
    equal(d.status()["pid"], pid, "pid")
    equal(os.readlink(f"/proc/{pid}/cwd"), "/", "working folder")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    d.change("echo", workers=2)
    d.reload()
    d.wait_workers(2)
    check(d.log_lines(t.path("the.log"), msg="upgrade done"), "the log goes on in its file")


def scenario_everything_from_the_command_line(t):
    """--listen with a handler, and with a program that is named by a relative path."""
    own_programs(t)
    program = script(t, "lines.sh")
    for name, what in (("one", ["--handler", "echo"]), ("two", ["--", "./lines.sh"])):
        d = t.daemon(name)
        port = t.port()
        d.launch(arguments=["--listen", f"tcp://127.0.0.1:{port}", "--workers", "2",
                            "--control", d.control, *what]).wait_running()
        for _ in range(2):
            upgrade(d)
            with Client(port) as client:
                check(client.ask(b"hello\n"), "an answer")
        matches("no file to reload", d.expect("reload failed").refused("reload"), "a reload")
    check(os.path.exists(program), "the program")


def scenario_unix_sockets_and_their_locks(t):
    """They stay as they are, nobody else can take them, and the stop removes them."""
    path, seq = t.path("a.sock"), t.path("b.sock")
    d = t.daemon(echo={"listen": [f"unix://{path}", f"seqpacket://{seq}", "unix:@" + t.name],
                       "workers": 1, "socket_mode": "0600"}).start()
    about = os.stat(path)
    upgrade(d)
    upgrade(d)
    equal((os.stat(path).st_ino, os.stat(path).st_mode), (about.st_ino, about.st_mode), "the file")
    for where in (path, "@" + t.name):
        with Client(where) as client:
            equal(client.ask(b"x"), b"x", "echo")
    other = t.daemon("other", top={"control": d.control}, echo={"listen": [f"unix://{path}"]})
    other.expect("another preforkd").launch().wait_exit(EXIT_UNAVAILABLE)
    d.change("echo", listen=[f"unix://{path}"])
    d.reload()
    check(not os.path.exists(seq), "what is not wanted is removed")
    d.stop()
    check(not os.path.exists(path) and not os.path.exists(path + ".lock"), "nothing is left")


def scenario_a_port_that_the_kernel_chose(t):
    """tcp://…:0 keeps its port."""
    d = t.daemon(echo={"listen": ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"], "workers": 1}).start()
    where = d.service()["listen"]
    upgrade(d)
    equal(d.service()["listen"], where, "addresses")


def scenario_inherited_sockets(t):
    """fd:// after two upgrades, and one that nobody wanted in between."""
    web, other, udp = listening(), listening(), listening(kind=socket.SOCK_DGRAM)
    d = t.daemon(echo={"listen": ["fd://web", "fd://udp"], "workers": 2})
    start(d, [web, other, udp], ["web", "other", "udp"])
    upgrade(d)
    upgrade(d)
    with Client(port_of(web)) as client:
        equal(client.ask(b"x"), b"x", "echo")
    equal(ask(t, port_of(udp), b"x"), b"x", "echo")
    d.change("echo", listen=["fd://other"])
    d.reload()
    with Client(port_of(other)) as client:
        equal(client.ask(b"x"), b"x", "echo")
    for fd, target in descriptors(d.pid).items():
        if target.startswith(("socket:", "/memfd:", "anon_inode:[pidfd]")):
            check(close_on_exec(d.pid, fd), f"{fd} ({target}) would stay open")


def scenario_datagrams(t):
    """UDP: one that comes in the middle is answered by the new pool."""
    d = t.daemon(echo={"listen": ["udp://127.0.0.1:0"], "workers": 2})
    d.start()
    port = int(d.service()["listen"][0].rpartition(":")[2])
    for _ in range(5):
        d.result("upgrade")
        equal(ask(t, port, b"hello"), b"hello", "echo")


def scenario_programs_find_nothing_of_it(t):
    """No descriptor and no variable reaches a program; its limit of open files is as it was."""
    d = serve(t, sh("echo $(env | grep -c PREFORKD_); ulimit -Sn; ls /proc/self/fd"))
    d.start()
    def words():
        with Client(d.port) as client:
            client.half_close()
            return client.recv_all().decode().split()
    before = words()
    upgrade(d)
    equal(words(), before, "what a program finds")
    equal(before[0], "0", "variables of ours")


def scenario_warm_programs(t):
    """Those that wait for a client are replaced, the one that has one goes on."""
    d = serve(t, [script(t, "lines.py")], handler={"warm": "start"}, workers=2).start()
    with Client(d.port) as client:
        greeting = client.recv()
        d.result("upgrade")
        client.send(b"one\n")
        equal(client.recv(), b"ONE\n", "the connection goes on")
    with Client(d.port) as client:
        equal(client.recv(), greeting, "a new one")
    wait_settled(d)


def scenario_programs_that_accept(t):
    """type = "listen": the new ones have the same socket."""
    script(t, "echo.py")
    d = serve(t, [script(t, "systemd_echo.py")], handler={"type": "listen"}, workers=2).start()
    inode = tcp_listener(d.port)[0]
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "before")
    upgrade(d)
    equal(tcp_listener(d.port)[0], inode, "the socket")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "after")


def scenario_what_a_dead_pool_left_is_known_afterwards(t):
    """Its program may finish, and is ended in time by an image that never saw that pool."""
    d = serve(t, sh("echo begun; while :; do sleep 0.1; done"),
              graceful_timeout="2s", kill_timeout="2s").start()
    client = Client(d.port)
    equal(client.recv(), b"begun\n", "the program runs")
    program = d.worker_of(client)["pid"]
    send_signal(d.pool_pid(), signal.SIGKILL)
    wait_until(lambda: process_stat(program)[2] == d.pid, "the program is the supervisor's")
    d.result("upgrade")
    check(alive(program), "it may finish")
    d.wait_log(msg="ended what was left behind")
    wait_until(lambda: not alive(program), "it is gone in time")
    client.close()


def scenario_pools_that_die_at_any_moment(t):
    """Kill one just when the binary changes: the service is back, and nothing is left."""
    d = t.daemon(echo={"workers": 1}).expect("reload failed|serve on below it|died").start()
    for _ in range(15):
        waiting = waits(d, "upgrade")
        pool = d.pool_pid()
        if pool:
            send_signal(pool, signal.SIGKILL)
        answer(waiting)
    upgrade(d)
    d.wait_workers(1)
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def scenario_the_end_of_the_supervisor_still_ends_all(t):
    """The lifelines of pools hold on to the process, not to the image."""
    d = t.daemon(echo={"workers": 2}).start()
    old = d.pool_pid()
    with Client(d.port) as client:
        client.ask(b"x")
        d.result("upgrade")
        check(alive(old), "the pool of before has its client")
        d.killed()
    t.kept |= {d.control, d.control + ".lock"}
    wait_until(lambda: not alive(old), "the old pool has left")


def scenario_what_can_be_done_afterwards(t):
    """Reload, scale, reopened logs, a stop: as ever, and by the same control socket."""
    log = t.path("the.log")
    d = t.daemon(echo={"workers": 1}, log={"file": log}).start()
    upgrade(d)
    os.rename(log, log + ".1")
    d.result("reopen_logs")
    d.result("scale echo 3")
    d.wait_workers(3)
    d.change("echo", backlog=77)
    d.reload()
    equal(d.service()["queue"]["limit"], 77, "the reload")
    d.kill(signal.SIGHUP)
    d.result("reload")
    check(d.log_lines(log, msg="reload done"), "the new log")
    d.stop(signal.SIGTERM)
