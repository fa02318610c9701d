# SPDX-License-Identifier: MIT
"""`python -m byzccl`: the command line."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from typing import NoReturn

import byzccl


def _signature(name: str, parameters: tuple[byzccl.ParameterInfo, ...]) -> str:
    parts = [p.name if p.required else f"{p.name}=" for p in parameters]
    return f"{name}({', '.join(parts)})" if parts else name


def list_rules(width: int) -> int:
    """Every rule and step with its parameters, its bound on n and when to use it."""

    def entry(text: str, bound: str, cost: str, advice: str) -> None:
        print(f"{text:35} {bound:14} {cost}".rstrip())
        print(textwrap.fill(advice, width, initial_indent="    ", subsequent_indent="    "))

    print(f"{'rule':35} {'needs':14} cost\n")
    for rule in byzccl.rules():
        # A long bound would push the cost out of its column.
        bound, _, more = rule.bound.partition(" and ")
        advice = f"{rule.advice}; needs {more} too" if more else rule.advice
        entry(_signature(rule.name, rule.parameters), bound, rule.cost, advice)
    print("\nsteps before a rule, in this order:\n")
    for step in byzccl.steps():
        entry(_signature(step.name, step.parameters), step.bound, "", step.advice)
    notes = (
        "A parameter that ends in = may be left out. n: ranks, f: Byzantine ranks tolerated. cost: "
        'one pass over the vectors, "columns" sorts each column, "distances" takes all n (n - 1) / '
        "2 of them first. Steps are written in front: nnm+krum(f=2), or in Python byzccl.Nnm() + "
        "byzccl.Krum(f=2)."
    )
    print("\n" + textwrap.fill(notes, width))
    return 0


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line; so do the parsers of the commands, which are of its kind."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help lists what there is)\n")


def main() -> int:
    parser = Parser(prog="python -m byzccl", description="byzccl's command line")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo",
        help="train with Byzantine workers, with and without robust rules",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    # The lab needs matplotlib and rich; the rest of the command line must work without.
    if "demo" in sys.argv[1:2]:
        from byzccl.lab.options import add_arguments

        add_arguments(demo)
    lab = commands.add_parser(
        "lab", help="run experiments, keep their results, make a page of them"
    )
    if "lab" in sys.argv[1:2]:
        try:
            from byzccl.lab.commands import add_arguments as add_lab
        except ModuleNotFoundError as error:
            return missing("lab", error)
        add_lab(lab)
    commands.add_parser("rules", help="list the rules, their bounds and when to use them")
    commands.add_parser("doctor", help="say what is installed here and what is wrong")
    args = parser.parse_args()
    if args.command == "rules":
        return list_rules(max(60, min(100, shutil.get_terminal_size().columns)))
    if args.command == "doctor":
        from byzccl.doctor import main as examine

        return examine()
    if args.command == "lab":
        from byzccl.lab.commands import main as run_lab

        return run_lab(args)
    try:
        from byzccl.lab.demo import main as run_demo
    except ModuleNotFoundError as error:
        return missing("demo", error)
    return run_demo(args)


def missing(command: str, error: ModuleNotFoundError) -> int:
    """Says which package a command needs; the rest of the command line works without."""
    package = (error.name or "a package").partition(".")[0]
    print(f'{command}: {package} is missing: pip install "byzccl[demo]"', file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own flush
        code = 1
    sys.exit(code)
