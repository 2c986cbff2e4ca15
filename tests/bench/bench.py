#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench - connections, round trips and bytes per second of preforkd, as a ratio to the floor.

The floor (floor.c) is the least that a process-per-connection echo server can do, so the ratio says
what supervision costs, and says it on a slow or busy machine too. Both are measured in turn, round
by round, and the median of the rounds' ratios counts. Only 127.0.0.1 is ever talked to.

Exit code: 0 fine; 1 the connect ratio is below 0.9, or an attempt failed; 2 a server does not start.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD", "build")
LEAST_CONNECT_RATIO = 0.9
WORKERS = 16
CLIENTS = 8
# One process cannot load a server to the full where each has a core: a connection costs the client
# more of the kernel's time than the server.
GENERATORS = 2
START_TIMEOUT_S = 10

# What is measured: the options of `preforkc load` and how its result is read. Eight addresses to
# come from, because one runs out of ports at 14,000 connections per second.
WORKS = {
    "connect": (["--mode", "connect", "--sources", "8"], "per_second", 1, "connections/s"),
    "fresh": (["--mode", "connect", "--sources", "8"], "per_second", 1, "connections/s"),
    "roundtrip": (["--mode", "roundtrip"], "per_second", 1, "round trips/s"),
    "stream": (["--mode", "stream", "--size", "64K"], "bytes_per_second", 1e6, "MB/s"),
}

CONFIG = """
control = "{folder}/control.sock";
log = {{ level = "warning"; }};
services = {{
  echo = {{
    listen = [ "tcp://127.0.0.1:{port}" ];
    handler = "echo";
    workers = {workers};
    access_log = false;
    max_connections_per_worker = {limit};
  }};
}};
"""


class CannotStart(Exception):
    """A server that ended, or did not listen in time."""


class Server:
    """A process that listens on a port of its own, from here to the end of the with block."""

    def __init__(self, name, command, port):
        self.name, self.command, self.port = name, command, port

    def __enter__(self):
        try:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise CannotStart(f"{self.command[0]}: {error.strerror}") from error
        try:
            self.wait_until_it_accepts()
        except CannotStart:
            self.__exit__()
            raise
        return self

    def wait_until_it_accepts(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise CannotStart(f"{self.name} ended with {self.process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise CannotStart(f"{self.name} does not accept on port {self.port}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def floor(name, fresh):
    port = free_port()
    command = [f"{BUILD}/tests/bench/floor", str(port), str(WORKERS)]
    return Server(name, command + (["fresh"] if fresh else []), port)


def preforkd(folder, fresh):
    port = free_port()
    path = f"{folder}/{'fresh' if fresh else 'bench'}.conf"
    with open(path, "w", encoding="ascii") as file:
        file.write(CONFIG.format(folder=folder, port=port, workers=WORKERS, limit=int(fresh)))
    return Server("preforkd", [f"{BUILD}/preforkd", "-c", path], port)


def measure(server, work, seconds):
    """The figure of all generators together, and how many attempts failed."""
    options, key, unit, _ = WORKS[work]
    command = [f"{BUILD}/preforkc", "load", f"tcp://127.0.0.1:{server.port}", "--json",
               "--duration", f"{int(seconds * 1000)}ms", "--concurrency", str(CLIENTS // GENERATORS)]
    if "--size" not in options:
        command += ["--size", "64"]
    generators = [subprocess.Popen(command + options, stdout=subprocess.PIPE)
                  for _ in range(GENERATORS)]
    results = [json.loads(generator.communicate()[0]) for generator in generators]
    for result in results:
        if result["failed"]:
            print(f"bench: {work} on {server.name}: {result['failures']} {result['local_error']}",
                  file=sys.stderr)
    return sum(result[key] for result in results) / unit, sum(r["failed"] for r in results)


def compare(work, pair, options):
    """Measure the two servers in turn; who begins changes from round to round."""
    rates, failed = ([], []), 0
    for server in pair:
        measure(server, work, 0.3)
    for number in range(options.rounds):
        for index in (0, 1) if number % 2 == 0 else (1, 0):
            rate, failures = measure(pair[index], work, options.seconds)
            rates[index].append(rate)
            failed += failures
        if sys.stderr.isatty():
            print(f"\r{work} {number + 1}/{options.rounds} \033[K", end="", file=sys.stderr)
    ratios = [ours / least for least, ours in zip(*rates)]
    return {"unit": WORKS[work][3], "floor": round(statistics.median(rates[0]), 1),
            "preforkd": round(statistics.median(rates[1]), 1),
            "ratio": round(statistics.median(ratios), 3), "ratio_min": round(min(ratios), 3),
            "ratio_max": round(max(ratios), 3), "failed": failed}


def run(works, options):
    results = {}
    with tempfile.TemporaryDirectory(prefix="preforkd-bench-") as folder:
        for work in works:
            fresh = work == "fresh"
            ours = floor("preforkd", fresh) if options.self else preforkd(folder, fresh)
            with floor("floor", fresh) as least, ours:
                results[work] = compare(work, (least, ours), options)
    return results


def print_table(results):
    print(f"{'work':<10} {'floor':>10} {'preforkd':>10}  {'ratio':>5}  {'spread':<13} unit")
    for work, r in results.items():
        spread = f"{r['ratio_min']:.3f}-{r['ratio_max']:.3f}"
        print(f"{work:<10} {r['floor']:>10,.0f} {r['preforkd']:>10,.0f}  {r['ratio']:>5.3f}  "
              f"{spread:<13} {r['unit']}" + (f"  {r['failed']} FAILED" if r["failed"] else ""))


def main():
    parser = argparse.ArgumentParser(description="preforkd against the floor, on 127.0.0.1")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    parser.add_argument("--fresh", action="store_true",
                        help="also measure a fresh process for each connection")
    parser.add_argument("--self", action="store_true",
                        help="measure the floor against itself: what is not 1 is noise")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("--rounds and --seconds are at least 1 and more than 0")
    works = ["connect", "roundtrip", "stream"] + (["fresh"] if options.fresh else [])
    try:
        results = run(works, options)
    except CannotStart as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if options.json:
        print(json.dumps(results))
    else:
        print_table(results)
    if results["connect"]["ratio"] < LEAST_CONNECT_RATIO:
        print(f"bench: the connect ratio is below {LEAST_CONNECT_RATIO}", file=sys.stderr)
        return 1
    return 1 if any(r["failed"] for r in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
