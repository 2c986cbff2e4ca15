/* SPDX-License-Identifier: MIT
 *
 * einhorn_message - see einhorn_message.h.
 *
 * Taken apart by hand: there is no small library for YAML, and with one for JSON alone this file
 * would still be needed.
 */
#include "supervisor/pool/einhorn_message.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* What is left of the text, and one piece of it. */
struct text {
    const char *at;
    const char *end;
};

static int hex(char digit)
{
    static const char digits[] = "0123456789ABCDEFabcdef";
    const char *found = digit != '\0' ? strchr(digits, digit) : NULL;
    if (!found)
        return -1;
    return (int)(found - digits) - (found - digits > 15 ? 6 : 0);
}

/* Undo %XX, in place; returns the new length. Other percent signs stay. */
static size_t unescape(char *text, size_t length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%' && i + 2 < length && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
            c = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
            i += 2;
        }
        text[used++] = c;
    }
    return used;
}

static bool is(struct text piece, const char *word)
{
    size_t length = strlen(word);
    return (size_t)(piece.end - piece.at) == length && memcmp(piece.at, word, length) == 0;
}

static void skip(struct text *rest, const char *what)
{
    while (rest->at < rest->end && *rest->at != '\0' && strchr(what, *rest->at))
        rest->at++;
}

static bool take(struct text *rest, char what)
{
    if (rest->at == rest->end || *rest->at != what)
        return false;
    rest->at++;
    return true;
}

/* In quotes up to the same quote; what would need its escapes undone is refused. */
static int take_quoted(struct text *rest, struct text *piece)
{
    char quote = *rest->at++;
    const char *end = memchr(rest->at, quote, (size_t)(rest->end - rest->at));
    if (!end || memchr(rest->at, '\\', (size_t)(end - rest->at)))
        return -1;
    *piece = (struct text){rest->at, end};
    rest->at = end + 1;
    return 0;
}

/* A scalar: quoted, or a word up to white space or one of STOPS. Empty ones are refused, and so is
 * all that begins something else in JSON or YAML. */
static int take_scalar(struct text *rest, const char *stops, struct text *piece)
{
    static const char others[] = "{}[],&*!|>@`#:";
    if (rest->at == rest->end || *rest->at == '\0' || strchr(others, *rest->at))
        return -1;
    if (*rest->at == '"' || *rest->at == '\'')
        return take_quoted(rest, piece);
    piece->at = rest->at;
    while (rest->at < rest->end && *rest->at != '\0' && !strchr(stops, *rest->at))
        rest->at++;
    piece->end = rest->at;
    return piece->at < piece->end ? 0 : -1;
}

static int read_pid(struct text piece, pid_t *pid)
{
    long number = 0;
    for (; piece.at < piece.end; piece.at++) {
        if (*piece.at < '0' || *piece.at > '9' || number > INT_MAX / 10)
            return -1;
        number = number * 10 + (*piece.at - '0');
    }
    *pid = (pid_t)number;
    return number > 0 && number <= INT_MAX ? 0 : -1;
}

/* KEY: VALUE, and what separates it from the next one. */
static int take_pair(struct text *rest, bool braces, bool *acknowledged, pid_t *pid)
{
    struct text key, value;
    if (take_scalar(rest, " \t\r\n:", &key) < 0)
        return -1;
    skip(rest, " \t");
    if (!take(rest, ':'))
        return -1;
    skip(rest, " \t");
    if (take_scalar(rest, braces ? " \t\r\n,}" : " \t\r\n", &value) < 0)
        return -1;
    if (is(key, "command"))
        *acknowledged = is(value, "worker:ack");
    if (is(key, "pid") && read_pid(value, pid) < 0)
        return -1;
    skip(rest, " \t");
    if (!braces) /* a block: a line for each */
        return rest->at == rest->end || *rest->at == '\n' || *rest->at == '\r' ? 0 : -1;
    skip(rest, "\r\n");
    return take(rest, ',') || (rest->at < rest->end && *rest->at == '}') ? 0 : -1;
}

int einhorn_message_parse(char *text, size_t length, pid_t *pid)
{
    static const char white[] = " \t\r\n";
    bool acknowledged = false;
    *pid = 0;
    if (length > EINHORN_MESSAGE_MAX)
        return -1;
    struct text rest = {text, text + unescape(text, length)};
    if (rest.end - rest.at >= 3 && memcmp(rest.at, "---", 3) == 0)
        rest.at += 3;
    skip(&rest, white);
    bool braces = take(&rest, '{');
    for (skip(&rest, white); rest.at < rest.end && *rest.at != '}'; skip(&rest, white))
        if (take_pair(&rest, braces, &acknowledged, pid) < 0)
            return -1;
    if (take(&rest, '}') != braces)
        return -1;
    skip(&rest, white);
    return rest.at == rest.end && acknowledged ? 0 : -1;
}
