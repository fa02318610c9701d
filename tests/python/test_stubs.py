# SPDX-License-Identifier: MIT
"""_C.pyi says what the compiled module is."""

import ast
import inspect
import re
from pathlib import Path

from byzccl import _C

STUB = ast.parse((Path(_C.__file__).parent / "_C.pyi").read_text())


def compiled_parameters(function: object) -> list[str]:
    """Names from pybind11's first line, such as "f(self: X, a: int, b: int = 0) -> None"."""
    signature = (function.__doc__ or "").splitlines()[0]
    inside = signature[signature.index("(") + 1 : signature.rindex(") ->")]
    return re.findall(r"(?:^|, )(\w+)(?=:)", inside)


def defaults(function: object) -> int:
    signature = (function.__doc__ or "").splitlines()[0]
    return len(re.findall(r" = ", signature))


def check_function(stub: ast.FunctionDef, compiled: object) -> None:
    assert [argument.arg for argument in stub.args.args] == compiled_parameters(compiled), stub.name
    assert len(stub.args.defaults) == defaults(compiled), stub.name


def members(owner: object) -> set[str]:
    return {name for name in vars(owner) if not name.startswith("_")}


def test_every_name_of_the_module_is_in_the_stub():
    stated = {node.name for node in STUB.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    stated |= {node.target.id for node in STUB.body if isinstance(node, ast.AnnAssign)}
    assert stated == members(_C)


def test_functions_have_the_parameters_that_the_stub_states():
    functions = [node for node in STUB.body if isinstance(node, ast.FunctionDef)]
    assert len(functions) >= 5
    for stub in functions:
        check_function(stub, getattr(_C, stub.name))


def test_classes_have_the_members_that_the_stub_states():
    classes = [node for node in STUB.body if isinstance(node, ast.ClassDef)]
    assert {stub.name for stub in classes} >= {"Report", "Pending", "Exchange", "Communicator"}
    for stub in classes:
        compiled = getattr(_C, stub.name)
        methods = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef)}
        assert set(methods) - {"__init__"} == members(compiled), stub.name
        for name, method in methods.items():
            member = inspect.getattr_static(compiled, name)
            if isinstance(member, property):
                assert [d.id for d in method.decorator_list if isinstance(d, ast.Name)] == [
                    "property"
                ]
            else:
                check_function(method, member)
