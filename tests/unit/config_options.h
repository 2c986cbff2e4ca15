/* SPDX-License-Identifier: MIT
 *
 * config_options - for tests of the configuration: what it says of an option of a handler.
 */
#ifndef TESTS_UNIT_CONFIG_OPTIONS_H
#define TESTS_UNIT_CONFIG_OPTIONS_H

#include "lib/config.h"

/* NULL where the service has no such option. */
static inline const struct config_option *option_of(const struct config_service *service,
                                                    const char *name)
{
    for (size_t i = 0; i < service->option_count; i++)
        if (strcmp(service->options[i].name, name) == 0)
            return &service->options[i];
    return NULL;
}

#endif
