# SPDX-License-Identifier: MIT
"""warm = "start": the program waits before its main()."""

import os
import re
import subprocess
import sys

from pool import *

PYTHON = os.path.realpath(sys.executable)


def test_environment_has_the_connection_and_no_trace():
    with Pool() as pool:
        worker = pool.start("env", mode="start", env={"TCPREMOTEPORT": "stale", "IPCREMOTEPID": "1"})
        worker.wait_ready()
        client = pool.connect()
        lines = receive_all(client).decode().splitlines()
        host, port = client.getsockname()
        names = [line.split("=")[0] for line in lines]
        assert len(names) == len(set(names)), lines
        for line in ("PROTO=TCP", f"TCPREMOTEIP={host}", f"TCPREMOTEPORT={port}", "TCPLOCALIP=127.0.0.1",
                     f"TCPLOCALPORT={pool.listeners[0].getsockname()[1]}", f"REMOTE_ADDR={host}",
                     f"REMOTE_PORT={port}"):
            assert line in lines, (line, lines)
        assert not {"LD_PRELOAD", "PREFORKD_WARM", "IPCREMOTEPID"} & set(names), lines
        assert worker.wait_exit() == 0


def test_library_of_the_configuration_stays():
    with Pool() as pool:
        pool.start("env", mode="start", preload="libutil.so.1:libdl.so.2").wait_ready()
        text = receive_all(pool.connect()).decode()
        assert "LD_PRELOAD=libutil.so.1:libdl.so.2\n" in text, text


def test_python_and_perl_see_the_variables():
    with Pool() as pool:
        pool.start(PYTHON, "-c", "import os; print(os.environ['TCPREMOTEPORT'])", mode="start")
        pool.start("perl", "-e", "print $ENV{TCPREMOTEPORT}", mode="start", slot=1)
        for _ in range(2):
            client = pool.connect()
            assert int(receive_all(client)) == client.getsockname()[1]


def test_cat_and_its_descriptors():
    with Pool() as pool:
        worker = pool.start("cat", mode="start").wait_ready()
        client = pool.connect()
        client.sendall(b"x")
        assert client.recv(1) == b"x" and worker.descriptors() == [0, 1, 2]
        assert exchange(client, b"yz") == b"yz"
        assert worker.wait_exit() == 0


def test_signals_and_mask_are_as_they_were():
    with Pool() as pool:
        pool.start("cat", "/proc/self/status", mode="start").wait_ready()
        warm = receive_all(pool.connect()).decode()
    cold = subprocess.check_output(["cat", "/proc/self/status"], restore_signals=True).decode()
    for name in "SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd":
        sets = [re.search(f"^{name}:\t(.*)$", text, re.MULTILINE)[1] for text in (warm, cold)]
        assert sets[0] == sets[1], (name, sets)


def test_constructors_of_other_libraries_run_before():
    with Pool() as pool:
        library = os.path.join(BUILD, "tests", "preload", "early.so")
        worker = pool.start("cat", mode="start", preload=library)
        worker.wait_ready()
        assert worker.said() == "constructor\n"  # it has run, though the program waits
        assert exchange(pool.connect(), b"x") == b"x"


def test_death_signal_is_cancelled():
    with Pool() as pool:
        library = os.path.join(BUILD, "tests", "preload", "early.so")
        worker = pool.start("perl", "-e", "print <STDIN>", mode="start", preload=library)
        client = pool.connect()
        assert exchange(client, b"x\n") == b"x\n"
        worker.wait_exit()
        assert worker.said() == "constructor\ndeath signal 0\n", worker.said()
