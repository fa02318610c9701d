# SPDX-License-Identifier: MIT
"""Arguments of the wrong type, refused before torch or the core sees them.

Their own errors print the values that they were given, which may be a whole model.
"""

from __future__ import annotations

import operator

import torch
import torch.distributed as dist

from byzccl.errors import InvalidArgument

_MOST_LETTERS = 80


def type_name(value: object) -> str:
    """The type of `value` for a message, such as "numpy.ndarray"."""
    if value is None:
        return "None"
    kind = type(value)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "torch"):
        name = f"{kind.__module__}.{name}"
    if kind.__module__ == "torch":
        name = f"torch.{name}"
    return shortened(name)


def shortened(text: str) -> str:
    """`text`, or its beginning if it is long."""
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}..."


def tensor_of(value: object, name: str) -> torch.Tensor:
    """`value`, which must be a tensor. Raises InvalidArgument."""
    if not isinstance(value, torch.Tensor):
        raise InvalidArgument(f"{name} must be a torch.Tensor, got {type_name(value)}")
    return value


def optional_tensor_of(value: object, name: str) -> torch.Tensor | None:
    """`value`, which must be a tensor or None. Raises InvalidArgument."""
    return None if value is None else tensor_of(value, name)


def text_of(value: object, name: str) -> str:
    """`value`, which must be printable ASCII text. Raises InvalidArgument."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} must be text, got {type_name(value)}")
    if not value.isascii() or not value.isprintable():
        raise InvalidArgument(f"{name} must be printable ASCII text, got {shortened(ascii(value))}")
    return value


def words_of(value: object, name: str) -> str:
    """`value`, which must be text, in any language. Raises InvalidArgument."""
    if not isinstance(value, str):
        raise InvalidArgument(f"{name} must be text, got {type_name(value)}")
    return value.encode(errors="replace").decode()


def integer_of(value: object, name: str, bits: int = 64) -> int:
    """`value`, which must be an integer of that many bits. Raises InvalidArgument."""
    if not isinstance(value, (int, torch.SymInt)):
        try:
            value = operator.index(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, RuntimeError):
            raise InvalidArgument(f"{name} must be an integer, got {type_name(value)}") from None
    most = 1 << (bits - 1)
    if isinstance(value, int) and not -most <= value < most:
        raise InvalidArgument(f"{name} must be an integer of {bits} bits, got a larger one")
    return value  # type: ignore[return-value]


def is_no_member(group: object) -> bool:
    """Whether it is what torch.distributed gives to a rank outside a group."""
    return group is dist.GroupMember.NON_GROUP_MEMBER


def group_of(value: object) -> dist.ProcessGroup:
    """`value`, or the default group for None. Raises InvalidArgument."""
    if is_no_member(value):
        raise InvalidArgument("no usable process group: this rank is not a member of it")
    group = dist.group.WORLD if value is None else value
    if group is None:
        raise InvalidArgument("the default process group has not been initialized")
    if not isinstance(group, dist.ProcessGroup):
        raise InvalidArgument(
            f"group must be a torch.distributed.ProcessGroup or None, got {type_name(group)}"
        )
    return group
