# SPDX-License-Identifier: MIT
"""Robust gradients for DistributedDataParallel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import Variable
from torch.nn.parallel import DistributedDataParallel

from byzccl import _C, buffers, report
from byzccl.communicator import Communicator
from byzccl.copies import Copied, connect, release
from byzccl.errors import Error, InvalidArgument
from byzccl.managed import managed_device
from byzccl.memory import Memory
from byzccl.pending import Exchange, Pending
from byzccl.rule import RuleLike, rule_text
from byzccl.timeouts import Timeout
from byzccl.wrappers import ddp_of

_STATE_VERSION = 1

Tamper = Callable[[torch.Tensor], None]

# Reports of steps on a CUDA device that may lie there unread: reading one waits for the device.
_MOST_UNREAD = 64


class Robust:
    """The communication hook of one DDP module: one selection a step, over the whole gradient.

    Each bucket is exchanged as soon as DDP hands it over, so that the exchange overlaps with the
    backward pass. The selection is made when every parameter that DDP manages has been seen; then
    all buckets become the aggregate. With `mean` the step is DDP's own up to rounding.

    A failed reduction raises RuntimeError out of `backward()`; the original is in `error`. The
    gradients of that step are unspecified: skip the optimizer's step. The next one begins cleanly,
    but after a TransportError none does: build the model's DDP anew.
    """

    def __init__(
        self,
        model: DistributedDataParallel,
        rule: RuleLike,
        communicator: Communicator,
        tamper: Tamper | None,
    ) -> None:
        self.rule = _C.canonical(rule_text(rule))
        self.communicator = communicator
        self.error: Exception | None = None
        """What the last step raised; None if it went well."""
        self._tamper = tamper
        # The Reducer's own count: ddp.parameters() has more where some are ignored.
        buckets = model.reducer._get_zeros_like_grad_buckets()
        self._total = sum(len(bucket.parameters()) for bucket in buckets)
        self._buckets_may_be_skipped = bool(getattr(model, "skip_all_reduce_unused_params", False))
        self._steps = 0
        self._excluded = [0] * communicator.size
        self._broken = [0] * communicator.size
        self._memory = Memory(model) if _C.needs_previous(self.rule) else None
        self._last: report.Report | None = None
        # Nothing waits for the device, unless what a rule keeps depends on what it found.
        self._reads_late = communicator.device.type == "cuda" and self._memory is None
        self._unread: list[Pending] = []
        self._reading = threading.Lock()  # report() may be called by another thread
        self._clear()

    def _clear(self) -> None:
        self._exchange: Exchange | None = None
        self._futures: list[tuple[torch.futures.Future[torch.Tensor], torch.Tensor]] = []
        self._seen = 0
        self._armed = False

    # DDP asks for the name "bucket", and for a function that never raises.
    def _hook(self, state, bucket):  # type: ignore[no-untyped-def]
        if self._buckets_may_be_skipped and not self._armed:
            self._arm()
        buffer = bucket.buffer()
        if not self._futures:
            self.error = None
        try:
            if self._exchange is None and self.error is None:
                self._exchange = self.communicator.begin(self.rule)
            if self._tamper is not None:
                self._tamper(buffer)
        except Exception as error:
            self.error = self.error or error
        # Also after a failure: the other ranks count on this bucket.
        try:
            if self._exchange is not None:
                previous = None if self._memory is None else self._memory.recall(bucket)
                self._exchange.add(buffer, previous)
        except Exception as error:
            self.error = self.error or error

        # Of a CUDA device's, so that it carries the order of streams along.
        device = self.communicator.device
        done: torch.futures.Future[torch.Tensor] = torch.futures.Future(
            devices=[device] if device.type == "cuda" else None
        )
        self._futures.append((done, buffer))
        # An exception set on a future itself loses its message; one raised in a callback keeps it.
        checked = done.then(self._value_or_raise)
        self._seen += len(bucket.parameters())
        if self._seen == self._total:
            self._finish()
        return checked

    def _arm(self) -> None:
        """DDP passes wholly unused buckets by: finish at the end of the backward pass, too."""
        try:
            Variable._execution_engine.queue_callback(self._finish)
            self._armed = True
        except RuntimeError:  # not inside a backward pass: Join's shadow
            pass

    def _value_or_raise(self, done: torch.futures.Future[torch.Tensor]) -> torch.Tensor:
        if self.error is not None:
            raise self.error
        return done.value()

    def _finish(self) -> None:
        """Completes all buckets. A no-op when nothing is pending."""
        exchange, futures = self._exchange, self._futures
        self._clear()
        if exchange is not None:
            try:
                pending = exchange.finish()
                if self._reads_late:
                    pending.wait()
                    self._unread.append(pending)
                    if len(self._unread) >= _MOST_UNREAD:
                        self._read()
                else:
                    seen = pending.report()
                    self._account(seen)
                    # As all ranks do, even if this one's tamper raised.
                    if self._memory is not None and not seen.failed:
                        self._memory.keep()
            except Exception as error:
                self.error = self.error or error
        if self._memory is not None:
            self._memory.drop()
        for done, buffer in futures:
            done.set_result(buffer)

    def _read(self) -> report.Report | None:
        """Reads the reports of all steps so far; the last one's. None of a step that failed."""
        with self._reading:
            while self._unread:
                try:
                    self._account(self._unread.pop(0).report())
                except Error as error:
                    self.error = self.error or error
            return self._last

    def _account(self, seen: report.Report) -> None:
        self._last = seen
        self._steps += 1
        for rank in seen.broken:
            self._broken[rank] += 1
        if seen.failed:  # nobody had a say, and nobody in particular is to blame
            return
        for rank, weight in enumerate(seen.weights.tolist()):
            self._excluded[rank] += weight == 0

    def report(self) -> report.Report | None:
        """The last step's report; None before the first one. On a CUDA device this waits for it."""
        return self._read()

    @property
    def excluded(self) -> tuple[int, ...]:
        """In how many steps each rank got no weight while others did. Stays 0 for column rules.

        On a CUDA device this waits for the steps so far.
        """
        self._read()
        return tuple(self._excluded)

    def __reduce__(self) -> tuple[type[Copied], tuple[()]]:
        return Copied, ()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs to go on, keyed by parameter name where it concerns one."""
        self._read()
        return {
            "version": _STATE_VERSION,
            "rule": self.rule,
            "steps": self._steps,
            "excluded": list(self._excluded),
            "broken": list(self._broken),
            "parameters": {} if self._memory is None else self._memory.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises InvalidArgument if the state is of another version, number of ranks or model."""
        if state.get("version") != _STATE_VERSION:
            raise InvalidArgument(
                f"state of version {state.get('version')}, expected {_STATE_VERSION}"
            )
        if len(state["excluded"]) != self.communicator.size:
            raise InvalidArgument(
                f"state of {len(state['excluded'])} ranks, the group has {self.communicator.size}"
            )
        if self._memory is not None:
            self._memory.load_state_dict(state["parameters"])
        self._unread.clear()
        self._steps = int(state["steps"])
        self._excluded = [int(count) for count in state["excluded"]]
        self._broken = [int(count) for count in state["broken"]]


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
    quantized and `robust_buffers` are asked for, and where the rule is unknown or needs more ranks.

    On a CUDA device gradients travel over an NCCL communicator of byzccl's own, whatever the
    backend of the model's group, and no step waits for the device but those of a rule that keeps
    its previous output (centered_clipping).
    """
    ddp = ddp_of(model)
    device = managed_device(ddp)
    size = ddp.process_group.size()
    # Its text, and its bound on n.
    _C.explain(torch.zeros(size, 1, device="cpu"), rule_text(rule))
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
    ddp.register_comm_hook(None, robust._hook)
    connect(ddp, robust)
    if robust_buffers:
        buffers.attach(ddp, communicator)
    else:
        buffers.warn_of_broadcasts(ddp)
    return robust
