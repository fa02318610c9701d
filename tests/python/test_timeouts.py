# SPDX-License-Identifier: MIT
"""How long ranks wait: the group's own timeout, or what a call says."""

import contextlib
import math
import time
from datetime import timedelta

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.distributed import distributed_c10d as c10d
from torch.nn.parallel import DistributedDataParallel

import byzccl
from byzccl import collectives, functional, timeouts
from ranks import run

GROUPS_OWN = timedelta(seconds=77)
FIVE = timedelta(seconds=5)
LATE = 1


@contextlib.contextmanager
def alone():
    """A group of one rank, in this process, which must be a fork."""
    dist.init_process_group(
        "gloo", store=dist.HashStore(), rank=0, world_size=1, timeout=GROUPS_OWN
    )
    yield dist.group.WORLD
    dist.destroy_process_group()


MEANINGS = [
    (None, GROUPS_OWN),
    (FIVE, FIVE),
    (5, FIVE),
    (5.0, FIVE),
    (np.float32(5), FIVE),
    (np.int64(5), FIVE),
    (0.001, timedelta(milliseconds=1)),
    (timedelta(milliseconds=1, microseconds=700), timedelta(milliseconds=1)),
    (timedelta(milliseconds=1009), timedelta(milliseconds=1009)),
    (1.009, timedelta(milliseconds=1009)),
    (timedelta.max, timeouts.LONGEST),
    (math.inf, timeouts.LONGEST),
    (1e300, timeouts.LONGEST),
    (10**400, timeouts.LONGEST),
    (timeouts.LONGEST, timeouts.LONGEST),
]


def test_what_a_timeout_means():
    def body(rank):
        with alone() as group:
            for said, meant in MEANINGS:
                assert timeouts.resolve(said, group) == meant, said
                if meant >= FIVE:  # else it may be over before the ranks have met
                    byzccl.Communicator(timeout=said).close()

    run(1, body, init=False)


MISTAKES = [
    (0, "at least 1 ms, got 0 s"),
    (timedelta(0), "at least 1 ms, got 0 s"),
    (-3, "at least 1 ms, got -3 s"),
    (timedelta(seconds=-3), "at least 1 ms, got -3 s"),
    (math.nan, "at least 1 ms, got nan s"),
    (-math.inf, "at least 1 ms, got -inf s"),
    (-(10**400), "at least 1 ms, got -inf s"),
    (9e-4, "at least 1 ms, got 0.0009 s"),
    (timedelta.min, "at least 1 ms, got -8\\.64e\\+13 s"),
    ("5", "seconds as an int or float, got str"),
    (True, "seconds as an int or float, got bool"),
    (1j, "seconds as an int or float, got complex"),
    (torch.tensor(5.0), "seconds as an int or float, got Tensor"),
]


def test_what_is_no_timeout():
    def body(rank):
        with alone():
            x = torch.ones(2)
            ddp = DistributedDataParallel(torch.nn.Linear(2, 2))
            for said, message in MISTAKES:
                for use in (
                    lambda said: byzccl.Communicator(timeout=said),
                    lambda said: byzccl.ddp.robustify(ddp, "mean", timeout=said),
                    lambda said: byzccl.all_reduce(x, "mean", timeout=said),
                    lambda said: functional.all_reduce(x, "mean", timeout=said),
                ):
                    with pytest.raises(byzccl.InvalidArgument, match=message):
                        use(said)

    run(1, body, init=False)


def test_the_groups_timeout_is_that_of_now_and_of_wrapped_groups():
    def body(rank):
        with alone() as group:
            c10d._set_pg_timeout(FIVE, group)
            assert timeouts.of_group(group) == FIVE
        dist.set_debug_level(dist.DebugLevel.DETAIL)
        with alone() as group:
            assert timeouts.of_group(group) == GROUPS_OWN

    run(1, body, init=False)


def test_a_group_that_does_not_say():
    class Silent:
        _device_types = (torch.device("cpu"),)

        def _get_backend(self, device):
            raise RuntimeError("no options")

    assert timeouts.of_group(Silent()) == c10d.default_pg_timeout


def uses(timeout):
    """Each makes a first call, and then one that rank LATE comes late to."""
    x = torch.ones(2)

    def with_ddp():
        ddp = DistributedDataParallel(torch.nn.Linear(2, 2))
        byzccl.ddp.robustify(ddp, "mean", timeout=timeout)
        ddp(x).sum().backward()  # after it DDP itself agrees on buckets, with the group's timeout
        yield ddp(x).sum().backward()
        yield ddp(x).sum().backward()

    def with_communicator():
        communicator = byzccl.Communicator(timeout=timeout)
        yield communicator.all_reduce(x, "mean").wait()
        yield communicator.all_reduce(x, "mean").wait()

    def with_all_reduce():
        yield byzccl.all_reduce(x, "mean", timeout=timeout)
        yield byzccl.all_reduce(x, "mean", timeout=timeout)

    def with_functional():
        yield functional.all_reduce(x, "mean", timeout=timeout)
        yield functional.all_reduce(x, "mean", timeout=timeout)

    return (with_ddp, with_communicator, with_all_reduce, with_functional)


DDP, COMMUNICATOR, IN_PLACE, FUNCTIONAL = range(4)
LATE_CASES = [
    (DDP, "of_the_group"),
    (COMMUNICATOR, "of_the_group"),
    (IN_PLACE, "of_the_group"),
    (FUNCTIONAL, "of_the_group"),
    (DDP, "of_the_call"),
    (IN_PLACE, "of_the_call"),
    (FUNCTIONAL, "of_the_call"),
]


@pytest.mark.parametrize(("which", "short_one"), LATE_CASES)
def test_a_late_rank_is_named_after_the_timeout(which, short_one):
    """Whichever of the two is the short one."""
    short, long = timedelta(seconds=1), timedelta(seconds=60)
    own = short_one == "of_the_call"

    def body(rank):
        c10d._set_pg_timeout(long if own else short, dist.group.WORLD)
        calls = uses(short if own else None)[which]()
        next(calls)
        if rank == LATE:
            time.sleep(5)
            return
        start = time.monotonic()
        with pytest.raises(RuntimeError, match=f"rank {LATE}"):
            next(calls)
        assert 0.9 < time.monotonic() - start < 4.9

    run(3, body)


def test_calls_of_one_timeout_share_a_communicator():
    def body(rank):
        x = torch.ones(2)
        for timeout in (5, 5.0, FIVE, None, None, timedelta(seconds=30)):
            byzccl.all_reduce(x, "mean", timeout=timeout)
            functional.all_reduce(x, "mean", timeout=timeout)
        assert len(collectives._cache[dist.group.WORLD]) == 2  # the group has 30 seconds
        byzccl.forget()

    run(2, body)


def test_compiled_with_a_timeout():
    def body(rank):
        def step(x):
            first = functional.all_reduce(x * 2, "mean", timeout=FIVE)
            return first + functional.all_reduce(x, "mean", timeout=7.5)

        compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
        out = compiled(torch.full((4,), float(rank)))
        assert torch.equal(out, torch.full((4,), 1.5))
        timeouts_used = sorted(key[2] for key in collectives._cache[dist.group.WORLD])
        assert timeouts_used == [FIVE, timedelta(seconds=7.5)]

    run(2, body, limit=120)
