/* SPDX-License-Identifier: MIT
 *
 * options - see options.h.
 */
#include "supervisor/options.h"

#include "include/handlers.h"
#include "lib/config.h"
#include "lib/quantity.h"
#include "lib/suggest.h"

#include <getopt.h>
#include <inttypes.h>

enum { LISTEN = 256, HANDLER_NAME, CONTROL, WORKERS, PRINT, HELP_CONFIG, VERSION };

static const struct option LONG[] = {
    {"config", required_argument, NULL, 'c'},
    {"test", no_argument, NULL, 't'},
    {"daemon", no_argument, NULL, 'd'},
    {"listen", required_argument, NULL, LISTEN},
    {"handler", required_argument, NULL, HANDLER_NAME},
    {"control", required_argument, NULL, CONTROL},
    {"workers", required_argument, NULL, WORKERS},
    {"print-config", no_argument, NULL, PRINT},
    {"help-config", no_argument, NULL, HELP_CONFIG},
    {"version", no_argument, NULL, VERSION},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int unknown(const char *word, struct error *error)
{
    /* An unknown letter may stand anywhere within a word: getopt tells the letter alone. */
    char letter[3] = {'-', (char)optopt, '\0'};
    if (optopt > 0 && optopt < 256 && !strchr("ctdh", optopt))
        word = letter;
    const char *names[sizeof LONG / sizeof *LONG];
    size_t count = 0;
    for (; LONG[count].name; count++)
        names[count] = LONG[count].name;
    names[count] = NULL;
    const char *near = strncmp(word, "--", 2) == 0 ? suggest_nearest(word + 2, names) : NULL;
    return error_set(error, EXIT_CODE_USAGE, "unknown option %s%s%s%s; see preforkd --help", word,
                     near ? " (did you mean --" : "", near ? near : "", near ? "?)" : "");
}

static int take_workers(struct options *o, const char *text, struct error *error)
{
    if (quantity_parse_count(text, &o->workers) == 0 && o->workers >= 1 && o->workers <= 65536)
        return 0;
    if (strcmp(text, "auto") == 0) {
        o->workers = CONFIG_AUTO;
        return 0;
    }
    return error_set(error, EXIT_CODE_USAGE,
                     "--workers %s: write a number from 1 to 65536, or auto", text);
}

static int take(struct options *o, int option, char **argv, struct error *error)
{
    switch (option) {
    case 'c':
        o->config_file = optarg;
        break;
    case 't':
        o->mode = OPTIONS_CHECK;
        break;
    case 'd':
        o->daemonise = true;
        break;
    case 'h':
        o->mode = OPTIONS_HELP;
        break;
    case LISTEN:
        if (o->listen)
            return error_set(error, EXIT_CODE_USAGE,
                             "give --listen once; a file can give a service several addresses");
        o->listen = optarg;
        break;
    case HANDLER_NAME:
        o->handler = optarg;
        break;
    case CONTROL:
        o->control = optarg;
        break;
    case WORKERS:
        return take_workers(o, optarg, error);
    case PRINT:
        o->mode = OPTIONS_PRINT_CONFIG;
        break;
    case HELP_CONFIG:
        o->mode = OPTIONS_HELP_CONFIG;
        break;
    case VERSION:
        o->mode = OPTIONS_VERSION;
        break;
    case ':':
        return error_set(error, EXIT_CODE_USAGE, "option %s needs a value; see preforkd --help",
                         argv[optind - 1]);
    default:
        return unknown(argv[optind - 1], error);
    }
    return 0;
}

static int check_combination(const struct options *o, int argc, char **argv, struct error *error)
{
    if (o->dashes && !o->command)
        return error_set(error, EXIT_CODE_USAGE,
                         "-- needs a program behind it; see preforkd --help");
    if (!o->dashes && optind < argc)
        return error_set(error, EXIT_CODE_USAGE, "\"%s\" is no option; see preforkd --help",
                         argv[optind]);
    if (o->handler && o->command)
        return error_set(error, EXIT_CODE_USAGE, "give either --handler NAME or -- PROGRAM");
    if (!o->listen != (!o->handler && !o->command))
        return error_set(error, EXIT_CODE_USAGE,
                         "--listen ADDRESS belongs together with --handler NAME or -- PROGRAM");
    if (!o->listen && (o->workers || o->control))
        return error_set(error, EXIT_CODE_USAGE,
                         "--workers and --control go with --listen; a file says them itself");
    if (o->listen && o->config_file)
        return error_set(error, EXIT_CODE_USAGE, "give either a file (-c) or --listen, not both");
    return 0;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
    int option, taken = 1; /* words that are options and their values: "--" may be one */
    *options = (struct options){.arguments = argv};
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:c:tdh", LONG, NULL)) != -1) {
        if (take(options, option, argv, error) < 0)
            return -1;
        taken = optind;
    }
    options->dashes = optind > taken && strcmp(argv[optind - 1], "--") == 0;
    if (options->dashes && optind < argc)
        options->command = &argv[optind];
    if (check_combination(options, argc, argv, error) < 0)
        return -1;
    if (!options->config_file)
        options->config_file = PREFORKD_SYSCONFDIR "/preforkd/preforkd.conf";
    return 0;
}

