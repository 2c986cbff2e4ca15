#!/bin/sh
# What static analysis finds in the programs: cppcheck and clang-tidy, with the checks that find
# defects. Not those that ask for another style, nor those that guess about functions of other files.
set -u
bad=0

if command -v cppcheck >/dev/null 2>&1; then
    # It reads no headers of the system: the one macro of jansson that is a statement is told here.
    cppcheck --quiet --error-exitcode=1 -j2 --std=c11 -D_GNU_SOURCE -I. -Iinclude \
        -D'json_array_foreach(a,i,v)=while ((i = 0, v = json_array_get(a, i)))' \
        --enable=warning,portability,performance --inline-suppr --template=gcc \
        --suppress=missingIncludeSystem lib server supervisor client || bad=1
else
    echo "skipped: cppcheck is not installed"
fi

checks='-*
clang-analyzer-core.*
-clang-analyzer-core.CallAndMessage
clang-analyzer-deadcode.*
clang-analyzer-unix.*
bugprone-assert-side-effect
bugprone-infinite-loop
bugprone-integer-division
bugprone-macro-repeated-side-effects
bugprone-misplaced-widening-cast
bugprone-multiple-statement-macro
bugprone-posix-return
bugprone-redundant-branch-condition
bugprone-signal-handler
bugprone-suspicious-memset-usage
bugprone-suspicious-semicolon
bugprone-suspicious-string-compare
bugprone-swapped-arguments
bugprone-terminating-continue
bugprone-too-small-loop-variable
bugprone-unused-return-value
misc-misplaced-const
misc-redundant-expression
readability-duplicate-include
readability-inconsistent-declaration-parameter-name
readability-misleading-indentation
readability-non-const-parameter
readability-redundant-control-flow'

# clang-tidy looks at one file at a time: what error_set() returns it must be told.
told=build/lint-told.h
mkdir -p build
cat >"$told" <<'HEADER'
#include "lib/banned.h"
#include "lib/error.h"
#define error_set(...)       (error_set(__VA_ARGS__), -1)
#define error_set_errno(...) (error_set_errno(__VA_ARGS__), -1)
HEADER

if command -v clang-tidy >/dev/null 2>&1; then
    out=$(find lib server supervisor client -name '*.c' ! -path lib/error.c | sort |
        CHECKS=$(echo "$checks" | tr '\n' ',') xargs -P2 -n4 sh -c '
            clang-tidy --quiet --checks="$CHECKS" "$@" -- -std=c17 -D_GNU_SOURCE -Iinclude -I. \
                -DPREFORKD_VERSION=\"\" -DPREFORKD_SYSCONFDIR=\"\" -DPREFORKD_LIBEXECDIR=\"\" \
                -include build/lint-told.h 2>/dev/null' sh | grep -E ' (warning|error): ' | sort -u)
    # What it says of the system's headers is for those who wrote them: the hooks of server/preload
    # name their parameters as this project does.
    out=$(echo "$out" | grep -v '^/usr/include/')
    if [ -n "$out" ]; then
        echo "$out" | sed "s|^$PWD/||"
        bad=1
    fi
else
    echo "skipped: clang-tidy is not installed"
fi
exit $bad
