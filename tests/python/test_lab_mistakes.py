# SPDX-License-Identifier: MIT
"""What the lab's command line refuses, and the examples of its page."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from byzccl.lab import fields
from lab_results import filled


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--rule", "kurm"], "kurm"),
        (["run", "--steps", "many"], "steps must be an integer, got 'many'"),
        (["run", "--lr", "fast"], "lr must be a number, got 'fast'"),
        (["run", "--exact", "maybe"], "exact must be true or false"),
        (["run", "--workers", "5", "--byzantine", "5"], "5"),
        (["run", "--system", "star"], 'unknown system "star"'),
        (["run", "--partition", "dirichlet(alpha=0)"], "alpha > 0"),
        (["run", "--data", "cifar"], 'unknown data "cifar"'),
        (["run", "--data", "mnist:/nowhere"], "/nowhere"),
        (["run", "--model", "vgg", "--data", "synthetic"], 'unknown model "vgg"'),
        (["run", "--attack", "sing_flip"], "sing_flip"),
        (["run", "--no-such-flag"], "--no-such-flag"),
        (["run", "--config", "/nowhere.toml"], "/nowhere.toml"),
        (["sweep", "--rule", "mean", "kurm"], "kurm"),
        (["sweep", "--parallel", "0"], "at least 1, got 0"),
        (["plan", "--seed", "1", "-1"], "seed"),
        (["list"], "no results in"),
        (["report"], "no results in"),
        (["choose"], "no results in"),
        (["frobnicate"], "frobnicate"),
        ([], "required"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(call, out, arguments, message):
    if arguments[:1] not in ([], ["frobnicate"]):
        arguments = [*arguments, "--out", out, "--json"]
    code, text, errors = call(*arguments)
    assert code == 2
    assert text == ""
    assert errors.count("\n") == 1
    assert message in errors
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("steps = ", "sweep.toml: Invalid value"),
        ("stepz = 3", "unknown: stepz"),
        ("steps = 2.5", "steps must be an integer, got 2.5"),
        ("steps = true", "steps must be an integer, got True"),
        ('exact = "maybe"', "exact must be true or false"),
        ("rule = 3", "rule must be text, got 3"),
        ("rule = []", "rule has no value"),
        ("runs = 3", "[[runs]]"),
    ],
)
def test_a_mistake_in_a_file_is_one_line(call, out, tmp_path, content, message):
    path = tmp_path / "sweep.toml"
    path.write_text(content)
    code, text, errors = call("sweep", "--config", path, "--out", out)
    assert (code, text, errors.count("\n")) == (2, "", 1)
    assert message in errors
    assert not out.exists()


def test_a_list_is_for_sweeps(call, out, tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text("steps = [1, 2]")
    code, _, errors = call("run", "--config", path, "--out", out)
    assert code == 2
    assert "steps has several values" in errors


def test_toml_before_python_3_11_needs_a_package(call, out, tmp_path, monkeypatch):
    path = tmp_path / "sweep.toml"
    path.write_text("steps = 1")
    monkeypatch.setitem(sys.modules, "tomllib", None)
    monkeypatch.setitem(sys.modules, "tomli", None)
    code, _, errors = call("plan", "--config", path, "--out", out)
    assert code == 2
    assert "pip install tomli" in errors


DOCS = Path(__file__).parents[2] / "docs" / "lab.md"


def test_the_examples_of_the_docs_can_be_planned(call, tmp_path, monkeypatch):
    """Each command as it stands there, but that runs and sweeps are planned and not done. So all
    recipes are run, quickly."""
    text = DOCS.read_text()
    (config,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "sweep.toml").write_text(config)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab-out").mkdir()
    filled(tmp_path / "lab-out" / "results.sqlite").close()
    lines = re.findall(r"^python -m byzccl lab (.*)$", text, re.MULTILINE)
    assert len(lines) >= 8
    for line in lines:
        name, *rest = shlex.split(line)
        code, _, errors = call("plan" if name in ("run", "sweep") else name, *rest)
        assert code == 0 and (not errors or name == "recipe"), (line, errors)


def test_none_is_nothing_where_a_field_may_be_empty():
    assert fields.value_of("f", "none") is None
    assert fields.value_of("quorum", "3") == 3
    assert fields.value_of("server_attack", "none") == "none"  # an attack like any other
    assert fields.value_of("attack", "none") == "none"
    assert fields.value_of("lr", 1) == 1.0
    with pytest.raises(ValueError, match="workers must be an integer"):
        fields.value_of("workers", "none")
