#!/usr/bin/perl
# Becomes a daemon as in the books, tells the daemon's pid, and ends. With an argument the daemon
# ignores SIGTERM. What is left of its group when it ends is told to end, too, so it waits until the
# daemon is on its own; and a bit longer, that the daemon may be seen while it lives.
use strict;
use POSIX;

pipe(my $reader, my $writer) or die;
if (fork() == 0) {
    POSIX::setsid();
    $SIG{TERM} = 'IGNORE' if @ARGV;
    exit 0 if fork();
    syswrite $writer, "$$\n";
    close $writer;
    POSIX::close($_) for 0 .. 2;
    sleep 1000;
    exit 0;
}
wait;
close $writer;
my $pid = <$reader>;
select undef, undef, undef, 0.05;
syswrite STDOUT, $pid;
