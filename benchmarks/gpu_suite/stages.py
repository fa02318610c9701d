# SPDX-License-Identifier: MIT
"""The steps of the suite: each runs programs and adds to the record."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from . import build
from .machine import ROOT, sanitizer, tool
from .record import FAILED, NOT_AVAILABLE, NOT_RUN, PASSED, Record, Step

NOTHING_RUN = 77
"""What a program ends with that found no GPU."""

SMALL = {
    "pairwise_kernels_gpu": ["norms are*", "large tiles*", "values that are not finite*"],
    "steps_cuda_gpu": ["a rule that fails closed*", "the output may be*"],
}
"""What the sanitizer runs: a small matrix, since it slows every access down."""

UNSUPPORTED = ("not supported", "Unable to", "LibraryNotLoaded", "unsupported")


def execute(
    command: list[str], record: Record, log: Path, bundle: Path | None, most: float
) -> tuple[int | None, float, str]:
    """Its exit status (None: the time was up), seconds, and output, which also goes to the log."""
    begin = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=build.environment(bundle),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=max(1.0, min(most, record.left())),
            check=False,
        )
        status: int | None = done.returncode
        text = done.stdout
    except subprocess.TimeoutExpired as expired:
        status = None
        text = (expired.stdout or b"").decode(errors="replace")
    with log.open("a") as file:
        file.write(f"$ {' '.join(command)}\n{text}\n")
    return status, time.monotonic() - begin, text


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
        command = [str(build.place_of(program, bundle))]
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
    """Those that need a GPU, with the extension of this build."""
    command = with_extension(["-m", "pytest", "-q", str(ROOT / "tests" / "python" / "gpu")], None)
    status, seconds, text = execute(command, record, log, None, 120)
    if status == 0 and not re.search(r"\b[1-9]\d* passed", text):
        status = NOTHING_RUN  # all of them were skipped
    record.add(step_of("Python on the GPU", status, seconds, text))


def benchmarks(record: Record, log: Path, bundle: Path | None, out: Path, quick: bool) -> None:
    """Kernels and rules; float32 and bfloat16 over all n first, the other types at one n."""
    program = str(build.place_of(build.BENCHMARK, bundle))
    commit = ["--commit", record.facts["commit"]]
    small = ["--n", "4,16", "--d", "1000000", "--seconds", "0.02"]
    others = ["--n", "16", "--d", "25600000", "--dtypes", "float16,float64"]
    runs = {
        "kernels": small if quick else ["--budget", "200"],
        "kernels_other_types": [*others, "--steps", "distances,weighted_sum,columns"],
    }
    for name, options in runs.items():
        to = ["--json", str(out / f"gpu_{name}.json")]
        found = execute([program, *commit, *to, *options], record, log, bundle, 260)
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
            sizes = ["-b", "1M", "-e", largest, "-f", "8", "-n", "5", "-w", "2"]
            command = [program, "-g", str(ranks), "--algorithm", algorithm, *sizes]
            command += ["--byzantine", attackers, "--json", str(part), "--timeout", "20"]
            command += ["--commit", record.facts["commit"]]
            record.add(step_of(name, *execute(command, record, log, bundle, 45)))
            if part.exists():
                found[name] = json.loads(part.read_text())
                part.unlink()
                (out / "gpu_all_reduce.json").write_text(json.dumps(found, indent=1) + "\n")


def peers(record: Record, log: Path, out: Path, packages: Path | None) -> None:
    """torch, and ByzFL and ByzPy where they can be imported, on the same tensors as byzccl."""
    script = str(ROOT / "benchmarks" / "peers.py")
    options = ["--device", "cuda", "--d", "25600000", "--seconds", "0.3"]
    to = ["--json", str(out / "gpu_peers.json")]
    command = with_extension([script, *options, *to], packages)
    record.add(step_of("peers", *execute(command, record, log, None, 90)))


def sanitize(record: Record, log: Path, bundle: Path | None) -> None:
    """compute-sanitizer's four tools over a small matrix."""
    program = sanitizer()
    for check in ("memcheck", "racecheck", "initcheck", "synccheck"):
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
