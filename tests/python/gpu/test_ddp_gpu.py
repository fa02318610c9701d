# SPDX-License-Identifier: MIT
"""robustify of a model on a GPU."""

import time
from datetime import timedelta

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

import byzccl
from gpu import NEEDS_NCCL, on_gpus
from replicas import SMALL_BUCKETS, Net, batch, gradients

pytestmark = NEEDS_NCCL

SECONDS = timedelta(seconds=30)
STEPS = 4


def net() -> Net:
    torch.manual_seed(3)
    return Net().cuda()


def local_gradients(rank: int, step: int, model: torch.nn.Module) -> torch.Tensor:
    """Of the model as it is, without any reduction."""
    alone = net()
    alone.load_state_dict(model.state_dict())
    alone(batch(rank, step).cuda()).square().mean().backward()
    return torch.cat([p.grad.flatten() for p in alone.parameters()])


@pytest.mark.parametrize("n", [1, 3])
def test_a_step_is_the_aggregate_of_the_gradients(n):
    distances = "krum(f=0)" if n >= 3 else "geometric_median"

    def train(rank: int, rule: str) -> list[torch.Tensor]:
        ddp = DistributedDataParallel(net(), **SMALL_BUCKETS)
        robust = byzccl.ddp.robustify(ddp, rule, timeout=SECONDS)
        optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
        seen, previous = [], None
        for step in range(STEPS):
            alone = [local_gradients(r, step, ddp.module) for r in range(n)]
            previous = byzccl.aggregate(torch.stack(alone), rule, previous=previous)
            optimizer.zero_grad()
            ddp(batch(rank, step).cuda()).square().mean().backward()
            seen.append(gradients(ddp))
            torch.testing.assert_close(seen[-1], previous.double(), rtol=1e-3, atol=1e-5)
            optimizer.step()
        assert robust.report().step + 1 == STEPS
        assert robust.state_dict()["steps"] == STEPS
        return [x.cpu() for x in seen]

    def body(rank):
        rules = ("mean", distances, "median", "centered_clipping(tau=1)")
        return [x for rule in rules for x in train(rank, rule)]

    first, *others = on_gpus(n, body)
    for other in others:
        assert all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_modes():
    def body(rank):
        plain = DistributedDataParallel(net(), **SMALL_BUCKETS)
        models = [plain]
        for options in ({}, {"gradient_as_bucket_view": True}, {"static_graph": True}):
            models.append(DistributedDataParallel(net(), **SMALL_BUCKETS, **options))
            byzccl.ddp.robustify(models[-1], "mean", timeout=SECONDS)
        for step in range(3):
            for model in models:
                model.zero_grad()
                model(batch(rank, step).cuda()).square().mean().backward()
                torch.testing.assert_close(gradients(model), gradients(plain), rtol=1e-4, atol=1e-6)

    on_gpus(2, body)


def test_no_step_waits_for_the_device():
    def body(rank):
        # DDP's own broadcast of buffers waits, over a group of Gloo's.
        ddp = DistributedDataParallel(net(), broadcast_buffers=False, **SMALL_BUCKETS)
        robust = byzccl.ddp.robustify(ddp, "krum(f=0)", timeout=SECONDS)
        x = batch(rank, 0).cuda()
        for _ in range(3):
            ddp(x).square().mean().backward()
        torch.cuda.synchronize()
        torch.cuda._sleep(4_000_000_000)  # cycles: two seconds or so
        start = time.monotonic()
        for _ in range(3):
            ddp(x).square().mean().backward()
        assert time.monotonic() - start < 1
        assert not torch.cuda.current_stream().query()
        assert robust.report().step == 5

    on_gpus(3, body)


def test_counts_of_many_steps_are_kept():
    def body(rank):
        ddp = DistributedDataParallel(net(), **SMALL_BUCKETS)

        def flip(gradient: torch.Tensor) -> None:
            gradient.mul_(-100)

        robust = byzccl.ddp.robustify(
            ddp, "guarded_mean(f=1)", timeout=SECONDS, tamper=flip if rank == 2 else None
        )
        x = batch(rank, 0).cuda()
        for _ in range(100):  # more reports than may lie unread
            ddp.zero_grad()
            ddp(x).square().mean().backward()
        assert robust.excluded == (0, 0, 100, 0)
        assert robust.state_dict()["steps"] == 100

    on_gpus(4, body)


def test_an_error_comes_out_of_the_backward_pass():
    def body(rank):
        ddp = DistributedDataParallel(net(), **SMALL_BUCKETS)
        robust = byzccl.ddp.robustify(ddp, "mean", timeout=SECONDS)
        x = batch(rank, 0).cuda()
        ddp(x).square().mean().backward()
        robust.rule = "mean" if rank == 0 else "median"
        with pytest.raises(RuntimeError, match="rank 0"):
            ddp(x).square().mean().backward()
        assert isinstance(robust.error, byzccl.MismatchError)
        robust.rule = "median"
        ddp(x).square().mean().backward()
        assert robust.error is None

    on_gpus(2, body)
