# SPDX-License-Identifier: MIT
"""What a DDP module must be for its gradients to be reduced by a hook."""

from __future__ import annotations

import torch
from torch.nn.parallel import DistributedDataParallel

from byzccl.errors import InvalidArgument

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def _is_sparse(module: torch.nn.Module) -> bool:
    return isinstance(module, (torch.nn.Embedding, torch.nn.EmbeddingBag)) and module.sparse


def managed_device(model: DistributedDataParallel) -> torch.device:
    """Where the gradients that DDP manages lie.

    Raises InvalidArgument where the hook would not see every gradient, or the library reduce none.
    """
    if not isinstance(model, DistributedDataParallel):
        raise InvalidArgument(f"robustify needs a DistributedDataParallel, got {type(model)}")
    if getattr(model, "_use_python_reducer", False):
        raise InvalidArgument("optimize_ddp='python_reducer' ignores what a hook returns")
    if getattr(model, "_delay_all_reduce_params", None):
        raise InvalidArgument("delay_all_reduce_named_params averages those past the hook")
    if getattr(model, "mixed_precision", None) is not None:
        raise InvalidArgument("DDP's mixed_precision needs the hook for itself")
    managed = [p for p in model._module_parameters if p.requires_grad]
    if any(hasattr(p, "_in_backward_optimizers") for p in managed):
        raise InvalidArgument("an optimizer in the backward pass needs the hook for itself")
    if model._comm_hooks:
        raise InvalidArgument("the model has a communication hook already; DDP takes one")
    if any(_is_sparse(module) for module in model.module.modules()):
        raise InvalidArgument("gradients must be dense, got an embedding with sparse=True")
    dtypes = sorted({str(p.dtype) for p in managed if p.dtype not in _DTYPES})
    if dtypes:
        raise InvalidArgument(
            f"gradients must be float16, bfloat16, float32 or float64, got {', '.join(dtypes)}"
        )
    devices = sorted({str(p.device) for p in managed})
    if len(devices) != 1 or managed[0].device.type not in ("cpu", "cuda"):
        raise InvalidArgument(
            f"gradients must be on the CPU or on one CUDA device, got {', '.join(devices)}"
        )
    device: torch.device = managed[0].device
    return device
