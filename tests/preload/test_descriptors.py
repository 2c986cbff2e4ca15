# SPDX-License-Identifier: MIT
"""What a program does to descriptors before its client is there."""

import os
import sys

from pool import *

PYTHON = os.path.realpath(sys.executable)


def python(code, request=b"x"):
    """What a client gets of CODE, and what that said."""
    with Pool(listeners=2) as pool:
        worker = pool.start(PYTHON, "-c", "import os, ctypes, fcntl\n" + code).wait_ready()
        answer = exchange(pool.connect(), request)
        assert worker.wait_exit() == 0, worker.said()
        return answer.decode(), worker.said()


def test_closing_all_that_are_unknown():
    assert python("for fd in range(3, 1024):\n try: os.close(fd)\n except OSError: pass\n"
                  "os.write(1, os.read(0, 9))") == ("x", "")


def test_closerange_and_closefrom():
    for call in ("os.closerange(3, 4096)", "ctypes.CDLL(None).closefrom(3)",
                 "ctypes.CDLL(None).close_range(3, 0xffffffff, 0)"):
        assert python(f"{call}\nos.write(1, os.read(0, 9))") == ("x", "")


def test_ours_seem_not_to_be_open():
    assert python("found = [int(fd) for fd in os.listdir('/proc/self/fd') if int(fd) >= 700]\n"
                  "assert len(found) == 6, found\n"
                  "for fd in found:\n"
                  " try: os.close(fd); os.write(2, b'closed')\n"
                  " except OSError as error: assert error.errno == 9\n"
                  "os.write(1, os.read(0, 9))") == ("x", "")


def test_ours_make_way():
    assert python("found = [int(fd) for fd in os.listdir('/proc/self/fd') if int(fd) >= 700]\n"
                  "for fd in found: os.dup2(2, fd)\n"
                  "for fd in found: assert os.fstat(fd).st_ino == os.fstat(2).st_ino\n"
                  "for fd in found: os.close(fd)\n"
                  "os.write(1, os.read(0, 9))\n"
                  "found = sorted(int(fd) for fd in os.listdir('/proc/self/fd'))\n"
                  "os.write(1, str(found).encode())") == ("x[0, 1, 2, 3]", "")


def test_made_way_goes_along_with_exec():
    assert python("found = [int(fd) for fd in os.listdir('/proc/self/fd') if int(fd) >= 700]\n"
                  "for fd in found: os.dup2(2, fd)\n"
                  "os.execvp('cat', ['cat'])") == ("x", "")


def test_low_limit_on_descriptors():
    assert python("import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))\n"
                  "os.write(1, os.read(0, 9))") == ("x", "")


def test_close_on_exec_of_0_and_1_stays():
    assert python("fcntl.fcntl(0, fcntl.F_SETFD, 1)\nos.write(1, os.read(0, 9))\n"
                  "os.write(1, b'%d%d' % (fcntl.fcntl(0, fcntl.F_GETFD), fcntl.fcntl(1, 1)))"
                  ) == ("x10", "")


def test_closing_one_of_the_two():
    assert python("os.close(0)\nos.write(1, b'answer')", b"") == ("answer", "")
    assert python("os.dup2(2, 0)\nos.write(1, b'answer')", b"") == ("answer", "")
    assert python("os.close(1)\nos.write(0, os.read(0, 9))") == ("x", "")


def test_mere_looks_take_no_client():
    with Pool() as pool:
        code = ("import os, fcntl, sys, time\n"
                "for fd in 0, 1:\n"
                " os.fstat(fd); os.isatty(fd); fcntl.fcntl(fd, fcntl.F_GETFL)\n"
                " fcntl.fcntl(fd, fcntl.F_GETFD); os.get_inheritable(fd)\n"
                " try: os.lseek(fd, 0, 1)\n"
                " except OSError: pass\n"
                "os.write(2, b'done'); time.sleep(100)")
        worker = pool.start(PYTHON, "-c", code)
        wait_until(lambda: "done" in worker.said(), "the end of looking")
        assert worker.phase == UNBORN
