# SPDX-License-Identifier: MIT
"""Copies of a robustified DDP by copy, pickle or torch say that they are not connected."""

import copy
import io
import pickle

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel, update_bn

import byzccl
from ranks import run
from replicas import batch, gradients, model, once, train

NOT_CONNECTED = "is a copy of one that was robustified, and is not connected"


def by_torch(ddp):
    file = io.BytesIO()
    torch.save(ddp, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda ddp: pickle.loads(pickle.dumps(ddp)),
    "torch.save": by_torch,
    "AveragedModel": lambda ddp: AveragedModel(ddp).module,
    "copy_of_a_copy": lambda ddp: copy.deepcopy(pickle.loads(pickle.dumps(ddp))),
    "copy_of_a_refusing_copy": lambda ddp: copy.deepcopy(refused(copy.deepcopy(ddp))),
}
OPTIONS = {
    "default": {},
    "unused": {"find_unused_parameters": True},
    "static_graph": {"static_graph": True},
    "bucket_view": {"gradient_as_bucket_view": True},
}


def refused(ddp):
    for _ in range(2):
        with pytest.raises(RuntimeError, match=NOT_CONNECTED):
            once(ddp, 0, 0)
    return ddp


# A shallow copy shares its parameters with the original, whose Reducer works beside its own.
CASES = [(how, options) for how in COPIES for options in OPTIONS if how != "copy"]


@pytest.mark.parametrize(("how", "options"), [*CASES, ("copy", "default")])
def test_a_copy_refuses_to_be_trained_until_it_is_robustified(how, options):
    def body(rank):
        ddp = model(**OPTIONS[options])
        byzccl.ddp.robustify(ddp, "krum(f=0)")
        train(ddp, rank, 2)
        twin = COPIES[how](ddp)
        ddp.eval(), twin.eval()
        x = batch(rank, 9)
        out = twin(x)  # with gradients on, but no backward pass
        assert torch.equal(out, ddp(x)) or how == "copy_of_a_refusing_copy"
        ddp.train(), twin.train()

        refused(twin)
        robust = byzccl.ddp.robustify(twin, "krum(f=0)")
        with pytest.raises(byzccl.InvalidArgument, match="communication hook already"):
            byzccl.ddp.robustify(twin, "mean")
        if how == "copy":  # of the same parameters
            once(twin, rank, 3)
            assert robust.report().rule == "krum(f=0)"
            return gradients(twin)
        again = train(twin, rank, 2)
        wanted = train(ddp, rank, 2)
        assert all(torch.equal(a, b) for a, b in zip(again, wanted, strict=True))
        assert robust.report().step == 1
        return again[-1]

    results = run(3, body)
    assert all(torch.equal(results[0], g) for g in results)


def test_a_failed_robustify_leaves_the_copy_refusing():
    def body(rank):
        ddp = model()
        byzccl.ddp.robustify(ddp, "mean")
        twin = copy.deepcopy(ddp)
        with pytest.raises(byzccl.InvalidArgument, match="did you mean krum"):
            byzccl.ddp.robustify(twin, "kurm(f=0)")
        refused(twin)

    run(1, body)


def test_a_copy_is_reduced_nowhere_and_averages_as_usual():
    def body(rank):
        ddp = model()
        byzccl.ddp.robustify(ddp, "median")
        average = AveragedModel(ddp)
        for step in range(3):
            once(ddp, rank, step)
            average.update_parameters(ddp)
        update_bn([batch(rank, 5)], average)
        assert all(p.isfinite().all() for p in average.parameters())
        with average.module.no_sync():
            once(average.module, rank, 1)  # DDP reduces nothing here, so there is nothing to refuse
        refused(average.module)

    run(2, body)


def test_the_handle_is_copied_as_not_connected():
    def body(rank):
        robust = byzccl.ddp.robustify(model(), "mean")
        for twin in (copy.deepcopy(robust), pickle.loads(pickle.dumps(robust))):
            with pytest.raises(byzccl.Error, match=NOT_CONNECTED):
                twin.report()
        for how in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(byzccl.Error, match="cannot be copied"):
                how(robust.communicator)

    run(1, body)


def test_a_copy_that_is_not_of_the_original_has_torchs_own_rules():
    """A hook of another kind stays one that DDP takes no second of."""

    def body(rank):
        from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import fp16_compress_hook

        ddp = DistributedDataParallel(torch.nn.Linear(2, 2))
        ddp.register_comm_hook(dist.group.WORLD, fp16_compress_hook)
        with pytest.raises(byzccl.InvalidArgument, match="communication hook already"):
            byzccl.ddp.robustify(ddp, "mean")

    run(1, body)
