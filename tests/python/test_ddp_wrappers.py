# SPDX-License-Identifier: MIT
"""What compilers and trainers put around a DDP: the one inside is robustified."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

import byzccl
from byzccl.wrappers import ddp_of
from ranks import run


class FabricModule(torch.nn.Module):
    """As Lightning Fabric's: the module twice, wrapped and not."""

    def __init__(self, ddp):
        super().__init__()
        self._forward_module = ddp
        self._original_module = ddp.module


class NotSetUp:
    """As a strategy before its model is there."""

    @property
    def model(self):
        raise RuntimeError("no model yet")


def ddp():
    return DistributedDataParallel(torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh()))


HOLDERS = {
    "itself": lambda d: d,
    "torch.compile": lambda d: torch.compile(d, backend="eager"),
    "compiled_twice_in_a_module": lambda d: torch.nn.ModuleDict(
        {"net": torch.compile(d, backend="eager")}
    ),
    "fabric": FabricModule,
    "sequential": lambda d: torch.nn.Sequential(d, torch.nn.Softmax(-1)),
    "engine": lambda d: SimpleNamespace(module=d),
    "hugging_face_trainer": lambda d: SimpleNamespace(model=d.module, model_wrapped=d),
    "lightning_strategy": lambda d: SimpleNamespace(model=d, lightning_module=d.module),
    "lightning_trainer": lambda d: SimpleNamespace(
        model=d, strategy=SimpleNamespace(model=d), lightning_module=d.module
    ),
    "trainer_with_a_strategy": lambda d: SimpleNamespace(
        model=d.module, strategy=SimpleNamespace(model=d)
    ),
    "ddp_in_a_ddp": lambda d: DistributedDataParallel(
        torch.nn.Sequential(d, torch.nn.Linear(2, 2))
    ),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_the_one_inside_is_robustified(holder):
    def body(rank):
        inner = ddp()
        held = HOLDERS[holder](inner)
        found = ddp_of(held)
        assert found is (held if holder == "ddp_in_a_ddp" else inner)
        if holder == "ddp_in_a_ddp":
            return
        robust = byzccl.ddp.robustify(held, "median")
        call = held if isinstance(held, torch.nn.Module) and holder != "fabric" else inner
        if holder == "compiled_twice_in_a_module":
            call = held["net"]
        call(torch.full((1, 3), float(rank))).sum().backward()
        assert robust.report().rule == "median" and robust.report().d == 8
        with pytest.raises(byzccl.InvalidArgument, match="communication hook already"):
            byzccl.ddp.robustify(inner, "median")

    run(2, body, limit=60)


def test_none_or_several_inside():
    def body(rank):
        two = torch.nn.ModuleDict({"generator": ddp(), "critic": ddp()})
        for holder in (two, SimpleNamespace(module=two)):
            with pytest.raises(
                byzccl.InvalidArgument, match=r"with 2: give it each of .*generator, .*critic"
            ):
                byzccl.ddp.robustify(holder, "median")
        net = torch.nn.Linear(3, 2)
        for holder, kind in (
            (net, "torch.nn.modules.linear.Linear"),
            (torch.compile(net), "OptimizedModule"),
            (None, "builtins.NoneType"),
            ([ddp()], "builtins.list"),
            (NotSetUp(), "NotSetUp"),
            (SimpleNamespace(model=net), "types.SimpleNamespace"),
            (SimpleNamespace(model=net, strategy=NotSetUp()), "types.SimpleNamespace"),
        ):
            with pytest.raises(byzccl.InvalidArgument, match=f"got a .*{kind} without: give it"):
                byzccl.ddp.robustify(holder, "median")

    run(1, body)
