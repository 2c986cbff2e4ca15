#!/usr/bin/python3
"""The one-file inetd service in Python: answers each line in upper case, until the client leaves."""
import os
import sys

print("hello", os.environ["TCPREMOTEIP"], flush=True)
for line in sys.stdin:
    print(line.rstrip("\n").upper(), flush=True)
print("bye", file=sys.stderr)
