# SPDX-License-Identifier: MIT
"""Binaries that cannot take over: the old one serves on, and says why."""
import os
import re
import signal

import plugins
from harness import *
from load import Load
from upgrade import *


def read(path):
    with open(path, "rb") as file:
        return file.read()


def refused(d, reason, serves=True):
    """It is, with that reason, in the answer and in the log; nothing has changed."""
    d.expect("upgrade failed")
    before, count = d.status(), len(d.log_lines(msg="upgrade failed, nothing changed"))
    matches(reason, d.refused("upgrade"), "the reason")
    line = d.wait_log(msg="upgrade failed, nothing changed", count=count + 1)
    matches(reason, line["reason"], "the reason in the log")
    after = d.status()
    for key in ("pid", "version", "generation", "state"):
        equal(after[key], before[key], key)
    equal([s["pool_pid"] for s in after["services"]], [s["pool_pid"] for s in before["services"]],
          "pools")
    if serves:
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "echo")


@mark(alone=True)
def scenario_whatever_is_installed_nothing_is_lost(t):
    """Missing, not executable, a folder, of another machine, cut, no preforkd at all, under load;
    then the right one."""
    own_programs(t)
    path = t.program("preforkd")
    good = read(path)
    d = t.daemon(echo={"workers": 2, "access_log": False}).start()
    load = Load(d.port, processes=2)
    def install_folder():
        os.remove(path)
        os.mkdir(path)
    cases = [
        (lambda: os.remove(path), "cannot open .*preforkd: No such file"),
        (lambda: install_bytes(t, good, mode=0o644), "cannot execute .*: Permission denied"),
        (install_folder, "cannot execute .*: (Permission denied|Is a directory)"),
        (lambda: (os.rmdir(path), install_bytes(t, good[:18] + b"\xee\xee" + good[20:])),
         "cannot execute .*: Exec format error"),
        (lambda: install_bytes(t, b""), "cannot execute .*: Exec format error"),
        (lambda: install_bytes(t, good[:3000]), "cannot execute|was ended by|ended with status"),
        (lambda: install_bytes(t, b"#!/bin/sh\nexit 0\n"), "cannot execute .*: it is a script"),
        (lambda: install(t, "/bin/true"), "not a preforkd that can take over"),
        (lambda: install(t, "/bin/false"), "ended with status 1"),
        (lambda: install(t, t.program("preforkctl")), "unknown option|preforkctl"),
    ]
    for prepare, reason in cases:
        prepare()
        refused(d, reason, serves=False)
    install_bytes(t, good)
    upgrade(d)
    load.stop()
    equal(load.lost, [], "lost connections")
    equal(d.log_lines(level="warning"), [], "warnings")


def scenario_binaries_that_misbehave(t):
    """Crash, silence, lies, a flood of odd bytes, a reason of several lines."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}).start()
    before = descriptor_count(d)
    for behaviour, reason in (("crash", "was ended by SIG"),
                              ("mute", "not a preforkd that can take over"),
                              ("lie", "not a preforkd that can take over"),
                              ("refuse not today", "^not today$")):
        install_newcomer(t, behaviour)
        refused(d, reason)
    equal(descriptor_count(d), before, "descriptors")


def scenario_a_binary_that_is_killed(t):
    """By whoever runs the machine, while it is asked."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}).expect("upgrade failed").start()
    before = descriptor_count(d)
    install_newcomer(t, "hang")
    waiting = waits(d, "upgrade")
    wait_until(lambda: asked(d), "it is being asked")
    send_signal(asked(d)[0], signal.SIGKILL)
    equal(answer(waiting)["error"], "the new binary was ended by SIGKILL", "the reason")
    equal(descriptor_count(d), before, "descriptors")


def scenario_nothing_can_be_started(t):
    """fork(2) fails just then: the reason is told, and the next try works."""
    cause = t.path("cause")
    d = t.daemon(echo={"workers": 1})
    d.start(env=t.shim("fork_refused", SHIM_FORK=cause, SHIM_PROGRAM="preforkd"))
    write(cause, "")
    refused(d, "fork: Resource temporarily unavailable")
    os.unlink(cause)
    upgrade(d)


