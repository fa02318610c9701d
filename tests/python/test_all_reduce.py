# SPDX-License-Identifier: MIT
"""byzccl.all_reduce and byzccl.Communicator among real processes over Gloo."""

import os
import warnings
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

import byzccl
from ranks import join_world, run

RULES = ["mean", "krum(f=1)", "multi_krum(f=1)", "mda(f=1)", "geometric_median", "median"]
RULES += ["guarded_mean(f=1)", "trimmed_mean(f=1)", "bulyan(f=0)"]
SECONDS = timedelta(seconds=10)


def vector(rank: int, d: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1000 + rank)
    return torch.randn(d, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize(
    ("d", "dtype", "tcp"),
    [(0, torch.float32, False), (3, torch.float64, True), (40_001, torch.bfloat16, False)],
    ids=["none-file", "few-tcp", "many-file"],
)
@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
def test_equals_aggregate_bit_for_bit(algorithm, d, dtype, tcp):
    n = 5

    def body(rank):
        communicator = byzccl.Communicator(None, algorithm, SECONDS, chunk_bytes=4096)
        stack = torch.stack([vector(r, d, dtype) for r in range(n)])
        for rule in RULES:
            mine = vector(rank, d, dtype)
            pending = communicator.all_reduce(mine, rule)
            assert pending.wait() is True and pending.is_completed()
            assert torch.equal(mine, byzccl.aggregate(stack, rule)), rule
        report = pending.report()
        assert report.algorithm == algorithm and report.n == n
        assert 0 < report.bytes_sent <= communicator.bytes_sent

    run(n, body, tcp=tcp)


def test_in_place_with_the_manners_of_torch():
    def body(rank):
        expected = byzccl.aggregate(torch.stack([vector(r, 12) for r in range(3)]), "median")
        x = vector(rank, 12).view(3, 4)
        assert byzccl.all_reduce(x, "median") is None
        assert torch.equal(x, expected.view(3, 4))

        apart = torch.zeros(4, 3).t()
        apart.copy_(vector(rank, 12).view(3, 4))
        version = apart._version
        work = byzccl.all_reduce(apart, "median", async_op=True)
        assert work.wait() and work.is_completed()
        assert torch.equal(apart, expected.view(3, 4))
        assert apart._version > version

        parameter = torch.nn.Parameter(vector(rank, 12))
        byzccl.all_reduce(parameter, "median")
        assert torch.equal(parameter.detach(), expected)

    run(3, body)


def test_many_under_way_and_dropped_handles():
    def body(rank):
        tensors = [vector(rank + 10 * i, 5000) for i in range(8)]
        for x in tensors[:-1]:
            byzccl.all_reduce(x, "median", async_op=True)
        byzccl.all_reduce(tensors[-1], "median")
        for i, x in enumerate(tensors):
            stack = torch.stack([vector(r + 10 * i, 5000) for r in range(3)])
            assert torch.equal(x, byzccl.aggregate(stack, "median"))

    run(3, body)


@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
def test_algorithm_from_the_environment(algorithm):
    def body(rank):
        os.environ["BYZCCL_ALGORITHM"] = algorithm
        work = byzccl.all_reduce(vector(rank, 9), "mean", async_op=True)
        return work.report().algorithm

    assert run(2, body) == [algorithm] * 2


@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
@pytest.mark.parametrize("what", ["rule", "dtype", "count"])
def test_mismatch_raises_on_every_rank_and_the_next_call_works(what, algorithm):
    def body(rank):
        communicator = byzccl.Communicator(None, algorithm, SECONDS)
        odd = rank == 2
        dtype = torch.float64 if odd and what == "dtype" else torch.float32
        x = torch.ones(11 if odd and what == "count" else 10, dtype=dtype)
        rule = "mean" if odd and what == "rule" else "median"
        with pytest.raises(byzccl.MismatchError, match="rank 2"):
            communicator.all_reduce(x, rule).wait()
        y = vector(rank, 10)
        communicator.all_reduce(y, "median").wait()
        return y

    results = run(3, body)
    assert all(torch.equal(results[0], y) for y in results)


def test_bound_raises_on_every_rank():
    def body(rank):
        with pytest.raises(byzccl.InvalidArgument, match=r"krum needs n >= 2 f \+ 3, got n = 3"):
            byzccl.all_reduce(torch.ones(4), "krum(f=1)")
        with pytest.raises(ValueError, match="did you mean krum"):
            byzccl.all_reduce(torch.ones(4), "kurm(f=1)")
        with pytest.raises(byzccl.InvalidArgument, match="dtype"):
            byzccl.all_reduce(torch.ones(4, dtype=torch.int32), "mean")
        x = vector(rank, 4)
        byzccl.all_reduce(x, "median")
        return x

    results = run(3, body)
    assert all(torch.equal(results[0], x) for x in results)


def test_groups():
    def body(rank):
        low = dist.new_group([0, 1, 2])
        high = dist.new_group([3, 4])
        mine, members = (low, [0, 1, 2]) if rank < 3 else (high, [3, 4])
        other = high if rank < 3 else low
        x = vector(rank, 100)
        byzccl.all_reduce(x, "median", group=mine)
        stack = torch.stack([vector(r, 100) for r in members])
        assert torch.equal(x, byzccl.aggregate(stack, "median"))

        before = x.clone()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert byzccl.all_reduce(x, "median", group=other) is None
        assert len(caught) == 1 and "byzccl.all_reduce" in str(caught[0].message)
        assert torch.equal(x, before)
        with pytest.raises(byzccl.InvalidArgument, match="not a member"):
            byzccl.Communicator(other)

    run(5, body)


@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
def test_reduce_and_reduce_scatter(algorithm):
    n, d = 3, 12

    def body(rank):
        communicator = byzccl.Communicator(None, algorithm, SECONDS)
        expected = byzccl.aggregate(torch.stack([vector(r, d) for r in range(n)]), "median")
        x = vector(rank, d)
        communicator.reduce(x, "median", dst=1).wait()
        assert torch.equal(x, expected if rank == 1 else vector(rank, d))
        out = torch.empty(d // n)
        communicator.reduce_scatter(out, vector(rank, d), "median").wait()
        assert torch.equal(out, expected.chunk(n)[rank])
        with pytest.raises(byzccl.InvalidArgument, match="n times"):
            communicator.reduce_scatter(out, vector(rank, d + 1), "median")

    run(n, body)


def test_exchange_in_pieces_selects_once():
    def body(rank):
        pieces = [vector(rank + 10 * i, 1000 + i) for i in range(3)]
        whole = torch.cat(pieces)
        communicator = byzccl.Communicator(timeout=SECONDS)
        exchange = communicator.begin("krum(f=1)")
        for piece in pieces:
            exchange.add(piece)
        report = exchange.finish().report()
        winner = int(report.weights.argmax())
        stack = [torch.cat([vector(r + 10 * i, 1000 + i) for i in range(3)]) for r in range(5)]
        assert byzccl.explain(torch.stack(stack), "krum(f=1)").weights.argmax().item() == winner
        assert torch.equal(torch.cat(pieces), stack[winner])
        assert whole.numel() == report.d

    run(5, body)


@pytest.mark.parametrize("turn", range(3))  # a race shows in one of many
@pytest.mark.parametrize("order", ["group first", "communicator first", "neither"])
def test_teardown(order, turn):
    def body(rank):
        x = vector(rank, 1000)
        byzccl.all_reduce(x, "median")
        communicator = byzccl.Communicator(timeout=SECONDS)
        communicator.all_reduce(x, "median").wait()
        if order == "communicator first":
            communicator.close()
            with pytest.raises(byzccl.Error, match="closed"):
                communicator.all_reduce(x, "median")
        if order != "neither":
            dist.destroy_process_group()
        del communicator

    run(3, body, limit=15)


def test_a_group_that_is_made_again(tmp_path):
    def body(rank):
        for turn in range(3):
            join_world(rank, 2, f"file://{tmp_path}/turn{turn}")
            x = vector(rank, 10)
            byzccl.all_reduce(x, "mean")
            dist.destroy_process_group()

    run(2, body, init=False)
