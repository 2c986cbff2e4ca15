# SPDX-License-Identifier: MIT
"""broken - configurations that must be refused: cut, mutated, wrong in meaning, not to be had."""
import os
import re
import socket

from harness import config_value, write

# A key of the service echo, and the value that is wrong for it.
WRONG_KEYS = [
    ("workers", 0), ("workers", -1), ("workers", "many"), ("workers", 4.5), ("wrokers", 4),
    ("max_workers", 0), ("start_workers", -3), ("min_spare", "few"), ("backlog", 0),
    ("backlog", -5), ("idle_timeout", "60 parsecs"), ("idle_timeout", -1), ("idle_timeout", True),
    ("graceful_timeout", "soon"), ("kill_timeout", "1x"), ("start_timeout", "-5s"),
    ("max_lifetime", []), ("access_log", "yes"), ("access_log", 1), ("socket_mode", "0999"),
    ("proxy_protocol", "maybe"), ("proxy_protocol", "required"), ("proxy_trusted", ["10.0.0.0/99"]),
    ("handler", "ehco"), ("handler", {"type": "greet", "encodng": "gbk"}), ("handler", {}),
    ("handler", {"type": "exec"}), ("handler", {"type": "exec", "command": ["bin/x"]}),
    ("listen", []), ("listen", "tcp://127.0.0.1:70000"), ("listen", "tcp://127.0.0.1"),
    ("listen", "tcp//127.0.0.1:7"), ("listen", "unix:relative"), ("listen", 7000),
    ("restart_delay", "0.1.2s"), ("max_connections_per_worker", -1), ("nonsense", 1)]

WRONG_TOP = ['user = "no-such-user";', 'usr = "nobody";', "log = 5;", 'log = { level = "loud"; };',
             'log = { format = "xml"; };', "control = 5;", 'control = "relative";',
             'allow_root = "yes";', "services = 5;", "pid_file = [];"]


class Broken:
    """Files for the daemon D, made by DICE: write() puts one in the place of its configuration."""

    def __init__(self, t, d, dice):
        self.d, self.dice = d, dice
        self.good = d.config_text()
        self.included = os.path.join(os.path.dirname(d.file), "included.conf")
        self.half = t.path("half-way.sock")
        self.taken = socket.socket()  # somebody else's port
        self.taken.bind(("127.0.0.1", t.port()))
        self.taken.listen()
        self.makers = [self.cut, self.mutated, self.wrong_key, self.wrong_top, self.unbindable,
                       self.include_gone, self.include_broken]
        if t.is_root:
            self.makers.append(self.writable)

    def write(self):
        """What kind of wrong it is."""
        maker, self.mode = self.dice.choice(self.makers), 0o644
        text = maker()
        write(self.d.file, text)
        os.chmod(self.d.file, self.mode)
        return maker.__name__, text

    def restore(self):
        write(self.d.file, self.good)

    def close(self):
        self.taken.close()

    # the kinds

    def cut(self):
        """Somewhere inside: a brace at least is missing. Longer than its first group."""
        begin = self.good.index("services") + 1
        return self.good[:self.dice.randrange(begin, self.good.rindex("}"))]

    def mutated(self):
        """One byte that matters is gone, or one is there that belongs nowhere."""
        if self.dice.randrange(2):
            places = [m.start() for m in re.finditer(r'[{}\[="]', self.good)]
            at = self.dice.choice(places)
            return self.good[:at] + self.good[at + 1:]
        outside = [m.start() for m in re.finditer(r"[;{]\n", self.good)]
        at = self.dice.choice(outside) + 1
        return self.good[:at] + self.dice.choice(list('"@$%^&=}]|\\\x01\x7f')) + self.good[at:]

    def with_keys(self, **keys):
        """The good file with these keys of echo in the place of its own."""
        lines = self.good.splitlines()
        at = next(i for i, line in enumerate(lines) if line.strip() == "echo = {") + 1
        kept = [line for line in lines if line.split("=")[0].strip() not in keys or
                not line.startswith("    ")]
        return "\n".join(kept[:at] + [f"    {k} = {config_value(v)};" for k, v in keys.items()] +
                         kept[at:]) + "\n"

    def wrong_key(self):
        key, value = self.dice.choice(WRONG_KEYS)
        return self.with_keys(**{key: value})

    def wrong_top(self):
        line = self.dice.choice(WRONG_TOP)
        key = line.split("=")[0].strip()
        if key == "services":
            return line + "\n"
        return line + "\n" + "\n".join(kept for kept in self.good.splitlines()
                                       if not kept.startswith(key + " ")) + "\n"

    def unbindable(self):
        """Behind one that can be had, which must not be kept."""
        port = self.taken.getsockname()[1]
        where = self.dice.choice([f"tcp://127.0.0.1:{port}", "tcp://192.0.2.1:7",
                                  "unix:///no/such/folder/x.sock", "fd://nobody-gave-it"])
        return self.with_keys(listen=[*self.d.services["echo"]["listen"],
                                      f"unix://{self.half}", where])

    def include_gone(self):
        if os.path.exists(self.included):
            os.unlink(self.included)
        return '@include "included.conf"\n' + self.good

    def include_broken(self):
        write(self.included, self.dice.choice(["log = {\n", "usr = 1;\n", "\n\nlog = 5;\n", "@\n"]))
        return '@include "included.conf"\n' + self.good

    def writable(self):
        """Nothing is wrong with what is in it, but others than root may change it."""
        self.mode = self.dice.choice([0o664, 0o646, 0o666])
        return self.good
