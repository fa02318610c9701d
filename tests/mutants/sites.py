# SPDX-License-Identifier: MIT
"""Where a source can be mutated, found by the look of a line, and the source with all mutants in
it (mutant.hpp chooses one at run time)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISON = {"<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual"}
_NEIGHBOUR = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}

# Lines whose text is not run, or run by the compiler alone.
_SKIPPED = re.compile(
    r"^\s*#|make_integer_sequence|\btemplate\b|\bconstexpr\b|\bstatic_assert\b|\boperator\b|^\s*using\b"
)
# `C part[kWarp];`, `const void* x[N] = {`, `(&values)[kWarp]`: sizes, not indices.
_SIZE = re.compile(
    r"^(?!\s*return\b)\s*[\w:<>, ]+[\s*]\s*(?:const\s+)?\w+(?:\[[^\]]*\])+(?=;|\s*=\s*\{)"
    r"|\(&\w*\)(?:\[[^\]]*\])+"
)


@dataclass(frozen=True)
class Site:
    number: int
    file: str
    line: int
    text: str
    """The line as it is."""
    kind: str
    """barrier, comparison, one, start, index, order"""
    change: str
    """What the mutant does, for a reader; #2 where lines of this text can do it twice."""


@dataclass(frozen=True)
class _Edit:
    begin: int
    end: int
    kind: str
    change: str
    replacement: str
    """With {} for the number."""


def _edits(line: str) -> Iterator[_Edit]:
    code = line.split("//")[0]
    for found in re.finditer(r"__syncthreads\(\);", code):
        yield _Edit(
            found.start(), found.start(), "barrier", "dropped", "if (!byzccl_mutant::on({})) "
        )
    for found in re.finditer(
        r"(?:::)?(?:cuda|std)?(?:::)?memory_order_(?:release|acquire|acq_rel)\b", code
    ):
        yield _Edit(
            found.start(),
            found.end(),
            "order",
            "relaxed",
            f"byzccl_mutant::order({{}}, {found[0]})",
        )
    if _SKIPPED.search(code):
        return
    for found in re.finditer(r" (<=|>=|<|>) ", code):
        sign = found[1]
        yield _Edit(
            found.start(1),
            found.end(1),
            "comparison",
            f"{sign} -> {_NEIGHBOUR[sign]}",
            f"<byzccl_mutant::{_COMPARISON[sign]}{{{{{{}}}}}}>",
        )
    for found in re.finditer(r"(?<= [+-] )1(?![\w.])", code):
        yield _Edit(found.start(), found.end(), "one", "1 -> 0", "byzccl_mutant::one({})")
    for found in re.finditer(r"for \([^;=]*= (0);", code):
        yield _Edit(found.start(1), found.end(1), "start", "0 -> 1", "byzccl_mutant::zero({})")
    sizes = [found.span() for found in _SIZE.finditer(code)]
    for found in re.finditer(r"(?<=[\w\])])\[(?=[^\[\]]+\])[^\[\]]+(\])", code):
        at = found.start(1)
        if not any(begin <= at < end for begin, end in sizes):
            yield _Edit(at, at, "index", f"{found[0]} + 1", " + byzccl_mutant::zero({})")


def find(file: str, text: str, first: int, orders_only: bool = False) -> tuple[list[Site], str]:
    """The sites of a source, numbered from `first`, and the source with their mutants."""
    sites: list[Site] = []
    seen: Counter[tuple[str, str]] = Counter()
    lines = text.splitlines()
    constant = False  # in a constant that goes on from line to line
    for index, line in enumerate(lines):
        changed = line
        was_constant = constant
        constant = (constant or "constexpr" in line) and not line.rstrip().endswith((";", "{"))
        if constant or was_constant:
            continue
        edits = sorted(_edits(line), key=lambda edit: edit.begin)
        if orders_only:
            edits = [edit for edit in edits if edit.kind == "order"]
        numbers = range(first + len(sites), first + len(sites) + len(edits))
        for number, edit in zip(numbers, edits, strict=True):
            change = edit.change
            seen[line.strip(), change] += 1
            if (count := seen[line.strip(), change]) > 1:
                change += f" #{count}"
            sites.append(Site(number, file, index + 1, line.strip(), edit.kind, change))
        for number, edit in reversed(list(zip(numbers, edits, strict=True))):
            replacement = edit.replacement.format(number)
            changed = changed[: edit.begin] + replacement + changed[edit.end :]
        lines[index] = changed
    if sites:
        at = next(
            i for i, line in enumerate(lines) if line.startswith(("#pragma once", "#include"))
        )
        lines.insert(at + lines[at].startswith("#pragma"), '#include "tests/mutants/mutant.hpp"')
    return sites, "\n".join(lines) + "\n"
