/* SPDX-License-Identifier: MIT
 *
 * fuzz - what each target of this folder defines: libFuzzer calls it with bytes it made up
 * (https://llvm.org/docs/LibFuzzer.html), corpus.c with those of files.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0; what must not be ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#define FUZZ_MUST(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
