# SPDX-License-Identifier: MIT
"""programs - a program per connection: preforkd cold and warm against tcpserver and its kin.

For each program all servers run at once and are measured in turn, round by round, each first for
the latency of a client that comes alone, then for the rate of clients that never rest. What counts
is the median of the rounds' ratios to tcpserver. The goals are printed, not enforced.
"""

import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time

import servers
from servers import CannotStart, Server

ROUNDS = 3
CLIENTS = 8
WORKERS = 16
LINE = ["--lines", "--size", "64"]
LATENCY = ["--concurrency", "1", "--pause", "30ms"] + LINE
RATE = ["--concurrency", str(CLIENTS)] + LINE
# Before a client comes alone, each pool has its spare programs ready again; before a rate is taken,
# they are used up, because nobody can live on savings.
SETTLE_S = 0.3
DRAIN_S = 0.3

BASE = "tcpserver"
HERE = os.path.dirname(os.path.abspath(__file__))
# The interpreter itself, not a script that looks for one (pyenv): that would be most of the time.
PYTHON = os.path.realpath(sys.executable)
# What a service usually starts with; whoever calls bench may have much more.
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/"}

PROGRAMS = {
    "cat": ["cat"],
    "perl": ["perl", "-e", "$| = 1; print while <STDIN>;"],
    "python": [PYTHON, f"{HERE}/echo_lines.py"],
}

# Each as its users would run it for speed: no lookups, no log, more connections than are made.
PEERS = {
    BASE: ["tcpserver", "-H", "-R", "-l0", "-c", "100", "127.0.0.1", "{port}"],
    "s6-tcpserver": ["s6-tcpserver", "-q", "-c", "100", "-C", "100", "127.0.0.1", "{port}"],
}
# cat is done with its descriptors before an interpreter would have begun: its copies start at main.
FORK = {"cat": "start", "perl": "io", "python": "io"}
KINDS = ("cold", "start", "io", "fork")

CONFIG = """
{user}
control = "{folder}/control.sock";
log = {{ level = "warning"; }};
services = {{
  program = {{
    listen = [ "tcp://127.0.0.1:{port}" ];
    handler = {{ type = "exec"; command = {command}; {warm} }};
    workers = {workers};
    access_log = false;
  }};
}};
"""
# Whom the clients of a tcpserver started like this get; by default preforkd would be "nobody".
AS_ROOT = 'user = "root"; allow_root = true;'

# What is to be reached, as a ratio to tcpserver: latency at most, rate at least.
GOALS = {
    "latency": {("cat", "start"): 0.5, ("perl", "io"): 0.15, ("python", "io"): 0.03},
    "rate": {("cat", "fork"): 1.6, ("perl", "fork"): 2.5, ("python", "fork"): 3.0,
             ("cat", "cold"): 1.0, ("perl", "cold"): 1.0, ("python", "cold"): 1.0},
}


def warm(program, kind):
    """The settings of the handler that make it this KIND."""
    if kind == "cold":
        return ""
    if kind == "fork":
        return f'warm = "{FORK[program]}"; warm_fork = true;'
    return f'warm = "{kind}";'


def preforkd(folder, program, kind, command):
    port = servers.free_port()
    own = f"{folder}/{program}-{kind}"
    os.mkdir(own)
    text = CONFIG.format(user=AS_ROOT if os.geteuid() == 0 else "", folder=own, port=port,
                         command=json.dumps(command), warm=warm(program, kind), workers=WORKERS)
    return servers.preforkd(kind, f"{own}/bench.conf", text, port, ENVIRONMENT)


def peer(name, command):
    port = servers.free_port()
    full = [word.format(port=port) for word in PEERS[name]] + command
    return Server(name, full, port, ENVIRONMENT)


def contestants(folder, program, command):
    """Those that are to be measured, and a dictionary of why the others are not."""
    found, absent = [], {}
    for name in PEERS:
        if shutil.which(name):
            found.append(peer(name, command))
        else:
            absent[name] = "is not installed (make bench-peers)"
    return found + [preforkd(folder, program, kind, command) for kind in KINDS], absent


def answers(server):
    """Whether the program behind SERVER does: a supervisor accepts before it has one."""
    return servers.load(server, LINE + ["--concurrency", "1", "--count", "1"])[0]["served"] == 1


