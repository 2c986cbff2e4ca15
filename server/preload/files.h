/* SPDX-License-Identifier: MIT
 *
 * files - files that a template has open for reading. A position in a file belongs to the open
 * file, not to the process: a shell reads its script piece by piece, and copies that share one
 * would read each other's pieces. So each copy opens them again.
 *
 * Files open for writing stay shared: their position keeps copies from writing over each other.
 */
#ifndef SERVER_PRELOAD_FILES_H
#define SERVER_PRELOAD_FILES_H

/* In the template, at its waiting point: note them, and where they are. */
void files_remember(void);

/* In a copy: open them again. One that cannot be opened again stays shared. */
void files_reopen(void);

#endif
