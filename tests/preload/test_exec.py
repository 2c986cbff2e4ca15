# SPDX-License-Identifier: MIT
"""Programs that become others before their client is there."""

import os
import sys
import tempfile

from pool import *

PYTHON = os.path.realpath(sys.executable)
STATIC = os.path.join(BUILD, "tests", "preload", "static")


def comm(worker):
    with open(f"/proc/{worker.pid}/comm", encoding="ascii") as file:
        return file.read().strip()


def served(pool, worker, request=b"x"):
    answer = exchange(pool.connect(), request)
    assert worker.wait_exit() == 0, (worker.status, worker.said())
    return answer


def script(text):
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "script")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


def test_wrappers_stay_warm():
    for command in (("env", "cat"), ("nice", "cat"), ("sh", "-c", "exec cat"),
                    ("bash", "--norc", "-c", "exec cat"), ("env", "nice", "env", "A=b", "cat"),
                    ("perl", "-e", "exec 'cat'"), ("env", "-i", "/bin/cat"),
                    ("env", "-u", "LD_PRELOAD", "cat"), ("nohup", "cat"),
                    (PYTHON, "-c", "import os; os.execlp('cat', 'cat')"),
                    (PYTHON, "-c", "import os; os.execve('/bin/cat', ['cat'], {})")):
        with Pool() as pool:
            worker = pool.start(*command).wait_ready()
            assert comm(worker) == "cat", (command, comm(worker))
            assert served(pool, worker) == b"x", command


def test_script_of_env_python3_stays_warm():
    path = script("#!/usr/bin/env python3\nimport os\nos.write(1, os.read(0, 9).upper())\n")
    with Pool() as pool:
        worker = pool.start(path).wait_ready()
        assert comm(worker).startswith("python"), comm(worker)
        assert served(pool, worker) == b"X"


def test_chain_of_scripts():
    inner = script("#!/bin/sh\nexec cat\n")
    path = script(f"#!{inner}\n")
    with Pool() as pool:
        worker = pool.start("env", path).wait_ready()
        assert comm(worker) == "cat"
        assert served(pool, worker) == b"x"


def test_library_of_the_configuration_goes_along():
    with Pool() as pool:
        worker = pool.start("env", "env", preload="libutil.so.1").wait_ready()
        text = receive_all(pool.connect()).decode()
        assert "LD_PRELOAD=libutil.so.1\n" in text and "PREFORKD" not in text, text
        assert worker.wait_exit() == 0


def test_static_program_gets_its_client_first():
    if not os.path.exists(STATIC):
        raise Skip("there is no static C library")
    with Pool() as pool:
        worker = pool.start("env", STATIC).wait_ready()
        assert comm(worker) == "env"  # it waits here
        client = pool.connect()
        text = receive_all(client).decode()
        assert f"TCPREMOTEPORT={client.getsockname()[1]}" in text, text
        assert "PREFORKD" not in text and "LD_PRELOAD" not in text
        assert "descriptors 0 1 2\n" in text, text


def test_set_user_id_program_gets_its_client_first():
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "cat")
    with open("/bin/cat", "rb") as source, open(path, "wb") as copy:
        copy.write(source.read())
    os.chmod(path, 0o4755)
    with Pool() as pool:
        worker = pool.start("env", path).wait_ready()
        assert comm(worker) == "env"
        assert served(pool, worker) == b"x"


def test_exec_that_fails_changes_nothing():
    code = ("import os\ntry: os.execv('/nonexistent', ['x'])\nexcept OSError: pass\n"
            "try: os.execv('/etc/passwd', ['x'])\nexcept OSError: pass\n"
            "os.write(1, os.read(0, 9))")
    with Pool() as pool:
        worker = pool.start(PYTHON, "-c", code).wait_ready()
        assert served(pool, worker) == b"x"


def test_children_come_after_the_client():
    for command in (("sh", "-c", "cat; true"), ("bash", "-c", "cat; true"), ("timeout", "9", "cat"),
                    ("perl", "-e", "system('cat')"), ("perl", "-e", "open(F, 'cat |'); print <F>"),
                    (PYTHON, "-c", "import os; os.system('cat')"),
                    (PYTHON, "-c", "import subprocess; subprocess.run(['cat'])"),
                    (PYTHON, "-c", "import os; os.waitpid(os.posix_spawnp('cat', ['cat'], {}), 0)"),
                    (PYTHON, "-c", "import os; os.popen('cat').read(); os.write(1, b'x')"),
                    ("sh", "-c", "cat | cat")):
        with Pool() as pool:
            worker = pool.start(*command).wait_ready()
            assert served(pool, worker) == b"x", command
