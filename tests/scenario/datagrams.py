# SPDX-License-Identifier: MIT
"""datagrams - clients without connections, for test_122 and test_123."""
import os
import select
import socket
import struct
import time

from harness import *

LONGEST = 65507  # bytes of one datagram over IPv4


class Asker:
    """A client of one address: ("127.0.0.1", port), ("::1", port), "/path" or "@abstract"."""

    def __init__(self, t, where, source=None, limit=LIMIT):
        if isinstance(where, int):
            where = ("127.0.0.1", where)
        self.path = None
        if isinstance(where, str):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.path = t.path(f"asker-{os.getpid()}-{id(self)}")
            self.socket.bind(self.path)
            os.chmod(self.path, 0o777)  # the service's user answers
            where = "\0" + where[1:] if where.startswith("@") else where
        else:
            family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if source:
                self.socket.bind(source)
        self.where = where
        self.socket.settimeout(limit)

    def send(self, data):
        self.socket.sendto(data, self.where)
        return self

    def recv(self):
        """(the next answer, who sent it)"""
        return self.socket.recvfrom(1 << 17)

    def ask(self, data):
        """The answer to DATA, which comes from where it was asked."""
        answer, sender = self.send(data).recv()
        if self.path is None:
            equal(sender[:2], self.where[:2], "who answered")
        return answer

    def has_answer(self, seconds=0):
        return bool(select.select([self.socket], [], [], seconds)[0])

    def close(self):
        self.socket.close()
        if self.path:
            os.unlink(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(t, where, data, source=None):
    with Asker(t, where, source) as asker:
        return asker.ask(data)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def own_address():
    """An IPv4 address of this machine that is not loopback's; None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        host = probe.getsockname()[0]
    return None if host.startswith("127.") else host


def forge(source, where, data):
    """Send DATA to WHERE as if it came from SOURCE; needs root. The kernel fills in what is 0."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0,
                         socket.inet_aton(source[0]), socket.inet_aton(where[0]))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(header + struct.pack("!HHHH", source[1], where[1], 8 + len(data), 0) + data,
                   (where[0], 0))


class Crowd:
    """PROCESSES clients that ask one after another until stop(), each message another one. An
    answer that does not come within PATIENCE seconds is counted, and asked for no more."""

    def __init__(self, t, where, processes=4, patience=5):
        self.t, self.where, self.patience = t, where, patience
        self.asked = self.lost = 0
        self.flag = t.path(f"stop-{id(self)}")
        self.children = [self.start() for _ in range(processes)]

    def start(self):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                asked, lost = self.run()
                os.write(writer, f"{asked} {lost}".encode())
            finally:
                os._exit(0)
        os.close(writer)
        return pid, reader

    def run(self):
        asked = lost = 0
        with Asker(self.t, self.where, limit=self.patience) as asker:
            while not os.path.exists(self.flag):
                message = f"{os.getpid()} {asked}".encode()
                asked += 1
                asker.send(message)
                try:
                    while asker.recv()[0] != message:
                        pass  # one that was given up
                except socket.timeout:
                    lost += 1
        return asked, lost

    def stop(self):
        open(self.flag, "w").close()
        for pid, reader in self.children:
            with os.fdopen(reader) as file:
                asked, lost = file.read().split()
            os.waitpid(pid, 0)
            self.asked += int(asked)
            self.lost += int(lost)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not os.path.exists(self.flag):
            self.stop()
