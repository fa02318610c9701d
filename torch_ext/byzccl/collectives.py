# SPDX-License-Identifier: MIT
"""Robust collectives with the manners of torch.distributed."""

from __future__ import annotations

import os
import weakref

import torch
import torch.distributed as dist
from torch.distributed import distributed_c10d as c10d

from byzccl.communicator import Communicator, Pending

# A communicator per group and algorithm. It holds no reference to its group, and goes with it.
_cache: weakref.WeakKeyDictionary[dist.ProcessGroup, dict[str, Communicator]] = (
    weakref.WeakKeyDictionary()
)


def _communicator_of(group: dist.ProcessGroup) -> Communicator:
    algorithm = os.environ.get("BYZCCL_ALGORITHM", "sharded")
    of_group = _cache.setdefault(group, {})
    if algorithm not in of_group:
        of_group[algorithm] = Communicator(group, algorithm)
    return of_group[algorithm]


def all_reduce(
    tensor: torch.Tensor,
    rule: str,
    group: dist.ProcessGroup | None = None,
    async_op: bool = False,
    *,
    previous: torch.Tensor | None = None,
) -> Pending | None:
    """`tensor` becomes the aggregate of all ranks' tensors by `rule`, the same bits on every rank.

    As torch.distributed.all_reduce: in place; returns None, or with `async_op` a handle with wait()
    and is_completed(). A rank outside the group gets a warning and None. The algorithm is that of
    the environment variable BYZCCL_ALGORITHM ("sharded" or "ring"); no result depends on it.
    `previous` is for centered_clipping alone: its output of the step before, alike on all ranks and
    in memory of its own.

    Raises InvalidArgument or MismatchError (ValueErrors) and TransportError (a RuntimeError that
    names the ranks held responsible in `suspects`).
    """
    if c10d._rank_not_in_group(group):
        c10d._warn_not_in_group("byzccl.all_reduce")
        return None
    world = dist.group.WORLD if group is None else group
    if world is None:
        raise ValueError("the default process group has not been initialized")
    pending = _communicator_of(world).all_reduce(tensor, rule, previous)
    if async_op:
        return pending
    pending.wait()
    return None
