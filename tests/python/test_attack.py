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
    assert [n for n, info in listed.items() if info.asks_rule] == ["optimal_alie", "optimal_ipm"]
    honest = torch.randn(5, 40)
    for name, info in listed.items():
        assert info.description
        assert canonical(name) == name
        if info.on_messages or name in ("stale", "alie"):
            continue
        given = [p for p in info.parameters if not p.default.startswith("<")]
        text = f"{name}({','.join(f'{p.name}={p.default}' for p in given)})"
        given = {"n": 7, "f": 2, "rank": 5, "step": 3, "rule": "median"}
        by_default, written = (craft(honest, attack, **given) for attack in (name, text))
        assert torch.equal(by_default, written) or name == "nan"


def test_an_adversary_remembers():
    adversary = Adversary("stale(age=2)")
    honest = [torch.full((3, 2, 2), float(step)) for step in range(5)]
    sent = [adversary.craft(x, n=4, f=1, rank=3, step=k) for k, x in enumerate(honest)]
    assert [float(x[0, 0]) for x in sent] == [0, 0, 0, 1, 2]
    assert sent[0].shape == (2, 2)
    plain = Adversary("min_sum").craft(torch.randn(4, 9, dtype=torch.bfloat16), n=5, f=1, rank=4)
    assert plain.dtype == torch.bfloat16


def test_a_rule_is_asked():
    honest = torch.randn(6, 3, 5, generator=torch.Generator().manual_seed(3))
    who = {"n": 8, "f": 2, "rank": 7}

    def harm(sent, rule):
        out = byzccl.aggregate(torch.cat([honest, sent[None], sent[None]]), rule)
        return float((out - honest.mean(0)).norm())

    for rule in (byzccl.Nnm() + byzccl.TrimmedMean(f=2), "mda(f=2)"):
        best = craft(honest, "optimal_alie", rule=rule, **who)
        assert best.shape == (3, 5)
        assert torch.equal(Adversary("optimal_alie").craft(honest, rule=rule, **who), best)
        for z in (0, 0.5, 1, 2, 8):
            assert harm(best, rule) >= harm(craft(honest, f"alie(z={z})", **who), rule) * 0.999
    for call in (
        Adversary("optimal_ipm").craft,
        lambda x, **given: craft(x, "optimal_ipm", **given),
    ):
        with pytest.raises(byzccl.InvalidArgument, match=r"optimal_ipm .* got none"):
            call(honest, **who)
        with pytest.raises(
            byzccl.InvalidArgument, match=r"krum needs n >= 2 f \+ 3, got n = 8, f ="
        ):
            call(honest, rule="krum(f=3)", **who)
        with pytest.raises(byzccl.InvalidArgument, match="did you mean krum"):
            call(honest, rule="kurm(f=1)", **who)
        with pytest.raises(byzccl.InvalidArgument, match="rule must be text or a"):
            call(honest, rule=2, **who)


def test_dissensus_stops_the_step_of_gossip():
    """Mixing by the receiver's weights then leaves it where it was."""
    rows = torch.randn(4, 9, dtype=torch.float64)
    mixing = [0.1, 0.3, 0.2, 0.1, 0.2, 0.1]  # of 4 honest rows and 2 Byzantine neighbours
    who = {"n": 6, "f": 2, "rank": 4, "receiver": 1}
    for weights in (mixing, tuple(mixing), torch.tensor(mixing, dtype=torch.float64)):
        sent = craft(rows, "dissensus", weights=weights, **who)
        everybody = torch.cat([rows, sent[None], sent[None]])
        torch.testing.assert_close(torch.tensor(mixing, dtype=torch.float64) @ everybody, rows[1])
        again = Adversary("dissensus(scale=1)").craft(rows, weights=weights, **who)
        assert torch.equal(again, sent)
    for weights in (mixing[:5], [0.2] * 4 + [0, 0], [-1.0] * 6, [float("nan")] * 6):
        with pytest.raises(byzccl.InvalidArgument, match="dissensus needs"):
            craft(rows, "dissensus", weights=weights, **who)


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
