# SPDX-License-Identifier: MIT
"""tier_herd - the harness itself: servers that treat every connection badly in one known way.

What the herd says of them is asserted, so that its silence elsewhere means something.
"""
import contextlib
import datetime
import socket
import struct
import threading

import auditor
from harness import Failure, equal
from herd import CLASSES, Herd
from journal import Journal

COUNT = 40  # connections to each bad server


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def good(client):
    while data := client.recv(1024):
        client.sendall(data)


def reset_at_once(client):
    client.recv(1)
    reset(client)


def end_at_once(client):
    client.recv(1024)


def reset_after_one(client):
    client.sendall(client.recv(1024))
    client.recv(1024)
    reset(client)


def end_in_the_middle(client):
    client.sendall(client.recv(1024)[:10])


def say_nothing(client):
    while client.recv(1024):
        pass


def lie(client):
    client.sendall(client.recv(1024)[::-1])
    client.recv(1024)


def babble(client):
    client.sendall(client.recv(1024) + b"and more")
    client.recv(1024)


class Server:
    """One thread for each connection; threads are of this test, not of the project."""

    def __init__(self, behave):
        self.behave = behave
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError), client:
            self.behave(client)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def classes_of(t, port, **options):
    herd = Herd(t, port, connections=8, limit=COUNT, timeout_ms=500, **options).wait()
    return {name: herd.total[name] for name in CLASSES if herd.total[name]}, herd


def tier_herd(tier):
    """Each behaviour is put into its class, all connections of it; each loss asks for a culprit."""
    for behave, options, wanted in (
            (good, {}, "served"), (end_at_once, {"policy": True}, "policy"),
            (end_at_once, {}, "reset_before"), (reset_at_once, {}, "reset_before"),
            (reset_at_once, {"policy": True}, "reset_before"),
            (reset_after_one, {}, "reset_middle"), (end_in_the_middle, {"policy": True}, "reset_middle"),
            (say_nothing, {}, "timeout"), (lie, {}, "wrong"), (babble, {}, "wrong")):
        server = Server(behave)
        got, herd = classes_of(tier.t, server.port, **options)
        server.close()
        equal(got, {wanted: COUNT}, f"classes of a server that does {behave.__name__}")
        equal(len(herd.lost), 0 if wanted == "served" else COUNT, "rows")
    equal(classes_of(tier.t, tier.t.port())[0], {"refused": COUNT}, "classes where nobody listens")
    blame(tier, herd_of_resets(tier.t))
    tier.figure("behaviours of servers, each in its class", 11, "11")


def time_of_day(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()


def herd_of_resets(t):
    server = Server(reset_after_one)
    herd = classes_of(t, server.port)[1]
    server.close()
    return herd


def blame(tier, herd):
    """The auditor takes no wrong culprit: not another peer, not another moment, not one twice."""
    loss = herd.lost[0]
    def verdict(killed, obituaries, losses):
        journal = Journal(tier.t.path("blame.jsonl"))
        for pid, at in killed:
            with journal.note("kill", pid=pid, kind="worker", hit=True) as row:
                pass
            row.update({"wall": at, "from": at, "to": at})
        rows = [{"worker_pid": pid, "peer": peer, "time": time_of_day(at)}
                for pid, peer, at in obituaries]
        herd.lost = losses
        try:
            return auditor.check_losses([herd], journal, rows)[0]
        except Failure:
            return "unexplained"
    now, later, before = (loss["began"] + loss["ended"]) / 2, loss["ended"] + 1, loss["began"] - 60
    his, nameless, other = (7, loss["peer"], now), (7, "", now), (7, "127.0.0.1:1", now)
    equal(verdict([(7, now)], [his], [loss]), 1, "the one who had it")
    equal(verdict([(7, now)], [nameless], [loss]), 1, "one who had not noted its peer yet")
    equal(verdict([(7, before), (7, now)], [his], [loss]), 1, "his number had been another's")
    equal(verdict([(7, now)], [other], [loss]), "unexplained", "another peer")
    equal(verdict([(7, later)], [his], [loss]), "unexplained", "another moment")
    equal(verdict([(7, before), (7, now)], [other], [loss]), "unexplained", "another of that number")
    equal(verdict([], [], [loss]), "unexplained", "nobody was killed")
    equal(verdict([(7, now)], [nameless], [loss, loss]), "unexplained", "one for two")
