/* SPDX-License-Identifier: MIT
 *
 * stdio - uses standard input or output in the one way that its argument names, and nothing before:
 * input is read so and written back, or "abc" is written so.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <wchar.h>

static char *line;
static size_t room;
static char text[100] = "abc\n";
static wchar_t wide[100];

static void va(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    struct iovec part = {.iov_base = text, .iov_len = 4};
    int status = 0;
#define WAY(name) if (strcmp(way, #name) == 0)
    WAY(getchar) for (int c; (c = getchar()) != EOF;) putchar(c);
    WAY(getc) for (int c; (c = getc(stdin)) != EOF;) putchar(c);
    WAY(fgetc) for (int c; (c = fgetc(stdin)) != EOF;) putchar(c);
    WAY(getchar_unlocked) for (int c; (c = getchar_unlocked()) != EOF;) putchar(c);
    WAY(fgets) if (fgets(text, argc + 90, stdin)) fputs(text, stdout);
    WAY(fgets_unlocked) if (fgets_unlocked(text, argc + 90, stdin)) fputs(text, stdout);
    WAY(fread) fwrite(text, 1, fread(text, 1, (size_t)argc + 90, stdin), stdout);
    WAY(fread_unlocked) fwrite(text, 1, fread_unlocked(text, 1, (size_t)argc + 90, stdin), stdout);
    WAY(getline) if (getline(&line, &room, stdin) > 0) fputs(line, stdout);
    WAY(getdelim) if (getdelim(&line, &room, 'x', stdin) > 0) fputs(line, stdout);
    WAY(scanf) if (scanf("%99s", text) == 1) puts(text);
    WAY(fscanf) if (fscanf(stdin, "%99s", text) == 1) puts(text);
    WAY(getwchar) for (wint_t c; (c = getwchar()) != WEOF;) putwchar((wchar_t)c);
    WAY(fgetws) if (fgetws(wide, argc + 90, stdin)) fputws(wide, stdout);
    WAY(wscanf) if (wscanf(L"%99s", text) == 1) wprintf(L"%s\n", text);
    WAY(fdopen)
    {
        FILE *in = fdopen(0, "r");
        if (in && fgets(text, sizeof text, in))
            fputs(text, stdout);
    }
    WAY(read) if (read(0, text, sizeof text) == 4) fputs(text, stdout);
    WAY(recv) if (recv(0, text, sizeof text, 0) == 4) fputs(text, stdout);
    WAY(readv) if (readv(0, &part, 1) == 4) fputs(text, stdout);
    WAY(putchar) for (char *c = text; *c; c++) putchar(*c);
    WAY(putc) for (char *c = text; *c; c++) putc(*c, stdout);
    WAY(fputc) for (char *c = text; *c; c++) fputc(*c, stdout);
    WAY(putchar_unlocked) for (char *c = text; *c; c++) putchar_unlocked(*c);
    WAY(putc_unlocked) for (char *c = text; *c; c++) putc_unlocked(*c, stdout);
    WAY(puts) puts("abc");
    WAY(fputs) fputs(text, stdout);
    WAY(fputs_unlocked) fputs_unlocked(text, stdout);
    WAY(fwrite) fwrite(text, 1, 4, stdout);
    WAY(printf) printf("%s%c", "abc", '\n');
    WAY(fprintf) fprintf(stdout, "%s%c", "abc", '\n');
    WAY(vprintf) va("%s%c", "abc", '\n');
    WAY(dprintf) dprintf(1, "%s%c", "abc", '\n');
    WAY(putwchar) for (char *c = text; *c; c++) putwchar((wchar_t)*c);
    WAY(fputws) fputws(L"abc\n", stdout);
    WAY(wprintf) wprintf(L"%s%c", "abc", '\n');
    WAY(write) status = write(1, text, 4) != 4;
    WAY(writev) status = writev(1, &part, 1) != 4;
    WAY(send) status = send(1, text, 4, 0) != 4;
    WAY(system) status = system("echo abc");
    WAY(popen)
    {
        FILE *shell = popen("echo abc", "r");
        if (shell && fgets(text, sizeof text, shell))
            fputs(text, stdout);
        status = shell ? pclose(shell) : 1;
    }
    return status;
}
