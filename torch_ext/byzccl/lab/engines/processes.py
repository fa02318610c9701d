# SPDX-License-Identifier: MIT
"""Every node a process: of this machine, or wherever torchrun has started it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import asdict

import torch.distributed as dist
from torch.distributed import distributed_c10d as c10d

from byzccl.lab.engines import Progress
from byzccl.lab.engines.scene import Scene
from byzccl.lab.engines.stage import perform
from byzccl.lab.experiment import Experiment
from byzccl.lab.outcome import Outcome


def run_processes(e: Experiment, progress: Progress) -> Outcome | None:
    """The outcome; under torchrun on rank 0 alone, and None elsewhere."""
    if dist.is_torchelastic_launched():
        return _under_torchrun(e, progress)
    troupe = subprocess.Popen(
        [sys.executable, "-m", "byzccl.lab.engines.troupe"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert troupe.stdin and troupe.stdout
    outcome, error = None, "the processes ended without a word"
    try:
        troupe.stdin.write(json.dumps(asdict(e)) + "\n")
        troupe.stdin.flush()
        for text in troupe.stdout:
            line = json.loads(text)
            if "outcome" in line:
                outcome = Outcome.of(line["outcome"])
            elif "error" in line:
                error = line["error"]
            else:
                accuracy = line["accuracy"]
                progress(line["step"], math.nan if accuracy is None else accuracy)
    finally:
        troupe.stdin.close()
        troupe.wait()
    return outcome or Outcome(e, failed=error)


def _under_torchrun(e: Experiment, progress: Progress) -> Outcome | None:
    scene = Scene(e)
    nodes, world = len(scene.cast.nodes), int(os.environ["WORLD_SIZE"])
    if nodes != world:
        raise ValueError(
            f"{e.system} has {nodes} nodes here ({len(scene.cast.servers)} servers and "
            f"{len(scene.cast.workers)} workers), and torchrun has started {world} processes"
        )
    dist.init_process_group("gloo")
    try:
        return perform(scene, c10d._get_default_store(), progress)
    finally:
        dist.destroy_process_group()
