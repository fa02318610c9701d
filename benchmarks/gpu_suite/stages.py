# SPDX-License-Identifier: MIT
"""The steps of the suite: each runs programs and adds to the record."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import build
from .machine import ROOT, sanitizer, tool
from .record import FAILED, NOT_AVAILABLE, NOT_RUN, PASSED, Record, Step

NOTHING_RUN = 77
"""What a program ends with that found no GPU."""

CANNOT_RUN = 127
"""Of what could not be started, as a shell has it."""

SMALL = {
    "pairwise_kernels_gpu": ["norms are*", "large tiles*", "values that are not finite*"],
    "steps_cuda_gpu": ["a rule that fails closed*", "the output may be*"],
}
"""What the sanitizer runs: a small matrix, since it slows every access down."""

UNSUPPORTED = ("not supported", "Unable to", "LibraryNotLoaded", "unsupported")


def execute(
    command: list[str], record: Record, log: Path, bundle: Path | None, most: float
) -> tuple[int | None, float, str]:
    """Its exit status (None: the time was up), seconds, and output, which goes to the log at once.

    Nothing that it started outlives it: ranks of a benchmark that was stopped would go on using the
    GPU beside what is measured next.
    """
    begin = time.monotonic()
    with log.open("ab+") as file:
        file.write(f"$ {' '.join(command)}\n".encode())
        file.flush()
        start = file.tell()
        try:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=build.environment(bundle),
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=os.setpgrp,  # process_group=0 of Python 3.11
            )
        except OSError as error:
            file.write(f"{error}\n".encode())
            return CANNOT_RUN, 0, str(error)
        try:
            status: int | None = process.wait(max(1.0, min(most, record.left())))
        except subprocess.TimeoutExpired:
            status = None
        finally:
            end_group(process)
        file.seek(start)
        text = file.read().decode(errors="replace")
        file.write(b"\n")
    return status, time.monotonic() - begin, text


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)  # a driver may hold on to it for longer


def step_of(name: str, status: int | None, seconds: float, text: str, has_gpu: bool = True) -> Step:
    """Where there is a GPU, a program that found none has failed."""
    if status == 0:
        return Step(name, PASSED, seconds)
    lines = [line for line in text.splitlines() if line.strip()]
    if status == NOTHING_RUN and not has_gpu:
        return Step(name, NOT_RUN, seconds, lines[-1] if lines else "no GPU")
    why = "time is up" if status is None else f"exit status {status}"
    return Step(name, FAILED, seconds, "\n".join([why, *lines[-30:]]))


def correctness(record: Record, log: Path, bundle: Path | None, has_gpu: bool) -> None:
    for program in build.gpu_programs():
        command = [str(build.place_of(program, bundle)), "--durations", "yes"]
        record.add(step_of(program, *execute(command, record, log, bundle, 90), has_gpu))


def doubles(record: Record, log: Path) -> None:
    """The same tests on the device double."""
    for program in build.DOUBLES:
        command = [str(build.place_of(program, None))]
        record.add(step_of(f"{program}, on the double", *execute(command, record, log, None, 300)))


def with_extension(arguments: list[str], peers: Path | None) -> list[str]:
    """Python that imports this build's package, and the peers' of a bundle."""
    path = ":".join(str(folder) for folder in (ROOT / "torch_ext", peers) if folder)
    return ["env", f"PYTHONPATH={path}", tool("python3") or sys.executable, *arguments]


def python_tests(record: Record, log: Path) -> None:
    """Those that need a GPU, with the extension of this build: of one rank first, then file by
    file, since a rank that hangs takes the time of what comes after it."""
    folder = ROOT / "tests" / "python" / "gpu"
    of_one = "test_bits_are_those_of_aggregate[1]"
    collectives = folder / "test_collectives_gpu.py"
    runs = {
        "aggregate": [str(folder / "test_local_gpu.py")],
        "collectives of one rank": [f"{collectives}::{of_one}"],
        "collectives": [str(collectives), f"--deselect={collectives.relative_to(ROOT)}::{of_one}"],
        "ddp": [str(folder / "test_ddp_gpu.py")],
    }
    for name, tests in runs.items():
        words = ["-m", "pytest", "-v", "--tb=short", "--durations=5", *tests]
        status, seconds, text = execute(with_extension(words, None), record, log, None, 150)
        if status == 0 and not re.search(r"\b[1-9]\d* passed", text):
            status = NOTHING_RUN  # all of them were skipped
        record.add(step_of(f"Python: {name}", status, seconds, text))


def first_figures(record: Record, log: Path, bundle: Path | None, out: Path) -> None:
    """The kernels at three n: whether they are anywhere near their goals."""
    program = str(build.place_of(build.BENCHMARK, bundle))
    options = ["--steps", "distances,weighted_sum,columns", "--n", "4,16,32", "--budget", "30"]
    options += ["--dtypes", "float32", "--commit", record.facts["commit"]]
    options += ["--json", str(out / "gpu_first.json")]
    record.add(
        step_of("benchmark: first figures", *execute([program, *options], record, log, bundle, 50))
    )


def contact(record: Record, log: Path, bundle: Path | None) -> None:
    """NCCL for the first time: one rank, then two that share the GPU, sharded, small."""
    program = str(build.place_of(build.ALL_REDUCE, bundle))
    for ranks in (1, 2):
        sizes = ["-b", "1M", "-e", "4M", "-f", "4", "-n", "2", "-w", "1", "--timeout", "20"]
        command = [program, "-g", str(ranks), "--algorithm", "sharded", *sizes]
        found = execute(command, record, log, bundle, 45)
        record.add(step_of(f"contact with NCCL, ranks: {ranks}", *found))


def benchmarks(record: Record, log: Path, bundle: Path | None, out: Path, quick: bool) -> None:
    """float32 and bfloat16 over all n: the kernels and the selection, which have goals, before what
    is made of them; last the other types at one n."""
    program = str(build.place_of(build.BENCHMARK, bundle))
    commit = ["--commit", record.facts["commit"]]
    small = ["--n", "4,16", "--d", "1000000", "--seconds", "0.02"]
    passes = ["--steps", "distances,weighted_sum,columns"]
    select = ["--steps", "select", "--d", "1000000", "--dtypes", "float32"]  # it never sees d
    rules = ["--steps", "aggregate,peer"]
    others = [*passes, "--n", "16", "--d", "25600000", "--dtypes", "float16,float64"]
    runs = {
        "kernels": ([*passes, *(small if quick else ["--budget", "90"])], 130),
        "select": ([*select, *(small[:2] if quick else [])], 60),
        "rules": ([*rules, *(small if quick else ["--budget", "110"])], 160),
        "kernels_other_types": (others, 60),
    }
    for name, (options, most) in runs.items():
        to = ["--json", str(out / f"gpu_{name}.json")]
        found = execute([program, *commit, *to, *options], record, log, bundle, most)
        record.add(step_of(f"benchmark: {name}", *found))


def all_reduce(record: Record, log: Path, bundle: Path | None, out: Path, quick: bool) -> None:
    """Beside NCCL's sum, checked bit for bit: alone, and ranks that share the GPU over sockets.
    What the runs leave becomes one file."""
    program = str(build.place_of(build.ALL_REDUCE, bundle))
    found: dict[str, object] = {}
    for ranks in (1, 2) if quick else (1, 2, 4):
        largest = "4M" if quick else "256M" if ranks == 1 else "64M"
        attackers = "1" if ranks == 4 else "0"
        for algorithm in ("sharded", "ring"):
            name = f"all_reduce, {ranks} ranks, {algorithm}"
            part = out / "gpu_all_reduce.part"
            # Ranks that share a GPU take turns on it: one call takes many turns.
            calls = ["-n", "20", "-w", "5"] if ranks == 1 else ["-n", "3", "-w", "1"]
            sizes = ["-b", "1M", "-e", largest, "-f", "8", *calls]
            command = [program, "-g", str(ranks), "--algorithm", algorithm, *sizes]
            command += ["--byzantine", attackers, "--json", str(part), "--timeout", "20"]
            command += ["--commit", record.facts["commit"]]
            record.add(step_of(name, *execute(command, record, log, bundle, 60)))
            if part.exists():
                found[name] = json.loads(part.read_text())
                part.unlink()
                (out / "gpu_all_reduce.json").write_text(json.dumps(found, indent=1) + "\n")


def peers(record: Record, log: Path, out: Path, bundle: Path | None) -> None:
    """torch, and ByzFL and ByzPy where they can be imported, on the same tensors as byzccl."""
    packages = bundle / "peers" if bundle else None
    script = str(ROOT / "benchmarks" / "peers.py")
    options = ["--device", "cuda", "--d", "25600000", "--seconds", "0.3"]
    to = ["--json", str(out / "gpu_peers.json")]
    command = with_extension([script, *options, *to], packages)
    record.add(step_of("peers", *execute(command, record, log, None, 150)))


def sanitize(record: Record, log: Path, bundle: Path | None, checks: Sequence[str]) -> None:
    """compute-sanitizer's tools over a small matrix."""
    program = sanitizer()
    for check in checks:
        name = f"compute-sanitizer {check}"
        if program is None:
            record.add(Step(name, NOT_AVAILABLE, 0, "no compute-sanitizer"))
            continue
        for test, cases in SMALL.items():
            command = [
                program,
                "--tool",
                check,
                "--error-exitcode",
                "86",
                str(build.place_of(test, bundle)),
                ",".join(cases),
            ]
            status, seconds, text = execute(command, record, log, bundle, 60)
            if status not in (0, NOTHING_RUN) and any(word in text for word in UNSUPPORTED):
                record.add(Step(name, NOT_AVAILABLE, seconds, text.strip().splitlines()[0]))
                break
            record.add(step_of(f"{name}, {test}", status, seconds, text))
