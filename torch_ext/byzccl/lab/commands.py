# SPDX-License-Identifier: MIT
"""`python -m byzccl lab`: experiments from the command line."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from byzccl.lab import code_version, fields, plan, shown
from byzccl.lab.environment import cores, environment
from byzccl.lab.experiment import Experiment
from byzccl.lab.recipes import command as answers
from byzccl.lab.store import Store

STORE = "results.sqlite"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="lab", required=True)

    def command(name: str, text: str) -> argparse.ArgumentParser:
        found: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
        found.add_argument(
            "--out", type=Path, default=Path("lab-out"),
            help=f"folder of the results; they are in its {STORE} (default: lab-out)",
        )  # fmt: skip
        found.add_argument("--json", action="store_true", help="print JSON and nothing else")
        return found

    for name, text, many in (
        ("run", "do one run, whether it was done before or not", False),
        ("sweep", "do all runs that are not done yet, over every combination of values", True),
        ("plan", "say what lab sweep would run, and why", True),
    ):
        one = command(name, text)
        one.add_argument("--config", type=Path, help="TOML file with fields; flags count before it")
        if name == "sweep":
            one.add_argument(
                "--parallel", type=int, default=cores(), metavar="N",
                help="runs at a time (default: one a core)",
            )  # fmt: skip
            one.add_argument(
                "--threads", type=int, default=1, metavar="N", help="of torch, a run (default: 1)"
            )
        fields.add_flags(one, many)
    command("list", "list the results")
    command("report", "write a page with all results: OUT/index.html")
    answers.add_arguments(
        command("recipe", "do the runs that answer a question of the field, and answer it"), cores()
    )
    choose = command("choose", "choose hyper-parameters against the worst attack")
    choose.add_argument(
        "--over", nargs="+", default=None, metavar="FIELD", help="fields to choose (default: "
        "those of lr, momentum, schedule, batch, local_steps that have several values)",
    )  # fmt: skip


def main(args: argparse.Namespace) -> int:
    """Returns the exit code: 0, 1 if a run failed, 2 for a mistake of the user."""
    torch.set_num_threads(1)  # what runs are forked from, and so that a result is the same anywhere
    action = {
        "run": run, "sweep": sweep, "plan": show_plan, "list": show_list, "report": report,
        "choose": choose, "recipe": recipe,
    }[args.lab]  # fmt: skip
    try:
        return action(args)
    except (ValueError, OSError, ImportError) as error:
        first = " ".join(str(error).split())
        print(f"lab {args.lab}: {first}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"lab {args.lab}: stopped", file=sys.stderr)
        return 130


def tell(args: argparse.Namespace, content: dict[str, Any], text: str) -> None:
    """Prints the result in the form that was asked for."""
    if args.json:
        print(json.dumps(content, allow_nan=False))
    else:
        print(text)


def wanted(args: argparse.Namespace) -> list[dict[str, Any]]:
    config = fields.read_toml(args.config) if args.config else {}
    return fields.tables(config, fields.given(args))


def opened(args: argparse.Namespace, make: bool = False) -> Store:
    """The store of --out. Raises ValueError if there is none, unless it is to be made."""
    path = args.out / STORE
    if make:
        args.out.mkdir(parents=True, exist_ok=True)
    elif not path.is_file():
        raise ValueError(f"there are no results in {args.out}: lab run and lab sweep make some")
    return Store(path)


def run(args: argparse.Namespace) -> int:
    from byzccl.lab.engines import run_experiment

    tables = wanted(args)
    if len(tables) != 1:
        raise ValueError(f"{args.config} asks for {len(tables)} runs: take lab sweep")
    experiment = fields.single(tables[0]).checked()
    if int(os.environ.get("RANK", 0)) > 0:  # of torchrun: rank 0 keeps and shows the result
        run_experiment(experiment)
        return 0
    plan.possible([experiment])
    settings, where = asdict(experiment), environment()
    with opened(args, make=True) as store:
        key = store.claim(settings, code_version.version_of(settings), where, again=True)
        if key is None:
            raise ValueError("the same run is under way in another process")
        try:
            with shown.Bar(args.json, experiment) as bar:
                outcome = run_experiment(experiment, bar.step)
            assert outcome is not None
        except BaseException as error:
            store.fail(key, f"{type(error).__name__}: {error}")
            raise
        content = {**outcome.to_json(), "versions": where, "key": key}
        store.finish(key, content)
    (args.out / "outcome.json").write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    tell(args, content, shown.outcome(content, args.out))
    return 1 if outcome.failed else 0


def combinations(args: argparse.Namespace) -> list[Experiment]:
    return [one for table in wanted(args) for one in fields.combinations(table)]


def sweep(args: argparse.Namespace) -> int:
    from byzccl.lab import sweep as sweeping

    if args.parallel < 1 or args.threads < 1:
        raise ValueError(
            f"parallel and threads must be at least 1, got {args.parallel} and {args.threads}"
        )
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the runs
    found = plan.possible(combinations(args))
    with opened(args, make=True) as store:
        planned = plan.plan(*found, store)
    with shown.Bars(planned) as bars:
        sweeping.sweep(
            args.out / STORE, planned.runs, args.parallel, args.threads, watch=bars.watch
        )
    with opened(args) as store:
        content = shown.swept(planned, store)
    tell(args, content, shown.swept_text(content, args.out))
    return 1 if content["failed"] else 0


def show_plan(args: argparse.Namespace) -> int:
    found = plan.possible(combinations(args))
    if (args.out / STORE).is_file():
        with opened(args) as store:
            planned = plan.plan(*found, store)
    else:
        planned = plan.plan(*found, None)
    content = shown.planned(planned)
    tell(args, content, shown.planned_text(content))
    return 0


def show_list(args: argparse.Namespace) -> int:
    with opened(args) as store:
        content = shown.listed(store)
    if args.json:
        tell(args, content, "")
    else:
        Console(width=None if sys.stdout.isatty() else 140).print(shown.listed_table(content))
    return 0


def report(args: argparse.Namespace) -> int:
    from byzccl.lab.report import write

    with opened(args) as store:
        content = write(store, args.out / "index.html")
    tell(args, content, f"{content['runs']} runs: {content['page']}")
    return 0


def recipe(args: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the runs
    opened(args, make=True).close()
    content = answers.recipe(args.names, args.quick, args.parallel, args.out / STORE)
    text = answers.markdown(content)
    if args.markdown is not None:
        args.markdown.write_text(text, encoding="utf-8")
    tell(args, content, text)
    lacking = [one for one in content["recipes"] if one["runs"] < one["wanted"]]
    return 1 if lacking else 0


def choose(args: argparse.Namespace) -> int:
    from byzccl.lab import choice

    with opened(args) as store:
        found = choice.choose(store, args.over)
    content = {"choices": [asdict(one) for one in found]}
    tell(args, content, "\n".join(map(choice.sentence, found)) or "nothing to choose from")
    return 0
