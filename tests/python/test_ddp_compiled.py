# SPDX-License-Identifier: MIT
"""DDP under torch.compile, cut at the buckets by DDPOptimizer or whole."""

from datetime import timedelta

import pytest
import torch
import torch._dynamo.testing
import torch._inductor.config
from torch.nn.parallel import DistributedDataParallel

import byzccl
from ranks import run

SECONDS = timedelta(seconds=60)
WIDTH = 520  # a layer is more than 1 MB: DDPOptimizer takes no smaller bucket
STEPS = 3


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(WIDTH, WIDTH)
        self.last = torch.nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.tanh(self.first(x)))


def model() -> DistributedDataParallel:
    torch.manual_seed(3)
    return DistributedDataParallel(Net(), bucket_cap_mb=1)


def train(module: torch.nn.Module, rank: int) -> list[torch.Tensor]:
    """The gradients after some steps."""
    for step in range(STEPS):
        module.zero_grad()
        generator = torch.Generator().manual_seed(100 * step + rank)
        module(torch.randn(4, WIDTH, generator=generator)).square().mean().backward()
    return [p.grad for p in module.parameters()]


@pytest.mark.parametrize(
    ("backend", "optimize_ddp", "graphs"),
    [
        ("aot_eager", True, 2),
        ("aot_eager", False, 1),
        ("inductor", True, 2),
        ("inductor", False, 1),
    ],
)
def test_compiled(backend, optimize_ddp, graphs, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))

    def body(rank):
        torch._dynamo.config.optimize_ddp = optimize_ddp
        torch._inductor.config.compile_threads = 1
        # They would be kept outside of tmp_path, and cost more than so few kernels save by them.
        torch._inductor.config.cpp_cache_precompile_headers = False
        plain = train(model(), rank)
        counter = torch._dynamo.testing.CompileCounterWithBackend(backend)
        ddp = model()
        robust = byzccl.ddp.robustify(ddp, "mean", timeout=SECONDS)
        for ours, theirs in zip(
            train(torch.compile(ddp, backend=counter), rank), plain, strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
        assert counter.frame_count == graphs
        assert robust.report().step + 1 == STEPS

        torch._dynamo.reset()
        ddp = model()
        robust = byzccl.ddp.robustify(ddp, "geometric_median", timeout=SECONDS)
        last = train(torch.compile(ddp, backend=counter), rank)
        assert robust.report().step + 1 == STEPS
        assert robust.report().d == sum(p.numel() for p in ddp.parameters())
        return last

    first, second = run(2, body, limit=400)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_reducer_of_compiled_autograd_is_refused():
    def body(rank):
        torch._dynamo.config.optimize_ddp = "python_reducer"
        ddp = model()
        with pytest.raises(byzccl.InvalidArgument, match="python_reducer"):
            byzccl.ddp.robustify(ddp, "mean")

    run(2, body)
