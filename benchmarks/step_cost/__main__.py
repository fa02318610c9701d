# SPDX-License-Identifier: MIT
"""The command line: measures and writes JSON, which benchmarks/report turns into tables."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.step_cost import all_reduce, ddp, machine


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_cost", description=__doc__)
    parser.add_argument("--json", type=Path, required=True, help="rewritten after every setting")
    parser.add_argument("--commit", default="unknown", help="a fact for the JSON")
    parser.add_argument("--ranks", type=int, nargs="+", default=[4, 8], metavar="N")
    parser.add_argument("--megabytes", type=float, nargs="+", default=[1, 25, 100], metavar="MB")
    parser.add_argument("--rules", nargs="+", metavar="RULE", help="of all-reduces")
    parser.add_argument("--step-rules", nargs="+", metavar="RULE", help="of steps of DDP")
    parser.set_defaults(rules=["mean", "guarded_mean(f=1)", "mda(f=1)", "median"])
    parser.set_defaults(step_rules=["mda(f=1)", "median"])
    parser.add_argument("--batch", type=int, default=16, help="of a step that uses the CPU")
    parser.add_argument("--turns", type=int, default=15, help="at most, of each case")
    parser.add_argument("--seconds", type=float, default=8, help="of each setting, roughly")
    parser.add_argument("--only", choices=["all_reduce", "ddp"], help="default: both")
    return parser.parse_args()


class _Record:
    """The JSON, in the form of the kernels' benchmark: facts, and one figure a line."""

    def __init__(self, path: Path, commit: str) -> None:
        self.path = path
        self.facts: dict[str, Any] = {"machine": {**machine.facts(), "commit": commit}}
        self.figures: list[dict[str, Any]] = []

    def save(self) -> None:
        """Whole or not at all."""
        facts = [f"{json.dumps(name)}: {json.dumps(fact)}" for name, fact in self.facts.items()]
        figures = ",\n".join(json.dumps(figure) for figure in self.figures)
        unfinished = self.path.with_suffix(".part")
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text("{\n" + ",\n".join([*facts, f'"figures": [\n{figures}\n]']) + "\n}\n")
        unfinished.rename(self.path)


def _reduces(args: argparse.Namespace, record: _Record) -> None:
    for n in args.ranks:
        for megabytes in args.megabytes:
            print(f"all-reduce, {n} ranks, {megabytes:g} MB", flush=True)
            record.figures += all_reduce.measure(n, megabytes, args.rules, args.turns, args.seconds)
            record.save()


def _steps(args: argparse.Namespace, record: _Record) -> None:
    drawn = (args.ranks[0], min(args.megabytes, key=lambda megabytes: abs(megabytes - 25)))
    for accelerator in (True, False):
        for n in args.ranks:
            for megabytes in args.megabytes:
                kind = "as on an accelerator" if accelerator else "on the CPU"
                print(f"step {kind}, {n} ranks, {megabytes:g} MB", flush=True)
                batch = 1 if accelerator else args.batch
                setting = ddp.Setting(n, megabytes, batch, accelerator)
                figures, traces = ddp.measure(setting, args.step_rules, args.turns, args.seconds)
                record.figures += figures
                if accelerator and (n, megabytes) == drawn:
                    record.facts["trace"] = {"n": n, "megabytes": megabytes, "rules": traces}
                record.save()


def main() -> None:
    args = _arguments()
    start = time.monotonic()
    record = _Record(args.json, args.commit)
    if args.only != "ddp":
        _reduces(args, record)
    if args.only != "all_reduce":
        _steps(args, record)
    print(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
