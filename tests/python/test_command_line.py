# SPDX-License-Identifier: MIT
"""`python -m byzccl rules` and `doctor`."""

import contextlib
import io
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import byzccl
from byzccl import __main__, doctor, doctor_cuda, doctor_network, launch_order
from ranks import run


def test_rules_fit_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.argv", ["byzccl", "rules"])
    assert __main__.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for info in (*byzccl.rules(), *byzccl.steps()):
        assert any(line.startswith(info.name) for line in lines), info.name


def test_a_reader_that_has_seen_enough_gets_no_traceback():
    read, write = os.pipe()
    os.close(read)
    package = Path(byzccl.__file__).parents[1]
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "byzccl", "rules"],
            env=os.environ | {"PYTHONPATH": str(package)},
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert (done.returncode, done.stderr) == (1, "")


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


def test_doctor_counts_descriptors_and_times_names():
    def body():
        free = len(os.listdir("/proc/self/fd")) + 20
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
        found = {finding.name: finding for finding in doctor_network.findings()}
        assert "ulimit" in found["file descriptors"].remedy
        assert "64 ranks takes 70" in found["file descriptors"].problem
        assert not found["file descriptors"].broken
        doctor_network.SLOW = -1.0
        slow = list(doctor_network.findings())[-1]
        assert "TCPStore looks" in slow.problem and "/etc/hosts" in slow.remedy

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


H200 = doctor_cuda.Gpu("NVIDIA H200", 90, 139.8)
WITHOUT = {
    "cuda": 0,
    "cuda_runtime": 0,
    "cuda_driver": 0,
    "cuda_architectures": "",
    "nccl": 0,
    "nccl_runtime": 0,
    "cuda_unloadable": "",
}
WITH = {
    "cuda": 13000,
    "cuda_runtime": 13010,
    "cuda_driver": 13020,
    "cuda_architectures": "80,90",
    "nccl": 22809,
    "nccl_runtime": 22907,
    "cuda_unloadable": "",
}


def test_doctor_tells_builds_and_drivers_apart():
    line, _ = doctor_cuda.versions(WITHOUT, [])
    assert "built without" in line.value and not line.problem
    line, _ = doctor_cuda.versions(WITHOUT, [H200])
    assert "built without CUDA" in line.problem and "BYZCCL_CUDA=ON" in line.remedy
    assert not line.broken
    missing = {**WITHOUT, "cuda_unloadable": "libc10_cuda.so is missing"}
    line, _ = doctor_cuda.versions(missing, [])
    assert "cannot be loaded" in line.value and not line.problem
    line, _ = doctor_cuda.versions(missing, [H200])
    assert line.broken and "libc10_cuda.so is missing" in line.problem
    line, _ = doctor_cuda.versions(WITH, [H200])
    assert "built with 13.0, runtime 13.1, driver for up to 13.2" in line.value
    assert not line.problem
    line, _ = doctor_cuda.versions({**WITH, "cuda_driver": 0}, [])
    assert "no driver" in line.value and not line.problem
    line, _ = doctor_cuda.versions({**WITH, "cuda_driver": 12080}, [])
    assert line.broken and "driver is for CUDA 12.8" in line.problem
    line, _ = doctor_cuda.versions({**WITH, "cuda": 12080}, [H200])
    assert line.broken and "built with CUDA 12.8" in line.problem


def test_doctor_names_a_gpu_that_the_kernels_were_not_built_for():
    (line,) = doctor_cuda.machine(WITH, [H200])
    assert line.value == "NVIDIA H200, sm_90, 140 GiB" and not line.problem
    old = doctor_cuda.Gpu("Tesla V100", 70, 32)
    first, second = doctor_cuda.machine(WITH, [H200, old])
    assert not first.problem and second.broken
    assert 'ARCHITECTURES="70"' in second.remedy and "GPU 1 is 70" in second.problem
    for architectures, capability, fits in [
        ("90", 90, True),
        ("90", 100, True),
        ("90", 89, False),
        ("90-real", 100, False),
        ("80-real", 86, True),
        ("86-real", 80, False),
        ("80-virtual", 120, True),
        ("90a", 90, True),
        ("90a", 100, False),
        ("100f", 103, True),
        ("80-real;90-real", 90, True),
    ]:
        assert doctor_cuda.runs_on(architectures, capability) == fits, (architectures, capability)


def test_doctor_tells_versions_of_nccl_apart():
    line = doctor_cuda.nccl_version(WITHOUT, [])
    assert line.value == "byzccl was built without" and not line.problem
    line = doctor_cuda.nccl_version(WITHOUT, [H200])
    assert "without NCCL" in line.problem and "BYZCCL_NCCL=ON" in line.remedy
    line = doctor_cuda.nccl_version(WITH, [H200])
    assert line.value == "built with 2.28.9, 2.29.7 is loaded" and not line.problem
    line = doctor_cuda.nccl_version({**WITH, "nccl_runtime": 22703}, [H200])
    assert "NCCL 2.27.3 is loaded, older" in line.problem


@pytest.mark.parametrize("name", launch_order.SETTINGS)
def test_a_gpu_that_keeps_to_the_order_of_enqueuing_is_told(monkeypatch, name):
    for other in launch_order.SETTINGS:
        monkeypatch.delenv(other, raising=False)

    def order() -> list[doctor.Finding]:
        lines = doctor_cuda.work({**WITH, "cuda": 0}, [])
        return [line for line in lines if line.name == "order of NCCL"]

    assert order() == []
    monkeypatch.setenv(name, "8")
    assert order() == [] and launch_order.problem() == ""
    monkeypatch.setenv(name, "1")
    (line,) = order()
    assert line.value == f"{name}=1" and name in line.problem and not line.broken
    with pytest.warns(RuntimeWarning, match=f"{name}=1.*wait\\(\\) for each"):
        launch_order.warn()


def test_doctor_says_how_cuda_tensors_travel():
    def body():
        for info, devices, said in [
            (WITHOUT, [H200], "built without CUDA"),
            ({**WITH, "nccl": 0}, [], "built without NCCL"),
            (WITH, [], "over NCCL; there is no GPU"),
        ]:
            (line,) = doctor_cuda.work(info, devices)
            assert line.name == "CUDA tensors" and said in line.value
            assert not line.problem

    by_itself(body)


def test_doctor_tries_a_rule_on_each_gpu():
    def body():
        devices = doctor_cuda.gpus()
        info = doctor._C.build_info() if devices else {**WITH, "nccl": 0}
        *rules, exchange = doctor_cuda.work(info, devices or [H200])
        assert all(line.broken == (not devices) for line in rules)
        assert len(rules) == max(1, len(devices)) or not info["cuda"]
        assert not exchange.broken, exchange

    by_itself(body)
