# SPDX-License-Identifier: MIT
"""Starting in the foreground, and every way to stop."""
import os
import signal

from harness import *

# Read at once: the ordinary user of the second pass may not reach the tree.
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../etc/preforkd.conf")) as f:
    EXAMPLE = f.read()


def scenario_starts_serves_and_stops(t):
    """preforkd -c FILE serves in the foreground until TERM, then ends with exit code 0."""
    d = t.daemon(echo={"workers": 2}).start()
    with Client(d.port) as client:
        equal(client.ask(b"hello"), b"hello", "echo")
    d.wait_log(msg="ready, 1 services")
    d.stop()
    d.wait_log(msg="stopped")
    check(refuses(d.port), "the port is free again")


def scenario_four_programs_answer_help_and_version(t):
    """Help goes to standard output and is a success; an unknown option is exit code 64."""
    equal(t.run("preforkd", "--version").returncode, EXIT_OK, "--version")
    for program, option in (("preforkd", "--help"), ("preforkd", "--help-config"),
                            ("preforkc", "--help")):
        done = t.run(program, option)
        equal(done.returncode, EXIT_OK, f"{program} {option}")
        check(done.stdout and not done.stderr, f"{program} {option} writes to standard output")
    wrong = t.run("preforkd", "--daemn")
    equal(wrong.returncode, EXIT_USAGE, "an unknown option")
    matches(r"unknown option --daemn.*--daemon", wrong.stderr, "with a suggestion")
    equal(t.run("preforkd-pool").returncode, EXIT_USAGE, "the pool is not started by hand")
    for arguments in (["rest"], ["-c"], ["--listen", "tcp://127.0.0.1:0"], ["--workers", "2"],
                      ["--listen", "tcp://127.0.0.1:0", "--handler", "echo", "--workers", "0"],
                      ["--listen", "tcp://127.0.0.1:0", "--"], ["--", "/bin/cat"]):
        done = t.run("preforkd", *arguments)
        equal(done.returncode, EXIT_USAGE, f"preforkd {arguments}")
        equal(len(done.stderr.splitlines()), 1, f"one line for preforkd {arguments}")


def scenario_preforkctl_help(t):
    done = t.run("preforkctl", "--help")
    equal(done.returncode, EXIT_OK, "preforkctl --help")
    for command in ("status", "workers", "reload", "stop", "config"):
        matches(rf"\b{command}\b", done.stdout, "help names the command")
    equal(t.run("preforkctl", "--jsno", "status").returncode, EXIT_USAGE, "an unknown option")


def scenario_serves_without_a_file(t):
    """preforkd --listen ADDRESS --handler NAME [--workers N] [--control PATH]"""
    d = t.daemon()
    d.launch(arguments=["--listen", "127.0.0.1:0", "--handler", "upper", "--workers", "3",
                        "--control", d.control])
    d.wait_running()
    service = d.service()
    equal(service["workers"]["total"], 3, "workers")
    port = int(service["listen"][0].rsplit(":", 1)[1])
    with Client(port) as client:
        equal(client.ask(b"abc"), b"ABC", "upper")
    matches("command line", d.refused("reload"), "there is no file to reload")
    d.expect("reload failed, nothing changed")


def scenario_the_example_configuration_is_valid(t):
    """etc/preforkd.conf as shipped."""
    write(t.path("preforkd.conf"), EXAMPLE)
    done = t.run("preforkd", "-t", "-c", t.path("preforkd.conf"))
    equal((done.returncode, done.stderr), (EXIT_OK, ""), "preforkd -t")
    equal(done.stdout, f"{t.path('preforkd.conf')}: ok\n", "preforkd -t")


def scenario_the_example_configuration_is_served(t):
    """All four services of etc/preforkd.conf, moved to free ports."""
    d, text = t.daemon(), EXAMPLE
    ports = {number: t.port() for number in (10022, 9090, 9001, 8888)}
    for number, port in ports.items():
        check(f"tcp://127.0.0.1:{number}" in text, f"port {number} in the example")
        text = text.replace(f":{number}\"", f":{port}\"")
    write(d.file, f'control = "{d.control}";\n' + text)
    d.launch(arguments=["-c", d.file])
    d.wait_running()
    with Client(ports[10022]) as echo, Client(ports[9090]) as greet, Client(ports[9001]) as upper, \
            Client(ports[8888]) as hello:
        equal(echo.ask(b"abc"), b"abc", "echo")
        equal(greet.send(b"hi").recv(), b"server: hello, client!", "greet")
        equal(upper.ask(b"abc"), b"ABC", "upper")
        equal(hello.send(b"hi").recv(), b"Hello, world!", "hello")


