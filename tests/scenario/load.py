# SPDX-License-Identifier: MIT
"""load - plain clients in processes of their own that count what became of every connection.

Each connects, exchanges some messages that no other connection sends, compares every byte, closes,
and begins again. A connection ends in exactly one class: served, or lost with a reason.
"""
import json
import os
import signal
import socket
import struct
import time

from harness import LIMIT, Failure


def exchange(port, number, rounds):
    """One connection. (reason or None, local port, messages answered)"""
    answered = 0
    client = socket.socket()
    client.settimeout(LIMIT)
    local = 0
    try:
        client.connect(("127.0.0.1", port))
        local = client.getsockname()[1]
        for round in range(rounds):
            message = struct.pack("!IIQ", os.getpid(), number, round) * 4
            client.sendall(message)
            data = b""
            while len(data) < len(message):
                piece = client.recv(1024)
                if not piece:
                    return "closed", local, answered
                data += piece
            if data != message:
                return "mismatch", local, answered
            answered += 1
        return None, local, answered
    except ConnectionRefusedError:
        return "refused", local, answered
    except ConnectionError:
        return "reset", local, answered
    except socket.timeout:
        return "timeout", local, answered
    finally:
        client.close()


class Load:
    """PROCESSES clients against one echo service, until stop(); each makes a connection at least."""

    def __init__(self, port, processes=4, rounds=2):
        self.children = [self.start(port, rounds) for _ in range(processes)]
        self.served, self.lost = 0, []

    @staticmethod
    def start(port, rounds):
        reader, writer = os.pipe()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(writer)
            return pid, reader
        stopping = []
        signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(reader)
        served, lost = 0, []
        try:
            while not stopping or not served + len(lost):
                reason, local, answered = exchange(port, served + len(lost), rounds)
                if reason is None:
                    served += 1
                    continue
                lost.append([reason, local, answered])
                time.sleep(0.005)  # it failed: do not make a flood of it
        except OSError as error:
            lost.append([f"local: {error}", 0, 0])
        finally:
            with os.fdopen(writer, "w") as file:
                json.dump([served, lost], file)
            os._exit(0)

    def stop(self):
        """End it; self.served and self.lost (reason, local port, messages answered) are final."""
        for pid, _ in self.children:
            os.kill(pid, signal.SIGTERM)
        for pid, reader in self.children:
            with os.fdopen(reader) as file:
                text = file.read()
            os.waitpid(pid, 0)
            if not text:
                raise Failure("a load client died")
            served, lost = json.loads(text)
            self.served += served
            self.lost += lost
        self.children = []
        return self
