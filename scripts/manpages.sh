#!/bin/sh
# Write the manual pages from what the programs say of themselves: scripts/manpages.sh BUILD
# The options, keys and commands stand in tables in the sources; --help prints them, and so do these.
set -eu
build=$1
out=$build/man
version=$("$build/preforkd" --version | cut -d' ' -f2)
mkdir -p "$out"

# Text as troff shows it: backslashes, leading dots and quotes are no requests.
literal() {
    printf '.nf\n'
    sed -e 's/\\/\\e/g' -e "s/^\([.']\)/\\\\\&\1/" -e 's/-/\\-/g'
    printf '.fi\n'
}

# page NAME SECTION SUMMARY; the body comes on standard input.
page() {
    {
        printf '.TH %s %s "" "preforkd %s"\n' "$(echo "$1" | tr '[:lower:]' '[:upper:]')" "$2" "$version"
        printf '.SH NAME\n%s \\- %s\n' "$1" "$3"
        cat
    } >"$out/$1.$2"
}

{
    printf '.SH DESCRIPTION\n'
    "$build/preforkd" --help | sed 1,2d | literal
    printf '.SH EXIT STATUS\n'
    literal <<'TEXT'
 0  fine
64  the command line is wrong
69  a socket could not be bound, or a service never became ready
70  a fault of preforkd itself
71  the system refused: fork, memory, open files
78  the configuration is wrong; every error is on standard error as FILE:LINE: text
TEXT
    printf '.SH ENVIRONMENT\n'
    literal <<'TEXT'
NOTIFY_SOCKET                the service manager is told of readiness, reloads, the stop and the
                             status there, see sd_notify(3)
WATCHDOG_USEC, WATCHDOG_PID  its watchdog, fed by the main loop
LISTEN_FDS, LISTEN_PID,      sockets for fd://NAME, see sd_listen_fds(3)
LISTEN_FDNAMES
TEXT
    printf '.SH SEE ALSO\n.BR preforkd.conf (5),\n.BR preforkctl (1),\n.BR preforkc (1)\n'
} | page preforkd 8 'preforking, process-per-connection server'

{
    printf '.SH DESCRIPTION\nThe syntax is that of libconfig. Durations are seconds, or strings such as'
    printf ' "250ms", "60s", "5m", "2h". Every key with its default:\n'
    "$build/preforkd" --help-config | literal
    printf '.SH SEE ALSO\n.BR preforkd (8)\n'
} | page preforkd.conf 5 'configuration of preforkd'

{
    printf '.SH DESCRIPTION\n'
    # The default socket depends on who asks; the page says the rule.
    "$build/preforkctl" --help | sed -e 1,2d \
        -e 's|(default: .*)|(default: /run/preforkd/control.sock for root, else $XDG_RUNTIME_DIR/preforkd.sock, else /tmp/preforkd-UID/control.sock)|' |
        literal
    printf '.SH SEE ALSO\n.BR preforkd (8)\n'
} | page preforkctl 1 'talk to a running preforkd'

{
    printf '.SH DESCRIPTION\n'
    for command in '' send chat load; do
        [ -z "$command" ] || printf '.SS %s\n' "$command"
        # shellcheck disable=SC2086 # no argument where there is no command
        "$build/preforkc" $command --help | literal
    done
    printf '.SH SEE ALSO\n.BR preforkd (8)\n'
} | page preforkc 1 'plain client and load generator'
