# SPDX-License-Identifier: MIT
"""records - clients whose messages are kept apart (seqpacket), for test_120, test_123 and test_124."""
import socket

from harness import *

RECORD_MAX = 256 * 1024  # PREFORKD_RECORD_MAX


class RecordClient(Client):
    """A client of the path; recv() is a record, b"" an empty one or the end."""

    def __init__(self, path, send_buffer=None):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if send_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self.socket.settimeout(LIMIT)
        self.socket.connect(path)

    def send(self, *records):
        for record in records:
            self.socket.send(record)
        return self

    def recv(self, size=2 * RECORD_MAX):
        return self.socket.recv(size)

    def ask(self, record):
        return self.send(record).recv()

    def longest(self):
        """What may be sent as one record: the kernel keeps 32 bytes of the buffer to itself."""
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - 32
