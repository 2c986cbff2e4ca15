# SPDX-License-Identifier: MIT
"""loads - what is measured with `preforkc load`: all servers of a work run at once and are measured in
turn, round by round. What counts is the median of the rounds' ratios to the floor."""

import contextlib
import os
import shutil
import tempfile

import figures
import peers
import processes
import servers
from servers import BUILD, Server

WORKERS = 16
IDLE_WORKERS = 1000
CLIENTS = 8
# One process cannot load a server to the full where each has a core: a connection costs the client
# more of the kernel's time than the server.
GENERATORS = 2

# Lines, because mod_echo answers nothing else. Eight addresses to come from, because one runs out of
# ports at 14,000 connections per second.
MESSAGE = ["--lines", "--size", "64"]
CONNECT = (["--mode", "connect", "--sources", "8"] + MESSAGE, "per_second", 1, "connections/s")
TURNS = ["--mode", "roundtrip"] + MESSAGE

# What is measured: the options of `preforkc load`, how its result is read, its unit; and what is to
# be reached: the least ratio of preforkd to another.
WORKS = {
    "connect": (*CONNECT, {"floor": 0.97}),
    "idle": (*CONNECT, {"floor": 0.95, "floor, 1,000 workers": 1.0}),
    "roundtrip": (TURNS, "per_second", 1, "round trips/s", {"floor": 0.99}),
    "stream": (["--mode", "stream", "--size", "64K"], "bytes_per_second", 1e6, "MB/s",
               {"floor": 1.2}),
    "fresh": (*CONNECT, {"floor": 0.9}),
    "udp": (TURNS, "per_second", 1, "datagrams/s", {"floor": 0.97}),
    "plugin": (TURNS, "per_second", 1, "lines/s", {}),
}

# What a round says of streams depends on who ran on which processor; "floor, again" shows how much.
MORE_ROUNDS = {"stream": 3}

CONFIG = """
control = "{folder}/control.sock";
log = {{ level = "error"; }};
services = {{
  echo = {{
    listen = [ "{scheme}://127.0.0.1:{port}" ];
    handler = {handler};
    {pool}
    access_log = false;
    max_connections_per_worker = {limit};
  }};
}};
"""


def floor(name="floor", mode="", workers=WORKERS):
    """The floor; MODE as floor.c has it."""
    port = servers.free_port()
    command = [f"{BUILD}/tests/bench/floor", str(port), str(workers)]
    return Server(name, command + mode.split(), port, scheme="udp" if mode == "udp" else "tcp")


def preforkd(folder, name="preforkd", fresh=False, scheme="tcp", handler='"echo"', workers=WORKERS,
             pool=None):
    """POOL: lines of the service's configuration, in the place of so many WORKERS."""
    port = servers.free_port()
    own = f"{folder}/preforkd-{port}"
    os.mkdir(own, 0o755)
    text = CONFIG.format(folder=own, port=port, pool=pool or f"workers = {workers};",
                         limit=int(fresh), scheme=scheme, handler=handler)
    return servers.preforkd(name, f"{own}/bench.conf", text, port, scheme=scheme)


def lines_plugin(folder):
    """The plugin, where the service's user may read it, as a handler."""
    os.chmod(folder, 0o755)
    path = shutil.copy(f"{BUILD}/tests/bench/lines.so", folder)
    os.chmod(path, 0o755)
    return f'{{ type = "plugin"; path = "{path}"; }}'


def contestants(work, folder):
    """The floor, preforkd, others. What the ratios of preforkd are to is among them."""
    if work == "idle":
        return [floor(workers=CLIENTS), floor("floor, 1,000 workers", workers=IDLE_WORKERS),
                preforkd(folder, workers=IDLE_WORKERS)]
    if work == "fresh":
        return [floor(mode="fresh"), preforkd(folder, fresh=True),
                *peers.make(peers.FRESH, folder, WORKERS)]
    if work == "udp":
        return [floor(mode="udp"), preforkd(folder, scheme="udp")]
    if work == "plugin":
        return [preforkd(folder, "built-in echo"), preforkd(folder, handler=lines_plugin(folder))]
    if work == "stream":
        return [floor(), floor("floor, again"), preforkd(folder)]
    return [floor(), preforkd(folder), *peers.make(peers.LASTING, folder, WORKERS)]


def start(stack, work, folder):
    """Ours and the floor have to start, peers need not."""
    running = []
    for server in contestants(work, folder):
        ours = server.command[0].startswith(BUILD)
        running += [stack.enter_context(server)] if ours else peers.enter(stack, [server])
    if work == "idle":
        for server in running[1:]:
            processes.wait_for_workers(server, IDLE_WORKERS)
    return running


def measure(server, work, seconds):
    """The figure of all generators together; the server's processor time for one of it; how many
    attempts failed."""
    options, key, unit, *_ = WORKS[work]
    options = options + ["--concurrency", str(CLIENTS // GENERATORS)]
    before = processes.server_s(server)
    results = servers.load(server, options, seconds, GENERATORS)
    spent = processes.server_s(server) - before
    done = sum(result[key] * result["elapsed_s"] for result in results) / unit
    return (sum(result[key] for result in results) / unit, spent / (done or 1),
            sum(r["failed"] for r in results))


def rounds_of(work, running, options):
    """For each server its figure and its processor time for one of it in each round, and its failures;
    who begins changes."""
    measured = {server.name: [] for server in running}
    costs = {server.name: [] for server in running}
    failed = dict.fromkeys(measured, 0)
    for server in running:
        measure(server, work, 0.2)
    rounds = options.rounds * MORE_ROUNDS.get(work, 1)
    for number in range(rounds):
        for index in range(len(running)):
            server = running[(index + number) % len(running)]
            servers.progress(f"{work} {server.name} {number + 1}/{rounds}")
            value, cost, failures = measure(server, work, options.seconds)
            measured[server.name].append(value)
            costs[server.name].append(cost)
            failed[server.name] += failures
    return measured, costs, failed


def rows_of(work, measured, costs, failed):
    unit, goals = WORKS[work][3:]
    base = next(iter(measured))
    rows = []
    for name, values in measured.items():
        to = goals if name == "preforkd" and goals else {base: None} if name != base else {None: None}
        for other, least in to.items():
            rows.append(figures.row(work, name, values, unit, other, measured.get(other),
                                    goal=("least", least) if least else None,
                                    failed=failed[name],
                                    costs=other and (costs[name], costs[other])))
    return rows


def run(work, options):
    """The rows of WORK."""
    with tempfile.TemporaryDirectory(prefix="preforkd-bench-") as folder, \
            contextlib.ExitStack() as stack:
        os.chmod(folder, 0o755)
        return rows_of(work, *rounds_of(work, start(stack, work, folder), options))
