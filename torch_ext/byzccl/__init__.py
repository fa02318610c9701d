# SPDX-License-Identifier: MIT
"""Byzantine-resilient collective communication: the gradient all-reduce that survives bad ranks.

    byzccl.aggregate(stack, byzccl.Krum(f=2))            # n vectors in one process
    byzccl.all_reduce(tensor, "nnm+krum(f=2)")           # among ranks, in place
    byzccl.ddp.robustify(ddp, byzccl.GuardedMean(f=1))   # under DistributedDataParallel

`byzccl.rules()` lists the rules, `python -m byzccl doctor` says whether all is well here.
"""

import torch  # its libraries must be there before ours

try:
    from byzccl import _C  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"byzccl's extension does not load beside torch {torch.__version__}; it does beside the "
        "minor version that it was built with. Build it anew: pip install --no-build-isolation "
        f"--force-reinstall --no-deps . ({error})"
    ) from error

from byzccl import attack, ddp, functional
from byzccl._C import version as __version__
from byzccl.before import Arc, Bucketing, Clip, Nnm
from byzccl.catalog import ParameterInfo, RuleInfo, StepInfo, rules, steps
from byzccl.collectives import all_reduce, forget
from byzccl.column_rules import Meamed, Median, Phocas, TrimmedMean
from byzccl.communicator import Communicator
from byzccl.distance_rules import (
    Bulyan,
    Caf,
    CenteredClipping,
    Cge,
    Faba,
    GeometricMedian,
    GuardedMean,
    Krum,
    Mda,
    Mean,
    Monna,
    MultiBulyan,
    MultiKrum,
    Smea,
)
from byzccl.errors import (
    CudaError,
    Error,
    InvalidArgument,
    MismatchError,
    NcclError,
    QuorumError,
    TransportError,
)
from byzccl.local import aggregate, explain, pre_aggregate
from byzccl.node import Collected, Node
from byzccl.pending import Exchange, Pending
from byzccl.report import Report
from byzccl.rule import Rule, RuleLike, Step, Steps, StepsLike

__all__ = [
    "Arc",
    "Bucketing",
    "Bulyan",
    "Caf",
    "CenteredClipping",
    "Cge",
    "Clip",
    "Collected",
    "Communicator",
    "CudaError",
    "Error",
    "Exchange",
    "Faba",
    "GeometricMedian",
    "GuardedMean",
    "InvalidArgument",
    "Krum",
    "Mda",
    "Meamed",
    "Mean",
    "Median",
    "MismatchError",
    "Monna",
    "MultiBulyan",
    "MultiKrum",
    "NcclError",
    "Nnm",
    "Node",
    "ParameterInfo",
    "Pending",
    "Phocas",
    "QuorumError",
    "Report",
    "Rule",
    "RuleInfo",
    "RuleLike",
    "Smea",
    "Step",
    "StepInfo",
    "Steps",
    "StepsLike",
    "TransportError",
    "TrimmedMean",
    "__version__",
    "aggregate",
    "all_reduce",
    "attack",
    "ddp",
    "explain",
    "forget",
    "functional",
    "pre_aggregate",
    "rules",
    "steps",
]
