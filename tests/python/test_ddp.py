# SPDX-License-Identifier: MIT
"""byzccl.ddp.robustify among real processes, against plain DDP and against byzccl.aggregate."""

import time
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

import byzccl
from ranks import run
from replicas import SMALL_BUCKETS, Net, batch, gradients, model, train

SECONDS = timedelta(seconds=10)


def test_selection_is_made_over_the_whole_gradient():
    n = 5

    def body(rank):
        torch.manual_seed(3)
        alone = Net()
        alone(batch(rank, 0)).square().mean().backward()
        local = torch.cat([p.grad.flatten() for p in alone.parameters()])
        gathered = [torch.empty_like(local) for _ in range(n)]
        dist.all_gather(gathered, local)

        ddp = model()
        robust = byzccl.ddp.robustify(ddp, "krum(f=1)", timeout=SECONDS)
        assert robust.report() is None
        train(ddp, rank, 1)
        report = robust.report()
        winner = report.weights.argmax().item()
        assert report.weights.tolist() == [float(r == winner) for r in range(n)]
        assert byzccl.explain(torch.stack(gathered), "krum(f=1)").weights.argmax() == winner
        torch.testing.assert_close(gradients(ddp), gathered[winner].double(), rtol=0, atol=0)
        assert report.d == local.numel()

    run(n, body)


def test_tamper_and_the_counts_of_exclusion():
    def body(rank):
        ddp = model()

        def flip(gradient: torch.Tensor) -> None:
            gradient.mul_(-100)

        tamper = flip if rank == 2 else None
        robust = byzccl.ddp.robustify(ddp, timeout=SECONDS, tamper=tamper)
        train(ddp, rank, 4)
        assert robust.rule == "guarded_mean(f=1)"
        assert robust.excluded == (0, 0, 4, 0, 0)
        assert robust.report().flagged == (2,)
        state = robust.state_dict()
        assert state["steps"] == 4 and state["excluded"] == [0, 0, 4, 0, 0]
        return [p.detach() for p in ddp.parameters()]

    results = run(5, body)
    for parameters in results:
        assert all(torch.equal(a, b) for a, b in zip(results[0], parameters, strict=True))


def test_state_dict(tmp_path):
    def body(rank):
        ddp = model()
        robust = byzccl.ddp.robustify(ddp, "median", timeout=SECONDS)
        train(ddp, rank, 2)
        torch.save(robust.state_dict(), tmp_path / f"state{rank}")
        state = torch.load(tmp_path / f"state{rank}", weights_only=True)
        other = byzccl.ddp.robustify(model(), "median", timeout=SECONDS)
        other.load_state_dict(state)
        assert other.state_dict() == robust.state_dict() and state["steps"] == 2
        with pytest.raises(byzccl.InvalidArgument, match="version"):
            other.load_state_dict({**state, "version": 99})
        with pytest.raises(byzccl.InvalidArgument, match="3 ranks"):
            other.load_state_dict({**state, "excluded": [0, 0, 0]})
        some = {"layers.0.weight": {"previous": torch.zeros(1)}}
        for wrong, said in (
            (None, "state must be a dict from state_dict.., got None"),
            ([state], "got list"),
            (torch.ones(3), "got torch.Tensor"),
            ({}, "version None"),
            ({"version": 1}, 'no "steps"'),
            ({**state, "version": [1] * 999}, "version list"),
            ({**state, "steps": "two"}, "steps must be an integer, got str"),
            ({**state, "steps": -1}, "steps must not be negative"),
            ({**state, "steps": 1 << 70}, "64 bits"),
            ({**state, "excluded": 5}, "excluded must be a list of integers, got int"),
            ({**state, "excluded": "12"}, "excluded must be a list"),
            ({**state, "broken": [0, None]}, "broken must be an integer, got None"),
            ({**state, "parameters": []}, "parameters must be a dict"),
            ({**state, "parameters": {3: {}}}, "by int"),
            ({**state, "parameters": {"a": 1}}, "parameters must be a dict"),
            ({**state, "parameters": {"a": {}}}, 'no "previous"'),
            (
                {**state, "parameters": {"a": {"previous": [1.0]}}},
                "previous must be a torch.Tensor",
            ),
            ({**state, "parameters": some}, "layers.0.weight"),
        ):
            with pytest.raises(byzccl.InvalidArgument, match=said):
                other.load_state_dict(wrong)
        assert other.state_dict() == robust.state_dict()

    run(2, body)


