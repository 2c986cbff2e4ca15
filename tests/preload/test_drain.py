# SPDX-License-Identifier: MIT
"""Leaving while no client is there."""

import os
import sys

from pool import *

PYTHON = os.path.realpath(sys.executable)


def assert_left(worker):
    assert worker.wait_exit() == EXIT_LEFT, (worker.status, worker.said())
    assert worker.phase == LEAVING and worker.connections == 0
    assert worker.said() == ""


def test_while_waiting():
    for mode in MODES:
        for listeners in (1, 2):
            for number in (DRAIN, signal.SIGTERM):
                with Pool(listeners=listeners) as pool:
                    worker = pool.start("cat", mode=mode).wait_ready()
                    wait_until(worker.in_accept, "accept")
                    worker.kill(number)
                    assert_left(worker)


def test_at_any_moment_around_readiness():
    for i in range(60):
        with Pool() as pool:
            worker = pool.start("cat", mode="io" if i % 2 else "start")
            if i % 3 == 0:
                worker.wait_ready()
            else:
                time.sleep(i * 0.0001)
            pool.set_state(0, DRAINING)
            worker.kill(DRAIN)
            worker.wait_exit()
            assert worker.status == 0 and worker.phase == LEAVING, (i, worker.status, worker.phase)


def test_told_before_anybody_listened():
    with Pool() as pool:
        worker = pool.start("sh", "-c", "while [ ! -e /proc/self/nothing ]; do sleep 0.05; "
                            "kill -WINCH $$; break; done; read x")
        pool.set_state(0, DRAINING)
        # The shell forks for sleep, and takes its client there.
        assert_left(worker)


def test_at_the_gate():
    with Pool(gate_open=False) as pool:
        worker = pool.start("cat").wait_ready()
        worker.kill(DRAIN)
        assert_left(worker)


def test_waiting_in_another_thread():
    script = ("import threading, os, time\n"
              "threading.Thread(target=lambda: os.read(0, 1)).start()\n"
              "time.sleep(100)")
    with Pool() as pool:
        worker = pool.start(PYTHON, "-c", script).wait_ready()
        time.sleep(0.1)
        worker.kill(DRAIN)
        assert_left(worker)


def test_own_handlers_do_not_interfere():
    script = ("import signal, os\n"
              "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
              "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGWINCH})\n"
              "os.read(0, 1)")
    with Pool() as pool:
        worker = pool.start(PYTHON, "-c", script).wait_ready()
        wait_until(worker.in_accept, "accept")
        worker.kill(signal.SIGTERM)
        assert_left(worker)


def test_exit_functions_do_not_run():
    with Pool() as pool:
        worker = pool.start("bash", "-c", "trap 'echo exit >&2' EXIT; read x").wait_ready()
        worker.kill(DRAIN)
        assert_left(worker)


def test_wrong_parent():
    for mode in MODES:
        with Pool() as pool:
            worker = pool.start("cat", mode=mode, pool_pid=1)
            assert worker.wait_exit() == EXIT_PARENT and worker.phase == UNBORN


def test_death_of_the_pool():
    """A process between us and the worker plays a pool that dies."""
    with Pool() as pool:
        read_end, write_end = os.pipe()
        between = os.fork()
        if between == 0:
            try:
                worker = pool.start("cat").wait_ready()
                os.write(write_end, struct.pack("i", worker.pid))
            finally:
                os._exit(0)
        worker = Worker(pool, 0, struct.unpack("i", os.read(read_end, 4))[0])
        os.waitpid(between, 0)
        os.close(read_end)
        os.close(write_end)
        assert worker.wait_exit() == EXIT_LEFT and worker.phase == LEAVING


def test_dead_listener():
    with Pool() as pool:
        worker = pool.start("cat").wait_ready()
        pool.listeners[0].shutdown(socket.SHUT_RD)
        assert worker.wait_exit() == EXIT_SOCKET
        assert worker.said() == "preforkd: the listening socket is unusable: Invalid argument\n"


def test_missing_descriptor():
    with Pool() as pool:
        worker = pool.start("cat", before=lambda: os.closerange(HIGH + 50, HIGH + 60))
        assert worker.wait_exit() == EXIT_SYSTEM
        assert "preforkd: a descriptor of the worker is not there" in worker.said()
