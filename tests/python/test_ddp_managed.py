# SPDX-License-Identifier: MIT
"""robustify judges a model by what DDP manages, whatever the default device is."""

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

import byzccl
from ranks import run

ROWS = 9


class Words(torch.nn.Module):
    def __init__(self, table=torch.nn.Embedding):
        super().__init__()
        self.words = table(ROWS, 4, sparse=True)
        self.last = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.words(x))


def table_in_bags(*sizes, sparse):
    return torch.nn.EmbeddingBag(*sizes, sparse=sparse)


def frozen(net):
    net.words.requires_grad_(False)
    return DistributedDataParallel(net)


def ignored(net):
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(net, ["words.weight"])
    return DistributedDataParallel(net)


@pytest.mark.parametrize("table", [torch.nn.Embedding, table_in_bags])
@pytest.mark.parametrize("without", [frozen, ignored])
def test_sparse_embeddings_that_ddp_does_not_manage(without, table):
    def body(rank):
        torch.manual_seed(3)
        ddp = without(Words(table))
        robust = byzccl.ddp.robustify(ddp, "median")
        for _ in range(2):
            ddp(torch.tensor([[rank, 2]])).sum().backward()
        assert robust.report().d == 4 * 2 + 2
        return ddp.module.last.weight.grad

    results = run(3, body)
    assert all(torch.equal(results[0], grad) for grad in results)


def test_sparse_embeddings_that_ddp_manages():
    def body(rank):
        net = Words()
        ddp = DistributedDataParallel(net)
        with pytest.raises(byzccl.InvalidArgument, match=r"sparse=True: words\.weight"):
            byzccl.ddp.robustify(ddp, "median")
        net.words.requires_grad_(False)  # too late: the Reducer has it
        with pytest.raises(byzccl.InvalidArgument, match="build DDP anew"):
            byzccl.ddp.robustify(ddp, "median")

    run(1, body)


@pytest.mark.parametrize("default", ["meta", "cuda"])
def test_another_default_device(default):
    """As in `with torch.device("meta")` around the making of a model, or set_default_device."""

    def body(rank):
        torch.manual_seed(3)
        nets = [torch.nn.Linear(5, 2) for _ in range(2)]
        x = torch.full((4, 5), float(rank))
        torch.set_default_device(default)
        torch.set_default_dtype(torch.float64)
        reports = []
        for net, rule in zip(nets, ("krum(f=0)", "centered_clipping(tau=1)"), strict=True):
            ddp = DistributedDataParallel(net)
            robust = byzccl.ddp.robustify(ddp, rule)
            for _ in range(2):
                ddp(x).square().mean().backward()
            report = robust.report()
            assert report.weights.device.type == "cpu"
            reports.append((repr(report), robust.excluded, robust.state_dict()))
        y = torch.full((5,), float(rank), dtype=torch.float32, device="cpu")
        byzccl.all_reduce(y, "median")
        assert byzccl.functional.all_reduce(y, "mean").device.type == "cpu"
        byzccl.aggregate(y[None].repeat(3, 1), "nnm+krum(f=0)")
        byzccl.explain(y[None].repeat(3, 1), "krum(f=0)").weights.sum().item()
        return [net.weight.grad for net in nets]

    results = run(3, body)
    for grads in results:
        assert all(torch.equal(a, b) for a, b in zip(results[0], grads, strict=True))
