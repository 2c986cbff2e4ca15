/* SPDX-License-Identifier: MIT
 *
 * hook_process - making other processes.
 *
 * A child would inherit the placeholder, so the client comes first. Functions of the C library that
 * fork inside do so without asking a hook, and have one of their own.
 */
#include "server/preload/hook.h"

#include <pty.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>
#include <utmp.h>

static void need_client(void)
{
    if (client_due())
        client_take();
}

HOOK pid_t fork(void)
{
    need_client();
    return REAL(fork)();
}

HOOK int posix_spawn(pid_t *restrict pid, const char *restrict path,
                     const posix_spawn_file_actions_t *restrict actions,
                     const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
                     char *const environment[restrict])
{
    need_client();
    return REAL(posix_spawn)(pid, path, actions, attributes, arguments, environment);
}

HOOK int posix_spawnp(pid_t *restrict pid, const char *restrict file,
                      const posix_spawn_file_actions_t *restrict actions,
                      const posix_spawnattr_t *restrict attributes, char *const arguments[restrict],
                      char *const environment[restrict])
{
    need_client();
    return REAL(posix_spawnp)(pid, file, actions, attributes, arguments, environment);
}

HOOK int daemon(int stay, int keep)
{
    need_client();
    return REAL(daemon)(stay, keep);
}

HOOK pid_t forkpty(int *master, char *name, const struct termios *terminal,
                   const struct winsize *size)
{
    need_client();
    return REAL(forkpty)(master, name, terminal, size);
}

HOOK int login_tty(int fd)
{
    need_client();
    return REAL(login_tty)(fd);
}

int hook_process_run_shell(const char *command) HOOK_NAMED("system");
int hook_process_run_shell(const char *command)
{
    need_client();
    return ((int (*)(const char *))real_find(REAL_run_shell))(command);
}

FILE *hook_process_open_shell(const char *command, const char *mode) HOOK_NAMED("popen");
FILE *hook_process_open_shell(const char *command, const char *mode)
{
    need_client();
    return ((FILE * (*)(const char *, const char *)) real_find(REAL_open_shell))(command, mode);
}

#ifdef __GLIBC__
pid_t hook_process_fork_plainly(void) HOOK_NAMED("_Fork");
pid_t hook_process_fork_plainly(void)
{
    need_client();
    return ((pid_t(*)(void))real_find(REAL_fork_plainly))();
}

pid_t __fork(void);
HOOK pid_t __fork(void)
{
    return fork();
}
#endif

/* The child of vfork(2) runs on the stack of its parent, so that no function may stand between it
 * and the program: the hook asks here where the real one is, and jumps there. */
#if defined __x86_64__ || defined __aarch64__
__attribute__((used)) void *hook_process_before_vfork(void);
void *hook_process_before_vfork(void)
{
    need_client();
    return real_find(REAL_fork_sharing);
}

__asm__(".text\n"
        ".p2align 4\n"
        ".globl vfork\n"
        ".globl __vfork\n"
        ".type vfork, %function\n"
        ".type __vfork, %function\n"
        "vfork:\n"
        "__vfork:\n"
#ifdef __x86_64__
        "    endbr64\n"
        "    subq $8, %rsp\n"
        "    call hook_process_before_vfork\n"
        "    addq $8, %rsp\n"
        "    jmp *%rax\n"
#else
        "    hint #34\n" /* bti c */
        "    stp x29, x30, [sp, #-16]!\n"
        "    mov x29, sp\n"
        "    bl hook_process_before_vfork\n"
        "    ldp x29, x30, [sp], #16\n"
        "    mov x16, x0\n"
        "    br x16\n"
#endif
        ".size vfork, . - vfork\n"
        ".size __vfork, . - __vfork\n");
#else
pid_t hook_process_fork_sharing(void) HOOK_NAMED("vfork");
pid_t hook_process_fork_sharing(void)
{
    need_client();
    return REAL(fork)();
}
#endif
