# SPDX-License-Identifier: MIT
"""The version of the code that a result came from."""

from pathlib import Path

import pytest

from byzccl.lab import code_version


def counted() -> set[str]:
    """The Python files of the package that decide what a run gives."""
    names = (path.relative_to(code_version.PACKAGE) for path in code_version.PACKAGE.rglob("*.py"))
    return {
        str(name)
        for name in names
        if not any(name.match(pattern) for pattern in code_version.WITHOUT_EFFECT)
    }


def test_every_pattern_names_a_file():
    files = [path.relative_to(code_version.PACKAGE) for path in code_version.PACKAGE.rglob("*.py")]
    for pattern in code_version.WITHOUT_EFFECT:
        assert any(file.match(pattern) for file in files), pattern


def test_what_a_run_goes_through_counts():
    wanted = {"attack.py", "lab/experiment.py", "lab/learner.py", "lab/partition.py", "lab/data.py",
              "lab/model.py", "lab/observer.py", "lab/engines/simulated.py", "lab/adversary.py",
              "lab/systems/byzsgd.py", "lab/systems/aggregator.py"}  # fmt: skip
    assert wanted <= counted()
    assert not {"lab/report/page.py", "lab/store.py", "lab/demo.py"} & counted()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("def f(x):\n    return x + 1\n", True),
        (
            '"""A module."""\n\ndef f( x ):  # a comment\n    """Adds."""\n    return (x + 1)\n',
            True,
        ),
        ("def f(x):\n    return x + 2\n", False),
        ("def f(x):\n    return 'x' + 1\n", False),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path, text: str, same: bool):
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text("def f(x):\n    return x + 1\n")
    second.write_text(text)
    assert (code_version.meaning(first) == code_version.meaning(second)) == same


def test_files_that_the_settings_name_count(tmp_path: Path):
    edges = tmp_path / "edges.txt"
    edges.write_text("0 1\n")
    settings = {"graph": f"file:{edges}", "lr": 0.1, "f": None}
    before = code_version.version_of(settings)
    assert code_version.version_of(settings) == before
    edges.write_text("0 1\n1 2\n")
    assert code_version.version_of(settings) != before


def test_a_module_that_is_not_there_is_told():
    with pytest.raises(ValueError, match="no such module"):
        code_version.version_of({"model": "no_such_module:function"})
