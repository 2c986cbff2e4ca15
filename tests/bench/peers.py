# SPDX-License-Identifier: MIT
"""peers - other servers that echo, each as its users would set it up for speed.

WORKERS processes where a server has a number of them; no lookups, no logs. One that is not installed
is left out, with a line that says so (`make bench-peers` installs them).
"""

import os
import shutil
import subprocess
import sys

import servers
from servers import CannotStart, Server

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.realpath(sys.executable)
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/bin", "HOME": "/"}

APACHE = """
ServerRoot "{folder}"
ServerName localhost
PidFile "{folder}/pid"
ErrorLog "{folder}/errors"
LogLevel error
{user}
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
LoadModule echo_module {modules}/mod_echo.so
Listen 127.0.0.1:{port}
ProtocolEcho On
StartServers {workers}
MinSpareServers {workers}
MaxSpareServers {workers}
ServerLimit {workers}
MaxRequestWorkers {workers}
MaxConnectionsPerChild 0
ListenBacklog 4096
"""
APACHE_MODULES = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules")


class Absent(Exception):
    """A peer that is not installed."""


def find(*commands):
    for command in commands:
        path = shutil.which(command, path=ENVIRONMENT["PATH"])
        if path:
            return path
    raise Absent(f"{commands[0]} is not installed")


def apache(folder, port, workers):
    program = find("apache2", "httpd")
    modules = next((m for m in APACHE_MODULES if os.path.exists(f"{m}/mod_echo.so")), None)
    if not modules:
        raise Absent("mod_echo is not installed")
    own = f"{folder}/apache-{port}"
    os.mkdir(own)
    user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
    with open(f"{own}/httpd.conf", "w", encoding="utf-8") as file:
        file.write(APACHE.format(folder=own, modules=modules, port=port, workers=workers, user=user))
    return [program, "-f", f"{own}/httpd.conf", "-DFOREGROUND"]


def net_server(folder, port, workers):
    del folder
    perl = find("perl")
    if subprocess.run([perl, "-MNet::Server::PreFork", "-e", "1"], stderr=subprocess.DEVNULL,
                      check=False).returncode:
        raise Absent("Net::Server is not installed")
    return [perl, f"{HERE}/peer_prefork.pl", str(port), str(workers)]


def python(kind):
    return lambda folder, port, workers: [PYTHON, "-B", f"{HERE}/peer_python.py", kind, str(port)]


def tcpserver(folder, port, workers):
    del folder, workers
    return [find("tcpserver"), "-H", "-R", "-l0", "-c", "100", "127.0.0.1", str(port), find("cat")]


def socat(folder, port, workers):
    del folder, workers
    return [find("socat"), f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,backlog=4096", "PIPE"]


# Those that serve again and again in the same process, and those that make one for each connection.
LASTING = {"Apache prefork, mod_echo": apache, "Net::Server::PreFork": net_server,
           "Python ThreadingTCPServer": python("threading")}
FRESH = {"Python ForkingTCPServer": python("forking"), "tcpserver, cat": tcpserver,
         "socat fork": socat}


def make(table, folder, workers):
    """The servers of TABLE that are installed, not started yet."""
    found = []
    for name, command in table.items():
        port = servers.free_port()
        try:
            found.append(Server(name, command(folder, port, workers), port, ENVIRONMENT))
        except Absent as reason:
            print(f"bench: {name} is left out: {reason} (make bench-peers)", file=sys.stderr)
    return found


def enter(stack, found):
    """Start them. Those that do not are left out."""
    running = []
    for server in found:
        try:
            running.append(stack.enter_context(server))
        except CannotStart as reason:
            print(f"bench: {server.name} is left out: {reason}", file=sys.stderr)
    return running
