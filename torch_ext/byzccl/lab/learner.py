# SPDX-License-Identifier: MIT
"""Gradients of nodes at models that are vectors [d], and how good such a model is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap

from byzccl.lab.data import Dataset
from byzccl.lab.experiment import Experiment
from byzccl.lab.partition import Indices
from byzccl.lab.systems.requests import Gradient


class Task:
    """A model's form: what a vector [d] means as its parameters."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.names = [name for name, _ in module.named_parameters()]
        self.shapes = [p.shape for p in module.parameters()]
        self.sizes = [p.numel() for p in module.parameters()]

    def start(self) -> torch.Tensor:
        """The parameters [d] that the module was made with."""
        return torch.cat([p.detach().reshape(-1) for p in self.module.parameters()])

    def outputs(self, model: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
        parts = zip(self.names, model.split(self.sizes), self.shapes, strict=True)
        parameters = {name: part.view(shape) for name, part, shape in parts}
        return functional_call(self.module, parameters, (inputs,))  # type: ignore[no-any-return]

    def loss(self, model: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(self.outputs(model, inputs), labels)

    @torch.no_grad()
    def accuracy(self, model: torch.Tensor, inputs: torch.Tensor, labels: torch.Tensor) -> float:
        right = 0
        for first in range(0, len(labels), 500):
            part = slice(first, first + 500)
            right += int((self.outputs(model, inputs[part]).argmax(1) == labels[part]).sum())
        return right / len(labels)


@dataclass
class Learner:
    """One node's data and how it draws from them: a batch depends on seed, node and step alone, so
    a node that leaves steps out, or is asked twice, finds the same."""

    e: Experiment
    task: Task
    number: int  # of the worker
    images: torch.Tensor  # [count, channels, side, side]
    labels: torch.Tensor  # [count]

    def batch(self, step: int, turn: int) -> tuple[torch.Tensor, torch.Tensor]:
        random = np.random.default_rng([self.e.seed, self.number, step, turn])
        drawn = torch.from_numpy(random.integers(0, len(self.labels), self.e.batch))
        return self.images[drawn], self.labels[drawn]

    def gradient(self, wanted: Gradient) -> torch.Tensor:
        """[d]; after several local steps, what they moved by, divided by lr."""
        model = wanted.model
        lr = self.e.lr_at(wanted.step)
        for turn in range(self.e.local_steps):
            leaf = model.detach().requires_grad_()
            loss = self.task.loss(leaf, *self.batch(wanted.step, turn))
            (found,) = torch.autograd.grad(loss, leaf)
            if self.e.local_steps == 1:
                return found
            model = model - lr * found
        return moved(wanted.model, model, lr)


def gradients(learners: list[Learner], wanted: list[Gradient]) -> torch.Tensor:
    """[k, d]: those of k nodes of one experiment in one go, equal to each one's up to rounding."""
    e, task = learners[0].e, learners[0].task
    starts = torch.stack([one.model for one in wanted])
    lrs = torch.tensor([e.lr_at(one.step) for one in wanted])[:, None]
    models = starts
    for turn in range(e.local_steps):
        pairs = zip(learners, wanted, strict=True)
        batches = [learner.batch(one.step, turn) for learner, one in pairs]
        images = torch.stack([images for images, _ in batches])
        labels = torch.stack([labels for _, labels in batches])
        found = vmap(grad(task.loss))(models, images, labels)
        if e.local_steps == 1:
            return found  # type: ignore[no-any-return]
        models = models - lrs * found
    return torch.stack([
        moved(start, model, float(lr)) for start, model, lr in zip(starts, models, lrs, strict=True)
    ])  # fmt: skip


def moved(start: torch.Tensor, end: torch.Tensor, lr: float) -> torch.Tensor:
    """The gradient that would have done in one step what several did; zero where lr is."""
    return (start - end) / lr if lr > 0 else torch.zeros_like(start)


def learner_of(
    e: Experiment, task: Task, dataset: Dataset, parts: list[Indices], worker: int, flips: bool
) -> Learner:
    """Worker number `worker` with its part of the data; `flips` mirrors the labels."""
    mine = parts[worker]
    labels = torch.from_numpy(dataset.train_labels[mine])
    images = torch.from_numpy(dataset.train_images[mine])
    return Learner(e, task, worker, images, dataset.classes - 1 - labels if flips else labels)
