# SPDX-License-Identifier: MIT
"""The demo's command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import byzccl
from byzccl.lab import model
from byzccl.lab.adversary import LABEL_FLIP
from byzccl.lab.run import Settings

RULES = [
    "mean",
    "krum",
    "multi_krum",
    "mda",
    "median",
    "trimmed_mean",
    "geometric_median",
    "guarded_mean",
    "bulyan",
]
ATTACKS = ["none", "sign_flip(scale=10)", "alie(z=1.5)", "nan"]


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults behind each option, and the list below as it is."""


def known_attacks() -> list[tuple[str, str]]:
    """Every attack as it may be written, with its description."""
    listed = [(info.signature, info.description) for info in byzccl.attack.attacks()]
    return [*listed, (LABEL_FLIP, "honest gradients of labels 9 - y: poisoned data")]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Every default is the one that `make demo` runs."""
    d = Settings()
    parser.formatter_class = Help
    parser.epilog = "attacks, with their defaults (docs/attacks.md has formulas and sources):\n"
    parser.epilog += "\n".join(f"  {name:36} {text}" for name, text in known_attacks())
    add = parser.add_argument
    add("--workers", type=int, default=d.workers, help="processes, one rank each")
    add("--byzantine", type=int, default=d.byzantine, help="how many of them, the last ranks, lie")
    add(
        "--attack",
        nargs="+",
        default=ATTACKS,
        metavar="ATTACK",
        help="texts such as alie(z=1.5); the list is below",
    )
    add(
        "--rules",
        nargs="+",
        default=RULES,
        metavar="RULE",
        help="names, or text such as krum(f=1); mean is plain DDP",
    )
    add("--algorithm", choices=("sharded", "ring"), default=d.algorithm)
    add("--steps", type=int, default=d.steps, help="training steps a run")
    add("--batch", type=int, default=d.batch, help="pictures a rank and step")
    add("--lr", type=float, default=d.lr, help="learning rate at the start")
    add("--momentum", type=float, default=d.momentum)
    add("--model", choices=model.MODELS, default=d.model)
    add("--data", choices=("auto", "fashion-mnist", "digits", "synthetic"), default=d.data)
    add("--seed", type=int, default=d.seed)
    add("--out", type=Path, default=Path("demo-out"), help="folder for the results")
