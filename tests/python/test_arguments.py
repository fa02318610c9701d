# SPDX-License-Identifier: MIT
"""What has the wrong type is an InvalidArgument at every entry, named, and without its values."""

import gc
import time
from datetime import timedelta

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import byzccl
from byzccl import attack, functional
from ranks import run

WRONG = 1
LARGE = 100_000
X = torch.ones(4, 3)


class Wide:
    def __repr__(self) -> str:
        return "9" * LARGE

    __str__ = __repr__


def refused(call, message: str) -> None:
    with pytest.raises(byzccl.InvalidArgument, match=message) as caught:
        call()
    assert len(str(caught.value)) < 1000


NO_RULES = [None, 3, Wide(), X, torch.randn(LARGE), byzccl.Nnm(), byzccl.Krum, ["mean"]]
NO_TEXTS = [None, 3, b"nan", Wide(), torch.randn(LARGE), byzccl.Mean()]
NO_INTEGERS = ["1", 1.5, [1] * LARGE, Wide(), torch.randn(LARGE), 10**400, -(10**400)]
LONG_TEXTS = ["krum" * LARGE, "krum(f=1)+" * LARGE, "krum(f=" + "1" * LARGE + ")", "\udc80", "a\0b"]


@pytest.mark.parametrize("rule", NO_RULES, ids=lambda rule: type(rule).__name__)
def test_no_rule(rule):
    for call in (byzccl.aggregate, byzccl.explain):
        refused(lambda call=call: call(X, rule), "rule must be text or a byzccl.Rule, got ")


def test_no_rule_says_how_to_make_one():
    refused(lambda: byzccl.aggregate(X, byzccl.Nnm()), r"Nnm: put a rule behind it with \+")
    refused(lambda: byzccl.aggregate(X, byzccl.Krum), r"the class Krum: .* Krum\(...\)")


@pytest.mark.parametrize("text", LONG_TEXTS, ids=range(len(LONG_TEXTS)))
def test_texts_that_no_message_repeats(text):
    for call in (
        lambda: byzccl.aggregate(X, text),
        lambda: byzccl.explain(X, text),
        lambda: byzccl.Rule.parse(text),
        lambda: attack.canonical(text),
        lambda: attack.Adversary(text),
        lambda: attack.craft(X, text, n=5, f=1, rank=4),
    ):
        with pytest.raises(ValueError) as caught:  # noqa: PT011
            call()
        assert len(str(caught.value)) < 1000


def test_parameters_of_rules():
    for value in (Wide(), torch.randn(LARGE), "1" * LARGE, [1] * LARGE):
        refused(lambda value=value: byzccl.Krum(f=value), "krum: f must be a number, got ")
    for value in (10**400, 10**5000):
        with pytest.raises(byzccl.InvalidArgument) as caught:
            byzccl.Krum(f=value)
        assert len(str(caught.value)) < 1000
    for value in (None, 3, Wide()):
        refused(lambda value=value: byzccl.Rule.parse(value), "text must be text, got ")


@pytest.mark.parametrize("value", NO_INTEGERS, ids=lambda value: type(value).__name__)
def test_no_integers(value):
    for name in ("own", "step"):
        for call in (byzccl.aggregate, byzccl.explain):
            refused(
                lambda call=call, name=name: call(X, "mean", **{name: value}),
                f"{name} must be an integer",
            )
    for name in ("n", "f", "rank", "step", "receiver"):
        given = {"n": 5, "f": 1, "rank": 4, name: value}
        message = f"^{name} must be an integer"
        refused(lambda given=given: attack.craft(X, "nan", **given), message)
        refused(lambda given=given: attack.Adversary("nan").craft(X, **given), message)


def test_integers_of_other_libraries():
    for seven in (np.int64(3), np.uint8(3), torch.tensor(3)):
        out = byzccl.aggregate(X, "monna(f=0)", own=seven, step=seven)
        assert torch.equal(out, byzccl.aggregate(X, "monna(f=0)", own=3, step=3))


def test_attacks():
    for value in NO_TEXTS:
        refused(lambda value=value: attack.craft(X, value, n=5, f=1, rank=4), "attack must be text")
        refused(lambda value=value: attack.Adversary(value), "attack must be text")
        refused(lambda value=value: attack.canonical(value), "attack must be text")
    for value in (None, 1.0, "text" * LARGE, Wide(), {"a": X}):
        craft = attack.Adversary("nan").craft
        for call in (craft, lambda value, **given: attack.craft(value, "nan", **given)):
            refused(lambda call=call, value=value: call(value, n=5, f=1, rank=4), "honest must be ")
    known = {"n": 7, "f": 2, "rank": 6}
    for value in ("text" * LARGE, 1.0, Wide(), ["a"] * LARGE, torch.ones(2, LARGE), [10**400]):
        for call in (attack.Adversary("nan").craft, lambda x, **g: attack.craft(x, "nan", **g)):
            message = "weights must be numbers"
            refused(lambda call=call, value=value: call(X, weights=value, **known), message)
    out = attack.craft(list(X.numpy()), "sign_flip", n=5, f=1, rank=4)
    assert torch.equal(out, attack.craft(X, "sign_flip", n=5, f=1, rank=4))


