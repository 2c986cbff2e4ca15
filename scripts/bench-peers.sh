#!/bin/sh
# Install the peers that `make bench` compares with, as far as apt-get has them.
set -u

if ! command -v apt-get >/dev/null 2>&1; then
    echo "bench-peers.sh: no apt-get here; install by hand what tests/bench/README.md names" >&2
    exit 1
fi
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq

# install COMMAND PACKAGE...: the first package that exists, where the command is missing.
install() {
    command=$1
    shift
    if command -v "$command" >/dev/null 2>&1; then
        echo "bench-peers.sh: $command is there"
        return 0
    fi
    for package; do
        $as_root apt-get install -y -qq --no-install-recommends "$package" && return 0
    done
    echo "bench-peers.sh: $command cannot be had here; bench leaves its row out"
    return 1
}

install perl perl
install socat socat
# Only the program: the package apache2 would start a server.
install apache2 apache2-bin
# A module has no command of its own.
perl -MNet::Server::PreFork -e 1 2>/dev/null || $as_root apt-get install -y -qq libnet-server-perl
install s6-tcpserver s6-networking
install tcpserver ucspi-tcp ucspi-tcp-ipv6
