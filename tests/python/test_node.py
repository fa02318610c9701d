# SPDX-License-Identifier: MIT
"""byzccl.Node over processes: quorums, and ranks that are killed, stopped or slow."""

import os
import signal
import threading
import time
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

import byzccl
from interrupts import SIGNALS, send_soon
from ranks import run

N = 4
COUNT = 3000


def others(rank: int, n: int = N) -> list[int]:
    return [peer for peer in range(n) if peer != rank]


def vector(rank: int, step: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.full((COUNT,), float(rank * 8 + step % 8), dtype=dtype)


def exchange(node: byzccl.Node, steps: range, q: int, timeout: float = 20.0) -> list[list[int]]:
    """Publishes and collects each step; the ranks of each quorum."""
    heard = []
    for step in steps:
        mine = vector(node.rank, step, node.dtype)
        node.publish(0, step, mine, others(node.rank, node.size))
        collected = node.collect(0, step, q, timeout, own=mine)
        for rank, row in zip(collected.ranks, collected.vectors, strict=True):
            assert torch.equal(row, vector(rank, step, node.dtype))
        assert list(collected.ranks) == sorted(set(collected.ranks))
        heard.append(list(collected.ranks))
    return heard


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64], ids=str
)
def test_all_ranks_collect_all(dtype: torch.dtype) -> None:
    def body(rank: int) -> None:
        with byzccl.Node(count=COUNT, dtype=dtype) as node:
            heard = exchange(node, range(6), N)
            assert heard == [[0, 1, 2, 3]] * 6
            assert node.flush()
            assert node.late() == (0,) * N
            assert node.replayed() == (0,) * N
            assert node.bytes_sent >= 6 * (N - 1) * COUNT * dtype.itemsize
            assert node.bytes_received >= 6 * (N - 1) * COUNT * dtype.itemsize
            dist.barrier()

    run(N, body)


def test_rows_are_a_stack_for_aggregate() -> None:
    def body(rank: int) -> None:
        with byzccl.Node(count=6) as node:
            own = torch.full((2, 3), float(rank))  # any shape
            node.publish(1, 0, own, [1 - rank])
            heard = node.collect(1, 0, 2, own=own.flatten())
            assert heard.rows.shape == (2, 6)
            assert heard.rows is heard.rows
            assert torch.equal(byzccl.aggregate(heard.rows, "mean"), torch.full((6,), 0.5))
            dist.barrier()

    run(2, body)


def test_vectors_outlive_the_node() -> None:
    def body(rank: int) -> None:
        node = byzccl.Node(count=100_000)
        node.publish(0, 0, torch.full((100_000,), float(rank)), [1 - rank])
        row = node.collect(0, 0, 1).vectors[0]
        dist.barrier()
        node.close()
        del node
        assert torch.equal(row, torch.full((100_000,), float(1 - rank)))

    run(2, body)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
@pytest.mark.parametrize("big", [False, True], ids=["short", "long"])
def test_one_lost_rank_costs_its_vote_alone(number: signal.Signals, big: bool) -> None:
    """Long vectors stay on their way to a stopped rank; nobody waits for them."""

    def body(rank: int) -> list[list[int]]:
        node = byzccl.Node(count=COUNT, timeout=timedelta(seconds=20))
        large = byzccl.Node(count=2_000_000) if big else None
        exchange(node, range(3), N)
        if rank == 3:
            assert node.flush()
            os.kill(os.getpid(), number)
        heard = []
        for step in range(3, 20):
            if large is not None:
                large.publish(0, step, torch.full((2_000_000,), float(rank)), others(rank))
                rows = large.collect(0, step, 2, 20.0, sources=[r for r in range(3) if r != rank])
                assert set(rows.ranks) == {0, 1, 2} - {rank}
            heard += exchange(node, range(step, step + 1), N - 1)
        if number == signal.SIGKILL:
            with pytest.raises(byzccl.QuorumError) as caught:
                node.collect(1, 0, 1, 10.0, sources=[3])
            assert caught.value.gone == (3,)
            assert not caught.value.timed_out
            assert list(node.gone()) == [3]
        else:
            with pytest.raises(byzccl.QuorumError) as caught:
                node.collect(1, 0, 1, 0.2, sources=[3])
            assert caught.value.missing == (3,)
            assert caught.value.timed_out
            assert node.gone() == {}
            assert not node.flush(0.2)
        # The others leave together: who closes is gone for the rest.
        node.publish(2, 0, vector(rank, 0), [peer for peer in range(3) if peer != rank])
        node.collect(2, 0, 3, 20.0, sources=[0, 1, 2], own=vector(rank, 0))
        node.flush(1.0)  # rank 3 does not answer
        start = time.monotonic()
        node.close()
        if large is not None:
            large.close()
        assert time.monotonic() - start < 10
        return heard

    results = run(N, body, lost=[3], limit=60)
    for heard in results[:3]:
        assert heard == [[0, 1, 2]] * 17


def test_a_stopped_rank_that_goes_on_is_told_where() -> None:
    def body(rank: int) -> int:
        node = byzccl.Node(count=COUNT)
        if rank == 0:
            time.sleep(0.5)  # the others run ahead of it; it only listens
            jumps = 0
            step = 0
            while step < 40:
                overtaken = None
                try:
                    node.collect(0, step, N - 1, 20.0)
                except byzccl.QuorumError as error:
                    overtaken = error
                if overtaken is None:
                    step += 1
                    continue
                assert not overtaken.timed_out
                assert overtaken.passed
                assert not overtaken.gone
                assert overtaken.next_step > step
                step = overtaken.next_step
                jumps += 1
        else:
            exchange(node, range(40), N - 1)
            jumps = 0
        assert node.gone() == {}
        node.flush(20.0)
        dist.barrier()
        node.close()
        return jumps

    assert run(N, body, limit=60)[0] > 0


