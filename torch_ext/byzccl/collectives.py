# SPDX-License-Identifier: MIT
"""Robust collectives with the manners of torch.distributed."""

from __future__ import annotations

import os
import weakref
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed import distributed_c10d as c10d

from byzccl.arguments import group_of, is_no_member
from byzccl.communicator import Communicator
from byzccl.errors import TransportError
from byzccl.pending import Pending
from byzccl.rule import RuleLike
from byzccl.timeouts import Timeout, resolve

# A communicator per group, algorithm, device and timeout. It holds no reference to its group, and
# goes with it.
_Key = tuple[str, torch.device, timedelta]
_cache: weakref.WeakKeyDictionary[dist.ProcessGroup, dict[_Key, Communicator]] = (
    weakref.WeakKeyDictionary()
)


def default_algorithm() -> str:
    """What all_reduce uses: that of the environment, or "sharded"."""
    return os.environ.get("BYZCCL_ALGORITHM", "sharded")


def communicator_of(
    group: dist.ProcessGroup, device: torch.device, timeout: Timeout = None
) -> Communicator:
    """The communicator that all_reduce uses for `group`, tensors on `device` and `timeout`.

    The first call with each of them meets the other ranks.
    """
    if device.type != "cuda":  # the CPU's communicator says what is wrong with others, to all ranks
        device = torch.device("cpu")
    key = (default_algorithm(), device, resolve(timeout, group))
    of_group = _cache.setdefault(group, {})
    if key not in of_group:
        of_group[key] = Communicator(group, key[0], key[2], device=device)
    failure = of_group[key].failure
    if failure is not None:
        raise TransportError(
            "this group's communicator has failed before. If all its ranks are alive, let each "
            "call byzccl.forget(group) and go on; else make a new group of the others. "
            f"It failed with: {failure}",
            failure.suspects,
        )
    return of_group[key]


def forget(group: dist.ProcessGroup | None = None) -> None:
    """Ends what all_reduce keeps for `group` (None: the default one); its next call begins afresh.

    The way back after a TransportError whose cause is gone, such as a rank that was only late:
    every rank of the group calls it, and then all_reduce again. What is still under way fails. For
    a group that all_reduce was not called on, nothing happens.
    """
    for communicator in _cache.pop(group_of(group), {}).values():
        communicator.close()


def device_of(tensor: object, group: dist.ProcessGroup) -> torch.device:
    """The device of the communicator for `tensor`.

    Of what is no tensor: that of the last call, as the other ranks wait there to hear of it.
    """
    if isinstance(tensor, torch.Tensor):
        return tensor.device
    devices = [device for _, device, _ in _cache.get(group, {})]
    return devices[-1] if devices else torch.device("cpu")


def all_reduce(
    tensor: torch.Tensor,
    rule: RuleLike,
    group: dist.ProcessGroup | None = None,
    async_op: bool = False,
    *,
    previous: torch.Tensor | None = None,
    timeout: Timeout = None,
) -> Pending | None:
    """`tensor` becomes the aggregate of all ranks' tensors by `rule`, the same bits on every rank.

    As torch.distributed.all_reduce: in place; returns None, or with `async_op` a handle with wait()
    and is_completed(). A rank outside the group gets a warning and None. The algorithm is that of
    the environment variable BYZCCL_ALGORITHM ("sharded" or "ring"); no result depends on it.
    `previous` is for centered_clipping alone: its output of the step before, alike on all ranks and
    in memory of its own.

    A rank that keeps the others waiting for `timeout` is named: a timedelta or seconds, None for
    the group's own. The calls with one timeout share a communicator, and the first of them meets
    the other ranks; so all ranks must give the same.

    A CUDA tensor is taken in the order of the current stream, and travels over NCCL; the group's
    backend may be any. The call, or wait(), returns once all ranks have agreed on it and the work
    is enqueued; the current stream comes after it. A CUDA graph cannot capture it.

    Raises InvalidArgument or MismatchError (ValueErrors) and TransportError (a RuntimeError that
    names the ranks held responsible in `suspects`); docs/errors.md says what may be used after
    which.
    """
    if is_no_member(group):
        c10d._warn_not_in_group("byzccl.all_reduce")
        return None
    member = group_of(group)
    communicator = communicator_of(member, device_of(tensor, member), timeout)
    pending = communicator.all_reduce(tensor, rule, previous)
    if async_op:
        return pending
    pending.wait()
    return None
