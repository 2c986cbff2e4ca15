# SPDX-License-Identifier: MIT
"""warm = "io": the program waits where it first touches 0 or 1."""

import os
import sys

from pool import *

PYTHON = os.path.realpath(sys.executable)


def serve(*command, request=b"", **options):
    """What a client gets that sends REQUEST to COMMAND, and what the program said."""
    with Pool() as pool:
        worker = pool.start(*command, **options).wait_ready()
        assert worker.connections == 0
        client = pool.connect()
        answer = exchange(client, request)
        assert worker.wait_exit() == 0, (worker.status, worker.said())
        assert worker.connections == 1 and worker.phase == PROGRAM
        return answer, worker.said()


def test_cat_echoes():
    assert serve("cat", request=b"hello\n") == (b"hello\n", "")


def test_a_mebibyte_both_ways_through_cat():
    payload = os.urandom(1 << 20)
    with Pool() as pool:
        pool.start("cat").wait_ready()
        assert pump(pool.connect(), payload) == payload


def test_end_of_input_reaches_the_program_and_answers_still_flow():
    answer, _ = serve("sort", request=b"pear\napple\nfig\n")
    assert answer == b"apple\nfig\npear\n"


def test_client_that_waits_for_the_answer_before_it_ends():
    with Pool() as pool:
        worker = pool.start("bash", "-c", "read line; echo \"got $line\"; read line; echo \"$line!\"")
        client = pool.connect()
        client.sendall(b"one\n")
        assert client.recv(100) == b"got one\n"
        client.sendall(b"two\n")
        assert client.recv(100) == b"two!\n"
        assert receive_all(client) == b""
        assert worker.wait_exit() == 0


def test_phase_times_and_peer_are_in_the_slot():
    with Pool(slots=8) as pool:
        worker = pool.start("cat", slot=5)
        assert worker.wait_ready().phase == IDLE
        before = time.monotonic_ns() // 1000
        client = pool.connect()
        worker.wait_phase(PROGRAM)
        assert before <= worker.started_us <= time.monotonic_ns() // 1000
        assert worker.field("I", 4) == 2  # the sequence
        assert struct.unpack(">H", struct.pack("Q", worker.field("Q", 56))[2:4])[0] == \
            client.getsockname()[1]
        assert select.select([pool.notify], [], [], 0)[0], "the pool was not notified"


def test_descriptors_are_0_1_2_when_the_client_is_there():
    with Pool() as pool:
        worker = pool.start("cat").wait_ready()
        client = pool.connect()
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert worker.descriptors() == [0, 1, 2]
        links = [os.readlink(f"/proc/{worker.pid}/fd/{fd}") for fd in (0, 1)]
        assert links[0] == links[1] and links[0].startswith("socket:")


def test_environment_has_no_trace():
    script = ("import os, subprocess; os.write(1, b''); "
              "print(*(f'{k}={v}' for k, v in os.environ.items()), sep='\\n'); "
              "print('CHILD'); print(subprocess.check_output(['env']).decode())")
    answer, _ = serve(PYTHON, "-c", script, preload="libutil.so.1", env={"CONFIGURED": "x"})
    text = answer.decode()
    assert "PREFORKD" not in text and "/proc/self/fd" not in text, text
    own, child = text.split("CHILD")
    for part in own, child:
        assert "LD_PRELOAD=libutil.so.1\n" in part and "CONFIGURED=x\n" in part, text
    assert "TCPREMOTE" not in own  # Python had copied its environment before


def test_environment_of_c_programs_has_the_connection():
    with Pool() as pool:
        # bash reads its environment at its start, env at its end.
        pool.start("env", "-i", "sh", "-c", "exec env").wait_ready()
        client = pool.connect()
        text = receive_all(client).decode()
        assert f"TCPREMOTEPORT={client.getsockname()[1]}\n" in text, text
        assert "PREFORKD" not in text and "LD_PRELOAD" not in text


def test_program_that_clears_its_environment():
    with Pool() as pool:
        pool.start("perl", "-e", "%ENV = (); print `env`").wait_ready()
        client = pool.connect()
        assert f"TCPREMOTEPORT={client.getsockname()[1]}\n" in receive_all(client).decode()


def test_getpeername_of_python():
    script = ("import socket; s = socket.socket(fileno=0); "
              "print(s.getpeername()[1], flush=True); s.detach()")
    with Pool() as pool:
        pool.start(PYTHON, "-c", script).wait_ready()
        client = pool.connect()
        assert int(receive_all(client)) == client.getsockname()[1]


