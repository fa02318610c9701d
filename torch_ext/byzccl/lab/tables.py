# SPDX-License-Identifier: MIT
"""The results as tables of text, for the terminal and the page alike."""

from __future__ import annotations

from dataclasses import dataclass

from byzccl.lab.adversary import on_messages
from byzccl.lab.run import BASELINE, Result

FAILED = 0.5  # an accuracy below this share of the plain mean's without attack is marked


@dataclass(frozen=True)
class Cell:
    text: str
    bad: bool = False


@dataclass(frozen=True)
class Table:
    title: str
    head: list[str]
    rows: list[list[Cell]]
    note: str = ""


def unique(items: list[str]) -> list[str]:
    return list(dict.fromkeys(items))


def rule_label(rule: str) -> str:
    return "mean (plain DDP)" if rule == BASELINE else rule


def attack_label(attack: str) -> str:
    return "no attack" if attack == "none" else attack


def find(results: list[Result], rule: str, attack: str) -> Result | None:
    return next((r for r in results if (r.rule, r.attack) == (rule, attack)), None)


def accuracy_table(results: list[Result]) -> Table:
    """Final accuracy, rules down and attacks across, with the speed of each rule."""
    attacks = unique([r.attack for r in results])
    reference = find(results, BASELINE, "none")
    floor = FAILED * reference.accuracy if reference else 0.0
    rows = []
    for rule in unique([r.rule for r in results]):
        mine = [r for r in results if r.rule == rule]
        row = [Cell(rule_label(rule)), Cell(str(len(mine[0].byzantine)))]
        for attack in attacks:
            result = find(results, rule, attack)
            if result is None:
                row.append(Cell("-"))
            else:
                row.append(Cell(f"{100 * result.accuracy:.1f} %", result.accuracy < floor))
        speed = sum(len(r.losses) for r in mine) / max(sum(r.seconds for r in mine), 1e-9)
        rows.append([*row, Cell(f"{speed:.0f}")])
    head = ["rule", "Byz.", *map(attack_label, attacks), "steps/s"]
    note = (
        "Byz.: Byzantine ranks, which is f; a rule whose bound on n does not allow more has fewer."
    )
    if any(on_messages(attack) for attack in attacks):
        note += (
            " Where ranks lie in messages the mean is byzccl's, and accuracy is that of the models "
            "of the other ranks."
        )
    return Table("Accuracy on the test pictures after the last step", head, rows, note)


def exclusion_table(results: list[Result]) -> Table:
    """How often Byzantine and honest ranks had no weight, and the share left to the first."""
    attacked = [r for r in results if r.attack != "none"]
    attacks = unique([r.attack for r in attacked])
    rows = []
    for rule in unique([r.rule for r in attacked]):
        row = [Cell(rule_label(rule))]
        for attack in attacks:
            result = find(attacked, rule, attack)
            row.append(Cell("-" if result is None else exclusion_text(result)))
        rows.append(row)
    note = (
        "Byzantine ranks / honest ranks: mean part of the steps in which they had no weight; then "
        "the share of the update that the Byzantine ranks had together. krum keeps one rank of "
        "all, so it leaves out most honest ranks as well."
    )
    return Table("Who was left out", ["rule", *map(attack_label, attacks)], rows, note)


def exclusion_text(result: Result) -> str:
    if result.rule == BASELINE:
        return "nobody"
    if not result.weights:
        return "per coordinate"
    bad = 100 * result.exclusion(result.byzantine)
    good = 100 * result.exclusion(result.honest())
    return f"{bad:.0f} % / {good:.0f} %, share {100 * result.byzantine_share():.0f} %"


def verdict(results: list[Result]) -> list[str]:
    """One sentence an attack: what became of the plain mean and of the robust rules."""
    lines = []
    for attack in unique([r.attack for r in results]):
        mean = find(results, BASELINE, attack)
        robust = [r for r in results if r.attack == attack and r.rule != BASELINE]
        if mean is None or not robust:
            continue
        best, worst = max(robust, key=accuracy), min(robust, key=accuracy)
        lines.append(
            f"{attack_label(attack)}: plain mean {100 * mean.accuracy:.1f} %, robust rules "
            f"{100 * worst.accuracy:.1f} % ({worst.rule}) to "
            f"{100 * best.accuracy:.1f} % ({best.rule})"
        )
        parted = [r for r in (mean, *robust) if not r.replicas_identical]
        if parted:
            lines[-1] += f"; honest replicas parted in {len(parted)} of {len(robust) + 1} runs"
    return lines


def accuracy(result: Result) -> float:
    return result.accuracy
