# SPDX-License-Identifier: MIT
"""Copies of a template."""

import os
import re
import sys
import tempfile

from pool import *

PYTHON = os.path.realpath(sys.executable)


def parent_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def answer_of(pool, request=b"x"):
    return exchange(pool.connect(), request).decode()


def test_copies_are_workers_of_the_pool():
    for mode in MODES:
        with Pool(slots=8) as pool:
            template = pool.start("cat", mode=mode, template=True)
            assert pool.hello() == 1
            copies = [pool.order(slot).wait_ready() for slot in range(1, 6)]
            assert len({copy.pid for copy in copies} | {template.pid}) == 6
            for copy in copies:
                assert parent_of(copy.pid) == os.getpid()
                assert os.getsid(copy.pid) == copy.pid
            for i in range(5):
                assert answer_of(pool, b"%d" % i) == str(i)
            assert [copy.wait_exit() for copy in copies] == [0] * 5
            assert [copy.connections for copy in copies] == [1] * 5
            pool.control.close()
            assert template.wait_exit() == 0


def test_template_takes_no_client_and_ends_with_its_line():
    with Pool() as pool:
        template = pool.start("cat", template=True)
        assert pool.hello() == 1
        client = pool.connect()
        client.sendall(b"x")
        assert not select.select([client], [], [], 0.2)[0]
        pool.control.close()
        assert template.wait_exit() == 0


def test_copy_knows_who_it_is():
    code = ("import os, threading, signal\n"
            "os.read(0, 1)\n"
            "t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
            "signal.signal(signal.SIGUSR1, lambda *_: None); signal.raise_signal(signal.SIGUSR1)\n"
            "print(os.getpid(), threading.get_native_id(), os.getppid(), os.getsid(0),"
            " sorted(os.listdir('/proc/self/fd')))")
    with Pool() as pool:
        pool.start(PYTHON, "-c", code, template=True)
        pool.hello()
        copies = [pool.order(slot).wait_ready() for slot in (1, 2)]
        seen = set()
        for _ in copies:
            pid, tid, ppid, sid, rest = answer_of(pool).split(" ", 4)
            assert pid == tid == sid and int(ppid) == os.getpid(), (pid, tid, ppid, sid)
            assert rest.strip() == "['0', '1', '2', '3']", rest
            seen.add(int(pid))
        assert seen == {copy.pid for copy in copies}


def test_abort_and_raise_end_the_copy():
    for code, status in (("os.abort()", -6), ("signal.raise_signal(signal.SIGKILL)", -9),
                         ("ctypes.CDLL(None).raise_(15)", None)):
        if status is None:
            continue
        with Pool() as pool:
            template = pool.start(PYTHON, "-c", "import os, signal\nos.read(0, 1)\n" + code,
                                  template=True)
            pool.hello()
            copy = pool.order(1).wait_ready()
            client = pool.connect()
            client.sendall(b"x")
            assert copy.wait_exit() == status
            assert not template.poll()


def test_copies_fork_like_others():
    with Pool() as pool:
        pool.start("sh", "-c", "read x; (echo child $x); echo parent; exec cat", template=True)
        pool.hello()
        pool.order(1).wait_ready()
        pool.order(2).wait_ready()
        for _ in range(2):
            assert answer_of(pool, b"1\nrest") == "child 1\nparent\nrest"


def test_each_has_a_standard_error_of_its_own():
    with Pool() as pool:
        template = pool.start(PYTHON, "-c", "import os; os.write(2, os.read(0, 9)); os.write(1, b'.')",
                              template=True)
        pool.hello()
        first = pool.order(1).wait_ready()
        assert answer_of(pool, b"one") == "."
        second = pool.order(2).wait_ready()
        assert answer_of(pool, b"two") == "."
        assert (template.said(), first.said(), second.said()) == ("", "one", "two")


def test_standard_error_that_is_elsewhere_stays_there():
    with Pool() as pool:
        pool.start("sh", "-c", "exec 2>/dev/null; read x; echo $x >&2; echo .", template=True)
        pool.hello()
        copy = pool.order(1).wait_ready()
        assert answer_of(pool, b"one\n") == ".\n"
        assert copy.wait_exit() == 0 and copy.said() == ""


def test_copies_drain():
    with Pool() as pool:
        pool.start("cat", template=True)
        pool.hello()
        for slot in (1, 2):
            copy = pool.order(slot).wait_ready()
            wait_until(copy.in_accept, "accept")
            copy.kill(DRAIN)
            assert copy.wait_exit() == EXIT_LEFT and copy.phase == LEAVING
        copy = pool.order(3).wait_ready()
        assert answer_of(pool) == "x" and copy.wait_exit() == 0


def test_gate():
    with Pool(gate_open=False) as pool:
        pool.start("cat", template=True)
        pool.hello()
        pool.order(1).wait_ready()
        client = pool.connect()
        client.sendall(b"x")
        assert not select.select([client], [], [], 0.2)[0]
        pool.open_gate()
        assert exchange(client) == b"x"
        pool.order(2).wait_ready()
        assert answer_of(pool) == "x"


