/* SPDX-License-Identifier: MIT
 *
 * check - see check.h.
 */
#include "supervisor/check.h"

#include "lib/escape.h"
#include "lib/quantity.h"
#include "lib/signals.h"
#include "supervisor/scratch.h"

#include <stdarg.h>

__attribute__((format(printf, 2, 3))) static bool complain(const struct config_service *service,
                                                           const char *format, ...)
{
    va_list list;
    fprintf(stderr, "%s: service %s: ", service->handler_place, service->name);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return false;
}

/* Foreign words, line by line, so that they can be read on a terminal and do nothing to it. */
static void print_words(const struct buffer *words)
{
    char shown[4096];
    const char *at = buffer_text(words), *end = at + words->length;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        escape_text(shown, sizeof shown, at, length);
        fprintf(stderr, "%s\n", shown);
        at += length + 1;
    }
}

static void print_verdict(const struct config_service *service, const char *text)
{
    char shown[sizeof((struct channel_message *)0)->text];
    escape_text(shown, sizeof shown, text, strlen(text));
    complain(service, "%s", shown);
}

/* It has ended by itself. READY is its word that it was asked and found well. */
static bool judge(const struct scratch *scratch, const struct config_service *service)
{
    char name[SIGNALS_NAME_MAX];
    if (scratch->end.signalled)
        return complain(service, "its handler crashed (%s) when it was asked",
                        signals_name(scratch->end.number, name));
    if (scratch->verdict.type == CHANNEL_READY && scratch->end.number == 0)
        return true;
    if (scratch->verdict.type != CHANNEL_FAILED)
        return complain(service, "its handler ended the process (status %d) when it was asked",
                        scratch->end.number);
    if (scratch->words.length == 0) /* else it was told there, and at length */
        print_verdict(service, scratch->verdict.text);
    return false;
}

static bool print_outcome(const struct scratch *scratch, const struct config_service *service)
{
    char limit[QUANTITY_TEXT_MAX];
    print_words(&scratch->words);
    if (scratch->cut)
        complain(service, "its handler says more than is shown here");
    switch (scratch->outcome) {
    case SCRATCH_LATE:
        return complain(service, "its handler did not answer within %s (start_timeout)",
                        quantity_print_duration(service->start_timeout, limit));
    case SCRATCH_INTERRUPTED:
        return complain(service, "stopped before its handler had answered");
    default:
        return judge(scratch, service);
    }
}

static bool check_service(const struct scratch_plan *plan, const struct config_service *service,
                          int *stopped)
{
    struct scratch scratch;
    struct error error;
    if (scratch_ask(&scratch, plan, service, &error) < 0)
        return complain(service, "%s", error.text);
    bool well = print_outcome(&scratch, service);
    *stopped = scratch.signal;
    buffer_release(&scratch.words);
    return well;
}

bool check_handlers(const struct config *config, int *stopped)
{
    struct scratch_plan plan;
    struct error error;
    *stopped = 0;
    bool prepared = scratch_prepare(&plan, config, &error) == 0, well = prepared;
    if (!prepared)
        fprintf(stderr, "preforkd: %s\n", error.text);
    for (size_t i = 0; prepared && i < config->service_count && *stopped == 0; i++)
        well = check_service(&plan, &config->services[i], stopped) && well;
    scratch_release(&plan);
    return well;
}
