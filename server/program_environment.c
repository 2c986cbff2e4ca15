/* SPDX-License-Identifier: MIT
 *
 * program_environment - see program_environment.h.
 */
#include "server/program_environment.h"

#include "lib/memory.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static size_t find(const struct program_environment *e, const char *name, size_t length)
{
    size_t i = 0;
    while (i < e->count &&
           (strncmp(e->variables[i], name, length) != 0 || e->variables[i][length] != '='))
        i++;
    return i;
}

const char *program_environment_get(const struct program_environment *e, const char *name)
{
    size_t length = strlen(name), i = find(e, name, length);
    return i < e->count ? e->variables[i] + length + 1 : NULL;
}

void program_environment_put(struct program_environment *e, char *variable)
{
    size_t i = find(e, variable, strcspn(variable, "="));
    e->variables[i] = variable;
    if (i == e->count)
        e->variables[++e->count] = NULL;
}

static void put_default(struct program_environment *e, const char *name, const char *value)
{
    if (!program_environment_get(e, name))
        program_environment_put(e, memory_printf("%s=%s", name, value));
}

static void put_user(struct program_environment *e)
{
    const struct passwd *who = getpwuid(geteuid());
    char number[24];
    snprintf(number, sizeof number, "%u", (unsigned)geteuid());
    const char *name = who ? who->pw_name : number;
    put_default(e, "HOME", who ? who->pw_dir : "/");
    put_default(e, "USER", name);
    put_default(e, "LOGNAME", name);
}

void program_environment_init(struct program_environment *e, const struct config_list *configured)
{
    size_t room = 4 + configured->count + PROGRAM_ENVIRONMENT_ROOM + 1;
    *e = (struct program_environment){.variables = memory_zeroed(room, sizeof(char *))};
    for (size_t i = 0; i < configured->count; i++)
        program_environment_put(e, memory_string(configured->words[i]));
    put_default(e, "PATH", DEFAULT_PATH);
    put_user(e);
}
