# SPDX-License-Identifier: MIT
"""The build of the suite, and the folder that takes it to a machine where nothing can be built or
downloaded."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

from .machine import ROOT, cmake, commit, output_of, tool

BUILD = ROOT / "build-gpu"
BUNDLE = BUILD / "bundle"
MOST_BYTES = 60 << 20
TESTS = (
    "aggregate_cuda",
    "digest",
    "golden_bits",
    "pairwise_kernels",
    "steps_cuda",
    "graph_capture",
)
BENCHMARK = "byzccl_gpu_bench"
ALL_REDUCE = "byzccl_all_reduce_perf"
BENCHMARKS = (BENCHMARK, ALL_REDUCE)
DOUBLES = (
    "device_double_test",
    "strips_test",
    "pairwise_kernels_test",
    "pairwise_order_test",
    "steps_cuda_test",
    "aggregate_cuda_test",
    "digest_test",
    "golden_bits_test",
    "column_words_test",
    "memory_test",
    "capture_double_test",
    "graph_capture_test",
    "beside_capture_test",
    "nccl_double_test",
    "nccl_transport_test",
    "nccl_faults_test",
    "nccl_collective_test",
    "nccl_collective_faults_test",
    "nccl_abort_test",
    "nccl_devices_test",
)
HEADERS = ("catch2", "CLI", "hwy", "nlohmann")
PEERS = ("byzfl==0.0.11", "byzpy==0.1.4")
# Not taken along: the system's, and NCCL, which is larger than all else and comes with torch.
LEFT_BEHIND = (
    "libnccl",
    "libc",
    "libm",
    "libstdc++",
    "libgcc_s",
    "libpthread",
    "libdl",
    "librt",
    "ld-linux",
)


def gpu_programs() -> list[str]:
    return [f"{name}_gpu" for name in TESTS]


def run(*command: str | Path) -> None:
    """@raises subprocess.CalledProcessError"""
    print("+", *command, flush=True)
    subprocess.run([str(word) for word in command], cwd=ROOT, check=True)


def configure(
    architectures: str, dependencies: Path | None, *, torch: bool, strict: bool = True
) -> None:
    """strict: warnings are errors. Not where only results count: the compiler there may be another
    than the one that CI keeps free of warnings."""
    ninja = tool("ninja")
    options = [
        "-DCMAKE_BUILD_TYPE=Release",
        f"-DBYZCCL_CUDA_ARCHITECTURES={architectures}",
        "-DBYZCCL_CUDA=ON",
        "-DBYZCCL_TESTS=ON",
        "-DBYZCCL_BENCHMARKS=ON",
        f"-DBYZCCL_WERROR={'ON' if strict else 'OFF'}",
        f"-DBYZCCL_TORCH={'ON' if torch else 'OFF'}",
    ]
    python = tool("python3") or "python3"
    options.append(f"-DPython_EXECUTABLE={python}")
    if ninja:
        options += ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}"]
    if dependencies is not None:
        options.append(f"-DCMAKE_PREFIX_PATH={dependencies.resolve()}")
    run(cmake(), "-S", ROOT, "-B", BUILD, *options)


def build(targets: list[str]) -> None:
    jobs = os.environ.get("JOBS", str(len(os.sched_getaffinity(0))))
    run(cmake(), "--build", BUILD, "-j", jobs, "--target", *targets)


def place_of(program: str, bundle: Path | None) -> Path:
    """Of a test or a benchmark."""
    if bundle is not None:
        return bundle / "bin" / program
    return BUILD / ("benchmarks" if program in BENCHMARKS else "tests") / program


def environment(bundle: Path | None) -> dict[str, str]:
    """What programs need to find their libraries and the golden bits, wherever they were built."""
    found = dict(os.environ)
    found["PYTHONUNBUFFERED"] = "1"  # what was said before a step was stopped is in the log
    found["BYZCCL_GOLDEN_BITS"] = str(ROOT / "tests" / "cuda" / "golden_bits.txt")
    if bundle is not None:
        paths = [str(bundle / "lib"), nccl_folder(), found.get("LD_LIBRARY_PATH", "")]
        found["LD_LIBRARY_PATH"] = ":".join(path for path in paths if path)
    return found


@functools.cache
def nccl_folder() -> str:
    """Of the one that torch's wheels bring; empty where there is none."""
    code = "import nvidia.nccl as nccl; print(list(nccl.__path__)[0])"
    folder = output_of(tool("python3") or "python3", "-c", code)
    return f"{folder}/lib" if folder else ""


def make_bundle() -> None:
    """BUNDLE: programs, the libraries that they need beside the system's, the peers' Python
    packages, and, for a build there, what the project depends on."""
    shutil.rmtree(BUNDLE, ignore_errors=True)
    (BUNDLE / "bin").mkdir(parents=True)
    (BUNDLE / "lib").mkdir()
    for program in [*gpu_programs(), *BENCHMARKS]:
        to = BUNDLE / "bin" / program
        shutil.copy2(place_of(program, None), to)
        subprocess.run(["strip", str(to)], check=True)
        for library in libraries_of(place_of(program, None)):
            shutil.copy2(library.resolve(), BUNDLE / "lib" / library.name)
    bundle_dependencies(BUNDLE / "deps")
    python = tool("python3") or "python3"
    run(
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-compile",
        "--target",
        BUNDLE / "peers",
        *PEERS,
    )
    (BUNDLE / "COMMIT").write_text(commit(None) + "\n")
    size = sum(path.stat().st_size for path in BUNDLE.rglob("*") if path.is_file())
    print(f"{BUNDLE.relative_to(ROOT)}: {size / (1 << 20):.1f} MiB")
    if size > MOST_BYTES:
        raise SystemExit(f"more than {MOST_BYTES >> 20} MiB: build for one architecture")


def libraries_of(program: Path) -> list[Path]:
    """What the loader finds for it, but for what is left behind."""
    found = re.findall(r"(\S+) => (\S+)", output_of("ldd", program))
    return [
        Path(path)
        for name, path in found
        if not name.startswith(tuple(f"{s}." for s in LEFT_BEHIND))
    ]


def bundle_dependencies(to: Path) -> None:
    """What is not on every machine: headers, Highway's library, Catch2's and how CMake finds it."""
    (to / "lib").mkdir(parents=True)
    for name in HEADERS:
        shutil.copytree(Path("/usr/include") / name, to / "include" / name)
    usr = Path("/usr/lib")
    for catch in [*usr.glob("cmake/Catch2"), *usr.glob("*/cmake/Catch2")]:
        shutil.copytree(catch, to / "lib" / "cmake" / "Catch2")
    for library in [*usr.glob("libCatch2*.a"), *usr.glob("*/libCatch2*.a")]:
        shutil.copy2(library, to / "lib" / library.name)
    for line in output_of("/sbin/ldconfig", "-p").splitlines():
        if re.search(r"\blibhwy\.so\.\d", line):
            library = Path(line.split()[-1])
            shutil.copy2(library.resolve(), to / "lib" / library.name)
            shutil.copy2(library.resolve(), to / "lib" / "libhwy.so")
