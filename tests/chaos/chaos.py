#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""chaos - kills, changes and breaks a daemon under load, and accounts for every connection.

    tests/chaos/chaos.py [--short] [--seed N] [--duration 10m] [TIER…]

The same seed does the same deeds in the same order. --duration is for all tiers together: each
ends after its share, whatever it has reached, and overlap goes on for all of it; without it each
goes on until its count is done.
BUILD names the build folder (default: build).
"""
import argparse
import collections
import functools
import json
import os
import random
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "scenario")]
import run  # noqa: E402
from tier import Tier  # noqa: E402
from tier_change import tier_idle_reloads, tier_reloads, tier_upgrades  # noqa: E402
from tier_death import (tier_forks, tier_kills, tier_massacres, tier_pools,  # noqa: E402
                        tier_supervisor)
from tier_herd import tier_herd  # noqa: E402
from tier_input import tier_configurations  # noqa: E402
from tier_overlap import tier_overlap  # noqa: E402
from tier_stops import tier_stops  # noqa: E402

# How often: in the short form and in the long one; and connections to serve meanwhile in the long.
Extent = collections.namedtuple("Extent", "short long connections", defaults=(0,))
TIERS = {
    tier_herd: Extent(1, 1),
    tier_reloads: Extent(50, 1000, 500000),
    tier_idle_reloads: Extent(200, 10000),
    tier_upgrades: Extent(10, 200),
    tier_kills: Extent(500, 10000),
    tier_massacres: Extent(20, 500),
    tier_pools: Extent(12, 300),
    tier_supervisor: Extent(10, 100),
    tier_forks: Extent(12, 100),
    tier_configurations: Extent(200, 1000),
    tier_stops: Extent(12, 200),
    tier_overlap: Extent(300, 5000),
}
WIDE = 80   # a cell that long is not aligned with
ENDLESS = 1 << 62
HANG = 600  # seconds more than it should take at most


def name_of(function):
    return function.__name__[len("tier_"):]


def parse_duration(text):
    found = re.fullmatch(r"(\d+)(s|m|h|)", text)
    if not found:
        raise argparse.ArgumentTypeError("write 90s, 10m or 2h")
    return int(found[1]) * {"h": 3600, "m": 60}.get(found[2], 1)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--short", action="store_true", help="the form that make test runs")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--duration", type=parse_duration)
    parser.add_argument("tiers", nargs="*", metavar="TIER",
                        help=" ".join(name_of(function) for function in TIERS))
    arguments = parser.parse_args()
    known = {name_of(function) for function in TIERS}
    for name in arguments.tiers:
        if name not in known:
            parser.error(f"there is no tier {name}; there are {', '.join(sorted(known))}")
    return arguments


def play(function, arguments, extent, seconds, t):
    """One tier, in a process of its own."""
    count = extent.short if arguments.short else extent.long
    connections = 0 if arguments.short else extent.connections
    if function is tier_overlap and seconds:
        count = ENDLESS
    function(Tier(t, name_of(function), arguments.seed, count, connections, seconds))


def cases_of(arguments):
    chosen = [function for function in TIERS
              if not arguments.tiers or name_of(function) in arguments.tiers]
    seconds = arguments.duration / len(chosen) if arguments.duration else None
    limit = 300 if arguments.short else (seconds or 24 * 3600) + HANG
    return [run.Case(name_of(function),
                     functools.partial(play, function, arguments, TIERS[function], seconds),
                     {"alone": True, "limit": limit}) for function in chosen]


def runs(cases, top, programs, short):
    """The short form as root and as an ordinary user, the long one as whoever asks for it."""
    if short:
        yield from run.run_as_everybody(cases, top, programs)
    else:
        yield run.run_cases(cases, top, programs)


def print_figures(path):
    """And forget them: the next ones are of another user."""
    with open(path, "r+") as file:
        rows = [json.loads(line) for line in file]
        file.truncate(0)
    rows.insert(0, ["tier", "what", "figure", "wanted"])
    widths = [max(len(row[i]) for row in rows if len(row[i]) < WIDE) for i in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0])).rstrip())


def main():
    arguments = parse_arguments()
    build = os.path.abspath(os.environ.get("BUILD", "build"))
    top = tempfile.mkdtemp(prefix="preforkd-chaos-")
    os.chmod(top, 0o755)
    os.environ["FIGURES"] = os.path.join(top, "figures.jsonl")
    counts = collections.Counter()
    with open(os.environ["FIGURES"], "w") as file:
        os.fchmod(file.fileno(), 0o666)
    print(f"chaos: seed {arguments.seed}", flush=True)
    try:
        programs = os.path.join(top, "bin")
        run.copy_programs(build, programs)
        shutil.copy(os.path.join(build, "tests", "chaos", "herd"), programs)
        for outcomes in runs(cases_of(arguments), top, programs, arguments.short):
            counts += outcomes
            print_figures(os.environ["FIGURES"])
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print(f"chaos: {counts[run.PASSED]} tiers passed, {counts[run.FAILED]} failed, "
          f"{counts[run.SKIPPED]} skipped; seed {arguments.seed}")
    return 1 if counts[run.FAILED] else 0


if __name__ == "__main__":
    sys.exit(main())
