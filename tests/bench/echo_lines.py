# SPDX-License-Identifier: MIT
"""echo_lines - a service as people write them for tcpserver: imports, a loop over lines, an answer.

The imports are not used: what bench.py measures is that somebody has to wait for them.
"""

import datetime
import json
import re
import socket
import subprocess
import sys

for line in sys.stdin:
    sys.stdout.write(line)
    sys.stdout.flush()
