# SPDX-License-Identifier: MIT
"""`python -m byzccl lab`: run, sweep, plan, list, choose, and what they say of mistakes."""

import contextlib
import json
import multiprocessing
import os
import sqlite3
import sys
import time
from pathlib import Path

import pytest

import byzccl
from byzccl.__main__ import main
from byzccl.lab import fields
from byzccl.lab.experiment import Experiment
from byzccl.lab.store import Store
from lab_flags import QUICK, SWEEP, quick


def rows(out: Path, columns: str = "key, state, attempts") -> list[tuple]:
    with sqlite3.connect(out / "results.sqlite") as base:
        return base.execute(f"SELECT {columns} FROM runs").fetchall()


def test_run_prints_json_alone(call, out):
    code, text, errors = call("run", *QUICK, "--attack", "sign_flip", "--out", out, "--json")
    assert (code, errors) == (0, "")
    content = json.loads(text)
    promised = {"system", "engine", "rule", "attack", "accuracy", "curve", "spread", "heard",
                "bytes_sent", "seconds", "versions", "failed"}  # fmt: skip
    assert promised <= set(content)
    assert len(content["spread"]) == len(content["heard"]) == 3
    assert content["versions"]["byzccl"] == byzccl.__version__
    assert content["experiment"]["workers"] == 5
    assert json.loads((out / "outcome.json").read_text()) == content
    assert [state for _, state, _ in rows(out)] == ["done"]


def test_run_for_a_reader(call, out):
    code, text, _ = call("run", *QUICK, "--out", out)
    assert code == 0
    assert "parameter_server (simulated), mda against none: accuracy" in text


def test_run_runs_again(call, out):
    first, second = (json.loads(call("run", *QUICK, "--out", out, "--json")[1]) for _ in range(2))
    assert first["accuracy"] == second["accuracy"]
    assert [attempts for _, _, attempts in rows(out)] == [2]


def test_every_field_has_a_flag_and_its_help(call):
    text = " ".join(call("run", "--help")[1].split())
    assert set(fields.HELP) == set(Experiment.__dataclass_fields__)
    for name in Experiment.__dataclass_fields__:
        assert "--" + name.replace("_", "-") + " " in text


CONFIG = """
data = "synthetic"
model = "logistic"
workers = 5
byzantine = 1
steps = 3
evaluations = 1
batch = 4
seed = [1, 2]
[[runs]]
rule = ["mean", "krum"]
attack = ["none", "sign_flip"]
[[runs]]
system = "ring"
rule = "mean"
server-attack = "none"
"""


