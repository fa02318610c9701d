# SPDX-License-Identifier: MIT
"""Prints the tables of a benchmark run; --write puts them and the picture into docs/performance.md,
between the markers of its generated section."""

from __future__ import annotations

import argparse
from pathlib import Path

import picture
import step_picture
import step_tables
import tables
from results import Results, read, values

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.png"
TRACE = ROOT / "docs" / "images" / "step_trace.png"
BEGIN = "<!-- begin: benchmarks/report -->"
END = "<!-- end: benchmarks/report -->"
SHOWN_N = 16
SHOWN_D = 1_000_000


def nearest(wanted: int, there: list[int]) -> int:
    return min(there, key=lambda value: abs(value - wanted))


def shown_d(results: Results) -> int:
    return nearest(SHOWN_D, values(results.figures("distances"), "d"))


def text_of(results: Results) -> str:
    parts = [text_of_kernels(results)] if results.kernels else []
    if results.steps:
        parts += ["### Over processes", step_tables.steps(results)]
    return "\n\n".join(parts)


def text_of_kernels(results: Results) -> str:
    figures = results.figures("aggregate")
    n = nearest(SHOWN_N, values(figures, "n"))
    parts = [tables.machine(results), "### Steps"]
    dtypes = values(figures, "dtype")
    parts += [tables.steps(results, dtype) for dtype in dtypes]
    parts.append("### Rules, end to end")
    parts += [tables.rules(results, n, shown_d(results), dtype) for dtype in dtypes]
    if results.figures("peer"):
        parts += ["### Peers", tables.peers(results)]
    return "\n\n".join(parts)


def put(page: Path, text: str) -> None:
    """Replaces what stands between the markers."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no section between {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=ROOT / "benchmarks" / "results" / "cpu"
    )
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    options = parser.parse_args()
    results = read(options.folder)
    text = text_of(results)
    if not options.write:
        print(text)
        return
    links = ""
    if results.kernels:
        picture.draw(results, shown_d(results), PICTURE)
        links += (
            f"![Steps as shares of their floors, and peers as multiples](images/{PICTURE.name})"
        )
    if results.steps:
        step_picture.draw(results, TRACE)
        links += f"\n\n![What each rank does during a step](images/{TRACE.name})"
    put(PAGE, f"{links.strip()}\n\n{text}")
    print(f"Wrote {PAGE.relative_to(ROOT)} and its pictures")


if __name__ == "__main__":
    main()
