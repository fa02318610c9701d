# SPDX-License-Identifier: MIT
"""Copies of a robustified DDP, by copy or pickle: they are not connected, and training one raises.

A copy of a DDP has a Reducer of its own, without the communication hook of the original. Left
alone, it would go on with DDP's mean and no word.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import NoReturn

import torch
from torch._C._distributed_c10d import GradBucket, Reducer, _register_comm_hook
from torch.nn.parallel import DistributedDataParallel

from byzccl.errors import Error

_SAID = (
    "this DistributedDataParallel is a copy of one that was robustified, and is not connected to "
    "the other ranks: call byzccl.ddp.robustify on it, on every rank, before it is trained"
)


class Copied:
    """What a copy has where the original has its Robust. Whatever is asked of it raises Error."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what copy and pickle look for
            raise AttributeError(name)
        raise Error(_SAID)


def _refuse(state: object, bucket: GradBucket) -> torch.futures.Future[torch.Tensor]:
    def refuse(done: torch.futures.Future[torch.Tensor]) -> torch.Tensor:
        raise Error(_SAID)

    # An exception that is raised in a callback keeps its message on the way through the Reducer.
    done: torch.futures.Future[torch.Tensor] = torch.futures.Future()
    refused = done.then(refuse)
    done.set_result(bucket.buffer())
    return refused


class Connection:
    """A forward pre-hook that knows the DDP that was robustified, and does nothing there.

    Called by another one, which is a copy, it makes each reduction of that one raise.
    """

    def __init__(self, model: DistributedDataParallel | None = None, robust: object = None) -> None:
        self._model = None if model is None else weakref.ref(model)
        self._robust = robust  # lives as long as the model
        self._refusing: weakref.WeakSet[Reducer] = weakref.WeakSet()

    def __reduce__(self) -> tuple[type[Connection], tuple[()]]:
        return Connection, ()

    def is_of(self, model: DistributedDataParallel) -> bool:
        return self._model is not None and self._model() is model

    def refuses(self, model: DistributedDataParallel) -> bool:
        return model.reducer in self._refusing

    def __call__(self, model: DistributedDataParallel, inputs: object) -> None:
        # Only now: while a copy is made, it has no Reducer yet.
        if not self.is_of(model) and not self.refuses(model):
            _begin_anew(model)
            self._refusing.add(model.reducer)
            _register_comm_hook(model.reducer, None, _refuse)


def _begin_anew(model: DistributedDataParallel) -> None:
    """Else a copy with static_graph takes its first step for a later one, and reduces nothing."""
    model._static_graph_delay_allreduce_enqueued = False


def connect(model: DistributedDataParallel, robust: object) -> None:
    """Remembers that `model` is the one that was robustified, and keeps `robust` with it."""
    model.register_forward_pre_hook(Connection(model, robust))
    # What copies take along, and what DDP would register with another Reducer.
    model._comm_hooks = [(_refuse, None)]


def _connection(model: DistributedDataParallel) -> Connection | None:
    hooks = [hook for hook in model._forward_pre_hooks.values() if isinstance(hook, Connection)]
    return hooks[0] if hooks else None


def is_copy(model: DistributedDataParallel) -> bool:
    """Of a robustified DDP, and not robustified itself."""
    connection = _connection(model)
    return connection is not None and not connection.is_of(model)


def release(model: DistributedDataParallel) -> None:
    """Makes a copy a DDP like any other. Does nothing to what is no copy."""
    connection = _connection(model)
    if connection is None or connection.is_of(model):
        return
    # New ones: a shallow copy shares them with the original.
    model._comm_hooks = []
    model._forward_pre_hooks = OrderedDict(
        (key, hook) for key, hook in model._forward_pre_hooks.items() if hook is not connection
    )
    if connection.refuses(model):  # a Reducer takes one hook, and never another
        model.__setstate__(model.__getstate__())
    _begin_anew(model)
