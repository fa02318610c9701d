# SPDX-License-Identifier: MIT
"""The previous output of a rule, between the steps of a training."""

from __future__ import annotations

from typing import Any

import torch
from torch._C._distributed_c10d import GradBucket
from torch.nn.parallel import DistributedDataParallel

from byzccl.errors import InvalidArgument


class Memory:
    """The rule's last output for each parameter's gradient, by the parameter's name.

    DDP rebuilds its buckets after the first step; what is kept follows the parameters.
    """

    def __init__(self, model: DistributedDataParallel) -> None:
        named = list(model.module.named_parameters())
        self._names = {id(parameter): name for name, parameter in named}
        self._shapes = {name: parameter.shape for name, parameter in named}
        self._outputs: dict[str, torch.Tensor] = {}
        # Of each bucket under way: what is sent along, and its parts by name.
        self._pending: list[tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]] = []

    def recall(self, bucket: GradBucket) -> torch.Tensor | None:
        """The previous output, laid out as the bucket's buffer; None if there is none yet.

        keep() or drop() must follow when the step is over.
        """
        buffer = bucket.buffer()
        flat = torch.zeros_like(buffer)
        parts: dict[str, torch.Tensor] = {}
        known = False
        for parameter, gradient in zip(bucket.parameters(), bucket.gradients(), strict=True):
            name = self._names[id(parameter)]
            offset = gradient.storage_offset() - buffer.storage_offset()
            parts[name] = flat.as_strided(gradient.shape, gradient.stride(), offset)
            if name in self._outputs:
                parts[name].copy_(self._outputs[name])
                known = True
        self._pending.append((buffer, flat, parts))
        return flat if known else None

    def keep(self) -> None:
        """The buffers of the buckets hold the new output: it replaces the old one."""
        for buffer, flat, parts in self._pending:
            flat.copy_(buffer)
            self._outputs.update(parts)
        self.drop()

    def drop(self) -> None:
        """The step gave no output: the old one stays."""
        self._pending.clear()

    def state_dict(self) -> dict[str, Any]:
        """By parameter: {"previous": its part of the last output}."""
        return {name: {"previous": output.clone()} for name, output in self._outputs.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises InvalidArgument if a name or shape is not the model's."""
        for name, entry in state.items():
            if name not in self._shapes or entry["previous"].shape != self._shapes[name]:
                shape = tuple(entry["previous"].shape)
                raise InvalidArgument(f"state of a parameter {name} {shape}: the model has none")
        self._outputs = {name: entry["previous"].clone() for name, entry in state.items()}
