# SPDX-License-Identifier: MIT
from torch import Tensor
from torch._C._distributed_c10d import Backend, Store

version: str

class Report:
    rule: str
    algorithm: str
    n: int
    d: int
    step: int
    failed: bool
    failure: str
    typical_reach: float
    weights: list[float]
    previous_weight: float
    scores: list[float]
    reach: list[float]
    distances: list[float]
    broken: list[int]
    flagged: list[int]
    nan_columns: int
    bytes_sent: int
    phases: dict[str, float]
    spans: list[tuple[str, int, float, float]]

class Pending:
    def wait(self) -> None: ...
    def done(self) -> bool: ...
    def report(self) -> Report: ...

class Exchange:
    def add(self, tensor: Tensor, previous: Tensor | None = None) -> None: ...
    def finish(self) -> Pending: ...

class Wire:
    def __init__(self, delay_ms: int = 0, deceit: str = "none") -> None: ...

class Adversary:
    def __init__(self, attack: str) -> None: ...
    def craft(self, honest: Tensor, n: int, f: int, rank: int, step: int) -> Tensor: ...

class Communicator:
    rank: int
    size: int
    algorithm: str
    bytes_sent: int
    bytes_received: int
    def __init__(
        self,
        backend: Backend,
        store: Store,
        algorithm: str,
        timeout_ms: int,
        chunk_bytes: int,
        wire: Wire = ...,
    ) -> None: ...
    def all_reduce(self, tensor: Tensor, rule: str, previous: Tensor | None = None) -> Pending: ...
    def reduce(self, tensor: Tensor, rule: str, root: int) -> Pending: ...
    def reduce_scatter(self, output: Tensor, input: Tensor, rule: str) -> Pending: ...
    def begin(self, rule: str) -> Exchange: ...
    def abort(self, reason: str) -> None: ...

def explain(
    stack: Tensor, rule: str, own: int = -1, step: int = 0, previous: Tensor | None = None
) -> Report: ...
def rule_table() -> list[tuple[str, str, str, list[tuple[str, bool, str]]]]: ...
def needs_previous(rule: str) -> bool: ...
def canonical(rule: str) -> str: ...
def attack_table() -> list[tuple[str, str, bool, list[tuple[str, str]]]]: ...
def canonical_attack(attack: str) -> str: ...
