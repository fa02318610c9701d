# SPDX-License-Identifier: MIT
"""The n vectors of aggregate() and explain(), in each form that they may have."""

from collections import OrderedDict

import numpy as np
import pytest
import torch

import byzccl

RULES = ("krum(f=1)", "median", "nnm+geometric_median(f=1)")
STACK = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(1))


def model(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3))


def floats(state: dict) -> dict:
    return {name: value for name, value in state.items() if value.is_floating_point()}


class OverDlpack:
    """An array of a library that torch has never heard of."""

    def __init__(self, data: torch.Tensor) -> None:
        self.data = data

    def __dlpack__(self, **arguments):
        return self.data.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()


ONE_STACK = {
    "list": list(STACK),
    "tuple": tuple(STACK),
    "parameters": [torch.nn.Parameter(row.clone(), requires_grad=False) for row in STACK],
    "numpy": STACK.numpy(),
    "numpy list": list(STACK.numpy()),
    "mixed list": [STACK[0].numpy(), *STACK[1:]],
    "big-endian": STACK.numpy().astype(">f4"),
    "turned round": STACK.numpy()[::-1].copy()[::-1],
    "read-only": np.frombuffer(STACK.numpy().tobytes(), np.float32).reshape(5, 3, 4),
    "fortran": np.asfortranarray(STACK.numpy()),
    "dlpack": OverDlpack(STACK),
    "dlpack list": [OverDlpack(row) for row in STACK],
}


@pytest.mark.parametrize("form", ONE_STACK)
@pytest.mark.filterwarnings("error")
def test_every_form_is_the_same_stack(form):
    for rule in RULES:
        out = byzccl.aggregate(ONE_STACK[form], rule)
        assert isinstance(out, torch.Tensor) and torch.equal(out, byzccl.aggregate(STACK, rule))
        seen, wanted = (byzccl.explain(x, rule) for x in (ONE_STACK[form], STACK))
        assert torch.equal(seen.weights, wanted.weights) and seen.d == wanted.d == 12
    previous = STACK[2].numpy()
    out = byzccl.aggregate(ONE_STACK[form], "centered_clipping(tau=1)", previous=previous)
    wanted = byzccl.aggregate(STACK, "centered_clipping(tau=1)", previous=STACK[2])
    assert torch.equal(out, wanted)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numpy_dtypes_stay(dtype):
    out = byzccl.aggregate(STACK.numpy().astype(dtype), "median")
    assert out.dtype == torch.from_numpy(np.empty(0, dtype)).dtype


