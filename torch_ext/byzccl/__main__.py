# SPDX-License-Identifier: MIT
"""`python -m byzccl`: the command line."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap

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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m byzccl", description="byzccl's command line")
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
    commands.add_parser("rules", help="list the rules, their bounds and when to use them")
    commands.add_parser("doctor", help="say what is installed here and what is wrong")
    args = parser.parse_args()
    if args.command == "rules":
        return list_rules(max(60, min(100, shutil.get_terminal_size().columns)))
    if args.command == "doctor":
        from byzccl.doctor import main as examine

        return examine()
    try:
        from byzccl.lab.demo import main as run_demo
    except ModuleNotFoundError as error:  # the rest of the command line works without
        package = (error.name or "a package").partition(".")[0]
        print(f'demo: {package} is missing: pip install "byzccl[demo]"', file=sys.stderr)
        return 2
    return run_demo(args)


if __name__ == "__main__":
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own flush
        code = 1
    sys.exit(code)