def test_getpeername_of_perl():
    script = 'use Socket; my ($p, $a) = sockaddr_in(getpeername(STDIN)); print "$p\n";'
    with Pool() as pool:
        pool.start("perl", "-e", script).wait_ready()
        client = pool.connect()
        assert int(receive_all(client)) == client.getsockname()[1]


def test_server_that_speaks_first():
    assert serve("bash", "-c", "echo hello")[0] == b"hello\n"
    assert serve("dash", "-c", "echo hello")[0] == b"hello\n"
    assert serve(PYTHON, "-c", "print('hello')")[0] == b"hello\n"
    assert serve("perl", "-e", "print 'hello'")[0] == b"hello"


def test_program_that_blocks_not():
    script = ("import os, selectors, sys; os.set_blocking(0, False); s = selectors.DefaultSelector();"
              "s.register(0, selectors.EVENT_READ); s.select(); os.write(1, os.read(0, 99).upper())")
    assert serve(PYTHON, "-c", script, request=b"hello")[0] == b"HELLO"


def test_asyncio():
    script = """
import asyncio, sys
async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print((await reader.read()).decode().upper(), flush=True)
asyncio.run(main())
"""
    assert serve(PYTHON, "-c", script, request=b"hello")[0] == b"HELLO\n"


def test_touch_in_another_thread():
    script = """
import os, threading, time
def work():
    os.write(1, os.read(0, 100).upper())
threads = [threading.Thread(target=work) for _ in range(2)]
for t in threads: t.start()
for t in threads: t.join()
"""
    assert serve(PYTHON, "-c", script, request=b"hello")[0] == b"HELLO"


def test_unix_client():
    with Pool(family=socket.AF_UNIX) as pool:
        worker = pool.start("cat").wait_ready()
        assert exchange(pool.connect(), b"hello") == b"hello"
        assert worker.wait_exit() == 0


def test_several_listeners():
    with Pool(listeners=3) as pool:
        workers = [pool.start("cat", slot=slot).wait_ready() for slot in range(3)]
        for i in range(3):
            assert exchange(pool.connect(i), b"%d" % i) == b"%d" % i
        assert [worker.wait_exit() for worker in workers] == [0, 0, 0]


def test_single_listener_that_does_not_block():
    with Pool() as pool:
        pool.listeners[0].setblocking(False)
        pool.start("cat").wait_ready()
        assert exchange(pool.connect(), b"x") == b"x"


def test_gate_keeps_clients_waiting():
    with Pool(gate_open=False) as pool:
        worker = pool.start("cat").wait_ready()
        client = pool.connect()
        client.sendall(b"x")
        assert not select.select([client], [], [], 0.2)[0] and worker.phase == IDLE
        pool.open_gate()
        assert exchange(client) == b"x"


def test_standard_error_is_only_the_programs():
    assert serve("sh", "-c", "echo problem >&2; cat", request=b"x") == (b"x", "problem\n")


def test_program_that_touches_nothing_is_never_ready():
    with Pool() as pool:
        worker = pool.start("true")
        assert worker.wait_exit() == 0 and worker.phase == UNBORN
        worker = pool.start("cat", "/nonexistent", slot=1)
        assert worker.wait_exit() == 1 and worker.phase == UNBORN


def test_client_that_resets_is_the_programs_affair():
    with Pool() as pool:
        worker = pool.start("cat").wait_ready()
        client = pool.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        assert worker.wait_exit() in (0, 1) and worker.phase == PROGRAM


def test_no_plan_or_a_bad_one_changes_nothing():
    for plan in ("", "1 2 3", "nonsense"):
        with Pool() as pool:
            worker = pool.start("sh", "-c", "echo $PREFORKD_WARM/${LD_PRELOAD%/*} >&2", plan=plan)
            if plan == "":  # (the pool's own text is used where PLAN is empty)
                continue
            assert worker.wait_exit() == 0
            assert worker.said() == f"{plan}//proc/self/fd\n" and worker.phase == UNBORN


def test_signal_handlers_of_the_program_run_while_it_waits():
    script = ("import os, signal; signal.signal(signal.SIGUSR1, lambda *_: os.write(2, b'usr1 ')); "
              "signal.signal(signal.SIGTERM, lambda *_: os.write(2, b'term ')); "
              "x = os.read(0, 1); os.kill(os.getpid(), signal.SIGTERM); os.write(1, x)")
    with Pool() as pool:
        worker = pool.start(PYTHON, "-c", script).wait_ready()
        wait_until(worker.in_accept, "accept")
        worker.kill(signal.SIGUSR1)
        assert exchange(pool.connect(), b"x") == b"x"
        assert worker.wait_exit() == 0
        assert worker.said() in ("usr1 term ", "term usr1 ")
