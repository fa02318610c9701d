# SPDX-License-Identifier: MIT
"""Imports that are slow are done once, here, before any test forks its ranks."""

import os
import sys
from pathlib import Path

# The package in place, unless .ci/test-torch tests the one that it has installed.
if os.environ.get("BYZCCL_TESTED") != "installed":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "torch_ext"))
sys.path.append(str(Path(__file__).resolve().parents[2]))  # benchmarks/

import torch
import torch._dynamo
import torch.distributed

import byzccl  # noqa: F401

# Ranks are forked: the parent must not have started threads that a child would wait for.
torch.set_num_threads(1)
