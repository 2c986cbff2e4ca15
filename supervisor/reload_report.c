/* SPDX-License-Identifier: MIT
 *
 * reload_report - see reload_report.h.
 */
#include "supervisor/reload_report.h"

#include "supervisor/control.h"

static json_t *report_value(const char *value)
{
    return value ? control_client_text(value) : json_null();
}

static json_t *report_changes(const struct config_changes *changes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < changes->count; i++) {
        const struct config_change *change = &changes->list[i];
        json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "key", change->key, "before",
                                              report_value(change->before), "after",
                                              report_value(change->after)));
    }
    return list;
}

static json_t *report_service(const char *name, const char *action,
                              const struct config_changes *changes)
{
    return json_pack("{s:s, s:s, s:o}", "name", name, "action", action, "changes",
                     report_changes(changes));
}

json_t *reload_report(const struct reload_plan *plan, const struct config *now,
                      const struct config *next)
{
    static const char *const actions[] = {
        [RELOAD_KEEP] = "keep", [RELOAD_CHANGE] = "change", [RELOAD_ADD] = "add"};
    static const struct config_changes none;
    json_t *services = json_array();
    for (size_t i = 0; i < next->service_count; i++) {
        const struct config_service *service = &next->services[i];
        json_t *row = report_service(service->name, actions[plan->actions[i]], &plan->changes[i]);
        if (service->workers_reason)
            json_object_set_new(row, "auto", control_client_text(service->workers_reason));
        json_array_append_new(services, row);
    }
    for (size_t i = 0; i < now->service_count; i++)
        if (!config_find(next, now->services[i].name))
            json_array_append_new(services, report_service(now->services[i].name, "remove", &none));
    return json_pack("{s:o, s:o}", "changes", report_changes(&plan->global), "services", services);
}
