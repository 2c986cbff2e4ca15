/* SPDX-License-Identifier: MIT
 *
 * preforkctl - the control client: sends one request to preforkd's control socket
 * (include/control.h) and prints the answer for a person, or as JSON.
 */
#include "client/preforkctl_print.h"
#include "include/control.h"
#include "lib/address.h"
#include "lib/buffer.h"
#include "lib/control_path.h"
#include "lib/error.h"
#include "lib/memory.h"
#include "lib/suggest.h"

#include <errno.h>
#include <getopt.h>
#include <unistd.h>

static const struct command {
    const char *name;
    int least, most;
    const char *synopsis, *text;
} COMMANDS[] = {
#define COMMAND(name, least, most, synopsis, text) {#name, least, most, synopsis, text},
    CONTROL_COMMANDS(COMMAND)
#undef COMMAND
};

#define COMMAND_COUNT (sizeof COMMANDS / sizeof *COMMANDS)

static const struct option LONG[] = {
    {"socket", required_argument, NULL, 's'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

struct request {
    char *socket; /* path */
    bool json;
    const struct command *command;
    char line[CONTROL_REQUEST_MAX];
};

/* The table has C names; people write reopen-logs. */
static char *spelled(const char *name, char text[static 32])
{
    snprintf(text, 32, "%s", name);
    for (char *c = text; *c; c++)
        if (*c == '_')
            *c = '-';
    return text;
}

static void help(void)
{
    char name[32], call[64];
    printf("preforkctl - talk to a running preforkd\n\n"
           "  preforkctl [-s SOCKET] [--json] COMMAND [ARGUMENT...]\n\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        snprintf(call, sizeof call, "%s %s", spelled(COMMANDS[i].name, name), COMMANDS[i].synopsis);
        printf("  %-26s %s\n", call, COMMANDS[i].text);
    }
    char *standard = control_path_default();
    printf("\n  -s, --socket SOCKET        the control socket (default: %s)\n"
           "  -j, --json                 print the answer as JSON\n\n"
           "Exit status: 0 done; 1 refused or not reachable, with the reason; 64 usage\n",
           standard);
    free(standard);
}

static int find_command(struct request *request, const char *word, struct error *error)
{
    char names[COMMAND_COUNT][32];
    const char *known[COMMAND_COUNT + 1] = {0};
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        known[i] = spelled(COMMANDS[i].name, names[i]);
        if (strcmp(known[i], word) == 0)
            request->command = &COMMANDS[i];
    }
    if (request->command)
        return 0;
    const char *near = suggest_nearest(word, known);
    return error_set(error, EXIT_CODE_USAGE, "unknown command \"%s\"%s%s%s; see preforkctl --help",
                     word, near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

static int compose(struct request *request, char *const *words, int count, struct error *error)
{
    if (count == 0)
        return error_set(error, EXIT_CODE_USAGE, "no command given; see preforkctl --help");
    if (find_command(request, words[0], error) < 0)
        return -1;
    const struct command *command = request->command;
    if (count - 1 < command->least || count - 1 > command->most)
        return error_set(error, EXIT_CODE_USAGE, "write: preforkctl %s %s", words[0],
                         command->synopsis);
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        int used = snprintf(request->line + length, sizeof request->line - length, "%s%c", words[i],
                            i + 1 < count ? ' ' : '\n');
        length += (size_t)used;
        if (length >= sizeof request->line)
            return error_set(error, EXIT_CODE_USAGE, "the request is too long");
        if (strpbrk(words[i], " \n"))
            return error_set(error, EXIT_CODE_USAGE, "\"%s\" has a blank in it", words[i]);
    }
    return 0;
}

static int dial(const char *path, struct error *error)
{
    struct address found[ADDRESS_RESOLVED_MAX];
    char *folder = path[0] == '/' ? NULL : getcwd(NULL, 0);
    char *text = memory_printf("unix://%s%s%s", folder ? folder : "", folder ? "/" : "", path);
    int parsed = address_parse(text, found, error);
    free(text);
    free(folder);
    if (parsed < 0)
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(error, EXIT_CODE_FAILURE, "socket");
    if (connect(fd, &found[0].socket.any, found[0].length) == 0)
        return fd;
    error_set_errno(error, EXIT_CODE_FAILURE, "cannot reach preforkd at %s", path);
    close(fd);
    return -1;
}

static int exchange(int fd, const char *line, struct buffer *answer, struct error *error)
{
    size_t length = strlen(line);
    ssize_t got;
    /* Turned away, the reason may be there already, so an answer is read in any case. */
    if (send(fd, line, length, MSG_NOSIGNAL) < 0 && errno != EPIPE)
        return error_set_errno(error, EXIT_CODE_FAILURE, "cannot send the request");
    while ((got = recv(fd, buffer_reserve(answer, 65536), 65536, 0)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, EXIT_CODE_FAILURE, "cannot read the answer");
        answer->length += (size_t)got;
        answer->data[answer->length] = '\0';
    }
    return 0;
}

/* 0 and the result, or the reason preforkd gave. */
static int understand(const struct buffer *answer, json_t **result, struct error *error)
{
    json_error_t parse;
    json_t *object = json_loadb(buffer_text(answer), answer->length, 0, &parse);
    if (!object || !json_is_object(object))
        return error_set(error, EXIT_CODE_FAILURE,
                         "preforkd closed the connection without an answer (its log may say why)");
    if (json_is_true(json_object_get(object, "ok"))) {
        *result = json_incref(json_object_get(object, "result"));
        json_decref(object);
        return 0;
    }
    const char *reason = json_string_value(json_object_get(object, "error"));
    error_set(error, EXIT_CODE_FAILURE, "%s", reason ? reason : "refused");
    json_decref(object);
    return -1;
}

static int perform(const struct request *request, struct error *error)
{
    struct buffer answer = {0};
    json_t *result = NULL;
    int fd = dial(request->socket, error);
    if (fd < 0)
        return -1;
    int status = exchange(fd, request->line, &answer, error);
    close(fd);
    if (status == 0)
        status = understand(&answer, &result, error);
    buffer_release(&answer);
    if (status == 0 && result)
        preforkctl_print(request->command->name, result, request->json);
    json_decref(result);
    if (fflush(stdout) != 0)
        return error_set_errno(error, EXIT_CODE_FAILURE, "cannot write the answer");
    return status;
}

static int parse_options(struct request *request, int argc, char **argv, struct error *error)
{
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:s:jhv", LONG, NULL)) != -1) {
        switch (option) {
        case 's':
            free(request->socket);
            request->socket = memory_string(optarg);
            break;
        case 'j':
            request->json = true;
            break;
        case 'h':
            help();
            exit(EXIT_CODE_OK);
        case 'v':
            printf("preforkctl %s\n", PREFORKD_VERSION);
            exit(EXIT_CODE_OK);
        default:
            return error_set(error, EXIT_CODE_USAGE, "%s %s; see preforkctl --help",
                             option == ':' ? "no value for" : "unknown option", argv[optind - 1]);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct request request = {.socket = control_path_default()};
    struct error error;
    int status = parse_options(&request, argc, argv, &error);
    if (status == 0)
        status = compose(&request, argv + optind, argc - optind, &error);
    if (status == 0)
        status = perform(&request, &error);
    free(request.socket);
    if (status == 0)
        return EXIT_CODE_OK;
    fprintf(stderr, "preforkctl: %s\n", error.text);
    return (int)error.code;
}
