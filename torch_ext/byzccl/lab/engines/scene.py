# SPDX-License-Identifier: MIT
"""What both engines set up alike: the system, the data, the model and the nodes' learners."""

from __future__ import annotations

import torch

from byzccl.lab import data, model, partition
from byzccl.lab.experiment import Experiment
from byzccl.lab.learner import Learner, Task, learner_of
from byzccl.lab.systems import system_of
from byzccl.lab.systems.requests import Role


class Scene:
    def __init__(self, e: Experiment) -> None:
        self.e = e
        self.system = system_of(e)
        self.cast = self.system.cast(e)
        self.observed = self.system.observed(e)
        self.dataset = data.load(e.data)
        form = self.dataset
        self.task = Task(model.build(e.model, form.side, e.seed, form.channels, form.classes))
        self.start = self.task.start()
        self.parts = partition.split(form.train_labels, e.workers, e.partition, e.seed)

    def node(self, number: int) -> Role:
        return self.system.node(self.e, number, self.start)

    def learner(self, number: int) -> Learner:
        """Of a worker."""
        worker, flips = self.cast.worker_number(number), self.cast.flips_labels(number)
        return learner_of(self.e, self.task, self.dataset, self.parts, worker, flips)

    def bytes_of(self, vector: torch.Tensor) -> int:
        return vector.numel() * vector.element_size()
