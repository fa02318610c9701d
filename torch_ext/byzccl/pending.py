# SPDX-License-Identifier: MIT
"""Reductions under way: handles that a communicator gives out."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

import torch

from byzccl import _C, report
from byzccl.arguments import optional_tensor_of, tensor_of
from byzccl.errors import Error, InvalidArgument, TransportError

if TYPE_CHECKING:
    from byzccl.communicator import Communicator


def check_process(maker: int) -> None:
    """A fork copies no thread and shares every connection: what is used there would never end."""
    if os.getpid() != maker:
        raise Error(
            f"made in process {maker} and used in {os.getpid()}, which was forked from it: "
            "there, make a process group and a communicator of its own"
        )


class Pending:
    """A reduction that may still be under way.

    A tensor that is not contiguous gets its result by wait(), is_completed() or report().
    """

    def __init__(
        self,
        core: _C.Pending,
        owner: Communicator,
        target: torch.Tensor | None = None,
        flat: torch.Tensor | None = None,
    ) -> None:
        self._core = core
        self._owner: Communicator | None = owner  # else a temporary one would end under way
        self._target = target
        self._flat = flat
        self._maker = os.getpid()
        self._landing = threading.Lock()

    def wait(self) -> bool:
        """Returns True when the result is in the tensor. Raises what the reduction raised."""
        check_process(self._maker)
        try:
            self._core.wait()
        except TransportError as error:
            owner = self._owner
            if owner is not None:
                # Without its traceback, which would keep alive what the caller had.
                owner.failure = TransportError(str(error), error.suspects)
            raise
        with self._landing:  # another thread may wait, too
            target, flat = self._target, self._flat
            if target is not None and flat is not None and flat is not target:
                target.copy_(flat.view(target.shape))
            self._target = None
            self._owner = None
        return True

    def is_completed(self) -> bool:
        """Whether wait() would return or raise at once."""
        check_process(self._maker)
        if not self._core.done():
            return False
        with contextlib.suppress(Error):
            self.wait()
        return True

    def report(self) -> report.Report:
        """What this reduction says about itself; waits first."""
        self.wait()
        return report.read(self._core.report())


class Exchange:
    """One reduction in pieces, from Communicator.begin().

    One that is dropped before finish() ends with a MismatchError on the other ranks.
    """

    def __init__(self, core: _C.Exchange, owner: Communicator) -> None:
        self._core = core
        self._owner = owner
        self._maker = os.getpid()

    def add(self, tensor: torch.Tensor, previous: torch.Tensor | None = None) -> None:
        """Starts to exchange `tensor` and returns; it must stay untouched until the end.

        Contiguous; finish() writes the result over it. Adds may differ in dtype. `previous` is for
        centered_clipping alone: its last output for these elements, laid out as `tensor` and in
        memory of its own. Raises InvalidArgument.
        """
        check_process(self._maker)
        try:
            tensor_of(tensor, "tensor")
            optional_tensor_of(previous, "previous")
        except InvalidArgument as error:
            self._core.refuse(str(error))
            raise
        self._core.add(tensor, previous)

    def finish(self) -> Pending:
        """No more adds. Call once; the results are there when the handle's wait() returns."""
        check_process(self._maker)
        return Pending(self._core.finish(), self._owner)
