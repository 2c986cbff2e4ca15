# SPDX-License-Identifier: MIT
"""Real proxies in front: HAProxy, with its health checks, and nginx."""
import contextlib
import os
import re

from harness import *
from programs import *
from test_124_proxy import behind, converse, refused, rest_of

HAPROXY = """
global
    stats socket {folder}/stats level admin
defaults
    mode tcp
    timeout connect 10s
    timeout client 20s
    timeout server 20s
{proxies}
"""
HAPROXY_EACH = """
listen {kind}
    bind 127.0.0.1:{front}
    server one 127.0.0.1:{back} {how}
"""
NGINX_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
NGINX = """
{module}
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.process;
error_log {folder}/nginx.errors;
events {{ worker_connections 64; }}
stream {{
{servers}
}}
"""


def answers(where):
    with contextlib.suppress(OSError):
        Client(where).close()
        return True
    return False


def ask(path, command):
    """The control socket of HAProxy."""
    with Client(path) as client:
        return client.send(command.encode() + b"\n").recv_all().decode()


def haproxy(t, d, how):
    """HAProxy in front of each service of D: {kind: its port}."""
    fronts = {kind: t.port() for kind in d.services}
    each = [HAPROXY_EACH.format(kind=kind, front=front, back=d.ports[kind], how=how)
            for kind, front in fronts.items()]
    write(t.path("haproxy.conf"), HAPROXY.format(folder=t.folder, proxies="".join(each)))
    t.kept.add(t.path("stats"))
    t.spawn([installed(t, "haproxy"), "-q", "-db", "-f", t.path("haproxy.conf")])
    for front in fronts.values():
        wait_until(lambda: answers(front), "haproxy answers")
    return fronts


def nginx(t, d):
    t.skip_where(not os.path.exists(NGINX_MODULE), "nginx has no stream module")
    fronts = {kind: t.port() for kind in d.services}
    servers = [f"server {{ listen 127.0.0.1:{front}; proxy_pass 127.0.0.1:{d.ports[kind]}; "
               "proxy_protocol on; proxy_half_close on; }" for kind, front in fronts.items()]
    write(t.path("nginx.conf"), NGINX.format(module=f"load_module {NGINX_MODULE};", folder=t.folder,
                                             servers="\n".join(servers)))
    t.spawn([installed(t, "nginx"), "-p", t.folder, "-e", t.path("nginx.errors"),
             "-c", t.path("nginx.conf")])
    for front in fronts.values():
        wait_until(lambda: answers(front), "nginx answers")
    return fronts


def clients_come_through(d, fronts):
    """Programs know them by their own addresses, and so does the log, which also has the proxy's."""
    for kind, front in fronts.items():
        for number in range(3):
            text = f"{number} to {kind}\n".encode() * 1000
            with Client(front) as client:
                variables, rest = rest_of(kind, client.send(text).half_close().recv_all())
                equal(rest, text, f"{kind}: what came back")
                line = d.wait_log(msg="connection", service=kind, peer=client.peer)
                matches(r"^127\.0\.0\.1:\d+$", line["proxy"], f"{kind}: proxy")
                check(line["proxy"] != client.peer, f"{kind}: the proxy is somebody else")
                host, port = client.address
            if variables:
                equal((variables["TCPREMOTEIP"], variables["TCPREMOTEPORT"],
                       variables["TCPLOCALIP"], variables["TCPLOCALPORT"]),
                      (host, str(port), "127.0.0.1", str(front)), kind)


def calm(d):
    for kind in d.services:
        equal(d.service(kind)["crashes"], 0, f"{kind}: crashes")
    equal(d.log_lines(level="warning"), [], "warnings")


def through_haproxy(t, how):
    installed(t, "haproxy")
    d = behind(t).start()
    fronts = haproxy(t, d, how)
    clients_come_through(d, fronts)
    calm(d)


def scenario_haproxy_version_1(t):
    through_haproxy(t, "send-proxy")


def scenario_haproxy_version_2(t):
    through_haproxy(t, "send-proxy-v2")


def scenario_haproxy_version_2_with_more(t):
    """With TLVs behind the addresses, one of them a checksum."""
    through_haproxy(t, "send-proxy-v2 proxy-v2-options crc32c,unique-id")


def checked_by_haproxy(t, how):
    """A check is a connection of the proxy's own, which it leaves without a word more."""
    installed(t, "haproxy")
    d = behind(t).start()
    fronts = haproxy(t, d, f"{how} check inter 50ms fall 1")
    for kind in d.services:
        wait_until(lambda: d.service(kind)["connections"]["accepted"] >= 5, f"{kind}: checks")
    clients_come_through(d, fronts)
    state = ask(t.path("stats"), "show stat")
    up = re.findall(r"^(\w+),one,.*?,UP,", state, re.MULTILINE)
    equal(sorted(up), sorted(d.services), "services that are up")
    for kind in d.services:
        equal(refused(d, kind), 0, f"{kind}: refused")
        equal(d.service(kind)["crashes"], 0, f"{kind}: crashes")


def scenario_checks_of_haproxy_version_1(t):
    checked_by_haproxy(t, "send-proxy")


def scenario_checks_of_haproxy_version_2(t):
    checked_by_haproxy(t, "send-proxy-v2")


def scenario_haproxy_that_sends_no_header(t):
    """Its clients are turned away, whatever they say, unless it is a header."""
    installed(t, "haproxy")
    d = behind(t).start()
    fronts = haproxy(t, d, "")
    for kind, front in fronts.items():
        before = refused(d, kind)
        with Client(front) as client:
            with contextlib.suppress(OSError):
                client.send(b"GET / HTTP/1.1\r\n\r\n").half_close()
                equal(client.recv_all(), b"", kind)
        wait_until(lambda: refused(d, kind) > before, f"{kind}: refused")
        converse(d, kind, b"PROXY UNKNOWN\r\n")
    calm(d)


def scenario_nginx(t):
    installed(t, "nginx")
    d = behind(t).start()
    fronts = nginx(t, d)
    clients_come_through(d, fronts)
    calm(d)