def test_a_tamper_that_cannot_be_called_is_refused_before_the_ranks_meet():
    def body(rank):
        with pytest.raises(
            byzccl.InvalidArgument, match="tamper must be callable or None, got str"
        ):
            byzccl.ddp.robustify(model(), "mean", timeout=SECONDS, tamper="sign_flip")

    run(1, body)


def test_a_step_that_fails_closed_is_nan_and_says_so():
    def body(rank):
        ddp = model()
        robust = byzccl.ddp.robustify(
            ddp, "krum(f=1)", timeout=SECONDS, tamper=lambda g: g.fill_(torch.nan) if rank else None
        )
        ddp(batch(rank, 0)).sum().backward()
        assert gradients(ddp).isnan().all()
        assert robust.report().failed and robust.report().broken == (0, 1, 2, 3, 4)

    run(5, body)


def test_an_error_leaves_backward_and_the_next_step_begins_cleanly():
    def body(rank):
        plain = train(model(), rank, 1)[0]
        ddp = model()
        failing = [rank == 1]

        def tamper(gradient: torch.Tensor) -> None:
            if failing[0]:
                failing[0] = False
                raise KeyError("no such adversary")

        robust = byzccl.ddp.robustify(ddp, "mean", timeout=SECONDS, tamper=tamper)
        loss = ddp(batch(rank, 9)).square().mean()
        if rank == 1:
            with pytest.raises(RuntimeError, match="no such adversary"):
                loss.backward()
            assert isinstance(robust.error, KeyError)
        else:
            loss.backward()
        ddp.zero_grad()
        torch.testing.assert_close(train(ddp, rank, 1)[0], plain, rtol=1e-5, atol=1e-6)
        assert robust.error is None

    run(3, body)


def test_a_rank_that_leaves_the_backward_pass_is_named():
    def body(rank):
        ddp = model()
        robust = byzccl.ddp.robustify(ddp, "median", timeout=SECONDS)
        train(ddp, rank, 2)  # buckets are rebuilt after the first step

        def fail(gradient: torch.Tensor) -> None:
            raise KeyError("of the user's own")

        if rank == 1:
            ddp.module.norm.bias.register_hook(fail)
            with pytest.raises(KeyError):
                ddp(batch(rank, 3)).sum().backward()
        else:
            with pytest.raises(RuntimeError, match="rank 1"):
                ddp(batch(rank, 3)).sum().backward()
            assert isinstance(robust.error, byzccl.TransportError)
            assert robust.error.suspects == (1,)

    run(3, body)


def test_a_mismatch_of_rules_raises_on_every_rank():
    def body(rank):
        ddp = model()
        rule = "mean" if rank == 1 else "median"
        robust = byzccl.ddp.robustify(ddp, rule, timeout=SECONDS)
        for _ in range(2):
            with pytest.raises(RuntimeError, match=r"median.*mean|mean.*median"):
                ddp(batch(rank, 0)).sum().backward()
            assert isinstance(robust.error, byzccl.MismatchError)

    run(3, body)


