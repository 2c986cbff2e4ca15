/* SPDX-License-Identifier: MIT
 *
 * escape - see escape.h.
 */
#include "lib/escape.h"

#include <stdint.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Length of the well-formed UTF-8 sequence at S (RFC 3629, table 3-7 of Unicode), 0 where there
 * is none; its code point in *POINT. */
static size_t utf8_decode(const unsigned char *s, size_t left, uint32_t *point)
{
    unsigned char low = 0x80, high = 0xBF;
    size_t length;
    if (s[0] < 0x80) {
        *point = s[0];
        return 1;
    }
    if (s[0] >= 0xC2 && s[0] <= 0xDF)
        length = 2;
    else if (s[0] >= 0xE0 && s[0] <= 0xEF)
        length = 3;
    else if (s[0] >= 0xF0 && s[0] <= 0xF4)
        length = 4;
    else
        return 0;
    if (s[0] == 0xE0)
        low = 0xA0; /* no overlong forms */
    if (s[0] == 0xED)
        high = 0x9F; /* no surrogates */
    if (s[0] == 0xF0)
        low = 0x90;
    if (s[0] == 0xF4)
        high = 0x8F; /* nothing above U+10FFFF */
    if (left < length)
        return 0;
    *point = s[0] & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (s[i] < low || s[i] > high)
            return 0;
        *point = *point << 6 | (s[i] & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

/* Characters that move, hide or break a line on a terminal. */
static bool treacherous(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0x61C ||
           (point >= 0x200B && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0xFEFF;
}

/* The escaped form of one character into TEXT (8 bytes); 0 where it needs none. */
static size_t escaped(uint32_t point, char text[8])
{
    static const char digits[] = "0123456789abcdef";
    const char *found;
    static const char plain[] = "\"\\\n\r\t", letters[] = "\"\\nrt";
    text[0] = '\\';
    if (point != 0 && point < 0x80 && (found = strchr(plain, (int)point))) {
        text[1] = letters[found - plain];
        return 2;
    }
    if (!treacherous(point))
        return 0;
    text[1] = 'u';
    for (int i = 0; i < 4; i++)
        text[2 + i] = digits[point >> (12 - 4 * i) & 0xF];
    return 6;
}

size_t escape_write(char *out, size_t room, const void *bytes, size_t length, bool *cut)
{
    const unsigned char *in = bytes;
    size_t used = 0;
    for (size_t at = 0; at < length;) {
        uint32_t point = 0;
        char text[8];
        size_t taken = utf8_decode(in + at, length - at, &point);
        size_t size = taken ? escaped(point, text) : 0;
        const void *piece = text;
        if (taken == 0) {
            piece = REPLACEMENT;
            size = sizeof REPLACEMENT - 1;
            taken = 1;
        } else if (size == 0) {
            piece = in + at;
            size = taken;
        }
        if (used + size > room) {
            *cut = true;
            break;
        }
        memcpy(out + used, piece, size);
        used += size;
        at += taken;
    }
    return used;
}

bool escape_is_plain(const void *bytes, size_t length)
{
    const unsigned char *in = bytes;
    for (size_t at = 0; at < length;) {
        uint32_t point;
        size_t taken = utf8_decode(in + at, length - at, &point);
        if (taken == 0 || treacherous(point))
            return false;
        at += taken;
    }
    return true;
}

void escape_text(char *out, size_t size, const void *bytes, size_t length)
{
    bool cut;
    if (length < size && escape_is_plain(bytes, length))
        memcpy(out, bytes, length);
    else
        length = escape_write(out, size - 1, bytes, length, &cut);
    out[length] = '\0';
}
