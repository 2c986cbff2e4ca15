/* SPDX-License-Identifier: MIT
 *
 * preforkctl_plan - see preforkctl_plan.h.
 */
#include "client/preforkctl_plan.h"

static const char *value_of(const json_t *change, const char *which)
{
    const char *value = json_string_value(json_object_get(change, which));
    return value ? value : "not set";
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_changes(const json_t *list)
{
    size_t i;
    json_t *change;
    json_array_foreach(list, i, change)
        printf("            %s: %s -> %s\n", text_of(change, "key"), value_of(change, "before"),
               value_of(change, "after"));
}

void preforkctl_plan_print(const json_t *plan)
{
    const json_t *all = json_object_get(plan, "changes");
    size_t i;
    json_t *service;
    if (json_array_size(all) > 0)
        printf("outside of services\n");
    print_changes(all);
    json_array_foreach(json_object_get(plan, "services"), i, service)
    {
        printf("%-10s  %s\n", text_of(service, "action"), text_of(service, "name"));
        if (json_object_get(service, "auto"))
            printf("            workers = auto: %s\n", text_of(service, "auto"));
        print_changes(json_object_get(service, "changes"));
    }
}
