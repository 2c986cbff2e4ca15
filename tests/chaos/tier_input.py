# SPDX-License-Identifier: MIT
"""tier_input - broken configurations on a daemon that serves: each refused with FILE:LINE."""
import collections
import re

from broken import Broken
from harness import Failure, check, equal


def tells_where(error, kind, file, included):
    """FILE:LINE; who may write a file is no matter of a line, and what an include has broken may
    show behind it."""
    name = "|".join(re.escape(path) for path in (file, included)[:1 + (kind == "include_broken")])
    line = "" if kind == "writable" else r":\d+"
    return re.match(f"({name}){line}: ", error)


def tier_configurations(tier):
    """Cut, mutated, wrong in meaning, an address not to be had, an include that is gone: refused,
    nothing changed, nothing lost."""
    d = tier.serve(env=tier.forgive_libconfig()).expect("reload failed")
    tier.herd(d, connections=8)
    broken = Broken(tier.t, d, tier.dice)
    before, counts = d.status(), collections.Counter()
    for _ in tier.rounds():
        kind, text = broken.write()
        with tier.journal.note("reload", what=kind):
            answer = d.ask("reload")
        if answer["ok"]:
            raise Failure(f"a broken file ({kind}) was put into force:\n{text}")
        check(tells_where(answer["error"], kind, d.file, broken.included),
              f"refused ({kind}) without FILE:LINE: {answer['error']!r}\n{text}")
        counts[kind] += 1
    broken.restore()
    broken.close()
    after = d.status()
    equal([after[k] for k in ("pid", "generation")], [before[k] for k in ("pid", "generation")],
          "pid and generation")
    equal(after["services"][0]["pool_pid"], before["services"][0]["pool_pid"], "the pool")
    served = tier.none_lost(d)
    tier.figure(f"{tier.done} broken configurations, {served} connections",
                f"{sum(counts.values())} refused with FILE:LINE, 0 lost", "all refused, 0 lost")
    tier.stop(d)
