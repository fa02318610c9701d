# SPDX-License-Identifier: MIT
"""`python -m byzccl rules` and `doctor`."""

import contextlib
import io
import os

import torch

import byzccl
from byzccl import __main__, doctor
from ranks import run


def test_rules_fit_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.argv", ["byzccl", "rules"])
    assert __main__.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for info in (*byzccl.rules(), *byzccl.steps()):
        assert any(line.startswith(info.name) for line in lines), info.name


def by_itself(body) -> None:
    """In a process of its own, which the threads of the doctor end with; no setting made."""

    def rank(_):
        for name in doctor.ENVIRONMENT:
            os.environ.pop(name, None)
        body()

    run(1, rank, init=False)


def printed() -> tuple[int, str]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = doctor.main()
    return status, out.getvalue()


def broken() -> list[doctor.Finding]:
    found = [finding for finding in doctor.examine() if finding.broken]
    assert all(finding.problem and finding.remedy for finding in found)
    return found


def test_doctor_finds_nothing_broken():
    def body():
        status, said = printed()
        assert status == 0
        for part in (byzccl.__version__, torch.__version__, "cpu ", "two ranks of this process"):
            assert part in said, said
        assert "Nothing is broken" in said and "BROKEN" not in said

    by_itself(body)


def test_doctor_names_a_wrong_setting():
    def body():
        os.environ["BYZCCL_ALGORITHM"] = "rign"
        assert [finding.name for finding in broken()] == ["all_reduce"]
        status, said = printed()
        assert status == 1 and "remedy: set it to one of sharded, ring" in said

    by_itself(body)


def test_doctor_names_a_wrong_build():
    def body():
        real = doctor._C.build_info()
        doctor._C.build_info = lambda: {**real, "torch": "1.13.1"}
        (finding,) = broken()
        assert finding.name == "torch" and "built for torch 1.13.1" in finding.problem

    by_itself(body)


def test_doctor_says_what_fails():
    def body():
        def fail(_):
            raise RuntimeError("no such interface")

        doctor.exchange_between_two = fail
        found = broken()
        assert [finding.name for finding in found] == ["Gloo, sharded", "Gloo, ring"]
        assert "no such interface" in found[0].problem and "GLOO_SOCKET" in found[0].remedy

    by_itself(body)


def test_doctor_notes_one_thread_on_many_cores():
    def body():
        doctor.os.sched_getaffinity = lambda _: set(range(8))
        notes = [finding for finding in doctor.examine() if finding.problem]
        assert [(f.name, f.broken) for f in notes] == [("threads", False)]

    by_itself(body)
