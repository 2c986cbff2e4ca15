/* SPDX-License-Identifier: MIT
 *
 * accept_log - see accept_log.h. Apart from accept.c, which also runs where there is no such log.
 */
#include "server/accept_log.h"

#include "lib/log.h"

void accept_log(enum accept_news news, int number)
{
    struct log_line line;
    switch (news) {
    case ACCEPT_REFUSED:
        log_begin(&line, LOG_LEVEL_WARNING, "accept refused by the system, backing off");
        log_text(&line, "error", strerror(number));
        log_end(&line);
        break;
    case ACCEPT_RECOVERED:
        log_begin(&line, LOG_LEVEL_INFO, "accept works again");
        log_int(&line, "refusals", number);
        log_end(&line);
        break;
    case ACCEPT_DEAD:
        log_error("the listening socket is unusable: %s", strerror(number));
        break;
    }
}
