# SPDX-License-Identifier: MIT
"""Runs PyTorch's own DDP tests, which its wheel brings, with every DDP robustified under `mean`.

A program of its own, as they change settings of torch for good, and ask the environment for
BACKEND, WORLD_SIZE and TEMP_DIR. `python torch_ddp.py NAME ...` prints {name: what came of it} as
JSON.
"""

import json
import os
import sys
from collections.abc import Callable

import torch
from torch.nn.parallel import DistributedDataParallel
from torch.testing._internal.distributed import distributed_test

import byzccl
from ranks import run


class Case(distributed_test.TestDistBackend, distributed_test.DistributedTest._DistTestBase):
    """Where a rank is given, its methods are the tests themselves."""


def robustified(name: str) -> Callable[[int], int]:
    """The test as one rank sees it; how many DDPs it has robustified."""

    def body(rank: int) -> int:
        count = 0
        plain = DistributedDataParallel.__init__

        def build(self, *args, **options):
            nonlocal count
            plain(self, *args, **options)
            byzccl.ddp.robustify(self, "mean")
            count += 1

        DistributedDataParallel.__init__ = build
        torch.manual_seed(0)
        case = Case(name)
        case.rank = rank
        try:
            getattr(case, name)()
        except SystemExit as end:
            raise AssertionError(f"skipped or ended with {end.code}") from end
        return count

    return body


def main() -> None:
    n = int(os.environ["WORLD_SIZE"])
    results: dict[str, str | int] = {}
    for name in sys.argv[1:]:
        distributed_test.initialize_temp_directories()
        distributed_test.Barrier.init()
        try:
            results[name] = min(run(n, robustified(name), limit=120))
        except AssertionError as error:
            results[name] = str(error)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
