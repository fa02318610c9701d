# SPDX-License-Identifier: MIT
"""CUDA tensors as far as no GPU is needed: tensors that claim to lie on one.

What needs a GPU is in gpu/.
"""

import copy
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import byzccl
from byzccl import _C, functional, report
from ranks import run

WITH_CUDA = _C.build_info()["cuda"] > 0


def pretended(x: torch.Tensor) -> torch.Tensor:
    """A tensor of x's memory and shape that says that it is on a GPU. Nobody may touch it."""
    storage = torch._C._construct_storage_from_data_pointer(
        x.data_ptr(), torch.device("cuda", 0), x.numel() * x.element_size()
    )
    metadata = {
        "nbytes": x.numel() * x.element_size(),
        "data_ptr": x.data_ptr(),
        "size": tuple(x.shape),
        "stride": x.stride(),
        "dtype": x.dtype,
        "device": torch.device("cuda", 0),
        "storage_offset": 0,
    }
    return torch._C._construct_CUDA_Tensor_From_Storage_And_Metadata(metadata, storage)


X = torch.arange(15.0).reshape(5, 3)


@pytest.mark.parametrize("call", [byzccl.aggregate, byzccl.explain])
@pytest.mark.parametrize("pretend", ["stack", "previous"])
def test_two_devices_are_refused(call, pretend):
    x, previous = X, torch.zeros(3)
    if pretend == "stack":
        x = pretended(x)
    else:
        previous = pretended(previous)
    where = (x.device, previous.device)
    with pytest.raises(ValueError, match=f"the stack's device, {where[0]}, is on {where[1]}"):
        call(x, "centered_clipping(tau=1)", previous=previous)


@pytest.mark.parametrize("call", [byzccl.aggregate, byzccl.explain])
def test_a_build_or_a_machine_without_cuda_says_so(call):
    if torch.cuda.device_count() > 0 and WITH_CUDA:
        pytest.skip("there is a GPU: tests/python/gpu/ uses it")
    said = "driver" if WITH_CUDA else "built without CUDA.*BYZCCL_CUDA=ON"
    with pytest.raises(RuntimeError, match=said):
        call(pretended(X), "median")


def test_what_takes_host_memory_alone_says_so():
    with pytest.raises(ValueError, match="must be on the CPU, is on cuda:0"):
        byzccl.attack.Adversary("sign_flip").craft(pretended(X), n=7, f=2, rank=6, step=0)
    with pytest.raises(byzccl.InvalidArgument, match="works on the CPU, and the stack is on cuda"):
        byzccl.pre_aggregate(pretended(X), "nnm")


def test_ranks_on_different_devices_are_told():
    def body(rank):
        start = time.monotonic()
        with pytest.raises(byzccl.MismatchError, match=r"cpu on \[1\]; cuda on \[0, 2\]"):
            byzccl.Communicator(device="cpu" if rank == 1 else "cuda:0")
        assert time.monotonic() - start < 10
        x = torch.full((5,), float(rank))
        byzccl.all_reduce(x, "mean")  # the next ones meet
        assert torch.equal(x, torch.ones(5))

    run(3, body)


def test_collectives_without_cuda_fail_at_once():
    def body(rank):
        start = time.monotonic()
        said = "driver|built without (CUDA|NCCL)"
        with pytest.raises(RuntimeError, match=said):
            byzccl.all_reduce(pretended(X), "mean")
        with pytest.raises(RuntimeError, match=said):
            functional.all_reduce(pretended(X), "mean")
        with pytest.raises(byzccl.InvalidArgument, match="delay_ms and deceit are for tensors on"):
            byzccl.Communicator(device="cuda:0", delay_ms=1)
        with pytest.raises(byzccl.InvalidArgument, match="must be on the CPU, is on cuda:0"):
            byzccl.Communicator().all_reduce(pretended(X), "mean")
        assert time.monotonic() - start < 20
        x = torch.full((5,), float(rank))
        byzccl.all_reduce(x, "mean")
        assert torch.equal(x, torch.full((5,), 0.5))

    if torch.cuda.device_count() > 0 and WITH_CUDA:
        pytest.skip("there is a GPU: tests/python/gpu/ uses it")
    run(2, body)


