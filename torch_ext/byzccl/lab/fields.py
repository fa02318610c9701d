# SPDX-License-Identifier: MIT
"""The fields of an Experiment as flags and as TOML; in a sweep each may have several values."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

from byzccl.lab.experiment import ENGINES, SCHEDULES, SYSTEMS, Experiment

HELP = {
    "system": " | ".join(SYSTEMS),
    "engine": " | ".join(ENGINES),
    "workers": "how many workers",
    "byzantine": "how many of them, the last ones, are Byzantine",
    "servers": "of parameter_server and byzsgd",
    "byzantine_servers": "how many of them, the last ones, are Byzantine",
    "graph": "of gossip: complete, ring, torus, random(degree=4,seed=0), two_cliques, dumbbell, "
    "file:PATH",
    "rule": "text such as krum or nnm+krum(f=2); one without f= gets the declared f; for gossip "
    "also metropolis, self_clip, self_clip(tau=1)",
    "f": "declared to the rule; the number of Byzantine workers unless given",
    "f_servers": "declared for servers; the number of Byzantine servers unless given",
    "attack": "of Byzantine workers: none, label_flip, silent, crash(step=10), slow(seconds=1), "
    "or text such as alie(z=1.5); python -m byzccl demo --help lists them",
    "server_attack": "of Byzantine servers; as --attack unless given",
    "steps": "training steps",
    "seed": "of the model, the data's partition and all that is drawn",
    "data": "auto, fashion-mnist, digits, synthetic, mnist:FOLDER, cifar10:FOLDER or "
    "module:function",
    "model": "mlp, cnn, logistic, resnet18 or module:function",
    "partition": "iid, dirichlet(alpha=0.1), gamma(similarity=0.5), per_label or extreme",
    "batch": "pictures a worker and step",
    "lr": "learning rate",
    "schedule": "of the learning rate: " + " | ".join(SCHEDULES),
    "momentum": "of each worker, below 1",
    "local_steps": "steps of SGD that a worker takes before it answers (FedAvg)",
    "quorum": "answers of workers waited for; all unless given",
    "server_quorum": "models of servers waited for; all unless given",
    "gather_every": "byzsgd: steps from one contraction to the next; 0: never",
    "filters": "byzsgd: workers read one server a step and check what it sends",
    "learn": "gossip: LEARN, with gradients and rounds of agreement",
    "evaluations": "how often the accuracy is measured",
    "exact": "simulated: node by node, with the same bits as processes",
    "delays": "simulated: mean seconds of a message and of a gradient",
    "timeout": "seconds that a node waits for others",
}

Table = Mapping[str, Any]


def kinds() -> dict[str, tuple[type, bool]]:
    """The type of each field, and whether it may be None."""
    hints, found = get_type_hints(Experiment), {}
    for field in fields(Experiment):
        options = get_args(hints[field.name]) or (hints[field.name],)
        kind = next(option for option in options if option is not NoneType)
        found[field.name] = (kind, NoneType in options)
    return found


def value_of(name: str, value: Any) -> Any:
    """The value, given as text or as TOML has it, in its field's type. Raises ValueError."""
    kind, optional = kinds()[name]
    if kind is str and isinstance(value, str):
        return value  # "none" among them: a server_attack of none is one that is given
    if optional and value in (None, "none"):
        return None
    try:
        if kind is bool:
            return value if isinstance(value, bool) else {"true": True, "false": False}[value]
        taken = (str, int) if kind is int else (str, int, float)
        if kind is not str and isinstance(value, taken) and not isinstance(value, bool):
            return kind(value)
    except (ValueError, KeyError, TypeError):
        pass
    wanted = {bool: "true or false", int: "an integer", float: "a number", str: "text"}[kind]
    raise ValueError(f"{name} must be {wanted}, got {value!r}")


def add_flags(parser: argparse.ArgumentParser, many: bool) -> None:
    """A flag for each field; only those given are in the result. `many`: each takes a list."""
    group = parser.add_argument_group(
        "the experiment", "each may have several values: --rule krum mda" if many else None
    )
    for field in fields(Experiment):
        kind, _ = kinds()[field.name]
        shown = "unless given otherwise" if field.default is None else f"default: {field.default}"
        text = HELP.get(field.name, "") + ("" if field.default is None else f" ({shown})")
        flag = "--" + field.name.replace("_", "-")
        metavar = {bool: "true|false", int: "N", float: "X"}.get(kind, field.name.upper())
        if many:
            group.add_argument(
                flag, nargs="+", action="extend", default=argparse.SUPPRESS, metavar=metavar,
                help=text.replace("%", "%%"),
            )  # fmt: skip
        elif kind is bool:
            group.add_argument(
                flag, nargs="?", const="true", default=argparse.SUPPRESS, metavar=metavar,
                help=text.replace("%", "%%"),
            )  # fmt: skip
        else:
            group.add_argument(
                flag, default=argparse.SUPPRESS, metavar=metavar, help=text.replace("%", "%%")
            )


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The fields among what was given on the command line."""
    return {field.name: vars(args)[field.name] for field in fields(Experiment)
            if field.name in vars(args)}  # fmt: skip


def read_toml(path: Path) -> dict[str, Any]:
    """Raises ValueError for what is not TOML, OSError, ModuleNotFoundError before Python 3.11."""
    try:
        import tomllib
    except ModuleNotFoundError:
        try:
            import tomli as tomllib  # type: ignore[import-not-found, no-redef, unused-ignore]
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "reading TOML needs Python 3.11 or the package tomli: pip install tomli"
            ) from None
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None


def tables(config: Table, flags: Table) -> list[dict[str, Any]]:
    """What is asked for: fields with a value or a list. Flags count before the file.

    A file may have several [[runs]], each of which adds to what stands above them. Raises
    ValueError for a name that is no field.
    """
    config = dict(config)
    parts = config.pop("runs", [{}])
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise ValueError("runs must be tables: [[runs]]")
    found = [{**config, **part, **flags} for part in parts]
    known = {field.name for field in fields(Experiment)}
    for table in found:
        table.update({key.replace("-", "_"): table.pop(key) for key in list(table) if "-" in key})
        if unknown := sorted(set(table) - known):
            raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    return found


def single(table: Table) -> Experiment:
    """The one experiment that the table asks for. Raises ValueError for a list."""
    for name, value in table.items():
        if isinstance(value, list):
            raise ValueError(f"{name} has several values: only lab sweep and lab plan take them")
    return Experiment(**{name: value_of(name, value) for name, value in table.items()})


def combinations(table: Table) -> list[Experiment]:
    """Every combination of the values, the last field given varying fastest."""
    lists = {
        name: [value_of(name, one) for one in (value if isinstance(value, list) else [value])]
        for name, value in table.items()
    }
    for name, values in lists.items():
        if not values:
            raise ValueError(f"{name} has no value")
    return [
        Experiment(**dict(zip(lists, chosen, strict=True)))
        for chosen in itertools.product(*lists.values())
    ]
