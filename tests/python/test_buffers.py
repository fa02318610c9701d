# SPDX-License-Identifier: MIT
"""robust_buffers: one rank's bad buffers reach no replica, in the modes that DDP has."""

import copy
import io
import warnings

import pytest
import torch
from torch.distributed.algorithms.join import Join
from torch.nn.parallel import DistributedDataParallel

import byzccl
from ranks import run

N = 5
STEPS = 4
BAD = 0  # the rank that DDP trusts


def net(**options):
    torch.manual_seed(1)
    layers = [torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1)]
    return DistributedDataParallel(torch.nn.Sequential(*layers), **options)


def batch(rank, step, bad_step):
    x = torch.randn(5, 6, generator=torch.Generator().manual_seed(100 * step + rank))
    if rank == BAD and step == bad_step:
        x[0, 0] = torch.nan
    return x


def once(ddp, rank, step, bad_step):
    ddp(batch(rank, step, bad_step)).square().mean().backward()


def accumulating(ddp, rank, step, bad_step):
    with ddp.no_sync():
        once(ddp, rank, step + 50, bad_step + 50)
    once(ddp, rank, step, -1)


def looking_in_between(ddp, rank, step, bad_step):
    once(ddp, rank, step, bad_step)
    ddp.eval()
    with torch.no_grad():
        assert ddp(torch.ones(2, 6)).isfinite().all()
    ddp.train()


def two_passes(ddp, rank, step, bad_step):
    once(ddp, rank, step, bad_step)
    once(ddp, rank, step + 50, -1)


MODES = {
    "default": ({}, once),
    "bucket_view": ({"gradient_as_bucket_view": True}, once),
    "no_sync": ({}, accumulating),
    "unused": ({"find_unused_parameters": True}, once),
    "static_graph": ({"static_graph": True}, once),
    "looking_in_between": ({}, looking_in_between),
    "two_passes": ({}, two_passes),
    "no_broadcast": ({"broadcast_buffers": False}, once),
}
LAST = STEPS - 1


def statistics(ddp):
    return torch.cat([b.flatten().double() for b in ddp.module.buffers()])


@pytest.mark.parametrize("bad_step", [1, LAST])
@pytest.mark.parametrize("mode", MODES)
def test_one_nan_batch_on_rank_0_leaves_every_replica_finite(mode, bad_step):
    options, step_of = MODES[mode]

    def body(rank):
        ddp = net(**options)
        byzccl.ddp.robustify(ddp, "krum(f=1)", robust_buffers=True)
        optimizer = torch.optim.SGD(ddp.parameters(), 0.05)
        for step in range(STEPS):
            optimizer.zero_grad()
            step_of(ddp, rank, step, bad_step)
            optimizer.step()
        ddp.eval()
        # Without an exchange, as when a rank saves or evaluates alone.
        assert ddp.module(torch.ones(2, 6)).isfinite().all()
        assert all(v.isfinite().all() for v in ddp.module.state_dict().values())
        out = ddp(torch.ones(2, 6))
        assert out.isfinite().all()
        return out.detach(), statistics(ddp)

    results = run(N, body)
    assert all(torch.equal(a, b) for r in results for a, b in zip(results[0], r, strict=True))


def test_without_it_rank_0_is_trusted():
    """The test above can fail."""

    def body(rank):
        ddp = net()
        with pytest.warns(UserWarning, match=r"1\.running_mean and 1 more.*robust_buffers=True"):
            byzccl.ddp.robustify(ddp, "krum(f=1)")
        for step in range(3):
            once(ddp, rank, step, 1)
        return ddp.module.eval()(torch.ones(2, 6)).isfinite().all().item()

    assert not any(run(N, body))


@pytest.mark.parametrize("by", [1.0, 1e30, -1e30, float("inf")])
def test_a_rank_that_alters_its_buffers_changes_little(by):
    """Each statistic stays between those of the honest ranks; the count is theirs."""

    def body(rank):
        ddp = net()
        byzccl.ddp.robustify(ddp, "krum(f=1)", robust_buffers=True)
        once(ddp, rank, 0, -1)
        norm = ddp.module[1]
        mine = statistics(ddp)
        if rank == BAD:
            norm.running_mean += by
            norm.num_batches_tracked.fill_(-1)
        ddp.eval()
        ddp(torch.ones(2, 6))
        return mine, statistics(ddp), norm.num_batches_tracked.item()

    results = run(N, body)
    honest = torch.stack([mine for rank, (mine, _, _) in enumerate(results) if rank != BAD])
    for _, after, count in results:
        assert torch.equal(after, results[0][1]) and count == 1
        assert (after >= honest.amin(0)).all() and (after <= honest.amax(0)).all()


