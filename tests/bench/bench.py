#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench - connections, round trips and bytes per second of preforkd, as a ratio to the floor; and
programs as services, as a ratio to tcpserver (programs.py).

The floor (floor.c) is the least that a process-per-connection echo server can do, so the ratio says
what supervision costs, and says it on a slow or busy machine too. Both are measured in turn, round
by round, and the median of the rounds' ratios counts. Only 127.0.0.1 is ever talked to.

Exit code: 0 fine; 1 the connect ratio is below 0.9, or an attempt failed; 2 a server does not start.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile

import programs
import servers
from servers import BUILD, CannotStart, Server

LEAST_CONNECT_RATIO = 0.9
WORKERS = 16
CLIENTS = 8
# One process cannot load a server to the full where each has a core: a connection costs the client
# more of the kernel's time than the server.
GENERATORS = 2
ROUNDS = 5

# What is measured: the options of `preforkc load` and how its result is read. Eight addresses to
# come from, because one runs out of ports at 14,000 connections per second.
WORKS = {
    "connect": (["--mode", "connect", "--sources", "8"], "per_second", 1, "connections/s"),
    "fresh": (["--mode", "connect", "--sources", "8"], "per_second", 1, "connections/s"),
    "roundtrip": (["--mode", "roundtrip"], "per_second", 1, "round trips/s"),
    "stream": (["--mode", "stream", "--size", "64K"], "bytes_per_second", 1e6, "MB/s"),
    "udp": (["--mode", "roundtrip"], "per_second", 1, "datagrams/s"),
    "plugin": (["--mode", "roundtrip", "--lines"], "per_second", 1, "lines/s"),
}

CONFIG = """
control = "{folder}/control.sock";
log = {{ level = "warning"; }};
services = {{
  echo = {{
    listen = [ "{scheme}://127.0.0.1:{port}" ];
    handler = {handler};
    workers = {workers};
    access_log = false;
    max_connections_per_worker = {limit};
  }};
}};
"""


def floor(name, mode=""):
    """The floor; MODE as floor.c has it."""
    port = servers.free_port()
    command = [f"{BUILD}/tests/bench/floor", str(port), str(WORKERS)]
    return Server(name, command + ([mode] if mode else []), port,
                  scheme="udp" if mode == "udp" else "tcp")


def preforkd(folder, name, fresh=False, scheme="tcp", handler='"echo"'):
    port = servers.free_port()
    own = f"{folder}/{name}"
    os.mkdir(own, 0o755)
    text = CONFIG.format(folder=own, port=port, workers=WORKERS, limit=int(fresh), scheme=scheme,
                         handler=handler)
    return servers.preforkd("preforkd", f"{own}/bench.conf", text, port, scheme=scheme)


def lines_plugin(folder):
    """The plugin, where the service's user may read it, as a handler."""
    os.chmod(folder, 0o755)
    path = shutil.copy(f"{BUILD}/tests/bench/lines.so", folder)
    os.chmod(path, 0o755)
    return f'{{ type = "plugin"; path = "{path}"; }}'


def contestants(work, folder, against_itself):
    """Two servers: what WORK is measured against, and ours."""
    mode = work if work in ("fresh", "udp") else ""
    if work == "plugin":
        other = '"echo"' if against_itself else lines_plugin(folder)
        return preforkd(folder, "builtin"), preforkd(folder, "plugin", handler=other)
    if against_itself:
        return floor("floor", mode), floor("preforkd", mode)
    scheme = "udp" if work == "udp" else "tcp"
    return floor("floor", mode), preforkd(folder, work, fresh=work == "fresh", scheme=scheme)


