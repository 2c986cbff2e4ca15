/* SPDX-License-Identifier: MIT
 *
 * upgrade_path - where the next binary of preforkd is looked for: where the first one was.
 */
#ifndef SUPERVISOR_UPGRADE_PATH_H
#define SUPERVISOR_UPGRADE_PATH_H

/* The absolute path by which this process was started, symbolic links as they were written: where
 * they lead may change. NAME is argv[0]. To be called before the working folder changes. The
 * caller frees it. */
char *upgrade_path_find(const char *name);

#endif
