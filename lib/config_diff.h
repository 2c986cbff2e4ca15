/* SPDX-License-Identifier: MIT
 *
 * config_diff - in which keys two configurations differ. Pure.
 */
#ifndef LIB_CONFIG_DIFF_H
#define LIB_CONFIG_DIFF_H

#include "lib/config.h"

/* Values as config_print() writes them; NULL where the key is not set. */
struct config_change {
    char *key; /* "workers", "handler.limits.nofile", "log.level" */
    char *before, *after;
};

/* Zeroed: none. */
struct config_changes {
    struct config_change *list;
    size_t count;
};

/* Add to OUT the keys that stand outside of services: the global ones, "log.KEY", and "credentials"
 * where a user of the same name has got other numbers. */
void config_diff_global(const struct config *before, const struct config *after,
                        struct config_changes *out);

/* Add the keys of a service. Where the type of the handler is another one, nothing more is said of
 * the handler. "addresses" is what names in listen stand for, where only that changed, and
 * "handler.credentials" likewise. */
void config_diff_service(const struct config_service *before, const struct config_service *after,
                         struct config_changes *out);

void config_changes_release(struct config_changes *changes);

#endif
