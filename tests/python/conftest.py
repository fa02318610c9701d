# SPDX-License-Identifier: MIT
"""Imports that are slow are done once, here, before any test forks its ranks; and what the tests of
the lab's command line share."""

import os
import sys
from pathlib import Path

# The package in place, unless .ci/test-torch tests the one that it has installed.
if os.environ.get("BYZCCL_TESTED") != "installed":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "torch_ext"))
sys.path.append(str(Path(__file__).resolve().parents[2]))  # benchmarks/

import pytest
import torch
import torch._dynamo
import torch.distributed

import byzccl
import byzccl.__main__

# Ranks are forked: the parent must not have started threads that a child would wait for.
torch.set_num_threads(1)


@pytest.fixture
def call(monkeypatch, capsys):
    """A command of the lab in this process: gives exit code, standard output and standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["byzccl", "lab", *map(str, arguments)])
        try:
            code = byzccl.__main__.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"
