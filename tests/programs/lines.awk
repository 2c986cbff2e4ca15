#!/usr/bin/awk -f
# The one-file inetd service in awk: answers each line in upper case, until the client leaves.
BEGIN { print "hello " ENVIRON["TCPREMOTEIP"]; fflush() }
{ print toupper($0); fflush() }
END { print "bye" > "/dev/stderr" }
