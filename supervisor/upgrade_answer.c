/* SPDX-License-Identifier: MIT
 *
 * upgrade_answer - see upgrade_answer.h.
 */
#include "supervisor/upgrade_answer.h"

#include "lib/escape.h"
#include "lib/memory.h"
#include "lib/signals.h"
#include "supervisor/upgrade_check.h"

#include <ctype.h>

#define VERSION_MOST 64
#define LINE_MOST    2048

char *upgrade_answer_version(const struct upgrade_answer *answer)
{
    const struct buffer *output = answer->output;
    size_t prefix = strlen(UPGRADE_CHECK_ANSWER), length = 0;
    if (answer->late || answer->end.signalled || answer->end.number != 0 ||
        output->length <= prefix || memcmp(output->data, UPGRADE_CHECK_ANSWER, prefix) != 0)
        return NULL;
    const char *version = output->data + prefix;
    size_t most = output->length - prefix;
    while (length < most && length < VERSION_MOST && isgraph((unsigned char)version[length]))
        length++;
    return length > 0 && length < most && version[length] == '\n'
               ? memory_printf("%.*s", (int)length, version)
               : NULL;
}

static void show(const struct buffer *said, struct buffer *shown)
{
    char line[LINE_MOST];
    const char *at = said->data, *end = at + said->length;
    while (said->length > 0 && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        escape_text(line, sizeof line, at, length);
        buffer_printf(shown, "%s%s", shown->length > 0 ? "\n" : "", line);
        at += length + 1;
    }
}

static void describe(const struct upgrade_answer *answer, const char *said, struct error *why)
{
    char name[SIGNALS_NAME_MAX];
    const char *colon = said[0] ? ": " : "";
    if (answer->late)
        error_set(why, EXIT_CODE_FAILURE, "the new binary did not answer within %d s%s%s",
                  (int)(answer->limit_ms / 1000), colon, said);
    else if (answer->end.signalled)
        error_set(why, EXIT_CODE_FAILURE, "the new binary was ended by %s%s%s",
                  signals_name(answer->end.number, name), colon, said);
    else if (said[0])
        error_set(why, EXIT_CODE_FAILURE, "%s", said);
    else if (answer->end.number != 0)
        error_set(why, EXIT_CODE_FAILURE, "the new binary ended with status %d",
                  answer->end.number);
    else
        error_set(why, EXIT_CODE_FAILURE, "the new binary is not a preforkd that can take over");
}

void upgrade_answer_reason(const struct upgrade_answer *answer, struct error *why)
{
    struct buffer said = {0};
    show(answer->errors, &said);
    describe(answer, buffer_text(&said), why);
    buffer_release(&said);
}
