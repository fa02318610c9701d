# SPDX-License-Identifier: MIT
"""The rule table and the text of rules, as Python sees them."""

import pytest
import torch

import byzccl
from byzccl import _C


def test_table_lists_every_rule_with_its_bound():
    table = {rule.name: rule for rule in byzccl.rules()}
    assert {"mean", "krum", "multi_krum", "mda", "bulyan", "geometric_median"} <= set(table)
    assert {"guarded_mean", "median", "trimmed_mean"} <= set(table)
    assert table["krum"].bound == "n >= 2 f + 3"
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
