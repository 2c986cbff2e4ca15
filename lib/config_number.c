/* SPDX-License-Identifier: MIT
 *
 * config_number - see config_number.h.
 */
#include "lib/config_number.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Behind the end of what began with two characters; the end of the line where it has none. */
static const char *behind(const char *at, const char *end)
{
    const char *found = strstr(at, end);
    return found ? found + strlen(end) : at + strlen(at);
}

static const char *skip_string(const char *at, enum config_number_state *state)
{
    for (; *at != '\0' && *at != '"'; at++)
        at += *at == '\\' && at[1] != '\0';
    *state = *at == '"' ? CONFIG_NUMBER_CODE : CONFIG_NUMBER_STRING;
    return at + (*at == '"');
}

static const char *skip_comment(const char *at, enum config_number_state *state)
{
    *state = strstr(at, "*/") ? CONFIG_NUMBER_CODE : CONFIG_NUMBER_COMMENT;
    return behind(at, "*/");
}

/* Past what is neither a number nor the beginning of a comment or string over several lines. */
static const char *skip_code(const char *at, enum config_number_state *state)
{
    if (*at == '"')
        return skip_string(at + 1, state);
    if (strncmp(at, "/*", 2) == 0)
        return skip_comment(at + 2, state);
    if (*at == '#' || strncmp(at, "//", 2) == 0)
        return at + strlen(at);
    size_t name = strspn(at, LETTERS "*_");
    return name > 0 ? at + strspn(at, LETTERS DIGITS "*_-") : at + 1;
}

/* WORD begins with a digit, or a sign and one. A float is none. */
static bool is_misread(const char *word, size_t length)
{
    const char *digits = word + strspn(word, "+-");
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    char *end;
    errno = 0;
    long long number = strtoll(word, &end, hex ? 16 : 10);
    bool is_long = *end == 'L';
    if (!is_long && end != word + length)
        return false;
    return errno == ERANGE || (!is_long && (number > INT32_MAX || number < INT32_MIN));
}

/* As long as what may be a number from AT on; 0: it is none. */
static size_t number_length(const char *at)
{
    size_t sign = *at == '+' || *at == '-';
    if (strspn(at + sign, DIGITS) == 0)
        return 0;
    return sign + strspn(at + sign, DIGITS LETTERS ".");
}

const char *config_number_find(const char **at, enum config_number_state *state, size_t *length)
{
    while (**at != '\0') {
        const char *word = *at;
        *length = *state == CONFIG_NUMBER_CODE ? number_length(word) : 0;
        if (*state == CONFIG_NUMBER_STRING)
            *at = skip_string(word, state);
        else if (*state == CONFIG_NUMBER_COMMENT)
            *at = skip_comment(word, state);
        else
            *at = *length > 0 ? word + *length : skip_code(word, state);
        if (*length > 0 && is_misread(word, *length))
            return word;
    }
    return NULL;
}
