# SPDX-License-Identifier: MIT
"""PyTorch's own DDP tests pass when every DDP is robustified under `mean`.

All of torch 2.11's distributed_test that build a DDP and need no GPU, but for two that register a
hook of their own, which DDP takes one of: test_accumulate_gradients_no_sync_allreduce_hook and
test_accumulate_gradients_no_sync_allreduce_with_then_hook.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import byzccl

# Two of them copy and pickle the DDP.
NAMES = [
    "test_DistributedDataParallelCPU",
    "test_DistributedDataParallelCPU_grad_is_view",
    "test_accumulate_gradients_no_sync",
    "test_accumulate_gradients_no_sync_grad_is_view",
    "test_ddp_create_graph",
    "test_ddp_logging_data_cpu",
    "test_grads_same_across_ranks_with_no_sync",
    "test_static_graph_api_cpu",
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    program = Path(__file__).with_name("torch_ddp.py")
    package = Path(byzccl.__file__).parents[1]  # the one under test, which may be installed
    environment = os.environ | {
        "BACKEND": "gloo",
        "WORLD_SIZE": "3",
        "TEMP_DIR": str(tmp_path_factory.mktemp("torch_ddp")),
        "PYTHONPATH": os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, program, *NAMES],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=900,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", NAMES)
def test_of_pytorch(results, name):
    assert isinstance(results[name], int), results[name]
    assert results[name] > 0  # of them robustified
