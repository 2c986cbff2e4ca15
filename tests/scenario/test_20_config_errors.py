# SPDX-License-Identifier: MIT
"""A configuration that is wrong: every error of the file in one run, each as FILE:LINE, exit 78."""
import os
import re

from harness import *

GOOD = 'services = { echo = { listen = [ "tcp://127.0.0.1:7" ]; handler = "echo"; }; };\n'


def complaints(t, text, name="bad.conf", options=("-t",)):
    """What preforkd says about a configuration of this text: [(line number, complaint)]."""
    path = t.path(name)
    with open(path, "w") as file:
        file.write(text)
    done = t.run("preforkd", *options, "-c", path)
    equal(done.returncode, EXIT_CONFIG, f"exit code; standard error: {done.stderr}")
    equal(done.stdout, "", "standard output")
    found = []
    for line in done.stderr.splitlines():
        parts = re.fullmatch(re.escape(path) + r":(\d+): (.*)", line)
        check(parts, f"not FILE:LINE: text: {line!r}")
        found.append((int(parts[1]), parts[2]))
    return found


def one_complaint(t, text, line, pattern):
    found = complaints(t, text)
    equal(len(found), 1, f"number of complaints: {found}")
    equal(found[0][0], line, f"line of: {found[0][1]}")
    matches(pattern, found[0][1], "complaint")


def in_service(setting, listen='"tcp://127.0.0.1:7"', handler='"echo"'):
    """A file whose third line is this setting of a service."""
    return (f"services = {{ echo = {{ listen = [ {listen} ];\n"
            f"  handler = {handler};\n  {setting}\n}}; }};\n")


def scenario_good_file(t):
    with open(t.path("good.conf"), "w") as file:
        file.write(GOOD)
    done = t.run("preforkd", "-t", "-c", t.path("good.conf"))
    equal((done.returncode, done.stdout), (EXIT_OK, f"{t.path('good.conf')}: ok\n"), "-t")


def scenario_every_error_in_one_run(t):
    """Nothing hides behind the first one."""
    text = ('usr = "nobody";\n'
            'log = { level = "inof"; };\n'
            "services = {\n"
            "  echo = {\n"
            '    listen = [ "tcp://127.0.0.1:70000" ];\n'
            '    handler = "ehco";\n'
            '    workers = "many";\n'
            '    idle_timeout = "60 parsecs";\n'
            "    backlog = 0;\n"
            "  };\n"
            "  silent = {\n"
            '    listen = [ "tcp://127.0.0.1:7001" ];\n'
            "  };\n"
            "};\n")
    wanted = {1: 'unknown key "usr".*did you mean "user"', 2: 'unknown.*"inof".*did you mean "info"',
              5: "port 70000 is out of range", 6: '"ehco".*did you mean "echo"',
              7: "workers must be an integer", 8: "idle_timeout is not a duration",
              9: r"backlog = 0 is out of range \(1 to", 11: "no handler"}
    found = dict(complaints(t, text))
    equal(sorted(found), sorted(wanted), "lines complained about")
    for line, pattern in wanted.items():
        matches(pattern, found[line], f"line {line}")


def scenario_unknown_key(t):
    one_complaint(t, in_service("wrokers = 4;"), 3, r'unknown key "wrokers" \(did you mean "workers"')
    one_complaint(t, "grace = 3;\n" + GOOD, 1, r'unknown key "grace"; known: .*control')
    one_complaint(t, in_service("", handler='{ type = "greet"; encodng = "gbk"; }'), 2,
                  r'unknown option "encodng" \(did you mean "encoding"')
    one_complaint(t, in_service("", handler='{ type = "echo"; encoding = "gbk"; }'), 2,
                  'unknown option "encoding"')


def program(keys, kind="exec"):
    """A file whose third line is these keys of a handler that is a program."""
    return (f'services = {{ p = {{ listen = "tcp://127.0.0.1:7";\n'
            f'  handler = {{ type = "{kind}";\n  {keys}\n}}; }}; }};\n')


