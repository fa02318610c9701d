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
    """barrier, comparison, one, start, index, order, guard"""
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


_LEAVES = re.compile(r"(?:return|throw|continue|break|goto)\b")
_DECLARES = re.compile(r"[^=!<>]=[^=]|;")


def _closing(code: str, opening: int) -> int:
    """Where the parenthesis at `opening` is closed, or -1."""
    depth = 0
    for at in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return at
    return -1


def _first_argument(code: str, opening: int) -> int:
    """Where the first argument of the call at `opening` ends, or -1."""
    depth = 0
    for at in range(opening, len(code)):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(code[at], 0)
        if depth == 1 and code[at] == ",":
            return at
    return -1


def _guards(line: str, following: str) -> Iterator[_Edit]:
    """Of a line in csrc: a check that never fails, an early end that is never taken."""
    code = line.split("//")[0]
    if _SKIPPED.search(code):
        return
    for found in re.finditer(r"\bBYZCCL_CHECK(\()", code):
        end = _first_argument(code, found.start(1))
        if end > 0:
            yield _Edit(found.end(1), found.end(1), "guard", "passes", "byzccl_mutant::on({}) || (")
            yield _Edit(end, end, "", "", ")")
    for found in re.finditer(r"\bif (\()", code):
        end = _closing(code, found.start(1))
        if end < 0 or _DECLARES.search(code[found.end(1) : end]):
            continue
        rest = code[end + 1 :].strip()
        if _LEAVES.match(rest) or (rest == "{" and _LEAVES.match(following.strip())):
            begin = found.end(1)
            yield _Edit(begin, begin, "guard", "not taken", "!byzccl_mutant::on({}) && (")
            yield _Edit(end, end, "", "", ")")


def _of_csrc(line: str, following: str) -> list[_Edit]:
    comparisons = [edit for edit in _edits(line) if edit.kind == "comparison"]
    return [*comparisons, *_guards(line, following)]


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
        following = lines[index + 1] if index + 1 < len(lines) else ""
        found = _of_csrc(line, following) if file.startswith("csrc/") else list(_edits(line))
        if orders_only:
            found = [edit for edit in found if edit.kind == "order"]
        replaced = []
        for edit in sorted(found, key=lambda edit: edit.begin):
            number = first + len(sites)
            replaced.append((edit, edit.replacement.format(number)))
            if not edit.kind:  # the other end of the one before
                continue
            change = edit.change
            seen[line.strip(), change] += 1
            if (count := seen[line.strip(), change]) > 1:
                change += f" #{count}"
            sites.append(Site(number, file, index + 1, line.strip(), edit.kind, change))
        for edit, replacement in reversed(replaced):
            changed = changed[: edit.begin] + replacement + changed[edit.end :]
        lines[index] = changed
    if sites:
        at = next(
            i for i, line in enumerate(lines) if line.startswith(("#pragma once", "#include"))
        )
        lines.insert(at + lines[at].startswith("#pragma"), '#include "tests/mutants/mutant.hpp"')
    return sites, "\n".join(lines) + "\n"