def test_a_deadline_is_the_callers_alone() -> None:
    """A wait of Gloo that runs out of time would close the connections to all ranks."""

    def body(rank: int) -> None:
        with byzccl.Node(count=COUNT) as node:
            for _ in range(3):
                with pytest.raises(byzccl.QuorumError) as caught:
                    node.collect(0, 0, 1, 0.1)
                assert caught.value.timed_out
                assert caught.value.missing == tuple(others(rank))
            dist.barrier()
            exchange(node, range(3), N)
            dist.barrier()

    run(N, body)


@pytest.mark.parametrize("kind", SIGNALS)
def test_a_signal_ends_collect_at_once_and_loses_nothing(kind: str) -> None:
    def body(rank: int) -> None:
        with byzccl.Node(count=COUNT) as node:
            if rank == 0:
                send_soon(kind)
                start = time.monotonic()
                with pytest.raises(SIGNALS[kind][2]):
                    node.collect(0, 0, 1, 25.0)
                assert time.monotonic() - start < 5
                dist.barrier()
                assert node.collect(0, 0, 1).ranks == (1,)
            else:
                dist.barrier()
                node.publish(0, 0, vector(1, 0), [0])
                assert node.flush()
            dist.barrier()

    run(2, body)


def test_close_ends_a_collect_of_another_thread() -> None:
    def body(rank: int) -> None:
        node = byzccl.Node(count=COUNT)
        if rank == 0:
            threading.Timer(0.2, node.close).start()
            with pytest.raises(byzccl.Error, match="the node is closed"):
                node.collect(0, 0, 1, 25.0)
        dist.barrier()
        node.close()
        node.close()
        for call in (node.flush, node.late, lambda: node.publish(0, 0, vector(0, 0), [])):
            with pytest.raises(byzccl.Error, match="the node is closed"):
                call()

    run(2, body)


def test_nodes_beside_communicators_and_each_other() -> None:
    def body(rank: int) -> None:
        first = byzccl.Node(count=COUNT)
        communicator = byzccl.Communicator()
        second = byzccl.Node(count=COUNT, kinds=1)
        exchange(first, range(2), N)
        x = torch.full((10,), float(rank))
        communicator.all_reduce(x, "mean").wait()
        assert torch.equal(x, torch.full((10,), 1.5))
        exchange(second, range(2), N)
        dist.barrier()

    run(N, body)


def test_ranks_whose_vectors_differ_are_told_so() -> None:
    def body(rank: int) -> str:
        with byzccl.Node(count=COUNT + rank) as node:
            node.publish(0, 0, torch.ones(COUNT + rank), [1 - rank])
            with pytest.raises(byzccl.QuorumError) as caught:
                node.collect(0, 0, 1, 2.0)
            dist.barrier()
            return str(caught.value)

    # Whoever is cut off first is not told, and waits.
    told = [f"it sent a vector of {COUNT + 1 - r} elements, ours have {COUNT + r}" for r in (0, 1)]
    said = run(2, body)
    assert told[0] in said[0] or told[1] in said[1]


def test_mistakes() -> None:
    def body(rank: int) -> None:
        for wrong in ({"count": -1}, {"count": 1, "kinds": 0}, {"count": 1, "dtype": torch.int64}):
            with pytest.raises(byzccl.InvalidArgument):
                byzccl.Node(**wrong)
        with pytest.raises(byzccl.InvalidArgument, match=r"dtype must be a torch\.dtype"):
            byzccl.Node(count=1, dtype="float32")
        node = byzccl.Node(count=4, kinds=2)
        x = torch.ones(4)
        for tensor, message in (
            (torch.ones(3), "the node's 4 elements, got 3"),
            (torch.ones(4, dtype=torch.float64), "tensor must be float32"),
            (torch.ones(4, device="meta"), "must be on the CPU"),
            ([1, 2, 3, 4], r"tensor must be a torch\.Tensor"),
        ):
            with pytest.raises(byzccl.InvalidArgument, match=message):
                node.publish(0, 0, tensor, [])
        for call, message in (
            (lambda: node.publish(2, 0, x, []), "kinds are 0 to 1"),
            (lambda: node.publish(0, 0, x, [0]), "publishes to other ranks"),
            (lambda: node.publish(0, 0, x, 3), "to must be ranks"),
            (lambda: node.publish("a", 0, x, []), "kind must be an integer"),
            (lambda: node.collect(0, 0, 1), "q must be 1 to 0"),
            (lambda: node.collect(0, 0, 1, sources=[]), "at least one rank"),
            (lambda: node.collect(0, 0, 1, -1.0, own=x), "timeout must not be negative"),
            (lambda: node.collect(0, 0, 1, own=torch.ones(5)), "own must have the node's 4"),
        ):
            with pytest.raises(byzccl.InvalidArgument, match=message):
                call()
        assert node.collect(0, 0, 1, own=x).vectors[0].data_ptr() == x.data_ptr()
        with pytest.raises(byzccl.Error, match="cannot be copied"):
            __import__("copy").copy(node)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                node.late()
            except byzccl.Error:
                code = 0
            finally:
                node.close()
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0

    run(1, body)
