# SPDX-License-Identifier: MIT
"""What every test on a GPU needs: to be told from one that passed where there is none."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import torch

from byzccl import _C
from ranks import run

if torch.cuda.device_count() == 0:  # asks NVML: a parent that starts CUDA could not fork
    MISSING = "needs a GPU"
elif _C.build_info()["cuda"] == 0:
    MISSING = "needs a byzccl built with CUDA"
else:
    MISSING = ""

NEEDS_GPU = pytest.mark.skipif(bool(MISSING), reason=MISSING)
NEEDS_NCCL = pytest.mark.skipif(
    bool(MISSING) or _C.build_info()["nccl"] == 0,
    reason=MISSING or "needs a byzccl built with NCCL",
)


def by_itself(body: Callable[[], Any], limit: float = 60.0) -> None:
    """Runs in a process of its own, in which CUDA starts afresh."""
    run(1, lambda _: body(), init=False, limit=limit)


def on_gpus(n: int, body: Callable[[int], Any], limit: float = 60.0, **options: Any) -> list[Any]:
    """As ranks.run, with a current device each. Ranks may share a GPU.

    NCCL refuses two ranks of one host on one GPU: each says that it is a host of its own, and they
    talk over loopback.
    """

    def rank_body(rank: int) -> Any:
        os.environ["NCCL_HOSTID"] = f"byzccl-{rank}"
        os.environ["NCCL_SOCKET_IFNAME"] = "lo"
        os.environ["NCCL_IB_DISABLE"] = "1"
        torch.cuda.set_device(rank % torch.cuda.device_count())
        return body(rank)

    return run(n, rank_body, limit=limit, **options)
