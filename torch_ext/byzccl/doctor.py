# SPDX-License-Identifier: MIT
"""`python -m byzccl doctor`: what is installed here, what would be used, and what is wrong."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch._C._distributed_c10d import HashStore, PrefixStore

from byzccl import _C, doctor_cuda, doctor_network
from byzccl.collectives import default_algorithm
from byzccl.distance_rules import Krum
from byzccl.finding import Finding, tried
from byzccl.local import aggregate

ENVIRONMENT = {
    "BYZCCL_ALGORITHM": "what byzccl.all_reduce uses: sharded (if not set) or ring",
    "BYZCCL_NUM_THREADS": "threads of C++ programs; Python uses as many as torch",
    "OMP_NUM_THREADS": "threads of torch; torchrun sets it to 1",
    "GLOO_SOCKET_IFNAME": "network interface that ranks talk over",
    "NCCL_SOCKET_IFNAME": "the same for CUDA tensors",
    "TORCH_DISTRIBUTED_DEBUG": "what torch.distributed logs",
}

ALGORITHMS = {
    "sharded": "sends what a plain all-reduce sends, 2 (n-1)/n d; trusts each rank with its shard",
    "ring": "sends (n-1) d; every rank combines by itself, so none is trusted with a shard",
}


def _versions() -> Iterator[Finding]:
    info = _C.build_info()
    yield Finding("versions", "byzccl", _C.version)
    built, running = info["torch"], torch.__version__
    same = built.split(".")[:2] == running.split(".")[:2]
    yield Finding(
        "versions",
        "torch",
        f"{running}, built for {built}",
        "" if same else f"byzccl was built for torch {built}, and torch {running} runs",
        "build byzccl again with this torch, or install that one",
        broken=not same,
    )
    yield from doctor_cuda.findings("versions")
    yield Finding("versions", "Python", platform.python_version())
    yield Finding("versions", "compiler", info["compiler"])


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _devices() -> Iterator[Finding]:
    cores, threads = len(os.sched_getaffinity(0)), torch.get_num_threads()
    yield Finding("devices", "CPU", f"{_cpu_name()}, {cores} cores")
    yield Finding("devices", "kernels", _C.build_info()["kind"])
    idle = threads == 1 < cores
    yield Finding(
        "devices",
        "threads",
        f"{threads}, as torch",
        f"rules run on 1 thread, and there are {cores} cores" if idle else "",
        "set OMP_NUM_THREADS to the cores that each rank may use",
    )
    yield from doctor_cuda.findings("devices")


def exchange_between_two(algorithm: str) -> float:
    """Seconds of an all-reduce between two ranks, threads of this process, over Gloo."""
    store, seconds = HashStore(), [0.0, 0.0]
    failures: list[Exception] = []

    def body(rank: int) -> None:
        try:
            own = PrefixStore("doctor", store)
            met = _C.meet(own, rank, 2, 10_000, torch.device("cpu"))
            communicator = _C.Communicator(met, own, algorithm, 10_000, 1 << 20)
            x = torch.full((1000,), 2.0 * rank)
            start = time.perf_counter()
            communicator.all_reduce(x, "mean").wait()
            seconds[rank] = time.perf_counter() - start
            if not torch.equal(x, torch.ones(1000)):
                raise RuntimeError(f"the mean of 0 and 2 came out as {x[0].item()}")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=body, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return max(seconds)


def _exchange(algorithm: str) -> str:
    seconds = exchange_between_two(algorithm)
    return f"two ranks of this process met and reduced 1000 values in {1000 * seconds:.1f} ms"


def _work() -> Iterator[Finding]:
    def rule() -> str:
        x = torch.tensor([[8.0, 2], [8, 5], [4, 6], [2, 4], [9, 2], [4, 2], [2, 1]])
        out = aggregate(x, Krum(f=2)).tolist()
        if out != [2, 4]:  # the first worked case of docs/rules.md
            raise RuntimeError(f"krum(f=2) gave {out}, expected [2, 4]")
        return "krum chooses what docs/rules.md says"

    yield tried("work", "a rule", rule, "build byzccl again on this machine")
    algorithm = default_algorithm()
    why = "BYZCCL_ALGORITHM" if "BYZCCL_ALGORITHM" in os.environ else "the default"
    known = algorithm in ALGORITHMS
    yield Finding(
        "work",
        "all_reduce",
        f"{algorithm} ({why}): {ALGORITHMS.get(algorithm, 'unknown')}",
        "" if known else f'BYZCCL_ALGORITHM is "{algorithm}", which is no algorithm',
        f"set it to one of {', '.join(ALGORITHMS)}, or unset it",
        broken=not known,
    )
    yield Finding("work", "robustify", "sharded, unless called with algorithm=")
    remedy = "let this machine's name resolve, or set GLOO_SOCKET_IFNAME to an interface"
    for name in ALGORITHMS:
        yield tried("work", f"Gloo, {name}", partial(_exchange, name), remedy)
    yield from doctor_cuda.findings("work")


def examine() -> list[Finding]:
    """Everything that `python -m byzccl doctor` prints."""
    environment = (
        Finding("environment", name, f"{os.environ.get(name, '(not set)')}: {meaning}")
        for name, meaning in ENVIRONMENT.items()
    )
    return [*_versions(), *_devices(), *doctor_network.findings(), *_work(), *environment]


def main() -> int:
    """Prints what was found; 1 if something keeps the library from working."""
    findings = examine()
    section = ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            print(section)
        print(f"  {finding.name:24} {finding.value}")
    problems = [finding for finding in findings if finding.problem]
    for finding in problems:
        print(f"\n{'BROKEN' if finding.broken else 'note'}: {finding.problem}")
        print(f"  remedy: {finding.remedy}")
    if not any(finding.broken for finding in problems):
        print("\nNothing is broken.")
        return 0
    return 1
