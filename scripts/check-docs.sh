#!/bin/sh
# The README says how to run and to test; links to files of this tree lead to one; the README of a
# folder names every module there, each by itself or several as NAME*.
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

# README FILE...: those whose name without folder and ending is no word of README.
unnamed() {
    readme=$1
    shift
    words=$(grep -o '[A-Za-z0-9_]*\*\{0,1\}' "$readme" | grep -v '^\**$' | sort -u)
    set -f
    for file; do
        name=${file##*/}
        name=${name%.*}
        for word in $words; do
            # shellcheck disable=SC2254
            case $name in $word) continue 2 ;; esac
        done
        echo "$readme: does not name $file"
    done
    set +f
}

silent=$(
    for folder in client include server server/preload supervisor; do
        unnamed $folder/README.md $folder/*.[ch]
    done
    unnamed supervisor/README.md supervisor/pool/*.[ch]
    unnamed tests/README.md tests/scenario/test_*.py
)
if [ -n "$silent" ]; then
    echo "$silent"
    bad=1
fi
exit $bad