CAT = 'command = [ "/bin/cat" ]; '


def scenario_program_keys(t):
    """Types, ranges and slips of the keys of a handler that is a program."""
    for keys, pattern in (
            ("command = [ ];", "command is empty"),
            ('command = "/bin/cat";', "command must be a list of strings.*, not a string"),
            ('command = ( "/bin/sleep", 10 );', "command holds an integer; all of it must be strings"),
            ('command = [ "" ];', "the program, is empty"),
            ('comand = [ "/bin/cat" ]; ' + CAT, r'unknown key "comand" \(did you mean "command"\?\)'),
            (CAT + 'environment = [ "A" ];', 'a variable is written "NAME=value", not "A"'),
            (CAT + 'environment = { A-B = "x"; };', 'a variable is written "NAME=value", not "A-B=x"'),
            (CAT + 'environment = [ "A=1", "A=2" ];', "the variable A is given twice"),
            (CAT + 'environment = [ "PREFORKD_WARM=1" ];', "PREFORKD_WARM is for preforkd's own use"),
            (CAT + 'environment = "A=1";', "environment must be"),
            (CAT + 'stderr = "file";', 'unknown stderr "file"; known: log, socket, null'),
            (CAT + "nice = 20;", r"nice = 20 is out of range \(-20 to 19\)"),
            (CAT + 'umask = "0888";', "umask is not a file mode"),
            (CAT + "limits = { nofile = 3; };", r"nofile is out of range \(4 to 1G\)"),
            (CAT + 'limits = { as = "64 parsecs"; };', "as is not a number"),
            (CAT + 'limits = { asss = "1G"; };', 'unknown key "asss"'),
            (CAT + 'limits = "unlimited";', "limits must be a group")):
        for kind in ("exec", "listen"):
            one_complaint(t, program(keys, kind), 3, pattern)


def scenario_program_contradictions(t):
    """Keys of a program that do not go together."""
    for keys, kind, pattern in (
            ('command = [ "bin/x" ];', "exec", '"bin/x" is relative; give an absolute path, or directory'),
            ('command = [ "./x" ];', "listen", '"./x" is relative'),
            (CAT + 'directory = "srv";', "exec", "directory must be an absolute path"),
            (CAT + "warm_fork = true;", "exec", 'warm_fork needs warm = "start" or "io"'),
            (CAT + 'warm = "hot";', "exec", 'unknown warm "hot"; known: off, start, io'),
            (CAT + 'warm = "io";', "listen", 'unknown key "warm"'),
            (CAT + "watchdog = 1;", "exec", 'unknown key "watchdog"'),
            (CAT + 'stderr = "socket";', "listen", 'stderr = "socket" is for type "exec"'),
            (CAT + 'stop_signal = "KILL";', "listen", 'unknown stop_signal "KILL"'),
            (CAT + 'protocols = [ "systmed" ];', "listen",
             r'unknown protocol "systmed" \(did you mean "systemd"\?\)')):
        one_complaint(t, program(keys, kind), 3, pattern)
    one_complaint(t, program("", "exec"), 2, "there is no command; add command = ")
    for kind in ("exec", "listen"):
        one_complaint(t, in_service("", handler=f'"{kind}"'), 2, f'which program\\? write .*"{kind}"')
    listen = f'{{ type = "listen"; {CAT} }}'
    for key in ("idle_timeout", "max_lifetime", "max_connections_per_worker"):
        one_complaint(t, in_service(f"{key} = 5;", handler=listen), 3, f"{key} is not possible here")


def scenario_complaint_about_a_program_is_one_line(t):
    """Whatever is in the words it repeats; complaints() checks each line."""
    one_complaint(t, program(CAT + 'environment = [ "a\\nb\\x1b[31m" ];'), 3, r"a\\x0ab\\x1b\[31m")
    one_complaint(t, program(CAT + f'environment = [ "{"x" * 5000}" ];'), 3, "a variable .*xxx…$")


