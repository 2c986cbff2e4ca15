/* SPDX-License-Identifier: MIT
 *
 * abi_layout.h - the interface of handlers as a compiled one sees it: ROW(structure, member, offset
 * where pointers have 64 bits, offset where they have 32, type) for every member.
 *
 * A structure that grows at its end gets its new rows and its new size here.
 */
#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include <preforkd/handler.h>

/* Where pointers have 32 bits, whether an int64_t may lie at any multiple of 4 depends on the
 * machine: it may on i386, and not on ARM. */
struct abi_alignment {
    char before;
    int64_t number;
};
#define ABI_NUMBER(at)                                                                             \
    (((at) + offsetof(struct abi_alignment, number) - 1) /                                         \
     offsetof(struct abi_alignment, number) * offsetof(struct abi_alignment, number))

#define ABI_AT(at64, at32) (sizeof(void *) == 8 ? (size_t)(at64) : (size_t)(at32))

#define ABI_OPTION_SIZE  ABI_AT(48, ABI_NUMBER(ABI_NUMBER(12) + 20))
#define ABI_HOST_SIZE    ABI_AT(264, 4 + 264 / 2)
#define ABI_HANDLER_SIZE ABI_AT(120, 8 + 120 / 2)

#define ABI_OPTION(ROW)                                                                            \
    ROW(preforkd_option, name, 0, 0, const char *)                                                 \
    ROW(preforkd_option, type, 8, 4, int)                                                          \
    ROW(preforkd_option, fallback, 16, 8, const char *)                                            \
    ROW(preforkd_option, least, 24, ABI_NUMBER(12), int64_t)                                       \
    ROW(preforkd_option, most, 32, ABI_NUMBER(12) + 8, int64_t)                                    \
    ROW(preforkd_option, text, 40, ABI_NUMBER(12) + 16, const char *)

/* Two numbers, then functions. */
#define ABI_HOST_ROW(ROW, member, at64, ...)                                                       \
    ROW(preforkd_host, member, at64, 4 + (at64) / 2, __VA_ARGS__)
#define ABI_HOST(ROW)                                                                              \
    ROW(preforkd_host, abi, 0, 0, uint32_t)                                                        \
    ROW(preforkd_host, size, 4, 4, uint32_t)                                                       \
    ABI_HOST_ROW(ROW, read_some, 8, ptrdiff_t (*)(struct preforkd_connection *, void *, size_t))   \
    ABI_HOST_ROW(ROW, peek, 16, ptrdiff_t (*)(struct preforkd_connection *, void *, size_t))       \
    ABI_HOST_ROW(ROW, read_exact, 24, ptrdiff_t (*)(struct preforkd_connection *, void *, size_t)) \
    ABI_HOST_ROW(ROW, read_line, 32, ptrdiff_t (*)(struct preforkd_connection *, char *, size_t))  \
    ABI_HOST_ROW(ROW, wait_some, 40, int (*)(struct preforkd_connection *, int))                   \
    ABI_HOST_ROW(ROW, write_all, 48, int (*)(struct preforkd_connection *, const void *, size_t))  \
    ABI_HOST_ROW(ROW, print, 56, int (*)(struct preforkd_connection *, const char *, ...))         \
    ABI_HOST_ROW(ROW, flush, 64, int (*)(struct preforkd_connection *))                            \
    ABI_HOST_ROW(ROW, sendfile, 72, int (*)(struct preforkd_connection *, int, int64_t, size_t))   \
    ABI_HOST_ROW(ROW, deadline_set, 80, void (*)(struct preforkd_connection *, int64_t))           \
    ABI_HOST_ROW(ROW, deadline_extend, 88, void (*)(struct preforkd_connection *, int64_t))        \
    ABI_HOST_ROW(ROW, peer, 96, const char *(*)(struct preforkd_connection *))                     \
    ABI_HOST_ROW(ROW, transport, 104, const char *(*)(struct preforkd_connection *))               \
    ABI_HOST_ROW(ROW, local, 112, const char *(*)(struct preforkd_connection *))                   \
    ABI_HOST_ROW(ROW, listener, 120, const char *(*)(struct preforkd_connection *))                \
    ABI_HOST_ROW(ROW, descriptor, 128, int (*)(struct preforkd_connection *))                      \
    ABI_HOST_ROW(ROW, stopping, 136, int (*)(void))                                                \
    ABI_HOST_ROW(ROW, log, 144,                                                                    \
                 void (*)(struct preforkd_connection *, int, const char *, const char *,           \
                          const void *, size_t))                                                   \
    ABI_HOST_ROW(ROW, status, 152, void (*)(const char *))                                         \
    ABI_HOST_ROW(ROW, count, 160, void (*)(unsigned, uint64_t))                                    \
    ABI_HOST_ROW(ROW, set_userdata, 168, void (*)(struct preforkd_connection *, void *))           \
    ABI_HOST_ROW(ROW, userdata, 176, void *(*)(struct preforkd_connection *))                      \
    ABI_HOST_ROW(ROW, option_text, 184,                                                            \
                 const char *(*)(const struct preforkd_options *, const char *))                   \
    ABI_HOST_ROW(ROW, option_number, 192,                                                          \
                 int64_t (*)(const struct preforkd_options *, const char *))                       \
    ABI_HOST_ROW(ROW, datagram_bytes, 200,                                                         \
                 const void *(*)(const struct preforkd_datagram *, size_t *))                      \
    ABI_HOST_ROW(ROW, datagram_peer, 208, const char *(*)(struct preforkd_datagram *))             \
    ABI_HOST_ROW(ROW, datagram_is_cut, 216, int (*)(const struct preforkd_datagram *))             \
    ABI_HOST_ROW(ROW, datagram_reply, 224,                                                         \
                 void (*)(struct preforkd_datagram *, const void *, size_t))                       \
    ABI_HOST_ROW(ROW, datagram_local, 232, const char *(*)(struct preforkd_datagram *))            \
    ABI_HOST_ROW(ROW, datagram_listener, 240, const char *(*)(const struct preforkd_datagram *))   \
    ABI_HOST_ROW(ROW, datagram_log, 248,                                                           \
                 void (*)(struct preforkd_datagram *, int, const char *, const char *,             \
                          const void *, size_t))                                                   \
    ABI_HOST_ROW(ROW, vprint, 256, int (*)(struct preforkd_connection *, const char *, va_list))

