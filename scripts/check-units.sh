#!/bin/sh
# The systemd units say nothing that systemd does not understand, and the service is as closed as the
# README says.
set -u

if ! command -v systemd-analyze >/dev/null 2>&1; then
    echo "skipped: systemd-analyze is not installed"
    exit 0
fi
units=$(mktemp -d) || exit 2
trap 'rm -rf "$units"' EXIT

# The programs need not be installed: it is the units that are looked at.
sed 's|=/usr/local/s*bin/[a-z]*|=/bin/true|' etc/preforkd.service >"$units/preforkd.service"
cp etc/preforkd.socket "$units/"
said=$(systemd-analyze verify --man=no "$units/preforkd.service" "$units/preforkd.socket" 2>&1)
status=$?
if [ $status -ne 0 ] || [ -n "$said" ]; then
    echo "systemd-analyze verify: ${said:-failed with status $status}"
    exit 1
fi

# In tenths. Versions of systemd weigh a little differently.
if ! said=$(systemd-analyze security --offline=yes --no-pager --threshold=35 "$units/preforkd.service" 2>&1); then
    echo "systemd-analyze security: $said" | tail -n 1
    exit 1
fi
