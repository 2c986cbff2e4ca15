#!/usr/bin/env python3
"""An echo server for Server::Starter.

ENV: EXIT_AT_ONCE=STATUS ends it before it serves.
"""

import os
import re
import sys

import echo


def ports():
    """Name and descriptor of each socket, as Server::Starter's server_ports() has them."""
    text = os.environ.get("SERVER_STARTER_PORT")
    if not text:
        echo.refuse("there is no SERVER_STARTER_PORT")
    found = dict(pair.split("=", 1) for pair in text.split(";"))
    for name in found:
        if not re.fullmatch(r"\d+|[\d.]+:\d+|\[[\da-f:.]+\]:\d+|/.*", name):
            echo.refuse(f"{name} is no name of a socket")
    return found


def main():
    if "EXIT_AT_ONCE" in os.environ:
        sys.exit(int(os.environ["EXIT_AT_ONCE"]))
    if not re.fullmatch(r"\d+", os.environ.get("SERVER_STARTER_GENERATION", "")):
        echo.refuse("SERVER_STARTER_GENERATION is no number")
    echo.serve(echo.listeners(map(int, ports().values())))


main()