def test_threads_are_refused():
    code = ("import threading, time, os\n"
            "threading.Thread(target=time.sleep, args=(100,), daemon=True).start()\nos.read(0, 1)")
    with Pool() as pool:
        template = pool.start(PYTHON, "-c", code, template=True)
        assert pool.hello() == 2
        assert template.wait_exit() == EXIT_LEFT and template.said() == ""


def test_threads_that_were_joined_do_not_matter():
    code = ("import threading, os\n"
            "t = threading.Thread(target=print, args=('',), kwargs={'file': open(os.devnull, 'w')})\n"
            "t.start(); t.join()\nos.write(1, os.read(0, 1))")
    with Pool() as pool:
        pool.start(PYTHON, "-c", code, template=True)
        assert pool.hello() == 1
        pool.order(1).wait_ready()
        assert answer_of(pool) == "x"


def test_wrappers():
    with Pool() as pool:
        template = pool.start("env", "nice", "sh", "-c", "exec cat", template=True)
        assert pool.hello() == 1
        with open(f"/proc/{template.pid}/comm", encoding="ascii") as file:
            assert file.read() == "cat\n"
        pool.order(1).wait_ready()
        assert answer_of(pool) == "x"


def test_interpreters():
    for command in (("perl", "-e", "$|=1; $x=<STDIN>; print qq($$ $x)"),
                    (PYTHON, "-c", "import os; x = input(); print(os.getpid(), x)"),
                    ("bash", "-c", "read x; echo $BASHPID $x")):
        with Pool(slots=16) as pool:
            pool.start(*command, template=True)
            assert pool.hello() == 1, command
            copies = [pool.order(slot).wait_ready() for slot in range(1, 11)]
            pids = set()
            for i in range(10):
                pid, number = answer_of(pool, b"%d\n" % i).split()
                assert int(number) == i
                pids.add(int(pid))
            assert pids == {copy.pid for copy in copies}, command
            assert [copy.wait_exit() for copy in copies] == [0] * 10


def test_pipes_are_each_copys_own():
    for command in (("sh", "-c", "cat | cat"), (PYTHON, "-c", "import subprocess; subprocess.run('cat')"),
                    ("perl", "-e", "print `cat`"), ("bash", "--norc", "-c", "x=$(cat); echo -n $x")):
        with Pool() as pool:
            pool.start(*command, template=True)
            assert pool.hello() == 1
            copies = [pool.order(slot).wait_ready() for slot in (1, 2)]
            assert [answer_of(pool), answer_of(pool)] == ["x", "x"], command
            assert [copy.wait_exit() for copy in copies] == [0, 0]


def test_script_is_read_by_each_copy_at_its_own_pace():
    for shell in ("bash", "dash"):
        text = "read x\n" + "true | true\necho $x\nread x\n" * 20 + "# " + "x" * 70 + "\n" * 9000
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as file, Pool(slots=8) as pool:
            file.write(text + "echo end\n")
            file.flush()
            template = pool.start(shell, file.name, template=True)
            assert pool.hello() == 1
            copies = [pool.order(slot).wait_ready() for slot in range(1, 5)]
            clients = [pool.connect() for _ in copies]
            for number in range(20):
                for client in clients:
                    client.sendall(b"%d\n" % number)
                for client in clients:
                    assert client.recv(99) == b"%d\n" % number
            assert [exchange(client) for client in clients] == [b"end\n"] * 4
            assert [copy.wait_exit() for copy in copies] == [0] * 4, [copy.said() for copy in copies]
            assert not template.poll()


def test_orders_that_make_no_sense():
    with Pool(slots=4) as pool:
        template = pool.start("cat", template=True)
        pool.hello()
        error = os.dup(2)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [error]))]
        pool.control.sendmsg([struct.pack("III", MAGIC, 4, 1)], rights)
        assert struct.unpack("IIi", pool.control.recv(64)) == (MAGIC, 4, -errno.EINVAL)
        pool.control.send(struct.pack("III", MAGIC, 1, 1))
        assert struct.unpack("IIi", pool.control.recv(64)) == (MAGIC, 1, -errno.EBADF)
        os.close(error)
        assert answer_after_order(pool) == "x"
        pool.control.send(b"nonsense")
        assert template.wait_exit() == EXIT_SYSTEM
        assert re.fullmatch("preforkd: .*pool\n", template.said())


def answer_after_order(pool):
    pool.order(1).wait_ready()
    return answer_of(pool)


def test_fork_where_the_kernel_does_not_help():
    code = ("import os, signal\nos.read(0, 1)\n"
            "print(os.getpid(), os.getppid(), os.getsid(0), sorted(os.listdir('/proc/self/fd')))")
    with Pool() as pool:
        template = pool.start(PYTHON, "-c", code, template=True,
                              preload=os.path.join(BUILD, "tests", "preload", "noaddress.so"))
        pool.hello()
        for slot in (1, 2):
            copy = pool.order(slot).wait_ready()
            assert copy.pid != template.pid and parent_of(copy.pid) == os.getpid()
            pid, ppid, sid, rest = answer_of(pool).split(" ", 3)
            assert int(pid) == int(sid) == copy.pid and int(ppid) == os.getpid()
            assert rest == "['0', '1', '2', '3']\n", rest
            assert copy.wait_exit() == 0
