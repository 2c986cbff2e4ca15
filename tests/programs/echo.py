"""What the programs of this folder do with their sockets, once they have found them.

None of the flags of a listening socket is changed: other processes share it. All copies wake up for
a client and those that come too late wait in accept, so a copy should be given one busy socket.
"""

import os
import select
import signal
import socket
import sys

_stopping = False


def refuse(why):
    print(f"broken contract: {why}", file=sys.stderr)
    sys.exit(3)


def listeners(numbers):
    """Sockets with these descriptor numbers, which must listen."""
    found = [socket.socket(fileno=number) for number in numbers]
    for listener in found:
        if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            refuse(f"descriptor {listener.fileno()} does not listen")
    return found


def _stop_with(found):
    """A dead descriptor takes the place of each socket: a signal that comes just before accept is
    not missed, and a client that accept has taken already is served."""
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)

    def stop(number, frame):
        global _stopping
        _stopping = True
        for listener in found:
            os.dup2(null, listener.fileno(), inheritable=False)

    return stop


def _answer(message):
    if not message.startswith(b"?"):
        return message
    name = message[1:].strip().decode()
    return (os.environ.get(name, "-") if name else str(os.getpid())).encode() + b"\n"


def _talk(client):
    with client:
        try:
            while message := client.recv(65536):
                client.sendall(_answer(message))
        except (ConnectionResetError, BrokenPipeError):
            pass


def serve(found, ready=lambda: None, stop_signals=(signal.SIGTERM,)):
    """Call READY and serve until told to stop."""
    for number in stop_signals:
        signal.signal(number, _stop_with(found))
    ready()
    while not _stopping:
        for listener in select.select(found, [], [])[0] if len(found) > 1 else found:
            try:
                client, _ = listener.accept()
            except OSError:
                if not _stopping:
                    raise
                break
            _talk(client)
