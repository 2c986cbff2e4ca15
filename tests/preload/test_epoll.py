# SPDX-License-Identifier: MIT
"""Epoll sets of a template: it may make them, each copy has its own."""

import os
import sys

from pool import *

PYTHON = os.path.realpath(sys.executable)


def test_imports_are_paid_by_the_template():
    """They make an epoll set to see whether that works, and close it."""
    code = ("import asyncio, os, selectors, socketserver, subprocess, sys\n"
            "os.write(2, b'imported'); os.write(1, os.read(0, 1))")
    with Pool() as pool:
        template = pool.start(PYTHON, "-c", code, template=True)
        assert pool.hello() == 1
        assert template.said() == "imported"
        for slot in (1, 2):
            copy = pool.order(slot).wait_ready()
            assert exchange(pool.connect(), b"x") == b"x"
            assert copy.wait_exit() == 0 and copy.said() == ""


EPOLL = """
import fcntl, os, select, sys
{make}
os.write(2, b'made')
{use}
set.register(0, select.EPOLLIN)
while events := set.poll(10):
    assert events == [(0, 1)], events
    data = os.read(0, 99)
    os.write(1, data)
    if not data:
        break
print(set.fileno(), os.get_inheritable(set.fileno()), open('/proc/self/fdinfo/%d' % set.fileno())
      .read().count('tfd:'))
"""


def epoll_copies(make, use=""):
    """Two copies that have a set each, taking turns. What they told of it; made before they were."""
    with Pool() as pool:
        template = pool.start(PYTHON, "-c", EPOLL.format(make=make, use=use), template=True)
        assert pool.hello() == 1
        assert template.said() == "made"
        copies = [pool.order(slot).wait_ready() for slot in (1, 2)]
        clients = [pool.connect() for _ in copies]
        for _ in range(3):
            for text, client in zip((b"one", b"two"), clients):
                client.sendall(text)
                assert client.recv(9) == text
        told = [exchange(client).decode() for client in clients]
        assert [copy.wait_exit() for copy in copies] == [0, 0], [copy.said() for copy in copies]
        assert not template.poll()
    assert told[0] == told[1], told
    return told[0]


def test_epoll_sets_are_each_copys_own():
    assert epoll_copies("set = select.epoll()") == "3 False 1\n"
    assert epoll_copies("set = select.epoll(); os.set_inheritable(3, True)") == "3 True 1\n"
    # At another number, made by the older call, and with some that are gone or of another kind.
    move = ("import ctypes\nopen('/dev/null')\nselect.epoll().close()\nfile = open('/etc/passwd')\n"
            "other = select.epoll(); second = select.epoll(); other.close()\n"
            "fd = ctypes.CDLL(None).epoll_create(1)\n"
            "os.dup2(fd, 20); os.close(fd); set = select.epoll.fromfd(20)")
    assert epoll_copies(move) == "20 True 1\n"


def test_template_waits_where_it_uses_its_epoll_set():
    """For something, or for nothing: whatever it is, the copies do it, each with its own."""
    for use in ("set.poll(0)", "set.register(2); set.unregister(2)",
                "import ctypes; ctypes.CDLL(None).epoll_pwait(set.fileno(), bytes(12), 1, 0, None)",
                "import ctypes; ctypes.CDLL(None).epoll_pwait2(set.fileno(), bytes(12), 1, bytes(16), None)"):
        told = epoll_copies("set = select.epoll(); first = os.getpid()", use + "\nassert os.getpid() != first")
        assert told.endswith(" False 1\n"), told


def test_epoll_set_that_is_in_use_stays_as_it_is():
    """Who calls the kernel directly is not seen; the others shall not lose what they have put in."""
    code = ("import ctypes, os, select\nset = select.epoll()\npair = os.open('/dev/ptmx', os.O_RDWR)\n"
            "assert ctypes.CDLL(None).syscall(233, set.fileno(), 1, pair, bytes(12)) == 0\n"
            "os.read(0, 1)\nos.write(1, b'%d' % open('/proc/self/fdinfo/3').read().count('tfd:'))")
    if os.uname().machine != "x86_64":
        raise Skip("the number of epoll_ctl is another one")
    with Pool() as pool:
        pool.start(PYTHON, "-c", code, template=True)
        assert pool.hello() == 1
        pool.order(1).wait_ready()
        assert exchange(pool.connect(), b"x") == b"1"


def test_event_loops_are_each_copys_own():
    code = """
import asyncio, sys
async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(line.decode().upper(), end='', flush=True)
asyncio.run(main())
"""
    with Pool() as pool:
        pool.start(PYTHON, "-c", code, template=True)
        assert pool.hello() == 1
        copies = [pool.order(slot).wait_ready() for slot in (1, 2, 3)]
        clients = [pool.connect() for _ in copies]
        for _ in range(3):
            for i, client in enumerate(clients):
                client.sendall(b"from %d\n" % i)
            for i, client in enumerate(clients):
                assert client.recv(99) == b"FROM %d\n" % i
        assert [exchange(client) for client in clients] == [b""] * 3
        assert [copy.wait_exit() for copy in copies] == [0] * 3
