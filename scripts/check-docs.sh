#!/bin/sh
# The README says how to run and to test; links to files of this tree lead to one.
set -u
bad=0

for command in 'make test' 'make run'; do
    if ! grep -q "$command" README.md; then
        echo "README.md: does not say \`$command\`"
        bad=1
    fi
done

# FILE:LINE:TARGET of every [text](target) outside of code.
links() {
    find . -name '*.md' ! -path './build/*' ! -path './.git/*' | sort | xargs awk '
    FNR == 1 { code = 0 }
    /^[ \t]*```/ { code = !code; next }
    code || /^    / { next }
    {
        text = $0
        gsub(/`[^`]*`/, "", text)
        while (match(text, /\]\([^) ]+/)) {
            print FILENAME ":" FNR ":" substr(text, RSTART + 2, RLENGTH - 2)
            text = substr(text, RSTART + RLENGTH)
        }
    }'
}

broken=$(links | while IFS=: read -r file line target; do
    case $target in
    http://* | https://* | mailto:* | '#'*) continue ;;
    esac
    [ -e "$(dirname "$file")/${target%%#*}" ] || echo "${file#./}:$line: $target is not there"
done)
if [ -n "$broken" ]; then
    echo "$broken"
    bad=1
fi
exit $bad
