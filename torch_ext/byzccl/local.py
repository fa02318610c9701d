# SPDX-License-Identifier: MIT
"""Rules over n vectors that one process holds."""

from __future__ import annotations

import torch

from byzccl import _C, report
from byzccl.rule import RuleLike


def aggregate(
    stack: torch.Tensor,
    rule: RuleLike,
    *,
    own: int | None = None,
    step: int = 0,
    previous: torch.Tensor | None = None,
) -> torch.Tensor:
    """The aggregate of the n vectors in `stack` [n, ...], of shape [...] and the same dtype.

    float32, float16, bfloat16 or float64, on the CPU or a CUDA device. NaN and Inf are data: they
    end up where the rule puts them and never raise. There is no gradient: a backward pass through
    it raises RuntimeError. It may be used inside torch.compile.

    Some rules depend on more, which the others ignore: monna on `own`, the caller's vector in
    [0, n); bucketing on `step`; centered_clipping on `previous`, its output of the step before
    (shape [...], the stack's dtype and device). Without it, or if it is not finite, it stands for
    zeros. Keep the older one when a step fails closed.

    On a CUDA device the work is enqueued on the current stream, nothing synchronises, and a CUDA
    graph may capture it.

    Raises ValueError for an unknown rule, a bound that n breaks, a shape, a dtype or a mix of
    devices, and RuntimeError for a CUDA tensor in a build without CUDA.
    """
    result: torch.Tensor = torch.ops.byzccl.aggregate(
        stack, str(rule), -1 if own is None else own, step, previous
    )
    return result


def explain(
    stack: torch.Tensor,
    rule: RuleLike,
    *,
    own: int | None = None,
    step: int = 0,
    previous: torch.Tensor | None = None,
) -> report.Report:
    """What the rule decides about the vectors of `stack` [n, ...]; nothing is combined.

    Arguments and errors as in aggregate(), but CudaError for RuntimeError. On a CUDA device the
    report stays there until one of its fields is first asked for; that waits for the stream.
    """
    if previous is not None:
        previous = previous.detach()
    found = _C.explain(stack.detach(), str(rule), -1 if own is None else own, step, previous)
    return report.later(found.read) if stack.is_cuda else report.read(found.read())
