# SPDX-License-Identifier: MIT
"""What the suite for GPUs does when its steps fail, hang or cannot start; no step needs a GPU."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gpu_suite import __main__ as suite
from benchmarks.gpu_suite import build, stages
from benchmarks.gpu_suite.machine import ROOT
from benchmarks.gpu_suite.record import Record


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "suite.json", {"commit": "none"}, budget=60)


def execute(script: str, record: Record, most: float = 10) -> tuple[int | None, float, str]:
    command = ["bash", "-c", script]
    return stages.execute(command, record, record.path.with_name("log.txt"), None, most)


def test_a_step_that_is_stopped_leaves_nothing_behind(record, tmp_path):
    """Not the ranks that it started either, and what it said is there."""
    alive = tmp_path / "alive"
    status, seconds, text = execute(
        f"echo one; (sleep 1.3; touch {alive}; sleep 30) & sleep 30", record, most=1
    )
    assert status is None and seconds < 5 and text == "one\n"
    assert "one" in (tmp_path / "log.txt").read_text()
    assert execute(f"(sleep 0.3; touch {alive}; sleep 30) & echo two", record)[0] == 0
    time.sleep(0.8)
    assert not alive.exists()


def test_a_program_that_cannot_start_is_a_failed_step(record, tmp_path):
    command = [str(tmp_path / "absent")]
    found = stages.execute(command, record, tmp_path / "log.txt", None, 10)
    record.add(stages.step_of("absent", *found))
    step = json.loads(record.path.read_text())["steps"][0]
    assert step["state"] == "failed" and "No such file" in step["detail"]


def make_programs(folder: Path) -> None:
    """What a bundle has, as scripts: one hangs, one fails, the others pass."""
    (folder / "bin").mkdir(parents=True)
    (folder / "COMMIT").write_text("abc\n")
    bodies = {build.ALL_REDUCE: "exit 3", "golden_bits_gpu": "sleep 60 & sleep 60"}
    for name in [*build.gpu_programs(), *build.BENCHMARKS]:
        program = folder / "bin" / name
        program.write_text(f"#!/bin/bash\n{bodies.get(name, 'exit 0')}\n")
        program.chmod(0o755)


def test_all_steps_are_taken_whatever_becomes_of_some(tmp_path, monkeypatch, capsys):
    make_programs(tmp_path / "bundle")
    out = tmp_path / "out"
    words = ["gpu_suite", "run", "--bundle", tmp_path / "bundle", "--out", out, "--budget", "3"]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    monkeypatch.setattr(suite, "gpu_facts", lambda: {"device": "none"})
    monkeypatch.setattr(stages, "sanitizer", lambda: None)
    assert suite.main() == 1
    steps = {step["name"]: step for step in json.loads((out / "suite.json").read_text())["steps"]}
    assert steps["golden_bits_gpu"]["detail"].startswith("time is up")
    assert steps["steps_cuda_gpu"]["state"] == "passed"
    assert steps["benchmark: rules"]["state"] == "passed"
    assert steps["all_reduce, 4 ranks, ring"]["detail"].startswith("exit status 3")
    assert steps["compute-sanitizer memcheck"]["state"] == "not available here"
    assert json.loads((out / "suite.json").read_text())["machine"]["commit"] == "abc"
    assert "golden_bits_gpu" in capsys.readouterr().out.split("step ")[-1]


@pytest.mark.parametrize("words", [["--only", "kernel"], ["--bundle", "x", "--torch"]])
def test_mistakes_are_told(words):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu_suite", "run", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "error: " in done.stderr
