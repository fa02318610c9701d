# SPDX-License-Identifier: MIT
"""Times byzccl and its peers on the same vectors, one after the other, and writes JSON.

Runs where all of them can be imported: benchmarks/peers_venv makes such an environment.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import torch
from peer_rules import PeerRule, byzfl_rules, byzpy_rules, torch_rules

import byzccl

QUICK_RULES = {"mean", "krum", "median", "trimmed_mean", "meamed"}
SLOW_RULES = {"smea"}


def time_of(call: Callable[[], object]) -> float:
    """Until the device is done, where there is one."""
    begin = time.perf_counter()
    call()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def best_of(call: Callable[[], object], seconds: float, most: int) -> tuple[float, int]:
    """The best time, and how many it is of. The first call warms up, unless it was all too long."""
    first = time_of(call)
    if first > seconds:
        return first, 1
    times: list[float] = []
    while len(times) < most and (len(times) < 2 or sum(times) < seconds):
        times.append(time_of(call))
    return min(times), len(times)


def vectors(n: int, d: int, device: str) -> torch.Tensor:
    """Normal values; every eighth vector lies 3 higher, as in the benchmark of the kernels."""
    x = torch.randn(n, d, device=device, generator=torch.Generator(device).manual_seed(0))
    x[7::8] += 3
    return x


def known(text: str) -> bool:
    names = {rule.name for rule in byzccl.rules()}
    return text.split("+")[-1].split("(")[0] in names


def all_rules(n: int, d: int, f: int, missing: list[str]) -> Iterator[PeerRule]:
    """Of the peers that can be imported; the names of the others go to `missing`. Slow ones last,
    so that all others are there if a run is stopped."""
    rules = [*torch_rules(n, d, f)]
    for name, peer in (("byzfl", byzfl_rules), ("byzpy", byzpy_rules)):
        try:
            rules += peer(n, d, f)
        except Exception as error:  # not installed, or made for another torch, numpy or Python
            print(f"{name} is left out: {error}")
            missing.append(name)
    yield from sorted(rules, key=lambda rule: rule.rule.split("(")[0] in SLOW_RULES)


def save(path: Path, record: dict[str, object]) -> None:
    """Whole or not at all."""
    figures = record["figures"]
    assert isinstance(figures, list)
    lines = [
        f"{json.dumps(name)}: {json.dumps(value)},"
        for name, value in record.items()
        if name != "figures"
    ]
    body = ",\n".join(json.dumps(figure) for figure in figures)
    part = path.with_suffix(".part")
    part.write_text("{\n" + "\n".join(lines) + f'\n"figures": [\n{body}\n]\n}}\n')
    part.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=16)
    parser.add_argument("--d", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long one is repeated")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--quick", action="store_true", help="a few rules only")
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    n, d = options.n, options.d
    f = (n - 3) // 4
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    x = vectors(n, d, options.device)
    missing: list[str] = []
    rules = list(all_rules(n, d, f, missing))
    record: dict[str, object] = {
        "versions": {n: version(n) for n in ("torch", "byzfl", "byzpy") if n not in missing},
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "left_out": (left_out := []),
        "figures": (figures := []),
    }
    print(f"Peers at n = {n}, d = {d}, float32, f = {f}, {record['device']}")
    for peer in rules:
        name = peer.rule.split("+")[-1].split("(")[0]
        if not known(peer.rule) or (options.quick and name not in QUICK_RULES):
            continue
        own = 0 if name == "monna" else None
        ours, _ = best_of(
            lambda rule=peer.rule, own=own: byzccl.aggregate(x, rule, own=own),
            options.seconds / 4,
            50,
        )
        try:
            theirs, repetitions = best_of(
                lambda call=peer.call: call(x), options.seconds, 3 if name in SLOW_RULES else 10
            )
        except Exception as error:  # what a peer may raise where its authors never ran it
            print(f"{peer.rule:36} {peer.peer:6} {peer.name}: {error}")
            left_out.append({"peer": peer.peer, "name": peer.name, "why": str(error)})
            continue
        print(
            f"{peer.rule:36} {peer.peer:6} {peer.name:32} {1e3 * theirs:10.2f} ms"
            f" = {theirs / ours:8.1f} x {1e3 * ours:.2f} ms",
            flush=True,
        )
        figures.append(
            {
                "step": "peer",
                "rule": peer.rule,
                "peer": peer.peer,
                "name": peer.name,
                "part": peer.part,
                "n": n,
                "d": d,
                "dtype": "float32",
                "seconds": theirs,
                "repetitions": repetitions,
                "byzccl_seconds": ours,
                "ratio": theirs / ours,
            }
        )
        save(options.json, record)


if __name__ == "__main__":
    main()
