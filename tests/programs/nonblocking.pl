#!/usr/bin/perl
# Tells how its socket is, and leaves it non-blocking.
use strict;
use Fcntl;

my $flags = fcntl(STDIN, F_GETFL, 0);
syswrite STDOUT, ($flags & O_NONBLOCK) ? "was non-blocking\n" : "was blocking\n";
fcntl(STDIN, F_SETFL, $flags | O_NONBLOCK);
