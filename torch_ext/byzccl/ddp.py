# SPDX-License-Identifier: MIT
"""Robust gradients for DistributedDataParallel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from byzccl import _C, buffers, report, robust_state
from byzccl.arguments import type_name
from byzccl.communicator import Communicator
from byzccl.copies import Copied, connect, release
from byzccl.errors import InvalidArgument, TransportError
from byzccl.managed import managed_device
from byzccl.rule import RuleLike, rule_text
from byzccl.timeouts import Timeout
from byzccl.wrappers import ddp_of

Tamper = Callable[[torch.Tensor], None]


class Robust:
    """The communication hook of one DDP module: one selection a step, over the whole gradient.

    Each bucket is exchanged as soon as DDP hands it over, so that the exchange overlaps with the
    backward pass. The selection is made when every parameter that DDP manages has been seen; then
    all buckets become the aggregate. With `mean` the step is DDP's own up to rounding.

    No Python runs in the hook, but a `tamper`: what a signal handler raises (KeyboardInterrupt, a
    timer's, a preemption's) comes when `backward()` is complete, as with plain DDP.

    A failed reduction raises RuntimeError out of `backward()`; the original is in `error`. The
    gradients of that step are unspecified: skip the optimizer's step. The next one begins cleanly,
    but after a TransportError none does: build the model's DDP anew. What a tamper raises comes
    when the step is complete: an Exception as RuntimeError, others as they are.
    """

    def __init__(
        self,
        model: DistributedDataParallel,
        rule: RuleLike,
        communicator: Communicator,
        tamper: Tamper | None,
    ) -> None:
        self.communicator = communicator
        self._rule = _C.canonical(rule_text(rule))
        self._hook = _C.ReducerHook(
            model.reducer,
            communicator._open(),
            self._rule,
            list(model.module.named_parameters()),
            bool(getattr(model, "skip_all_reduce_unused_params", False)),
            tamper,
        )
        if model.logger is not None:  # DDP's constructor makes it
            model.logger._set_comm_hook_name("byzccl")

    @property
    def rule(self) -> str:
        """Canonical text. A new one is used from the next step on; all ranks change it at once."""
        return self._rule

    @rule.setter
    def rule(self, rule: RuleLike) -> None:
        self._rule = _C.canonical(rule_text(rule))
        self._hook.use_rule(self._rule)

    @property
    def error(self) -> BaseException | None:
        """What the last step raised; None if it went well."""
        error = self._hook.error()
        if isinstance(error, TransportError):
            self.communicator.failure = error
        return error

    def report(self) -> report.Report | None:
        """The last step's report; None before the first one. On a CUDA device this waits for it."""
        last = self._hook.report()
        return None if last is None else report.read(last)

    @property
    def excluded(self) -> tuple[int, ...]:
        """In how many steps each rank got no weight while others did. Stays 0 for column rules.

        On a CUDA device this waits for the steps so far.
        """
        _, excluded, _ = self._hook.counts()
        return tuple(excluded)

    def __reduce__(self) -> tuple[type[Copied], tuple[()]]:
        return Copied, ()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs to go on, keyed by parameter name where it concerns one."""
        return robust_state.write(self.rule, self._hook.counts(), self._hook.previous_outputs())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Raises InvalidArgument if it is no state, or of another version, size or model."""
        counts, outputs = robust_state.read(state, self.communicator.size)
        self._hook.load(counts, outputs)


def robustify(
    model: DistributedDataParallel | object,
    rule: RuleLike = "guarded_mean(f=1)",
    *,
    algorithm: str = "sharded",
    timeout: Timeout = None,
    robust_buffers: bool = False,
    tamper: Tamper | None = None,
    delay_ms: int = 0,
    deceit: str = "none",
) -> Robust:
    """Makes the gradients of `model` the aggregate by `rule` instead of the mean.

    `model` is a DistributedDataParallel, or a module or object that holds exactly one, such as
    torch.compile(ddp) or a trainer.

    Call it once, on every rank of the model's group, before the first backward pass. `timeout` is
    how long one rank may keep the others waiting before they name it, as in Communicator: None is
    the timeout of the model's group. `tamper` is called with each bucket's buffer before it leaves,
    and may change it: an adversary for experiments. `delay_ms` holds every message back, to try a
    slow network. `deceit` is an attack on messages ("equivocate", "tamper") that this rank carries
    out.

    With `robust_buffers` the model's buffers, such as BatchNorm's running statistics, become the
    coordinate-wise median of all ranks' at the moments when DDP would broadcast those of rank 0
    (docs/ddp.md). Without, a UserWarning says so where DDP broadcasts floating buffers.

    Parameters may differ in dtype: each bucket is measured and combined in its own, and the
    selection goes over all of them.

    Raises InvalidArgument where the hook would not see every gradient (the Python reducer, delayed
    all-reduce, DDP's mixed precision, an optimizer in the backward pass), where one is sparse,
    complex or on another device, where the model has another hook, where a buffer is sparse or
    quantized and `robust_buffers` are asked for, where `tamper` cannot be called, and where the
    rule is unknown or needs more ranks.

    On a CUDA device gradients travel over an NCCL communicator of byzccl's own, whatever the
    backend of the model's group, and no step waits for the device but those of a rule that keeps
    its previous output (centered_clipping).
    """
    ddp = ddp_of(model)
    device = managed_device(ddp)
    size = ddp.process_group.size()
    # Its text, and its bound on n.
    _C.explain(torch.zeros(size, 1, device="cpu"), rule_text(rule))
    if tamper is not None and not callable(tamper):
        raise InvalidArgument(f"tamper must be callable or None, got {type_name(tamper)}")
    if robust_buffers:
        buffers.check_buffers(ddp)
    communicator = Communicator(
        ddp.process_group,
        algorithm,
        timeout,
        device=device,
        delay_ms=delay_ms,
        deceit=deceit,
    )
    release(ddp)
    buffers.detach(ddp)
    robust = Robust(ddp, rule, communicator, tamper)
    connect(ddp, robust)
    if robust_buffers:
        buffers.attach(ddp, communicator, robust._hook)
    else:
        buffers.warn_of_broadcasts(ddp)
    return robust
