#!/usr/bin/perl
# Has a child with a process group of its own, tells both pids, and waits for ever.
use strict;

my $child = fork();
if ($child == 0) {
    setpgrp(0, 0);
    sleep 1000;
    exit 0;
}
setpgrp($child, $child);
syswrite STDOUT, "$$ $child\n";
close STDIN;
close STDOUT;
sleep 1000;
