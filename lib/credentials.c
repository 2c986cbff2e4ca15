/* SPDX-License-Identifier: MIT
 *
 * credentials - see credentials.h.
 */
#include "lib/credentials.h"

#include "lib/memory.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void find_groups(struct credentials *c, const char *user)
{
    int room = 16;
    do {
        c->group_count = room;
        c->groups = memory_resize(c->groups, (size_t)room * sizeof *c->groups);
        room *= 4;
    } while (getgrouplist(user, c->gid, c->groups, &c->group_count) < 0 && room < 1 << 18);
}

int credentials_lookup(struct credentials *c, const char *user, struct error *error)
{
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (!entry && user[strspn(user, "0123456789")] == '\0') /* a number, as of a name it has */
        entry = getpwuid((uid_t)strtoul(user, NULL, 10));
    if (!entry && errno != 0 && errno != ENOENT && errno != ESRCH)
        return error_set_errno(error, EXIT_CODE_CONFIG, "cannot look up user \"%s\"", user);
    if (!entry)
        return error_set(error, EXIT_CODE_CONFIG, "there is no user \"%s\" on this system", user);
    *c = (struct credentials){.uid = entry->pw_uid, .gid = entry->pw_gid};
    find_groups(c, entry->pw_name);
    return 0;
}

void credentials_release(struct credentials *c)
{
    free(c->groups);
    *c = (struct credentials){0};
}

void credentials_free(struct credentials *c)
{
    if (c)
        credentials_release(c);
    free(c);
}

int credentials_set_group(struct credentials *c, const char *group, struct error *error)
{
    errno = 0;
    const struct group *entry = getgrnam(group);
    if (!entry && errno != 0 && errno != ENOENT && errno != ESRCH)
        return error_set_errno(error, EXIT_CODE_CONFIG, "cannot look up group \"%s\"", group);
    if (!entry)
        return error_set(error, EXIT_CODE_CONFIG, "there is no group \"%s\" on this system", group);
    c->gid = entry->gr_gid;
    c->groups = memory_resize(c->groups, sizeof *c->groups);
    c->groups[0] = entry->gr_gid;
    c->group_count = 1;
    return 0;
}

static int verify(const struct credentials *c, struct error *error)
{
    uid_t real, effective, saved;
    gid_t rgid, egid, sgid;
    if (getresuid(&real, &effective, &saved) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot read back the user");
    if (real != c->uid || effective != c->uid || saved != c->uid || rgid != c->gid ||
        egid != c->gid || sgid != c->gid)
        return error_set(error, EXIT_CODE_OS, "the change to uid %u gid %u did not take",
                         (unsigned)c->uid, (unsigned)c->gid);
    if (c->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
        return error_set(error, EXIT_CODE_OS, "root privileges could be had back");
    return 0;
}

int credentials_drop_capabilities(struct error *error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (geteuid() == 0)
        return 0;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &header, none) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot give up capabilities");
    return 0;
}

int credentials_keep_reading(struct error *error)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct kept[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capget, &header, kept) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot read capabilities");
    uint32_t reading = kept[0].permitted & 1U << CAP_DAC_READ_SEARCH;
    memset(kept, 0, sizeof kept);
    kept[0].permitted = kept[0].effective = reading;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
        syscall(SYS_capset, &header, kept) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "cannot give up capabilities");
    return 0;
}

int credentials_apply(const struct credentials *c, struct error *error)
{
    if (setgroups((size_t)c->group_count, c->groups) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "setgroups");
    if (setresgid(c->gid, c->gid, c->gid) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "setresgid %u", (unsigned)c->gid);
    if (setresuid(c->uid, c->uid, c->uid) < 0)
        return error_set_errno(error, EXIT_CODE_OS, "setresuid %u", (unsigned)c->uid);
    return verify(c, error);
}
