# SPDX-License-Identifier: MIT
"""A rank's end of a group that sends vectors when it likes, and collects the first q of a step."""

from __future__ import annotations

import atexit
import itertools
import math
import os
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import NoReturn

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import PrefixStore
from torch.distributed import distributed_c10d as c10d

from byzccl import _C
from byzccl.arguments import group_of, integer_of, optional_tensor_of, tensor_of, type_name
from byzccl.errors import Error, InvalidArgument
from byzccl.pending import check_process
from byzccl.timeouts import LONGEST, Timeout, in_seconds, resolve

# As that of communicators: the ranks of a group create their nodes in the same order.
_count: weakref.WeakKeyDictionary[dist.ProcessGroup, Iterator[int]] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Collected:
    """The vectors of a quorum, in the order of their ranks."""

    ranks: tuple[int, ...]
    vectors: tuple[torch.Tensor, ...]
    """[count] each, not copied; the own one is the tensor that was given."""

    @cached_property
    def rows(self) -> torch.Tensor:
        """[q, count]: a copy, made when it is first asked for."""
        return torch.stack(self.vectors)


def _ranks_of(value: Sequence[int], name: str) -> list[int]:
    try:
        values = list(value)
    except TypeError:
        raise InvalidArgument(f"{name} must be ranks, got {type_name(value)}") from None
    return [integer_of(rank, name, 32) for rank in values]


