# SPDX-License-Identifier: MIT
"""peer_python - the echo server of Python's own documentation: KIND is threading or forking."""

import socketserver
import sys


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


KINDS = {"threading": socketserver.ThreadingTCPServer, "forking": socketserver.ForkingTCPServer}
server_class = KINDS[sys.argv[1]]
server_class.request_queue_size = 4096
server_class.allow_reuse_address = True
server_class.daemon_threads = True
if sys.argv[1] == "forking":
    server_class.max_children = 100
with server_class(("127.0.0.1", int(sys.argv[2])), Echo) as server:
    server.serve_forever()
