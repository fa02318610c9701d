# SPDX-License-Identifier: MIT
"""What a checkpoint holds of a Robust. It may come from anywhere: it is checked before use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from byzccl.arguments import integer_of, tensor_of, type_name
from byzccl.errors import InvalidArgument

_VERSION = 1

Counts = tuple[int, list[int], list[int]]
Outputs = list[tuple[str, torch.Tensor]]


def write(rule: str, counts: Counts, outputs: Outputs) -> dict[str, Any]:
    """Plain types and tensors, which torch.load(weights_only=True) reads."""
    steps, excluded, broken = counts
    return {
        "version": _VERSION,
        "rule": rule,
        "steps": steps,
        "excluded": excluded,
        "broken": broken,
        "parameters": {name: {"previous": output} for name, output in outputs},
    }


def read(state: object, size: int) -> tuple[Counts, Outputs]:
    """The counts, and the previous outputs by name, of a state of `size` ranks.

    Raises InvalidArgument if it is of another version or number of ranks, or none at all.
    """
    entries = _mapping(state, "state")
    version = entries.get("version")
    if version != _VERSION:
        got = version if isinstance(version, int) else type_name(version)
        raise InvalidArgument(f"state of version {got}, expected {_VERSION}")
    counts = (
        _count(_entry(entries, "steps"), "steps"),
        _counts(_entry(entries, "excluded"), "excluded", size),
        _counts(_entry(entries, "broken"), "broken", size),
    )
    outputs = []
    for name, kept in _mapping(_entry(entries, "parameters"), "parameters").items():
        if not isinstance(name, str):
            raise InvalidArgument(f"the state names a parameter by {type_name(name)}, not by text")
        previous = _entry(_mapping(kept, "parameters"), "previous")
        outputs.append((name, tensor_of(previous, "previous")))
    return counts, outputs


def _mapping(value: object, name: str) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise InvalidArgument(f"{name} must be a dict from state_dict(), got {type_name(value)}")
    return value


def _entry(entries: Mapping[Any, Any], name: str) -> object:
    if name not in entries:
        raise InvalidArgument(f'the state has no "{name}"')
    return entries[name]


def _count(value: object, name: str) -> int:
    count = integer_of(value, name)
    if count < 0:
        raise InvalidArgument(f"{name} must not be negative, got {count}")
    return count


def _counts(value: object, name: str, size: int) -> list[int]:
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        raise InvalidArgument(f"{name} must be a list of integers, got {type_name(value)}")
    if len(value) != size:
        raise InvalidArgument(f"state of {len(value)} ranks, the group has {size}")
    return [_count(each, name) for each in value]
