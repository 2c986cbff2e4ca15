# SPDX-License-Identifier: MIT
"""Real programs, unmodified, warm in both modes."""

import os
import sys

from pool import *

PYTHON = os.path.realpath(sys.executable)
STDIO = os.path.join(BUILD, "tests", "preload", "stdio")


def both(*command, request, answer):
    """COMMAND answers REQUEST with ANSWER in either mode."""
    for mode in MODES:
        with Pool() as pool:
            worker = pool.start(*command, mode=mode)
            worker.wait_ready()
            got = exchange(pool.connect(), request)
            assert got == answer, (mode, command, got, worker.said())
            assert worker.wait_exit() == 0, (mode, command, worker.status, worker.said())
            assert worker.said() == "", (mode, command, worker.said())


def test_coreutils():
    both("cat", request=b"a\nb\n", answer=b"a\nb\n")
    both("head", "-n1", request=b"a\nb\n", answer=b"a\n")
    both("tail", "-n1", request=b"a\nb\n", answer=b"b\n")
    both("sort", request=b"b\na\n", answer=b"a\nb\n")
    both("tr", "a-z", "A-Z", request=b"abc", answer=b"ABC")
    both("wc", "-c", request=b"abc", answer=b"3\n")
    both("cut", "-c2", request=b"abc\n", answer=b"b\n")
    both("uniq", request=b"a\na\n", answer=b"a\n")
    both("base64", request=b"abc", answer=b"YWJj\n")
    both("md5sum", request=b"", answer=b"d41d8cd98f00b204e9800998ecf8427e  -\n")
    both("tac", request=b"a\nb\n", answer=b"b\na\n")
    both("tee", request=b"a\n", answer=b"a\n")
    both("rev", request=b"abc\n", answer=b"cba\n")
    both("dd", "status=none", request=b"abc", answer=b"abc")
    both("od", "-An", "-c", request=b"a", answer=b"   a\n")
    both("echo", "hello", request=b"", answer=b"hello\n")
    both("printf", "hello", request=b"", answer=b"hello")
    both("seq", "3", request=b"", answer=b"1\n2\n3\n")


def test_text_tools():
    both("sed", "s/a/b/", request=b"abc\n", answer=b"bbc\n")
    both("grep", "b", request=b"a\nb\n", answer=b"b\n")
    both("awk", "{print $2}", request=b"a b\n", answer=b"b\n")
    both("gzip", "-c", request=b"", answer=bytes.fromhex("1f8b08000000000000030300" + "00" * 8))
    both("xargs", "echo", request=b"a b", answer=b"a b\n")


def test_shells():
    for shell in ("bash", "dash", "sh"):
        both(shell, "-c", "read x; echo got $x", request=b"abc\n", answer=b"got abc\n")
        both(shell, "-c", "echo hello", request=b"", answer=b"hello\n")
        both(shell, "-c", "printf '%s' a; cat", request=b"b", answer=b"ab")
        both(shell, "-c", "x=$(cat); echo ${#x}", request=b"abc", answer=b"3\n")


def test_perl():
    both("perl", "-pe", "$_ = uc", request=b"abc\n", answer=b"ABC\n")
    both("perl", "-e", "sysread STDIN, $x, 9; syswrite STDOUT, $x", request=b"abc", answer=b"abc")
    both("perl", "-e", "use IO::Socket; $s = IO::Socket->new_from_fd(0, 'r+'); print $s scalar <$s>;",
         request=b"abc\n", answer=b"abc\n")
    both("perl", "-e", "use IO::Select; $s = IO::Select->new(*STDIN); $s->can_read; print <STDIN>",
         request=b"abc\n", answer=b"abc\n")


def test_python():
    for python in filter(os.path.exists, {PYTHON, "/usr/bin/python3"}):
        both(python, "-c", "print(input().upper())", request=b"abc\n", answer=b"ABC\n")
        both(python, "-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())",
             request=b"abc", answer=b"abc")
        both(python, "-c", "import sys\nfor line in sys.stdin: print(line, end='', flush=True)",
             request=b"a\nb\n", answer=b"a\nb\n")
        both(python, "-c", "import socket; s = socket.fromfd(0, 2, 1); s.sendall(s.recv(9))",
             request=b"abc", answer=b"abc")
        both(python, "-c", "import select, os; select.select([0], [], []); os.write(1, os.read(0, 9))",
             request=b"abc", answer=b"abc")
        both(python, "-c", "import mmap, json, email, http.client, ssl, random, socketserver\n"
             "h = type('H', (socketserver.StreamRequestHandler,), {'handle':"
             " lambda s: s.wfile.write(s.rfile.readline())})\nimport socket\n"
             "h(socket.socket(fileno=0), None, None)", request=b"abc\n", answer=b"abc\n")


def test_php():
    both("php", "-r", "echo strtoupper(fgets(STDIN));", request=b"abc\n", answer=b"ABC\n")
    both("php", "-r", "echo 'hello';", request=b"", answer=b"hello")
    both("php", "-r", "echo file_get_contents('php://stdin');", request=b"abc", answer=b"abc")


def test_ruby():
    both("ruby", "-e", "puts gets.upcase", request=b"abc\n", answer=b"ABC\n")
    both("ruby", "-e", "$stdout.write $stdin.read", request=b"abc", answer=b"abc")
    both("ruby", "-rsocket", "-e", "s = Socket.for_fd(0); s.write s.readpartial(9)", request=b"abc",
         answer=b"abc")


def test_every_way_of_stdio():
    for way in ("getchar", "getc", "fgetc", "fgets", "fread", "getline", "getdelim", "scanf", "fscanf",
                "getchar_unlocked", "fgets_unlocked", "fread_unlocked", "getwchar", "fgetws",
                "wscanf", "fdopen", "read", "readv", "recv"):
        both(STDIO, way, request=b"abc\n", answer=b"abc\n")
    for way in ("putchar", "putc", "fputc", "puts", "fputs", "fwrite", "printf", "fprintf",
                "putchar_unlocked", "putc_unlocked", "fputs_unlocked", "putwchar", "fputws", "wprintf",
                "dprintf", "write", "writev", "send", "vprintf", "system", "popen"):
        both(STDIO, way, request=b"", answer=b"abc\n")