def scenario_user_of_a_program(t):
    """A service may have a user and a group of its own: those must exist, and be allowed."""
    one_complaint(t, program(CAT + 'user = "nosuchuser1";'), 3, 'there is no user "nosuchuser1"')
    one_complaint(t, 'user = "nosuchuser1";\n' + program(CAT + 'group = "x";'), 1, 'there is no user')
    if t.is_root:
        one_complaint(t, program(CAT + 'group = "nosuchgroup1";'), 3, 'there is no group "nosuchgroup1"')
        one_complaint(t, program(CAT + 'user = "root";'), 3, "allow_root")
    else:
        one_complaint(t, program(CAT + 'user = "root";'), 3, 'only root can run workers as "root"')
        one_complaint(t, program(CAT + 'group = "root";'), 3, "group needs user here, too")


def scenario_command_line_with_a_program(t):
    """What is printed is a configuration again, whatever the words; errors have no line."""
    words = ["/bin/echo", "", "a b", '"\\', "\n\t\x01", "ä", "--", "-t", "; };", "x" * 4096]
    first = t.run("preforkd", "--print-config", "--listen", "unix:@x", "--", *words)
    equal((first.returncode, first.stderr), (EXIT_OK, ""), "--print-config")
    matches(r'\n  echo = \{\n', first.stdout, "the service is called as the program")
    write(t.path("again.conf"), first.stdout)
    again = t.run("preforkd", "--print-config", "-c", t.path("again.conf"))
    equal(again.stdout, first.stdout, "printed again")
    for word in ("true", "/bin/false", "TRUE", "7z", "a b", "/bin/"):
        done = t.run("preforkd", "--print-config", "--listen", "unix:@x", "--", word)
        equal((done.returncode, done.stderr), (EXIT_OK, ""), f"a program called {word}")
    done = t.run("preforkd", "-t", "--listen", "unix:@x", "--", "")
    equal(done.returncode, EXIT_CONFIG, "a program without a name")
    matches("^command line: the first word of command, the program, is empty\n$", done.stderr, "why")
    done = t.run("preforkd", "--control", t.path("c.sock"), "--listen", "fd://nowhere", "--", "cat")
    equal(done.returncode, EXIT_UNAVAILABLE, "a socket that nobody has opened")
    matches("^preforkd: command line: service cat: fd://nowhere: ", done.stderr, "why")


def scenario_check_asks_the_handlers(t):
    """-t knows more than the file's own words: programs are looked for and tried as their user,
    handlers check their options; in the order of the file, each with its line."""
    write(t.path("nothing"), "no program")
    os.chmod(t.path("nothing"), 0o755)
    write(t.path("all.conf"), f"""services = {{
  a = {{ listen = "unix:@a"; handler = {{ type = "greet"; encoding = "klingon"; }}; }};
  b = {{ listen = "unix:@b"; handler = {{ type = "exec"; command = [ "/nowhere/x" ]; }}; }};
  c = {{ listen = "unix:@c"; handler = {{ type = "exec"; command = [ "{t.path("nothing")}" ]; }}; }};
  d = {{ listen = "unix:@d"; handler = {{ type = "listen"; command = [ "/bin/true" ]; }}; }};
}};
""")
    done = t.run("preforkd", "-t", "-c", t.path("all.conf"))
    equal(done.returncode, EXIT_CONFIG, "-t")
    lines = done.stderr.splitlines()
    equal(len(lines), 3, f"complaints: {lines}")
    for line, number, pattern in zip(lines, (2, 3, 4), ("klingon", "/nowhere/x: No such file",
                                                       "nothing: Exec format error")):
        matches(f"all.conf:{number}: .*{pattern}", line, "complaint")


