# SPDX-License-Identifier: MIT
"""The wheel: what is in it, what its libraries ask for, and that it works away from the sources."""

import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from installed import BUILD, ROOT, cached, dynamic_section, extension_has_cuda, run

LIBRARIES = {"_C.so", "libbyzccl.so.0", "libbyzccl_torch.so"}
if extension_has_cuda():
    LIBRARIES |= {"libbyzccl_cuda.so.0", "libbyzccl_torch_cuda.so"}
# Of the system on every Linux, or loaded by `import torch` before ours.
FROM_SYSTEM = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}
FROM_TORCH = {"libc10.so", "libtorch_cpu.so", "libtorch_python.so"}
# What is linked to CUDA, and loaded only with a CUDA tensor.
ON_CUDA = {"libbyzccl_cuda.so.0", "libbyzccl_torch_cuda.so"}
FROM_TORCH_WITH_CUDA = re.compile(r"libc10_cuda\.so|libcudart\.so\.\d+|libnccl\.so\.2")


def project_version() -> str:
    text = (ROOT / "include" / "byzccl" / "version.hpp").read_text()
    return re.findall(r'BYZCCL_VERSION "(.+)"', text)[0]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `pip wheel` does, but in a copy of the default build: its objects are up to date.

    For ninja to see that, the copy lies beside the original and is compiled with its flags.
    """
    folder = tmp_path_factory.mktemp("dist")
    build = ROOT / "build-wheel"
    shutil.rmtree(build, ignore_errors=True)
    shutil.copytree(BUILD, build, symlinks=True, ignore=shutil.ignore_patterns("tests", "examples"))
    (build / "CMakeCache.txt").unlink()
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps"]
    settings = {"build-dir": build.name}
    for name in ("BYZCCL_WERROR", "BYZCCL_CUDA"):
        settings[f"cmake.define.{name}"] = cached(name)
    arguments = [f"-C{name}={value}" for name, value in settings.items()]
    try:
        run(*command, *arguments, "-w", folder, ".", cwd=ROOT, CXX=cached("CMAKE_CXX_COMPILER"))
    finally:
        shutil.rmtree(build)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with nothing of ours but the wheel's content."""
    folder = tmp_path_factory.mktemp("site")
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--target", folder, wheel)
    return folder


def test_holds_the_package_and_its_libraries(wheel: Path) -> None:
    major, minor = sys.version_info[:2]
    torch_minor = ".".join(torch.__version__.split(".")[:2])
    assert wheel.name.startswith(f"byzccl-{project_version()}+torch{torch_minor}-")
    metadata = zipfile.ZipFile(wheel).read(f"{wheel.name.split('-cp')[0]}.dist-info/METADATA")
    assert f"\nRequires-Dist: torch=={torch_minor}.*\n" in metadata.decode()
    assert wheel.name.endswith(f"-cp{major}{minor}-cp{major}{minor}-linux_x86_64.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tracked = run("git", "ls-files", "torch_ext/byzccl", cwd=ROOT).split()
    assert {name.removeprefix("torch_ext/") for name in tracked} <= set(names)
    assert {f"byzccl/{name}" for name in LIBRARIES} <= set(names)
    assert any(name.endswith("licenses/cmake/highway-license.txt") for name in names)
    assert not any(name.endswith((".cpp", ".pyc")) for name in names)


def test_asks_for_nothing_that_it_does_not_bring(site: Path) -> None:
    libraries = [path for path in (site / "byzccl").iterdir() if ".so" in path.name]
    brought = {path.name for path in libraries}
    for library in libraries:
        section = dynamic_section(library)
        asked = {name for name in section["NEEDED"] if not FROM_TORCH_WITH_CUDA.fullmatch(name)}
        assert asked <= brought | FROM_SYSTEM | FROM_TORCH, library.name
        if library.name not in ON_CUDA:  # imported also where there is no CUDA
            assert asked == set(section["NEEDED"]) and not asked & ON_CUDA, library.name
        if library.name in LIBRARIES:
            assert set(section["RUNPATH"]) <= {"$ORIGIN", "$ORIGIN/../torch/lib"}, library.name


def test_works_without_the_sources(site: Path, tmp_path: Path) -> None:
    program = """
import sys, torch, byzccl
print(byzccl.__file__)
print(byzccl.aggregate(torch.tensor([[1.0], [2.0], [2.0], [3.0], [9.0]]), "krum(f=1)").item())
sources = sys.argv[1]
maps = open("/proc/self/maps").read()
print(sorted({line.split("/")[-1] for line in maps.splitlines() if "libbyzccl" in line}))
assert sources + "/torch_ext" not in maps and sources + "/build" not in maps
"""
    run_there = {"cwd": tmp_path, "PYTHONPATH": str(site)}
    said = run(sys.executable, "-c", program, ROOT, **run_there).splitlines()
    assert said == [
        str(site / "byzccl" / "__init__.py"),
        "2.0",
        str(sorted(LIBRARIES - ON_CUDA - {"_C.so"})),
    ]


@pytest.mark.skipif(not extension_has_cuda(), reason="the default build has no CUDA")
def test_a_wheel_with_cuda_works_without_its_libraries(site: Path, tmp_path: Path) -> None:
    """As beside a torch for the CPU alone.

    Here the loader finds torch's CUDA libraries, as they are loaded already; so one is hidden that
    only ours is linked to.
    """
    without = tmp_path / "site"
    shutil.copytree(site, without)
    (without / "byzccl" / "libbyzccl_cuda.so.0").unlink()
    program = """
import torch, byzccl
x = torch.tensor([[1.0], [2.0], [2.0], [3.0], [9.0]])
print(byzccl.aggregate(x, "krum(f=1)").item(), byzccl._C.build_info()["cuda"])
storage = torch._C._construct_storage_from_data_pointer(x.data_ptr(), torch.device("cuda", 0), 20)
on_cuda = torch._C._construct_CUDA_Tensor_From_Storage_And_Metadata(
    {"nbytes": 20, "data_ptr": x.data_ptr(), "size": (5, 1), "stride": (1, 1), "dtype": x.dtype,
     "device": torch.device("cuda", 0), "storage_offset": 0}, storage)
for call in (byzccl.aggregate, byzccl.explain):
    try:
        call(on_cuda, "median")
    except RuntimeError as error:
        print(error)
"""
    said = run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(without)).splitlines()
    assert said[0] == "2.0 0"
    assert len(said) == 3
    for line in said[1:]:
        assert "built with CUDA, which cannot be loaded here: libbyzccl_cuda.so.0" in line
