/* SPDX-License-Identifier: MIT
 *
 * quantity - counts, durations and sizes as people write them.
 *
 *     duration   "250ms" "60s" "1.5m" "2h", a bare number is seconds
 *     size       "512" "64K" "16M" "2G" (1024 each)
 */
#ifndef LIB_QUANTITY_H
#define LIB_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

/* Room for what the functions below write. */
#define QUANTITY_TEXT_MAX 32

/* Each returns 0, or -1 with *OUT untouched where TEXT is not wholly such a quantity, is negative
 * or does not fit. */
int quantity_parse_count(const char *text, int64_t *out);
int quantity_parse_duration(const char *text, int64_t *out_ms);
int quantity_parse_size(const char *text, int64_t *out_bytes);

/* Milliseconds of SECONDS, as a configuration's bare number gives them; -1 where negative, not a
 * number, or too big. */
int quantity_seconds(double seconds, int64_t *out_ms);

/* The shortest exact form: 60000 is "1m", 1500 is "1500ms". Parses back to the same value. */
char *quantity_print_duration(int64_t ms, char text[static QUANTITY_TEXT_MAX]);

/* The same for bytes: 65536 is "64K". */
char *quantity_print_size(int64_t bytes, char text[static QUANTITY_TEXT_MAX]);

#endif
