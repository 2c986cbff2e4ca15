#!/usr/bin/env python3
"""An echo server for systemd: sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3).

ENV: EXIT_AT_ONCE=STATUS ends it before it serves; READY_DELAY=SECONDS sleeps before READY=1;
NEVER_READY=1 serves without saying so; NO_WATCHDOG=1 does not say WATCHDOG=1; SAY_STATUS=TEXT is
its STATUS=, "serving" by default.
"""

import os
import signal
import socket
import sys
import time

import echo


def notify(text):
    name = os.environ.get("NOTIFY_SOCKET")
    if not name:
        return
    if name[0] not in "@/":
        echo.refuse(f"{name} is no name of a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.sendto(text.encode(), b"\0" + name[1:].encode() if name[0] == "@" else name.encode())


def keep_watchdog():
    """Say WATCHDOG=1 twice as often as it is asked for."""
    if "NO_WATCHDOG" in os.environ or "WATCHDOG_USEC" not in os.environ:
        return
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        echo.refuse("WATCHDOG_PID is somebody else")
    period = int(os.environ["WATCHDOG_USEC"]) / 2e6
    signal.signal(signal.SIGALRM, lambda number, frame: notify("WATCHDOG=1"))
    signal.setitimer(signal.ITIMER_REAL, period, period)


def get_ready():
    time.sleep(float(os.environ.get("READY_DELAY", 0)))
    keep_watchdog()
    if "NEVER_READY" not in os.environ:
        notify("READY=1\nSTATUS=" + os.environ.get("SAY_STATUS", "serving"))


def main():
    if "EXIT_AT_ONCE" in os.environ:
        sys.exit(int(os.environ["EXIT_AT_ONCE"]))
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        echo.refuse(f"LISTEN_PID is {os.environ.get('LISTEN_PID')}, not {os.getpid()}")
    count = int(os.environ.get("LISTEN_FDS", 0))
    if count < 1 or len(os.environ.get("LISTEN_FDNAMES", "").split(":")) != count:
        echo.refuse("LISTEN_FDS and LISTEN_FDNAMES do not go together")
    echo.serve(echo.listeners(range(3, 3 + count)), get_ready)
    notify("STOPPING=1")


main()
