# SPDX-License-Identifier: MIT
"""upgrade - programs of a scenario's own that it may replace, for test_140 and test_141."""
import fcntl
import os
import shutil
import struct

from harness import *

INSTALLED = ("preforkd", "preforkd-pool", "preforkctl", "preforkd-preload.so")


def own_programs(t):
    """From here on the scenario's daemons are started from a folder of its own. Returns it."""
    folder = t.path("bin")
    os.mkdir(folder)
    for name in INSTALLED:
        shutil.copy(t.program(name), folder)
    t.shared, t.programs = t.programs, folder
    return folder


def install(t, source, name="preforkd"):
    """As a package manager does it: the new file takes the name of the old one."""
    path = os.path.join(t.programs, name)
    shutil.copy(source, path + ".new")
    os.rename(path + ".new", path)


def install_bytes(t, content, name="preforkd", mode=0o755):
    path = os.path.join(t.programs, name)
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


def install_next(t):
    source = os.path.join(t.shared, "next", "preforkd")
    t.skip_where(not os.path.exists(source), "the next version is not built")
    install(t, source)


def install_newcomer(t, behaviour):
    """preforkd is tests/upgrade/newcomer.c from now on. BEHAVIOUR: see there."""
    source = os.path.join(t.shared, "upgrade", "newcomer")
    t.skip_where(not os.path.exists(source), "the newcomer is not built")
    write(t.path("newcomer"), behaviour + "\n")
    install(t, source)


def upgrade(d):
    """Fail where it is refused; then wait until the old pools are gone."""
    result = d.result("upgrade")
    wait_settled(d)
    return result


def wait_settled(d):
    """One pool for each service."""
    def settled():
        ours = [pid for pid, about in process_table().items() if about[2] == d.pid]
        return len(ours) == len(d.status()["services"])
    wait_until(settled, "the old pools are gone")


def descriptor_count(d):
    return len(descriptors(d.pid))


def waits(d, command):
    """Send a request on the control socket that is not answered yet. Returns the client."""
    client = Client(d.control)
    client.send(command.encode() + b"\n")
    return client


def answer(client):
    with client:
        return json.loads(client.recv_all())


# ---- states as supervisor/upgrade_codec.h describes them, for test_141

def item(tag, content):
    return struct.pack("<HI", tag, len(content)) + content


def number(tag, value):
    return item(tag, struct.pack("<q", value))


def state_of(daemon, *records):
    """DAEMON: the fields of its record."""
    body = item(1, daemon) + b"".join(records)
    return b"prefork\x01" + struct.pack("<III", 1, 1, 20 + len(body)) + body


def for_pid(state, pid):
    """The pid is the first field of the first record."""
    check(state[26:32] == struct.pack("<HI", 1, 8), "the first field is the pid")
    return state[:32] + struct.pack("<q", pid) + state[40:]


def sealed(state, at):
    """For preexec_fn: descriptor AT is a sealed file with STATE."""
    fd = os.memfd_create("state", os.MFD_ALLOW_SEALING)
    os.write(fd, state)
    fcntl.fcntl(fd, 1033, 0x1 | 0x2 | 0x4 | 0x8)  # F_ADD_SEALS: SEAL, SHRINK, GROW, WRITE
    os.dup2(fd, at)
    if fd != at:
        os.close(fd)
