# SPDX-License-Identifier: MIT
"""What rules and steps have in common as Python objects: their text, and how they chain."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields, replace
from numbers import Real
from typing import Any, ClassVar, TypeAlias, TypeVar, overload

import torch
from typing_extensions import Self

from byzccl import _C
from byzccl.arguments import text_of, type_name
from byzccl.errors import InvalidArgument

R = TypeVar("R", bound="Rule")


# A rule may be made inside torch.compile, which takes the text as a constant.
@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _canonical(
    steps: tuple[str, ...], name: str, arguments: tuple[tuple[str, Any], ...], rule: str = ""
) -> str:
    """The library's text; it makes all checks but one: that a parameter is a number at all.

    `rule` is what stands behind a step to be checked with it.
    """
    given = [(key, value) for key, value in arguments if value is not None]
    for key, value in given:
        if not isinstance(value, Real) or isinstance(value, bool):
            raise InvalidArgument(f"{name}: {key} must be a number, got {type_name(value)}")
    try:
        term = f"{name}({','.join(f'{key}={value!s}' for key, value in given)})"
    except ValueError:  # an integer of more digits than Python writes
        raise InvalidArgument(f"{name}: a parameter is out of range") from None
    text = _C.canonical("+".join([*steps, term, *([rule] if rule else [])]))
    return text.removesuffix(f"+{rule}")


@dataclass(frozen=True, repr=False)
class Term:
    """A rule or a step: its parameters by name, `None` for one that is left out.

    Parameters are checked when the object is made, by the code that reads the text; what depends
    on n is checked where n is known. Raises InvalidArgument.
    """

    name: ClassVar[str]
    """As it is written in text."""
    text: str = field(init=False, compare=False, kw_only=True)
    """The canonical text, as str() gives it."""

    def __init_subclass__(cls) -> None:
        cls.name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def _parameters(self) -> tuple[tuple[str, Any], ...]:
        own = (f.name for f in fields(self) if f.init and f.name != "steps")
        return tuple((name, getattr(self, name)) for name in own)

    def __str__(self) -> str:
        return self.text

    def _call(self) -> str:
        given = (f"{key}={value!r}" for key, value in self._parameters() if value is not None)
        return f"{type(self).__name__}({', '.join(given)})"

    def __repr__(self) -> str:
        return self._call()


@dataclass(frozen=True, repr=False)
class Step(Term):
    """What is done to the vectors before a rule: `Bucketing(s=2) + Nnm() + Krum(f=1)`.

    The order is bucketing, clip or arc, nnm, each at most once; another is an InvalidArgument.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _canonical((), self.name, self._parameters(), "mean"))

    @overload
    def __add__(self, after: Step | Steps) -> Steps: ...
    @overload
    def __add__(self, after: R) -> R: ...
    def __add__(self, after: Step | Steps | Rule) -> Steps | Rule:
        return Steps((self,)) + after


@dataclass(frozen=True)
class Steps:
    """Several steps that wait for their rule, or are what pre_aggregate() takes."""

    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """The text, which is checked where it is read."""
        return "+".join(step.text for step in self.steps)

    def __str__(self) -> str:
        return self.text

    @overload
    def __add__(self, after: Step | Steps) -> Steps: ...
    @overload
    def __add__(self, after: R) -> R: ...
    def __add__(self, after: Step | Steps | Rule) -> Steps | Rule:
        if isinstance(after, Step):
            return Steps((*self.steps, after))
        if isinstance(after, Steps):
            return Steps((*self.steps, *after.steps))
        if isinstance(after, Rule):
            return replace(after, steps=(*self.steps, *after.steps))
        return NotImplemented


@dataclass(frozen=True, repr=False)
class Rule(Term):
    """How n vectors become one. Wherever the library takes a rule, its text does as well.

    Equal rules have equal text: `Rule.parse(str(rule)) == rule`. Steps go in front by `+`:
    `Nnm() + Krum(f=2)` is a Krum whose text is "nnm+krum(f=2)".

    Of every rule, unless it says otherwise: among equals the vector of lower rank is preferred; a
    vector with a value that is not finite, or 10,000 times farther out than n - f vectors are from
    each other, is broken and has no say; with more than f broken vectors the result is NaN in every
    coordinate, on every rank. docs/rules.md defines each rule exactly.
    """

    steps: tuple[Step, ...] = field(default=(), kw_only=True)
    """What comes before the rule."""

    def __post_init__(self) -> None:
        steps = tuple(step.text for step in self.steps)
        text = _canonical(steps, self.name, self._parameters())
        object.__setattr__(self, "text", text)

    def __repr__(self) -> str:
        return " + ".join([*map(repr, self.steps), self._call()])

    @classmethod
    def parse(cls, text: str) -> Self:
        """The rule of that text. On a subclass the text must be of that rule.

        Raises InvalidArgument, and says what is known or what was meant.
        """
        text = text_of(text, "text")
        terms = [
            _class_named(name)(
                **{key: json.loads(value) for key, value in re.findall(r"(\w+)=([^,]+)", inside)}
            )
            for name, inside in re.findall(r"([a-z_]+)(?:\(([^)]*)\))?", _C.canonical(text))
        ]
        rule = replace(terms[-1], steps=tuple(terms[:-1]))
        if not isinstance(rule, cls):
            raise InvalidArgument(f'"{text}" is not {cls.name}')
        return rule


RuleLike: TypeAlias = str | Rule
"""A rule, or its text."""


StepsLike: TypeAlias = str | Step | Steps
"""Steps without a rule, or their text."""


def steps_text(steps: object) -> str:
    """The text of `steps`, as it was given; the core says whether it can be read.

    Raises InvalidArgument for what is neither text nor steps.
    """
    if isinstance(steps, (Step, Steps)):
        return steps.text
    if isinstance(steps, str):
        return text_of(steps, "steps")
    got = type_name(steps)
    if isinstance(steps, Rule):
        got += ": give it to aggregate()"
    raise InvalidArgument(f"steps must be text, a byzccl.Step or byzccl.Steps, got {got}")


def rule_text(rule: object) -> str:
    """The text of `rule`, as it was given; the core says whether it can be read.

    Raises InvalidArgument for what is neither text nor a rule.
    """
    if isinstance(rule, Rule):
        return rule.text
    if isinstance(rule, str):
        return text_of(rule, "rule")
    got = type_name(rule)
    if isinstance(rule, (Step, Steps)):
        got += ": put a rule behind it with +"
    elif isinstance(rule, type) and issubclass(rule, Rule):
        got = f"the class {rule.__name__}: make a rule of it, as {rule.__name__}(...)"
    raise InvalidArgument(f"rule must be text or a byzccl.Rule, got {got}")


def subclasses(base: type[Any]) -> dict[str, type[Any]]:
    """Every rule or step that Python knows, by its name in text."""
    return {cls.name: cls for cls in base.__subclasses__()}


def _class_named(name: str) -> type[Any]:
    return {**subclasses(Step), **subclasses(Rule)}[name]
