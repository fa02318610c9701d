# SPDX-License-Identifier: MIT
"""Byzantine-resilient collective communication: the gradient all-reduce that survives bad ranks."""

import torch  # noqa: F401  (its libraries must be there before ours)

from byzccl import attack, ddp
from byzccl._C import version as __version__
from byzccl.collectives import all_reduce
from byzccl.communicator import Communicator, Pending
from byzccl.errors import Error, InvalidArgument, MismatchError, TransportError
from byzccl.local import ParameterInfo, RuleInfo, aggregate, explain, rules
from byzccl.report import Report

__all__ = [
    "Communicator",
    "Error",
    "InvalidArgument",
    "MismatchError",
    "ParameterInfo",
    "Pending",
    "Report",
    "RuleInfo",
    "TransportError",
    "__version__",
    "aggregate",
    "all_reduce",
    "attack",
    "ddp",
    "explain",
    "rules",
]
