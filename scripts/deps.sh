#!/bin/sh
# Install what the build and the tests need, with the system's package manager.
# Does nothing (and needs no privilege) when everything is there already.
#
#   scripts/deps.sh          install what is missing
#   scripts/deps.sh --check  exit 1 and name what is missing, install nothing
set -u

missing() {
    for tool in cc make pkg-config python3; do
        command -v "$tool" >/dev/null 2>&1 || echo "$tool"
    done
    for module in libconfig jansson cmocka; do
        pkg-config --exists "$module" 2>/dev/null || echo "$module"
    done
    # The C library's GBK tables are a package of their own on some systems.
    if command -v iconv >/dev/null 2>&1; then
        printf 'x' | iconv -f GBK -t UTF-8 >/dev/null 2>&1 || echo "iconv-GBK"
    fi
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0
if [ "${1:-}" = "--check" ]; then
    echo "missing:" $wanted >&2
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1; then
        as_root=sudo
    else
        echo "deps.sh: missing:" $wanted >&2
        echo "deps.sh: run 'scripts/deps.sh' as root once (there is no sudo here)" >&2
        exit 1
    fi
fi

echo "deps.sh: installing what is missing:" $wanted
if command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    # The last line: some scenarios use these, and are skipped without.
    $as_root apt-get update -qq
    $as_root apt-get install -y -qq --no-install-recommends gcc libc6-dev make pkg-config \
        libconfig-dev libjansson-dev libcmocka-dev python3 \
        strace curl git rsync perl busybox haproxy
    # Only Debian 13 and later have (and need) this one.
    case $wanted in
    *iconv-GBK*) $as_root apt-get install -y -qq libc-gconv-modules-extra ;;
    esac
elif command -v dnf >/dev/null 2>&1; then
    $as_root dnf install -y gcc make pkgconf-pkg-config libconfig-devel jansson-devel \
        libcmocka-devel python3 glibc-gconv-extra strace
elif command -v apk >/dev/null 2>&1; then
    $as_root apk add gcc musl-dev linux-headers make pkgconf libconfig-dev jansson-dev cmocka-dev python3 strace
elif command -v pacman >/dev/null 2>&1; then
    $as_root pacman -S --needed --noconfirm gcc make pkgconf libconfig jansson cmocka python strace
else
    echo "deps.sh: no apt-get, dnf, apk or pacman here; install by hand:" $wanted >&2
    exit 1
fi

left=$(missing)
[ -z "$left" ] || { echo "deps.sh: still missing:" $left >&2; exit 1; }
