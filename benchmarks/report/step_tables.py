# SPDX-License-Identifier: MIT
"""What a step over processes costs, as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable

from results import Figure, Results, values
from tables import number, table

_ALL_REDUCE = (
    "One all-reduce, ms. In brackets: as a multiple of Gloo's sum; bytes sent above 2 (n-1)/n d,"
    " counted on the transport."
)
_DDP = (
    "A step of DDP, ms, with a model {}.\n"
    "In brackets: as a multiple of plain DDP's step; floor in ms, and as a multiple of it."
)
_MODELS = {
    True: "whose layers wait as for an accelerator: the processors are free for the exchange",
    False: "that computes on the processors that the exchange needs",
}


def _reduce_cell(figure: Figure) -> str:
    text = number(1e3 * figure["seconds"])
    if "bytes_sent" not in figure:
        return text
    more = 100 * (figure["bytes_sent"] / figure["bytes_floor"] - 1)
    return f"{text} ({figure['times_gloo']:.2f}; {more:.1f} %)"


def _step_cell(figure: Figure) -> str:
    text = number(1e3 * figure["seconds"])
    if "times_floor" not in figure:
        return text
    floor = number(1e3 * figure["floor_seconds"])
    return f"{text} ({figure['times_ddp']:.2f}; {floor}: {figure['times_floor']:.2f})"


def _cases(figures: list[Figure], cell: Callable[[Figure], str]) -> str:
    """A row a case, a column a setting."""
    settings = sorted({(figure["n"], figure["megabytes"]) for figure in figures})
    found = {(f["case"], f["n"], f["megabytes"]): cell(f) for f in figures}
    rows = [
        [case, *(found.get((case, *setting), "-") for setting in settings)]
        for case in values(figures, "case")
    ]
    return table(["", *(f"n = {n}, {megabytes:g} MB" for n, megabytes in settings)], rows)


def steps(results: Results) -> str:
    """All tables, each under a line that says what it shows; empty if nothing was measured."""
    parts = []
    if reduces := results.figures("all_reduce"):
        parts += [_ALL_REDUCE, _cases(reduces, _reduce_cell)]
    for accelerator, model in _MODELS.items():
        figures = [f for f in results.figures("ddp") if f["accelerator"] == accelerator]
        if figures:
            parts += [_DDP.format(model), _cases(figures, _step_cell)]
    if parts:
        facts = results.steps["machine"]
        parts.insert(
            0,
            f"{facts['processor']}, {facts['cores']} cores for all ranks, one thread a rank, load"
            f" {facts['load']} before the run; torch {facts['torch']}; byzccl {facts['byzccl']} at"
            f" {facts['commit']}; {facts['time']}.",
        )
    return "\n\n".join(parts)
