# SPDX-License-Identifier: MIT
"""A DDP's buffers by the median of all ranks, where DDP takes those of rank 0.

DDP broadcasts rank 0's buffers before a forward pass, past any rule: one NaN in a batch there makes
the running statistics of every replica NaN for good.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict, defaultdict

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.nn.parallel.distributed import _BufferCommHookLocation

from byzccl import _C
from byzccl.buffer_values import exchanged_dtype, from_median, to_exchange
from byzccl.communicator import Communicator
from byzccl.errors import InvalidArgument, TransportError


class _Medians:
    """One exchange of a model's buffers: sent, agreed on, and copied back.

    A signal's handler may raise between any two lines here. What was not sent by then was never
    begun; what was is complete, and copied back by the next call.
    """

    def __init__(
        self, communicator: Communicator, buffers: dict[str, torch.Tensor], step: int
    ) -> None:
        self.step = step
        self._alike: defaultdict[torch.dtype, list[str]] = defaultdict(list)
        self._sent: dict[str, torch.Tensor] = {}
        for name, buffer in buffers.items():
            dtype = exchanged_dtype(buffer.dtype)
            if dtype is not None and buffer.numel() > 0:
                self._alike[dtype].append(name)
                self._sent[name] = to_exchange(buffer, dtype).to(communicator.device)
        self._flats = [
            torch.cat([self._sent[name] for name in names]) for names in self._alike.values()
        ]
        self._exchange = _C.WholeExchange(communicator._open(), "median", self._flats)
        self._values: dict[str, torch.Tensor] | None = None
        self._landed = False

    def is_done(self) -> bool:
        return self._exchange.is_done()

    def run(self) -> None:
        """No signal's handler runs meanwhile. A no-op once it is done."""
        self._exchange.run()

    def land(self, buffers: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`buffers` become what was agreed on, once: then the forward pass may change them."""
        if self._values is None:
            self._values = self._agreed(buffers)
        if not self._landed:
            for name, value in self._values.items():
                buffers[name].detach().copy_(value)
            self._landed = True
        return self._values

    def _agreed(self, buffers: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """What each buffer becomes, given that all are still as they were sent."""
        values = {}
        for flat, names in zip(self._flats, self._alike.values(), strict=True):
            medians = flat.split([self._sent[name].numel() for name in names])
            for name, median in zip(names, medians, strict=True):
                buffer, device = buffers[name].detach(), buffers[name].device
                sent = self._sent[name].to(device)
                values[name] = from_median(median.to(device), sent, buffer)
        return values


class RobustBuffers:
    """The buffer hook of one DDP. In a copy of it there is no communicator, and nothing happens."""

    def __init__(
        self, communicator: Communicator | None = None, hook: _C.ReducerHook | None = None
    ) -> None:
        self._communicator = communicator
        self._hook = hook
        self._medians: _Medians | None = None
        self._agreed: dict[str, torch.Tensor] = {}

    def __reduce__(self) -> tuple[type[RobustBuffers], tuple[()]]:
        return RobustBuffers, ()

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def exchange(self, state: object, buffers: dict[str, torch.Tensor]) -> None:
        """What DDP calls where it would broadcast, on every rank: `buffers` become the medians.

        Once for each reduction of gradients, though DDP may ask more often: a forward pass that a
        signal's handler has ended is made again, and the other ranks have exchanged but once.
        """
        communicator, hook = self._communicator, self._hook
        if communicator is None or hook is None:
            return
        step, medians = hook.begun, self._medians
        if medians is None or medians.step != step or not medians.is_done():
            medians = self._medians = _Medians(communicator, buffers, step)
        try:
            medians.run()
        except TransportError as error:
            communicator.failure = TransportError(str(error), error.suspects)
            raise
        values = medians.land(buffers)
        self._agreed = {n: v for n, v in values.items() if v.is_floating_point() or v.is_complex()}

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def keep_finite(self, model: DistributedDataParallel, inputs: object, output: object) -> None:
        """A forward hook: what this rank's own batch made NaN or infinite is as agreed before.

        So the buffers may be saved or evaluated at any time. What was agreed on stays, as the -inf
        of a mask.
        """
        for name, buffer in model.module.named_buffers():
            agreed = self._agreed.get(name)
            if agreed is not None and agreed.shape == buffer.shape:
                # By .data: autograd may have saved the buffer, and would refuse a changed one.
                data = buffer.data
                data.copy_(torch.where(data.isfinite(), data, agreed))


def _named(model: DistributedDataParallel) -> dict[str, torch.Tensor]:
    """The buffers that DDP synchronises."""
    model._assign_modules_buffers()
    named: dict[str, torch.Tensor] = model.named_module_buffers
    return named


def _is_ours(hook: object) -> bool:
    return isinstance(getattr(hook, "__self__", None), RobustBuffers)


def check_buffers(model: DistributedDataParallel) -> None:
    """Raises InvalidArgument where they could not be exchanged."""
    hook = getattr(model, "buffer_hook", None)
    if hook is not None and not _is_ours(hook.buffer_comm_hook):
        raise InvalidArgument("the model has a buffer hook already; DDP takes one")
    for name, buffer in _named(model).items():
        if buffer.layout != torch.strided or exchanged_dtype(buffer.dtype) is None:
            raise InvalidArgument(
                f"robust_buffers needs dense buffers of numbers or booleans, got {name} of "
                f"{buffer.dtype} and {buffer.layout}"
            )


def attach(
    model: DistributedDataParallel, communicator: Communicator, hook: _C.ReducerHook
) -> None:
    """From now on the model's buffers are exchanged, whatever broadcast_buffers said."""
    ours = RobustBuffers(communicator, hook)
    model._register_buffer_comm_hook(None, ours.exchange, _BufferCommHookLocation.PRE_FORWARD)
    model.register_forward_hook(ours.keep_finite)
    model.broadcast_buffers = True  # what DDP asks before it calls a buffer hook, too


def detach(model: DistributedDataParallel) -> None:
    """Makes a copy's buffers those of a DDP like any other."""
    hook = getattr(model, "buffer_hook", None)
    if hook is not None and _is_ours(hook.buffer_comm_hook):
        del model.buffer_hook
        # A new one: a shallow copy shares it with the original.
        model._forward_hooks = OrderedDict(
            (key, hook) for key, hook in model._forward_hooks.items() if not _is_ours(hook)
        )


def warn_of_broadcasts(model: DistributedDataParallel) -> None:
    """UserWarning if DDP broadcasts floating buffers. For the caller of the caller."""
    floating = [name for name, b in _named(model).items() if b.is_floating_point()]
    if model.broadcast_buffers and floating and not hasattr(model, "buffer_hook"):
        more = f" and {len(floating) - 1} more" if len(floating) > 1 else ""
        warnings.warn(
            f"DDP broadcasts rank 0's buffers before a forward pass ({floating[0]}{more}), and no "
            "rule guards them: one NaN there reaches every replica. Call robustify with "
            "robust_buffers=True, or build DDP with broadcast_buffers=False",
            UserWarning,
            stacklevel=3,
        )
