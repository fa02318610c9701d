# SPDX-License-Identifier: MIT
"""What a DDP module must be for its gradients to be reduced by a hook."""

from __future__ import annotations

import torch
from torch.nn.parallel import DistributedDataParallel

from byzccl.copies import is_copy
from byzccl.errors import InvalidArgument

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def _sparse_names(model: DistributedDataParallel) -> list[str]:
    """Of the parameters whose gradients DDP expects to be sparse."""
    parameters, are_sparse = model._build_params_for_reducer()
    sparse = {id(p) for p, is_sparse in zip(parameters, are_sparse, strict=True) if is_sparse}
    return [name for name, p in model.module.named_parameters() if id(p) in sparse]


def managed_parameters(model: DistributedDataParallel) -> list[torch.Tensor]:
    """Those that DDP's Reducer reduces: neither ignored nor frozen when DDP was built.

    Raises InvalidArgument if one of them has sparse gradients.
    """
    sparse = _sparse_names(model)
    if sparse:
        raise InvalidArgument(
            f"gradients must be dense, got an embedding with sparse=True: {', '.join(sparse)}"
        )
    try:
        # The Reducer's own, as ddp.parameters() has more.
        buckets = model.reducer._get_zeros_like_grad_buckets()
    except RuntimeError as error:  # it has no zeros of sparse gradients
        raise InvalidArgument(
            "gradients must be dense: an embedding with sparse=True was frozen after DDP had been "
            "built; build DDP anew"
        ) from error
    return [parameter for bucket in buckets for parameter in bucket.parameters()]


def managed_device(model: DistributedDataParallel) -> torch.device:
    """Where the gradients that DDP manages lie.

    Raises InvalidArgument where the hook would not see every gradient, or the library reduce none.
    """
    if getattr(model, "_use_python_reducer", False):
        raise InvalidArgument("optimize_ddp='python_reducer' ignores what a hook returns")
    if getattr(model, "_delay_all_reduce_params", None):
        raise InvalidArgument("delay_all_reduce_named_params averages those past the hook")
    if getattr(model, "mixed_precision", None) is not None:
        raise InvalidArgument("DDP's mixed_precision needs the hook for itself")
    if any(hasattr(p, "_in_backward_optimizers") for p in model._module_parameters):
        raise InvalidArgument("an optimizer in the backward pass needs the hook for itself")
    if model._comm_hooks and not is_copy(model):
        raise InvalidArgument("the model has a communication hook already; DDP takes one")
    managed = managed_parameters(model)
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