def scenario_wrong_type(t):
    for setting, pattern in (('workers = "4";', "workers must be an integer without quotes"),
                             ("workers = 4.5;", "workers must be an integer"),
                             ("access_log = 1;", "access_log must be true or false"),
                             ("idle_timeout = true;", "idle_timeout must be a duration"),
                             ("socket_mode = 432;", "socket_mode must be a string"),
                             ('socket_mode = "rw";', "not a file mode")):
        one_complaint(t, in_service(setting), 3, pattern)
    one_complaint(t, "services = 3;\n", 1, "services must be a group")
    one_complaint(t, "log = 3;\n" + GOOD, 1, "log must be a group")
    one_complaint(t, in_service("", listen="7"), 1, "address must be a string")


def scenario_value_out_of_range(t):
    for setting in ("workers = 0;", "workers = -1;", "workers = 65537;", "backlog = 65536;",
                    "start_timeout = 0;", 'max_lifetime = "-1s";', "idle_timeout = -1;"):
        one_complaint(t, in_service(setting), 3, "out of range|is not a duration")


def scenario_integers_of_more_than_32_bits(t):
    """libconfig would take them for others: 4294967300 for 4. With an L they are what they are."""
    for number in ("4294967300", "99999999999999999999", "0xFFFFFFFF", "99999999999999999999L"):
        one_complaint(t, in_service(f"workers = {number}; # 8589934592"), 3, f"^{number} is too large")
    one_complaint(t, in_service("workers = 4294967300L;"), 3, "workers = 4294967300 is out of range")
    write(t.path("more.inc"), "\nidle_timeout = 4294967300;\n")
    write(t.path("main.conf"), GOOD + '@include "more.inc"\n')
    done = t.run("preforkd", "-t", "-c", t.path("main.conf"))
    matches(r"more\.inc:2: 4294967300 is too large", done.stderr, "in an included file")


def scenario_bad_duration(t):
    for value in ('"60 parsecs"', '""', '"s"', '"1h30m"', '"0x10s"', '" 5s"', '"1e3s"'):
        one_complaint(t, in_service(f"idle_timeout = {value};"), 3, "idle_timeout is not a duration")
    for value in ("0", "60", "0.5", '"250ms"', '"60s"', '"5m"', '"2h"'):
        with open(t.path("good.conf"), "w") as file:
            file.write(in_service(f"idle_timeout = {value};"))
        equal(t.run("preforkd", "-t", "-c", t.path("good.conf")).returncode, EXIT_OK, value)


def scenario_bad_address(t):
    for address, pattern in (("tcp://127.0.0.1:70000", "port 70000 is out of range"),
                             ("tcp://127.0.0.1", "no port"),
                             ("tcp://127.0.0.1:http", "not a number"),
                             ("tcp://:7", "no host"),
                             ("tcp://::1:7", r"brackets: tcp://\[::1\]:7"),
                             ("tcp://[::1:7", r"has no .*PORT"),
                             ("unix://relative", "unix:///absolute/path"),
                             ("unix:@", "empty"),
                             ("unix:///" + "x" * 200, "too long"),
                             ("tpc://127.0.0.1:7", 'did you mean "tcp://"'),
                             ("", "not an address")):
        one_complaint(t, in_service("", listen=f'"{address}"'), 1, pattern)
    one_complaint(t, in_service("", listen=""), 1, "listen is empty")


def scenario_handlers_and_addresses_that_do_not_fit(t):
    """Datagrams are for handlers that take them, and for one program that takes them all."""
    cat = 'type = "exec"; command = [ "/bin/cat" ];'
    for line, key, handler, pattern in (
            (2, "", '"hello"', r"handler hello takes no datagrams \(udp://127.0.0.1:7\)"),
            (3, "workers = 2;", f"{{ {cat} }}", "workers can only be 1"),
            (2, "", f'{{ {cat} warm = "io"; }}', "cannot be started warm")):
        one_complaint(t, in_service(key, listen='"udp://127.0.0.1:7"', handler=handler), line,
                      pattern)



