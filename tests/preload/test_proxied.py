# SPDX-License-Identifier: MIT
"""Behind a proxy: who waits in the program reads the header. tests/scenario/test_124_proxy.py has
all that a header may be."""

import time

from pool import *

TRUSTED = {"PREFORKD_PROXY": "3000 1 10.0.0.0/8 127.0.0.1"}
HEADER = b"PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\n"


def turned_away(pool, data=b"nonsense"):
    try:
        assert exchange(pool.connect(), data) == b""
    except OSError:
        pass  # reset: it has not been read


def test_header_is_read_before_the_program_has_its_client():
    for mode in MODES:
        with Pool() as pool:
            worker = pool.start("cat", mode=mode, env=TRUSTED).wait_ready()
            turned_away(pool)
            turned_away(pool, b"GET / HTTP/1.1\r\n\r\n")
            assert exchange(pool.connect(), HEADER + b"x" * 9999) == b"x" * 9999
            assert (worker.wait_exit(), worker.refused, worker.connections) == (0, 2, 3)
            lines = worker.said().splitlines()
            assert len(lines) == 2, lines
            for line in lines:
                assert re.fullmatch(r'preforkd: connection refused peer=127\.0\.0\.1:\d+ '
                                    r'reason="malformed PROXY header: no PROXY header"', line), line


def test_variables_are_those_of_the_header():
    with Pool() as pool:
        worker = pool.start("env", mode="start", env=TRUSTED).wait_ready()
        lines = exchange(pool.connect(), HEADER).decode().splitlines()
        for line in ("TCPREMOTEIP=192.0.2.1", "TCPREMOTEPORT=1", "TCPLOCALIP=198.51.100.2",
                     "TCPLOCALPORT=2"):
            assert line in lines, lines
        assert not [line for line in lines if "PREFORKD" in line or "LD_" in line], lines
        assert worker.wait_exit() == 0 and worker.said() == ""


def test_copies_read_it_each_for_itself():
    with Pool() as pool:
        pool.start("cat", env=TRUSTED, template=True)
        pool.hello()
        copies = [pool.order(slot).wait_ready() for slot in (1, 2)]
        slow, quick = pool.connect(), pool.connect()
        slow.sendall(HEADER[:20])
        time.sleep(0.05)
        assert exchange(quick, HEADER + b"quick") == b"quick"
        assert exchange(slow, HEADER[20:] + b"slow") == b"slow"
        assert [copy.wait_exit() for copy in copies] == [0, 0]


def test_what_cannot_be_read_is_not_served():
    for text in ("", "nonsense", "3000 1", "3000 1 10.0.0.1/8"):
        with Pool() as pool:
            worker = pool.start("cat", env={"PREFORKD_PROXY": text})
            assert worker.wait_exit() == EXIT_SYSTEM
            assert worker.said() == "preforkd: PREFORKD_PROXY cannot be read\n"


def test_next_program_is_told_whatever_this_one_does():
    """It writes over its arguments and environment, or empties it."""
    for command in (("perl", "-e", "$0 = 'x' x 9999; exec 'cat'"), ("env", "-i", "/bin/cat"),
                    ("sh", "-c", "unset PREFORKD_PROXY; exec env cat")):
        with Pool() as pool:
            worker = pool.start(*command, env=TRUSTED).wait_ready()
            turned_away(pool)
            assert exchange(pool.connect(), HEADER + b"x") == b"x", command
            assert (worker.wait_exit(), worker.refused) == (0, 1), command


def test_told_to_leave_within_a_header():
    """Who has been accepted is served, if he says who he is; then there is nobody any more."""
    for rest, status in ((HEADER[20:] + b"x", b"x"), (b"nonsense\r\n", b"")):
        with Pool() as pool:
            worker = pool.start("cat", env=TRUSTED).wait_ready()
            client = pool.connect()
            client.sendall(HEADER[:20])
            time.sleep(0.1)
            worker.kill(DRAIN)
            time.sleep(0.1)
            assert not worker.poll()
            try:
                assert exchange(client, rest) == status
            except ConnectionError:
                assert status == b""
            assert worker.wait_exit() == EXIT_LEFT
            assert (worker.phase, worker.refused) == ((PROGRAM, 0) if status else (LEAVING, 1))
            assert worker.connections == 1, "accepted, be it refused or served"


def test_late_header():
    with Pool() as pool:
        worker = pool.start("cat", env={"PREFORKD_PROXY": "200 0 127.0.0.1"}).wait_ready()
        begin = time.monotonic()
        assert receive_all(pool.connect()) == b""
        assert 0.15 < time.monotonic() - begin < 3
        assert exchange(pool.connect(), HEADER + b"x") == b"x"
        assert (worker.wait_exit(), worker.refused, worker.said()) == (0, 1, "")