def scenario_print_config_reads_back(t):
    """--print-config writes the effective configuration, which is a configuration again."""
    d = t.daemon(echo={"workers": 2, "idle_timeout": "1500ms"}, greet={"start_workers": 3})
    d.write()
    first = t.run("preforkd", "--print-config", "-c", d.file)
    equal(first.returncode, EXIT_OK, "--print-config")
    matches(r'idle_timeout = "1500ms";', first.stdout, "what was set")
    matches(r'graceful_timeout = "30s";', first.stdout, "a default")
    matches(r'encoding = "gbk"', first.stdout, "a handler's default")
    with open(t.path("again.conf"), "w") as file:
        file.write(first.stdout)
    again = t.run("preforkd", "--print-config", "-c", t.path("again.conf"))
    equal(again.stdout, first.stdout, "printed again")


def scenario_checking_binds_nothing(t):
    """preforkd -t and --print-config beside a running daemon touch neither port nor socket."""
    d = t.daemon(echo={"workers": 1}).start()
    inode = os.stat(d.control).st_ino
    equal(t.run("preforkd", "-t", "-c", d.file).returncode, EXIT_OK, "-t")
    equal(t.run("preforkd", "--print-config", "-c", d.file).returncode, EXIT_OK, "--print-config")
    equal(os.stat(d.control).st_ino, inode, "the control socket")
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")


def graceful(t, number):
    d = t.daemon(echo={"workers": 2, "graceful_timeout": "60s"}).start()
    with Client(d.port) as client:
        client.ask(b"in hand")
        d.kill(number)
        wait_until(lambda: refuses(d.port), "new connections are refused")
        equal(client.ask(b"still served"), b"still served", "the connection in hand")
        check(d.process.poll() is None, "preforkd waits for it")
    d.wait_exit(0)


def scenario_term_finishes_the_connection_in_hand(t):
    graceful(t, signal.SIGTERM)


def scenario_quit_finishes_the_connection_in_hand(t):
    graceful(t, signal.SIGQUIT)


def scenario_second_term_stops_now(t):
    d = t.daemon(echo={"workers": 2, "graceful_timeout": "1h"}).start()
    with Client(d.port) as client:
        client.ask(b"in hand")
        d.kill(signal.SIGTERM)
        wait_until(lambda: refuses(d.port), "new connections are refused")
        d.kill(signal.SIGTERM)
        d.wait_exit(0)
        check(client.ended(), "the connection was cut")


def scenario_int_stops_now(t):
    d = t.daemon(echo={"workers": 2, "graceful_timeout": "1h"}).start()
    with Client(d.port) as client:
        client.ask(b"in hand")
        d.kill(signal.SIGINT)
        d.wait_exit(0)
        check(client.ended(), "the connection was cut")


def scenario_stop_during_the_start(t):
    """INT, or stop --now, before anything is ready: it ends, and with it what was started."""
    for name, ask in (("int", lambda d: d.kill(signal.SIGINT)),
                      ("now", lambda d: d.result("stop --now"))):
        write(t.path("cause"), "wait")
        d = t.daemon(name=name, echo={"workers": 2})
        d.launch(env=t.shim("unready", SHIM_UNREADY=t.path("cause")))
        d.wait_control()
        wait_until(lambda: d.service()["workers"]["starting"] > 0, "a worker starts")
        ask(d)
        d.wait_exit(0)


def scenario_graceful_stop_cuts_at_graceful_timeout(t):
    """A connection that does not end is cut; the log says why; preforkd still ends with 0."""
    d = t.daemon(echo={"workers": 2, "graceful_timeout": "300ms", "access_log": False}).start()
    with Client(d.port) as client:
        client.ask(b"in hand")
        d.kill(signal.SIGTERM)
        equal(client.recv(), b"", "what the client sees is an end of file")
        d.wait_exit(0)
        line = d.wait_log(msg="connection", peer=client.peer)
        equal((line["end"], line["bytes_in"], line["bytes_out"]), ("graceful_timeout", "7", "7"),
              "log line")


def scenario_stop_lets_a_long_conversation_end(t):
    """A connection that was accepted before the stop is served to its end, byte for byte."""
    d = t.daemon(echo={"workers": 1, "graceful_timeout": "60s"}).start()
    data = bytes(range(256)) * 8192
    with Client(d.port) as client:
        client.ask(b"x")
        d.kill(signal.SIGTERM)
        wait_until(lambda: d.log_lines(msg="stopping, finishing the connections in hand"), "TERM")
        for at in range(0, len(data), 65536):
            equal(client.ask(data[at:at + 65536]), data[at:at + 65536], "2 MiB through echo")
    d.wait_exit(0)


def scenario_signals_that_mean_nothing_do_nothing(t):
    """PIPE, ALRM, WINCH, CHLD and others."""
    d = t.daemon(echo={"workers": 1}).start()
    pid = d.pool_pid()
    for number in (signal.SIGPIPE, signal.SIGALRM, signal.SIGWINCH, signal.SIGCHLD, signal.SIGCONT,
                   signal.SIGURG, signal.SIGVTALRM):
        d.kill(number)
    with Client(d.port) as client:
        equal(client.ask(b"x"), b"x", "echo")
    equal(d.pool_pid(), pid, "the pool")
