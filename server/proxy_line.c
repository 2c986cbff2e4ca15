/* SPDX-License-Identifier: MIT
 *
 * proxy_line - see proxy_line.h.
 *
 * Stricter than the specification nowhere but in two points: behind UNKNOWN comes a blank or the
 * line's end, and no other word; and a lone CR or LF is an error in what is ignored, too.
 */
#include "server/proxy_line.h"

#include <arpa/inet.h>

#define WORDS 4 /* source, destination, and their ports */

/* How a line may begin, and how many bytes its shortest end has while the first, second, third or
 * fourth word behind that is being read: " 0.0.0.0 0 0\r\n" and so on. */
struct form {
    const char *opening;
    sa_family_t family;
    size_t tail[WORDS];
};
static const struct form FORMS[] = {{"PROXY TCP4 ", AF_INET, {14, 6, 4, 2}},
                                    {"PROXY TCP6 ", AF_INET6, {9, 6, 4, 2}},
                                    {"PROXY UNKNOWN", AF_UNSPEC, {2, 2, 2, 2}}};
#define FORM_COUNT (sizeof FORMS / sizeof *FORMS)

/* The form that TEXT has, or begins to have; NULL where it never can. */
static const struct form *form_of(const char *text, size_t count)
{
    for (size_t i = 0; i < FORM_COUNT; i++) {
        size_t length = strlen(FORMS[i].opening);
        if (memcmp(text, FORMS[i].opening, count < length ? count : length) == 0)
            return &FORMS[i];
    }
    return NULL;
}

static enum proxy_header_reason not_a_form(const char *text, size_t count)
{
    bool proxy = count > 6 && memcmp(text, "PROXY ", 6) == 0;
    return proxy ? PROXY_HEADER_BAD_LINE : PROXY_HEADER_BAD_ABSENT;
}

/* Where the first CR or LF is; COUNT where there is none. */
static size_t line_end(const char *text, size_t count)
{
    size_t at = 0;
    while (at < count && text[at] != '\r' && text[at] != '\n')
        at++;
    return at;
}

/* Which of its words the line has come to, by the blanks among the first COUNT bytes. */
static size_t word_at(const struct form *form, const char *text, size_t count)
{
    size_t word = 0;
    if (form->family != AF_UNSPEC)
        for (size_t i = strlen(form->opening); i < count; i++)
            word += text[i] == ' ';
    return word;
}

/* No line end yet. What comes at least: the end of the shortest line that begins so. */
static enum proxy_header_state unfinished(const struct form *form, size_t word, size_t count,
                                          struct proxy_header *header)
{
    size_t more = count < PROXY_HEADER_MIN ? PROXY_HEADER_MIN - count : 0;
    if (count + 2 > PROXY_HEADER_TEXT_MAX)
        return proxy_header_bad(header, PROXY_HEADER_BAD_TOO_LONG);
    if (count >= strlen(form->opening) && more < form->tail[word])
        more = form->tail[word];
    return proxy_header_more(header, more);
}

/* Cut LINE at its blanks, into WORDS words exactly, none of them empty or with a NUL byte. */
static bool cut(const char *line, size_t length, char words[WORDS][INET6_ADDRSTRLEN])
{
    for (int i = 0; i < WORDS; i++) {
        const char *blank = memchr(line, ' ', length);
        size_t word = blank ? (size_t)(blank - line) : length;
        if ((blank != NULL) != (i < WORDS - 1) || word == 0 || word >= INET6_ADDRSTRLEN ||
            memchr(line, '\0', word))
            return false;
        memcpy(words[i], line, word);
        words[i][word] = '\0';
        line += word + (blank != NULL);
        length -= word + (blank != NULL);
    }
    return true;
}

/* Decimal, 0 to 65535, and no zero in front (2.1). -1 where it is something else. */
static int port_of(const char *word)
{
    int port = 0;
    if (word[0] == '0' && word[1] != '\0')
        return -1;
    for (; *word; word++) {
        if (*word < '0' || *word > '9')
            return -1;
        port = port * 10 + (*word - '0');
        if (port > 65535)
            return -1;
    }
    return port;
}

/* inet_pton(3) takes what 2.1 asks for: four decimal numbers with no zero in front of them, or
 * hexadecimal groups. It also takes ::ffff:192.0.2.1, which senders write with inet_ntop(3). */
static bool set_host(union socket_address *a, sa_family_t family, const char *word)
{
    void *host = family == AF_INET ? (void *)&a->in.sin_addr : (void *)&a->in6.sin6_addr;
    a->any.sa_family = family;
    return inet_pton(family, word, host) == 1;
}

static void set_port(union socket_address *a, int port)
{
    in_port_t number = htons((in_port_t)port);
    if (a->any.sa_family == AF_INET)
        a->in.sin_port = number;
    else
        a->in6.sin6_port = number;
}

/* A whole line, whose CR is at END. */
static enum proxy_header_reason decode(const struct form *form, const char *text, size_t end,
                                       struct proxy_header *header)
{
    char words[WORDS][INET6_ADDRSTRLEN];
    size_t opening = strlen(form->opening);
    if (form->family == AF_UNSPEC)
        return PROXY_HEADER_BAD_NONE; /* "must ignore anything presented before the CRLF" (2.1) */
    if (!cut(text + opening, end - opening, words))
        return PROXY_HEADER_BAD_LINE;
    if (!set_host(&header->source, form->family, words[0]) ||
        !set_host(&header->destination, form->family, words[1]))
        return PROXY_HEADER_BAD_ADDRESS;
    int from = port_of(words[2]), to = port_of(words[3]);
    if (from < 0 || to < 0)
        return PROXY_HEADER_BAD_PORT;
    set_port(&header->source, from);
    set_port(&header->destination, to);
    header->transport = PROXY_HEADER_STREAM;
    return PROXY_HEADER_BAD_NONE;
}

/* Behind UNKNOWN, the one opening that has no blank at its end. */
static bool opening_ends_well(const struct form *form, const char *text, size_t count)
{
    size_t opening = strlen(form->opening);
    return form->family != AF_UNSPEC || count <= opening || text[opening] == ' ' ||
           text[opening] == '\r';
}

enum proxy_header_state proxy_line_parse(const char *text, size_t count,
                                         struct proxy_header *header)
{
    const size_t most = PROXY_HEADER_TEXT_MAX - 1; /* the CR has to be among the first of them */
    header->version = 1;
    const struct form *form = form_of(text, count);
    if (!form)
        return proxy_header_bad(header, not_a_form(text, count));
    size_t end = line_end(text, count < most ? count : most);
    size_t word = word_at(form, text, end);
    if (word >= WORDS || !opening_ends_well(form, text, count))
        return proxy_header_bad(header, PROXY_HEADER_BAD_LINE);
    if (end == count || end == most)
        return unfinished(form, word, end, header);
    if (text[end] == '\n' || (end + 1 < count && text[end + 1] != '\n'))
        return proxy_header_bad(header, PROXY_HEADER_BAD_LINE);
    if (end + 1 == count)
        return proxy_header_more(header, 1);
    enum proxy_header_reason reason = decode(form, text, end, header);
    return reason == PROXY_HEADER_BAD_NONE ? proxy_header_done(header, end + 2)
                                           : proxy_header_bad(header, reason);
}
