# SPDX-License-Identifier: MIT
"""A mistake on one rank is an error on every rank, soon, and the next call works."""

import gc
import time
from datetime import timedelta

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

import byzccl
from ranks import run

N = 3
WRONG = 1


def goes_on(communicator) -> None:
    x = torch.full((5,), float(communicator.rank))
    communicator.all_reduce(x, "mean").wait()
    assert torch.equal(x, torch.full((5,), 1.0))


def wrong_rule(communicator) -> None:
    communicator.all_reduce(torch.ones(10), "kurm(f=1)").wait()


def wrong_dtype(communicator) -> None:
    communicator.all_reduce(torch.ones(10, dtype=torch.int64), "median").wait()


def wrong_layout(communicator) -> None:
    communicator.begin("median").add(torch.ones(10, 2)[:, 0])


def sparse(communicator) -> None:
    communicator.all_reduce(torch.ones(10).to_sparse(), "median").wait()


def sparse_previous(communicator) -> None:
    previous = torch.ones(10).to_sparse()
    communicator.all_reduce(torch.ones(10), "centered_clipping(tau=1)", previous).wait()


def dropped(communicator) -> None:
    exchange = communicator.begin("median")
    exchange.add(torch.ones(10))
    del exchange
    gc.collect()
    raise byzccl.InvalidArgument("dropped")


MISTAKES = [wrong_rule, wrong_dtype, wrong_layout, sparse, sparse_previous, dropped]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_of_one_rank_is_told_to_all(mistake):
    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=20))
        start = time.monotonic()
        if rank == WRONG:
            with pytest.raises(byzccl.InvalidArgument):
                mistake(communicator)
        else:
            with pytest.raises(byzccl.MismatchError, match=f"rank {WRONG}"):
                communicator.all_reduce(torch.ones(10), "median").wait()
        assert time.monotonic() - start < 10
        goes_on(communicator)

    run(N, body)


def test_a_result_reaches_a_tensor_that_is_not_contiguous():
    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=20))
        for look in (lambda p: p.report(), lambda p: p.wait()):
            x = torch.full((4, 2), float(rank))
            look(communicator.all_reduce(x[:, 0], "median"))
            assert torch.equal(x[:, 0], torch.full((4,), 1.0))
            assert torch.equal(x[:, 1], torch.full((4,), float(rank)))

    run(N, body)


def test_a_communicator_lasts_as_long_as_what_it_started():
    def body(rank):
        x = torch.full((5,), float(rank))
        byzccl.Communicator(timeout=timedelta(seconds=20)).all_reduce(x, "mean").wait()
        assert torch.equal(x, torch.full((5,), 1.0))

    run(N, body)


def test_a_rank_that_makes_no_communicator_is_not_waited_for_for_ever():
    def body(rank):
        if rank != WRONG:
            with pytest.raises(byzccl.TransportError, match="did not meet all 3 ranks") as caught:
                byzccl.Communicator(timeout=timedelta(seconds=1))
            assert caught.value.suspects == (WRONG,)
            assert f"have not come: {WRONG};" in str(caught.value)

    run(N, body)


def test_robustify_refuses_a_bound_that_does_not_hold():
    def body(rank):
        model = DistributedDataParallel(torch.nn.Linear(2, 2))
        with pytest.raises(byzccl.InvalidArgument, match="n >= 2 f \\+ 3, got n = 3, f = 1"):
            byzccl.ddp.robustify(model, "krum(f=1)")
        del model
        gc.collect()

    run(N, body)
