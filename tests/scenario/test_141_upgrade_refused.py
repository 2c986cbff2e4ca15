# SPDX-License-Identifier: MIT
"""Binaries that cannot take over: the old one serves on, and says why."""
import os
import signal

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
        (lambda: install_bytes(t, b"#!/bin/sh\nexit 0\n"), "cannot execute|not a preforkd"),
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


@mark(limit=180)
def scenario_binaries_that_never_end(t):
    """One hangs, one talks without an end: each is killed after ten seconds, and all goes on
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
