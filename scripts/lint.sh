#!/bin/sh
# Every check of the source tree, one line each. Called by `make lint`; a single one runs with
#
#     scripts/lint.sh layers names
#
# Each check is a script of its own, scripts/check-NAME.sh: it prints what it found, one finding per
# line, and fails where there was any; a line "skipped: why" is no finding. All checks run, whatever
# the others found. Exits 1 where one failed.
set -u
cd "$(dirname "$0")/.." || exit 2
unset MAKEFLAGS MAKELEVEL MFLAGS

# The build comes before those that look at what was built.
[ $# -gt 0 ] || set -- layers format scripts docs units warnings names threads banned analysis

status=0
report=$(mktemp) || exit 2
trap 'rm -f "$report"' EXIT
for check; do
    if [ ! -x "scripts/check-$check.sh" ]; then
        echo "lint.sh: there is no check \"$check\"" >&2
        exit 2
    fi
    if "scripts/check-$check.sh" >"$report" 2>&1; then
        printf '%-9s ok\n' "$check"
    else
        printf '%-9s FAILED\n' "$check"
        status=1
    fi
    sed 's/^/    /' "$report"
done
exit $status
