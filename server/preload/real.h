/* SPDX-License-Identifier: MIT
 *
 * real - the functions behind the hooks: those of the C library, or of another preloaded one.
 *
 * REAL(read)(fd, buffer, size) calls the real read(). Every function that is hooked is in one of
 * the lists; its pointer is looked up at its first use, but for those that may be used where
 * looking up is not allowed (real_load()).
 */
#ifndef SERVER_PRELOAD_REAL_H
#define SERVER_PRELOAD_REAL_H

#include <features.h>

/* clang-format off */
#define REAL_SYSTEM_FUNCTIONS(F)                                                                   \
    /* hook_input.c */                                                                             \
    F(read) F(readv) F(recv) F(recvfrom) F(recvmsg) F(recvmmsg) F(preadv2)                         \
    /* hook_output.c */                                                                            \
    F(write) F(writev) F(send) F(sendto) F(sendmsg) F(sendmmsg) F(sendfile) F(splice) F(tee)       \
    F(vmsplice) F(copy_file_range) F(pwritev2) F(vdprintf)                                         \
    /* hook_wait.c */                                                                              \
    F(poll) F(ppoll) F(select) F(pselect) F(epoll_ctl)                                             \
    /* hook_socket.c */                                                                            \
    F(getpeername) F(getsockname) F(getsockopt) F(setsockopt) F(shutdown) F(sockatmark)            \
    /* hook_descriptor.c */                                                                        \
    F(close) F(dup) F(dup2) F(dup3) F(fcntl) F(ioctl)                                              \
    /* hook_process.c */                                                                           \
    F(fork) F(posix_spawn) F(posix_spawnp) F(daemon) F(forkpty) F(login_tty)                       \
    /* hook_create.c */                                                                            \
    F(pipe) F(pipe2) F(socketpair) F(connect) F(epoll_wait) F(epoll_pwait) F(epoll_pwait2)         \
    F(eventfd) F(signalfd) F(timerfd_create) F(inotify_init) F(inotify_init1) F(alarm)             \
    F(setitimer) F(timer_create)                                                                   \
    /* hook_exec.c */                                                                              \
    F(execve) F(execveat) F(execvpe) F(fexecve)

#define REAL_STREAM_FUNCTIONS(F)                                                                   \
    /* hook_stdio.c */                                                                             \
    F(fgetc) F(getc) F(getchar) F(fgets) F(fread) F(getline) F(getdelim)                           \
    F(fputc) F(putc) F(putchar) F(puts) F(fputs) F(fwrite) F(vprintf) F(vfprintf) F(fflush)        \
    F(fclose) F(freopen)                                                                           \
    /* hook_stdio_wide.c */                                                                        \
    F(fgetwc) F(getwc) F(getwchar) F(fgetws) F(fputwc) F(putwc)                                    \
    F(putwchar) F(fputws) F(vwprintf) F(vfwprintf)

/* Only glibc has these. */
#ifdef __GLIBC__
#define REAL_GLIBC_FUNCTIONS(F)                                                                    \
    /* fortified (_FORTIFY_SOURCE) */                                                              \
    F(__read_chk) F(__recv_chk) F(__recvfrom_chk) F(__poll_chk) F(__ppoll_chk)                     \
    F(__vdprintf_chk) F(__fgets_chk) F(__fgets_unlocked_chk) F(__fread_chk)                        \
    F(__fread_unlocked_chk) F(__vprintf_chk) F(__vfprintf_chk) F(__fgetws_chk)                     \
    F(__fgetws_unlocked_chk) F(__vwprintf_chk) F(__vfwprintf_chk)                                  \
    /* unlocked */                                                                                 \
    F(fgetc_unlocked) F(getc_unlocked) F(getchar_unlocked) F(fgets_unlocked) F(fread_unlocked)     \
    F(fputc_unlocked) F(putc_unlocked) F(putchar_unlocked) F(fputs_unlocked)                       \
    F(fwrite_unlocked) F(fflush_unlocked) F(fgetwc_unlocked) F(getwc_unlocked)                     \
    F(getwchar_unlocked) F(fgetws_unlocked) F(fputwc_unlocked) F(putwc_unlocked)                   \
    F(putwchar_unlocked) F(fputws_unlocked)                                                        \
    /* what macros of <stdio.h> and <wchar.h> call when a buffer is empty or full */               \
    F(__overflow) F(__underflow) F(__uflow) F(__woverflow) F(__wunderflow) F(__wuflow)
#else
#define REAL_GLIBC_FUNCTIONS(F)
#endif

/* Those whose names cannot be written here, or are not what they seem (hook.h, HOOK_NAMED). */
#define REAL_NAMED_FUNCTIONS(F)                                                                    \
    F(run_shell, "system") F(open_shell, "popen") F(fork_sharing, "vfork") F(fork_plainly, "_Fork")\
    F(plain_vscanf, "vscanf") F(plain_vfscanf, "vfscanf")                                          \
    F(plain_vwscanf, "vwscanf") F(plain_vfwscanf, "vfwscanf")                                      \
    F(c99_vscanf, "__isoc99_vscanf") F(c99_vfscanf, "__isoc99_vfscanf")                            \
    F(c99_vwscanf, "__isoc99_vwscanf") F(c99_vfwscanf, "__isoc99_vfwscanf")                        \
    F(c23_vscanf, "__isoc23_vscanf") F(c23_vfscanf, "__isoc23_vfscanf")                            \
    F(c23_vwscanf, "__isoc23_vwscanf") F(c23_vfwscanf, "__isoc23_vfwscanf")
/* clang-format on */

enum real_function {
#define F(name) REAL_##name,
    REAL_SYSTEM_FUNCTIONS(F) REAL_STREAM_FUNCTIONS(F) REAL_GLIBC_FUNCTIONS(F)
#undef F
#define F(id, name) REAL_##id,
        REAL_NAMED_FUNCTIONS(F)
#undef F
            REAL_COUNT
};

/* The function's address; ends the process where there is no such function. Keeps errno. */
void *real_find(enum real_function which);

/* Look up REAL_SYSTEM_FUNCTIONS now: those of them that are async-signal-safe may be used first in
 * a signal handler, or in a child of a program with threads, where dlsym(3) may wait for ever. */
void real_load(void);

#define REAL(name) ((__typeof__(&name))real_find(REAL_##name))

#endif
