# SPDX-License-Identifier: MIT
"""The results as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from results import Figure, Results, rule_name, values

PEERS = ("ByzFL", "ByzPy", "torch")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells of the first column to the left, the others to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Three figures, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def share(figure: Figure | None) -> str:
    """Per cent of the floor, marked `a` where arithmetic binds and not memory."""
    if figure is None:
        return "-"
    if figure.get("failed"):
        return "failed closed"
    mark = " a" if figure["binds"] == "arithmetic" else ""
    return f"{100 * figure['share']:.0f}{mark}"


def machine(results: Results) -> str:
    facts = results.kernels["machine"]
    rates = results.kernels["rates"]
    memory = max(results.kernels["read_rates"], key=lambda r: r["n"] * r["d"])
    versions = results.peers.get("versions", {})
    lines = [
        f"{facts['processor']}, {facts['cores']} cores, {facts['threads']} threads,"
        f" {facts['instructions']}; {facts['compiler']}; byzccl {facts['byzccl']}"
        f" at {facts.get('commit', 'unknown')}; {facts['time']}."
        + "".join(f" {name} {version}." for name, version in versions.items()),
        "",
        f"Measured in the same run: {memory['bytes_per_second'] / 1e9:.1f} GB/s read from memory,"
        f" {rates['subtract_fma'] / 1e9:.0f} G differences and fused squares a second,"
        f" {rates['min_max'] / 1e9:.0f} G minima and maxima a second (float32, all threads),"
        f" {rates['min_max_16'] / 1e9:.0f} G of them between integers of 16 bits.",
    ]
    return "\n".join(lines)


def steps(results: Results, dtype: str) -> str:
    """Shares of the floor of each step by itself."""
    figures = [
        figure
        for step in ("distances", "weighted_sum", "columns")
        for figure in results.figures(step)
        if figure["dtype"] == dtype
    ]
    counts = values(figures, "n")
    found = {(row_name(figure), figure["d"], figure["n"]): figure for figure in figures}
    rows = [
        [name, f"{d:,}", *(share(found.get((name, d, n))) for n in counts)]
        for name in dict.fromkeys(row_name(figure) for figure in figures)
        for d in values(figures, "d")
    ]
    return table([dtype, "d", *(f"n = {n}" for n in counts)], rows)


def row_name(figure: Figure) -> str:
    return rule_name(figure["rule"]) if "rule" in figure else figure["step"].replace("_", " ")


def rules(results: Results, n: int, d: int, dtype: str) -> str:
    """Every rule from end to end at one size, and its shares of the floor at other n."""
    figures = [
        figure
        for figure in results.figures("aggregate")
        if figure["d"] == d and figure["dtype"] == dtype
    ]
    counts = values(figures, "n")
    rows = []
    for name in dict.fromkeys(rule_name(figure["rule"]) for figure in figures):
        of_rule = {f["n"]: f for f in figures if rule_name(f["rule"]) == name}
        at = of_rule.get(n)
        cells = [
            number(1e3 * at[key]) if at else "-"
            for key in ("seconds", "floor_seconds", "select_seconds")
        ]
        rows.append([at["rule"] if at else name, *cells, *(share(of_rule.get(k)) for k in counts)])
    head = [f"{dtype}, d = {d:,}", f"ms, n = {n}", "floor", "of it n x n"]
    return table([*head, *(f"%, n = {k}" for k in counts)], rows)


def peers(results: Results) -> str:
    """How many times as long as byzccl each peer takes, on the same vectors in the same process."""
    figures = results.figures("peer")
    rows = []
    for rule in values(figures, "rule"):
        of_rule = [figure for figure in figures if figure["rule"] == rule]
        whole = [figure["ratio"] for figure in of_rule if not figure["part"]]
        ours = min(figure["byzccl_seconds"] for figure in of_rule)
        rate = results.read_rate(of_rule[0]["n"], of_rule[0]["d"], "float32")
        floors = "-"
        if rate:
            read_seconds = of_rule[0]["n"] * of_rule[0]["d"] * 4 / rate
            floors = number(ours / read_seconds)
        rows.append(
            [
                rule,
                number(1e3 * ours),
                floors,
                *(cell([f for f in of_rule if f["peer"] == peer]) for peer in PEERS),
                number(min(whole)) if whole else "-",
            ]
        )
    n, d = figures[0]["n"], figures[0]["d"]
    head = [f"n = {n}, d = {d:,}, float32", "byzccl, ms", "in reads of the vectors"]
    return table([*head, *PEERS, "fastest"], rows)


def cell(figures: list[Figure]) -> str:
    parts = [
        number(figure["ratio"]) + (f" ({figure['name']})" if figure["part"] else "")
        for figure in figures
    ]
    return ", ".join(parts) or "-"
