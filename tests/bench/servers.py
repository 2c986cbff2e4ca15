# SPDX-License-Identifier: MIT
"""servers - what all benchmarks share: a server from start to end, and the load that is put on it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

BUILD = os.environ.get("BUILD", "build")
START_TIMEOUT_S = 10


class CannotStart(Exception):
    """A server that ended, or did not listen in time."""


class Server:
    """A process that listens on a port of its own, from here to the end of the with block."""

    def __init__(self, name, command, port, environment=None, scheme="tcp"):
        self.name, self.command, self.port = name, command, port
        self.environment, self.scheme = environment, scheme
        self.untouched = False  # true: the first client is the one that is measured

    def __enter__(self):
        try:
            # A process group of its own: some servers send their SIGTERM on to all of theirs.
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                            env=self.environment, preexec_fn=os.setpgrp)
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
                self.try_it()
                return
            except OSError:
                time.sleep(0.02)
        raise CannotStart(f"{self.name} does not accept on port {self.port}")

    def try_it(self):
        """Connect; or have a datagram answered, because nothing else tells that somebody is there."""
        if self.untouched:
            if not listens(self.port):
                raise OSError
        elif self.scheme == "tcp":
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        else:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.settimeout(1)
                client.connect(("127.0.0.1", self.port))
                client.send(b"hello")
                client.recv(16)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def listens(port):
    """Whether there is a listening socket on 127.0.0.1:PORT. The columns are in proc_net_tcp.rst."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        return any(line.split()[1:4:2] == [f"0100007F:{port:04X}", "0A"] for line in file)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def preforkd(name, path, text, port, environment=None, scheme="tcp"):
    """preforkd with the configuration TEXT, which is written to PATH."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return Server(name, [f"{BUILD}/preforkd", "-c", path], port, environment, scheme)


def load(server, options, seconds=None, generators=1):
    """Have `preforkc load` at SERVER, so many of them at once. Returns what they report."""
    command = [f"{BUILD}/preforkc", "load", f"{server.scheme}://127.0.0.1:{server.port}", "--json"] + options
    if seconds:
        command += ["--duration", f"{int(seconds * 1000)}ms"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(generators)]
    results = [json.loads(generator.communicate()[0]) for generator in running]
    for result in results:
        if result["failed"]:
            print(f"bench: {' '.join(options)} on {server.name}: {result['failures']} "
                  f"{result['local_error']}", file=sys.stderr)
    return results


def progress(text):
    """One line that the next one overwrites."""
    if sys.stderr.isatty():
        print(f"\r{text} \033[K", end="", file=sys.stderr)
