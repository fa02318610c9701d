# SPDX-License-Identifier: MIT
"""A rank's end of a group that reduces by robust rules."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import weakref
from collections.abc import Iterator
from datetime import timedelta
from typing import NoReturn

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import PrefixStore
from torch.distributed import distributed_c10d as c10d

from byzccl import _C, launch_order
from byzccl.arguments import (
    group_of,
    integer_of,
    optional_tensor_of,
    tensor_of,
    text_of,
    words_of,
)
from byzccl.errors import Error, InvalidArgument, TransportError
from byzccl.pending import Exchange, Pending, check_process
from byzccl.rule import RuleLike, rule_text
from byzccl.timeouts import Timeout, resolve

# One count per group: its ranks create their communicators in the same order, so equal counts meet
# in the store. Not per name: a rank that was replaced has not seen the earlier groups of that name.
_count: weakref.WeakKeyDictionary[dist.ProcessGroup, Iterator[int]] = weakref.WeakKeyDictionary()


def _with_index(device: torch.device) -> torch.device:
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def _contiguous(tensor: torch.Tensor) -> torch.Tensor:
    """What has no strides goes on as it is: the core refuses it, and tells the other ranks."""
    if tensor.layout != torch.strided or tensor.is_contiguous():
        return tensor
    return tensor.contiguous()


class Communicator:
    """Robust collectives over a group of torch.distributed, of whatever backend.

    It talks over a Gloo backend of its own, never the group's, so that neither disturbs the other;
    on a CUDA device tensors travel over an NCCL communicator of its own. All ranks of the group
    create their communicators in the same order. After a TransportError a communicator cannot be
    used again; make a new one.

    Tensors are dense, on `device`, float32, float16, bfloat16 or float64. On a CUDA device a call
    takes its tensors in the order of torch's current stream; wait() lets the current stream come
    after the result and does not wait for the device.

    Threads may share one; that all ranks make the same calls in the same order is theirs to see to.
    """

    def __init__(
        self,
        group: dist.ProcessGroup | None = None,
        algorithm: str = "sharded",
        timeout: Timeout = None,
        chunk_bytes: int = 4 << 20,
        *,
        device: torch.device | str = "cpu",
        delay_ms: int = 0,
        deceit: str = "none",
    ) -> None:
        """Meets the other ranks.

        Args:
            group: None for the default one; the caller must be a member.
            algorithm: "sharded" or "ring". No result depends on it.
            timeout: how long one rank may keep the others waiting before they name it: a timedelta
                or seconds, at least 1 ms and at most 24.8 days (more counts as that); None is the
                group's own.
            chunk_bytes: most bytes of one message. No result depends on it.
            device: where the tensors lie: the CPU on all ranks, or a CUDA device of each rank's.
            delay_ms: holds every message back, to try a slow network. On the CPU only.
            deceit: an attack on messages, "equivocate" or "tamper", that this rank carries out. On
                the CPU only.
        """
        group = group_of(group)
        algorithm, deceit = text_of(algorithm, "algorithm"), text_of(deceit, "deceit")
        chunk_bytes = integer_of(chunk_bytes, "chunk_bytes")
        delay_ms = integer_of(delay_ms, "delay_ms")
        timeout = resolve(timeout, group)
        count = next(_count.setdefault(group, itertools.count()))
        store = PrefixStore(
            f"byzccl/{group.group_name}/{count}", c10d._get_process_group_store(group)
        )
        rank, size = dist.get_rank(group), dist.get_world_size(group)
        self.device = _with_index(torch.device(device))
        if self.device.type == "cuda":
            launch_order.warn()
        timeout_ms = timeout // timedelta(milliseconds=1)
        met = _C.meet(store, rank, size, timeout_ms, self.device)
        self.rank = rank
        self.size = size
        self.algorithm = algorithm
        self._core: _C.Communicator | None = _C.Communicator(
            met,
            store,
            algorithm,
            timeout_ms,
            chunk_bytes,
            _C.Wire(delay_ms, deceit),
            self.device,
        )
        self.failure: TransportError | None = None
        """The TransportError that ended it, once a wait() has raised it."""
        self._maker = os.getpid()
        _alive.add(self)

    def all_reduce(
        self, tensor: torch.Tensor, rule: RuleLike, previous: torch.Tensor | None = None
    ) -> Pending:
        """`tensor` becomes the aggregate of all ranks' tensors, the same bits on every rank.

        `previous` is for centered_clipping alone: what it made of the step before, alike on all
        ranks, in memory of its own. Until the reduction is done it must stay as it is.
        """
        with self._given():
            text = rule_text(rule)
            target = tensor_of(tensor, "tensor").detach()
            before = optional_tensor_of(previous, "previous")
        with self._preparing():
            flat = _contiguous(target)
            before = None if before is None else _contiguous(before.detach())
        return Pending(self._open().all_reduce(flat, text, before), self, target, flat)

    def reduce(self, tensor: torch.Tensor, rule: RuleLike, dst: int) -> Pending:
        """`tensor` becomes the aggregate on rank `dst` of the group; elsewhere it stays."""
        with self._given():
            text, root = rule_text(rule), integer_of(dst, "dst", 32)
            target = tensor_of(tensor, "tensor").detach()
        with self._preparing():
            flat = _contiguous(target)
        return Pending(self._open().reduce(flat, text, root), self, target, flat)

    def reduce_scatter(self, output: torch.Tensor, input: torch.Tensor, rule: RuleLike) -> Pending:
        """`output` [d / n] becomes this rank's part of the aggregate of the inputs [d]."""
        with self._given():
            text = rule_text(rule)
            target = tensor_of(output, "output").detach()
            source = tensor_of(input, "input").detach()
        with self._preparing():
            flat, source = _contiguous(target), _contiguous(source)
        return Pending(self._open().reduce_scatter(flat, source, text), self, target, flat)

    def begin(self, rule: RuleLike) -> Exchange:
        """Opens a reduction in pieces: add() each contiguous tensor, then finish().

        The selection is made once, over all that was added. One exchange at a time.
        """
        with self._given():
            text = rule_text(rule)
        return Exchange(self._open().begin(text), self)

    @property
    def bytes_sent(self) -> int:
        """Bytes of headers and payload so far; may be read while a reduction is under way."""
        return self._open().bytes_sent

    @property
    def bytes_received(self) -> int:
        """Bytes of headers and payload so far; may be read while a reduction is under way."""
        return self._open().bytes_received

    def abort(self, reason: str) -> None:
        """Gives up: whatever is under way fails with a TransportError that carries `reason`.

        Any text: what does not print becomes "?", and the other ranks get its first 4096 bytes. On
        the rank that hosts the store close() then waits, for up to 5 s, until they have read it.
        """
        self._open().abort(words_of(reason, "reason"))

    def __reduce__(self) -> NoReturn:
        raise Error("a communicator cannot be copied or pickled: make one in each process")

    def close(self) -> None:
        """Ends the communicator. Again is a no-op."""
        self._core = None

    def refuse(self, mistake: str) -> None:
        """Stands for a call that a mistake on this rank prevents: the others hear of it now."""
        self._open().refuse(mistake)

    @contextlib.contextmanager
    def _given(self) -> Iterator[None]:
        """What the caller gave is looked at here. The other ranks hear of a mistake in it."""
        core = self._open()
        try:
            yield
        except InvalidArgument as error:
            core.refuse(str(error))
            raise

    @contextlib.contextmanager
    def _preparing(self) -> Iterator[None]:
        """The other ranks hear of what keeps a call from the core.

        Not around the call itself: what a signal's handler raises comes once it was made.
        """
        core = self._open()
        try:
            yield
        except Exception as error:
            core.refuse(f"{type(error).__name__}: {error}")
            raise

    def _open(self) -> _C.Communicator:
        check_process(self._maker)
        if self._core is None:
            raise Error("the communicator is closed")
        return self._core


_alive: weakref.WeakSet[Communicator] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Threads end while the interpreter still stands."""
    for communicator in list(_alive):
        communicator.close()
