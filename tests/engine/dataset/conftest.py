"""A clean dataset, and a copy of it that a test of `dataset verify` may damage."""

import shutil
from pathlib import Path

import pytest

from tests.support.verification import write_clean_dataset


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do not change it; `dataset` is a copy."""
    return write_clean_dataset(tmp_path_factory.mktemp("verify") / "dataset")


@pytest.fixture
def dataset(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "dataset"))
