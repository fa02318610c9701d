# SPDX-License-Identifier: MIT
"""Rules over n vectors that one process holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import torch

from byzccl import _C, report
from byzccl.arguments import integer_of
from byzccl.errors import called
from byzccl.rule import RuleLike, StepsLike, rule_text, steps_text
from byzccl.vectors import Entries, Stacked, Vector, stacked


def _caller(
    vectors: Stacked, own: int | None, step: int, previous: Any
) -> tuple[int, int, torch.Tensor | None]:
    return (
        -1 if own is None else integer_of(own, "own"),
        integer_of(step, "step"),
        vectors.previous(previous),
    )


@overload
def aggregate(
    stack: Vector | Sequence[Vector],
    rule: RuleLike,
    *,
    own: int | None = None,
    step: int = 0,
    previous: Vector | None = None,
) -> torch.Tensor: ...
@overload
def aggregate(
    stack: Entries | Sequence[Entries],
    rule: RuleLike,
    *,
    own: int | None = None,
    step: int = 0,
    previous: Entries | None = None,
) -> dict[str, torch.Tensor]: ...
def aggregate(
    stack: Vector | Sequence[Vector] | Entries | Sequence[Entries],
    rule: RuleLike,
    *,
    own: int | None = None,
    step: int = 0,
    previous: Vector | Entries | None = None,
) -> torch.Tensor | dict[str, torch.Tensor]:
    """The aggregate of n vectors, in the form of one of them.

    `stack` is one of

    - a tensor [n, ...]; the result is a tensor [...]
    - a list or tuple of n tensors of one shape, dtype and device; the result is one more
    - an array [n, ...] or a list of n, of numpy or of any library with DLPack; the result is a
      tensor
    - a list of n dicts with the same keys, shapes and dtypes, such as state dicts, or one dict of
      stacks [n, ...], such as torch.func.stack_module_state makes; the result is a dict. There is
      one selection, over all entries: together they are one vector. If their dtypes differ, it is
      made and combined in the widest (torch.promote_types), and each entry is rounded to its own
      at the end. An integer entry, such as BatchNorm's num_batches_tracked, is refused by name.

    A tensor or array is read where it lies; lists and dicts are copied into one stack.

    float32, float16, bfloat16 or float64, on the CPU or a CUDA device. NaN and Inf are data: they
    end up where the rule puts them and never raise. There is no gradient: a backward pass through
    it raises RuntimeError. It may be used inside torch.compile.

    Some rules depend on more, which the others ignore: monna on `own`, the caller's vector in
    [0, n); bucketing on `step`; centered_clipping on `previous`, its output of the step before
    (in the form of the result, the stack's dtype and device). Without it, or if it is not finite,
    it stands for zeros. Keep the older one when a step fails closed.

    On a CUDA device the work is enqueued on the current stream, nothing synchronises, and a CUDA
    graph may capture it.

    Raises InvalidArgument (a ValueError) for an unknown rule, a bound that n breaks, a wrong type,
    shape, layout or dtype or a mix of devices, and RuntimeError for a CUDA tensor in a build
    without CUDA.
    """
    vectors = stacked(stack)
    text = rule_text(rule)
    caller = _caller(vectors, own, step, previous)
    return vectors.result(called(torch.ops.byzccl.aggregate, vectors.stack, text, *caller))


@overload
def pre_aggregate(
    stack: Vector | Sequence[Vector], steps: StepsLike, *, step: int = 0
) -> torch.Tensor: ...
@overload
def pre_aggregate(
    stack: Entries | Sequence[Entries], steps: StepsLike, *, step: int = 0
) -> dict[str, torch.Tensor]: ...
def pre_aggregate(
    stack: Vector | Sequence[Vector] | Entries | Sequence[Entries],
    steps: StepsLike,
    *,
    step: int = 0,
) -> torch.Tensor | dict[str, torch.Tensor]:
    """The rows [m, ...] that steps before a rule make of n vectors, such as "arc+nnm(f=2)".

    `stack` as in aggregate(), on the CPU. Of tensors and arrays, stacked or in a list, the result
    is a tensor [m, ...]; of dicts it is one dict of stacks [m, ...]. aggregate() takes either. m is
    n, or the number of buckets.

    `steps` is text, a step such as Nnm(f=2), or several, such as Arc() + Nnm(f=2): bucketing, clip
    or arc, nnm, in this order, each at most once. An f that is left out is floor((n - 1) / 2) of
    the n rows that the step is given. `step` counts for bucketing: no two steps have the same
    buckets.

    `aggregate(pre_aggregate(stack, steps), rule)` is `aggregate(stack, f"{steps}+{rule}")` to the
    bit for column rules in float32 and float64, and up to rounding for the others. A row that the
    steps find absent, such as one of infinite norm behind clip, is NaN: a rule finds it broken, but
    mean, which leaves out what is absent, does not. Where nnm fails closed every row is NaN.

    There is no gradient: a backward pass through it raises RuntimeError. It may be used inside
    torch.compile.

    Raises InvalidArgument (a ValueError) for an unknown step, a rule, a bound that n breaks, a
    CUDA tensor, and what aggregate() refuses in `stack`.
    """
    vectors = stacked(stack)
    text = steps_text(steps)
    number = integer_of(step, "step")
    return vectors.rows(called(torch.ops.byzccl.pre_aggregate, vectors.stack, text, number))


def explain(
    stack: Vector | Sequence[Vector] | Entries | Sequence[Entries],
    rule: RuleLike,
    *,
    own: int | None = None,
    step: int = 0,
    previous: Vector | Entries | None = None,
) -> report.Report:
    """What the rule decides about the n vectors of `stack`; nothing is combined.

    Arguments and errors as in aggregate(), but CudaError for RuntimeError. On a CUDA device the
    report stays there until one of its fields is first asked for; that waits for the stream.
    """
    vectors = stacked(stack)
    text = rule_text(rule)
    number, at, before = _caller(vectors, own, step, previous)
    if before is not None:
        before = before.detach()
    found = _C.explain(vectors.stack.detach(), text, number, at, before)
    return report.later(found.read) if vectors.stack.is_cuda else report.read(found.read())