def test_exchange_overlaps_with_backward():
    received = []
    shard = SMALL_BUCKETS["bucket_cap_mb"] * 2**20 / 3

    def body(rank):
        ddp = model()
        robust = byzccl.ddp.robustify(ddp, "krum(f=0)", timeout=SECONDS, delay_ms=5)
        train(ddp, rank, 2)  # buckets are rebuilt after the first step
        communicator = robust.communicator
        before = communicator.bytes_received

        def wait_for_some(grad: torch.Tensor) -> None:
            deadline = time.monotonic() + 10
            while communicator.bytes_received - before <= shard and time.monotonic() < deadline:
                time.sleep(0.01)
            received.append(communicator.bytes_received - before)

        # The first layer's bias is in the bucket that leaves last.
        ddp.module.norm.bias.register_hook(wait_for_some)
        ddp(batch(rank, 2)).sum().backward()
        total = communicator.bytes_received - before
        assert len(received) == 1
        assert received[0] > shard, "nothing had arrived before the last gradient was there"
        assert received[0] < total

    run(3, body)


def test_reports_that_are_read_late():
    """As on a CUDA device, where reading one waits."""
    n, steps, slander = 4, 70, 2

    def body(rank):
        ddp = model()

        def flip(gradient: torch.Tensor) -> None:
            gradient.mul_(-100)

        robust = byzccl.ddp.robustify(
            ddp, timeout=SECONDS, tamper=flip if rank == slander else None
        )
        robust._hook.read_reports_late(True)
        most = 0
        for _ in range(steps):
            train(ddp, rank, 1)
            most = max(most, robust._hook.unread)
        assert most == 63  # at 64 they are read
        assert robust.report().step == steps - 1 and robust._hook.unread == 0
        assert robust.excluded == tuple(steps * (r == slander) for r in range(n))
        train(ddp, rank, 1)
        assert robust.state_dict()["steps"] == steps + 1

    run(n, body)


def test_what_the_hook_cannot_see_is_refused():
    def body(rank):
        with pytest.raises(byzccl.InvalidArgument, match="DistributedDataParallel"):
            byzccl.ddp.robustify(Net(), "mean")
        with pytest.raises(byzccl.InvalidArgument, match="did you mean krum"):
            byzccl.ddp.robustify(model(), "kurm")
        waves = Net()
        waves.unused.to(torch.complex64)
        with pytest.raises(byzccl.InvalidArgument, match=r"float64, got torch\.complex64"):
            byzccl.ddp.robustify(DistributedDataParallel(waves), "mean")
        sparse = DistributedDataParallel(torch.nn.Embedding(4, 4, sparse=True))
        with pytest.raises(byzccl.InvalidArgument, match="dense"):
            byzccl.ddp.robustify(sparse, "mean")
        taken = model()
        taken.register_comm_hook(None, allreduce_hook)
        with pytest.raises(byzccl.InvalidArgument, match="hook already"):
            byzccl.ddp.robustify(taken, "mean")
        delayed = DistributedDataParallel(
            net := Net(),
            delay_all_reduce_named_params=[("unused.bias", net.unused.bias)],
            param_to_hook_all_reduce=net.unused.weight,
        )
        with pytest.raises(byzccl.InvalidArgument, match="delay_all_reduce_named_params"):
            byzccl.ddp.robustify(delayed, "mean")
        compiled = model()
        compiled._use_python_reducer = True
        with pytest.raises(byzccl.InvalidArgument, match="python_reducer"):
            byzccl.ddp.robustify(compiled, "mean")
        stepping = model()
        stepping.module.unused.bias._in_backward_optimizers = []
        with pytest.raises(byzccl.InvalidArgument, match="optimizer"):
            byzccl.ddp.robustify(stepping, "mean")

    run(2, body)


@pytest.mark.parametrize("turn", range(3))  # a race shows in one of many
@pytest.mark.parametrize("order", ["model first", "group first"])
def test_teardown(order, turn):
    def body(rank):
        ddp = model()
        robust = byzccl.ddp.robustify(ddp, "median", timeout=SECONDS)
        train(ddp, rank, 2)
        group = dist.group.WORLD  # a DDP object must not outlive the last reference to its group
        if order == "group first":
            dist.destroy_process_group()
        del ddp, robust
        return group is not None

    run(2, body, limit=15)
