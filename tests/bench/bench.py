#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench - what preforkd costs and what it is worth, side by side with a bare accept loop and with
other servers, in one run: tables of ratios, and RESULTS.md.

The floor (floor.c) is the least that a process-per-connection echo server can do, so a ratio to it
says what supervision costs, and says it on a slow or busy machine too. Only 127.0.0.1 is ever talked
to.

Exit code: 0 fine; 1 the connect ratio is below 0.9, or an attempt failed; 2 a server does not start.
"""

import argparse
import contextlib
import io
import json
import sys

import costs
import figures
import loads
import programs
import results
import servers
from servers import CannotStart

LEAST_CONNECT_RATIO = 0.9
ROUNDS, SECONDS, CROWD = 5, 1, 10000
QUICK_ROUNDS, QUICK_SECONDS, QUICK_CROWD = 3, 0.3, 200

# In the order they are measured and printed.
WORKS = (*loads.WORKS, *costs.COSTS)


def parse():
    parser = argparse.ArgumentParser(description="preforkd against the floor and other servers, on"
                                                 " 127.0.0.1")
    parser.add_argument("--quick", action="store_true",
                        help="a look: short, few rounds, no programs, and nothing is written down")
    parser.add_argument("--rounds", type=int, help=f"how many ({ROUNDS}; programs: {programs.ROUNDS})")
    parser.add_argument("--seconds", type=float, help=f"of each measurement ({SECONDS})")
    parser.add_argument("--crowd", type=int, metavar="N",
                        help=f"N workers, and clients for all of them ({CROWD})")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    parser.add_argument("--works", help="only some of: " + ", ".join(WORKS))
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--programs", nargs="?", const=",".join(programs.PROGRAMS), metavar="NAMES",
                       help="measure only programs as services, all or some of: "
                            + ", ".join(programs.PROGRAMS))
    group.add_argument("--no-programs", action="store_true", help="all but those")
    return parser, parser.parse_args()


def complete():
    """The options, with what was not given filled in."""
    parser, options = parse()
    quick = options.quick
    options.whole = not (quick or options.works or options.programs or options.no_programs)
    options.program_rounds = options.rounds or programs.ROUNDS
    options.rounds = options.rounds or (QUICK_ROUNDS if quick else ROUNDS)
    options.seconds = options.seconds or (QUICK_SECONDS if quick else SECONDS)
    options.crowd = options.crowd or (QUICK_CROWD if quick else CROWD)
    options.no_programs = options.no_programs or ((quick or options.works) and not options.programs)
    options.names = (options.programs or ",".join(programs.PROGRAMS)).split(",")
    works = options.works.split(",") if options.works else WORKS
    options.works = [] if options.programs else works
    if min(options.rounds, options.crowd) < 1 or options.seconds <= 0:
        parser.error("--rounds, --seconds and --crowd are more than 0")
    if not set(works) <= set(WORKS):
        parser.error(f"--works: there are {', '.join(WORKS)}")
    if not set(options.names) <= set(programs.PROGRAMS):
        parser.error(f"--programs: there are {', '.join(programs.PROGRAMS)}")
    return options


def measure(options):
    rows = []
    for work in options.works:
        rows += costs.COSTS[work](options) if work in costs.COSTS else loads.run(work, options)
    return rows


def is_fine(rows, program_rows):
    fine = not any(row["failed"] for row in rows if row["server"] in ("floor", "preforkd"))
    fine = fine and not any(row["failed"] for row in programs.figures(program_rows))
    connect = [r for r in rows if (r["work"], r["server"]) == ("connect", "preforkd")]
    if connect and connect[0]["ratio"] < LEAST_CONNECT_RATIO:
        print(f"bench: the connect ratio is below {LEAST_CONNECT_RATIO}", file=sys.stderr)
        fine = False
    return fine


def report(options, rows, program_rows, load_before):
    servers.progress("")
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        programs.print_tables(program_rows)
    if options.json:
        print(json.dumps({"rows": rows, "programs": program_rows}))
    else:
        figures.print_tables(rows)
        print(text.getvalue(), end="")
    if options.whole:
        results.write(rows, text.getvalue(), options, load_before)


def main():
    options = complete()
    load_before = results.load()
    try:
        rows = measure(options)
        program_rows = {} if options.no_programs else programs.run(options)
    except (CannotStart, TimeoutError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    report(options, rows, program_rows, load_before)
    if any("absent" in r and r["ours"] for r in programs.figures(program_rows)):
        return 2
    return 0 if is_fine(rows, program_rows) else 1


if __name__ == "__main__":
    sys.exit(main())