def scenario_duplicate_address(t):
    """Within a service, between services, and written differently."""
    one_complaint(t, in_service("", listen='"tcp://127.0.0.1:7", "tcp://127.0.0.1:7"'), 1,
                  'taken already by service "echo" \\(line 1\\)')
    one_complaint(t, 'services = { a = { listen = "unix:@x"; handler = "echo"; };\n'
                     'b = { listen = "unix:@x"; handler = "upper"; }; };\n', 2,
                  'unix:@x is taken already by service "a" \\(line 1\\)')
    if resolves("localhost"):
        one_complaint(t, 'services = { a = { listen = "tcp://127.0.0.1:7"; handler = "echo"; };\n'
                         'b = { listen = "tcp://localhost:7"; handler = "upper"; }; };\n', 2,
                      'taken already by service "a"')


def scenario_wildcard_and_single_address_collide(t):
    """tcp://*:PORT and tcp://127.0.0.1:PORT cannot both be bound: an error before or at the start,
    with FILE:LINE, and nothing left."""
    port = t.port()
    d = t.daemon(a={"handler": "echo", "listen": f"tcp://*:{port}"},
                 b={"handler": "echo", "listen": f"tcp://127.0.0.1:{port}"})
    d.expect(rf"{re.escape(d.file)}:\d+: .*").launch()
    d.wait_exit(EXIT_UNAVAILABLE, EXIT_CONFIG)


def scenario_missing_things(t):
    one_complaint(t, "services = { echo = { listen = \"tcp://127.0.0.1:7\"; }; };\n", 1,
                  'service "echo" has no handler')
    one_complaint(t, 'services = { echo = { handler = "echo"; }; };\n', 1,
                  'service "echo" has no address')
    one_complaint(t, 'log = { level = "info"; };\n', 1, "there is no service")
    one_complaint(t, "services = { };\n", 1, "there is no service")
    one_complaint(t, "", 1, "there is no service")
    one_complaint(t, in_service("", handler="{ }"), 2, "handler has no type")


def scenario_contradictions(t):
    one_complaint(t, in_service("min_spare = 9; max_spare = 3;"), 3, "min_spare is greater")
    one_complaint(t, in_service("max_workers = 4; start_workers = 9;"), 3, "start_workers is greater")
    one_complaint(t, in_service('restart_delay = "2s"; restart_delay_max = "1s";'), 3,
                  "restart_delay is greater")


def scenario_syntax_error(t):
    one_complaint(t, "log = {};\nservices = { echo = { \n", 3, "syntax error")
    one_complaint(t, "\n\nwhat?\n", 3, "syntax error")


def scenario_string_or_comment_without_an_end(t):
    """libconfig takes the end of the file for it, and what is in it for nothing."""
    one_complaint(t, GOOD + '\n"\n', 3, "a string begins here and does not end")
    one_complaint(t, GOOD + 'log = { level = "info"; }; /*\nuser = "nobody";\n', 2,
                  "a comment begins here and does not end")
    one_complaint(t, GOOD + "/* one */ /* another\n", 2, "a comment")
    check((2, "a string begins here and does not end") in
          complaints(t, '# "one"\nuser = "nobody;\nservices = {};\n'), "the line where it begins")


def scenario_missing_file(t):
    """No line to name: FILE: reason."""
    done = t.run("preforkd", "-c", t.path("nowhere.conf"))
    equal(done.returncode, EXIT_CONFIG, "exit code")
    matches(rf"^\S*nowhere\.conf: No such file or directory\n$", done.stderr, "complaint")
    done = t.run("preforkd", "-c", t.folder)
    equal(done.returncode, EXIT_CONFIG, "a folder")
    matches("not a regular file", done.stderr, "complaint")
    done = t.run("preforkd", "-c", "/dev/zero")
    equal(done.returncode, EXIT_CONFIG, "a device")


