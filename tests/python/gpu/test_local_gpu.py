# SPDX-License-Identifier: MIT
"""aggregate and explain on a GPU."""

import itertools
import time

import pytest
import torch

import byzccl
from gpu import NEEDS_GPU, by_itself

pytestmark = NEEDS_GPU

COLUMN_RULES = ("mean", "median", "trimmed_mean(f=2)", "meamed(f=2)", "phocas(f=2)")
DISTANCE_RULES = (
    "krum(f=2)",
    "multi_krum(f=2)",
    "mda(f=2)",
    "bulyan(f=2)",
    "geometric_median",
    "cge(f=2)",
    "caf(f=2)",
    "guarded_mean(f=2)",
    "nnm+krum(f=2)",
    "clip(tau=3)+nnm+trimmed_mean(f=2)",
    "bucketing(s=2)+median",
)
DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
N = 11


def stack(d: int, dtype: torch.dtype = torch.float32, seed: int = 7) -> torch.Tensor:
    """[N, d] on the CPU: vectors around a common one, the last two far away."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(N, d, generator=generator)
    x[-2:] += 30 * torch.arange(1.0, 3.0)[:, None]
    return x.to(dtype)


def test_columns_have_the_bits_of_the_cpu():
    def body():
        for dtype, d in itertools.product(DTYPES, (0, 1, 5, 4097, 300_001)):
            x = stack(d, dtype)
            for rule in COLUMN_RULES:
                out = byzccl.aggregate(x.cuda(), rule)
                assert out.device.type == "cuda" and out.dtype == dtype
                assert torch.equal(out.cpu(), byzccl.aggregate(x, rule)), (rule, d, dtype)

    by_itself(body)


def test_the_selection_is_that_of_the_cpu():
    def body():
        for dtype, d in itertools.product(DTYPES, (5, 4097, 300_001)):
            x = stack(d, dtype)
            for rule in DISTANCE_RULES:
                ours, theirs = byzccl.explain(x.cuda(), rule), byzccl.explain(x, rule)
                assert ours.excluded == theirs.excluded, (rule, d, dtype)
                assert ours.broken == theirs.broken and ours.flagged == theirs.flagged
                torch.testing.assert_close(ours.weights, theirs.weights, rtol=1e-4, atol=1e-6)
                out, wanted = byzccl.aggregate(x.cuda(), rule).cpu(), byzccl.aggregate(x, rule)
                torch.testing.assert_close(out, wanted, rtol=1e-2, atol=1e-3)

    by_itself(body)


def test_same_bits_twice():
    def body():
        x = stack(300_001).cuda()
        for rule in (*DISTANCE_RULES, *COLUMN_RULES):
            assert torch.equal(byzccl.aggregate(x, rule), byzccl.aggregate(x, rule)), rule

    by_itself(body)


def test_views_and_values():
    def body():
        base = stack(600).cuda()
        for view in (base[:, ::3], base[:, 1:], base[::2], base[:8].t().contiguous().t()):
            for rule in ("krum(f=1)", "median"):
                wanted = byzccl.aggregate(view.contiguous(), rule)
                assert torch.equal(byzccl.aggregate(view, rule), wanted)
        base[-1] = torch.nan
        assert byzccl.aggregate(base, "krum(f=2)").isfinite().all()
        assert byzccl.explain(base, "krum(f=2)").broken == (N - 1,)
        base[3:] = torch.inf
        assert byzccl.aggregate(base, "krum(f=2)").isnan().all()

    by_itself(body)


def test_nothing_synchronises():
    """The calls return while the stream sleeps; the report waits for it."""

    def body():
        x = stack(10_000).cuda()
        for rule in (*DISTANCE_RULES, *COLUMN_RULES):  # loads the kernels, which may wait
            byzccl.aggregate(x, rule)
        byzccl.explain(x, "krum(f=2)").weights  # noqa: B018
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            torch.cuda._sleep(2_000_000_000)  # cycles: a second or so
            start = time.monotonic()
            for rule in (*DISTANCE_RULES, *COLUMN_RULES):
                byzccl.aggregate(x, rule)
            report = byzccl.explain(x, "krum(f=2)")
            assert not torch.cuda.current_stream().query()
            took = time.monotonic() - start
        finally:
            torch.cuda.set_sync_debug_mode("default")
        assert took < 0.5
        assert report.excluded
        assert torch.cuda.current_stream().query()

    by_itself(body)


def test_it_is_the_current_stream():
    def body():
        x, wanted = stack(100_000), byzccl.aggregate(stack(100_000), "median")
        pinned = x.pin_memory()  # a copy from other memory waits for the stream
        side, device = torch.cuda.Stream(), torch.empty(N, 100_000, device="cuda")
        torch.cuda.synchronize()
        with torch.cuda.stream(side):
            torch.cuda._sleep(2_000_000_000)  # cycles: a second or so
            device.copy_(pinned, non_blocking=True)
            out = byzccl.aggregate(device, "median")
            report = byzccl.explain(device, "krum(f=2)")
        assert torch.cuda.current_stream().query() and not side.query()
        assert report.excluded == byzccl.explain(x, "krum(f=2)").excluded  # from another stream
        assert torch.equal(out.cpu(), wanted)

    by_itself(body)


def test_a_graph_captures_it():
    def body():
        rules = ("krum(f=2)", "median", "bulyan(f=2)", "clip(tau=3)+nnm+trimmed_mean(f=2)")
        x = stack(50_000).cuda()
        for rule in rules:
            byzccl.aggregate(x, rule)  # loads the kernels
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                out = byzccl.aggregate(x, rule)
            for seed in (1, 2):
                x.copy_(stack(50_000, seed=seed))
                graph.replay()
                assert torch.equal(out, byzccl.aggregate(x, rule)), rule

    by_itself(body)


def test_a_graph_captures_a_previous_output():
    def body():
        rule = "centered_clipping(tau=1)"
        x = stack(50_000).cuda()
        previous = torch.zeros(50_000, device="cuda")
        byzccl.aggregate(x, rule, previous=previous)  # loads the kernels
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = byzccl.aggregate(x, rule, previous=previous)
        for value in (0.25, float("nan")):  # whether it is finite is found out in each replay
            previous.fill_(value)
            graph.replay()
            assert torch.equal(out, byzccl.aggregate(x, rule, previous=previous)), value

    by_itself(body)


def test_memory_is_torchs_own():
    def body():
        x = stack(1_000_000).cuda()
        byzccl.aggregate(x, "krum(f=2)")
        torch.cuda.synchronize()
        before, held = torch.cuda.memory_stats(), torch.cuda.memory_allocated()
        byzccl.aggregate(x, "krum(f=2)")
        after = torch.cuda.memory_stats()
        assert torch.cuda.memory_allocated() == held
        count = "allocation.all.allocated"
        assert after[count] - before[count] > 2  # scratch, besides the result
        assert after["num_device_alloc"] == before["num_device_alloc"]  # out of the cache

    by_itself(body)


def test_the_previous_output_goes_in():
    def body():
        x = stack(1000)
        out = wanted = None
        for _ in range(3):
            out = byzccl.aggregate(x.cuda(), "centered_clipping(tau=1)", previous=out)
            wanted = byzccl.aggregate(x, "centered_clipping(tau=1)", previous=wanted)
            torch.testing.assert_close(out.cpu(), wanted, rtol=1e-4, atol=1e-5)
        with pytest.raises(ValueError, match="the stack's device, cuda:0, is on cpu"):
            byzccl.aggregate(x.cuda(), "centered_clipping(tau=1)", previous=wanted)

    by_itself(body)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_another_device_than_the_current_one():
    def body():
        x = stack(10_000)
        out = byzccl.aggregate(x.to("cuda:1"), "median")
        assert out.device == torch.device("cuda:1") and torch.cuda.current_device() == 0
        assert torch.equal(out.cpu(), byzccl.aggregate(x, "median"))
        report = byzccl.explain(x.to("cuda:1"), "krum(f=2)")
        assert report.excluded == byzccl.explain(x, "krum(f=2)").excluded
        assert torch.cuda.current_device() == 0

    by_itself(body)
