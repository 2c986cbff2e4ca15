/* SPDX-License-Identifier: MIT
 *
 * warm_proxy - see include/warm.h. The text is a time, a flag and networks, with single spaces:
 *
 *     TIMEOUT_MS LOG CIDR [CIDR ...]
 *
 * Runs in the worker and in the preload library, before main(); allocates nothing.
 */
#include "include/warm.h"

#include <string.h>

#define DIGITS_MAX 18 /* what 64 bits hold in any case */

char *warm_proxy_print(const struct warm_proxy *proxy, char *text)
{
    char network[CIDR_TEXT_MAX];
    const size_t room = WARM_PROXY_ROOM(proxy->count);
    size_t length =
        (size_t)snprintf(text, room, "%lld %d", (long long)proxy->timeout_ms, proxy->log);
    for (size_t i = 0; i < proxy->count; i++)
        length += (size_t)snprintf(text + length, room - length, " %s",
                                   cidr_print(&proxy->trusted[i], network));
    return text;
}

size_t warm_proxy_networks(const char *text)
{
    size_t spaces = 0;
    for (; *text; text++)
        spaces += *text == ' ';
    return spaces;
}

/* Reads "NUMBER " at *TEXT. */
static bool read_timeout(const char **text, int64_t *number)
{
    size_t digits = strspn(*text, "0123456789");
    if (digits == 0 || digits > DIGITS_MAX || (*text)[0] == '0' || (*text)[digits] != ' ')
        return false;
    for (*number = 0; digits > 0; digits--)
        *number = *number * 10 + (*(*text)++ - '0');
    ++*text;
    return true;
}

/* Reads " CIDR" at *TEXT, spelt as cidr_print() does. */
static bool read_network(const char **text, struct cidr *network)
{
    char word[CIDR_TEXT_MAX], again[CIDR_TEXT_MAX];
    struct error ignored;
    size_t length = strcspn(*text + 1, " ");
    if (**text != ' ' || length >= sizeof word)
        return false;
    memcpy(word, *text + 1, length);
    word[length] = '\0';
    *text += 1 + length;
    return cidr_parse(word, network, &ignored) == 0 &&
           strcmp(cidr_print(network, again), word) == 0;
}

int warm_proxy_parse(const char *text, struct warm_proxy *proxy, struct cidr *trusted)
{
    *proxy = (struct warm_proxy){.trusted = trusted};
    if (!read_timeout(&text, &proxy->timeout_ms) || (*text != '0' && *text != '1'))
        return -1;
    proxy->log = *text++ == '1';
    while (*text)
        if (!read_network(&text, &trusted[proxy->count++]))
            return -1;
    return proxy->count > 0 ? 0 : -1;
}
