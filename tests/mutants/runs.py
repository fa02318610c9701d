# SPDX-License-Identifier: MIT
"""A copy of the project with all mutants in it, its build, and runs of its test programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .sites import Site, find

ROOT = Path(__file__).resolve().parents[2]
MUTATED = {
    "kernels": ("kernels/*.cuh", "kernels/*.cu", "kernels/strips.hpp", "kernels/cells.hpp"),
    "csrc": ("csrc/collective/*.cpp", "csrc/communicator*.cpp", "csrc/transport/*.cpp"),
}
# Nothing in kernels/ waits for a flag yet: what the double makes of orders is seen by its own test.
FLAGS = ("tests/cuda/device_double_test.cpp",)
PROGRAMS = {
    "kernels": (
        "strips_test",
        "digest_test",
        "column_words_test",
        "pairwise_order_test",
        "golden_bits_test",
        "aggregate_cuda_test",
        "pairwise_kernels_test",
        "steps_cuda_test",
    ),
    "csrc": (
        "arguments_test",
        "sighting_test",
        "verdict_test",
        "judge_test",
        "local_transport_test",
        "ring_kind_test",
        "findings_test",
        "mismatch_test",
        "message_count_test",
        "measuring_test",
        "mixed_dtypes_test",
        "exchange_test",
        "lying_header_test",
        "previous_output_test",
        "presence_test",
        "sentry_test",
        "equivocation_test",
        "fault_test",
        "collective_test",
        "nccl_collective_faults_test",
    ),
}
CAREFUL = ("pairwise_kernels_test", "aggregate_cuda_test", "steps_cuda_test")
"""Run under ASan, for what writes or reads a place too far."""
THREADED = ("device_double_test",)
"""Run under TSan, for mutants of memory orders."""


@dataclass(frozen=True)
class Outcome:
    passed: bool
    seconds: float
    why: str = ""


def copy_tree(to: Path, part: str) -> list[Site]:
    """All files that git knows or would add, with mutants in those of the part. What has not
    changed is not written again."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    mutated = {path for pattern in MUTATED[part] for path in ROOT.glob(pattern)}
    flags = {ROOT / name for name in FLAGS} if part == "kernels" else set()
    sites: list[Site] = []
    for name in sorted(listed.stdout.splitlines()):
        source = ROOT / name
        if not source.is_file():
            continue
        data = source.read_bytes()
        if source in mutated or source in flags:
            found, text = find(name, data.decode(), len(sites), source in flags)
            sites += found
            data = text.encode()
        target = to / name
        if not target.exists() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            shutil.copymode(source, target)
    return sites


def build(tree: Path, sanitize: str, programs: tuple[str, ...]) -> Path:
    """The folder of the programs."""
    folder = tree.parent / (f"build-{sanitize}" if sanitize else "build")
    venv = Path(os.environ.get("BYZCCL_VENV", ROOT / ".venv"))
    cmake = str(venv / "bin" / "cmake")
    options = ["CUDA=OFF", "TORCH=OFF", "BENCHMARKS=OFF", "TESTS=ON", f"SANITIZE={sanitize}"]
    subprocess.run(
        [cmake, "-S", str(tree), "-B", str(folder), "-G", "Ninja",
         f"-DCMAKE_MAKE_PROGRAM={venv / 'bin' / 'ninja'}", "-DCMAKE_BUILD_TYPE=Release",
         f"-DCMAKE_PROJECT_byzccl_INCLUDE={Path(__file__).parent / 'strict.cmake'}",
         *(f"-DBYZCCL_{option}" for option in options)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    subprocess.run(
        [cmake, "--build", str(folder), "--target", *programs],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return folder / "tests"


def run(program: Path, mutant: int | None, limit: float, reached: Path | None = None) -> Outcome:
    """Passed, or how it ended."""
    environment = dict(os.environ)
    if mutant is not None:
        environment["BYZCCL_MUTANT"] = str(mutant)
    if reached is not None:
        environment["BYZCCL_MUTANTS_REACHED"] = str(reached)
    begin = time.monotonic()
    command = [str(program), "--abort"]
    if program.parent.parent.name == "build-thread" and shutil.which("setarch"):
        command = ["setarch", os.uname().machine, "-R", *command]
    try:
        done = subprocess.run(
            command, env=environment, timeout=limit, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(False, time.monotonic() - begin, "time limit")
    seconds = time.monotonic() - begin
    if done.returncode == 0:
        return Outcome(True, seconds)
    return Outcome(False, seconds, "crash" if done.returncode < 0 else "test failed")


def reached_by(program: Path) -> set[int]:
    """The mutants that a run of the program comes by."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reached"
        outcome = run(program, None, 1200, path)
        if not outcome.passed:
            raise SystemExit(f"{program.name} fails without a mutant: {outcome.why}")
        return {int(line) for line in path.read_text().split()} if path.exists() else set()
