# SPDX-License-Identifier: MIT
"""The library's exceptions. A Byzantine value (NaN, Inf, 1e30) is data and never raises."""

from collections.abc import Callable, Sequence

import torch


class Error(Exception):
    """Base of all that the library raises."""


class InvalidArgument(Error, ValueError):
    """The caller's mistake, found before any data moved."""


def called(operator: Callable[..., torch.Tensor], *arguments: object) -> torch.Tensor:
    """What an operator of torch.ops returns; a ValueError of it becomes an InvalidArgument.

    Through PyTorch's dispatcher a C++ exception keeps its text, but not a type of ours.
    """
    try:
        return operator(*arguments)
    except ValueError as error:
        raise InvalidArgument(str(error)) from None


class MismatchError(Error, ValueError):
    """Ranks called with different rules, dtypes, counts or steps. Raised on every rank."""


class CudaError(Error, RuntimeError):
    """The CUDA runtime refused a call, or this build has no CUDA; the message says which."""


class NcclError(Error, RuntimeError):
    """NCCL refused a call; the message gives its own words."""


class QuorumError(Error, RuntimeError):
    """A node did not get as many vectors of a step as it asked for; the node goes on.

    Of the ranks that were asked, without those whose vector has come: `missing` may still send it,
    `passed` can no longer (a later step has come from them, or the step was collected), `gone` have
    closed the connection or were cut off. All ascending.

    `next_step` is where whoever was overtaken goes on: the highest step that as many sources as are
    needed have reached, and at least the next. `timed_out`: the deadline has passed; otherwise the
    step can no longer be had, or as many sources as are needed have gone on to later ones, and that
    was raised at once.
    """

    def __init__(
        self,
        message: str,
        missing: Sequence[int] = (),
        passed: Sequence[int] = (),
        gone: Sequence[int] = (),
        next_step: int = 0,
        timed_out: bool = False,
    ) -> None:
        super().__init__(message)
        self.missing = tuple(missing)
        self.passed = tuple(passed)
        self.gone = tuple(gone)
        self.next_step = next_step
        self.timed_out = timed_out


class TransportError(Error, RuntimeError):
    """Ranks died, fell silent or broke the protocol.

    `suspects` are the ranks of the group held responsible, ascending, the same on all ranks that
    can still talk; empty if nobody can be named. A message that begins with "contested:" is the
    exception: there this rank does not believe the others, and names whom it would name itself.
    """

    def __init__(self, message: str, suspects: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.suspects = tuple(suspects)
