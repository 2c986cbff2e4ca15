# SPDX-License-Identifier: MIT
"""figures - the rows of every table: medians, ratios to a base of the same round, their spread, goals."""

import statistics


def row(work, server, values, unit, base=None, base_values=None, goal=None, failed=0, digits=1,
        costs=None):
    """One server's row of the table WORK. VALUES: one for each round, as BASE_VALUES of server BASE.
    GOAL: ("least" or "most", LIMIT) of the ratio, or of the median where there is no base. COSTS: the
    server's processor time for one of what VALUES count, and BASE's."""
    result = {"work": work, "server": server, "unit": unit, "failed": failed,
              "median": round(statistics.median(values), digits),
              "min": round(min(values), digits), "max": round(max(values), digits)}
    compared = statistics.median(values)
    if base:
        ratios = [value / (of_base or 1) for value, of_base in zip(values, base_values)]
        compared = statistics.median(ratios)
        result |= {"base": base, "ratio": round(compared, 3), "ratio_min": round(min(ratios), 3),
                   "ratio_max": round(max(ratios), 3)}
    if costs:
        result["cpu"] = round(statistics.median(own / (of_base or 1) for own, of_base in zip(*costs)), 3)
    if goal:
        kind, limit = goal
        reached = compared >= limit if kind == "least" else compared <= limit
        result |= {"goal": f"at {kind} {limit:g}", "reached": reached}
    return result


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def cells(figure):
    """A row as it is printed."""
    digits = 0 if figure["median"] >= 1000 else 1 if figure["median"] >= 100 else 2
    ratio = spread = ""
    if "ratio" in figure:
        ratio = f"{figure['ratio']:.3f}"
        spread = f"{figure['ratio_min']:.3f}-{figure['ratio_max']:.3f}"
        ratio += f" of {figure['base']}" if figure["base"] != "floor" else ""
    goal = f"{figure['goal']}: " + ("reached" if figure["reached"] else "MISSED") \
        if "goal" in figure else ""
    failed = f"  {figure['failed']} FAILED" if figure["failed"] else ""
    cpu = f"{figure['cpu']:.3f}" if "cpu" in figure else ""
    return (figure["server"], f"{figure['median']:,.{digits}f}", figure["unit"], ratio, spread, cpu,
            goal + failed)


HEADINGS = ("server", "median", "unit", "ratio", "spread", "cpu", "goal")


def tables(rows):
    """(WORK, rows as cells) for each work, in the order they were measured."""
    found = {}
    for figure in rows:
        found.setdefault(figure["work"], []).append(cells(figure))
    return found.items()


def print_tables(rows):
    for work, lines in tables(rows):
        widths = [max(len(line[i]) for line in (HEADINGS, *lines)) for i in range(len(HEADINGS))]
        print(f"\n{work}")
        for line in (HEADINGS, *lines):
            text = "  ".join(cell.rjust(width) if i == 1 else cell.ljust(width)
                             for i, (cell, width) in enumerate(zip(line, widths)))
            print("  " + text.rstrip())


def markdown(rows):
    text = ""
    for work, lines in tables(rows):
        text += f"\n### {work}\n\n| " + " | ".join(HEADINGS) + " |\n|---|--:|---|---|---|---|---|\n"
        text += "".join("| " + " | ".join(line) + " |\n" for line in lines)
    return text
