#!/bin/sh
# One noun per file: what a file defines for others starts with the name of the file. Looks at the
# objects that check-warnings.sh has built.
set -u
bad=0

build=
for compiler in gcc clang; do
    [ -d "build/lint-$compiler/lib" ] && build=build/lint-$compiler && break
done
if [ -z "$build" ]; then
    echo "there are no objects; run scripts/check-warnings.sh first"
    exit 1
fi

# FILE:SYMBOL that may be called otherwise, and why.
allowed() {
    case $1 in
    */main.c:main | client/preforkc.c:main | client/preforkctl.c:main) ;;
    # A handler is called by its name in the configuration; include/handlers.h makes the symbols.
    server/*.c:handler_"$2") ;;
    # The parts of one model: config.h, config_keys.h and config_reader.h declare them together.
    lib/config_*.c:config_*) ;;
    # The names belong to an enum of include/worker.h, which has no file of its own.
    server/connection.c:worker_end_names) ;;
    # The subcommands of preforkc: one constant each, of a type command.h declares.
    client/chat.c:CHAT_COMMAND | client/load.c:LOAD_COMMAND | client/send.c:SEND_COMMAND) ;;
    *) return 1 ;;
    esac
}

for source in lib/*.c server/*.c supervisor/*.c supervisor/pool/*.c client/*.c; do
    noun=$(basename "$source" .c)
    object=$build/${source%.c}.o
    [ -e "$object" ] || continue
    # Symbols that begin with a dot or two underscores are the compiler's (sanitizers, coverage).
    for symbol in $(nm -g --defined-only "$object" | awk '$3 !~ /^(\.|__)/ { print $3 }'); do
        case $symbol in
        "$noun" | "$noun"_*) continue ;;
        esac
        allowed "$source:$symbol" "$noun" && continue
        echo "$source: $symbol does not start with ${noun}_"
        bad=1
    done
done

vague=$(find lib include server client supervisor tests \
    \( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' \) | sort |
    grep -E '/(utils?|misc|common|helpers?)\.[a-z]+$')
if [ -n "$vague" ]; then
    echo "$vague" | sed 's/$/: the name says nothing about what is in it/'
    bad=1
fi
exit $bad
