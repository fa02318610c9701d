# SPDX-License-Identifier: MIT
"""ByzSGD by torchrun over three hosts, one of which is cut off in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hosts import Hosts, hosts

STEPS = 120
# Ranks 0 to 3 are honest servers; 4 is a server and 5 a worker; 6 to 8 are workers.
PROCESSES = [4, 2, 3]
CUT = 1


def start(world: Hosts, host: int, out: Path) -> subprocess.Popen[bytes]:
    flags = {
        "system": "byzsgd", "engine": "processes", "servers": "5", "byzantine-servers": "1",
        "workers": "4", "byzantine": "1", "quorum": "3", "server-quorum": "4", "rule": "mda",
        "attack": "none", "steps": str(STEPS), "data": "synthetic", "model": "logistic",
        "batch": "8", "timeout": "6", "out": str(out),
    }  # fmt: skip
    words = [word for name, value in flags.items() for word in (f"--{name}", value)]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", str(len(PROCESSES)),
        "--node-rank", str(host), "--nproc-per-node", str(PROCESSES[host]),
        "--master-addr", world.address(0), "--master-port", "29571",
        "-m", "byzccl", "lab", "run", *words,
    ]  # fmt: skip
    return subprocess.Popen(
        world.command(host, *command),
        env={**os.environ, "GLOO_SOCKET_IFNAME": "eth0", "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def wait_until(
    condition: Callable[[], bool], seconds: float, programs: list[subprocess.Popen[bytes]]
) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "nothing happened in time"
        assert all(program.poll() in (None, 0) for program in programs)
        time.sleep(0.1)


def test_a_host_that_is_cut_off(tmp_path: Path) -> None:
    try:
        with hosts(len(PROCESSES)) as world:
            check(world, tmp_path)
    except PermissionError as error:
        pytest.skip(str(error))


def check(world: Hosts, out: Path) -> None:
    programs = [start(world, host, out) for host in range(len(PROCESSES))]
    try:
        # A model of 650 numbers goes from each of 4 servers to 5 nodes elsewhere, in every step.
        step = 4 * 5 * 650 * 4
        wait_until(lambda: world.bytes_from(0) > STEPS // 4 * step, 120, programs)
        world.cut_off(CUT)
        path = out / "outcome.json"
        wait_until(path.is_file, 240, [programs[0], programs[2]])
        time.sleep(0.5)
        outcome = json.loads(path.read_text())
    finally:
        for program in programs:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
    assert outcome["failed"] is None and len(outcome["spread"]) == STEPS
    heard = [
        {node for key, nodes in step.items() if key.endswith(("model", "gradient"))
         for node in nodes} for step in outcome["heard"]
    ]  # fmt: skip
    assert {4, 5} <= set().union(*heard[: STEPS // 5])
    assert not {4, 5} & set().union(*heard[-20:])
    assert {0, 1, 2, 3, 6, 7, 8} <= set().union(*heard[-20:])
    assert outcome["accuracy"] > 0.5
    assert any("node 4" in note for note in outcome["notes"])
