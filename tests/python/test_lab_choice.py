# SPDX-License-Identifier: MIT
"""Hyper-parameters chosen against the worst attack."""

import json
import sys

import pytest

from byzccl.__main__ import main
from byzccl.lab import choice
from byzccl.lab.results import HYPER, done
from byzccl.lab.store import Store
from lab_results import add


@pytest.fixture
def store(tmp_path):
    """The best under no attack is worst under its worst; another rule has another best."""
    with Store(tmp_path / "results.sqlite") as made:
        for seed, more in ((1, -0.02), (2, 0.02)):
            for rule, lr, momentum, calm, attacked in (
                ("krum", 0.1, 0.0, 0.80, 0.60),
                ("krum", 0.5, 0.0, 0.95, 0.20),
                ("krum", 0.1, 0.9, 0.70, 0.65),  # its worst is the largest
                ("mda", 0.1, 0.0, 0.60, 0.90),
                ("mda", 0.5, 0.0, 0.70, 0.75),
            ):
                for attack, accuracy in (("none", calm), ("alie", attacked)):
                    add(made, accuracy + more, rule=rule, lr=lr, momentum=momentum, seed=seed,
                        attack=attack)  # fmt: skip
        yield made


def test_the_largest_minimum_over_attacks(store):
    krum, mda = choice.choose(store)
    assert krum.setting["rule"] == "krum"
    assert krum.chosen == {"lr": 0.1, "momentum": 0.9}
    assert (krum.worst_attack, krum.seeds, krum.attacks) == ("alie", (1, 2), ("alie", "none"))
    assert krum.accuracy == pytest.approx(0.65)
    assert krum.deviation == pytest.approx(0.02 * 2**0.5)
    assert [c.values["lr"] for c in krum.candidates] == [0.1, 0.1, 0.5]
    assert mda.chosen == {"lr": 0.5, "momentum": 0.0}
    assert (mda.worst_attack, round(mda.accuracy, 9)) == ("none", 0.7)


def test_some_fields_only(store):
    """What is not chosen over tells settings apart."""
    found = choice.choose(store, ["lr"])
    assert [(c.setting["rule"], c.setting["momentum"], c.chosen["lr"]) for c in found] == [
        ("krum", 0.0, 0.1), ("mda", 0.0, 0.5)
    ]  # fmt: skip


def test_who_has_not_met_every_attack_is_not_compared(store):
    add(store, 0.99, rule="krum", lr=1.0, seed=1, attack="none")
    krum, _ = choice.choose(store)
    assert krum.chosen == {"lr": 0.1, "momentum": 0.9}
    assert krum.incomplete == 1


def test_a_run_that_ended_early_is_the_worst(store):
    for seed in (1, 2):
        for attack, accuracy in (("none", 0.99), ("alie", -1)):
            add(store, accuracy, rule="krum", lr=1.0, seed=seed, attack=attack)
    krum, _ = choice.choose(store)
    assert krum.chosen["lr"] == 0.1
    assert krum.candidates[-1].accuracy == 0


def test_pictures_show_the_chosen_ones(store):
    results = done(store)
    kept = choice.only_chosen(results, choice.choices(results), HYPER)
    assert {(r.settings["rule"], r.settings["lr"], r.settings["momentum"]) for r in kept} == {
        ("krum", 0.1, 0.9), ("mda", 0.5, 0.0)
    }  # fmt: skip
    assert len(kept) == 8


def test_nothing_to_choose_from(tmp_path):
    with Store(tmp_path / "r.sqlite") as store:
        add(store, 0.5)
        assert choice.choose(store) == []


@pytest.mark.parametrize("name", ["attack", "seed", "rule", "nothing"])
def test_what_cannot_be_chosen_over_is_told(store, name):
    with pytest.raises(ValueError, match=f'"{name}" cannot be chosen over'):
        choice.choose(store, [name])


def test_the_command_says_it(store, tmp_path, monkeypatch, capsys):
    arguments = ["byzccl", "lab", "choose", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert main() == 0
    assert "krum: lr 0.1, momentum 0.9, the best of 3: accuracy 65.0 % under" in (
        capsys.readouterr().out
    )
    monkeypatch.setattr(sys, "argv", [*arguments, "--json"])
    assert main() == 0
    found = json.loads(capsys.readouterr().out)["choices"]
    assert [one["chosen"]["lr"] for one in found] == [0.1, 0.5]