def flat(state: dict, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.cat([value.reshape(-1).to(dtype) for value in state.values()])


@pytest.mark.parametrize("rule", RULES)
def test_state_dicts_are_one_vector_each(rule):
    """One selection over all entries: were it made per key, it would differ here."""
    states = [floats(model(seed).state_dict()) for seed in range(5)]
    states[4]["0.bias"].fill_(1e6)
    states[1] = OrderedDict(reversed(states[1].items()))  # the order of keys means nothing
    out = byzccl.aggregate(states, rule)
    assert list(out) == list(states[0])
    rows = torch.stack([flat({key: state[key] for key in states[0]}) for state in states])
    assert torch.equal(flat(out), byzccl.aggregate(rows, rule))
    assert torch.equal(byzccl.explain(states, rule).weights, byzccl.explain(rows, rule).weights)
    for key, value in out.items():
        assert value.shape == states[0][key].shape and value.dtype == torch.float32
        assert value.untyped_storage().nbytes() == value.nbytes  # of its own
    model(0).load_state_dict(out, strict=False)


def test_one_selection_over_all_entries():
    """Rank 4 is the outlier of "a", rank 0 of "b" by less: per key, two would be left out."""
    rows = [{"a": torch.tensor([float(i)]), "b": torch.tensor([10.0 * (i == 0)])} for i in range(4)]
    rows.append({"a": torch.tensor([1000.0]), "b": torch.tensor([0.0])})
    assert byzccl.explain(rows, "mda(f=1)").excluded == (4,)
    out = byzccl.aggregate(rows, "mda(f=1)")
    assert out["a"].item() == 1.5 and out["b"].item() == 2.5


def test_one_dict_of_stacks():
    models = [model(seed) for seed in range(5)]
    parameters, _ = torch.func.stack_module_state(models)
    out = byzccl.aggregate(parameters, "krum(f=1)")
    wanted = byzccl.aggregate([dict(m.named_parameters()) for m in models], "krum(f=1)")
    assert list(out) == list(wanted)
    assert all(torch.equal(out[key], wanted[key]) for key in out)


def test_mixed_dtypes_are_decided_in_the_widest():
    dtypes = {"half": torch.float16, "brain": torch.bfloat16, "scalar": torch.float32}
    rows = [
        {"half": torch.randn(6).half(), "brain": torch.randn(2, 2).bfloat16(), "scalar": x[0, 0]}
        for x in STACK
    ]
    stack = torch.stack([flat(row) for row in rows])
    for rule in RULES:
        out = byzccl.aggregate(rows, rule)
        assert {key: value.dtype for key, value in out.items()} == dtypes
        whole = byzccl.aggregate(stack, rule)
        parts = dict(zip(dtypes, whole.split([6, 4, 1]), strict=True))
        for key, value in out.items():
            assert torch.equal(value.reshape(-1), parts[key].to(value.dtype)), (rule, key)
        again = byzccl.aggregate(rows, "centered_clipping(tau=0.1)", previous=out)
        first = byzccl.aggregate(rows, "centered_clipping(tau=0.1)")
        assert not torch.equal(again["half"], first["half"])


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_every_form_compiles(backend):
    def step(x):
        rows = list(x * 2)
        dicts = [{"a": row, "b": row[0]} for row in rows]
        return (
            byzccl.aggregate(rows, "krum(f=1)"),
            byzccl.aggregate(dicts, "krum(f=1)")["b"],
            byzccl.aggregate({"a": x}, "median")["a"],
        )

    results = torch.compile(step, fullgraph=True, backend=backend)(STACK)
    for result, wanted in zip(results, step(STACK), strict=True):
        torch.testing.assert_close(result, wanted)


class Wide:
    def __repr__(self) -> str:
        return "9" * 100_000


ONES = torch.ones(3)
ROW = {"w": torch.ones(2, 2), "b": torch.ones(2)}
LONG = "k" * 100_000
MISTAKES = [
    (None, r"stack must be .*, got None"),
    (3.0, r"stack must be .*, got float"),
    ("text", r"stack must be .*, got str"),
    (Wide(), r"stack must be .*, got .*Wide"),
    (iter([ONES]), r"stack must be .*, got list_iterator"),
    ([[1.0] * 50_000] * 3, r"stack\[0\] must be a tensor or an array, got list"),
    ([], "at least one vector, got an empty list"),
    ((), "at least one vector, got an empty tuple"),
    ([ONES, None], r"stack\[1\] must be a tensor or an array, got None"),
    ([ONES, 1.0, ONES], r"stack\[1\] must be .* got float"),
    (
        [ONES, ONES, torch.ones(4)],
        r"stack\[2\] must have the shape of stack\[0\], \(3,\), got \(4,",
    ),
    ([ONES, ONES.double()], r"stack\[1\] must have the dtype of stack\[0\], torch.float32"),
    ([ONES, ONES.to("meta")], r"stack\[1\] must have the device of stack\[0\], cpu, got meta"),
    ([ONES, ONES.to_sparse()], r"stack\[1\] must be dense, got torch.sparse_coo"),
    ([ONES, np.ones(4, np.float32)], r"stack\[1\] must have the shape"),
    ([ONES, ROW], r"stack\[1\] must be a tensor or an array, got dict"),
    (np.array([None] * 50_000), "stack must be an array of floats, got object"),
    (np.array(["9" * 9999] * 3), "stack must be an array of floats, got str"),
    (np.ma.masked_array(np.ones(3)), "without a mask"),
    (np.ones(3, np.complex64), "array of floats, got complex64"),
    (np.float32(1), r"stack must be .*, got numpy.float32"),
    ({}, "at least one entry"),
    ([{}, {}], r"stack\[0\] must have at least one entry"),
    ([ROW, ONES], r"stack\[1\] must be a dict, as stack\[0\] is, got torch.Tensor"),
    ([ROW, {"w": ROW["w"]}], r'stack\[1\]\["b"\] is missing'),
    ([ROW, {**ROW, "c": ONES}], r'stack\[1\]\["c"\] is an entry that the first dict lacks'),
    ([ROW, {**ROW, "b": ONES}], r'stack\[1\]\["b"\] must have the shape \(2,\), got \(3,\)'),
    ([ROW, {**ROW, "b": ROW["b"].half()}], r'stack\[1\]\["b"\] must have the dtype torch.float32'),
    ([ROW, {**ROW, "b": ROW["b"].to("meta")}], r'stack\[1\]\["b"\] must be on the device of'),
    ([{**ROW, "b": [1.0] * 50_000}], r'stack\[0\]\["b"\] must be a tensor or an array, got list'),
    ([{**ROW, "b": torch.ones(2).to_sparse()}], r'\["b"\] must be dense'),
    ([{**ROW, "n": torch.tensor(3)}], r'stack\[0\]\["n"\] must be float32.*, got torch.int64'),
    ([model(0).state_dict()] * 3, r'\["1.num_batches_tracked"\] must be float32.*torch.int64'),
    ([{LONG: torch.tensor(3)}], r'\["kkkk'),
    ({"w": torch.ones(3, 2), "b": torch.ones(2)}, r'stack\["b"\] must be \[n, ...\]'),
    ({"w": torch.tensor(1.0)}, r'stack\["w"\] must be \[n, ...\]'),
    ({"w": torch.ones(0, 2)}, "n = 0"),
    ({"w": {"v": ONES}}, r'stack\["w"\] must be a tensor or an array, got dict'),
]


@pytest.mark.parametrize(("given", "message"), MISTAKES)
def test_mistakes_name_the_vector_and_no_value(given, message):
    for call in (byzccl.aggregate, byzccl.explain):
        with pytest.raises(byzccl.InvalidArgument, match=message) as caught:
            call(given, "mean")
        assert len(str(caught.value)) < 400


def test_previous_has_the_form_of_the_vectors():
    rule = "centered_clipping(tau=1)"
    for given, message in [
        (ONES, "previous must be a dict, as the vectors are, got torch.Tensor"),
        ({"w": ROW["w"]}, r'previous\["b"\] is missing'),
        ({**ROW, "b": ONES}, r'previous\["b"\] must have the shape'),
    ]:
        with pytest.raises(byzccl.InvalidArgument, match=message):
            byzccl.aggregate([ROW] * 3, rule, previous=given)
    for given in (ROW, [1.0] * 50_000, "text", 1.0):
        with pytest.raises(byzccl.InvalidArgument, match="previous must be a tensor or an array"):
            byzccl.aggregate([ONES] * 3, rule, previous=given)
