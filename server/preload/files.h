/* SPDX-License-Identifier: MIT
 *
 * files - open files of a template that each of its copies needs for itself.
 *
 * Files open for reading: a position in a file belongs to the open file, not to the process. A
 * shell reads its script piece by piece, and copies that share one would read each other's pieces.
 * So each copy opens them again.
 *
 * Files open for writing cannot be made two, and what one copy writes there another one would read:
 * a temporary file, a database. No copies are made of such a program. Files that are only appended
 * to, as logs are, stay shared.
 *
 * Epoll sets with nothing in them: each copy makes its own. A template comes to its waiting point
 * before it puts something into one (hook_create.c), so that there are no others, but for those of
 * programs that make system calls directly; these stay shared. Two numbers of one set become two.
 */
#ifndef SERVER_PRELOAD_FILES_H
#define SERVER_PRELOAD_FILES_H

/* In the template, at its waiting point: how many files are open that forbid copies. */
unsigned files_written(void);

/* In the template, at its waiting point: note them. */
void files_remember(void);

/* In a copy: open or make them again. One that cannot be had again stays shared. */
void files_renew(void);

#endif