#define ABI_HANDLER(ROW)                                                                           \
    ROW(preforkd_handler, abi, 0, 0, uint32_t)                                                     \
    ROW(preforkd_handler, size, 4, 4, uint32_t)                                                    \
    ROW(preforkd_handler, name, 8, 8, const char *)                                                \
    ROW(preforkd_handler, option_size, 16, 12, uint32_t)                                           \
    ROW(preforkd_handler, tick_ms, 20, 16, uint32_t)                                               \
    ROW(preforkd_handler, options, 24, 20, const struct preforkd_option *)                         \
    ROW(preforkd_handler, counters, 32, 24, const char *const *)                                   \
    ROW(preforkd_handler, check_config, 40, 28,                                                    \
        int (*)(const struct preforkd_host *, const struct preforkd_options *, char *, size_t))    \
    ROW(preforkd_handler, pool_init, 48, 32,                                                       \
        int (*)(const struct preforkd_host *, const struct preforkd_options *, void **, char *,    \
                size_t))                                                                           \
    ROW(preforkd_handler, worker_init, 56, 36,                                                     \
        int (*)(const struct preforkd_host *, void **, char *, size_t))                            \
    ROW(preforkd_handler, verify, 64, 40,                                                          \
        int (*)(const struct preforkd_host *, struct preforkd_connection *, void *))               \
    ROW(preforkd_handler, setup, 72, 44,                                                           \
        int (*)(const struct preforkd_host *, struct preforkd_connection *, void *))               \
    ROW(preforkd_handler, handle, 80, 48,                                                          \
        int (*)(const struct preforkd_host *, struct preforkd_connection *, void *))               \
    ROW(preforkd_handler, finish, 88, 52,                                                          \
        void (*)(const struct preforkd_host *, struct preforkd_connection *, void *))              \
    ROW(preforkd_handler, datagram, 96, 56,                                                        \
        void (*)(const struct preforkd_host *, struct preforkd_datagram *, void *))                \
    ROW(preforkd_handler, tick, 104, 60, void (*)(const struct preforkd_host *, void *))           \
    ROW(preforkd_handler, worker_exit, 112, 64, void (*)(const struct preforkd_host *, void *))

#endif
