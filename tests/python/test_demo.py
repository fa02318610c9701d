# SPDX-License-Identifier: MIT
"""The command line, end to end, with settings that take seconds."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import byzccl
from byzccl.__main__ import main

PACKAGE = Path(byzccl.__file__).parent.parent
RULES = ["mean", "krum", "geometric_median", "median", "krum(f=1,neighbors=2)"]
ATTACKS = ["none", "sign_flip(scale=10)", "label_flip", "stale(age=2)", "tamper(scale=5)"]
WORKERS, BYZANTINE, STEPS = 7, 2, 6


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "byzccl", *arguments],
        env=os.environ | {"PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """The command in this process, which is quicker: gives its exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["byzccl", *arguments])
        try:
            code = main()
        except SystemExit as stop:  # argparse's own mistakes
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "out"
    sizes = ["--workers", str(WORKERS), "--byzantine", str(BYZANTINE), "--steps", str(STEPS)]
    done = start(
        "demo", *sizes, "--batch", "8", "--model", "mlp", "--algorithm", "ring",
        "--rules", *RULES, "--attack", *ATTACKS, "--out", str(folder),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Accuracy on the test pictures" in done.stdout
    assert f"{len(RULES) * len(ATTACKS)} runs" in done.stdout
    assert "honest replicas parted in" in " ".join(done.stdout.split())  # lines are cut
    return folder


@pytest.fixture(scope="module")
def content(out: Path) -> dict:
    return json.loads((out / "results.json").read_text())


def test_every_run_is_in_the_results(content):
    assert content["settings"]["steps"] == STEPS
    assert content["versions"]["byzccl"] == byzccl.__version__
    runs = [(run["rule"], run["attack"]) for run in content["runs"]]
    texts = ["mean", "krum(f=2)", "geometric_median(f=2)", "median(f=2)", RULES[-1]]
    assert runs == [(rule, attack) for attack in ATTACKS for rule in texts]


def test_the_results_agree_with_themselves(content):
    for run in content["runs"]:
        steps = [step for step, _ in run["curve"]]
        assert steps == sorted(steps)
        assert steps[0] == 0
        assert steps[-1] == STEPS
        assert run["curve"][-1][1] == run["accuracy"]
        assert all(0 <= accuracy <= 1 for _, accuracy in run["curve"])
        assert len(run["losses"]) == STEPS
        if run["attack"] != "tamper(scale=5)":
            assert run["replicas_identical"]
        elif run["rule"] == "mean":  # a relay that lies tells every rank something else
            assert not run["replicas_identical"]
        if run["rule"].startswith(("mean", "median")):
            assert run["weights"] == []
            assert run["excluded"] == []
            continue
        assert len(run["weights"]) == STEPS
        for step in run["weights"]:
            assert len(step) == WORKERS
            assert abs(sum(step) - 1) < 1e-6
        counts = [sum(step[rank] == 0 for step in run["weights"]) for rank in range(WORKERS)]
        assert run["excluded"] == counts
        if run["rule"].startswith("krum"):
            assert sum(counts) == STEPS * (WORKERS - 1)


def test_all_ranks_that_were_asked_for_lie(content):
    """Also where the rule is written for fewer."""
    assert [run["byzantine"] for run in content["runs"]] == [[5, 6]] * len(content["runs"])


def test_fewer_attackers_are_told():
    from byzccl.lab import demo, run

    settings = run.Settings(workers=8, byzantine=2)
    runs = demo.plan_runs(["bulyan", "krum", "krum(f=1)", "mean"], ["nan"], settings, d=10)
    assert [r.byzantine for r in runs] == [[7], [6, 7], [6, 7], [6, 7]]
    told = demo.fewer_attackers(runs, settings)
    assert told == ["bulyan(f=1): 8 ranks allow no larger f, so it meets 1 Byzantine rank, not 2."]


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        ("sklearn", ["--data", "digits"], "pip install scikit-learn"),
        ("matplotlib", [], 'matplotlib is missing: pip install "byzccl[demo]"'),
        ("rich", [], 'rich is missing: pip install "byzccl[demo]"'),
    ],
)
def test_a_missing_package_is_named(module, arguments, message, tmp_path):
    """Whether it is installed here or not."""
    hidden = tmp_path / "sitecustomize.py"
    hidden.write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    done = subprocess.run(
        [sys.executable, "-m", "byzccl", "demo", *arguments, "--out", str(tmp_path / "out")],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{PACKAGE}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert message in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


def test_the_page_shows_what_is_there(out):
    page = (out / "index.html").read_text()
    links = re.findall(r'(?:src|href)="([^"]+)"', page.replace("\n", " "))
    assert set(links) == {"accuracy.png", "weights.png", "systems.png", "results.json"}
    for link in links:
        assert (out / link).stat().st_size > 0
    for text in ("krum(f=2)", "mean (plain DDP)", "label_flip", "ByzSGD"):
        assert text in page
    systems = json.loads((out / "results.json").read_text())["systems"]
    assert {outcome["system"] for outcome in systems.values()} == {
        "ring", "sharded", "parameter_server", "gossip", "byzsgd"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rules", "kurm"], "kurm"),
        (["--rules", "krum", "--workers", "2", "--byzantine", "1"], "krum needs n >= 2 f + 3"),
        (["--rules", "krum(f=4)"], "krum needs n >= 2 f + 3, got n = 8, f = 4"),
        (["--attack", "sing_flip"], "sing_flip"),
        (["--attack", "bit_flip(bit=32)"], "bit_flip needs bit < 32 in float32"),
        (
            ["--attack", "fang_krum", "--rules", "median", "--workers", "6"],
            "krum needs n >= 2 f + 3, got n = 6, f = 2",
        ),
        (["--attack", "tamper(scale=x)"], "expected a finite number"),
        (["--workers", "3", "--byzantine", "3"], "byzantine < workers"),
        (["--data", "cifar"], "cifar"),
    ],
)
def test_mistakes_are_told_before_anything_starts(call, arguments, message, tmp_path):
    code, text = call("demo", *arguments, "--out", str(tmp_path / "out"))
    assert code == 2
    assert message in text
    assert not (tmp_path / "out").exists()


def test_help_lists_the_attacks(call):
    code, text = call("demo", "--help")
    assert code == 0
    for info in byzccl.attack.attacks():
        assert f"  {info.signature} " in text
        assert info.description in text
    assert "label_flip" in text


def test_rules_are_listed(call):
    code, text = call("rules")
    assert code == 0
    words = " ".join(text.split())
    for rule in byzccl.rules():
        least, *more = rule.bound.split(" and ")
        assert re.search(rf"^{rule.name}\b.*{re.escape(least)}", text, re.MULTILINE)
        assert all(f"needs {bound} too" in words for bound in more)
