#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of preforkd-preload.so by itself: pool.py plays the pool, real programs are served.

    tests/preload/run.py [PART OF A NAME ...]
"""

import importlib
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from pool import Skip  # noqa: E402 (it is beside this file)


def main():
    wanted = sys.argv[1:]
    failed = 0
    for module in ("test_io", "test_start", "test_programs", "test_drain", "test_exec",
                   "test_descriptors", "test_template", "test_epoll",
                   "test_proxied"):
        tests = importlib.import_module(module)
        for name, test in list(vars(tests).items()):
            title = f"{module}.{name}".replace("test_", "")
            if not name.startswith("test_") or (wanted and not any(w in title for w in wanted)):
                continue
            begin = time.monotonic()
            try:
                test()
                result = "ok"
            except Skip as why:
                result = f"skipped: {why}"
            except Exception:  # whatever it is, the others shall run
                traceback.print_exc()
                result = "FAILED"
                failed += 1
            print(f"{title:60} {result} ({time.monotonic() - begin:.2f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
