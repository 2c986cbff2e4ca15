/* SPDX-License-Identifier: MIT
 *
 * suggest - see suggest.h. Optimal string alignment distance over three rolling rows.
 */
#include "lib/suggest.h"

#include <stddef.h>

#define WORD_MAX 64

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

static size_t distance(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b);
    size_t rows[3][WORD_MAX + 1];
    if (m > WORD_MAX || n > WORD_MAX)
        return WORD_MAX;
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= n; j++)
        above[j] = j;
    for (size_t i = 1; i <= m; i++) {
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[n];
}

const char *suggest_nearest(const char *word, const char *const *known)
{
    const char *best = NULL;
    size_t limit = strlen(word) / 3 + 1;
    if (limit > 3)
        limit = 3;
    for (; *known; known++) {
        size_t d = distance(word, *known);
        if (d <= limit && d < strlen(*known)) {
            best = *known;
            limit = d > 0 ? d - 1 : 0;
            if (d == 0)
                break;
        }
    }
    return best;
}
