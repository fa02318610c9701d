# SPDX-License-Identifier: MIT
"""The local operators: torch.ops.byzccl and their Python front."""

import json
import math
import re
from pathlib import Path

import pytest
import torch

import byzccl
from ranks import run

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64]
CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"


def known(rule: str) -> bool:
    """A rule of the library, without steps before it."""
    name = re.match(r"\s*([a-z_]+)", rule)
    return "+" not in re.sub(r"\(.*?\)", "", rule) and name is not None and name[1] in NAMES


NAMES = {rule.name for rule in byzccl.rules()} | {"brute"}


def cases(path: Path, every: int) -> list[dict]:
    return [case for case in json.loads(path.read_text()) if known(case["rule"])][::every]


def tensor(values: object, dtype: torch.dtype) -> torch.Tensor:
    def number(x):
        return [number(y) for y in x] if isinstance(x, list) else float(x)

    return torch.tensor(number(values), dtype=dtype)


@pytest.mark.parametrize("name", sorted(NAMES - {"brute"}))
def test_conformance_sample(name):
    chosen = cases(CONFORMANCE / f"{name}.json", every=5)
    assert chosen
    for case in chosen:
        x = tensor(case["x"], torch.float64)
        if case.get("error"):
            with pytest.raises(ValueError, match="needs"):
                torch.ops.byzccl.aggregate(x, case["rule"], case["own"])
            continue
        out = torch.ops.byzccl.aggregate(x, case["rule"], case["own"])
        expected = tensor(case["out"], torch.float64)
        scale = max([1.0, *expected[expected.isfinite()].abs().tolist()])
        torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9 * scale, equal_nan=True)


def test_special_cases_in_float32():
    chosen = [c for c in cases(CONFORMANCE / "special.json", 1) if c["dtype"] == "float32"]
    assert len(chosen) > 20
    for case in chosen:
        x = tensor(case["x"], torch.float32)
        if case.get("error"):
            with pytest.raises(ValueError, match=r"needs|must"):
                torch.ops.byzccl.aggregate(x, case["rule"])
            continue
        out = torch.ops.byzccl.aggregate(x, case["rule"], case["own"])
        expected = tensor(case["out"], torch.float32)
        torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_shape_and_dtype_stay(dtype):
    x = torch.randn(5, 3, 4).to(dtype)
    for rule in ("mean", "krum(f=1)", "median"):
        out = byzccl.aggregate(x, rule)
        assert out.shape == (3, 4) and out.dtype == dtype and out.is_contiguous()
    middle = x.to(torch.float64).median(0).values.to(dtype)
    assert torch.equal(byzccl.aggregate(x, "median"), middle)


@pytest.mark.parametrize("view", ["rows apart", "columns apart", "transposed", "expanded"])
def test_non_contiguous(view):
    base = torch.randn(14, 12)
    x = {
        "rows apart": base[::2],
        "columns apart": base[:, ::3],
        "transposed": base[:5, :7].t(),
        "expanded": base[:1].expand(7, 12),
    }[view]
    assert not x.is_contiguous()
    before = x.clone()
    for rule in ("krum(f=1)", "trimmed_mean(f=1)"):
        assert torch.equal(byzccl.aggregate(x, rule), byzccl.aggregate(x.contiguous(), rule))
    assert torch.equal(x, before)


def test_vectors_of_no_dimension_and_of_no_element():
    assert byzccl.aggregate(torch.tensor([1.0, 2.0, 9.0]), "median").item() == 2
    assert byzccl.aggregate(torch.empty(5, 0), "krum(f=1)").shape == (0,)


