#!/usr/bin/php
<?php
// The one-file inetd service in PHP: answers each line in upper case, until the client leaves.
echo 'hello ', getenv('TCPREMOTEIP'), "\n";
while (($line = fgets(STDIN)) !== false) {
    echo strtoupper($line);
}
fwrite(STDERR, "bye\n");
