# SPDX-License-Identifier: MIT
"""The previous output of centered_clipping: in the operator, in all_reduce, and kept by DDP."""

from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import byzccl
from ranks import run

RULE = "centered_clipping(tau=0.05)"


def test_operator_and_explain_take_the_previous_output():
    x = torch.randn(5, 4, 3)
    v = torch.randn(3, 4).t()
    out = byzccl.aggregate(x, RULE, previous=v)
    assert torch.equal(out, byzccl.aggregate(x, RULE, previous=v.contiguous()))
    assert not torch.equal(out, byzccl.aggregate(x, RULE))
    bad = v.clone()
    bad[0, 0] = torch.nan
    assert torch.equal(byzccl.aggregate(x, RULE, previous=bad), byzccl.aggregate(x, RULE))

    report = byzccl.explain(x, RULE, previous=v)
    mix = (report.weights.view(5, 1, 1) * x).sum(0) + report.previous_weight * v
    torch.testing.assert_close(out.double(), mix, rtol=1e-5, atol=1e-5)
    assert byzccl.explain(x, "monna(f=1)", own=3).weights[3] > 0
    steps = [byzccl.explain(x, "bucketing(s=2)+krum(f=0)", step=s).distances for s in range(4)]
    assert any(not torch.equal(steps[0], other) for other in steps[1:])
    with pytest.raises(ValueError, match="previous must have the shape"):
        byzccl.explain(x, RULE, previous=torch.zeros(4))
    with pytest.raises(ValueError, match="own must be in"):
        byzccl.explain(x, RULE, own=5)


def test_all_reduce_takes_it_and_tells_ranks_that_differ():
    n = 3

    def body(rank):
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(n, 2, 70, generator=generator)
        previous = None
        for _ in range(3):
            mine = x[rank].clone()
            byzccl.all_reduce(mine, RULE, previous=previous)
            assert torch.equal(mine, byzccl.aggregate(x, RULE, previous=previous))
            previous = mine
        with pytest.raises(byzccl.MismatchError, match=r"previous output: .*; none from rank 1"):
            byzccl.all_reduce(x[rank].clone(), RULE, previous=None if rank == 1 else previous)
        with pytest.raises(byzccl.InvalidArgument, match="as many elements"):
            byzccl.all_reduce(x[rank].clone(), RULE, previous=previous[:, :7])

    run(n, body)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Linear(6, 50)
        self.b = torch.nn.Conv2d(2, 3, 1)
        self.c = torch.nn.Linear(75, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.a(x).view(-1, 2, 5, 5).contiguous(memory_format=torch.channels_last)
        return self.c(self.b(y).flatten(1))


def make_ddp() -> DistributedDataParallel:
    torch.manual_seed(3)
    net = Net().to(memory_format=torch.channels_last)
    # Small buckets: several, which DDP arranges anew after the first step.
    return DistributedDataParallel(net, bucket_cap_mb=0.001)


def gradient_of(module: torch.nn.Module, rank: int, step: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(100 * step + rank)
    module.zero_grad()
    module(torch.randn(8, 6, generator=generator)).square().mean().backward()
    return torch.cat([p.grad.flatten() for p in module.parameters()])


def test_ddp_keeps_it_by_parameter_whatever_the_buckets():
    n = 3

    def body(rank):
        ddp = make_ddp()
        robust = byzccl.ddp.robustify(ddp, RULE, timeout=timedelta(seconds=20))
        torch.manual_seed(3)
        alone = Net()
        v = None
        halfway = {}
        seen = []
        for step in range(6):
            mine = gradient_of(alone, rank, step)
            gathered = [torch.empty_like(mine) for _ in range(n)]
            dist.all_gather(gathered, mine)
            v = byzccl.aggregate(torch.stack(gathered), RULE, previous=v)
            seen.append(gradient_of(ddp, rank, step).clone())
            torch.testing.assert_close(seen[-1], v, rtol=1e-4, atol=1e-6)
            assert robust.report().previous_weight > 0
            if step == 2:
                halfway = robust.state_dict()
        assert set(halfway["parameters"]) == {name for name, _ in alone.named_parameters()}

        resumed = make_ddp()
        other = byzccl.ddp.robustify(resumed, RULE, timeout=timedelta(seconds=20))
        with pytest.raises(byzccl.InvalidArgument, match="the model has none"):
            other.load_state_dict({**halfway, "parameters": {"z": {"previous": torch.zeros(2)}}})
        assert other.state_dict()["steps"] == 0
        other.load_state_dict(halfway)
        torch.testing.assert_close(gradient_of(resumed, rank, 3), seen[3], rtol=1e-5, atol=1e-7)
        return seen

    results = run(n, body)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_ddp_keeps_the_older_one_when_a_step_fails_closed():
    bad = []

    def body(rank):
        ddp = make_ddp()

        def tamper(gradient: torch.Tensor) -> None:
            if bad:
                gradient.fill_(torch.nan)

        robust = byzccl.ddp.robustify(ddp, RULE, timeout=timedelta(seconds=20), tamper=tamper)
        gradient_of(ddp, rank, 0)
        before = robust.state_dict()["parameters"]
        bad.append(True)
        assert gradient_of(ddp, rank, 1).isnan().all()
        assert robust.report().failed
        after = robust.state_dict()["parameters"]
        assert all(torch.equal(before[k]["previous"], after[k]["previous"]) for k in before)
        bad.clear()
        assert gradient_of(ddp, rank, 2).isfinite().all()

    run(3, body)


def test_ddp_keeps_it_alike_when_a_tamper_raises():
    def body(rank):
        ddp = make_ddp()
        failing = []

        def tamper(gradient: torch.Tensor) -> None:
            if failing:
                raise KeyError(failing.pop())

        robust = byzccl.ddp.robustify(ddp, RULE, timeout=timedelta(seconds=20), tamper=tamper)
        gradient_of(ddp, rank, 0)
        if rank == 1:
            failing.append("no such adversary")
            with pytest.raises(RuntimeError, match="no such adversary"):
                gradient_of(ddp, rank, 1)
        else:
            gradient_of(ddp, rank, 1)
        gradient_of(ddp, rank, 2)
        return robust.state_dict()["parameters"]

    first, *others = run(3, body)
    for other in others:
        assert all(torch.equal(first[k]["previous"], other[k]["previous"]) for k in first)
