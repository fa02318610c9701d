# SPDX-License-Identifier: MIT
"""Training under attack: the mean breaks, the rules do not, and they name the right ranks."""

import numpy as np
import pytest

from byzccl.lab.coordinator import team
from byzccl.lab.data import CLASSES, Dataset
from byzccl.lab.run import BASELINE, Result, Run, Settings, fit

ATTACK = "sign_flip(scale=10)"
ROBUST = [
    "krum",
    "multi_krum",
    "mda",
    "bulyan",
    "geometric_median",
    "guarded_mean",
    "median",
    "trimmed_mean",
]
SETTINGS = Settings(steps=50, batch=128, lr=0.02, model="mlp", evaluations=1, seed=7)


def blobs(side: int = 8, spread: float = 2.0) -> Dataset:
    """Pictures that are one of ten random ones plus noise: a task that is learnt in seconds."""
    random = np.random.default_rng(3)
    centres = random.standard_normal((CLASSES, side, side))

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = random.integers(0, CLASSES, count)
        noise = spread * random.standard_normal((count, side, side))
        return (centres[labels] + noise).astype(np.float32)[:, None], labels

    return Dataset("blobs", *draw(8000), *draw(2000))


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, bool], Result]:
    """Every rule without and under the attack, by name."""
    found = {}
    with team(SETTINGS, blobs()) as workers:
        for name in [BASELINE, *ROBUST]:
            rule, f = fit(name, SETTINGS.workers, SETTINGS.byzantine)
            byzantine = list(range(SETTINGS.workers - f, SETTINGS.workers))
            for attacked in (False, True):
                run = Run(rule, ATTACK if attacked else "none", byzantine)
                found[name, attacked] = workers.train(run)
    return found


def test_the_mean_learns_without_and_breaks_under_attack(results):
    assert results[BASELINE, False].accuracy >= 0.8
    assert results[BASELINE, True].accuracy <= 0.3


@pytest.mark.parametrize("name", ROBUST)
def test_a_robust_rule_learns_as_well_under_attack(results, name):
    clean, attacked = results[name, False], results[name, True]
    assert clean.accuracy >= 0.75
    assert attacked.accuracy >= clean.accuracy - 0.05


@pytest.mark.parametrize("name", ["krum", "mda", "guarded_mean"])
def test_the_attackers_are_left_out(results, name):
    result = results[name, True]
    assert len(result.weights) == SETTINGS.steps
    steps = sum(all(step[rank] == 0 for rank in result.byzantine) for step in result.weights)
    assert steps >= 0.95 * SETTINGS.steps


def test_guarded_mean_without_attack_is_the_mean(results):
    guarded = results["guarded_mean", False]
    assert guarded.exclusion(list(range(SETTINGS.workers))) == 0
    assert abs(guarded.accuracy - results[BASELINE, False].accuracy) <= 0.02


@pytest.mark.parametrize("attacked", [False, True])
@pytest.mark.parametrize("name", ROBUST)
def test_replicas_stay_identical_and_nothing_fails_closed(results, name, attacked):
    result = results[name, attacked]
    assert result.replicas_identical
    assert result.failed_steps == 0
    assert len(result.losses) == SETTINGS.steps
