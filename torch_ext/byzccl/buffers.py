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

from byzccl.buffer_values import exchanged_dtype, from_median, to_exchange
from byzccl.communicator import Communicator
from byzccl.errors import InvalidArgument


class RobustBuffers:
    """The buffer hook of one DDP. In a copy of it there is no communicator, and nothing happens."""

    def __init__(self, communicator: Communicator | None = None) -> None:
        self._communicator = communicator
        self._agreed: dict[str, torch.Tensor] = {}

    def __reduce__(self) -> tuple[type[RobustBuffers], tuple[()]]:
        return RobustBuffers, ()

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    @torch.no_grad()
    def exchange(self, state: object, buffers: dict[str, torch.Tensor]) -> None:
        """What DDP calls where it would broadcast, on every rank: `buffers` become the medians."""
        communicator = self._communicator
        if communicator is None:
            return
        alike: defaultdict[torch.dtype, list[str]] = defaultdict(list)
        sent: dict[str, torch.Tensor] = {}
        for name, buffer in buffers.items():
            dtype = exchanged_dtype(buffer.dtype)
            if dtype is not None and buffer.numel() > 0:
                alike[dtype].append(name)
                sent[name] = to_exchange(buffer, dtype).to(communicator.device)
        flats = [torch.cat([sent[name] for name in names]) for names in alike.values()]
        reduction = communicator.begin("median")
        for flat in flats:
            reduction.add(flat)
        reduction.finish().wait()
        for flat, names in zip(flats, alike.values(), strict=True):
            medians = flat.split([sent[name].numel() for name in names])
            for name, median in zip(names, medians, strict=True):
                buffer, device = buffers[name], buffers[name].device
                value = from_median(median.to(device), sent[name].to(device), buffer)
                buffer.copy_(value)
                if buffer.is_floating_point() or buffer.is_complex():
                    self._agreed[name] = value

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    @torch.no_grad()
    def keep_finite(self, model: DistributedDataParallel, inputs: object, output: object) -> None:
        """A forward hook: what this rank's own batch made NaN or infinite is as agreed before.

        So the buffers may be saved or evaluated at any time. What was agreed on stays, as the -inf
        of a mask.
        """
        for name, buffer in model.module.named_buffers():
            agreed = self._agreed.get(name)
            if agreed is not None and agreed.shape == buffer.shape:
                # By .data: autograd may have saved the buffer, and would refuse a changed one.
                buffer.data.copy_(torch.where(buffer.isfinite(), buffer, agreed))


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


def attach(model: DistributedDataParallel, communicator: Communicator) -> None:
    """From now on the model's buffers are exchanged, whatever broadcast_buffers said."""
    ours = RobustBuffers(communicator)
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
