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

# What the preload library shows are the names of those it stands before, and all in its hooks.
shown() {
    case $1 in
    server/preload/hook_*.c) readelf -sW "$2" | awk '$6 == "DEFAULT" { print $8 }' ;;
    esac
}

for source in lib/*.c server/*.c server/preload/*.c supervisor/*.c supervisor/pool/*.c client/*.c; do
    noun=$(basename "$source" .c)
    object=$build/${source%.c}.o
    case $source in server/preload/*) object=$build/preload/${source%.c}.o ;; esac
    [ -e "$object" ] || continue
    shown=" $(shown "$source" "$object" | tr '\n' ' ')"
    # Symbols that begin with a dot or two underscores are the compiler's (sanitizers, coverage).
    for symbol in $(nm -g --defined-only "$object" | awk '$3 !~ /^(\.|__)/ { print $3 }'); do
        case $symbol in
        "$noun" | "$noun"_*) continue ;;
        esac
        allowed "$source:$symbol" "$noun" && continue
        case $shown in *" $symbol "*) continue ;; esac
        echo "$source: $symbol does not start with ${noun}_"
        bad=1
    done
done

# Nothing but hooks is to be seen of it: each stands before a function of the C library.
library=$build/preforkd-preload.so
if [ -e "$library" ]; then
    for symbol in $(nm -D --defined-only "$library" | awk '{ print $3 }'); do
        # The C library has some of them twice; macros make the second name.
        grep -qE "\b${symbol#__isoc99_}\b" server/preload/hook_*.c && continue
        echo "$library: shows $symbol, which is no hook"
        bad=1
    done
fi

vague=$(find lib include server client supervisor tests \
    \( -name '*.[ch]' -o -name '*.py' -o -name '*.sh' \) | sort |
    grep -E '/(utils?|misc|common|helpers?)\.[a-z]+$')
if [ -n "$vague" ]; then
    echo "$vague" | sed 's/$/: the name says nothing about what is in it/'
    bad=1
fi
exit $bad
