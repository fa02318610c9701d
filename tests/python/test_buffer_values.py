# SPDX-License-Identifier: MIT
"""Buffers of every dtype through a median: what ranks share stays as it is."""

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

import byzccl
from byzccl.buffer_values import exchanged_dtype, from_median, to_exchange
from ranks import run

BAD = 0  # the rank that DDP trusts


class Odd(torch.nn.Module):
    """Buffers of many dtypes and values, and a step that alters none."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
        for name, buffer in BUFFERS.items():
            self.register_buffer(name, buffer.clone())

    def forward(self, x):
        return x * self.weight


FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e5m2)
BUFFERS = {
    **{
        f"mask_{str(dtype)[6:]}": torch.tensor(
            [0, -torch.inf, torch.inf, torch.finfo(dtype).min, torch.finfo(dtype).max, -1.5]
        ).to(dtype)
        for dtype in FLOATS
    },
    "whole": torch.tensor([-3, 0, 2**53 + 1, 2**63 - 1, -(2**63)]),
    "bytes": torch.arange(250, 256, dtype=torch.uint8).view(2, 3),
    "truth": torch.tensor([True, False, True]),
    "waves": torch.tensor([[1 + 2j, -3j], [complex(torch.inf, 0), 0]]),
    "scalar": torch.tensor(2.5),
    "nothing": torch.empty(0, 4),
    "strided": torch.arange(12.0).view(3, 4).t(),
    "sentinel": torch.tensor([torch.nan, 1.0]),
}


@pytest.mark.parametrize("n", [1, 3, 4])
def test_buffers_that_all_ranks_share_stay_bit_for_bit(n):
    def body(rank):
        ddp = DistributedDataParallel(Odd(), init_sync=False)  # Gloo cannot send all of these
        byzccl.ddp.robustify(ddp, "median", robust_buffers=True)
        for _ in range(2):
            ddp(torch.ones(3)).sum().backward()
        for name, wanted in BUFFERS.items():
            buffer = ddp.module.get_buffer(name)
            assert buffer.dtype == wanted.dtype and buffer.stride() == wanted.stride(), name
            assert torch.equal(bits(buffer), bits(wanted)), (name, buffer)

    run(n, body)


def bits(tensor):
    """NaN is one value, whatever its bits."""
    flat = (
        torch.where(tensor != tensor, torch.nan, tensor) if tensor.is_floating_point() else tensor
    )
    return flat.reshape(-1).view(torch.uint8)


@pytest.mark.parametrize("n", [3, 4, 5])
def test_one_rank_of_many_cannot_change_what_the_others_share(n):
    def body(rank):
        ddp = DistributedDataParallel(Odd(), init_sync=False)  # Gloo cannot send all of these
        byzccl.ddp.robustify(ddp, "median", robust_buffers=True)
        if rank == BAD:
            for buffer in ddp.module.buffers():
                buffer.copy_(torch.ones(()))
        ddp(torch.ones(3))
        for name, wanted in BUFFERS.items():
            ours, theirs = ddp.module.get_buffer(name), wanted
            if ours.dtype.itemsize == 1 and ours.is_floating_point():
                ours, theirs = ours.float(), theirs.float()
            same = (ours == theirs) | (theirs != theirs)
            if rank == BAD:  # it had other ones, and learns the largest but for the last bits
                same |= torch.isclose(ours.to(torch.complex128), theirs.to(torch.complex128), 0.02)
            assert same.all(), (name, rank, ours)

    run(n, body)


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64, torch.bool, torch.complex64])
def test_values_go_there_and_back(dtype):
    buffer = torch.tensor([0.0, 1.0, 2.0, 3.0]).to(dtype)
    sent = to_exchange(buffer, exchanged_dtype(dtype))
    assert sent.dim() == 1 and sent.isfinite().all()
    assert torch.equal(from_median(sent.clone(), sent, buffer), buffer)


def test_integers_take_the_lower_median():
    buffer = torch.tensor([0, 4, -5])
    sent = to_exchange(buffer, torch.float64)
    median = torch.tensor([2.5, -2.5, torch.nan], dtype=torch.float64)
    assert from_median(median, sent, buffer).tolist() == [2, -3, -5]
