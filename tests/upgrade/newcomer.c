/* SPDX-License-Identifier: MIT
 *
 * newcomer - what may be installed as the next preforkd, for test_141: it does what the file
 * "newcomer" of the working folder says when it is asked whether it can take over.
 *
 *     crash        a signal            hang     never answers          mute    0, and no answer
 *     refuse TEXT  says it, and 1      flood    never stops to talk    lie     a yes that is none
 *     wait PATH    waits until the file "go" is there, then it is the preforkd at PATH
 *
 * When it is executed in earnest it is that preforkd at once. While it is asked it can read files
 * that tests/shim/config_read.c makes hard to read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void answer(const char *word)
{
    if (strcmp(word, "crash") == 0)
        __builtin_trap(); /* signals that are sent are blocked */
    while (strcmp(word, "hang") == 0)
        pause();
    while (strcmp(word, "flood") == 0)
        if (write(2, "\033[31mnoise\xff\n", 12) < 0)
            pause();
    if (strcmp(word, "lie") == 0)
        puts("of course I can");
    if (strcmp(word, "mute") == 0 || strcmp(word, "lie") == 0)
        exit(0);
}

int main(int argc, char **argv)
{
    char line[512] = "", *text;
    FILE *file = fopen("newcomer", "r");
    if (!file || !fgets(line, sizeof line, file))
        return 2;
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    text = line + strcspn(line, " ");
    if (*text)
        *text++ = '\0';
    int asked = argc > 1 && strcmp(argv[1], "--upgrade-check") == 0;
    if (asked) {
        unsetenv("PREFORKD_SHIM_READ");
        answer(line);
    }
    if (asked && strcmp(line, "refuse") == 0) {
        fprintf(stderr, "%s\n", text);
        return 1;
    }
    while (asked && access("go", F_OK) < 0)
        usleep(2000);
    execv(text, argv);
    perror(text);
    return 3;
}
