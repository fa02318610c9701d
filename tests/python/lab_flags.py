# SPDX-License-Identifier: MIT
"""Flags of small runs of the lab."""

SMALL = {"data": "synthetic", "model": "logistic", "workers": "5", "byzantine": "1", "steps": "3",
         "evaluations": "1", "batch": "4"}  # fmt: skip


def quick(**other: str) -> list[str]:
    """Flags of a small run; several values with blanks between."""
    return [word for name, values in (SMALL | other).items()
            for word in (f"--{name}", *values.split())]  # fmt: skip


QUICK = quick()
SWEEP = [*QUICK, "--rule", "mean", "krum", "--attack", "none", "sign_flip", "--seed", "1", "2"]
