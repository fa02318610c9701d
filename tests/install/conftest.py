# SPDX-License-Identifier: MIT
"""The default build, installed once for all tests."""

from pathlib import Path

import pytest

from installed import BUILD, run


@pytest.fixture(scope="session")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default build, installed as C++ projects use it."""
    assert BUILD.is_dir(), "run `make build` first"
    folder = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--prefix", folder)
    return folder
