# SPDX-License-Identifier: MIT
"""byzccl.pre_aggregate: the rows that steps make, against their definition in numpy."""

import numpy as np
import pytest
import torch

import byzccl
from byzccl import Arc, Bucketing, Clip, Nnm
from ranks import run

MASK = (1 << 64) - 1


def mix(state: int) -> tuple[int, int]:
    """An output of SplitMix64, and the state after it."""
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31, state


def bucketing(x: np.ndarray, s: int, seed: int, step: int) -> np.ndarray:
    state = mix(seed ^ mix(step)[0])[0]
    order = list(range(len(x)))
    for i in range(len(x) - 1, 0, -1):
        drawn, state = mix(state)
        j = drawn % (i + 1)
        order[i], order[j] = order[j], order[i]
    return np.stack([x[order[k : k + s]].mean(0) for k in range(0, len(x), s)])


def clip(x: np.ndarray, tau: float) -> np.ndarray:
    norms = np.linalg.norm(x, axis=1)
    return x * np.minimum(1, tau / norms)[:, None]


def arc(x: np.ndarray, f: int) -> np.ndarray:
    longest = 2 * f * (len(x) - f) // len(x)
    return clip(x, np.sort(np.linalg.norm(x, axis=1))[::-1][longest])


def nnm(x: np.ndarray, f: int) -> np.ndarray:
    distances = np.linalg.norm(x[:, None] - x[None], axis=2)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, : len(x) - f]
    return x[nearest].mean(1)


CASES = [
    ("bucketing(s=3)", lambda x: bucketing(x, 3, 0, 4)),
    ("bucketing(s=2,seed=11)", lambda x: bucketing(x, 2, 11, 4)),
    ("clip(tau=3)", lambda x: clip(x, 3)),
    ("arc(f=2)", lambda x: arc(x, 2)),
    ("nnm(f=3)", lambda x: nnm(x, 3)),
    ("nnm", lambda x: nnm(x, 3)),
    ("arc+nnm(f=2)", lambda x: nnm(arc(x, 3), 2)),
    ("bucketing(s=2)+arc(f=1)+nnm(f=1)", lambda x: nnm(arc(bucketing(x, 2, 0, 4), 1), 1)),
]


@pytest.mark.parametrize(("steps", "definition"), CASES, ids=[steps for steps, _ in CASES])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_rows_are_the_definition(steps, definition, dtype):
    x = torch.randn(8, 3, 10, generator=torch.Generator().manual_seed(2)).to(dtype)
    rows = byzccl.pre_aggregate(x, steps, step=4)
    wanted = torch.from_numpy(definition(x.double().numpy().reshape(8, 30)))
    assert rows.dtype == dtype and rows.is_contiguous()
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 1e-2}[dtype]
    torch.testing.assert_close(
        rows.double(), wanted.view(-1, 3, 10), rtol=tolerance, atol=tolerance
    )


@pytest.mark.parametrize(
    "steps",
    ["bucketing(s=3)", "clip(tau=3)", "arc(f=2)", "nnm(f=3)", "arc(f=2)+nnm(f=2)"],
)
def test_a_rule_over_the_rows_is_the_rule_behind_the_steps(steps):
    x = torch.randn(8, 40, generator=torch.Generator().manual_seed(3))
    x[7] *= 100
    rows = byzccl.pre_aggregate(x, steps, step=2)
    for rule in ("median", "trimmed_mean(f=1)", "meamed(f=1)", "phocas(f=1)"):
        assert torch.equal(
            byzccl.aggregate(rows, rule), byzccl.aggregate(x, f"{steps}+{rule}", step=2)
        )
    for rule in ("geometric_median(f=1)", "krum(f=0)", "mda(f=1)"):
        behind = byzccl.aggregate(x, f"{steps}+{rule}", step=2)
        over = byzccl.aggregate(rows, rule)
        torch.testing.assert_close(over, behind, rtol=1e-4, atol=1e-4 * float(behind.abs().max()))


def test_steps_may_be_objects():
    x = torch.randn(9, 5)
    for steps in (Nnm(f=2), Arc() + Nnm(f=2), Bucketing(s=2, seed=3) + Clip(tau=1.0) + Nnm()):
        assert torch.equal(byzccl.pre_aggregate(x, steps), byzccl.pre_aggregate(x, str(steps)))
    assert str(Arc() + Nnm(f=2)) == "arc+nnm(f=2)"


