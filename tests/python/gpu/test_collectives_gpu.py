# SPDX-License-Identifier: MIT
"""all_reduce of CUDA tensors over NCCL."""

import itertools
import os
import time
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

import byzccl
from byzccl import functional
from gpu import NEEDS_NCCL, on_gpus

pytestmark = NEEDS_NCCL

RULES = ("mean", "median", "krum(f=0)", "geometric_median", "nnm+trimmed_mean(f=1)")
SECONDS = timedelta(seconds=30)


def vector(rank: int, d: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The same on every rank, on the CPU."""
    return torch.randn(d, generator=torch.Generator().manual_seed(rank)).to(dtype)


@pytest.mark.parametrize("n", [1, 4])
def test_bits_are_those_of_aggregate(n):
    """Of the GPU's aggregate; where no distance is rounded, of the CPU's as well."""

    def body(rank):
        sizes, dtypes = (0, 1, 3, 5000, 1_000_003), (torch.float32, torch.bfloat16)
        for algorithm in ("sharded", "ring"):
            group = byzccl.Communicator(algorithm=algorithm, device="cuda", timeout=SECONDS)
            for d, dtype in itertools.product(sizes, dtypes):
                stack = torch.stack([vector(r, d, dtype) for r in range(n)])
                for rule in RULES if n >= 3 else RULES[:2]:
                    x = vector(rank, d, dtype).cuda()
                    report = group.all_reduce(x, rule).report()
                    assert torch.equal(x, byzccl.aggregate(stack.cuda(), rule)), (rule, d)
                    assert report.n == n and report.d == d
                    if rule in ("mean", "median"):
                        assert torch.equal(x.cpu(), byzccl.aggregate(stack, rule)), (rule, d)
                    elif d >= 5000:
                        assert report.excluded == byzccl.explain(stack, rule).excluded

    on_gpus(n, body)


def test_the_other_calls():
    def body(rank):
        group = byzccl.Communicator(device="cuda", timeout=SECONDS)
        stack = torch.stack([vector(r, 3000) for r in range(3)])
        wanted = byzccl.aggregate(stack, "median").cuda()
        x = stack[rank].cuda()
        group.reduce(x, "median", 1).wait()
        assert torch.equal(x, wanted if rank == 1 else stack[rank].cuda())
        out = torch.empty(1000, device="cuda")
        group.reduce_scatter(out, stack[rank].cuda(), "median").wait()
        assert torch.equal(out, wanted[1000 * rank :][:1000])
        apart = torch.zeros(3000, 2, device="cuda")
        apart[:, 0] = stack[rank].cuda()
        group.all_reduce(apart[:, 0], "median").wait()
        assert torch.equal(apart[:, 0], wanted) and not apart[:, 1].any()

        sizes = (10, 70_000, 1, 3000)  # in pieces, and one selection

        def pieces(of: int) -> list[torch.Tensor]:
            return [vector(10 * of + i, size) for i, size in enumerate(sizes)]

        parts = [part.cuda() for part in pieces(rank)]
        exchange = group.begin("krum(f=0)")
        for part in parts:
            exchange.add(part)
        exchange.finish().wait()
        whole = torch.stack([torch.cat(pieces(r)) for r in range(3)])
        assert torch.equal(torch.cat(parts).cpu(), byzccl.aggregate(whole, "krum(f=0)"))

    on_gpus(3, body)


def test_it_takes_the_order_of_streams():
    """Before: what is enqueued on the current stream. After wait(): the stream that waits."""

    def body(rank):
        d = 300_000
        wanted = byzccl.aggregate(torch.stack([vector(r, d) for r in range(3)]), "median").cuda()
        byzccl.all_reduce(torch.zeros(3, device="cuda"), "median")  # meets the others
        source = vector(rank, d).cuda()
        torch.cuda.synchronize()
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            x = torch.zeros(d, device="cuda")
            torch.cuda._sleep(200_000_000)
            x.copy_(source)
            pending = byzccl.all_reduce(x, "median", async_op=True)
        pending.wait()  # on the default stream
        out = x.clone()
        del x  # its memory belongs to the side stream, which has not waited
        with torch.cuda.stream(side):
            torch.full((d,), 7.0, device="cuda")
        assert torch.equal(out, wanted)

    on_gpus(3, body)


def test_the_host_does_not_wait_for_the_device():
    def body(rank):
        x = vector(rank, 100_000).cuda()
        for _ in range(2):  # connects, and loads the kernels
            byzccl.all_reduce(x, "median")
        torch.cuda.synchronize()
        dist.barrier()
        torch.cuda.set_sync_debug_mode("error")
        torch.cuda._sleep(4_000_000_000)  # cycles: two seconds or so
        start = time.monotonic()
        pending = byzccl.all_reduce(x, "median", async_op=True)
        pending.wait()
        assert time.monotonic() - start < 1
        assert not torch.cuda.current_stream().query() and not pending.is_completed()
        torch.cuda.set_sync_debug_mode("default")
        assert pending.report().n == 3
        assert pending.is_completed()

    on_gpus(3, body)


def test_a_graph_is_captured_while_a_reduction_is_under_way():
    """In torch's mode no other thread may ask events, as the communicator's does; and a call that
    the capture refuses does not let go of tensors that are still in use."""

    def body(rank):
        x, y = vector(rank, 100_000).cuda(), torch.ones(1000, device="cuda")
        wanted = byzccl.aggregate(torch.stack([vector(r, 100_000) for r in range(2)]), "mean")
        group = byzccl.Communicator(device="cuda", timeout=SECONDS)
        group.all_reduce(y.clone(), "mean").wait()  # meets the other, and loads the kernels
        graph, side, z = torch.cuda.CUDAGraph(), torch.cuda.Stream(), torch.zeros_like(y)
        torch.cuda.synchronize()
        dist.barrier()
        torch.cuda._sleep(2_000_000_000)  # cycles: a second or so
        pending = group.all_reduce(x, "mean")
        pending.wait()
        with torch.cuda.stream(side):
            graph.capture_begin()  # torch.cuda.graph() would wait for the device first
            torch.add(y, 1, out=z)
            time.sleep(0.2)
            with pytest.raises(byzccl.InvalidArgument, match="no CUDA graph captures"):
                group.all_reduce(x, "mean")
            assert not pending.is_completed()
            graph.capture_end()
        graph.replay()
        assert pending.report().n == 2 and torch.equal(x.cpu(), wanted)
        torch.cuda.synchronize()
        assert torch.equal(z, y + 1)
        group.all_reduce(x, "mean").wait()

    on_gpus(2, body)


def test_tensors_that_are_dropped_under_way():
    def body(rank):
        d = 2_000_000
        wanted = byzccl.aggregate(torch.stack([vector(r, d) for r in range(3)]), "median").cuda()
        group = byzccl.Communicator(device="cuda", timeout=SECONDS)
        source = vector(rank, d).cuda()
        for turn in range(20):
            x = source.clone()
            pending = group.all_reduce(x, "median")
            dropped = group.all_reduce(source.clone(), "mean")
            del dropped
            torch.full((d,), float(turn), device="cuda")  # would take freed memory
            pending.wait()
            assert torch.equal(x, wanted)

    on_gpus(3, body)


def test_groups_of_any_backend_and_both_devices():
    def body(rank):
        nccl = dist.new_group(backend="nccl")
        stack = torch.stack([vector(r, 1000) for r in range(2)])
        wanted = byzccl.aggregate(stack, "mean")
        for group in (nccl, None):
            for device in ("cuda", "cpu"):
                x = stack[rank].to(device)
                byzccl.all_reduce(x, "mean", group)
                assert torch.equal(x.cpu(), wanted)
        out = functional.all_reduce(stack[rank].cuda(), "mean", nccl)
        assert torch.equal(out.cpu(), wanted)
        compiled = torch.compile(
            lambda x: functional.all_reduce(x, "mean") + 1, fullgraph=True, backend="aot_eager"
        )
        assert torch.equal(compiled(stack[rank].cuda()).cpu(), wanted + 1)

    on_gpus(2, body)


def test_mistakes():
    def body(rank):
        with pytest.raises(byzccl.MismatchError, match=r"cpu on \[0\]; cuda on \[1, 2\]"):
            byzccl.Communicator(device="cpu" if rank == 0 else "cuda", timeout=SECONDS)
        group = byzccl.Communicator(device="cuda", timeout=SECONDS)
        with pytest.raises(byzccl.MismatchError, match="rank 1"):
            group.all_reduce(torch.ones(9, device="cuda"), "mean" if rank == 1 else "median").wait()
        if rank == 1:
            with pytest.raises(byzccl.InvalidArgument, match="must be on cuda:0, is on cpu"):
                group.all_reduce(torch.ones(9), "mean")
        else:
            with pytest.raises(byzccl.MismatchError, match="rank 1"):
                group.all_reduce(torch.ones(9, device="cuda"), "mean").wait()
        x = torch.ones(9, device="cuda")
        with pytest.raises(byzccl.InvalidArgument, match="no CUDA graph captures"):  # noqa: SIM117
            with torch.cuda.graph(torch.cuda.CUDAGraph()):
                group.all_reduce(x, "mean")
        group.all_reduce(x, "mean").wait()
        assert torch.equal(x.cpu(), torch.ones(9))
        with pytest.raises(byzccl.InvalidArgument, match="delay_ms"):
            byzccl.Communicator(device="cuda", delay_ms=1, timeout=SECONDS)

    on_gpus(3, body)


def test_a_rank_that_dies_is_told():
    def body(rank):
        group = byzccl.Communicator(device="cuda", timeout=timedelta(seconds=5))
        x = torch.ones(1_000_000, device="cuda")
        group.all_reduce(x, "mean").wait()
        torch.cuda.synchronize()
        if rank == 2:
            os._exit(1)
        start = time.monotonic()

        def three_times() -> None:
            for _ in range(3):
                group.all_reduce(x, "mean").report()

        with pytest.raises(byzccl.TransportError) as caught:
            three_times()
        assert time.monotonic() - start < 25
        assert 2 in caught.value.suspects

    on_gpus(3, body, lost=(2,))