def test_a_toml_file_asks_for_the_same_as_flags(call, out, tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(CONFIG)
    content = json.loads(call("plan", "--config", path, "--out", out, "--json")[1])
    assert content["to_run"] == len(content["runs"]) == 10
    by_flags = json.loads(call("plan", *SWEEP, "--out", out, "--json")[1])
    keys = {run["key"] for run in content["runs"]}
    assert {run["key"] for run in by_flags["runs"]} < keys
    # Flags count before the file.
    fewer = json.loads(call("plan", "--config", path, "--seed", "2", "--json")[1])
    assert len(fewer["runs"]) == 5
    assert {run["key"] for run in fewer["runs"]} < keys


def test_lists_repeated_or_in_a_row(call, out):
    plans = [
        json.loads(call("plan", *QUICK, *rules, "--out", out, "--json")[1])
        for rules in (["--rule", "mean", "krum"], ["--rule", "mean", "--rule", "krum"])
    ]
    assert plans[0] == plans[1]
    assert len(plans[0]["runs"]) == 2


def test_sweep_does_what_plan_says_and_then_nothing(call, out):
    planned = json.loads(call("plan", *SWEEP, "--out", out, "--json")[1])
    assert {run["why"] for run in planned["runs"]} == {"new"}
    assert not out.exists()  # a plan changes nothing
    code, text, _ = call("sweep", *SWEEP, "--out", out, "--json")
    content = json.loads(text)
    assert code == 0
    assert (content["done"], content["failed"], content["done_before"]) == (8, 0, 0)
    assert [run["key"] for run in content["runs"]] == [run["key"] for run in planned["runs"]]
    assert {attempts for _, _, attempts in rows(out)} == {1}
    again = json.loads(call("plan", *SWEEP, "--out", out, "--json")[1])
    assert again["to_run"] == 0
    assert {run["why"] for run in again["runs"]} == {"done"}
    assert json.loads(call("sweep", *SWEEP, "--out", out, "--json")[1])["done_before"] == 8
    assert {attempts for _, _, attempts in rows(out)} == {1}
    listed = json.loads(call("list", "--out", out, "--json")[1])["runs"]
    assert len(listed) == 8
    assert {run["state"] for run in listed} == {"done"}
    assert "sign_flip" in call("list", "--out", out)[1]


def test_runs_beside_one_another_give_what_they_give_alone(call, out):
    call("sweep", *SWEEP, "--out", out, "--parallel", "3")
    alone = json.loads(call("run", *QUICK, "--rule", "krum", "--attack", "sign_flip", "--seed",
                            "2", "--out", out / "alone", "--json")[1])  # fmt: skip
    found = [
        json.loads(outcome)
        for settings, outcome in rows(out, "settings, outcome")
        if json.loads(settings) == alone["experiment"]
    ]
    assert [one["curve"][-1][2] for one in found] == [alone["curve"][-1][2]]
    assert found[0]["heard"] == alone["heard"]


@contextlib.contextmanager
def started(*arguments: str, progress: Path):
    """The command in a forked process, its own and its runs' only trace being `progress`."""

    def live() -> None:
        os.dup2(os.open(progress, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        sys.stderr = open(2, "w", buffering=1)  # noqa: SIM115
        sys.argv = ["byzccl", "lab", *arguments]
        os._exit(main())

    process = multiprocessing.get_context("fork").Process(target=live)
    process.start()
    yield process
    process.kill()
    process.join()


def until(condition, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_killed_sweep_goes_on_without_a_lost_or_doubled_run(call, out, tmp_path):
    asked = quick(rule="mean krum", attack="none sign_flip", seed="1 2 3 4", steps="20")
    arguments = ["sweep", *asked, "--parallel", "2", "--out", str(out)]
    before: dict[str, int] = {}

    def finished() -> dict[str, int]:
        with contextlib.suppress(sqlite3.OperationalError):  # there may be no file or table yet
            return {key: attempts for key, state, attempts in rows(out) if state == "done"}
        return {}

    for wanted in (1, 5):
        with started(*arguments, progress=tmp_path / "progress") as process:
            until(lambda wanted=wanted: len(finished()) >= wanted)
            process.kill()
        now = finished()
        assert before.items() <= now.items()  # nothing that was done was touched
        before = now
    # Its runs die with it; the system needs a moment for that.
    with Store(out / "results.sqlite") as store:
        until(lambda: not any(store.running(row) for row in store.rows()))
        before = finished()
    planned = json.loads(call("plan", *asked, "--out", out, "--json")[1])
    reasons = [run["why"] for run in planned["runs"]]
    assert set(reasons) <= {"done", "new", "interrupted before"}
    assert reasons.count("done") == len(before) < 16
    content = json.loads(call(*arguments, "--json")[1])
    assert (content["done"], content["failed"]) == (16, 0)
    assert content["done_before"] == len(before)
    assert len(rows(out)) == 16
    assert before.items() <= finished().items()


def test_two_sweeps_share_the_work(out, tmp_path):
    arguments = ["sweep", *SWEEP, "--out", str(out)]
    with (
        started(*arguments, progress=tmp_path / "first") as first,
        started(*arguments, progress=tmp_path / "second") as second,
    ):
        for process in (first, second):
            process.join(300)
            assert process.exitcode == 0
    assert [attempts for _, _, attempts in rows(out)] == [1] * 8
    assert {state for _, state, _ in rows(out)} == {"done"}


OWN = """
import numpy as np
from torch import nn

def classifier(side, channels, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(side * side * channels, classes))

def nothing(side, channels, classes):
    class Stubborn(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(nn.Linear(1, 1).weight.detach())
        def forward(self, x):
            raise RuntimeError("no answer today")
    return Stubborn()
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    path = tmp_path / f"own_{tmp_path.name}.py"
    path.write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return path


def test_a_change_of_the_code_is_a_reason_and_a_comment_is_none(call, out, own):
    arguments = [*quick(model=f"{own.stem}:classifier"), "--out", out]
    assert call("sweep", *arguments)[0] == 0

    def why() -> str:
        (run,) = json.loads(call("plan", *arguments, "--json")[1])["runs"]
        return run["why"]

    assert why() == "done"
    own.write_text('"""What this is."""\n# And a comment.\n' + OWN)
    assert why() == "done"
    own.write_text(OWN.replace("nn.Flatten(), ", "nn.Flatten(), nn.ReLU(), "))
    assert why() == "code changed"
    assert call("sweep", *arguments)[0] == 0
    assert len(rows(out)) == 2


def test_a_run_that_fails_is_told_and_tried_again(call, out, own):
    arguments = [*quick(model=f"{own.stem}:nothing {own.stem}:classifier"), "--out", out]
    code, text, _ = call("sweep", *arguments, "--json")
    content = json.loads(text)
    assert code == 1
    assert (content["done"], content["failed"]) == (1, 1)
    (failed,) = [run for run in content["runs"] if run["state"] == "failed"]
    assert failed["failed"] == "RuntimeError: no answer today"
    planned = json.loads(call("plan", *arguments, "--json")[1])
    assert [run["why"] for run in planned["runs"]] == ["failed before", "done"]
    call("sweep", *arguments)
    assert sorted(attempts for _, _, attempts in rows(out)) == [1, 2]


def test_combinations_that_a_bound_forbids_are_left_out_and_told(call, out):
    asked = quick(workers="7", byzantine="1 2", rule="mean bulyan")
    code, text, _ = call("sweep", *asked, "--out", out, "--json")
    content = json.loads(text)
    assert (code, content["done"]) == (0, 3)
    (refused,) = content["refused"]
    assert refused["settings"] == {"byzantine": 2, "rule": "bulyan"}
    assert "bulyan needs n >= 4 f + 3, got n = 7, f = 2" in refused["why"]
