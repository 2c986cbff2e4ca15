# SPDX-License-Identifier: MIT
"""programs - services that are programs, for test_110 to test_112."""
import contextlib
import os
import shutil

from harness import *

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, os.pardir, "programs")

# What PATH is for a program where the configuration says nothing.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def read_all():
    """tests/programs/*, now: an ordinary user may not be able to later."""
    texts = {}
    for name in os.listdir(FOLDER):
        path = os.path.join(FOLDER, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                texts[name] = file.read()
    return texts


TEXTS = read_all()


def script(t, name):
    """tests/programs/NAME, copied to where any user may execute it. Returns the path."""
    return executable(t, name, TEXTS[name])


def executable(t, name, text, mode=0o755):
    path = t.path(name)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)
    return path


def installed(t, *names):
    """Where the first of NAMES is, as a program of the service would find it; skip without."""
    for name in names:
        found = shutil.which(name, path=PATH)
        if found:
            return found
    raise Skip(f"{' or '.join(names)} is not installed")


def sh(text):
    """A command that is a line of shell. The shell is the test's, never preforkd's."""
    return ["/bin/sh", "-c", text]


def serve(t, command, handler=None, top=None, log=None, name="preforkd", **keys):
    """A daemon, not started, whose only service "p" is that program; one worker, or as KEYS say."""
    if not {"workers", "max_workers"} & set(keys):
        keys["workers"] = 1
    handler = {"type": "exec", "command": command, **(handler or {})}
    return t.daemon(name, log, top, p={"handler": handler, **keys})


def answer(where, data=b""):
    """Connect, send DATA and the end of input; all that comes back."""
    with Client(where) as client:
        if data:
            client.send(data)
        with contextlib.suppress(OSError):  # a program that reads nothing may have ended already
            client.half_close()
        return client.recv_all()


def program_of(d, client):
    """The pid of the program that serves this client, once it is it."""
    pid = d.worker_of(client)["pid"]
    wait_until(lambda: (process_stat(pid) or ["gone"])[0] != "preforkd-worker", "execve")
    return pid


def ended(d, count=1, **fields):
    """The line about the end of a connection."""
    return d.wait_log(msg="connection", count=count, **fields)


def group_members(group):
    """Living processes in that process group."""
    found = []
    for pid, about in process_table().items():
        with contextlib.suppress(OSError):
            if about[1] not in "ZX" and os.getpgid(pid) == group:
                found.append(pid)
    return found
