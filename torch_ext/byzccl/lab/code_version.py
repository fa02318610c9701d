# SPDX-License-Identifier: MIT
"""Which code a result came from, so that another code's result is not taken for it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch

from byzccl.lab import named

PACKAGE = Path(__file__).parent.parent
# They say what runs, keep or show results, and change none.
WITHOUT_EFFECT = (
    "doctor*.py", "__main__.py", "lab/report/*", "lab/recipes/*", "lab/commands.py",
    "lab/fields.py",
    "lab/code_version.py", "lab/environment.py", "lab/plan.py", "lab/store.py", "lab/sweep.py",
    "lab/choice.py", "lab/results.py", "lab/shown.py", "lab/coordinator.py", "lab/demo.py",
    "lab/options.py", "lab/page.py", "lab/plots.py", "lab/run.py", "lab/side_by_side.py",
    "lab/tables.py", "lab/worker.py",
)  # fmt: skip


def version_of(settings: Mapping[str, Any]) -> str:
    """The version of all code that an experiment with these settings runs.

    That is byzccl's Python, but for what only plans, keeps and shows results; its binaries;
    torch's version; and the user's own files that the settings name (module:function, file:PATH).
    Comments, docstrings and layout do not count. Raises ValueError for a module that is not there.
    """
    digest = hashlib.sha256(library().encode())
    for _, value in sorted(settings.items()):
        if not isinstance(value, str):
            continue
        if value.startswith("file:") and Path(value[5:]).is_file():
            digest.update(Path(value[5:]).read_bytes())
        elif named.is_function(value):
            digest.update(meaning(module_file(value)))
    return digest.hexdigest()[:16]


@cache
def library() -> str:
    """The version of byzccl and torch as they lie here."""
    digest = hashlib.sha256(torch.__version__.encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE)
        if not any(name.match(pattern) for pattern in WITHOUT_EFFECT):
            digest.update(str(name).encode() + b"\0" + meaning(path))
    for path in sorted(PACKAGE.glob("*.so*")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def meaning(path: Path) -> bytes:
    """What a source file says to Python: its syntax tree without docstrings."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [
                part
                for part in node.body
                if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
    return ast.dump(tree).encode()


def module_file(text: str) -> Path:
    """The source file of the module that "module:function" names."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found = importlib.util.find_spec(text.partition(":")[0])
    except ImportError as error:
        raise ValueError(f'"{text}" cannot be had: {error}') from error
    if found is None or found.origin is None or not Path(found.origin).is_file():
        raise ValueError(f'"{text}" cannot be had: there is no such module')
    return Path(found.origin)
