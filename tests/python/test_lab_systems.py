# SPDX-License-Identifier: MIT
"""Each system of the lab against a few lines that say what it is, over vectors alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import byzccl
from byzccl.lab.engines.scene import Scene
from byzccl.lab.engines.simulated import Simulation
from byzccl.lab.experiment import Experiment
from byzccl.lab.graph import parse
from byzccl.lab.outcome import Outcome
from byzccl.lab.systems.requests import Gradient

SMALL: dict[str, Any] = {
    "data": "synthetic", "model": "logistic", "steps": 7, "batch": 8, "exact": True,
    "attack": "sign_flip(scale=2)", "workers": 7, "byzantine": 2, "momentum": 0.5,
}  # fmt: skip

Models = list[dict[int, torch.Tensor]]


def run(**fields: Any) -> tuple[Models, Outcome, Scene]:
    """The observed models after each step."""
    e = Experiment(**{**SMALL, **fields}).checked()
    simulation = Simulation(e, lambda step, accuracy: None, None)
    models: Models = []
    see = simulation.observer.see

    def look(step: int, seen: dict[int, torch.Tensor], seconds: float) -> float | None:
        models.append(dict(seen))
        return see(step, seen, seconds)

    simulation.observer.see = look  # type: ignore[method-assign]
    outcome = simulation.run()
    assert outcome.failed is None
    return models, outcome, simulation.scene


class Workers:
    """The gradients of all honest workers and what the attack makes of them, step by step."""

    def __init__(self, scene: Scene) -> None:
        self.e = scene.e
        self.honest = scene.cast.honest_workers
        self.learners = [scene.learner(node) for node in self.honest]
        self.memory = [torch.zeros_like(scene.start) for _ in self.honest]

    def rows(self, models: list[torch.Tensor], step: int) -> torch.Tensor:
        """[workers, d]: of worker k at models[k]."""
        e = self.e
        for k, learner in enumerate(self.learners):
            found = learner.gradient(Gradient(models[k], step))
            self.memory[k] = e.momentum * self.memory[k] + (1 - e.momentum) * found
        return torch.stack(self.memory + self.lies(torch.stack(self.memory)))

    def lies(self, honest: torch.Tensor) -> list[torch.Tensor]:
        return [-2 * honest.mean(0)] * self.e.byzantine


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rule", ["mda(f=2)", "trimmed_mean(f=2)", "nnm(f=2)+krum(f=2)"])
@pytest.mark.parametrize("system", ["parameter_server", "ring", "sharded"])
def test_one_model(system: str, rule: str) -> None:
    """With one model, on a server or everywhere: model -= lr * rule(gradients)."""
    models, outcome, scene = run(system=system, rule=rule, schedule="linear")
    e, workers, model = scene.e, Workers(scene), scene.start
    for step in range(e.steps):
        rows = workers.rows([model] * 5, step)
        model = model - 0.1 * (1 - step / e.steps) * byzccl.aggregate(rows, rule)
        for seen in models[step + 1].values():
            close(seen, model)
    assert outcome.spread == [0.0] * e.steps


def test_byzsgd() -> None:
    """Workers take medians of models, servers the rule of gradients, medians every T steps."""
    models, outcome, scene = run(
        system="byzsgd", servers=5, byzantine_servers=1, rule="mda(f=2)", gather_every=3,
        server_attack="gaussian(sigma=5)",
    )  # fmt: skip
    workers, held = Workers(scene), [scene.start] * 4
    liar = byzccl.attack.Adversary("gaussian(sigma=5)")
    again = byzccl.attack.Adversary("gaussian(sigma=5)")
    for step in range(scene.e.steps):
        lie = liar.craft(torch.stack(held), n=5, f=1, rank=4, step=step)
        model = torch.stack([*held, lie]).median(0).values
        update = byzccl.aggregate(workers.rows([model] * 5, step), "mda(f=2)")
        held = [server - 0.1 * update for server in held]
        if (step + 1) % 3 == 0:
            lie = again.craft(torch.stack(held), n=5, f=1, rank=4, step=step)
            held = [torch.stack([*held, lie]).median(0).values] * 4
        for server in range(4):
            close(models[step + 1][server], held[server])
    assert len(outcome.spread) == scene.e.steps


@pytest.mark.parametrize("rule", ["metropolis", "self_clip(tau=0.05)", "self_clip", "monna"])
@pytest.mark.parametrize("graph", ["complete", "two_cliques", "random(degree=4,seed=3)"])
def test_gossip(graph: str, rule: str) -> None:
    """Own step, then a mix with the neighbours: each rule as its paper writes it."""
    models, _, scene = run(system="gossip", graph=graph, rule=rule, workers=8, byzantine=1)
    workers, held = Workers(scene), [scene.start] * 7
    found = parse(graph, 8)
    w = found.weights()
    for step in range(scene.e.steps):
        rows = workers.rows(held, step)[:7]
        halves = [x - 0.1 * row for x, row in zip(held, rows, strict=True)]
        halves.append(-2 * torch.stack(halves).mean(0))
        held = [mixed(node, halves, found.neighbours[node], w[node], rule) for node in range(7)]
        for node in range(7):
            close(models[step + 1][node], held[node])


def mixed(
    node: int, halves: list[torch.Tensor], others: tuple[int, ...], w: np.ndarray, rule: str
) -> torch.Tensor:
    own = halves[node]
    if rule == "monna":  # the mean of the own and all but the f farthest neighbours
        near = sorted(others, key=lambda k: float((halves[k] - own).norm()))[: len(others) - 1]
        return torch.stack([own, *(halves[k] for k in near)]).mean(0)
    norms = {k: float((halves[k] - own).norm()) for k in others}
    tau = float("inf")
    if rule == "self_clip(tau=0.05)":
        tau = 0.05
    elif rule == "self_clip":
        far = max(others, key=lambda k: norms[k])
        tau = (sum(w[k] * norms[k] ** 2 for k in others if k != far) / w[far]) ** 0.5
    result = own.clone()
    for k in others:
        result += w[k] * min(1.0, tau / norms[k]) * (halves[k] - own)
    return result


def test_learn() -> None:
    """Gradients, rounds of agreement on them, then models: all by one rule."""
    rule = "trimmed_mean(f=2)"
    models, _, scene = run(system="gossip", learn=True, rule=rule, momentum=0.0, steps=4)
    workers, held = Workers(scene), [scene.start] * 5

    def with_lies(rows: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(rows + workers.lies(torch.stack(rows)))

    for step in range(4):
        agreed = [byzccl.aggregate(workers.rows(held, step), rule)] * 5
        for _ in range([1, 2, 2, 3][step]):  # ceil(log2(t + 1)) for t = 1, 2, 3, 4
            agreed = [byzccl.aggregate(with_lies(agreed), rule)] * 5
        halves = [x - 0.1 * g for x, g in zip(held, agreed, strict=True)]
        held = [byzccl.aggregate(with_lies(halves), rule)] * 5
        for node in range(5):
            close(models[step + 1][node], held[node])


def test_local_steps_are_federated_averaging() -> None:
    """With the mean: the average of what k steps of SGD make of the model at each worker."""
    models, _, scene = run(
        system="parameter_server", rule="mean", byzantine=0, local_steps=3, momentum=0.0, steps=3
    )
    model = scene.start
    learners = [scene.learner(node) for node in scene.cast.workers]
    for step in range(3):
        ends = []
        for learner in learners:
            local = model
            for turn in range(3):
                images, labels = learner.batch(step, turn)
                leaf = local.clone().requires_grad_()
                loss = torch.nn.functional.cross_entropy(scene.task.outputs(leaf, images), labels)
                loss.backward()
                local = local - 0.1 * leaf.grad
            ends.append(local)
        model = torch.stack(ends).mean(0)
        close(models[step + 1][0], model)


def test_relays_that_tamper_part_the_replicas_of_a_ring() -> None:
    """A vector is altered for whom it reaches through the liar (docs/attacks.md)."""
    models, outcome, _ = run(
        system="ring", rule="median(f=1)", attack="tamper", workers=6, byzantine=1
    )
    assert outcome.spread[-1] > 0
    # Node 5 lies: it and its left neighbour see all vectors right, as if nobody lied.
    honest, _, _ = run(system="ring", rule="median(f=1)", attack="none", workers=6, byzantine=1)
    close(models[1][4], honest[1][4])
    assert not torch.allclose(models[1][0], honest[1][0])


def test_dissensus_keeps_nodes_apart() -> None:
    """Told to each neighbour on its own, it undoes the step of plain gossip towards the others."""
    shape: dict[str, Any] = {
        "system": "gossip", "rule": "metropolis", "workers": 8, "byzantine": 2, "lr": 0.0,
        "graph": "complete",
    }  # fmt: skip
    models, _, scene = run(**shape, attack="dissensus(scale=1)", steps=2)
    # All start alike and nothing is learned: there is nothing to undo.
    for seen in models:
        assert all(torch.equal(model, scene.start) for model in seen.values())
    learning, outcome, _ = run(**{**shape, "lr": 0.1}, attack="dissensus(scale=1)")
    _, good, _ = run(**{**shape, "lr": 0.1}, attack="none")
    assert outcome.spread[-1] > 3 * good.spread[-1]
    assert torch.isfinite(learning[-1][0]).all()


@pytest.mark.parametrize("attack", ["optimal_alie", "optimal_ipm", "fang_krum", "fang_trim"])
@pytest.mark.parametrize("system", ["parameter_server", "sharded"])
def test_attacks_that_know_the_rule(system: str, attack: str) -> None:
    """They are asked for every step, with the rule that their vectors will meet."""
    rule = "trimmed_mean(f=2)"
    models, _, scene = run(system=system, rule=rule, attack=attack)
    workers, model = Workers(scene), scene.start
    for step in range(scene.e.steps):
        honest = workers.rows([model] * 5, step)[:5]
        lies = [
            byzccl.attack.craft(honest, attack, n=7, f=2, rank=rank, step=step, rule=rule)
            for rank in (5, 6)
        ]
        model = model - 0.1 * byzccl.aggregate(torch.stack([*honest, *lies]), rule)
        close(models[step + 1][0], model)
