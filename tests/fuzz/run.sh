#!/bin/sh
# Let libFuzzer make up inputs for every target of this folder: tests/fuzz/run.sh BUILD SECONDS
# Each begins with its folder of inputs here; what it finds stays below BUILD. Without clang and its
# libFuzzer only the inputs here are tried.
set -eu
build=$1
seconds=$2
mkdir -p "$build"

probe='#include <stddef.h>
int LLVMFuzzerTestOneInput(const unsigned char *b, size_t n) { return b && n > 9999; }'
if ! echo "$probe" | clang -fsanitize=fuzzer -x c -o "$build/probe" - >/dev/null 2>&1; then
    echo "skipped: there is no clang with libFuzzer; only the inputs of tests/fuzz are tried"
    exec make --no-print-directory BUILD="$build" corpus
fi

targets=$(for source in tests/fuzz/*_fuzz.c; do basename "$source" _fuzz.c; done)
# shellcheck disable=SC2046 # a list of words
make --no-print-directory -j2 BUILD="$build" CC=clang CFLAGS='-O1 -g -fno-omit-frame-pointer' \
    SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined' \
    $(for target in $targets; do echo "$build/tests/fuzz/$target.fuzzer"; done)
for target in $targets; do
    mkdir -p "$build/found/$target"
    "$build/tests/fuzz/$target.fuzzer" -max_total_time="$seconds" -print_final_stats=1 \
        -artifact_prefix="$build/found/" "$build/found/$target" "tests/fuzz/$target"
done
