#!/usr/bin/perl
# The one-file inetd service in Perl: answers each line in upper case, until the client leaves.
use strict;
use Socket;
$| = 1;

my ($port, $address) = sockaddr_in(getpeername(STDIN));
print "hello ", inet_ntoa($address), "\n";
print uc while <STDIN>;
print STDERR "bye\n";