@mark(root=False)
def scenario_unreadable_file(t):
    with open(t.path("secret.conf"), "w") as file:
        file.write(GOOD)
    os.chmod(t.path("secret.conf"), 0)
    done = t.run("preforkd", "-c", t.path("secret.conf"))
    equal(done.returncode, EXIT_CONFIG, "exit code")
    matches("secret.conf: Permission denied", done.stderr, "complaint")


def scenario_user_that_does_not_exist(t):
    one_complaint(t, 'user = "nosuchuser1";\n' + GOOD, 1, 'there is no user "nosuchuser1"')


@mark(root=False)
def scenario_other_user_without_root(t):
    one_complaint(t, 'user = "root";\n' + GOOD, 1, "only root can run workers as")


@mark(root=True)
def scenario_workers_as_root(t):
    one_complaint(t, 'user = "root";\n' + GOOD, 1, "allow_root")


def scenario_unknown_encoding(t):
    """Only the pool can tell: the daemon does not start, exit code 69, with the reason."""
    d = t.daemon(greet={"handler": {"type": "greet", "encoding": "klingon"}})
    d.expect("does not know the encoding").launch()
    d.wait_exit(EXIT_UNAVAILABLE)
    matches('does not know the encoding \\\\?"klingon', d.log_text(), "reason")


def scenario_nothing_starts_with_a_bad_file(t):
    """No socket is bound, no file is made, no process is left."""
    d = t.daemon(echo={"workers": 2}, upper={"wrokers": 1})
    d.expect("unknown key").launch()
    d.wait_exit(EXIT_CONFIG)
    check(refuses(d.ports["echo"]), "no socket")
    check(not os.path.lexists(d.control), "no control socket")


def scenario_taken_port(t):
    """Exit code 69, FILE:LINE and the reason; what was bound before is given back."""
    first = t.daemon(name="first", echo={"workers": 1}).start()
    d = t.daemon(name="second", upper={"workers": 1},
                 echo={"listen": f"tcp://127.0.0.1:{first.port}", "workers": 1})
    d.expect("cannot bind").launch()
    d.wait_exit(EXIT_UNAVAILABLE)
    matches(rf"second.conf:\d+: service echo: tcp://127.0.0.1:{first.port}: cannot bind: "
            "Address already in use", d.log_text(), "reason")
    equal(len(d.log_text().splitlines()), 1, "one line")
    with Client(first.port) as client:
        equal(client.ask(b"x"), b"x", "the first daemon is unharmed")


@mark(root=False)
def scenario_privileged_port(t):
    t.skip_where(int(open("/proc/sys/net/ipv4/ip_unprivileged_port_start").read()) <= 7,
                 "every user may bind port 7 here")
    d = t.daemon(echo={"listen": "tcp://127.0.0.1:7"})
    d.expect("Permission denied").launch()
    d.wait_exit(EXIT_UNAVAILABLE)


def scenario_relative_paths_are_refused(t):
    """Whether in the foreground or as a daemon, a path means the same."""
    one_complaint(t, 'control = "control.sock";\n' + GOOD, 1, "absolute path")
    one_complaint(t, 'pid_file = "preforkd.pid";\n' + GOOD, 1, "absolute path")


def scenario_relative_log_file_is_refused(t):
    one_complaint(t, 'log = { file = "preforkd.log"; };\n' + GOOD, 1, "absolute path")


def scenario_control_socket_path_too_long(t):
    d = t.daemon(echo={"workers": 1}, top={"control": t.path("x" * 120)})
    d.expect("too long").launch()
    d.wait_exit(EXIT_UNAVAILABLE, EXIT_CONFIG)


def scenario_included_file(t):
    """@include is read, and an error in it names that file."""
    with open(t.path("services.inc"), "w") as file:
        file.write("\n" + in_service("wrokers = 1;"))
    with open(t.path("main.conf"), "w") as file:
        file.write('@include "services.inc"\n')
    done = t.run("preforkd", "-t", "-c", t.path("main.conf"))
    equal(done.returncode, EXIT_CONFIG, "exit code")
    matches("^" + re.escape(t.path("services.inc")) + ":4: unknown key", done.stderr, "complaint")


