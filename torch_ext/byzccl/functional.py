# SPDX-License-Identifier: MIT
"""Collectives that return a new tensor, for use inside torch.compile."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import _resolve_process_group
from torch._library.effects import EffectType
from torch.distributed.distributed_c10d import GroupName

from byzccl.arguments import group_of, optional_tensor_of, shortened, tensor_of
from byzccl.collectives import communicator_of, device_of
from byzccl.errors import InvalidArgument
from byzccl.rule import RuleLike, rule_text
from byzccl.timeouts import Timeout, in_seconds


def all_reduce(
    tensor: torch.Tensor,
    rule: RuleLike,
    group: dist.ProcessGroup | str | None = None,
    *,
    previous: torch.Tensor | None = None,
    timeout: Timeout = None,
) -> torch.Tensor:
    """The aggregate of all ranks' tensors by `rule`, the same bits on every rank.

    As byzccl.all_reduce, whose communicator it uses, but `tensor` stays as it was and the result is
    new, contiguous, and there when the call returns (of a CUDA tensor: in the current stream's
    order). `group` may be given by name; `previous` may be what the call of the step before
    returned. `timeout` is a constant of a compiled graph: seconds, or a timedelta that was made
    outside it.

    It may be used inside torch.compile(fullgraph=True). The calls of a compiled graph are made in
    the order of the program, and none is left out or made once for two, as each is an exchange of
    its own. All ranks must compile the same calls. There is no gradient: a backward pass through it
    raises RuntimeError.

    Raises InvalidArgument or MismatchError (ValueErrors) and TransportError, as
    byzccl.all_reduce; a rule that cannot be read is a ValueError while the graph is compiled.
    """
    name = group if isinstance(group, str) else group_of(group).group_name
    seconds = in_seconds(timeout)
    try:
        text = rule_text(rule)
        tensor_of(tensor, "tensor")
        optional_tensor_of(previous, "previous")
    except InvalidArgument as error:
        if not torch.compiler.is_compiling():
            member = _group_named(name)
            communicator_of(member, device_of(tensor, member), timeout).refuse(str(error))
        raise
    result: torch.Tensor = torch.ops.byzccl.all_reduce(tensor, text, name, previous, seconds)
    return result


def _group_named(name: str) -> dist.ProcessGroup:
    try:
        return _resolve_process_group(GroupName(name))
    except RuntimeError:
        raise InvalidArgument(f'there is no process group named "{shortened(name)}"') from None


@torch.library.impl("byzccl::all_reduce", ["CPU", "CUDA"])
def _all_reduce(
    tensor: torch.Tensor,
    rule: str,
    group: str,
    previous: torch.Tensor | None = None,
    timeout: float | None = None,
) -> torch.Tensor:
    result = tensor.clone(memory_format=torch.contiguous_format)
    communicator = communicator_of(_group_named(group), tensor.device, timeout)
    communicator.all_reduce(result, rule, previous).wait()
    return result


# Exchanges are numbered, so ranks must make them in one order, and all of them.
torch.library._register_effectful_op("byzccl::all_reduce", EffectType.ORDERED)
