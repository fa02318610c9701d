# SPDX-License-Identifier: MIT
"""Builds, tests and measures everything CUDA, what is likeliest to tell something first: the tests,
two of the sanitizer's tools, the first contact with NCCL, the first figures, Python, and only then
all of the benchmarks. What is found is in the out folder after every step, a stage's in a file of
its own once it ends, and a short table comes last.

Without a GPU everything is built and the device double stands in; that ends with 0."""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from . import build, goals, stages
from .machine import ROOT, commit, gpu_facts
from .record import FAILED, NOT_RUN, PASSED, Record, Step, summary

BUDGET = 470.0
OF_TORCH = ("python", "peers")
STAGES = {
    "tests": 120.0,
    "sanitizer": 60.0,
    "contact": 70.0,
    "first": 50.0,
    "python": 300.0,
    "kernels": 260.0,
    "all_reduce": 150.0,
    "peers": 150.0,
    "sanitizer_rest": 60.0,
}
"""In this order; seconds that each may take, its own build aside, and all together BUDGET."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gpu_suite", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="build, test, measure")
    run.add_argument("--bundle", type=Path, help="a folder that `make gpu-bundle` made elsewhere")
    run.add_argument(
        "--deps", type=Path, help="what to build with beside the system: a bundle's deps"
    )
    run.add_argument("--out", type=Path, default=ROOT / "out" / "gpu")
    run.add_argument("--torch", action="store_true", help="build the extension, and run its tests")
    run.add_argument(
        "--only",
        type=lambda text: text.split(","),
        help="some of " + ", ".join(STAGES) + ", with commas between",
    )
    run.add_argument("--quick", action="store_true", help="small benchmarks only")
    run.add_argument("--budget", type=float, default=BUDGET, help="seconds that all of it may take")
    bundle = commands.add_parser("bundle", help="build here, to be run elsewhere")
    for command in (run, bundle):
        command.add_argument("--architectures", default="90")
    options = parser.parse_args()
    if options.command == "run":
        chosen = options.only or [name for name in STAGES if options.torch or name not in OF_TORCH]
        options.stages = set(chosen)
        options.torch = not options.stages.isdisjoint(OF_TORCH)
        if not options.stages.issubset(STAGES):
            parser.error(f"--only: there are {', '.join(STAGES)}")
        if options.bundle is not None and options.torch:
            parser.error("a bundle has no extension: give its deps as --deps instead of --bundle")
    return options


def targets_of(stage: str) -> list[str]:
    """What has to be built before it."""
    if stage in OF_TORCH:
        return ["byzccl_python"]
    if stage in ("tests", "sanitizer", "sanitizer_rest"):
        return build.gpu_programs()
    return [build.BENCHMARK if stage in ("first", "kernels") else build.ALL_REDUCE]


def build_for(record: Record, targets: list[str]) -> bool:
    """False if it failed."""
    begin = time.monotonic()
    state, detail = PASSED, ""
    try:
        build.build(targets)
    except subprocess.CalledProcessError as error:
        state, detail = FAILED, str(error)
    record.add(Step(f"build of {', '.join(targets)}", state, time.monotonic() - begin, detail))
    return state == PASSED


def configure(record: Record, options: argparse.Namespace, with_gpu: bool) -> bool:
    begin = time.monotonic()
    state, detail = PASSED, ""
    try:
        build.configure(
            options.architectures, options.deps, torch=options.torch, strict=not with_gpu
        )
    except subprocess.CalledProcessError as error:
        state, detail = FAILED, str(error)
    record.add(Step("configure", state, time.monotonic() - begin, detail))
    return state == PASSED


def run_stages(record: Record, options: argparse.Namespace, log: Path, bundle: Path | None) -> None:
    """Each builds what it needs, so that the first does not wait for the programs of the last."""
    out, quick = options.out, options.quick
    steps: dict[str, Callable[[], None]] = {
        "tests": lambda: stages.correctness(record, log, bundle, True),
        "sanitizer": lambda: stages.sanitize(record, log, bundle, ("memcheck", "racecheck")),
        "contact": lambda: stages.contact(record, log, bundle),
        "first": lambda: stages.first_figures(record, log, bundle, out),
        "python": lambda: stages.python_tests(record, log),
        "kernels": lambda: stages.benchmarks(record, log, bundle, out, quick),
        "all_reduce": lambda: stages.all_reduce(record, log, bundle, out, quick),
        "peers": lambda: stages.peers(record, log, out, made_with(options)),
        "sanitizer_rest": lambda: stages.sanitize(record, log, bundle, ("initcheck", "synccheck")),
    }
    built: set[str] = set()
    for name, seconds in STAGES.items():
        if name not in options.stages:
            continue
        record.enter(name, float("inf"))
        missing = [target for target in targets_of(name) if target not in built]
        built.update(missing)
        if bundle is not None or not missing or build_for(record, missing):
            record.enter(name, seconds)
            steps[name]()
        record.leave()


def made_with(options: argparse.Namespace) -> Path | None:
    """The bundle that programs or headers come from."""
    if options.bundle:
        return Path(options.bundle).resolve()
    return Path(options.deps).resolve().parent if options.deps else None


def run(options: argparse.Namespace) -> int:
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "log.txt"
    log.write_text("")
    bundle = options.bundle.resolve() if options.bundle else None
    gpu = gpu_facts()
    facts = {**(gpu or {"device": "no GPU"}), "commit": commit(made_with(options))}
    record = Record(
        options.out / "suite.json", facts, budget=options.budget if gpu else float("inf")
    )
    record.save()  # what the machine is
    if bundle is None and not configure(record, options, bool(gpu)):
        pass  # the table says so
    elif gpu:
        run_stages(record, options, log, bundle)
    elif bundle is None:
        every = dict.fromkeys(target for name in options.stages for target in targets_of(name))
        if build_for(record, [*every, *build.DOUBLES]):
            stages.correctness(record, log, None, False)
            stages.doubles(record, log)
    else:
        record.add(Step("all", NOT_RUN, 0, "no GPU: nothing run"))
    print()
    for line in goals.lines(options.out):
        print(line)
    print(summary(record))
    if not gpu:
        print("No GPU here: nothing ran on one.")
    return 1 if record.failed() else 0


def main() -> int:
    options = arguments()
    if options.command == "run":
        return run(options)
    build.configure(options.architectures, None, torch=False)
    build.build([*build.gpu_programs(), *build.BENCHMARKS])
    build.make_bundle()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
