# SPDX-License-Identifier: MIT
"""One worker: trains its shard, run after run, as one rank of a process group over Gloo."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import byzccl.ddp
from byzccl.lab import adversary
from byzccl.lab.data import CLASSES, Dataset, shard
from byzccl.lab.model import build
from byzccl.lab.run import BASELINE, Result, Run, Settings

# Called on rank 0 as training goes on: steps done, newest accuracy.
Progress = Callable[[int, float], None]


class Worker:
    """A rank that keeps its data and its groups over all runs."""

    def __init__(self, settings: Settings, dataset: Dataset) -> None:
        self.settings = settings
        self.rank = dist.get_rank()
        self.side = dataset.side
        mine = shard(dataset, self.rank, settings.workers, settings.seed)
        self.images = torch.from_numpy(dataset.train_images[mine])
        self.labels = torch.from_numpy(dataset.train_labels[mine])
        # Each rank tests its part of the test pictures: the replicas are the same model.
        self.test_images = torch.from_numpy(dataset.test_images[self.rank :: settings.workers])
        self.test_labels = torch.from_numpy(dataset.test_labels[self.rank :: settings.workers])
        self.counts = True  # whether this rank's model is looked at
        self.side_group = dist.new_group(backend="gloo")

    def train(self, run: Run, progress: Progress) -> Result:
        """One run from the same start: parameters and batches depend on the seed alone."""
        settings = self.settings
        model = build(settings.model, self.side, settings.seed)
        ddp = DistributedDataParallel(model)
        attacker = None
        if run.byzantine and adversary.on_gradient(run.attack):
            attacker = adversary.Adversary(run.attack, run.byzantine, self.side_group, run.rule)
        robust = attach(ddp, run, attacker, settings)
        # Who lies in messages may end with another model: the others' is what counts.
        liars = run.byzantine if adversary.on_messages(run.attack) else []
        self.counts = self.rank not in liars
        optimizer = torch.optim.SGD(model.parameters(), settings.lr, settings.momentum)
        decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, settings.steps)
        batches = torch.Generator().manual_seed(settings.seed * 1000 + self.rank)
        labels = self.labels
        if run.attack == adversary.LABEL_FLIP and self.rank in run.byzantine:
            labels = CLASSES - 1 - labels

        result = Result(run.rule, run.attack, run.byzantine, settings.workers)
        stops = {settings.steps * k // settings.evaluations for k in range(settings.evaluations)}
        for step in range(settings.steps):
            if step in stops:
                result.curve.append((step, self.accuracy(model, 2000)))
                progress(step, result.curve[-1][1])
            start = time.perf_counter()
            if attacker is not None:
                attacker.begin(step)
            chosen = torch.randint(len(labels), (settings.batch,), generator=batches)
            loss = nn.functional.cross_entropy(ddp(self.images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            decay.step()
            if robust is not None and run.rule != BASELINE:
                record(result, robust.report())
            result.losses.append(loss.item())
            result.seconds += time.perf_counter() - start
        result.accuracy = self.accuracy(model, len(self.test_labels) * settings.workers)
        result.curve.append((settings.steps, result.accuracy))
        result.replicas_identical = identical(model, self.counts)
        if robust is not None:
            robust.communicator.close()
        del robust, ddp, optimizer
        gc.collect()  # DDP must be gone before its process group
        return result

    @torch.no_grad()
    def accuracy(self, model: nn.Module, pictures: int) -> float:
        """Fraction of about so many test pictures that the model names right; same on all ranks."""
        part = -(-pictures // self.settings.workers)
        images, labels = self.test_images[:part], self.test_labels[:part]
        right = 0
        for first in range(0, len(labels), 500):
            part_of = slice(first, first + 500)
            right += int((model(images[part_of]).argmax(1) == labels[part_of]).sum())
        counts = torch.tensor([right, len(labels)]) * int(self.counts)
        dist.all_reduce(counts)
        return float(counts[0] / counts[1])


def attach(
    ddp: DistributedDataParallel,
    run: Run,
    attacker: adversary.Adversary | None,
    settings: Settings,
) -> Any:
    """Puts the rule in DDP's path; for the baseline nothing, or the adversary alone.

    Nobody can lie in the messages of torch's own all-reduce from outside: there the baseline is
    byzccl's mean.
    """
    lies = adversary.on_messages(run.attack)
    if run.rule != BASELINE or lies:
        lies = lies and dist.get_rank() in run.byzantine
        return byzccl.ddp.robustify(
            ddp, run.rule, algorithm=settings.algorithm, tamper=attacker,
            deceit=run.attack if lies else "none",
        )  # fmt: skip
    if attacker is not None:
        ddp.register_comm_hook(None, adversary.plain_hook(attacker, ddp.process_group))
    return None


def record(result: Result, report: byzccl.Report) -> None:
    """Adds what the rule did in this step."""
    weights = [float(weight) for weight in report.weights]
    if weights:
        result.weights.append(weights)
        result.excluded = result.excluded or [0] * result.workers
        for rank, weight in enumerate(weights):
            result.excluded[rank] += weight == 0.0
    result.failed_steps += report.failed
    result.bytes_sent += report.bytes_sent


def identical(model: nn.Module, counts: bool) -> bool:
    """Whether all ranks that count hold the same bits."""
    mine = torch.cat([p.detach().reshape(-1) for p in model.parameters()]).view(torch.int32)
    limits = torch.iinfo(mine.dtype)
    low = mine.clone() if counts else torch.full_like(mine, limits.max)
    high = mine.clone() if counts else torch.full_like(mine, limits.min)
    dist.all_reduce(low, dist.ReduceOp.MIN)
    dist.all_reduce(high, dist.ReduceOp.MAX)
    return bool(torch.equal(low, high))
