# SPDX-License-Identifier: MIT
"""A stranger's CMake project against the installed library, and its headers one by one."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from installed import ROOT, cached, dynamic_section, extension_has_cuda, has_cuda, run

STRANGER = Path(__file__).parent / "stranger"


def configure(prefix: Path, tmp_path: Path, *settings: str) -> str:
    """The stranger's project, copied to where no relative path leads into our sources."""
    shutil.copytree(STRANGER, tmp_path / "stranger", dirs_exist_ok=True)
    return run(
        "cmake",
        "-G",
        "Ninja",
        "-S",
        tmp_path / "stranger",
        "-B",
        tmp_path / "build",
        f"-DCMAKE_MAKE_PROGRAM={cached('CMAKE_MAKE_PROGRAM')}",
        f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DPython_EXECUTABLE={cached('Python_EXECUTABLE')}",
        *settings,
    )


def test_a_stranger_builds_and_runs(prefix: Path, tmp_path: Path) -> None:
    configure(prefix, tmp_path)
    run("cmake", "--build", tmp_path / "build", "-j", str(os.cpu_count()))
    assert run(tmp_path / "build" / "core") == "krum(f=1): 2\n"
    assert run(tmp_path / "build" / "tensors") == "mean: 2\n"
    device = tmp_path / "build" / "device"
    assert device.exists() == has_cuda()
    if has_cuda():
        said, other_runtime = run(device).splitlines()
        asked = dynamic_section(device)["NEEDED"]
        assert any(name.startswith("libcudart.so.") for name in asked)
        [library] = prefix.rglob("libbyzccl_cuda.so")
        if "libnccl.so.2" in dynamic_section(library)["NEEDED"]:
            assert "libnccl.so.2" in asked
            assert "libnccl.so.2" in dynamic_section(tmp_path / "build" / "tensors")["NEEDED"]
        # The same CUDA at run time; the GPU is used, or its absence told in the runtime's words.
        assert other_runtime == "0"
        assert said == "krum(f=1) on a GPU: 2" or said.startswith("CudaError: cuda")
    # None of our flags reached it.
    commands = (tmp_path / "build" / "compile_commands.json").read_text()
    assert " -W" not in commands
    assert " -f" not in commands


def test_another_torch_is_refused(prefix: Path, tmp_path: Path) -> None:
    version = tmp_path / "torch" / "include" / "torch" / "headeronly" / "version.h"
    version.parent.mkdir(parents=True)
    version.write_text("#define TORCH_VERSION_MAJOR 1\n#define TORCH_VERSION_MINOR 13\n")
    said = configure(
        prefix,
        tmp_path,
        f"-DBYZCCL_TORCH_ROOT={tmp_path / 'torch'}",
        "-DSTRANGER_EXPECTS_NO_TORCH=ON",
    )
    assert "is torch 1.13" in said


def test_a_library_without_cuda_says_so(prefix: Path, tmp_path: Path) -> None:
    without = tmp_path / "prefix"
    shutil.copytree(prefix, without, symlinks=True)
    for path in without.rglob("byzcclCudaTargets*.cmake"):
        path.unlink()
    assert "was built without CUDA" in configure(without, tmp_path, "-DSTRANGER_EXPECTS_NO_CUDA=ON")


def test_nothing_installed_points_into_the_sources(prefix: Path) -> None:
    files = [path for path in prefix.rglob("*") if path.is_file()]
    libraries = [path for path in files if ".so" in path.name]
    wanted = {"libbyzccl", "libbyzccl_torch"} | ({"libbyzccl_cuda"} if has_cuda() else set())
    wanted |= {"libbyzccl_torch_cuda"} if extension_has_cuda() else set()
    assert {path.name.split(".")[0] for path in libraries} == wanted
    for library in libraries:
        for folder in dynamic_section(library)["RUNPATH"]:
            assert folder.startswith("$ORIGIN")
    texts = [path for path in files if path not in libraries]
    assert any(path.name == "byzcclConfig.cmake" for path in texts)
    for path in texts:
        text = path.read_text()
        assert str(ROOT) not in text, path
        assert cached("Python_EXECUTABLE") not in text, path


def test_every_header_stands_alone(prefix: Path) -> None:
    include = prefix / "include"
    headers = sorted(path.relative_to(include) for path in (include / "byzccl").rglob("*.hpp"))
    installed = {ROOT / "include" / header for header in headers}
    assert installed == set((ROOT / "include").rglob("*.hpp"))

    def complaints(header: Path) -> str:
        command = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c++"]
        done = subprocess.run(
            [cached("CMAKE_CXX_COMPILER"), *command, f"-I{include}", "-"],
            input=f"#include <{header}>\n#include <{header}>\n",
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(headers, pool.map(complaints, headers), strict=True))
    assert {header: said for header, said in found.items() if said} == {}