def test_join_with_uneven_inputs():
    def body(rank):
        ddp = net()
        byzccl.ddp.robustify(ddp, "krum(f=1)", robust_buffers=True)
        optimizer = torch.optim.SGD(ddp.parameters(), 0.05)
        with Join([ddp]):
            for step in range(2 + rank):
                optimizer.zero_grad()
                once(ddp, rank, step, 1)
                optimizer.step()
        ddp.eval()
        assert ddp(torch.ones(2, 6)).isfinite().all()
        return statistics(ddp)

    results = run(N, body)
    assert all(torch.equal(results[0], s) for s in results)


def test_compiled():
    def body(rank):
        ddp = net()
        compiled = torch.compile(ddp, backend="aot_eager")
        byzccl.ddp.robustify(compiled, "krum(f=1)", robust_buffers=True)
        for step in range(3):
            compiled(batch(rank, step, 1)).square().mean().backward()
        ddp.eval()
        assert ddp.module(torch.ones(2, 6)).isfinite().all()
        ddp(torch.ones(2, 6))
        return statistics(ddp)

    results = run(3 + 2, body, limit=120)
    assert all(torch.equal(results[0], s) for s in results)


def test_copies_leave_their_buffers_alone_until_they_are_robustified():
    def body(rank):
        ddp = net()
        byzccl.ddp.robustify(ddp, "krum(f=1)", robust_buffers=True)
        once(ddp, rank, 0, -1)
        file = io.BytesIO()
        torch.save(ddp, file)
        file.seek(0)
        for twin in (copy.deepcopy(ddp), torch.load(file, weights_only=False)):
            before = statistics(twin)
            twin.eval()
            twin(torch.ones(2, 6))
            assert torch.equal(statistics(twin), before)
            twin.train()
            byzccl.ddp.robustify(twin, "krum(f=1)", robust_buffers=True)
            once(twin, rank, 1, 1)
            twin.eval()
            assert twin(torch.ones(2, 6)).isfinite().all()
        once(ddp, rank, 1, 1)
        assert ddp.module.eval()(torch.ones(2, 6)).isfinite().all()
        plain = copy.deepcopy(ddp)
        with pytest.warns(UserWarning, match="robust_buffers=True"):
            byzccl.ddp.robustify(plain, "krum(f=1)")
        assert not hasattr(plain, "buffer_hook") and not plain._forward_hooks
        return statistics(ddp)

    run(N, body)


def test_who_is_warned():
    def warned(ddp, **options):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            byzccl.ddp.robustify(ddp, "mean", **options)
        assert all(w.filename == __file__ for w in caught)
        return len(caught)

    def body(rank):
        assert warned(net()) == 1
        assert warned(net(), robust_buffers=True) == 0
        assert warned(net(broadcast_buffers=False)) == 0
        assert warned(DistributedDataParallel(torch.nn.Linear(2, 2))) == 0
        whole = torch.nn.Linear(2, 2)
        whole.register_buffer("count", torch.zeros(1, dtype=torch.int64))
        assert warned(DistributedDataParallel(whole)) == 0

    run(1, body)


def test_what_is_refused():
    def body(rank):
        taken = net()
        taken._register_buffer_comm_hook(None, lambda state, named: None)
        with pytest.raises(byzccl.InvalidArgument, match="buffer hook already"):
            byzccl.ddp.robustify(taken, "mean", robust_buffers=True)
        for table, kind in (
            (torch.eye(3).to_sparse(), r"float32 and torch\.sparse_coo"),
            (torch.ones(3, dtype=torch.uint32), r"uint32 and"),
        ):
            odd = torch.nn.Linear(2, 2)
            odd.register_buffer("table", table)
            ddp = DistributedDataParallel(odd, init_sync=False)
            with pytest.raises(byzccl.InvalidArgument, match=rf"got table of torch\.{kind}"):
                byzccl.ddp.robustify(ddp, "mean", robust_buffers=True)

    run(1, body)


def test_a_rank_with_other_buffers_is_told():
    def body(rank):
        ddp = net()
        byzccl.ddp.robustify(ddp, "median", robust_buffers=True)
        if rank == 1:
            ddp.module[1].running_mean = torch.zeros(9)
        with pytest.raises(byzccl.MismatchError):
            ddp(torch.ones(5, 6))

    run(3, body)
