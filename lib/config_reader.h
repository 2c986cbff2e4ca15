/* SPDX-License-Identifier: MIT
 *
 * config_reader - private to config_*.c: what is being read, and how its errors are said.
 */
#ifndef LIB_CONFIG_READER_H
#define LIB_CONFIG_READER_H

#include "lib/config.h"

#include <libconfig.h>
#include <sys/stat.h>

struct config_complaint {
    char *file; /* NULL: there is no file */
    unsigned line;
    char *text;
};

struct config_reader {
    struct config *config;               /* being filled */
    struct config_complaint *complaints; /* so far, in the order they were found */
    int error_count;
    const char *file;   /* for settings whose file libconfig does not know */
    const char *folder; /* where relative includes start; NULL: there are none */
    bool lines;         /* false: there is no file, lines mean nothing */
    bool lookup;        /* false: resolve no name, look up no user */
    bool resolved;      /* what was looked up stands in the text, config_resolved.c */
};

/* Complain about the place of SETTING. */
void config_complain(struct config_reader *reader, const config_setting_t *setting,
                     const char *format, ...) __attribute__((format(printf, 3, 4)));

void config_complain_at(struct config_reader *reader, const char *file, unsigned line,
                        const char *text);

/* The same for a file as libconfig calls it, where NULL is none that was included. */
void config_complain_parsed(struct config_reader *reader, const char *name, unsigned line,
                            const char *text);

/* Write all complaints in the order of the file, a line each, and forget them. */
void config_complaints_print(struct config_reader *reader, struct buffer *out);

/* The same for a few things that are said at several places. */
void config_wrong_type(struct config_reader *reader, const config_setting_t *setting,
                       const char *wanted);
void config_unknown_word(struct config_reader *reader, const config_setting_t *setting,
                         const char *what, const char *word, const char *const *known);

/* "an integer", for such messages. */
const char *config_type_name(const config_setting_t *setting);

/* The string of a setting, NULL and a complaint where it is something else or empty. */
const char *config_read_word(struct config_reader *reader, const config_setting_t *setting);

/* Read the setting into the field of its table row, or complain. */
void config_read_key(struct config_reader *reader, const config_setting_t *setting,
                     const struct config_key *key, void *base);

/* The same for the kinds LIST and VARIABLES. */
void config_read_list(struct config_reader *reader, const config_setting_t *setting,
                      struct config_list *list);
void config_read_variables(struct config_reader *reader, const config_setting_t *setting,
                           struct config_list *list);
bool config_is_integer(const config_setting_t *setting);

/* Is it "*places", which only snapshots have, and config_read_handler() reads? */
bool config_is_places(const struct config_reader *reader, const config_setting_t *setting);

/* Every member of GROUP is a key of the table and goes into the structure at BASE, or is one of
 * SPECIAL, which the caller reads. */
void config_read_group(struct config_reader *reader, const config_setting_t *group,
                       const struct config_key *keys, void *base, const char *const *special);

/* The handler of a service: its type and what belongs to that. */
void config_read_handler(struct config_reader *reader, const config_setting_t *setting,
                         struct config_service *service);

/* "FILE:LINE" of SETTING (NULL: the file), on the heap. */
char *config_place_text(const struct config_reader *reader, const config_setting_t *setting);

/* The setting KEY of GROUP, or GROUP itself where it has none: the place of a complaint. */
const config_setting_t *config_place(const config_setting_t *group, const char *key);
bool config_given(const config_setting_t *group, const char *key);

/* Look up the users of the configuration, or complain. */
void config_check_users(struct config_reader *reader, const config_setting_t *root);

/* Write the value in FIELD, which is set, as a libconfig file has it. */
void config_print_value(struct buffer *out, const struct config_key *key, const void *field);

/* Write WORD as a libconfig string, quotes included. */
void config_print_word(struct buffer *out, const char *word);

/* The UDP ports of all services: from their addresses; of a snapshot, which has but one service,
 * from a key that no file can have; and into one. */
#define CONFIG_PORTS_KEY "*udp_ports"
void config_ports_gather(struct config *config);
void config_ports_read(struct config *config, const config_setting_t *ports);
void config_ports_print(struct buffer *out, const struct config *config);

/* Print what was looked up for a service, and for a user (NULL: nothing). */
void config_resolved_print_service(struct buffer *out, const struct config_service *service);
void config_resolved_print_credentials(struct buffer *out, const struct credentials *credentials,
                                       const char *indent);

/* Read that again, or complain. The service has its other keys by then. */
void config_resolved_read_service(struct config_reader *reader, const config_setting_t *group,
                                  struct config_service *service);
void config_resolved_read_global(struct config_reader *reader, const config_setting_t *root);

/* "/etc" of "/etc/x.conf", "." of "x.conf". The caller frees it. */
char *config_file_folder(const char *file);

/* Who but root can change what is in a file that root acts on, or which file a folder has under a
 * name? Pure. In a sticky folder (/tmp) everybody has their own names, inode(7). */
enum config_file_risk { CONFIG_FILE_SAFE, CONFIG_FILE_OWNER, CONFIG_FILE_MODE };
enum config_file_risk config_file_judge(const struct stat *about);

/* Can FILE and all it includes be read without waiting, will libconfig read their integers as they
 * are written, and can root believe them? 0, or -1: what
 * is wrong with FILE itself is in ERRORS, the rest among the complaints. */
int config_file_check(struct config_reader *reader, const char *file, struct buffer *errors);

/* The rules across keys; called when everything was read. config_check_program() is told the
 * handler's group. */
void config_check_program(struct config_reader *reader, const config_setting_t *group,
                          struct config_service *service);
void config_check_service(struct config_reader *reader, const config_setting_t *group,
                          struct config_service *service);
void config_check_global(struct config_reader *reader, const config_setting_t *root);

#endif
