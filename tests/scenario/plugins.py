# SPDX-License-Identifier: MIT
"""plugins - services that are plugins, for test_120 and test_121."""
import os

from harness import *

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
FOLDERS = ("tests/plugins", "etc/plugins/lines", "etc/plugins/frames")


def read_all():
    """What was built, now: an ordinary user may not be able to read it later."""
    found = {}
    for folder in FOLDERS:
        path = os.path.join(BUILD, folder)
        for name in os.listdir(path) if os.path.isdir(path) else []:
            if name.endswith(".so"):
                with open(os.path.join(path, name), "rb") as file:
                    found[name[:-3]] = file.read()
    return found


BUILT = read_all()


def plugin(t, name, to=None):
    """A copy of that plugin where every user may read it. Returns the path."""
    t.skip_where(name not in BUILT, f"plugin {name} is not built")
    return put(t.path(to or f"{name}.so"), BUILT[name])


def put(path, content):
    """A file that is there as a whole or not at all: another inode than before."""
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)
    return path


def serve(t, name="trouble", options=None, top=None, log=None, more=None, daemon="preforkd",
          **keys):
    """A daemon, not started, with one service "p" of that plugin; one worker, or as KEYS say. MORE
    are services beside it."""
    if not {"workers", "max_workers"} & set(keys):
        keys["workers"] = 1
    handler = {"type": "plugin", "path": plugin(t, name), **(options or {})}
    return t.daemon(daemon, log, top, p={"handler": handler, **keys}, **(more or {}))


def trace_file(t):
    """Where the plugin "trouble" tells what was called."""
    with open(t.path("trace"), "w"):
        pass
    os.chmod(t.path("trace"), 0o666)
    return t.path("trace")


def traced(t, what=None):
    """[(what was called, pid)] until now."""
    with open(t.path("trace")) as file:
        rows = [line.rsplit(" ", 1) for line in file.read().splitlines()]
    return [(row[0], int(row[1])) for row in rows if what in (None, row[0])]


def ask(where, *lines):
    """A client that says so, and all that comes back."""
    with Client(where) as client:
        client.send(b"".join(line.encode() + b"\n" for line in lines)).half_close()
        return client.recv_all().decode()


def told(client, line):
    """The plugin "trouble" has done it."""
    client.send(line.encode() + b"\n")
    answer = b""
    while not answer.endswith(b"done\n"):
        piece = client.recv()
        check(piece, f"an answer to {line}")
        answer += piece
    return answer[:-len(b"done\n")].decode()


def service_place(d, name="p", key="handler"):
    """FILE:LINE of a key of that service."""
    text = d.config_text().splitlines()
    start = text.index(f"  {name} = {{")
    for i in range(start, len(text)):
        if text[i].startswith(f"    {key} ="):
            return f"{d.file}:{i + 1}"
    raise Failure(f"no {key} in {name}")
