# SPDX-License-Identifier: MIT
# peer_prefork - an echo server with Net::Server::PreFork: PORT, WORKERS.
package Echo;
use strict;
use warnings;
use base 'Net::Server::PreFork';

sub process_request {
    my ($self, $client) = @_;
    my $bytes;
    syswrite $client, $bytes while sysread $client, $bytes, 65536;
}

my ($port, $workers) = @ARGV;
Echo->run(
    host => '127.0.0.1', port => $port, ipv => 4, listen => 4096, log_level => 0, no_client_stdout => 1,
    user => $>, group => (split " ", $))[0], min_servers => $workers, max_servers => $workers,
    min_spare_servers => 0, max_spare_servers => $workers - 1, max_requests => 1_000_000_000,
);
