/* SPDX-License-Identifier: MIT
 *
 * complaint - a line on the program's standard error, which the pool puts in the log. The library
 * says nothing anywhere else, and nothing where all is well.
 */
#ifndef SERVER_PRELOAD_COMPLAINT_H
#define SERVER_PRELOAD_COMPLAINT_H

/* "preforkd: WHAT", with ": strerror(NUMBER)" where NUMBER is not 0. Keeps errno. */
void complaint(const char *what, int number);

/* The same, then the end of the process with STATUS, an enum worker_exit; no handler of the program
 * runs. */
_Noreturn void complaint_exit(const char *what, int number, int status);

#endif