def test_each_form_of_the_vectors():
    x = torch.randn(7, 2, 3)
    rows = byzccl.pre_aggregate(x, "bucketing(s=2)+nnm")
    assert rows.shape == (4, 2, 3)
    for given in (list(x), x.numpy(), list(x.numpy()), x.transpose(1, 2).contiguous().mT):
        assert torch.equal(byzccl.pre_aggregate(given, "bucketing(s=2)+nnm"), rows)
    dicts = [{"a": row[0], "b": row[1].half()} for row in x]
    stacks = {"a": x[:, 0], "b": x[:, 1].half()}
    made = byzccl.pre_aggregate(dicts, "bucketing(s=2)+nnm")
    assert {key: (part.shape, part.dtype) for key, part in made.items()} == {
        "a": ((4, 3), torch.float32),
        "b": ((4, 3), torch.float16),
    }
    for key, part in byzccl.pre_aggregate(stacks, "bucketing(s=2)+nnm").items():
        assert torch.equal(part, made[key])
    torch.testing.assert_close(made["a"], rows[:, 0], rtol=1e-3, atol=1e-3)
    assert byzccl.aggregate(made, "median").keys() == {"a", "b"}
    assert byzccl.pre_aggregate(torch.tensor([3.0, 5.0]), "bucketing(s=2)").tolist() == [4.0]
    assert byzccl.pre_aggregate(torch.empty(5, 0), "nnm").shape == (5, 0)


def test_what_is_absent_or_failed_is_nan():
    x = torch.randn(5, 4)
    x[1, 2] = torch.inf
    rows = byzccl.pre_aggregate(x, "clip(tau=1)")
    assert rows[1].isnan().all() and not rows[[0, 2, 3, 4]].isnan().any()
    x[2:4] = torch.nan
    assert byzccl.pre_aggregate(x, "nnm(f=2)").isnan().all()


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("nnm+krum(f=1)", "krum is a rule, and pre_aggregate takes steps alone"),
        ("krum(f=1)", "krum is a rule"),
        ("nnm+clip(tau=1)", "steps come in the order"),
        ("nmm", "unknown step"),
        ("", "expected a step, but it ends"),
        ("nnm(f=3)", r"nnm needs n >= 2 f \+ 1, got n = 5, f = 3"),
        ("bucketing(s=6)", "got s = 6, n = 5"),
        ("nnm é", "printable ASCII"),
        (byzccl.Krum(f=1), r"byzccl.*Krum: give it to aggregate\(\)"),
        (Nnm() + byzccl.Krum(f=1), r"give it to aggregate\(\)"),
        (None, "steps must be text, a byzccl.Step or byzccl.Steps, got None"),
        (Nnm, "steps must be text"),
        (Nnm() + Clip(tau=1.0), "steps come in the order"),
    ],
)
def test_mistakes(steps, message):
    for device in ("cpu", "meta"):
        with pytest.raises(byzccl.InvalidArgument, match=message):
            byzccl.pre_aggregate(torch.ones(5, 3, device=device), steps)


def test_mistakes_in_the_stack():
    for stack, message in (
        (torch.ones(()), "without dimensions"),
        (torch.ones(0, 3), "n = 0"),
        (torch.ones(257, 3), "n = 257"),
        (torch.ones(5, 3, dtype=torch.int32), "dtype must be"),
        (torch.eye(5).to_sparse(), "must be dense"),
        (7, "stack must be a tensor or an array"),
    ):
        with pytest.raises(byzccl.InvalidArgument, match=message):
            byzccl.pre_aggregate(stack, "nnm")
    with pytest.raises(byzccl.InvalidArgument, match="step must not be negative, got -1"):
        byzccl.pre_aggregate(torch.ones(5, 3), "nnm", step=-1)
    with pytest.raises(byzccl.InvalidArgument, match="step must be an integer"):
        byzccl.pre_aggregate(torch.ones(5, 3), "nnm", step=1.5)


def test_compiled_checked_and_without_a_gradient():
    def body(rank):  # in a process of its own: after a backward pass a process cannot fork ranks
        x = torch.randn(7, 5)
        operator = torch.ops.byzccl.pre_aggregate.default
        torch.library.opcheck(operator, (x, "arc+nnm(f=2)"))
        torch.library.opcheck(operator, (x.t(), "bucketing(s=2)", 3))

        def f(x):
            return byzccl.pre_aggregate(x * 2, "bucketing(s=2)+nnm") + 1

        for dynamic in (False, True):
            compiled = torch.compile(f, fullgraph=True, backend="aot_eager", dynamic=dynamic)
            assert torch.equal(compiled(x), f(x))
            assert torch.equal(compiled(x[:5]), f(x[:5]))
        made = byzccl.pre_aggregate(x.requires_grad_(), "nnm")
        with pytest.raises(RuntimeError, match="byzccl::pre_aggregate"):
            made.sum().backward()

    run(1, body, init=False, limit=60)


def test_meta():
    x = torch.empty(7, 3, 2, dtype=torch.bfloat16, device="meta")
    rows = byzccl.pre_aggregate(x, "bucketing(s=2)")
    assert rows.device.type == "meta" and rows.shape == (4, 3, 2) and rows.dtype == torch.bfloat16
