#!/bin/sh
# The laws of the layout: which folder may include what. Paths in includes start at the top.
set -u

find lib include server client supervisor -name '*.[ch]' | sort | xargs awk '
function folder(path) {
    if (match(path, /^(supervisor\/pool|server\/preload)\//))
        return substr(path, 1, RLENGTH - 1)
    sub(/\/.*/, "", path)
    return path
}
BEGIN {
    # Each may include itself and these.
    may["lib"] = "include"
    may["include"] = "lib"
    may["server"] = may["client"] = may["supervisor"] = may["supervisor/pool"] = "lib include"
    # Loaded into other programs: of server/ it has what the Makefile compiles into it.
    may["server/preload"] = "lib include server"
    split("accept gate proxy_judge slot ucspi", preloaded)
    for (i in preloaded)
        is_preloaded["server/" preloaded[i] ".h"] = 1
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, parts, "\"")
    from = folder(FILENAME)
    to = folder(parts[2])
    if (!(to in may))
        problem = "names no folder of this tree"
    else if (to != from && index(" " may[from] " ", " " to " ") == 0)
        problem = "is not for " from "/"
    else if (from == "server/preload" && to == "server" && !(parts[2] in is_preloaded))
        problem = "is not compiled into preforkd-preload.so"
    else if (FILENAME ~ /^include\/preforkd\//)
        problem = "is not installed, this file is"
    else
        next
    print FILENAME ":" FNR ": \"" parts[2] "\" " problem
    bad = 1
}
/^[ \t]*#[ \t]*include[ \t]*<preforkd\// && FILENAME !~ /^(server|include)\// {
    print FILENAME ":" FNR ": the interface of handlers is for server/"
    bad = 1
}
END { exit bad }' || exit 1

# What is installed must stand by itself, in a program that has nothing else of ours.
for header in include/preforkd/*.h; do
    printf '#include <%s>\nint main(void) { return 0; }\n' "${header#include/}" |
        "${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c - || exit 1
done
