# SPDX-License-Identifier: MIT
"""Rules and steps in Python: their dataclasses, the tables of the core, text, reports."""

import copy
import dataclasses
import inspect
import pickle

import pytest
import torch

import byzccl
from byzccl import _C, Arc, Bucketing, Clip, Krum, Mda, Median, MultiKrum, Nnm, Rule

EVERY = [(info, info.rule) for info in byzccl.rules()]
EVERY += [(info, info.step) for info in byzccl.steps()]


@pytest.mark.parametrize(("info", "term"), EVERY, ids=lambda x: getattr(x, "name", None))
def test_a_dataclass_says_what_the_core_checks(info, term):
    """Fails where a rule of csrc/rule_table.cpp has no dataclass in Python, or another one."""
    assert getattr(byzccl, term.__name__) is term and term.__name__ in byzccl.__all__
    kinds = {"int": (int, True), "float": (float, True)}
    kinds |= {"int | None": (int, False), "float | None": (float, False)}
    stated = [
        (field.name, *kinds[field.type])
        for field in dataclasses.fields(term)
        if field.name not in ("steps", "text")
    ]
    assert stated == [(p.name, p.type, p.required) for p in info.parameters]
    optional = inspect.signature(term).parameters
    assert all(optional[p.name].default is None for p in info.parameters if not p.required)
    said = " ".join(term.__doc__.split())
    assert f"Needs {info.bound.split(' and ')[0]}" in said
    for p in info.parameters:
        assert f" {p.name}: " in said
        assert p.required == (p.default == "")
        assert p.required or p.default in said, p.default


def test_no_dataclass_is_without_a_rule():
    assert {info.rule for info in byzccl.rules()} == set(Rule.__subclasses__())
    assert {info.step for info in byzccl.steps()} == set(byzccl.Step.__subclasses__())


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Krum(2), "krum(f=2)"),
        (Krum(f=2, neighbors=3), "krum(f=2,neighbors=3)"),
        (Median(), "median"),
        (byzccl.GuardedMean(f=1, threshold=2.5), "guarded_mean(f=1,threshold=2.5)"),
        (Clip(tau=1e-7) + Median(f=1), "clip(tau=1e-07)+median(f=1)"),
        (Clip(tau=2.0) + Median(), "clip(tau=2)+median"),
        (Nnm() + Krum(f=2), "nnm+krum(f=2)"),
        (
            Bucketing(s=2, seed=5) + Arc() + Nnm(f=1) + MultiKrum(f=1, m=2),
            "bucketing(s=2,seed=5)+arc+nnm(f=1)+multi_krum(f=1,m=2)",
        ),
        (Bucketing(s=2) + (Arc() + Nnm()) + Mda(f=1), "bucketing(s=2)+arc+nnm+mda(f=1)"),
    ],
)
def test_text_of_a_dataclass_and_back(rule, text):
    assert str(rule) == rule.text == text
    assert Rule.parse(text) == rule and hash(Rule.parse(text)) == hash(rule)
    assert type(rule).parse(text) == rule
    assert eval(repr(rule), vars(byzccl)) == rule
    for twin in (pickle.loads(pickle.dumps(rule)), copy.deepcopy(rule)):
        assert twin == rule and twin.text == text


def test_dataclasses_are_checked_by_the_core():
    with pytest.raises(byzccl.InvalidArgument, match="krum needs f >= 0, got f = -1"):
        Krum(f=-1)
    with pytest.raises(ValueError, match="clip needs tau > 0"):
        Clip(tau=0)
    with pytest.raises(byzccl.InvalidArgument, match="tau must be a finite number"):
        Clip(tau=float("nan"))
    with pytest.raises(byzccl.InvalidArgument, match="f must be an integer"):
        Krum(f=2.0)
    for value in (True, "1,neighbors=2", torch.ones(1)):
        with pytest.raises(byzccl.InvalidArgument, match="f must be a number"):
            Krum(f=value)
    with pytest.raises(byzccl.InvalidArgument, match="steps come in the order"):
        Nnm() + Bucketing(s=2) + Krum(f=1)
    with pytest.raises(byzccl.InvalidArgument, match='"median" is not krum'):
        Krum.parse("median")
    with pytest.raises(TypeError):
        Krum(f=1) + Nnm()
    with pytest.raises(dataclasses.FrozenInstanceError):
        Krum(f=1).f = 2


def test_a_changed_copy_has_its_own_text():
    rule = dataclasses.replace(Nnm() + Krum(f=1), f=2)
    assert rule.text == "nnm+krum(f=2)" and rule != Nnm() + Krum(f=1)


def test_functions_take_dataclasses():
    x = torch.randn(7, 5)
    rule = Nnm() + Krum(f=1)
    assert torch.equal(byzccl.aggregate(x, rule), byzccl.aggregate(x, "nnm+krum(f=1)"))
    assert byzccl.explain(x, rule).rule == "nnm+krum(f=1)"


def test_table_lists_every_rule_with_its_bound():
    table = {rule.name: rule for rule in byzccl.rules()}
    assert {"mean", "krum", "multi_krum", "mda", "bulyan", "geometric_median"} <= set(table)
    assert {"guarded_mean", "median", "trimmed_mean"} <= set(table)
    assert table["krum"].bound == "n >= 2 f + 3" and table["krum"].rule is Krum
    costs = {name: table[name].cost for name in ("krum", "bulyan", "median", "mean")}
    assert costs == {
        "krum": "distances",
        "bulyan": "distances, columns",
        "median": "columns",
        "mean": "sum",
    }
    m = table["multi_krum"].parameters[1]
    assert (m.name, m.type, m.bound, m.default) == ("m", int, "1 <= m <= n - f", "n - f - 2")
    assert [p.name for p in table["krum"].parameters] == ["f", "neighbors"]
    assert table["krum"].parameters[0].required
    assert all(rule.advice for rule in table.values())


def test_text_round_trips_and_errors_help():
    assert _C.canonical(" krum ( f = 2 ) ") == "krum(f=2)"
    with pytest.raises(byzccl.InvalidArgument, match='unknown rule "kurm"; did you mean krum'):
        _C.canonical("kurm(f=1)")
    with pytest.raises(ValueError, match="krum needs f"):
        _C.canonical("krum")


def test_explain_says_who_was_selected():
    x = torch.tensor([[8, 2], [8, 5], [4, 6], [2, 4], [9, 2], [4, 2], [2, 1]], dtype=torch.float32)
    report = byzccl.explain(x, "krum(f=2)")
    assert report.scores.tolist() == [26, 36, 41, 25, 36, 29, 43]
    assert report.weights.tolist() == [0, 0, 0, 1, 0, 0, 0]
    assert report.excluded == (0, 1, 2, 4, 5, 6)
    assert report.rule == "krum(f=2)" and report.algorithm == "local"
    assert report.distances.shape == (7, 7) and report.distances[0, 1] == 9
    assert not report.failed and report.broken == ()


def test_report_of_a_column_rule_is_empty_where_there_is_nothing():
    report = byzccl.explain(torch.randn(5, 3), "median")
    assert report.weights.numel() == 0
    assert report.distances.shape == (0, 0)
    assert report.excluded == ()