@mark(limit=180)
def scenario_binaries_that_never_end(t):
    """One hangs, one talks without an end: each is killed when its time is over, and all goes on
    meanwhile."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}).start()
    before = descriptor_count(d)
    for behaviour in ("hang", "flood"):
        install_newcomer(t, behaviour)
        waiting = waits(d, "upgrade")
        d.wait_log(msg=f"checking {t.program('preforkd')} for an upgrade")
        with Client(d.port) as client:
            equal(client.ask(b"x"), b"x", "echo meanwhile")
        d.result("scale echo 2")
        again = waits(d, "upgrade")
        d.expect("upgrade failed")
        for client in (waiting, again):
            said = answer(client)
            check(not said["ok"], "it is refused")
            matches("did not answer within 10 s|was ended by SIGPIPE", said["error"], "the reason")
        equal([pid for pid, about in process_table().items() if about[2] == d.pid],
              [d.pool_pid()], "children")
    equal(descriptor_count(d), before, "descriptors")


def scenario_a_file_that_is_refused(t):
    """The configuration as it is now counts: errors, what cannot change, a plugin that is gone."""
    d = t.daemon(echo={"workers": 1}).start()
    good = d.config_text()
    write(d.file, good.replace("workers", "wrokers"))
    refused(d, r"preforkd\.conf:\d+: .*wrokers")
    write(d.file, good + 'pid_file = "/tmp/somewhere-else";\n')
    refused(d, "pid_file cannot change")
    os.remove(d.file)
    refused(d, "No such file")
    write(d.file, good.replace('handler = "echo"', 'handler = { type = "plugin"; path = "/no.so"; }'))
    refused(d, r"/no\.so")
    write(d.file, good)
    upgrade(d)


def scenario_a_pool_program_that_is_gone(t):
    """preforkd-pool belongs to it."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}).start()
    os.rename(t.program("preforkd-pool"), t.path("pool"))
    refused(d, "preforkd-pool")
    os.rename(t.path("pool"), os.path.join(t.programs, "preforkd-pool"))
    upgrade(d)


@mark(limit=120)
def scenario_a_handler_that_never_answers(t):
    """It hangs when the new binary asks it, and what it had started ends with that: a child, and one
    that has left the session."""
    d = plugins.serve(t, options={"trouble": "nowhere"}, start_timeout="2s")
    d.expect("upgrade failed|ended what was left").start()
    handler = {**d.services["p"]["handler"], "trouble": "check_config fork and abandon and hang"}
    d.change("p", handler=handler, start_timeout="60s")
    d.write()
    refused(d, "did not answer within 12 s", serves=False)
    wait_until(lambda: [pid for pid, about in process_table().items() if about[2] == d.pid] ==
               [d.pool_pid()], "nothing of it is left")


