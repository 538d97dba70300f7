"""A clean dataset of eggs, a copy of it that a test may damage, and a small checkpoint of the published code."""

import shutil
from pathlib import Path

import pytest

from tests.support.eggs import write_eggs
from tests.support.official_checkpoints import checkpoint, saved


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do not change it; `eggs` is a copy."""
    return write_eggs(tmp_path_factory.mktemp("verify") / "eggs")


@pytest.fixture
def eggs(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "eggs"))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return saved(checkpoint(), tmp_path / "small.tar")
