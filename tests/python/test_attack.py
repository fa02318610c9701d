# SPDX-License-Identifier: MIT
"""byzccl.attack: the list of attacks, adversaries with a memory, and ranks that lie in messages."""

from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

import byzccl
from byzccl.attack import Adversary, attacks, canonical, craft
from ranks import run

N, D, LIAR = 5, 10_240, 3
SECONDS = timedelta(seconds=10)


def test_every_attack_is_listed_and_reads_its_own_defaults():
    listed = {info.name: info for info in attacks()}
    assert len(listed) == len(attacks())
    assert {"min_max", "min_sum", "uniform", "stale", "bit_flip", "drift"} < set(listed)
    assert listed["uniform"].signature == "uniform(scale=1,seed=0)"
    assert listed["min_max"].signature == "min_max(perturbation=std)"
    assert listed["bit_flip"].signature == "bit_flip(bit=<drawn>,count=1,seed=0)"
    assert [name for name, info in listed.items() if info.on_messages] == ["equivocate", "tamper"]
    honest = torch.randn(5, 40)
    for name, info in listed.items():
        assert info.description
        assert canonical(name) == name
        if info.on_messages or name in ("stale", "alie"):
            continue
        given = [p for p in info.parameters if not p.default.startswith("<")]
        text = f"{name}({','.join(f'{p.name}={p.default}' for p in given)})"
        by_default = craft(honest, name, n=7, f=2, rank=5, step=3)
        written = craft(honest, text, n=7, f=2, rank=5, step=3)
        assert torch.equal(by_default, written) or name == "nan"


def test_an_adversary_remembers():
    adversary = Adversary("stale(age=2)")
    honest = [torch.full((3, 2, 2), float(step)) for step in range(5)]
    sent = [adversary.craft(x, n=4, f=1, rank=3, step=k) for k, x in enumerate(honest)]
    assert [float(x[0, 0]) for x in sent] == [0, 0, 0, 1, 2]
    assert sent[0].shape == (2, 2)
    plain = Adversary("min_sum").craft(torch.randn(4, 9, dtype=torch.bfloat16), n=5, f=1, rank=4)
    assert plain.dtype == torch.bfloat16


def test_what_acts_otherwise_is_refused():
    honest = torch.zeros(3, 4)
    with pytest.raises(ValueError, match="use an Adversary"):
        craft(honest, "stale", n=4, f=1, rank=3)
    with pytest.raises(ValueError, match="acts on messages"):
        craft(honest, "tamper", n=4, f=1, rank=3)
    with pytest.raises(byzccl.InvalidArgument, match="acts on messages"):
        Adversary("equivocate(scale=2)")
    with pytest.raises(byzccl.InvalidArgument, match="bit_flip needs bit < 32"):
        Adversary("bit_flip(bit=32)").craft(honest, n=4, f=1, rank=3)

    def body(rank):
        with pytest.raises(byzccl.InvalidArgument, match="does not act on messages"):
            byzccl.Communicator(None, "ring", SECONDS, deceit="nan")

    run(1, body)


# That all of it is so to the bit, for every kind of rule, is attack_transport_test's.
@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
@pytest.mark.parametrize("attack", ["equivocate", "tamper(scale=2)"])
def test_a_lie_in_the_messages_goes_unnoticed(algorithm, attack):
    def body(rank):
        deceit = attack if rank == LIAR else "none"
        communicator = byzccl.Communicator(None, algorithm, SECONDS, deceit=deceit)
        mine = torch.full((D,), float(rank + 1))
        communicator.all_reduce(mine, "mean").wait()
        everybody = [torch.empty_like(mine) for _ in range(N)]
        dist.all_gather(everybody, mine)
        return [x[:: D // N].tolist() for x in everybody]  # one column of each shard

    results = run(N, body)[0]
    right, flipped = [3.0] * N, [3.0 - 2 * (LIAR + 1) / N] * N
    if algorithm == "ring" and attack == "equivocate":
        assert results == [right if rank == LIAR else pytest.approx(flipped) for rank in range(N)]
    elif attack == "equivocate":  # shards 4 and 1 are first and third from the liar on
        wrong = [3.0, flipped[0], 3.0, 3.0, flipped[0]]
        assert results == [pytest.approx(wrong)] * N
    elif algorithm == "sharded":
        wrong = [3.0, 3.0, 3.0, -6.0, 3.0]
        assert results == [right if rank == LIAR else wrong for rank in range(N)]
    else:
        assert results[LIAR] == results[LIAR - 1] == right
        assert len({tuple(results[rank]) for rank in range(N)}) == 4
