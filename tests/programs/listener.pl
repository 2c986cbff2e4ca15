#!/usr/bin/perl
# Accepts by itself from the sockets it is told of, in whichever way, and does what its clients ask
# for, one line for a connection. Without ready=, nothing says that it is up but its age.
#
#   ready=notify|einhorn    say so
#   stop=SIGNAL             finish on it
#   ignore=SIGNAL           only tell of it
#   exit=STATUS             at once, when all that is said
#   echo                    give back whatever comes instead of reading a line
#   blocking                leave the sockets as they are
#   trace=FILE              tell of signals there; else on standard output, as of the start
use strict;
use Fcntl;
use POSIX ();
use Socket;

my %option = (stop => 'TERM');
for (@ARGV) { my ($name, $value) = split /=/, $_, 2; $option{$name} = $value // 1 }

my $stopping = 0;
sub report {
    my ($text) = @_;
    if ($option{trace}) {
        open(my $file, '>>', $option{trace}) or die $!;
        syswrite $file, "$$ $text\n";
    } else {
        syswrite STDOUT, "$text\n";
    }
}
$SIG{PIPE} = 'IGNORE';
for my $name (qw(TERM INT QUIT HUP USR1 USR2 WINCH CONT URG)) {
    $SIG{$name} = sub { report("got $name"); $stopping = 1 if $name eq $option{stop} };
}
$SIG{$option{ignore}} = sub { report("ignored $option{ignore}") } if $option{ignore};

sub notify {
    my ($text) = @_;
    my $name = $ENV{NOTIFY_SOCKET} =~ s/^@/\0/r;
    socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die $!;
    send($socket, $text, 0, pack_sockaddr_un($name)) or die "$ENV{NOTIFY_SOCKET}: $!";
}

sub acknowledge {
    my ($line) = @_;
    socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die $!;
    my $path = $ENV{EINHORN_SOCK_PATH};
    connect($socket, pack_sockaddr_un($path)) or die "$path: $!";
    syswrite $socket, "$line\n";
    1 while sysread $socket, my $rest, 1024;
}

my @numbers;
if ($ENV{LISTEN_FDS} && $ENV{LISTEN_PID} == $$) {
    @numbers = (3 .. 2 + $ENV{LISTEN_FDS});
} elsif ($ENV{SERVER_STARTER_PORT}) {
    @numbers = map { (split /=/, $_)[1] } split /;/, $ENV{SERVER_STARTER_PORT};
} else {
    @numbers = map { $ENV{"EINHORN_FD_$_"} } 0 .. $ENV{EINHORN_FD_COUNT} - 1;
}
my (@sockets, $all);
for my $number (@numbers) {
    open(my $socket, '+<&=', $number) or die "$number: $!";
    fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK) unless $option{blocking};
    vec($all, $number, 1) = 1;
    push @sockets, $socket;
}

sub read_line {
    my ($client) = @_;
    my $line = '';
    until ($line =~ /\n/) {
        my $got = sysread $client, $line, 4096, length $line;
        next if !defined $got && $!{EINTR};
        last if !$got;
    }
    return $line =~ s/\n.*//sr;
}

sub answer {
    my ($client) = @_;
    my ($what, $rest) = split / /, read_line($client), 2;
    $rest =~ s/\\n/\n/g;
    return join "\n", map { "$_=$ENV{$_}" } sort keys %ENV if $what eq 'environment';
    return $$ if $what eq 'pid';
    return notify($rest) && $$ if $what eq 'say';
    return acknowledge($rest) if $what eq 'acknowledge';
    return `$rest 2>&1` if $what eq 'run';
    POSIX::_exit($rest) if $what eq 'exit';
    kill $rest, $$ if $what eq 'kill';
    if ($what eq 'child') {
        my $child = fork();
        return $child if $child;
        close $client;
        $SIG{TERM} = sub { report('child got TERM'); POSIX::_exit(0) };
        notify($rest);
        sleep 1000;
        POSIX::_exit(0);
    }
    if ($what eq 'hold') {
        syswrite $client, "$$\n";
        return read_line($client);
    }
    return '';
}

sub echo {
    my ($client) = @_;
    while (1) {
        my $got = sysread $client, my $data, 65536;
        next if !defined $got && $!{EINTR};
        last if !$got;
        syswrite $client, $data;
    }
}

report('up');
notify('READY=1') if $option{ready} eq 'notify';
acknowledge("--- %0Acommand: worker:ack%0Apid: $$%0A") if $option{ready} eq 'einhorn';
POSIX::_exit($option{exit}) if defined $option{exit};

until ($stopping) {
    next if select(my $ready = $all, undef, undef, 0.05) <= 0;
    for my $socket (grep { vec($ready, fileno $_, 1) } @sockets) {
        last if $stopping;
        next unless accept(my $client, $socket);
        if ($option{echo}) { echo($client) } else { syswrite $client, answer($client) }
        close $client;
    }
}
report('leaving');