class Node:
    """Asynchronous messages over a group of torch.distributed, of whatever backend.

    Ranks send each other vectors of `count` elements of one dtype, tagged with a kind and a step.
    publish() never waits for a receiver; collect() waits for the first q vectors of a step. A rank
    that is dead, stopped, slow or hostile costs the others its vote alone (docs/node.md).

    It talks over a Gloo backend of its own, never the group's, from host memory. All ranks of the
    group create their nodes in the same order and with the same arguments. Threads may share one.
    """

    def __init__(
        self,
        group: dist.ProcessGroup | None = None,
        *,
        count: int,
        dtype: torch.dtype = torch.float32,
        timeout: Timeout = None,
        kinds: int = 8,
        kept: int = 4,
        unsent: int = 2,
    ) -> None:
        """Meets the other ranks. Raises InvalidArgument; TransportError if they do not all come.

        Args:
            group: None for the default one; the caller must be a member.
            count: elements of every vector, at least 0.
            dtype: float32, float16, bfloat16 or float64.
            timeout: how long one rank may keep the others waiting while they meet, and collect()
                and flush() wait where they are not told: a timedelta or seconds, at least 1 ms and
                at most 24.8 days (more counts as that); None is the group's own.
            kinds: kinds are 0 to kinds - 1; 1 to 64.
            kept: vectors of a kind and sender that may wait here to be collected; 1 to 1024.
            unsent: vectors of a kind that may wait here to leave for a receiver; 1 to 1024. A newer
                one takes the place of the oldest.
        """
        group = group_of(group)
        count = integer_of(count, "count")
        if not isinstance(dtype, torch.dtype):
            raise InvalidArgument(f"dtype must be a torch.dtype, got {type_name(dtype)}")
        options = _C.NodeOptions(
            integer_of(kinds, "kinds", 32),
            integer_of(kept, "kept", 32),
            integer_of(unsent, "unsent", 32),
        )
        self._timeout = resolve(timeout, group)
        timeout_ms = self._timeout // timedelta(milliseconds=1)
        ordinal = next(_count.setdefault(group, itertools.count()))
        store = PrefixStore(
            f"byzccl/node/{group.group_name}/{ordinal}", c10d._get_process_group_store(group)
        )
        self.rank = dist.get_rank(group)
        self.size = dist.get_world_size(group)
        self.count = count
        self.dtype = dtype
        met = _C.meet(store, self.rank, self.size, timeout_ms, torch.device("cpu"), "node")
        like = torch.empty(0, dtype=dtype)
        self._core: _C.Node | None = _C.Node(met, store, count, like, options)
        self._maker = os.getpid()
        _alive.add(self)

    def publish(self, kind: int, step: int, tensor: torch.Tensor, to: Sequence[int]) -> None:
        """Copies `tensor` once and returns; it leaves for each rank of `to` when that has room.

        `tensor` is on the CPU, dense, of the node's dtype, with `count` elements in any shape. Of
        each kind and receiver steps rise from call to call, and where `unsent` vectors have not
        left, this one takes the place of the oldest. Ranks that are gone are passed over.

        Raises InvalidArgument, and then nothing is sent.
        """
        core = self._open()
        source = tensor_of(tensor, "tensor").detach()
        core.publish(
            integer_of(kind, "kind", 32),
            integer_of(step, "step"),
            source.contiguous() if source.layout == torch.strided else source,
            _ranks_of(to, "to"),
        )

    def collect(
        self,
        kind: int,
        step: int,
        q: int,
        timeout: Timeout = None,
        sources: Sequence[int] | None = None,
        own: torch.Tensor | None = None,
    ) -> Collected:
        """The first q vectors of that kind and step, from distinct `sources`, in rank order.

        Of each source and kind steps are collected in rising order: vectors before the step that is
        asked for, and once q were had those of the step, are dropped and counted as late.

        Args:
            timeout: seconds or a timedelta, from 0 on; None is the node's.
            sources: None for all other ranks. This one may be among them where `own` is given.
            own: this rank's vector, which is then one of the q, and is not copied.

        Raises QuorumError when the time is over, as soon as q can no longer be had, or once as many
        as are needed have reached a later step: the others have gone on without this rank. A
        signal's handler runs within a moment, and what it raises ends the call; nothing is lost by
        it.
        """
        core = self._open()
        mine = optional_tensor_of(own, "own")
        if mine is not None:
            mine = mine.detach()
            mine = mine.contiguous() if mine.layout == torch.strided else mine
        ranks = [] if sources is None else _ranks_of(sources, "sources")
        if sources is not None and not ranks:
            raise InvalidArgument("sources must be at least one rank, got none")
        quorum = _C.Quorum(
            integer_of(kind, "kind", 32), integer_of(step, "step"), integer_of(q, "q", 32), ranks
        )
        found, vectors = core.collect(quorum, self._milliseconds(timeout), mine)
        return Collected(tuple(found), tuple(vectors))

    def flush(self, timeout: Timeout = None) -> bool:
        """Whether all that was published has arrived at all ranks that are not gone.

        Waits for that up to `timeout`; None is the node's. close() drops what has not left.
        """
        return self._open().flush(self._milliseconds(timeout))

    def late(self) -> tuple[int, ...]:
        """Vectors of each rank that were dropped unused: collect() was past their step."""
        return tuple(late for _, _, late, _ in self._open().accounts())

    def replayed(self) -> tuple[int, ...]:
        """Vectors of each rank that were dropped: their step did not come after an earlier one."""
        return tuple(replayed for _, _, _, replayed in self._open().accounts())

    def gone(self) -> dict[int, str]:
        """The ranks that closed the connection, or were cut off, and why."""
        accounts = enumerate(self._open().accounts())
        return {rank: why for rank, (gone, why, _, _) in accounts if gone}

    @property
    def bytes_sent(self) -> int:
        """Headers and vectors so far."""
        return self._open().bytes_sent

    @property
    def bytes_received(self) -> int:
        """Headers and vectors so far."""
        return self._open().bytes_received

    def close(self) -> None:
        """Ends the node at once; calls that wait raise Error. Again is a no-op.

        What has not left is dropped: flush() first.
        """
        core, self._core = self._core, None
        if core is not None and os.getpid() == self._maker:
            core.close()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise Error("a node cannot be copied or pickled: make one in each process")

    def _milliseconds(self, timeout: Timeout) -> int:
        seconds = in_seconds(self._timeout if timeout is None else timeout)
        assert seconds is not None
        if math.isnan(seconds) or seconds < 0:
            raise InvalidArgument(f"timeout must not be negative, got {seconds:g} s")
        return math.ceil(min(seconds, LONGEST.total_seconds()) * 1000)

    def _open(self) -> _C.Node:
        check_process(self._maker)
        if self._core is None:
            raise Error("the node is closed")
        return self._core


_alive: weakref.WeakSet[Node] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Threads end while the interpreter still stands."""
    for node in list(_alive):
        node.close()
