# SPDX-License-Identifier: MIT
"""`python -m byzccl`: the command line."""

from __future__ import annotations

import argparse
import sys

import byzccl


def list_rules() -> int:
    """Every rule with its parameters, its bound on n and when to use it."""
    for rule in byzccl.rules():
        parts = [p.name if p.required else f"{p.name}=" for p in rule.parameters]
        text = f"{rule.name}({', '.join(parts)})" if parts else rule.name
        print(f"{text:38} {rule.bound:14} {rule.advice}")
    print("\nA parameter that ends in = may be left out. n: ranks, f: Byzantine ranks tolerated.")
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
    args = parser.parse_args()
    if args.command == "rules":
        return list_rules()
    from byzccl.lab.demo import main as run_demo

    return run_demo(args)


if __name__ == "__main__":
    sys.exit(main())
