# SPDX-License-Identifier: MIT
"""Buffers of any dtype as vectors that a median can be taken of, and back."""

from __future__ import annotations

import torch

_AS_THEY_ARE = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_INTEGERS = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def exchanged_dtype(dtype: torch.dtype) -> torch.dtype | None:
    """In which values of `dtype` travel: integers and booleans as float64, exact up to 2^53.

    None if they cannot: torch computes nothing with quantized ones and wide unsigned integers.
    """
    if dtype in _AS_THEY_ARE:
        return dtype
    if dtype in _INTEGERS:
        return torch.float64
    if dtype.is_complex:
        return dtype.to_real()
    return torch.float32 if dtype.is_floating_point else None  # float8


def _largest(dtype: torch.dtype) -> tuple[float, float]:
    """The largest finite value of a dtype, which stands for infinity, and the one before it."""
    info = torch.finfo(dtype)
    return info.max, info.max - info.eps / (2 - info.eps) * info.max


def to_exchange(buffer: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """`buffer` [...] as a vector of `dtype`, a complex number as two; finite but for NaN.

    To a rule an infinity is as broken as a NaN, but a mask of -inf is what all ranks agree on.
    """
    values = buffer.detach()
    if values.is_complex():
        values = torch.view_as_real(values.resolve_conj())
    flat = values.to(dtype).reshape(-1)
    infinity, largest = _largest(dtype)
    return torch.where(flat.isinf(), flat.sign() * infinity, flat.clamp(-largest, largest))


def _integers(flat: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Rounded down; the largest one where float64 has only the next."""
    whole = flat.floor().to(dtype)
    if dtype == torch.bool:
        return whole
    largest = torch.iinfo(dtype).max
    return torch.where(flat >= float(largest), torch.full_like(whole, largest), whole)


def _back(flat: torch.Tensor, buffer: torch.Tensor) -> torch.Tensor:
    """Of the buffer's shape and dtype; integers rounded down."""
    if buffer.dtype in _INTEGERS:
        return _integers(flat, buffer.dtype).view(buffer.shape)
    infinity, _ = _largest(flat.dtype)
    flat = torch.where(flat.abs() >= infinity, flat.sign() * torch.inf, flat)
    if buffer.is_complex():
        pairs = flat.view(*buffer.shape, 2)
        return torch.view_as_complex(pairs).to(buffer.dtype)
    return flat.to(buffer.dtype).view(buffer.shape)


def from_median(median: torch.Tensor, sent: torch.Tensor, buffer: torch.Tensor) -> torch.Tensor:
    """What `buffer` becomes, given the median of all ranks' vectors, and the one that it sent.

    What was agreed on stays as it is, where the way there and back would change it: the largest
    finite values, and integers beyond 2^53. So do integers without a median.
    """
    values = _back(median, buffer)
    agreed = median == sent
    if buffer.is_complex():  # the way there and back changes no complex number but the largest
        return values
    agreed = agreed.view(buffer.shape)
    changed = _back(sent, buffer) != buffer
    keep = agreed & changed
    if buffer.dtype in _INTEGERS:
        keep |= ~median.isfinite().view(buffer.shape)
    return torch.where(keep, buffer, values)