def measure(server, work, seconds):
    """The figure of all generators together, and how many attempts failed."""
    options, key, unit, _ = WORKS[work]
    options = options + ["--concurrency", str(CLIENTS // GENERATORS)]
    if "--size" not in options:
        options += ["--size", "64"]
    results = servers.load(server, options, seconds, GENERATORS)
    return sum(result[key] for result in results) / unit, sum(r["failed"] for r in results)


def compare(work, pair, options):
    """Measure the two servers in turn; who begins changes from round to round."""
    rates, failed, rounds = ([], []), 0, options.rounds or ROUNDS
    for server in pair:
        measure(server, work, 0.3)
    for number in range(rounds):
        for index in (0, 1) if number % 2 == 0 else (1, 0):
            rate, failures = measure(pair[index], work, options.seconds)
            rates[index].append(rate)
            failed += failures
        servers.progress(f"{work} {number + 1}/{rounds}")
    ratios = [ours / least for least, ours in zip(*rates)]
    return {"unit": WORKS[work][3], "floor": round(statistics.median(rates[0]), 1),
            "preforkd": round(statistics.median(rates[1]), 1),
            "ratio": round(statistics.median(ratios), 3), "ratio_min": round(min(ratios), 3),
            "ratio_max": round(max(ratios), 3), "failed": failed}


def run(works, options):
    results = {}
    with tempfile.TemporaryDirectory(prefix="preforkd-bench-") as folder:
        for work in works:
            least, ours = contestants(work, folder, options.self)
            with least, ours:
                results[work] = compare(work, (least, ours), options)
    return results


def print_table(results):
    print(f"{'work':<10} {'floor':>10} {'preforkd':>10}  {'ratio':>5}  {'spread':<13} unit")
    for work, r in results.items():
        spread = f"{r['ratio_min']:.3f}-{r['ratio_max']:.3f}"
        print(f"{work:<10} {r['floor']:>10,.0f} {r['preforkd']:>10,.0f}  {r['ratio']:>5.3f}  "
              f"{spread:<13} {r['unit']}" + (f"  {r['failed']} FAILED" if r["failed"] else ""))


def parse():
    parser = argparse.ArgumentParser(description="preforkd against the floor and against tcpserver,"
                                                 " on 127.0.0.1")
    parser.add_argument("--rounds", type=int,
                        help=f"how many ({ROUNDS}; programs: {programs.ROUNDS})")
    parser.add_argument("--seconds", type=float, default=2,
                        help="of each measurement (2); programs: half of it")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    parser.add_argument("--fresh", action="store_true",
                        help="also measure a fresh process for each connection")
    parser.add_argument("--works", default=",".join(w for w in WORKS if w != "fresh"),
                        help="only some of: " + ", ".join(WORKS))
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--self", action="store_true",
                       help="measure the floor against itself: what is not 1 is noise")
    group.add_argument("--programs", nargs="?", const=",".join(programs.PROGRAMS), metavar="NAMES",
                       help="measure only programs as services, all or some of: "
                            + ", ".join(programs.PROGRAMS))
    group.add_argument("--no-programs", action="store_true", help="all but those")
    options = parser.parse_args()
    if (options.rounds or 1) < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds are at least 1 and more than 0")
    if not set(options.works.split(",")) <= set(WORKS):
        parser.error(f"--works: there are {', '.join(WORKS)}")
    options.names = (options.programs or ",".join(programs.PROGRAMS)).split(",")
    if not set(options.names) <= set(programs.PROGRAMS):
        parser.error(f"--programs: there are {', '.join(programs.PROGRAMS)}")
    return options


def report(options, results, rows):
    """Print what was measured. Returns whether it is as it should be."""
    servers.progress("")
    if options.json:
        print(json.dumps(results | ({"programs": rows} if rows else {})))
    else:
        if results:
            print_table(results)
        if rows:
            programs.print_tables(rows)
    fine = not any(r["failed"] for r in list(results.values()) + programs.figures(rows))
    if "connect" in results and results["connect"]["ratio"] < LEAST_CONNECT_RATIO:
        print(f"bench: the connect ratio is below {LEAST_CONNECT_RATIO}", file=sys.stderr)
        fine = False
    return fine


def main():
    options = parse()
    works = options.works.split(",") + (["fresh"] if options.fresh else [])
    try:
        results = {} if options.programs else run(works, options)
        rows = {} if options.no_programs or options.self else programs.run(options)
    except CannotStart as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    fine = report(options, results, rows)
    if any("absent" in r and r["ours"] for r in programs.figures(rows)):
        return 2
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
