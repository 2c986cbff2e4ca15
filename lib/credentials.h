/* SPDX-License-Identifier: MIT
 *
 * credentials - the user a process becomes, with all groups, and the way there.
 */
#ifndef LIB_CREDENTIALS_H
#define LIB_CREDENTIALS_H

#include "lib/error.h"

#include <sys/types.h>

struct credentials {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* supplementary; owned */
    int group_count;
};

/* Look USER up in the system's user database. 0, or -1 with ERROR (no such user). */
int credentials_lookup(struct credentials *c, const char *user, struct error *error);
void credentials_release(struct credentials *c);

/* GROUP alone in the place of the user's groups. 0, or -1 with ERROR (no such group). */
int credentials_set_group(struct credentials *c, const char *group, struct error *error);

/* Release it and the memory it lies in; nothing where C is NULL. */
void credentials_free(struct credentials *c);

/* Become that user for good: groups, then gid, then uid, each checked, and afterwards verified by
 * asking the kernel and by trying to get back. Clears PR_SET_PDEATHSIG (prctl(2)): arm it after.
 * 0, or -1 with ERROR: the process must end then. */
int credentials_apply(const struct credentials *c, struct error *error);

/* Give up every capability, also ambient ones that a service manager passed. Nothing for root, who
 * keeps them by being root. 0, or -1 with ERROR. */
int credentials_drop_capabilities(struct error *error);

/* Keep no capability but that of reading any file, which root had: for a process that reads what
 * its user may not, and shall change nothing. 0, or -1 with ERROR. */
int credentials_keep_reading(struct error *error);

#endif
