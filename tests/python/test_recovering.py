# SPDX-License-Identifier: MIT
"""docs/recovering.md: its snippets, taken from the page, take a group over the loss of ranks."""

import os
import re
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist

import byzccl
from ranks import free_port, run

PAGE = Path(__file__).parents[2] / "docs" / "recovering.md"


@pytest.fixture(scope="module")
def page():
    """What the snippets define. They come in the order of the page."""
    snippets = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(snippets) >= 8
    names: dict = {}
    for snippet in snippets:
        exec(compile(snippet, str(PAGE), "exec"), names)
    return names


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_survivors_reduce_in_a_smaller_group(page):
    def body(rank):
        group = dist.group.WORLD
        x = torch.full((10,), float(rank))
        byzccl.all_reduce(x, "mean")
        dist.barrier()
        if rank in (1, 2):
            die()
        x = torch.full((10,), float(rank))
        smaller = page["reduce_without_the_lost"](x, "median", group)
        assert dist.get_process_group_ranks(smaller) == [0, 3, 4]
        assert torch.equal(x, torch.full((10,), 3.0))
        x = torch.full((10,), float(rank))
        assert page["reduce_without_the_lost"](x, "mean", smaller) is smaller
        assert torch.allclose(x, torch.full((10,), 7 / 3))
        dist.barrier(smaller)  # rank 0's store stays until all are done

    run(5, body, lost={1, 2}, limit=60)


def test_who_is_named_ends(page):
    def body(rank):
        with pytest.raises(SystemExit):
            page["survivors"](dist.group.WORLD, (rank,))
        with pytest.raises(SystemExit):
            page["survivors"](dist.group.WORLD, ())

    run(2, body)


def test_a_rank_that_was_late_comes_back(page):
    def body(rank):
        # Each keeps the communicator of this timeout under the group.
        group = dist.new_group([0, 1, 2], timeout=timedelta(seconds=2))
        x = torch.full((10,), float(rank))
        byzccl.all_reduce(x, "mean", group)
        if rank == 1:
            time.sleep(4)
        with pytest.raises(byzccl.TransportError):
            byzccl.all_reduce(x, "mean", group)
        dist.barrier()  # of the other group, whose timeout is longer
        x = torch.full((10,), float(rank))
        page["reduce_again"](x, "median", group)
        assert torch.equal(x, torch.ones(10))

    run(3, body, limit=60)


def replica(page):
    torch.manual_seed(5)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    return page["Replica"](model, "krum(f=0)", dist.group.WORLD)


def loss_of(ddp, batch):
    return ddp(batch).square().mean()


def trains_on(page, lost: int, join=None):
    def body(rank):
        if join is not None:
            join(rank)
        mine = replica(page)
        optimizer = torch.optim.SGD(mine.model.parameters(), lr=0.1, momentum=0.9)
        torch.manual_seed(100 + rank)
        batches = [torch.randn(4, 8) for _ in range(6)]
        page["train"](mine, optimizer, batches[:2], loss_of, {})
        kept = {
            "model": {k: v.clone() for k, v in mine.model.state_dict().items()},
            "optimizer": optimizer.state_dict(),
        }

        def fails(ddp, batch):
            if batch is batches[3] and rank == lost:
                die()
            return loss_of(ddp, batch)

        page["train"](mine, optimizer, batches[2:], fails, kept)
        assert dist.get_process_group_ranks(mine.group) == [r for r in range(4) if r != lost]
        weights = torch.cat([p.detach().flatten() for p in mine.model.parameters()])
        all_weights = [torch.empty_like(weights) for _ in range(3)]
        dist.all_gather(all_weights, weights, group=mine.group)
        assert all(torch.equal(weights, other) for other in all_weights)
        assert not torch.equal(weights, torch.cat([v.flatten() for v in kept["model"].values()]))

    return body


def test_a_model_trains_on_after_a_rank_is_lost(page):
    run(4, trains_on(page, 2), lost={2}, limit=60)


def test_rank_0_may_be_lost_where_the_store_is_elsewhere(page):
    port = free_port()
    store = page["host_store"](port)
    body = trains_on(page, 0, lambda rank: page["join"]("127.0.0.1", port, rank, 4))
    run(4, body, lost={0}, limit=60, init=False)
    del store