def start(stack, candidates, absent):
    """Enter those that start; the others join ABSENT."""
    running = []
    for server in candidates:
        try:
            stack.enter_context(server)
            if not answers(server):
                raise CannotStart("nobody answers")
            running.append(server)
        except CannotStart as error:
            absent[server.name] = f"does not start: {error}"
    return running


def measure(server, seconds):
    """Latency in milliseconds, connections per second, and how many attempts failed."""
    time.sleep(SETTLE_S)
    alone = servers.load(server, LATENCY, seconds)[0]
    servers.load(server, RATE, DRAIN_S)
    many = servers.load(server, RATE, seconds)[0]
    return {"latency": alone["latency_us"]["p50"] / 1000, "rate": many["per_second"],
            "failed": alone["failed"] + many["failed"]}


def rounds_of(program, running, options):
    """For each server what measure() said in each round; who begins changes."""
    rounds = options.program_rounds
    measured = {server.name: [] for server in running}
    for number in range(rounds):
        for index in range(len(running)):
            server = running[(index + number) % len(running)]
            servers.progress(f"{program} {server.name} {number + 1}/{rounds}")
            measured[server.name].append(measure(server, options.seconds / 2))
    return measured


def goal(work, program, name, ratio):
    limit = GOALS[work].get((program, name))
    if limit is None:
        return {}
    reached = 0 < ratio <= limit if work == "latency" else ratio >= limit
    return {"goal": limit, "reached": reached}


def figure(work, program, name, measured):
    """The median of one server's rounds, and its ratio to the base where that was measured."""
    values = [one[work] for one in measured[name]]
    result = {"median": round(statistics.median(values), 3)}
    if name == BASE or BASE not in measured:
        return result
    ratios = [value / (base[work] or 1) for value, base in zip(values, measured[BASE])]
    ratio = round(statistics.median(ratios), 4)
    return result | {"ratio": ratio, "ratio_min": round(min(ratios), 4),
                     "ratio_max": round(max(ratios), 4)} | goal(work, program, name, ratio)


def compare(program, options):
    """The rows of one program: a dictionary for each server, in the order they are printed."""
    command = [shutil.which(PROGRAMS[program][0])] + PROGRAMS[program][1:]
    with tempfile.TemporaryDirectory(prefix="preforkd-bench-") as folder, \
            contextlib.ExitStack() as stack:
        candidates, absent = contestants(folder, program, command)
        measured = rounds_of(program, start(stack, candidates, absent), options)
    rows = [{"server": name, "absent": absent[name], "ours": name in KINDS, "failed": 0}
            if name in absent else
            {"server": name, "ours": name in KINDS,
             "rate": figure("rate", program, name, measured),
             "latency": figure("latency", program, name, measured),
             "failed": sum(one["failed"] for one in measured[name])}
            for name in (*PEERS, *KINDS)]
    return rows


def run(options):
    """The rows of each program that is here and wanted."""
    results = {}
    for program in options.names:
        if shutil.which(PROGRAMS[program][0]):
            results[program] = compare(program, options)
        else:
            print(f"bench: {program} is not installed, left out", file=sys.stderr)
    return results


def figures(results):
    return [row for rows in results.values() for row in rows]


def ratio_text(f):
    if "ratio" not in f:
        return " " * 36
    spread = f"{f['ratio_min']:.3f}-{f['ratio_max']:.3f}"
    return f"{f['ratio']:>6.3f}  {spread:<15}{goal_text(f):<13}"


def goal_text(f):
    if "goal" not in f:
        return ""
    return f"{f['goal']:g} " + ("reached" if f["reached"] else "MISSED")


def print_row(row):
    if "absent" in row:
        print(f"{row['server']:<13} {row['absent']}")
        return
    rate, latency = row["rate"], row["latency"]
    print((f"{row['server']:<13} {rate['median']:>8,.0f} {ratio_text(rate)}"
           f"{latency['median']:>8.3f} {ratio_text(latency)}").rstrip()
          + (f"  {row['failed']} FAILED" if row["failed"] else ""))


def print_tables(results):
    for program, rows in results.items():
        print(f"\n{program:<13} {'conn/s':>8} {'ratio':>6}  {'spread':<15}{'at least':<13}"
              f"{'ms':>8} {'ratio':>6}  {'spread':<15}at most")
        for row in rows:
            print_row(row)
