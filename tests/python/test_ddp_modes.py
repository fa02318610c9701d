# SPDX-License-Identifier: MIT
"""The modes of DDP: with rule mean each is plain DDP, and with krum one selection a reduction."""

from datetime import timedelta

import pytest
import torch

import byzccl
from ranks import run
from replicas import batch, model, once, train

N = 3
STEPS = 4
SECONDS = timedelta(seconds=10)


def skipping(ddp, rank, step):
    ddp(batch(rank, step), skip=True).square().mean().backward()


def skipping_on_one_rank(ddp, rank, step):
    ddp(batch(rank, step), skip=rank == 1).square().mean().backward()


def accumulating(ddp, rank, step):
    with ddp.no_sync():
        once(ddp, rank, step + 50)
    once(ddp, rank, step)


def two_passes(ddp, rank, step):
    once(ddp, rank, step + 50)
    once(ddp, rank, step)


def two_forwards(ddp, rank, step):
    (ddp(batch(rank, step)) + ddp(batch(rank, step + 50))).square().mean().backward()


def clipping(ddp, rank, step):
    once(ddp, rank, step)
    torch.nn.utils.clip_grad_norm_(ddp.parameters(), 0.01)


def looking_in_between(ddp, rank, step):
    ddp.eval()
    with torch.no_grad():
        ddp(batch(rank, step + 70))
    ddp.train()
    ddp(batch(rank, step + 80))  # and without a backward pass
    once(ddp, rank, step)


def autocasting(ddp, rank, step):
    with torch.autocast("cpu", torch.bfloat16):
        loss = ddp(batch(rank, step)).square().mean()
    loss.backward()


UNUSED = {"find_unused_parameters": True}
VIEW = {"gradient_as_bucket_view": True}
STATIC = {"static_graph": True}
SKIPPED = UNUSED | {"skip_all_reduce_unused_params": True, "bucket_cap_mb": 0.002}
# Options of the model, what a step does, and the reductions of a step.
MODES = {
    "default": ({}, once, 1),
    "one_bucket": ({"bucket_cap_mb": 25}, once, 1),
    "bucket_view": (VIEW, once, 1),
    "no_sync": ({}, accumulating, 1),
    "bucket_view,no_sync": (VIEW, accumulating, 1),
    "unused": (UNUSED, skipping, 1),
    "unused_on_one_rank": (UNUSED, skipping_on_one_rank, 1),
    "unused_buckets_skipped": (SKIPPED, skipping, 1),
    "static_graph": (STATIC, once, 1),
    "static_graph,bucket_list": (STATIC | {"bucket_cap_mb_list": [1, 1, 1]}, once, 1),
    "two_dtypes": ({"middle": torch.float64}, once, 1),
    "two_dtypes,bfloat16": ({"middle": torch.bfloat16}, once, 1),
    "two_dtypes,static_graph": (STATIC | {"middle": torch.float64}, once, 1),
    "checkpointing": ({"reentrant": False}, once, 1),
    "checkpointing,reentrant": ({"reentrant": True}, once, 1),
    "checkpointing,reentrant,static": (STATIC | {"reentrant": True}, once, 1),
    "two_passes": ({}, two_passes, 2),
    "two_forwards": ({"broadcast_buffers": False}, two_forwards, 1),
    "clipping": ({}, clipping, 1),
    "looking_in_between": ({}, looking_in_between, 1),
    "autocast": ({}, autocasting, 1),
}


RING = ["default", "two_dtypes", "static_graph"]  # a mode and an algorithm do not meet elsewhere
CASES = [(mode, "sharded") for mode in MODES] + [(mode, "ring") for mode in RING]


@pytest.mark.parametrize(("mode", "algorithm"), CASES)
def test_mean_is_plain_ddp_and_krum_selects_once(mode, algorithm):
    options, backward, reductions = MODES[mode]
    rough = mode in ("two_dtypes,bfloat16", "autocast")
    bounds = {"rtol": 2e-2, "atol": 2e-3} if rough else {"rtol": 1e-5, "atol": 1e-6}

    def body(rank):
        plain = train(model(**options), rank, STEPS, backward)
        ddp = model(**options)
        robust = byzccl.ddp.robustify(ddp, "mean", algorithm=algorithm, timeout=SECONDS)
        for ours, theirs in zip(train(ddp, rank, STEPS, backward), plain, strict=True):
            torch.testing.assert_close(ours, theirs, **bounds)
        assert robust.report().step + 1 == STEPS * reductions

        ddp = model(**options)
        robust = byzccl.ddp.robustify(ddp, "krum(f=0)", algorithm=algorithm, timeout=SECONDS)
        last = train(ddp, rank, STEPS, backward)[-1]
        report = robust.report()
        assert sorted(report.weights.tolist()) == [0, 0, 1] and report.algorithm == algorithm
        assert report.step + 1 == STEPS * reductions
        managed = sum(p.numel() for p in ddp.parameters())
        assert report.d < managed if mode == "unused_buckets_skipped" else report.d == managed
        return last

    results = run(N, body)
    assert all(torch.equal(results[0], g) for g in results)