def test_threads_do_not_change_bits():
    x = torch.randn(8, 100_003)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append([byzccl.aggregate(x, r) for r in ("mean", "krum(f=2)", "median")])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize(
    ("rule", "arguments", "message"),
    [
        ("krum(f=2)", {}, r"krum needs n >= 2 f \+ 3, got n = 5, f = 2"),
        ("kurm(f=1)", {}, "did you mean krum"),
        ("mean", {"own": 5}, "own must be in"),
        ("mean", {"own": -2}, "own must be in"),
        ("mean", {"step": -1}, "step"),
        ("mean", {"previous": torch.zeros(4)}, "previous must have the shape"),
        ("mean", {"previous": torch.zeros(3).double()}, "previous must have the stack's dtype"),
    ],
)
def test_mistakes_are_invalid_arguments(rule, arguments, message):
    for device in ("cpu", "meta"):
        moved = {
            k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in arguments.items()
        }
        with pytest.raises(byzccl.InvalidArgument, match=message):
            byzccl.aggregate(torch.zeros(5, 3, device=device), rule, **moved)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (torch.zeros(5, 3, dtype=torch.int32), "dtype must be"),
        (torch.tensor(1.0), "without dimensions"),
        (torch.zeros(0, 3), "n = 0"),
        (torch.zeros(257, 3), "n = 257"),
        (torch.eye(5).to_sparse(), "must be dense, got torch.sparse_coo"),
        (torch.nested.as_nested_tensor([torch.ones(2)], layout=torch.jagged), "dense, got nested"),
        (torch.quantize_per_tensor(torch.ones(5, 3), 0.1, 0, torch.quint8), "quantized"),
    ],
)
def test_stacks_that_are_none(stack, message):
    for call in (byzccl.aggregate, byzccl.explain):
        with pytest.raises(byzccl.InvalidArgument, match=message) as caught:
            call(stack, "mean")
        assert len(str(caught.value)) < 1000


def test_values_are_data():
    x = torch.zeros(7, 3)
    x[6] = math.nan
    assert torch.equal(byzccl.aggregate(x, "krum(f=1)"), torch.zeros(3))
    x[4:] = math.inf
    assert byzccl.aggregate(x, "krum(f=2)").isnan().all()


def test_meta():
    out = byzccl.aggregate(torch.empty(7, 3, 2, dtype=torch.bfloat16, device="meta"), "krum(f=2)")
    assert out.device.type == "meta" and out.shape == (3, 2) and out.dtype == torch.bfloat16


def test_backward_raises():
    def body(rank):  # in a process of its own: after a backward pass a process cannot fork ranks
        x = torch.randn(5, 3, requires_grad=True)
        out = byzccl.aggregate(x, "median")
        assert out.requires_grad
        with pytest.raises(RuntimeError, match="byzccl::aggregate"):
            out.sum().backward()
        assert not byzccl.aggregate(x.detach(), "median").requires_grad

    run(1, body, init=False)


def test_opcheck():
    def body(rank):
        x = torch.randn(5, 3)
        aggregate = torch.ops.byzccl.aggregate.default
        torch.library.opcheck(aggregate, (x, "krum(f=1)"))
        torch.library.opcheck(aggregate, (x.t(), "median", 0, 3, torch.zeros(5)))
        craft = torch.ops.byzccl.craft.default
        torch.library.opcheck(craft, (x, "alie", 8, 2, 6, 1))
        torch.library.opcheck(craft, (x, "optimal_alie", 7, 2, 6, 1, "median", 3))
        torch.library.opcheck(craft, (x, "dissensus", 7, 2, 6, 1, None, 3, [0.1] * 7))

    run(1, body, init=False, limit=60)


def test_compile_without_a_graph_break():
    def body(rank):
        def f(x):
            return byzccl.aggregate(x * 2, "trimmed_mean(f=1)") + 1

        x = torch.randn(6, 5)
        compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
        assert torch.equal(compiled(x), f(x))

    run(1, body, init=False, limit=60)


def test_craft():
    honest = torch.randn(6, 4)
    flipped = byzccl.attack.craft(honest, "sign_flip(scale=2)", n=8, f=2, rank=6)
    torch.testing.assert_close(flipped, -2 * honest.mean(0))
    assert byzccl.attack.craft(honest.double(), "nan", n=8, f=2, rank=6).isnan().all()
    first = byzccl.attack.craft(honest, "gaussian", n=8, f=2, rank=6, step=1)
    assert torch.equal(first, byzccl.attack.craft(honest, "gaussian", n=8, f=2, rank=6, step=1))
    assert not torch.equal(first, byzccl.attack.craft(honest, "gaussian", n=8, f=2, rank=6, step=2))
    with pytest.raises(byzccl.InvalidArgument, match="no_such_attack"):
        byzccl.attack.craft(honest, "no_such_attack", n=8, f=2, rank=6)
