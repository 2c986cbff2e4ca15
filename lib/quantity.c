/* SPDX-License-Identifier: MIT
 *
 * quantity - see quantity.h.
 */
#include "lib/quantity.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

/* Longest duration that is accepted: far beyond any use, far from overflow. */
#define DURATION_MAX_MS (INT64_C(100) * 365 * 24 * 3600 * 1000)

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit TIME_UNITS[] = {{"", 1000},   {"ms", 1},      {"s", 1000},
                                         {"m", 60000}, {"h", 3600000}, {NULL, 0}};
static const struct unit SIZE_UNITS[] = {
    {"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0}};

static int64_t unit_factor(const struct unit *units, const char *name)
{
    for (; units->name; units++)
        if (strcmp(units->name, name) == 0)
            return units->factor;
    return 0;
}

/* NUMBER UNIT, blanks allowed between them. */
static int parse_scaled(const char *text, const struct unit *units, int64_t max, int64_t *out)
{
    char *end;
    /* strtod also reads "0x1p3", "inf", "nan", "-1" and "1e5", which nobody means here. */
    if (strspn(text, "0123456789.") == 0 || text[0] == '.')
        return -1;
    size_t digits = strspn(text, "0123456789.");
    char number[40];
    if (digits >= sizeof number)
        return -1;
    memcpy(number, text, digits);
    number[digits] = '\0';
    double value = strtod(number, &end);
    if (*end != '\0')
        return -1;
    text += digits;
    text += strspn(text, " ");
    int64_t factor = unit_factor(units, text);
    if (factor == 0 || value * (double)factor > (double)max)
        return -1;
    /* A double is exact for fewer digits than an integer has. */
    bool whole = strchr(number, '.') == NULL;
    int64_t result = whole ? (int64_t)strtoll(number, NULL, 10) * factor
                           : (int64_t)(value * (double)factor + 0.5);
    if (result > max || (result == 0 && value > 0))
        return -1; /* 0 often means "no limit", which is not what was meant */
    *out = result;
    return 0;
}

int quantity_parse_count(const char *text, int64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return -1;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return -1;
    *out = value;
    return 0;
}

int quantity_parse_duration(const char *text, int64_t *out_ms)
{
    return parse_scaled(text, TIME_UNITS, DURATION_MAX_MS, out_ms);
}

int quantity_parse_size(const char *text, int64_t *out_bytes)
{
    return parse_scaled(text, SIZE_UNITS, INT64_C(1) << 60, out_bytes);
}

int quantity_seconds(double seconds, int64_t *out_ms)
{
    if (!(seconds >= 0) || seconds * 1000 > (double)DURATION_MAX_MS)
        return -1;
    *out_ms = (int64_t)(seconds * 1000 + 0.5);
    return 0;
}

char *quantity_print_duration(int64_t ms, char text[static QUANTITY_TEXT_MAX])
{
    static const struct unit descending[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    const struct unit *unit = descending;
    if (ms == 0)
        unit = &descending[2];
    else
        while (ms % unit->factor != 0)
            unit++;
    snprintf(text, QUANTITY_TEXT_MAX, "%" PRId64 "%s", ms / unit->factor, unit->name);
    return text;
}

char *quantity_print_size(int64_t bytes, char text[static QUANTITY_TEXT_MAX])
{
    static const struct unit descending[] = {
        {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
    const struct unit *unit = descending;
    while (unit->factor > 1 && (bytes == 0 || bytes % unit->factor != 0))
        unit++;
    snprintf(text, QUANTITY_TEXT_MAX, "%" PRId64 "%s", bytes / unit->factor, unit->name);
    return text;
}
