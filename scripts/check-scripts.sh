#!/bin/sh
# Shell and Python files can at least be read by their interpreters.
set -u
bad=0

shells=$(find .ci scripts tests -type f -exec grep -l '^#!/bin/sh' {} + | sort)
for script in $shells; do
    sh -n "$script" || bad=1
    if [ ! -x "$script" ]; then
        echo "$script: is not executable"
        bad=1
    fi
done
if command -v shellcheck >/dev/null 2>&1; then
    # shellcheck disable=SC2086 # a list of words
    shellcheck --format=gcc --severity=warning $shells || bad=1
else
    echo "skipped: shellcheck is not installed"
fi

# Compiled in memory only: no __pycache__ is left behind.
find tests -name '*.py' | sort | python3 -c '
import sys
bad = 0
for name in sys.stdin.read().split():
    try:
        compile(open(name, encoding="utf-8").read(), name, "exec")
    except SyntaxError as error:
        print(f"{name}:{error.lineno}: {error.msg}")
        bad = 1
sys.exit(bad)' || bad=1
exit $bad
