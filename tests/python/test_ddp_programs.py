# SPDX-License-Identifier: MIT
"""DDP among what programs put around it: Join, scalers, several models and groups, the compiler."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed.algorithms.join import Join
from torch.nn.parallel import DistributedDataParallel

import byzccl
from ranks import run
from replicas import Net, batch, gradients, model, once, train

SECONDS = timedelta(seconds=10)

Program = Callable[[int, str | None], Any]


def robustified(ddp: DistributedDataParallel, rule: str | None) -> DistributedDataParallel:
    """With None plain DDP."""
    if rule is not None:
        byzccl.ddp.robustify(ddp, rule, timeout=SECONDS)
    return ddp


def compare(n: int, program: Program, limit: float = 30.0) -> None:
    """program(rank, rule) gives tensors: those of `mean` are plain DDP's, and those of krum are
    the same on every rank."""

    def body(rank):
        plain = program(rank, None)
        for ours, theirs in zip(program(rank, "mean"), plain, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
        return program(rank, "krum(f=0)")

    results = run(n, body, limit=limit)
    for tensors in results:
        assert all(torch.equal(a, b) for a, b in zip(results[0], tensors, strict=True))


@pytest.mark.parametrize("unused", [False, True], ids=["", "find_unused_parameters"])
def test_join_with_uneven_inputs(unused):
    def program(rank, rule):
        ddp = robustified(model(find_unused_parameters=unused), rule)
        optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
        with Join([ddp]):
            for step in range(3 + rank):
                optimizer.zero_grad()
                once(ddp, rank, step)
                optimizer.step()
        return [p.detach() for p in ddp.parameters()]

    compare(3, program)


def test_buckets_are_rebuilt_after_the_first_step():
    def body(rank):
        ddp = robustified(model(), "krum(f=0)")
        counts = []
        for step in range(3):
            once(ddp, rank, step)
            counts.append(len(ddp.reducer._get_zeros_like_grad_buckets()))
        assert counts[0] == 1 and counts[1] == counts[2] > 2

    run(3, body)


def test_two_models_in_one_backward_pass():
    def program(rank, rule):
        first, second = robustified(model(), rule), robustified(model(), rule)
        for step in range(3):
            first.zero_grad()
            second.zero_grad()
            x = batch(rank, step)
            (first(x).square().mean() + second(x + 1).square().mean()).backward()
        return [gradients(first), gradients(second)]

    compare(3, program)


def test_each_group_has_its_own_say():
    def program(rank, rule):
        low, high = dist.new_group([0, 1, 2]), dist.new_group([3, 4, 5])
        group = low if rank < 3 else high
        return train(robustified(model(process_group=group), rule), rank % 3, 2)

    compare(6, program)


def test_parameters_that_ddp_does_not_manage():
    def program(rank, rule):
        torch.manual_seed(3)
        net = Net()
        net.layers[1].requires_grad_(False)
        net.layers[3].weight = net.layers[2].weight  # tied
        ignored = ["unused.weight", "unused.bias"]
        DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(net, ignored)
        ddp = robustified(DistributedDataParallel(net, bucket_cap_mb=0.004), rule)
        for step in range(3):
            ddp.zero_grad()
            once(ddp, rank, step)
        managed = [p for name, p in net.named_parameters() if name not in ignored]
        return [p.grad for p in managed if p.grad is not None]

    compare(3, program)


@pytest.mark.parametrize("overflows", [0, 1, 2])
def test_a_scaler_skips_the_step_when_more_than_f_ranks_overflow(overflows):
    def body(rank):
        ddp = robustified(model(), "krum(f=1)")
        optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        before = [p.detach().clone() for p in ddp.parameters()]
        scale = torch.inf if rank < overflows else 1.0
        scaler.scale(ddp(batch(rank, 0)).square().mean() * scale).backward()
        scaler.step(optimizer)
        scaler.update()
        skipped = overflows > 1
        assert scaler.get_scale() == (512.0 if skipped else 1024.0)
        after = [p.detach() for p in ddp.parameters()]
        assert skipped == all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert all(p.isfinite().all() for p in after)
        return after

    results = run(5, body)
    for parameters in results:
        assert all(torch.equal(a, b) for a, b in zip(results[0], parameters, strict=True))


def test_a_scaler_skips_the_step_of_the_mean_when_one_rank_overflows():
    def body(rank):
        ddp = robustified(model(), "mean")
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        scaler.scale(ddp(batch(rank, 0)).sum() * (torch.inf if rank == 0 else 1.0)).backward()
        scaler.step(torch.optim.SGD(ddp.parameters(), lr=0.1))
        scaler.update()
        assert scaler.get_scale() == 512.0

    run(3, body)


def test_detailed_debugging_over_a_group_made_before():
    """Over one made after, as by TORCH_DISTRIBUTED_DEBUG=DETAIL, plain DDP itself ends the process
    in torch 2.11."""

    def program(rank, rule):
        dist.set_debug_level(dist.DebugLevel.DETAIL)
        return train(robustified(model(), rule), rank, 2)

    compare(3, program)


def test_ranks_that_skip_other_buckets_are_told():
    def body(rank):
        ddp = model(
            find_unused_parameters=True, skip_all_reduce_unused_params=True, bucket_cap_mb=0.002
        )
        robust = byzccl.ddp.robustify(ddp, "median", timeout=SECONDS)
        with pytest.raises(RuntimeError, match="ranks disagree on"):
            ddp(batch(rank, 0), skip=rank == 1).square().mean().backward()
        assert isinstance(robust.error, byzccl.MismatchError)

    run(3, body)
