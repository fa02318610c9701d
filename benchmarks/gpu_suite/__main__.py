# SPDX-License-Identifier: MIT
"""Builds, tests and measures everything CUDA. Correctness comes first, then benchmarks, then the
sanitizer; what is found is in the out folder after every step, and a short table comes last.

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
STAGES = ("tests", "python", "kernels", "all_reduce", "peers", "sanitizer")


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


def build_all(record: Record, options: argparse.Namespace, with_gpu: bool) -> bool:
    """False if it failed."""
    begin = time.monotonic()
    needs = {
        build.BENCHMARK: ("kernels",),
        build.ALL_REDUCE: ("all_reduce",),
        "byzccl_python": OF_TORCH,
        **dict.fromkeys(build.gpu_programs(), ("tests", "sanitizer")),
    }
    targets = [name for name, of in needs.items() if not options.stages.isdisjoint(of)]
    if not with_gpu:
        targets = [name for name, of in needs.items() if of != OF_TORCH or options.torch]
        targets += build.DOUBLES
    state, detail = PASSED, ""
    try:
        build.configure(
            options.architectures, options.deps, torch=options.torch, strict=not with_gpu
        )
        build.build(targets)
    except subprocess.CalledProcessError as error:
        state, detail = FAILED, str(error)
    record.add(Step("build", state, time.monotonic() - begin, detail))
    return state == PASSED


def run(options: argparse.Namespace) -> int:
    options.out.mkdir(parents=True, exist_ok=True)
    log = options.out / "log.txt"
    log.write_text("")
    bundle = options.bundle.resolve() if options.bundle else None
    made_with = bundle or (options.deps.resolve().parent if options.deps else None)
    gpu = gpu_facts()
    facts = {**(gpu or {"device": "no GPU"}), "commit": commit(made_with)}
    record = Record(
        options.out / "suite.json", facts, budget=options.budget if gpu else float("inf")
    )
    ready = bundle is not None or build_all(record, options, bool(gpu))
    if not ready:
        pass  # the table says so
    elif gpu:
        out, quick = options.out, options.quick
        steps: dict[str, Callable[[], None]] = {
            "tests": lambda: stages.correctness(record, log, bundle, True),
            "python": lambda: stages.python_tests(record, log),
            "kernels": lambda: stages.benchmarks(record, log, bundle, out, quick),
            "all_reduce": lambda: stages.all_reduce(record, log, bundle, out, quick),
            "peers": lambda: stages.peers(record, log, out, made_with),
            "sanitizer": lambda: stages.sanitize(record, log, bundle),
        }
        for name in STAGES:
            if name in options.stages:
                steps[name]()
    elif bundle is None:
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
