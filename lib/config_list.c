/* SPDX-License-Identifier: MIT
 *
 * config_list - lists of words and of environment variables: keeping and reading them.
 */
#include "lib/config_reader.h"

#include "lib/memory.h"

void config_list_add(struct config_list *list, const char *word)
{
    list->words = memory_resize(list->words, (list->count + 2) * sizeof *list->words);
    list->words[list->count++] = memory_string(word);
    list->words[list->count] = NULL;
}

void config_list_release(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->words[i]);
    free(list->words);
    *list = (struct config_list){0};
}

static bool is_list(const config_setting_t *setting)
{
    int type = config_setting_type(setting);
    return type == CONFIG_TYPE_ARRAY || type == CONFIG_TYPE_LIST;
}

/* Element I of a list of words; NULL and a complaint where it is none. It may be empty. */
static const char *list_word(struct config_reader *reader, const config_setting_t *list, int i)
{
    const config_setting_t *element = config_setting_get_elem(list, (unsigned)i);
    if (config_setting_type(element) == CONFIG_TYPE_STRING)
        return config_setting_get_string(element);
    config_complain(reader, element, "%s holds %s; all of it must be strings, \"in quotes\"",
                    config_setting_name(list), config_type_name(element));
    return NULL;
}

void config_read_list(struct config_reader *reader, const config_setting_t *setting,
                      struct config_list *list)
{
    const char *word;
    if (!is_list(setting)) {
        config_wrong_type(reader, setting, "a list of strings, [ \"a\", \"b\" ]");
        return;
    }
    if (config_setting_length(setting) == 0)
        config_complain(reader, setting, "%s is empty", config_setting_name(setting));
    for (int i = 0; i < config_setting_length(setting); i++)
        if ((word = list_word(reader, setting, i)))
            config_list_add(list, word);
}

/* Names that shells and programs can use, environ(7). */
static bool is_variable(const char *text, size_t length)
{
    return length > 0 && (text[0] < '0' || text[0] > '9') &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
               length;
}

/* Is there a variable of the same name, LENGTH with its =, already? */
static bool is_there(const struct config_list *list, const char *text, size_t length)
{
    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->words[i], text, length) == 0)
            return true;
    return false;
}

/* TEXT begins with the LENGTH bytes of a variable's name. */
static bool is_reserved(const char *text, size_t length)
{
    static const char *const names[] = {WARM_VARIABLE, WARM_PROXY_VARIABLE};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == length && strncmp(text, names[i], length) == 0)
            return true;
    return false;
}

static void add_variable(struct config_reader *reader, const config_setting_t *place,
                         struct config_list *list, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || !is_variable(text, (size_t)(equals - text)))
        config_complain(reader, place, "a variable is written \"NAME=value\", not \"%s\"", text);
    else if (is_reserved(text, (size_t)(equals - text)))
        config_complain(reader, place, "%.*s is for preforkd's own use", (int)(equals - text),
                        text);
    else if (is_there(list, text, (size_t)(equals - text) + 1))
        config_complain(reader, place, "the variable %.*s is given twice", (int)(equals - text),
                        text);
    else
        config_list_add(list, text);
}

static void add_member(struct config_reader *reader, const config_setting_t *member,
                       struct config_list *list)
{
    struct buffer text = {0};
    buffer_printf(&text, "%s=", config_setting_name(member));
    if (config_setting_type(member) == CONFIG_TYPE_STRING)
        buffer_printf(&text, "%s", config_setting_get_string(member));
    else if (config_is_integer(member))
        buffer_printf(&text, "%lld", (long long)config_setting_get_int64(member));
    else {
        config_wrong_type(reader, member, "a string or an integer");
        buffer_release(&text);
        return;
    }
    add_variable(reader, member, list, buffer_text(&text));
    buffer_release(&text);
}

void config_read_variables(struct config_reader *reader, const config_setting_t *setting,
                           struct config_list *list)
{
    const char *word;
    bool group = config_setting_type(setting) == CONFIG_TYPE_GROUP;
    if (!group && !is_list(setting)) {
        config_wrong_type(reader, setting, "[ \"NAME=value\" ] or { NAME = \"value\"; }");
        return;
    }
    for (int i = 0; i < config_setting_length(setting); i++) {
        const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
        if (group)
            add_member(reader, element, list);
        else if ((word = list_word(reader, setting, i)))
            add_variable(reader, element, list, word);
    }
}
