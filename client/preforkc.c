/* SPDX-License-Identifier: MIT
 *
 * preforkc - a plain client for servers of any kind, and a load generator.
 *
 *     preforkc send ADDRESS TEXT...    messages from the command line
 *     preforkc chat ADDRESS            standard input to the server and back
 *     preforkc load ADDRESS            many connections, and what became of each
 *
 * Exit codes: 0 answered; 1 another failure (load: any failure); 2 refused; 3 timed out; 4 reset;
 * 5 closed without an answer; 64 the command line is wrong.
 */
#include "client/command.h"

#include "lib/error.h"
#include "lib/suggest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

static const struct command *const COMMANDS[] = {&SEND_COMMAND, &CHAT_COMMAND, &LOAD_COMMAND};
#define COMMAND_COUNT (sizeof COMMANDS / sizeof COMMANDS[0])

/* Without this, the socket of a program started with a closed standard stream would become it. */
static void fill_standard_streams(void)
{
    while (fcntl(STDERR_FILENO, F_GETFD) < 0 || fcntl(STDIN_FILENO, F_GETFD) < 0 ||
           fcntl(STDOUT_FILENO, F_GETFD) < 0)
        if (open("/dev/null", O_RDWR) < 0)
            _exit(EXIT_CODE_OS);
}

static int help(void)
{
    puts("usage: preforkc SUBCOMMAND [OPTION...] ADDRESS ...\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-6s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
    puts("\nADDRESS is tcp://HOST:PORT (or HOST:PORT alone), udp://HOST:PORT, unix:///path, or one "
         "of\n"
         "unix:@name, unixgram: for datagrams and seqpacket:, both with ///path or @name.\n"
         "`preforkc SUBCOMMAND --help` tells more. `preforkc --version` prints the version.");
    return EXIT_CODE_OK;
}

static int unknown(const char *word)
{
    const char *names[COMMAND_COUNT + 1] = {NULL};
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = COMMANDS[i]->name;
    const char *near = suggest_nearest(word, names);
    if (near)
        fprintf(stderr, "preforkc: unknown subcommand \"%s\" (did you mean %s?)\n", word, near);
    else
        fprintf(stderr, "preforkc: unknown subcommand \"%s\"; write send, chat or load\n", word);
    return EXIT_CODE_USAGE;
}

/* --help stands anywhere before "--". */
static bool wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(const struct command *command, int argc, char **argv)
{
    if (!wants_help(argc, argv))
        return command->run(argc, argv);
    fputs(command->help, stdout);
    return EXIT_CODE_OK;
}

static int dispatch(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        fputs("preforkc: no subcommand; write for example: preforkc send ADDRESS TEXT\n", stderr);
        return EXIT_CODE_USAGE;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return help();
    if (strcmp(word, "--version") == 0) {
        puts("preforkc " PREFORKD_VERSION);
        return EXIT_CODE_OK;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(word, COMMANDS[i]->name) == 0)
            return run(COMMANDS[i], argc - 2, argv + 2);
    return unknown(word);
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    /* A server that goes away is an outcome like others, not the end of the program. */
    signal(SIGPIPE, SIG_IGN);
    int code = dispatch(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "preforkc: standard output: %s\n", strerror(errno));
        return code == EXIT_CODE_OK ? EXIT_CODE_FAILURE : code;
    }
    return code;
}
