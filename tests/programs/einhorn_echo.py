#!/usr/bin/env python3
"""An echo server for einhorn.

ENV: EXIT_AT_ONCE=STATUS ends it before it serves; NEVER_ACK=1 serves without an acknowledgement;
ACK_FORM=yaml sends it as einhorn's own client does, instead of JSON; ACK_PID=PID claims to be
that process.
"""

import json
import os
import signal
import socket
import sys

import echo


def acknowledge():
    if "NEVER_ACK" in os.environ:
        return
    pid = int(os.environ.get("ACK_PID", os.getpid()))
    text = json.dumps({"command": "worker:ack", "pid": pid})
    if os.environ.get("ACK_FORM") == "yaml":
        text = f"---%0Acommand: worker:ack%0Apid: {pid}%0A"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as out:
        out.connect(os.environ["EINHORN_SOCK_PATH"])
        out.sendall(text.encode() + b"\n")


def main():
    if "EXIT_AT_ONCE" in os.environ:
        sys.exit(int(os.environ["EXIT_AT_ONCE"]))
    if os.environ.get("EINHORN_MASTER_PID") != str(os.getppid()):
        echo.refuse(f"EINHORN_MASTER_PID is not {os.getppid()}, my parent")
    numbers = [int(os.environ[f"EINHORN_FD_{i}"]) for i in range(int(os.environ["EINHORN_FD_COUNT"]))]
    if os.environ["EINHORN_FDS"].split() != [str(number) for number in numbers]:
        echo.refuse("EINHORN_FDS is something else than EINHORN_FD_*")
    found = echo.listeners(numbers)
    for i, listener in enumerate(found):
        if os.environ.get(f"EINHORN_FD_FAMILY_{i}", "AF_INET") != listener.family.name:
            echo.refuse(f"EINHORN_FD_FAMILY_{i} is not {listener.family.name}")
    echo.serve(found, acknowledge, (signal.SIGTERM, signal.SIGUSR2))


main()