def scenario_new_pools_that_never_get_ready(t):
    """The new supervisor runs with the old pools: nothing is lost, and it is told."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}, upper={"workers": 1}).start()
    pools = {name: d.pool_pid(name) for name in ("echo", "upper")}
    d.change("upper", listen=[f"unix://{t.folder}/no/such/folder"])
    d.write()
    d.expect("reload failed|serve on below it")
    install_next(t)
    matches("pools of version .* serve on below it, for new ones were refused: .*/no/such/folder",
            d.refused("upgrade"), "the reason")
    check(d.status()["version"].endswith("-next"), "the new version runs")
    equal({name: d.pool_pid(name) for name in pools}, pools, "pools")
    for name, wanted in (("echo", b"a"), ("upper", b"A")):
        with Client(d.ports[name]) as client:
            equal(client.ask(b"a"), wanted, name)
    send_signal(pools["echo"], signal.SIGKILL)
    wait_until(lambda: d.pool_pid("echo") not in (None, pools["echo"]), "a new pool")
    d.change("upper", listen=[f"tcp://127.0.0.1:{d.ports['upper']}"])
    d.reload()
    upgrade(d)


def scenario_a_stop_wins(t):
    """While the new binary is asked: the stop ends it, who waits for the upgrade is told."""
    for number in (signal.SIGTERM, signal.SIGINT):
        t.programs = getattr(t, "shared", t.programs)
        d = t.daemon(f"stop-{number}", echo={"workers": 1})
        if number == signal.SIGTERM:
            own_programs(t)
        else:
            t.programs = t.path("bin")
            install(t, os.path.join(t.shared, "preforkd"))
        d.start()
        install_newcomer(t, "hang")
        waiting = waits(d, "upgrade")
        d.wait_log(msg=f"checking {t.program('preforkd')} for an upgrade")
        d.stop(number)
        matches("stopping", answer(waiting)["error"], "the answer")


def scenario_reloads_and_upgrades_wait_for_each_other(t):
    """A reload that is asked for while a binary is asked comes after it, or is part of it."""
    own_programs(t)
    real = t.path("real")
    os.mkdir(real)
    for name in INSTALLED:
        os.link(t.program(name), os.path.join(real, name))
    d = t.daemon(echo={"workers": 1}).start()
    install_newcomer(t, f"wait {real}/preforkd")
    upgrading = [waits(d, "upgrade") for _ in range(3)]
    d.wait_log(msg=f"checking {t.program('preforkd')} for an upgrade")
    d.change("echo", workers=3)
    d.write()
    reloading = waits(d, "reload")
    d.kill(signal.SIGUSR2)
    stays(lambda: not reloading.readable() and not upgrading[0].readable(), "all wait")
    equal(d.status()["generation"], 1, "generation meanwhile")
    write(t.path("go"), "")
    for client in [*upgrading, reloading]:
        said = answer(client)
        check(said["ok"], f"it is refused: {said}")
    d.wait_workers(3)
    equal(len(d.log_lines(msg="upgrade done")), 1, "three requests and a signal were one upgrade")
    os.remove(t.path("go"))
    upgrading, reloading = waits(d, "upgrade"), None
    d.wait_log(msg=f"checking {t.program('preforkd')} for an upgrade", count=2)
    d.change("echo", workers=2)
    d.write()
    reloading = waits(d, "reload")
    write(t.path("go"), "")
    check(answer(upgrading)["ok"], "the upgrade")
    check(answer(reloading)["ok"], "the reload")
    d.wait_workers(2)


def scenario_a_reload_after_a_refused_upgrade(t):
    """It was asked for meanwhile, and is done then."""
    own_programs(t)
    d = t.daemon(echo={"workers": 1}).expect("upgrade failed").start()
    install_newcomer(t, "wait /no/such/preforkd")
    upgrading = waits(d, "upgrade")
    d.wait_log(msg=f"checking {t.program('preforkd')} for an upgrade")
    d.change("echo", workers=2)
    d.write()
    reloading = waits(d, "reload")
    write(t.path("go"), "")
    matches("/no/such/preforkd: No such file", answer(upgrading)["error"], "the reason")
    check(answer(reloading)["ok"], "the reload")
    d.wait_workers(2)


def scenario_states_that_are_none(t):
    """A variable or a descriptor that somebody else made: no start, no answer of yes."""
    with open(t.path("junk"), "w+b") as junk:
        junk.write(b"prefork\x01" + bytes(100))
        junk.flush()
        def arrange():
            os.dup2(junk.fileno(), 3)
        for arguments, env in ((["--upgrade-check", "3", "-t"], {}),
                               (["-t"], {"PREFORKD_STATE_FD": "3"}),
                               (["-t"], {"PREFORKD_STATE_FD": "77"}),
                               (["-t"], {"PREFORKD_STATE_FD": "x"})):
            done = t.run("preforkd", *arguments, env=env, preexec_fn=arrange, close_fds=False)
            equal(done.returncode, 70, f"status of {arguments} {env}")
            matches("no sealed state|not a descriptor", done.stderr, "the reason")
            equal(done.stdout, "", "no yes")


def scenario_states_of_others(t):
    """Well-formed and sealed, and all the same no state for this process or version."""
    d = t.daemon(echo={"workers": 1})
    d.write()
    for daemon, asked, reason in (
            (number(1, 1) + number(4, 77), True, "cannot take over the pools of version [?];"),
            (number(1, 1), False, "the state is another process's"),
            (number(1, 1) + item(99, b"?"), False, "the state is another process's"),
            (number(1, -5), False, "its field pid is broken"),
            (number(1, 1) + number(12, 2), False, "descriptor 2 has two owners")):
        arguments = ["--upgrade-check", "3"] if asked else []
        env = {} if asked else {"PREFORKD_STATE_FD": "3"}
        done = t.run("preforkd", *arguments, "-c", d.file, env=env, close_fds=False,
                     preexec_fn=lambda: sealed(state_of(daemon), 3))
        equal((done.returncode, done.stdout), (70, ""), "the outcome")
        matches(reason, done.stderr, "the reason")


def scenario_a_state_whose_descriptors_are_gone(t):
    """The worst that can be: what it names is not there, or something else. It is told, and the
    services are served as after a start."""
    own_programs(t)
    first = t.daemon("first", echo={"workers": 2}, upper={"workers": 1}, top={"pid_file": t.path("pid")})
    first.expect("upgrade failed").start()
    pool = first.pool_pid("echo")
    install_newcomer(t, "hang")
    waiting = waits(first, "upgrade")
    wait_until(lambda: asked(first), "it is being asked")
    state = read(f"/proc/{asked(first)[0]}/fd/3")
    first.stop()
    answer(waiting)
    install(t, os.path.join(t.shared, "preforkd"))

    def arrange():
        for fd in range(3, 40, 2):
            os.dup2(0, fd)
        sealed(for_pid(state, os.getpid()), 50)
    d = t.daemon("second", echo={"workers": 2}, upper={"workers": 1},
                 top={"control": first.control, "pid_file": t.path("pid")})
    d.ports, d.file = first.ports, first.file
    d.expect(".").launch(env={"PREFORKD_STATE_FD": "50"}, preexec=arrange, close_fds=False,
                         arguments=["-c", first.file])
    d.wait_running()
    for words in (f"pool {pool} of echo is lost", "the socket of tcp://.* is lost", "pid file: ",
                  "is not our lock on"):
        check([line for line in d.log_lines() if re.search(words, line["msg"])], f"it is told: {words}")
    for name, wanted in (("echo", b"a"), ("upper", b"A")):
        with Client(d.ports[name]) as client:
            equal(client.ask(b"a"), wanted, name)


def asked(d):
    """Children that are no pools: the binary that is asked."""
    return [pid for pid, about in process_table().items()
            if about[2] == d.pid and not about[0].startswith("preforkd-pool")]


def scenario_an_answer_on_its_way(t):
    """Clients of the control socket that are in the middle of something keep their place."""
    d = t.daemon(echo={"workers": 1}).start()
    half, silent = Client(d.control), Client(d.control)
    half.send(b"stat")
    d.wait_control()
    upgrade(d)
    half.send(b"us\n")
    check(answer(half)["ok"], "a request in two parts")
    silent.send(b"status\n")
    check(answer(silent)["ok"], "a client that had said nothing")