SIX = torch.ones(6)
TENSOR, RULE = "tensor must be a torch.Tensor", "rule must be text or a byzccl.Rule"
PREVIOUS = "previous must be a torch.Tensor"

# Calls on a communicator of one's own, with something wrong in them; what is said of it.
ON_ONES_OWN = [
    (lambda c, wrong: c.all_reduce(wrong, "mean"), TENSOR),
    (lambda c, wrong: c.all_reduce(SIX, wrong), RULE),
    (lambda c, wrong: c.all_reduce(SIX, "mean", wrong), PREVIOUS),
    (lambda c, wrong: c.reduce(wrong, "mean", 0), TENSOR),
    (lambda c, wrong: c.reduce(SIX, wrong, 0), RULE),
    (lambda c, wrong: c.reduce(SIX, "mean", wrong), "dst must be an integer"),
    (lambda c, wrong: c.reduce_scatter(wrong, SIX, "mean"), "output must be a torch.Tensor"),
    (lambda c, wrong: c.reduce_scatter(SIX[:2], wrong, "mean"), "input must be a torch.Tensor"),
    (lambda c, wrong: c.reduce_scatter(SIX[:2], SIX, wrong), RULE),
    (lambda c, wrong: c.begin(wrong), RULE),
    (lambda c, wrong: c.begin("mean").add(wrong), TENSOR),
    (lambda c, wrong: c.begin("mean").add(SIX, wrong), PREVIOUS),
]
# On the one that all_reduce keeps for the group.
ON_THE_GROUPS = [
    (lambda c, wrong: byzccl.all_reduce(wrong, "mean"), TENSOR),
    (lambda c, wrong: byzccl.all_reduce(SIX, wrong), RULE),
    (lambda c, wrong: byzccl.all_reduce(SIX, "mean", previous=wrong), PREVIOUS),
    (lambda c, wrong: functional.all_reduce(wrong, "mean"), TENSOR),
    (lambda c, wrong: functional.all_reduce(SIX, wrong), RULE),
    (lambda c, wrong: functional.all_reduce(SIX, "mean", previous=wrong), PREVIOUS),
]


@pytest.mark.parametrize("wrong", [1.5, np.ones(LARGE), [torch.ones(LARGE)], Wide()], ids=type)
@pytest.mark.parametrize("mistakes", [ON_ONES_OWN, ON_THE_GROUPS], ids=["own", "group"])
def test_the_other_ranks_are_told(mistakes, wrong):
    """Soon, in the same words, and the next call works."""

    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=20))
        for mistake, message in mistakes:
            start = time.monotonic()
            if rank == WRONG:
                refused(lambda mistake=mistake: mistake(communicator, wrong), message)
                gc.collect()
            else:
                shared = mistakes is ON_THE_GROUPS
                own = lambda x, rule: communicator.all_reduce(x, rule).wait()  # noqa: E731
                call = byzccl.all_reduce if shared else own
                with pytest.raises(byzccl.MismatchError, match=message) as caught:
                    call(SIX.clone(), "mean")
                assert f"rank {WRONG}" in str(caught.value) and len(str(caught.value)) < 1000
            assert time.monotonic() - start < 10
            x = torch.full((5,), float(rank))
            communicator.all_reduce(x, "mean").wait()
            assert torch.equal(x, torch.ones(5))
            byzccl.all_reduce(x, "mean")

    run(3, body)


def test_groups_and_options():
    def body(rank):
        for value in (byzccl.Mean(), "mean", 3, torch.randn(LARGE), Wide(), dist.group):
            message = "group must be a torch.distributed.ProcessGroup or None, got "
            refused(lambda value=value: byzccl.all_reduce(SIX, "mean", value), message)
            refused(lambda value=value: byzccl.forget(value), message)
            refused(lambda value=value: byzccl.Communicator(value), message)
            if not isinstance(value, str):
                call = functional.all_reduce
                refused(lambda value=value, call=call: call(SIX, "mean", value), message)
        refused(
            lambda: functional.all_reduce(SIX, "mean", "g" * LARGE), "there is no process group"
        )
        for value in (None, torch.randn(LARGE), Wide()):
            for name in ("algorithm", "deceit", "chunk_bytes", "delay_ms"):
                refused(
                    lambda name=name, value=value: byzccl.Communicator(**{name: value}),
                    f"{name} must be (text|an integer), got ",
                )
        refused(lambda: byzccl.Communicator(algorithm="ring" * LARGE), "characters")
        refused(lambda: byzccl.Communicator(deceit="tamper" * LARGE), "characters")
        refused(lambda: byzccl.Communicator().abort(Wide()), "reason must be text")
        ddp = DistributedDataParallel(torch.nn.Linear(2, 2))
        for rule in NO_RULES:
            refused(lambda rule=rule: byzccl.ddp.robustify(ddp, rule), RULE)

    run(1, body)
