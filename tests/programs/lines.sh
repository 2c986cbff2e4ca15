#!/bin/bash
# The one-file inetd service in bash: answers each line in upper case, until the client leaves.
echo "hello $TCPREMOTEIP"
while read -r line; do
    echo "${line^^}"
done
echo bye >&2
