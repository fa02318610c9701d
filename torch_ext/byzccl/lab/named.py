# SPDX-License-Identifier: MIT
"""What a text names: a form with numbers such as dirichlet(alpha=0.1), or a function of a user."""

from __future__ import annotations

import importlib
import math
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

FORM = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(?:\((.*)\))?\s*", re.DOTALL)
FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def form(text: str, kind: str, known: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, float]]:
    """The name and the numbers of `text`, such as ("dirichlet", {"alpha": 0.1}).

    `known` has the parameters of each name; all of them must be given, each once and as a finite
    number. Raises ValueError otherwise; `kind` says in it what was asked for.
    """
    forms = ", ".join(
        f"{name}({', '.join(f'{p}=' for p in parameters)})" if parameters else name
        for name, parameters in known.items()
    )
    found = FORM.fullmatch(text)
    if found is None or found[1] not in known:
        raise ValueError(f'unknown {kind} "{text}"; known: {forms}')
    name, values = found[1], {}
    for part in filter(str.strip, (found[2] or "").split(",")):
        key, _, number = (piece.strip() for piece in part.partition("="))
        if key not in known[name] or key in values:
            raise ValueError(f'{kind} "{text}": what is "{part.strip()}"? Known: {forms}')
        try:
            values[key] = float(number)
        except ValueError:
            values[key] = math.nan
        if not math.isfinite(values[key]):
            raise ValueError(f'{kind} "{text}": {key} must be a finite number, got "{number}"')
    for key in known[name]:
        if key not in values:
            raise ValueError(f'{kind} "{text}": {key} is missing; known: {forms}')
    return name, values


def is_function(text: str) -> bool:
    """Whether `text` is written as module:function."""
    return FUNCTION.fullmatch(text) is not None


def function(text: str) -> Callable[..., Any]:
    """The function that "module:function" names; the current folder's modules count.

    Raises ValueError if there is none. Importing a module runs it: only name modules you trust.
    """
    module, _, name = text.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f'"{text}" cannot be had: {error}') from error
    if not callable(found):
        raise ValueError(f'"{text}" is no function but {type(found).__name__}')
    return found  # type: ignore[no-any-return]