void options_help(void)
{
    printf("preforkd - preforking, process-per-connection server\n"
           "\n"
           "  preforkd [-c FILE]                 serve in the foreground\n"
           "                                     (default file: %s/preforkd/preforkd.conf)\n"
           "  preforkd -d [-c FILE]              serve in the background; returns 0 when every\n"
           "                                     service is ready\n"
           "  preforkd -t [-c FILE]              check the configuration\n"
           "  preforkd --print-config [-c FILE]  the effective configuration, defaults filled in\n"
           "  preforkd --listen ADDRESS [--workers N|auto] [--control PATH]\n"
           "      --handler NAME                 serve without a file: a built-in handler,\n"
           "      -- PROGRAM [ARGUMENT…]         or a program for each connection\n"
           "  preforkd --help-config             every key of the configuration file\n"
           "  preforkd --version\n"
           "\n"
           "Addresses: tcp://HOST:PORT (127.0.0.1, [::1], *, a name), here also without tcp://;\n"
           "udp://HOST:PORT; unix:///path, unix:@name, the same with unixgram:, seqpacket:; "
           "fd://NAME\n"
           "Signals: HUP reload; TERM, QUIT stop when connections in hand are done; INT, or a\n"
           "second TERM, stop now; USR1 reopen the log file; USR2 execute the binary anew, with\n"
           "the pools and sockets there are; TTIN, TTOU one worker more, less\n"
           "Handlers:\n",
           PREFORKD_SYSCONFDIR);
#define HANDLER(name, text) printf("  %-8s %s\n", #name, text);
    HANDLERS(HANDLER)
#undef HANDLER
}

static void print_default(const struct config_key *key)
{
    char text[QUANTITY_TEXT_MAX];
    switch (key->kind) {
    case CONFIG_COUNT:
        if (key->fallback >= key->low)
            printf(" = %" PRId64, key->fallback);
        else
            printf(" = N%s", key->automatic ? " | \"auto\"" : "");
        break;
    case CONFIG_DURATION:
        printf(" = \"%s\"", quantity_print_duration(key->fallback, text));
        break;
    case CONFIG_BOOLEAN:
        printf(" = %s", key->fallback ? "true" : "false");
        break;
    case CONFIG_CHOICE:
        printf(" = \"%s\"", key->choices[key->fallback]);
        break;
    case CONFIG_MODE:
        printf(" = \"%04o\"", (unsigned)key->fallback);
        break;
    case CONFIG_SIZE:
        printf(" = N");
        break;
    case CONFIG_LIST:
    case CONFIG_VARIABLES:
        printf(" = [ … ]");
        break;
    case CONFIG_WORD:
        printf(" = \"%s\"", key->fallback_word ? key->fallback_word : "…");
        break;
    }
}

static void print_keys(const struct config_key *keys, const char *indent)
{
    for (; keys->name; keys++) {
        printf("%s%s", indent, keys->name);
        print_default(keys);
        printf(";\n%s    # %s\n", indent, keys->text);
    }
}

void options_help_config(void)
{
    print_keys(config_global_keys, "");
    printf("log = {\n");
    print_keys(config_log_keys, "  ");
    printf("};\nservices = {\n  NAME = {\n"
           "    listen = [ \"tcp://127.0.0.1:7000\" ];\n"
           "        # addresses: tcp://HOST:PORT, unix:///path, unix:@name; required\n"
           "    handler = \"NAME\";\n"
           "        # or { type = \"NAME\"; OPTION = …; }; required. Known:\n");
#define HANDLER(name, text) printf("        #   %-8s %s\n", #name, text);
    HANDLERS(HANDLER)
#undef HANDLER
#define OPTION(handler, name, fallback, text)                                                      \
    printf("        #   %s: %s = \"%s\"; %s\n", #handler, #name, fallback, text);
    HANDLER_OPTIONS(OPTION)
#undef OPTION
    printf("        # A program for each connection: { type = \"exec\"; … }, which takes\n");
    print_keys(config_exec_keys, "        #   ");
    printf("        # Programs that accept by themselves: { type = \"listen\"; … }, which takes\n");
    print_keys(config_listen_keys, "        #   ");
    printf("        # Both take limits = { … }:\n");
    print_keys(config_limit_keys, "        #   ");
    print_keys(config_service_keys, "    ");
    printf("  };\n};\n");
}
