# SPDX-License-Identifier: MIT
"""The wheel: what is in it, what its libraries ask for, and that it works away from the sources."""

import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from installed import BUILD, ROOT, cached, dynamic_section, extension_has_cuda, run

LIBRARIES = {"_C.so", "libbyzccl.so.0", "libbyzccl_torch.so"}
if extension_has_cuda():
    LIBRARIES.add("libbyzccl_cuda.so.0")
# Of the system on every Linux, or loaded by `import torch` before ours.
FROM_SYSTEM = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}
FROM_TORCH = {"libc10.so", "libtorch_cpu.so", "libtorch_python.so"}
FROM_TORCH_WITH_CUDA = re.compile(r"libc10_cuda\.so|libcudart\.so\.\d+|libnccl\.so\.2")


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
        assert extension_has_cuda() or asked == set(section["NEEDED"]), library.name
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
        str(sorted(LIBRARIES - {"_C.so"})),
    ]
