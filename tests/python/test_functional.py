# SPDX-License-Identifier: MIT
"""byzccl.functional, alone and inside torch.compile, among processes."""

import pytest
import torch
import torch._inductor.config
import torch.distributed as dist

import byzccl
from byzccl import functional
from ranks import run

RULE = byzccl.Nnm() + byzccl.Krum(f=0)


def vector(rank: int, d: int = 12) -> torch.Tensor:
    return torch.randn(d, generator=torch.Generator().manual_seed(rank))


def expected(n: int, rule, change=lambda x: x) -> torch.Tensor:
    return byzccl.aggregate(torch.stack([change(vector(r)) for r in range(n)]), rule)


def exchanges() -> int:
    """How many this rank has made so far; makes one more."""
    return byzccl.all_reduce(torch.ones(1), "mean", async_op=True).report().step


def test_the_result_is_new():
    def body(rank):
        x = vector(rank)
        before = x.clone()
        out = functional.all_reduce(x, "median")
        assert torch.equal(x, before) and torch.equal(out, expected(3, "median"))
        apart = x.view(3, 4).t()
        out = functional.all_reduce(apart, RULE)
        assert out.shape == (4, 3) and out.is_contiguous()
        assert torch.equal(out, expected(3, RULE).view(3, 4).t())
        with pytest.raises(byzccl.InvalidArgument, match="did you mean krum"):
            functional.all_reduce(x, "kurm(f=1)")
        with pytest.raises(byzccl.InvalidArgument, match="dtype"):
            functional.all_reduce(x.int(), "median")

    run(3, body)


def test_the_previous_output_goes_in():
    def body(rank):
        rule = byzccl.CenteredClipping(tau=0.5, f=1)
        stack = torch.stack([vector(r) for r in range(3)])
        out = wanted = None
        for _ in range(3):
            out = functional.all_reduce(vector(rank), rule, previous=out)
            wanted = byzccl.aggregate(stack, rule, previous=wanted)
            assert torch.equal(out, wanted)
        assert not torch.equal(out, functional.all_reduce(vector(rank), rule))

    run(3, body)


def test_groups_by_object_and_by_name():
    def body(rank):
        low, high = dist.new_group([0, 1]), dist.new_group([2, 3])
        mine, members = (low, (0, 1)) if rank < 2 else (high, (2, 3))
        mean = torch.stack([vector(r) for r in members]).mean(0)
        for group in (mine, mine.group_name):
            torch.testing.assert_close(functional.all_reduce(vector(rank), "mean", group), mean)
        with pytest.raises(byzccl.InvalidArgument, match="no_such_group"):
            functional.all_reduce(vector(rank), "mean", "no_such_group")

    run(4, body)


def test_backward_raises():
    def body(rank):
        x = vector(rank).requires_grad_()
        out = functional.all_reduce(x, "median")
        with pytest.raises(RuntimeError, match="byzccl::all_reduce"):
            out.sum().backward()

    run(2, body)


def test_opcheck():
    def body(rank):
        name = dist.group.WORLD.group_name
        operator = torch.ops.byzccl.all_reduce.default
        torch.library.opcheck(operator, (vector(rank), "median", name))
        clipping = "centered_clipping(tau=1)"
        torch.library.opcheck(
            operator, (vector(rank).view(3, 4).t(), clipping, name, vector(7).view(4, 3))
        )

    run(2, body, limit=60)


def test_compiled_in_one_graph():
    """Equal calls stay two, one whose result is not used is made, and rules may be dataclasses."""

    def body(rank):
        def step(x):
            first = functional.all_reduce(x * 2, "median")
            functional.all_reduce(x + 1, "mean")
            again = functional.all_reduce(x * 2, "median")
            inside = functional.all_reduce(x, byzccl.Nnm() + byzccl.TrimmedMean(f=1))
            return first + again, inside, functional.all_reduce(x, RULE)

        compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
        for turn in range(2):
            before = exchanges()
            results = compiled(vector(rank))
            assert exchanges() - before == 6, turn
            wanted = (
                2 * expected(3, "median", lambda x: x * 2),
                expected(3, "nnm+trimmed_mean(f=1)"),
                expected(3, RULE),
            )
            for result, value in zip(results, wanted, strict=True):
                torch.testing.assert_close(result, value)

        def local(x):
            return byzccl.aggregate(x * 2, RULE) + byzccl.aggregate(x, byzccl.Median())

        stack = torch.stack([vector(r) for r in range(5)])
        result = torch.compile(local, fullgraph=True, backend="aot_eager")(stack)
        torch.testing.assert_close(result, local(stack))

    run(3, body, limit=120)


def test_compiled_by_inductor():
    """Without arithmetic in between: inductor's own kernels would take long to compile."""

    def body(rank):
        torch._inductor.config.compile_threads = 1  # no pool of processes in a forked rank

        def step(x, stack):
            first = functional.all_reduce(x, "median")
            functional.all_reduce(x, "mean")
            again = functional.all_reduce(x, "median")
            return first, again, byzccl.aggregate(stack, byzccl.Krum(f=1))

        before = exchanges()
        x, stack = vector(rank), torch.stack([vector(r) for r in range(5)])
        first, again, local = torch.compile(step, fullgraph=True)(x, stack)
        assert exchanges() - before == 4
        assert torch.equal(first, expected(2, "median")) and torch.equal(again, first)
        assert torch.equal(x, vector(rank))
        assert torch.equal(local, byzccl.aggregate(stack, "krum(f=1)"))

    run(2, body, limit=120)


def test_compiled_mistake_is_a_value_error():
    def body(rank):
        compiled = torch.compile(
            lambda x: functional.all_reduce(x, "krum"), fullgraph=True, backend="aot_eager"
        )
        with pytest.raises(Exception, match="krum needs f"):
            compiled(vector(rank))

    run(2, body, limit=60)
