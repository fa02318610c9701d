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


def steps_of(out: Path) -> list[dict[str, str]]:
    return json.loads((out / "suite.json").read_text())["steps"]


def test_what_tells_most_comes_first(tmp_path, monkeypatch):
    """Tests, the sanitizer's first tools, NCCL at one rank, at two, figures; then the long runs."""
    make_programs(tmp_path / "bundle")
    bundle, out = tmp_path / "bundle", tmp_path / "out"
    (bundle / "bin" / "golden_bits_gpu").write_text("#!/bin/bash\n")
    words = ["gpu_suite", "run", "--bundle", bundle, "--out", out]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    monkeypatch.setattr(suite, "gpu_facts", lambda: {"device": "none"})
    monkeypatch.setattr(stages, "sanitizer", lambda: None)
    suite.main()
    names = [step["name"] for step in steps_of(out)]
    assert sorted(names[:6]) == sorted(build.gpu_programs())
    assert names[6:11] == [
        "compute-sanitizer memcheck",
        "compute-sanitizer racecheck",
        "contact with NCCL, ranks: 1",
        "contact with NCCL, ranks: 2",
        "benchmark: first figures",
    ]
    assert names[11] == "benchmark: kernels" and names[-1] == "compute-sanitizer synccheck"
    ran = [stage for stage in suite.STAGES if stage not in suite.OF_TORCH]
    assert list(dict.fromkeys(step["stage"] for step in steps_of(out))) == ran
    for stage in ran:
        found = json.loads((out / f"stage_{stage}.json").read_text())
        assert found["steps"] and {step["stage"] for step in found["steps"]} == {stage}
    log = (out / "log.txt").read_text()
    first = log[log.index("-g 1 ") : log.index("-g 2 ")]
    assert "--algorithm sharded" in first and "--timeout 20" in first
    assert "--n 4,16,32" in log and log.index("--n 4,16,32") < log.index("--algorithm ring")


def test_a_stage_builds_what_it_needs_and_no_more(tmp_path, monkeypatch):
    """The first answer does not wait for the programs of what comes last."""
    asked: list[object] = []
    monkeypatch.setattr(build, "configure", lambda *_, **__: asked.append("configure"))
    monkeypatch.setattr(build, "build", lambda targets: asked.append(targets))
    for name in ("correctness", "sanitize", "contact", "first_figures", "python_tests"):
        monkeypatch.setattr(stages, name, lambda *_, name=name: asked.append(name))
    words = ["gpu_suite", "run", "--out", str(tmp_path), "--only"]
    monkeypatch.setattr(sys, "argv", [*words, "python,first,contact,sanitizer,tests"])
    monkeypatch.setattr(suite, "gpu_facts", lambda: {"device": "none"})
    assert suite.main() == 0
    assert asked == [
        "configure",
        build.gpu_programs(),
        "correctness",
        "sanitize",
        [build.ALL_REDUCE],
        "contact",
        [build.BENCHMARK],
        "first_figures",
        ["byzccl_python"],
        "python_tests",
    ]


def test_python_goes_from_one_rank_to_many(record, tmp_path, monkeypatch):
    ran: list[str] = []
    monkeypatch.setattr(
        stages,
        "execute",
        lambda command, *_: (ran.append(" ".join(command)), (0, 1.0, "1 passed"))[1],
    )
    stages.python_tests(record, tmp_path / "log.txt")
    assert [step.name for step in record.steps] == [
        "Python: aggregate",
        "Python: collectives of one rank",
        "Python: collectives",
        "Python: ddp",
    ]
    assert "test_bits_are_those_of_aggregate[1]" in ran[1] and "--deselect" in ran[2]


def test_a_stage_ends_in_its_time(record):
    record.enter("first", 1.0)
    assert execute("sleep 30", record)[0] is None and record.elapsed() < 8
    record.leave()
    assert record.left() > 40


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