def test_shapes_are_known_without_a_gpu():
    with FakeTensorMode():
        x = torch.empty(7, 3, 2, dtype=torch.bfloat16, device="cuda:0")
        out = byzccl.aggregate(x, "krum(f=2)")
        assert out.shape == (3, 2) and out.dtype == x.dtype and out.device == x.device
        summed = torch.ops.byzccl.all_reduce(x, "mean", "group")
        assert summed.shape == x.shape and summed.device == x.device
        with pytest.raises(ValueError, match=r"needs n >= 2 f \+ 3"):
            byzccl.aggregate(x, "krum(f=3)")


def test_a_report_is_read_once_and_only_when_asked_for():
    found = _C.explain(X, "krum(f=1)")
    reads = []

    def source() -> _C.Report:
        reads.append(1)
        return found.read()

    wanted = report.read(found.read())
    later = report.later(source)
    assert isinstance(later, byzccl.Report) and not reads
    assert not hasattr(later, "no_such_field") and not reads
    assert torch.equal(later.weights, wanted.weights) and later.rule == wanted.rule
    assert later.excluded == wanted.excluded and later.phases == wanted.phases
    assert len(reads) == 1 and type(later) is byzccl.Report
    for look in (copy.copy, copy.deepcopy, lambda x: x):
        assert repr(look(report.later(source))) == repr(wanted)
    assert len(reads) == 4


def test_an_error_of_the_device_comes_with_each_look():
    def source() -> _C.Report:
        raise byzccl.CudaError("the device is gone")

    later = report.later(source)
    for _ in range(2):
        with pytest.raises(byzccl.CudaError, match="gone"):
            later.weights  # noqa: B018
    assert issubclass(byzccl.CudaError, RuntimeError)


DRIVER = r"""
#include <stdio.h>
#include <string.h>
int cuInit(unsigned flags) { return puts("started"), 100; }
int cuDriverGetVersion(int* version) { return *version = 13000, 0; }
int cuGetExportTable(const void** table, const void* id) { return 1; }
static int other(void) { return 100; }
int cuGetProcAddress_v2(const char* name, void** found, int version, long flags, void* status) {
  *found = strcmp(name, "cuInit") == 0               ? (void*)cuInit
           : strcmp(name, "cuDriverGetVersion") == 0 ? (void*)cuDriverGetVersion
           : strcmp(name, "cuGetExportTable") == 0   ? (void*)cuGetExportTable
                                                     : (void*)other;
  return 0;
}
"""


def test_build_info_loads_and_starts_nothing(tmp_path):
    """Torch's own libraries serve ours: one copy of each, beside torch. And CUDA is not started,
    after which no forked process could use it: this driver would tell."""
    (tmp_path / "driver.c").write_text(DRIVER)
    made = ["cc", "-shared", "-fPIC", "-o", tmp_path / "libcuda.so.1", tmp_path / "driver.c"]
    subprocess.run(made, check=True)
    program = """
import torch, byzccl
print("driver", byzccl._C.build_info()["cuda_driver"])
for line in open("/proc/self/maps"):
    print(line.split()[-1])
"""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(byzccl.__file__).parents[1]),
        "LD_LIBRARY_PATH": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    words = done.stdout.split()
    assert "started" not in words
    assert int(words[words.index("driver") + 1]) == (13000 if WITH_CUDA else 0)
    paths = set(words)
    site = str(Path(torch.__file__).parents[1])
    for name in ("libcudart.so", "libnccl.so", "libc10_cuda.so"):
        copies = {path for path in paths if re.search(rf"/{re.escape(name)}", path)}
        if torch.version.cuda:
            assert len(copies) == 1 and next(iter(copies)).startswith(site), copies
    assert any("libbyzccl_cuda.so" in path for path in paths) == WITH_CUDA


def test_build_info_is_of_the_library():
    info = _C.build_info()
    assert (info["cuda"] > 0) == bool(info["cuda_architectures"]) == (info["cuda_runtime"] > 0)
    if WITH_CUDA:
        assert torch.version.cuda is not None
        assert info["cuda_runtime"] // 1000 == math.floor(float(torch.version.cuda))
