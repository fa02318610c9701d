# SPDX-License-Identifier: MIT
"""The n vectors that a caller holds, in each form that they may have, as one stack [n, ...]."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from torch.utils.dlpack import from_dlpack

from byzccl.arguments import shortened, type_name
from byzccl.errors import InvalidArgument


class Array(Protocol):
    """An array of another library: numpy's, or one that torch can read over DLPack."""

    def __dlpack__(self, *, stream: Any = ...) -> Any: ...


Vector: TypeAlias = torch.Tensor | Array
Entries: TypeAlias = Mapping[str, Vector]
"""Named parts of one vector, as a state dict has them; or of all n, each stacked [n, ...]."""

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class Entry(NamedTuple):
    """One named part of a vector."""

    key: Any
    shape: torch.Size
    dtype: torch.dtype


class Stacked(NamedTuple):
    """The vectors as one tensor, and what their aggregate is made of."""

    stack: torch.Tensor
    """[n, ...]"""
    entries: tuple[Entry, ...] | None
    """Where the vectors were dicts: the parts of a row, in their order."""

    def previous(self, given: object) -> torch.Tensor | None:
        """The previous output in the form of the aggregate, as one vector."""
        if given is None:
            return None
        if self.entries is None:
            return _tensor(given, "previous")
        if not isinstance(given, Mapping):
            raise InvalidArgument(
                f"previous must be a dict, as the vectors are, got {type_name(given)}"
            )
        values = _values(given, self.entries, "previous")
        return torch.cat([value.reshape(-1).to(self.stack.dtype) for value in values])

    def result(self, aggregate: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        """The aggregate in the form of one of the vectors."""
        if self.entries is None:
            return aggregate
        parts = aggregate.split([entry.shape.numel() for entry in self.entries])
        return {  # each in memory of its own
            entry.key: part.reshape(entry.shape).to(entry.dtype, copy=True)
            for entry, part in zip(self.entries, parts, strict=True)
        }

    def rows(self, made: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        """Rows [m, ...] made of the vectors: as they are, or as one dict of stacks [m, ...]."""
        if self.entries is None:
            return made
        parts = made.split([entry.shape.numel() for entry in self.entries], 1)
        return {  # each in memory of its own
            entry.key: part.reshape(-1, *entry.shape).to(entry.dtype, copy=True)
            for entry, part in zip(self.entries, parts, strict=True)
        }


def stacked(given: object, name: str = "stack", *, dicts: bool = True) -> Stacked:
    """What the caller gave, as one stack. A tensor is taken as it is, everything else is copied.

    Raises InvalidArgument, which names the vector and the entry that is wrong, and no values.
    """
    if isinstance(given, Mapping) and dicts:
        return _of_stacks(given, name)
    if not isinstance(given, (list, tuple)):
        return Stacked(_tensor(given, name, _FORMS if dicts else _FORMS_WITHOUT_DICTS), None)
    if not given:
        raise InvalidArgument(
            f"{name} must have at least one vector, got an empty {type_name(given)}"
        )
    if isinstance(given[0], Mapping) and dicts:
        return _of_dicts(given, name)
    vectors = [_tensor(vector, f"{name}[{i}]") for i, vector in enumerate(given)]
    for i, vector in enumerate(vectors):
        _check_like(vector, vectors[0], f"{name}[{i}]", f"{name}[0]")
    return Stacked(torch.stack(vectors), None)


_VECTOR = "a tensor or an array"
_FORMS_WITHOUT_DICTS = f"{_VECTOR} [n, ...], or a list of n vectors"
_FORMS = f"{_FORMS_WITHOUT_DICTS} or of n dicts of them"


def _tensor(given: object, name: str, wanted: str = _VECTOR) -> torch.Tensor:
    """A tensor as it is; an array of another library without a copy, where that is possible."""
    if isinstance(given, torch.Tensor):
        return _dense(given, name)
    numpy = sys.modules.get("numpy")
    try:
        if numpy is not None and isinstance(given, numpy.ndarray):
            return _of_numpy(numpy, given, name)
        if hasattr(given, "__dlpack__") and not isinstance(given, type):
            return from_dlpack(given)
    except InvalidArgument:
        raise
    except Exception as error:  # whatever the other library raises
        raise InvalidArgument(
            f"{name}: torch cannot read this {type_name(given)}: {shortened(str(error))}"
        ) from None
    raise InvalidArgument(f"{name} must be {wanted}, got {type_name(given)}")


def _dense(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """`tensor`, which the operators must be able to read: torch's own refusal has 5,000 letters."""
    if tensor.layout != torch.strided or tensor.is_nested or tensor.is_quantized:
        kind = "nested" if tensor.is_nested else "quantized" if tensor.is_quantized else None
        raise InvalidArgument(f"{name} must be dense, got {kind or tensor.layout}")
    return tensor


def _of_numpy(numpy: Any, array: Any, name: str) -> torch.Tensor:
    if isinstance(array, numpy.ma.MaskedArray):
        raise InvalidArgument(f"{name} must be an array without a mask, got {type_name(array)}")
    if array.dtype.kind not in "fiub":
        raise InvalidArgument(f"{name} must be an array of floats, got {array.dtype.name}")
    # torch takes neither foreign byte order nor negative strides, and warns of read-only memory.
    plain = array.dtype.isnative and array.flags.writeable and min((0, *array.strides)) == 0
    if not plain:
        array = numpy.array(array, dtype=array.dtype.newbyteorder("="), order="C", subok=False)
    return torch.from_numpy(array)


def _check_like(value: torch.Tensor, first: torch.Tensor, name: str, first_name: str) -> None:
    for what in ("dtype", "device", "shape"):
        mine, wanted = getattr(value, what), getattr(first, what)
        if mine != wanted:
            if what == "shape":
                mine, wanted = tuple(mine), tuple(wanted)
            raise InvalidArgument(
                f"{name} must have the {what} of {first_name}, {shortened(str(wanted))}, "
                f"got {shortened(str(mine))}"
            )


def _entry_name(name: str, key: object) -> str:
    said = key if isinstance(key, str) else type_name(key)
    return f'{name}["{shortened(said)}"]'


def _entry(value: object, name: str) -> torch.Tensor:
    """One entry of a dict: dense, and of a dtype that the library reduces."""
    tensor = _tensor(value, name)
    if tensor.dtype not in _DTYPES:
        raise InvalidArgument(
            f"{name} must be float32, float16, bfloat16 or float64, got {tensor.dtype}: leave out "
            "what is not reduced, such as counters"
        )
    return tensor


def _values(given: Mapping[Any, object], entries: Sequence[Entry], name: str) -> list[torch.Tensor]:
    """The entries of one dict, in the order of `entries`, which says what they must be."""
    for entry in entries:
        if entry.key not in given:
            raise InvalidArgument(f"{_entry_name(name, entry.key)} is missing")
    if len(given) > len(entries):
        known = {entry.key for entry in entries}
        other = next(key for key in given if key not in known)
        raise InvalidArgument(f"{_entry_name(name, other)} is an entry that the first dict lacks")
    values = []
    for entry in entries:
        where = _entry_name(name, entry.key)
        value = _entry(given[entry.key], where)
        for what, mine, wanted in (
            ("dtype", value.dtype, entry.dtype),
            ("shape", tuple(value.shape), tuple(entry.shape)),
        ):
            if mine != wanted:
                raise InvalidArgument(
                    f"{where} must have the {what} {shortened(str(wanted))}, "
                    f"got {shortened(str(mine))}"
                )
        values.append(value)
    return values


def _widest(tensors: Sequence[torch.Tensor], names: Sequence[str]) -> torch.dtype:
    """The dtype that holds all of theirs; they must be on one device."""
    widest = tensors[0].dtype
    for tensor, name in zip(tensors, names, strict=True):
        if tensor.device != tensors[0].device:
            raise InvalidArgument(
                f"{name} must be on the device of {names[0]}, {tensors[0].device}, "
                f"is on {tensor.device}"
            )
        widest = torch.promote_types(widest, tensor.dtype)
    return widest


def _of_dicts(given: Sequence[object], name: str) -> Stacked:
    """Vectors as n dicts of alike entries, such as state dicts."""
    first = given[0]
    assert isinstance(first, Mapping)
    if not first:
        raise InvalidArgument(f"{name}[0] must have at least one entry, got an empty dict")
    entries = tuple(
        Entry(key, tensor.shape, tensor.dtype)
        for key, value in first.items()
        for tensor in [_entry(value, _entry_name(f"{name}[0]", key))]
    )
    pieces, names = [], []
    for i, row in enumerate(given):
        if not isinstance(row, Mapping):
            raise InvalidArgument(
                f"{name}[{i}] must be a dict, as {name}[0] is, got {type_name(row)}"
            )
        pieces += _values(row, entries, f"{name}[{i}]")
        names += [_entry_name(f"{name}[{i}]", entry.key) for entry in entries]
    widest = _widest(pieces, names)
    rows = torch.cat([piece.reshape(-1).to(widest) for piece in pieces])
    return Stacked(rows.view(len(given), -1), entries)


def _of_stacks(given: Mapping[Any, object], name: str) -> Stacked:
    """Vectors as one dict of stacks [n, ...], such as torch.func.stack_module_state makes."""
    if not given:
        raise InvalidArgument(f"{name} must have at least one entry, got an empty dict")
    names = [_entry_name(name, key) for key in given]
    stacks = [_entry(value, where) for where, value in zip(names, given.values(), strict=True)]
    for stack, where in zip(stacks, names, strict=True):
        if stack.dim() < 1 or stack.shape[0] != stacks[0].shape[:1].numel():
            raise InvalidArgument(
                f"{where} must be [n, ...] with the n of the first entry, "
                f"got the shape {shortened(str(tuple(stack.shape)))}"
            )
    n = stacks[0].shape[0]
    if n == 0:
        raise InvalidArgument(f"{names[0]} must be [n, ...] with n >= 1, got n = 0")
    entries = tuple(
        Entry(key, stack.shape[1:], stack.dtype) for key, stack in zip(given, stacks, strict=True)
    )
    widest = _widest(stacks, names)
    return Stacked(torch.cat([stack.reshape(n, -1).to(widest) for stack in stacks], 1), entries)
