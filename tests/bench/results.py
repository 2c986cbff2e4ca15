# SPDX-License-Identifier: MIT
"""results - RESULTS.md: the figures of one whole run, on which machine and with what they were made."""

import datetime
import os
import platform
import re
import shutil
import subprocess

import figures

HERE = os.path.dirname(os.path.abspath(__file__))
PATH = f"{HERE}/RESULTS.md"
# What stands behind it is written by hand, and stays.
NOTES = "## Notes\n"

VERSIONS = {"preforkd": [f"{os.environ.get('BUILD', 'build')}/preforkd", "--version"],
            "compiler": ["cc", "--version"], "Apache": ["apache2", "-v"],
            "Perl": ["perl", "-e", "print $^V"],
            "Net::Server": ["perl", "-MNet::Server", "-e", "print $Net::Server::VERSION"],
            "Python": None, "socat": ["socat", "-V"]}


def version(command):
    """The first number with a dot in what it prints; None where it is not there."""
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False)
    found = re.search(r"\d+\.[\d.]*\d", done.stdout) if done.returncode == 0 else None
    return found and found[0]


def versions():
    found = {name: version(command) if command else platform.python_version()
             for name, command in VERSIONS.items()}
    return ", ".join(f"{name} {number}" for name, number in found.items() if number)


def first(path, key):
    """The value of the first line "KEY : VALUE" of a file in /proc."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return "unknown"


def commit():
    done = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip() or "unknown"


def machine():
    memory = int(first("/proc/meminfo", "MemTotal").split()[0]) / 1024 / 1024
    with open("/proc/sys/kernel/sched_autogroup_enabled", encoding="ascii") as file:
        autogroup = file.read().strip()
    return (f"{len(os.sched_getaffinity(0))} processors ({first('/proc/cpuinfo', 'model name')}), "
            f"{memory:.0f} GiB, Linux {platform.release()}, sched_autogroup_enabled {autogroup}")


def load():
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def notes():
    try:
        with open(PATH, encoding="utf-8") as file:
            return file.read().partition(NOTES)[2]
    except FileNotFoundError:
        return ""


def write(rows, programs, options, load_before):
    """PROGRAMS: the tables of programs as services, as text."""
    text = f"""# What `make bench` measured

Written by `make bench`; the notes at the end by hand. README.md says what each table is.

- date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}, commit {commit()}
- machine: {machine()}
- versions: {versions()}
- {options.rounds} rounds of {options.seconds:g} s, all servers of a table in turn
- load average (1, 5, 15 minutes): {load_before} before, {load()} after

## Against the floor
{figures.markdown(rows)}"""
    if programs:
        text += f"\n## Programs as services, against tcpserver\n\n```\n{programs.strip()}\n```\n"
    with_notes = text + "\n" + NOTES + notes()
    with open(PATH, "w", encoding="utf-8") as file:
        file.write(with_notes)
