#!/bin/sh
# Concurrency is by processes: no program starts a thread, no file could. Looks at the programs that
# check-warnings.sh has built. The pool calls clone(2), for processes (server/program_template.c). A child
# of lib/child.c shares descriptors with its parent until its first call, and never memory; a plugin
# of the tests asks for pthread_atfork(3).
set -u
bad=0

for header in pthread.h threads.h; do
    if grep -rn --include='*.[ch]' --exclude=atfork.c "include.*<$header>" lib include server client \
        supervisor tests; then
        bad=1
    fi
done
if grep -rnE --include='*.[ch]' 'CLONE_(THREAD|SIGHAND|FS)\b' lib include server client supervisor; then
    bad=1
fi
if grep -rn --include='*.[ch]' --exclude=child.c 'CLONE_FILES' lib include server client supervisor; then
    bad=1
fi
found=0
for program in build/lint-*/preforkd build/lint-*/preforkd-pool build/lint-*/preforkctl \
    build/lint-*/preforkc; do
    [ -x "$program" ] || continue
    found=1
    for symbol in $(nm -u "$program" | grep -oE '\b(pthread_create|thrd_create|clone3?)\b'); do
        case $program/$symbol in */preforkd-pool/clone) continue ;; esac
        echo "$program: calls $symbol"
        bad=1
    done
done
if [ $found -eq 0 ]; then
    echo "there are no programs; run scripts/check-warnings.sh first"
    bad=1
fi
exit $bad
