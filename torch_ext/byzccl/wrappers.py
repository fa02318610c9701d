# SPDX-License-Identifier: MIT
"""The one DistributedDataParallel inside of what compilers and trainers put around it."""

from __future__ import annotations

import contextlib

import torch
from torch.nn.parallel import DistributedDataParallel

from byzccl.errors import InvalidArgument

# Where objects that are no modules keep the module that they train: Trainers, strategies, engines.
_PLACES = ("model_wrapped", "model", "module", "_forward_module", "_orig_mod")

_Found = dict[str, DistributedDataParallel]


def _part(holder: object, place: str) -> object:
    with contextlib.suppress(Exception):  # a property of an object that is not set up yet
        return getattr(holder, place, None)
    return None


def _in_module(module: torch.nn.Module) -> _Found:
    """By name; without those that are inside another one."""
    found: _Found = {}
    for name, part in module.named_modules():
        inside = any(outer == "" or name.startswith(f"{outer}.") for outer in found)
        if isinstance(part, DistributedDataParallel) and not inside:
            found[name] = part
    return found


def _in_object(holder: object) -> _Found:
    """By place; each one once, as trainers keep a module in several places."""
    found: _Found = {}
    for place in _PLACES:
        part = _part(holder, place)
        if isinstance(part, torch.nn.Module):
            for name, ddp in _in_module(part).items():
                if all(ddp is not other for other in found.values()):
                    found[f"{place}.{name}".rstrip(".")] = ddp
    return found


def ddp_of(model: object) -> DistributedDataParallel:
    """`model`, or the one DistributedDataParallel that it holds.

    That is a module with it inside, such as torch.compile's and Fabric's, or an object that keeps
    such a module where trainers do. Raises InvalidArgument if it holds none or several.
    """
    if isinstance(model, torch.nn.Module):
        found = _in_module(model)
    else:
        found = _in_object(model) or _in_object(_part(model, "strategy"))  # of a Trainer
    if len(found) == 1:
        return next(iter(found.values()))
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    if not found:
        raise InvalidArgument(
            f"robustify needs a DistributedDataParallel or what holds one, got a {kind} without: "
            "give it DistributedDataParallel(module), or what a trainer made of the module, once "
            "it has (of Accelerate what prepare() returned)"
        )
    raise InvalidArgument(
        f"robustify takes one DistributedDataParallel at a time, got a {kind} with {len(found)}: "
        f"give it each of {', '.join(found)}"
    )
