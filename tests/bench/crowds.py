# SPDX-License-Identifier: MIT
"""crowds - ten thousand workers: how long they take to start, what one costs, what status takes, and a
client for each of them, all at the same time. The floor first, then preforkd: there may not be memory
for both."""

import os
import resource
import subprocess
import sys
import tempfile
import time

import figures
import loads
import processes
import servers
from servers import BUILD

MEMORY_RATIO = 1.15
STATUS_MS = 100
STATUS_TRIES = 5
KIB_EACH = 512       # what is left free for each: a worker, its kernel's side, two ends of a connection
SPARE_NUMBERS = 1500  # pids and descriptors that are not for workers or clients
SECONDS = 10         # of messages, one a second on each connection
# Spread over the second, as clients are: else all of them come in the same millisecond.
EACH_SECOND = ["--mode", "roundtrip", "--lines", "--size", "64", "--pause", "1s", "--ramp", "1s",
               "--sources", "8", "--timeout", "20s"]


def count_processes():
    return sum(name.isdigit() for name in os.listdir("/proc"))


def available_kib():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))


def soft_or(limit, otherwise):
    value = resource.getrlimit(limit)[0]
    return otherwise if value == resource.RLIM_INFINITY else value


def room(wanted):
    """WANTED, or as many as this machine allows for."""
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
        pids = int(file.read())
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits = {"memory": available_kib() // KIB_EACH,
              "pid_max": pids - count_processes() - SPARE_NUMBERS,
              "RLIMIT_NPROC": soft_or(resource.RLIMIT_NPROC, wanted + count_processes() +
                                      SPARE_NUMBERS) - count_processes() - SPARE_NUMBERS,
              "RLIMIT_NOFILE": (descriptors if descriptors > 0 else sys.maxsize) - SPARE_NUMBERS}
    least = min(limits, key=limits.get)
    if limits[least] >= wanted:
        return wanted
    print(f"bench: {limits[least]:,} workers instead of {wanted:,}: {least} allows no more",
          file=sys.stderr)
    return max(1, limits[least])


def start_s(server, count):
    """Enter SERVER; how long that took until all workers were there."""
    begin = time.monotonic()
    server.__enter__()
    try:
        processes.wait_for_workers(server, count)
    except TimeoutError:
        server.__exit__()
        raise
    return time.monotonic() - begin


def private_kib(server):
    """Of a worker that was never talked to. The tries of the start reach some: the median of all does
    not see them."""
    return figures.quantile([processes.private_kib(pid) for pid in processes.workers(server)], 0.5)


def status_ms(server, arguments):
    socket = os.path.dirname(server.command[-1]) + "/control.sock"
    times = []
    for _ in range(STATUS_TRIES):
        begin = time.monotonic()
        subprocess.run([f"{BUILD}/preforkctl", "-s", socket, *arguments], check=True,
                       stdout=subprocess.DEVNULL)
        times.append((time.monotonic() - begin) * 1000)
    return times


def each_second(server, count, seconds):
    (result,) = servers.load(server, EACH_SECOND + ["--concurrency", str(count)], seconds)
    return result


def figures_of(server, count, options):
    servers.progress(f"crowd {server.name}: start of {count:,} workers")
    found = {"start": start_s(server, count)}
    try:
        time.sleep(1)  # the last ones settle
        servers.progress(f"crowd {server.name}: memory")
        found["memory"] = private_kib(server)
        if server.name == "preforkd":
            found["status"] = {" ".join(arguments): status_ms(server, arguments) for arguments in
                               (["status"], ["--json", "status"], ["workers"])}
        servers.progress(f"crowd {server.name}: {count:,} connections")
        found["echo"] = each_second(server, count, min(SECONDS, 10 * options.seconds))
    finally:
        server.__exit__()
    return found


def pair_of_rows(work, unit, least, ours, goal=None, digits=1):
    return [figures.row(work, "floor", [least], unit, digits=digits),
            figures.row(work, "preforkd", [ours], unit, "floor", [least], goal, digits=digits)]


def echo_rows(work, name, result):
    p99, most = (result["latency_us"][key] / 1000 for key in ("p99", "max"))
    return [figures.row(work, name, [p99], f"ms, 99th percentile of {result['served']:,}", digits=2,
                        failed=result["failed"]),
            figures.row(work, name, [most], "ms, the slowest", digits=2)]


def rows_of(count, least, ours):
    workers = f"{count:,} workers"
    rows = pair_of_rows(f"start of {workers}", "s", least["start"], ours["start"], digits=2)
    rows += pair_of_rows(f"memory ({count:,} idle workers)", "KiB/worker", least["memory"],
                         ours["memory"], ("most", MEMORY_RATIO))
    rows += [figures.row(f"status of {workers}", f"preforkctl {command}", times, "ms",
                         goal=("most", STATUS_MS)) for command, times in ours["status"].items()]
    work = f"{count:,} connections on {workers}, a message a second on each"
    return rows + echo_rows(work, "floor", least["echo"]) + echo_rows(work, "preforkd", ours["echo"])


def crowd(options):
    count = room(options.crowd)
    with tempfile.TemporaryDirectory(prefix="preforkd-bench-") as folder:
        os.chmod(folder, 0o755)
        least = figures_of(loads.floor(workers=count), count, options)
        pool = f"workers = {count}; start_timeout = \"{processes.START_TIMEOUT_S}s\";"
        ours = figures_of(loads.preforkd(folder, pool=pool), count, options)
        return rows_of(count, least, ours)
