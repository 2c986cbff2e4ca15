#!/bin/sh
# Every C file is as clang-format would write it.
set -u
if ! command -v clang-format >/dev/null 2>&1; then
    echo "skipped: clang-format is not installed"
    exit 0
fi
if out=$(find lib include server client supervisor tests -name '*.[ch]' |
    sort | xargs clang-format --dry-run --Werror 2>&1); then
    exit 0
fi
echo "$out" | grep ' error: '
echo "run: make format"
exit 1
