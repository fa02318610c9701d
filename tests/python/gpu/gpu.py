# SPDX-License-Identifier: MIT
"""What every test on a GPU needs: to be told from one that passed where there is none."""

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


def by_itself(body: Callable[[], Any], limit: float = 120.0) -> None:
    """Runs in a process of its own, in which CUDA starts afresh."""
    run(1, lambda _: body(), init=False, limit=limit)
