# SPDX-License-Identifier: MIT
"""The doctor's part on GPUs: whether this build, this torch and this machine fit together."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import torch
from torch._C._distributed_c10d import HashStore, PrefixStore, ProcessGroupGloo

from byzccl import _C, launch_order
from byzccl.finding import Finding, tried
from byzccl.local import aggregate

BUILD_AGAIN = (
    "build byzccl with nvcc: pip install --no-build-isolation -Ccmake.define.BYZCCL_CUDA=ON ."
)


class Gpu(NamedTuple):
    """One device that torch can use."""

    name: str
    capability: int
    """90 for sm_90."""
    gib: float


def gpus() -> list[Gpu]:
    """In torch's order; empty where there is no driver, or torch has no CUDA."""
    found = []
    for index in range(torch.cuda.device_count()):
        seen = torch.cuda.get_device_properties(index)
        found.append(Gpu(seen.name, 10 * seen.major + seen.minor, seen.total_memory / 2**30))
    return found


def _text(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def runs_on(architectures: str, capability: int) -> bool:
    """Whether kernels built for `architectures` run on a GPU of `capability`.

    "90-real" is machine code, for its generation from that minor version on; "90-virtual" is
    compiled by the driver for this and every later GPU; "90" is both. "90a" runs on 90 alone.
    """
    for number, suffix, kind in re.findall(r"(\d+)([af]?)(?:-(real|virtual))?", architectures):
        built = int(number)
        if suffix == "a":
            fits = capability == built
        elif suffix == "f" or kind == "real":
            fits = built // 10 == capability // 10 and built <= capability
        else:
            fits = built <= capability
        if fits:
            return True
    return False


def _nccl_text(version: int) -> str:
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"


def nccl_version(info: dict[str, Any], devices: list[Gpu]) -> Finding:
    """What byzccl was built with, and what is loaded: torch's own copy."""
    built, loaded = info["nccl"], info["nccl_runtime"]
    if not built:
        return Finding(
            "versions",
            "NCCL",
            "byzccl was built without",
            "there is a GPU, and byzccl was built without NCCL" if devices else "",
            f"{BUILD_AGAIN} with -Ccmake.define.BYZCCL_NCCL=ON",
        )
    old = loaded < built
    return Finding(
        "versions",
        "NCCL",
        f"built with {_nccl_text(built)}, {_nccl_text(loaded)} is loaded",
        f"NCCL {_nccl_text(loaded)} is loaded, older than what byzccl was built with"
        if old
        else "",
        "build byzccl again with the NCCL of this torch",
    )


def versions(info: dict[str, Any], devices: list[Gpu]) -> Iterator[Finding]:
    """Of CUDA and NCCL: what byzccl was built with, what runs here."""
    yield _cuda_version(info, devices)
    yield nccl_version(info, devices)


def _cuda_version(info: dict[str, Any], devices: list[Gpu]) -> Finding:
    torchs = f"torch has CUDA {torch.version.cuda}" if torch.version.cuda else "torch has none"
    if info["cuda_unloadable"]:
        # Fine beside a torch for the CPU alone, on purpose.
        problem = f"there is a GPU, and {info['cuda_unloadable']}" if devices else ""
        value = f"byzccl was built with it, and it cannot be loaded; {torchs}"
        return Finding("versions", "CUDA", value, problem, BUILD_AGAIN, broken=bool(problem))
    if not info["cuda"]:
        problem = "there is a GPU, and byzccl was built without CUDA" if devices else ""
        return Finding(
            "versions", "CUDA", f"byzccl was built without; {torchs}", problem, BUILD_AGAIN
        )
    built, runtime, driver = info["cuda"], info["cuda_runtime"], info["cuda_driver"]
    knows = f"driver for up to {_text(driver)}" if driver else "no driver"
    value = f"built with {_text(built)}, runtime {_text(runtime)}, {knows}; {torchs}"
    problem = remedy = ""
    if runtime // 1000 != built // 1000:
        problem = f"byzccl was built with CUDA {_text(built)}, and runtime {_text(runtime)} runs"
        remedy = "build byzccl again with the CUDA of this torch"
    elif driver and driver // 1000 < runtime // 1000:
        problem = f"the driver is for CUDA {_text(driver)} at most, the runtime is {_text(runtime)}"
        remedy = "install a newer driver"
    return Finding("versions", "CUDA", value, problem, remedy, broken=bool(problem))


def machine(info: dict[str, Any], devices: list[Gpu]) -> Iterator[Finding]:
    """The GPUs, and whether the kernels of this build run on them."""
    if not devices:
        yield Finding("devices", "GPUs", "none")
    for index, gpu in enumerate(devices):
        value = f"{gpu.name}, sm_{gpu.capability}, {gpu.gib:.0f} GiB"
        fits = not info["cuda"] or runs_on(info["cuda_architectures"], gpu.capability)
        yield Finding(
            "devices",
            f"GPU {index}",
            value,
            ""
            if fits
            else f"the kernels were built for {info['cuda_architectures']}, GPU {index} is "
            f"{gpu.capability}",
            f'{BUILD_AGAIN} with -Ccmake.define.BYZCCL_CUDA_ARCHITECTURES="{gpu.capability}"',
            broken=not fits,
        )


def _rule(index: int) -> str:
    x = torch.tensor([[8.0, 2], [8, 5], [4, 6], [2, 4], [9, 2], [4, 2], [2, 1]])
    out = aggregate(x.to(f"cuda:{index}"), "krum(f=2)").tolist()
    if out != [2, 4]:  # the first worked case of docs/rules.md
        raise RuntimeError(f"krum(f=2) gave {out}, expected [2, 4]")
    return "krum chooses what docs/rules.md says"


def _exchange(index: int) -> str:
    """Of one rank with itself: NCCL refuses a second one on the same GPU."""
    store, limit = PrefixStore("doctor", HashStore()), timedelta(seconds=30)
    gloo = ProcessGroupGloo(store, 0, 1, limit)
    device = torch.device("cuda", index)
    communicator = _C.Communicator(
        (gloo, -1), store, "sharded", 30_000, 1 << 20, _C.Wire(), device=device
    )
    x = torch.full((1000,), 2.0, device=device)
    start = time.perf_counter()
    communicator.all_reduce(x, "mean").wait()
    if x.tolist() != [2.0] * 1000:
        raise RuntimeError(f"the mean of 2 came out as {x[0].item()}")
    seconds = time.perf_counter() - start
    return f"NCCL: one rank reduced 1000 values in {1000 * seconds:.1f} ms"


def work(info: dict[str, Any], devices: list[Gpu]) -> Iterator[Finding]:
    """How CUDA tensors travel, and why; tries it, and a rule on each GPU."""
    why = ""
    if not info["cuda"]:
        why = "refused: byzccl was built without CUDA"
    elif not info["nccl"]:
        why = "refused by all_reduce and robustify: byzccl was built without NCCL"
    elif not devices:
        why = "over NCCL; there is no GPU to try it"
    if info["cuda"]:
        for index in range(len(devices)):
            yield tried("work", f"a rule on GPU {index}", partial(_rule, index), BUILD_AGAIN)
    if info["nccl"] and (order := launch_order.problem()):
        yield Finding(
            "work", "order of NCCL", ", ".join(launch_order.serial()), order, launch_order.REMEDY
        )
    if why:
        yield Finding("work", "CUDA tensors", why)
    else:
        remedy = "set NCCL_DEBUG=INFO and read what NCCL says"
        yield tried("work", "CUDA tensors", partial(_exchange, 0), remedy)


def findings(section: str) -> Iterator[Finding]:
    """What there is to say of GPUs in one section of the doctor's page."""
    parts = {"versions": versions, "devices": machine, "work": work}
    return parts[section](_C.build_info(), gpus())
