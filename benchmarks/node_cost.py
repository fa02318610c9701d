# SPDX-License-Identifier: MIT
"""What collecting from all costs beside a blocking all-to-all of the same bytes.

    python -m benchmarks.node_cost            # 4 processes, 25 MB to each other, over loopback
    python -m benchmarks.node_cost --json

Each round does both, in turn: every rank sends its vector to all others and has theirs. The
all-to-all is torch's own isend and irecv over Gloo, all at once. A round counts as its slowest
rank; of each the fastest round counts, as other work on the machine only ever adds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import byzccl

GOAL = 1.15


def all_to_all(x: torch.Tensor, into: list[torch.Tensor]) -> None:
    rank, size = dist.get_rank(), dist.get_world_size()
    others = [peer for peer in range(size) if peer != rank]
    works = [dist.irecv(into[peer], peer) for peer in others]
    works += [dist.isend(x, peer) for peer in others]
    for work in works:
        assert work is not None
        work.wait()


def slowest(act: Callable[[], object]) -> float:
    """Seconds that `act` takes on the slowest rank."""
    dist.barrier()
    start = time.perf_counter()
    act()
    took = torch.tensor([time.perf_counter() - start], dtype=torch.float64)
    dist.all_reduce(took, dist.ReduceOp.MAX)
    return float(took)


def measure(rank: int, size: int, count: int, rounds: int, where: str, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=where, rank=rank, world_size=size, timeout=timedelta(seconds=120)
    )
    x = torch.full((count,), float(rank))
    into = [torch.zeros(count) for _ in range(size)]
    others = [peer for peer in range(size) if peer != rank]
    times: dict[str, list[float]] = {"all_to_all": [], "collect": []}
    with byzccl.Node(count=count) as node:
        for step in range(rounds):

            def collect(step: int = step) -> None:
                node.publish(0, step, x, others)
                vectors = node.collect(0, step, size, own=x).vectors
                assert [float(vector[-1]) for vector in vectors] == list(range(size))

            times["all_to_all"].append(slowest(lambda: all_to_all(x, into)))
            times["collect"].append(slowest(collect))
        dist.barrier()
    if rank == 0:
        with open(out, "w") as file:
            json.dump(times, file)
    dist.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--bytes", type=int, default=25_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where, out = f"file://{folder}/store", f"{folder}/times"
        arguments = (options.ranks, options.bytes // 4, options.rounds, where, out)
        mp.spawn(measure, arguments, nprocs=options.ranks)
        with open(out) as file:
            times = json.load(file)
    best = {name: min(all_rounds[1:] or all_rounds) for name, all_rounds in times.items()}
    ratio = best["collect"] / best["all_to_all"]
    said = {
        "ranks": options.ranks,
        "bytes": options.bytes,
        "rounds": options.rounds,
        "seconds": best,
        "ratio": ratio,
        "goal": GOAL,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    if options.json:
        print(json.dumps(said))
        return
    print(f"{options.ranks} ranks, {options.bytes} bytes to each other, best of {options.rounds}:")
    for name, seconds in best.items():
        print(f"  {name:<12} {1e3 * seconds:8.1f} ms")
    print(f"  ratio {ratio:.2f} (goal {GOAL}); load {said['load']:.1f} on {said['cores']} cores")


if __name__ == "__main__":
    main()
