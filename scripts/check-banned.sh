#!/bin/sh
# The calls that lib/banned.h forbids cannot be made: a file that makes one does not compile with
# the flags of this project, and the same file without the call does.
set -u
bad=0
folder=build/lint-banned
mkdir -p "$folder" || exit 1
trap 'rm -rf "$folder"' EXIT

# Through the Makefile, so that it is its flags that are tried.
compiles() {
    printf 'void use(void);\nvoid use(void)\n{\n    %s;\n}\n' "$1" >"$folder/use.c"
    rm -f "$folder/$folder/use.o"
    make -s BUILD="$folder" "$folder/$folder/use.o" >"$folder/out" 2>&1
}

if ! compiles '(void)strlen("")'; then
    echo "a file without such a call does not compile:"
    cat "$folder/out"
    exit 1
fi
words=$(sed -n 's/^#pragma GCC poison //p' lib/banned.h)
for word in strcpy strcat sprintf system; do
    case " $(echo "$words" | tr '\n' ' ') " in
    *" $word "*) ;;
    *)
        echo "lib/banned.h: does not forbid $word"
        bad=1
        ;;
    esac
done
for word in $words; do
    if compiles "(void)$word"; then
        echo "lib/banned.h: $word can be used all the same"
        bad=1
    elif ! grep -q poison "$folder/out"; then
        echo "lib/banned.h: $word is refused for another reason:"
        cat "$folder/out"
        bad=1
    fi
done
exit $bad
