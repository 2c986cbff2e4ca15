#!/bin/sh
# The programs and the unit tests build without a warning, by gcc and by clang.
set -u
bad=0

for compiler in gcc clang; do
    if ! command -v "$compiler" >/dev/null 2>&1; then
        echo "skipped: $compiler is not installed"
        continue
    fi
    build=build/lint-$compiler
    tests=$(for test in tests/unit/*_test.c; do echo "$build/${test%.c}"; done)
    # shellcheck disable=SC2086 # a list of words
    if ! out=$(make -k -j2 BUILD="$build" CC="$compiler" CFLAGS='-O2 -g -Werror' all $tests 2>&1); then
        echo "$out" | grep -E 'error|undefined reference|No rule' |
            grep -v 'not remade' | sort -u | head -40
        bad=1
    fi
done
exit $bad