def check_text(t, text):
    """preforkd -t of that file."""
    write(t.path("main.conf"), text)
    return t.run("preforkd", "-t", "-c", t.path("main.conf"))


def scenario_included_by_an_absolute_name(t):
    """Taken, or refused with the way out: older versions of libconfig do not know such names."""
    write(t.path("part.inc"), GOOD)
    done = check_text(t, f'@include "{t.path("part.inc")}"\n')
    if done.returncode != EXIT_OK:
        matches(r"main\.conf:1: cannot include /\S+part\.inc: this version of libconfig takes no "
                r"absolute names; write one that is relative", done.stderr, "complaint")
    equal(check_text(t, '@include "part.inc"\n').returncode, EXIT_OK, "the relative name")


def scenario_include_in_a_comment(t):
    """It is none; nor is one in a string."""
    done = check_text(t, f'/*\n@include "absent.inc"\n*/\n{GOOD}')
    equal((done.returncode, done.stderr), (EXIT_OK, ""), "in a comment")
    done = check_text(t, GOOD + 'no_such_key = "\n@include ";\n')
    equal(done.returncode, EXIT_CONFIG, "in a string")
    check("include" not in done.stderr, f"complaints: {done.stderr}")


def scenario_included_pipe_does_not_hang(t):
    """libconfig would wait for a writer for ever, and a reload would stop the supervisor."""
    os.mkfifo(t.path("pipe.inc"))
    with open(t.path("main.conf"), "w") as file:
        file.write('@include "pipe.inc"\n')
    done = t.run("preforkd", "-t", "-c", t.path("main.conf"), limit=3)
    equal(done.returncode, EXIT_CONFIG, "exit code")
    matches(r"main\.conf:1: cannot include .*pipe\.inc: not a regular file", done.stderr, "complaint")


def scenario_includes_in_a_circle(t):
    with open(t.path("main.conf"), "w") as file:
        file.write('@include "main.conf"\n')
    done = t.run("preforkd", "-t", "-c", t.path("main.conf"))
    equal(done.returncode, EXIT_CONFIG, "exit code")
    matches(r"main\.conf:1: cannot include .*: includes go too deep", done.stderr, "complaint")


@mark(root=True)
def scenario_files_that_others_can_change(t):
    """Whoever can write what root acts on is root: file, include and their folders are looked at,
    at the start and by -t."""
    os.mkdir(t.path("conf"), 0o755)
    main, part = t.path("conf", "main.conf"), t.path("conf", "part.conf")
    with open(main, "w") as file:
        file.write('log = { };\n@include "part.conf"\n')
    with open(part, "w") as file:
        file.write(in_service("workers = 1;"))
    equal(t.run("preforkd", "-t", "-c", main).returncode, EXIT_OK, "as it should be")
    for path, mode, pattern in ((main, 0o664, r"main\.conf: it can be .*; run chmod go-w /\S+main"),
                                (main, 0o646, r"main\.conf: it can be written by others than root"),
                                (part, 0o666, r"main\.conf:2: cannot include \S+part\.conf: it can "
                                              r"be .*; run chmod go-w /\S+part\.conf"),
                                (t.path("conf"), 0o777, r"its folder can .*chmod go-w /\S+conf")):
        before = os.stat(path).st_mode
        os.chmod(path, mode)
        for options in (["-t"], []):
            done = t.run("preforkd", *options, "-c", main)
            equal(done.returncode, EXIT_CONFIG, "exit code")
            matches(pattern, done.stderr, "complaint")
        os.chmod(path, before & 0o7777)
    os.chmod(t.path("conf"), 0o1777)
    equal(t.run("preforkd", "-t", "-c", main).returncode, EXIT_OK, "a sticky folder")
    os.chown(part, NOBODY, 0)
    matches(r"belongs to uid \d+, not to root; run chown root", t.run("preforkd", "-t", "-c", main).stderr,
            "complaint")
