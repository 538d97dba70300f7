"""Fixtures of several rooms: a small published checkpoint, what trains in no time, a log of its own."""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.evaluate import metrics
from engine.models.checkpoint import save_model
from tests.support.official_checkpoints import checkpoint, saved
from tests.support.toy_model import toy_model
from tests.support.training import PRESET


@pytest.fixture(scope="session", autouse=True)
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The log of a test, and of what it starts, is not that of the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Sums depend on the number of threads: a test that changes it does so for itself alone."""
    count = torch.get_num_threads()
    yield
    torch.set_num_threads(count)


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy model as a folder; do not change it."""
    folder = tmp_path_factory.mktemp("models") / "toy.npm"
    save_model(toy_model(), folder)
    return folder


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training draws no previews, which take longer than a training of a few steps."""
    monkeypatch.setattr("engine.training.loop.preview_picture", lambda model: np.full((4, 4, 3), 200, np.uint8))


@pytest.fixture(scope="session")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configuration file of networks that train in no time."""
    path = tmp_path_factory.mktemp("preset") / "tiny.yaml"
    path.write_text(PRESET)
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return saved(checkpoint(), tmp_path / "small.tar")


@pytest.fixture
def in_little(monkeypatch: pytest.MonkeyPatch, no_pictures: None) -> None:
    """Commands work in this process, draw no previews of a training, and measure by fewer samples than users get."""
    few = functools.partial(metrics.evaluate_sequence, samples=10_000, iou_points=20_000)
    monkeypatch.setattr(metrics, "evaluate_sequence", few)
    monkeypatch.setattr("npm_studio.cli.prepare.os.cpu_count", lambda: 1)
