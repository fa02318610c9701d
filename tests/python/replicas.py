# SPDX-License-Identifier: MIT
"""A model that DDP can be tried on in all its modes, and training that tells every gradient."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

SMALL_BUCKETS = {"bucket_cap_mb": 0.004}
WIDTH = 24


class Net(torch.nn.Module):
    """Five layers, and one more that a call with `skip` leaves unused."""

    def __init__(self, *, middle: torch.dtype = torch.float32, reentrant: bool | None = None):
        """`middle` is the dtype of one layer; `reentrant`, if given, checkpoints two layers."""
        super().__init__()
        self.layers = torch.nn.Sequential(*[torch.nn.Linear(WIDTH, WIDTH) for _ in range(4)])
        self.layers[2].to(middle)
        self.last = torch.nn.Linear(WIDTH, 3)
        self.norm = torch.nn.BatchNorm1d(WIDTH)
        self.unused = torch.nn.Linear(WIDTH, WIDTH)
        self.reentrant = reentrant

    def part(self, layers: slice, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers[layers]:
            x = torch.tanh(layer(x.to(layer.weight.dtype)))
        return x.to(self.last.weight.dtype)

    def forward(self, x: torch.Tensor, skip: bool = False) -> torch.Tensor:
        x = self.part(slice(0, 2), self.norm(x))
        rest = slice(2, None)
        if self.reentrant is None:
            x = self.part(rest, x)
        else:
            x = checkpoint(self.part, rest, x, use_reentrant=self.reentrant)
        return self.last(x if skip else torch.tanh(self.unused(x)))


def model(**options: Any) -> DistributedDataParallel:
    """The same parameters on every rank, and several buckets unless the options say otherwise."""
    torch.manual_seed(3)
    net = Net(middle=options.pop("middle", torch.float32), reentrant=options.pop("reentrant", None))
    return DistributedDataParallel(net, **{**SMALL_BUCKETS, **options})


def batch(rank: int, step: int) -> torch.Tensor:
    return torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(100 * step + rank))


def gradients(ddp: torch.nn.Module) -> torch.Tensor:
    """All of them, as float64: no bit is lost."""
    grads = [p.grad for p in ddp.parameters() if p.grad is not None]
    return torch.cat([g.flatten().double() for g in grads])


Backward = Callable[[DistributedDataParallel, int, int], None]


def once(ddp: DistributedDataParallel, rank: int, step: int) -> None:
    ddp(batch(rank, step)).square().mean().backward()


def train(
    ddp: DistributedDataParallel, rank: int, steps: int, backward: Backward = once
) -> list[torch.Tensor]:
    """The gradients of every step, which `backward` makes."""
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
    seen = []
    for step in range(steps):
        optimizer.zero_grad()
        backward(ddp, rank, step)
        seen.append(gradients(ddp))
        optimizer.step()
    return seen
