# SPDX-License-Identifier: MIT
"""Imports that are slow are done once, here, before any test forks its ranks."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "torch_ext"))

import torch  # noqa: E402
import torch._dynamo  # noqa: E402, F401
import torch.distributed  # noqa: E402, F401

import byzccl  # noqa: E402, F401

# Ranks are forked: the parent must not have started threads that a child would wait for.
torch.set_num_threads(1)
