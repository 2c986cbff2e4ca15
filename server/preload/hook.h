/* SPDX-License-Identifier: MIT
 *
 * hook - what the files of hooks have in common.
 *
 * A hook is a function of the C library under its own name, and the only kind of symbol that this
 * library shows. It takes the client where descriptor 0 or 1 is about to be used, and then calls
 * the real function.
 */
#ifndef SERVER_PRELOAD_HOOK_H
#define SERVER_PRELOAD_HOOK_H

#include "server/preload/client.h"
#include "server/preload/real.h"

#define HOOK __attribute__((visibility("default")))

/* Another name of a hook in the same file. */
#define HOOK_ALIAS(name) __attribute__((visibility("default"), alias(name)))

/* Behind a declaration: the symbol is NAME. For names that lib/banned.h forbids to be written (this
 * project makes no such calls, but has to be there when others do), and such as headers make others
 * of. */
#define HOOK_NAMED(name) __asm__(name) __attribute__((visibility("default")))

#endif
