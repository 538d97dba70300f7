"""Runs that were stopped before they had meshes, in the window."""

import threading
from pathlib import Path

import pytest
import torch
from pytestqt.qtbot import QtBot

from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.method import METHOD
from engine.methods.request import FitRequest
from engine.methods.run import load_run
from engine.models.checkpoint import load_model
from external.opening import open_to_fit
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present
from tests.support.progress import Hurried

SECONDS = 30_000
QUICK = FitConfig(steps=8, surface_points=256, free_space_points=64, resolution=32)


@pytest.fixture
def kept(toy_folder: Path, capture: Path, tmp_path: Path) -> Path:
    """A run of ``capture`` that has codes alone."""
    model = load_model(toy_folder, torch.device("cpu"))
    request = FitRequest(METHOD, QUICK, open_to_fit(capture, model), tmp_path / "kept", LoadedModel(toy_folder, model))
    return run_fit(request, Hurried("fit", 3)).folder


def test_a_run_that_was_stopped_gets_its_meshes_and_its_verdict_when_it_is_opened(
    qtbot: QtBot, studio_window: StudioWindow, kept: Path
) -> None:
    names: list[str] = []
    gate, jobs = threading.Event(), studio_window.session.jobs
    jobs.advanced.connect(lambda job: names.append(job.info.title))
    jobs.submit("measure", lambda _: gate.wait(), lambda _: None, lambda *_: None)
    studio_window.files.open_run(kept)
    qtbot.waitUntil(lambda: studio_window.fit.run is not None, timeout=SECONDS)
    (card,) = studio_window.fit.runs.cards
    assert card.state == "stopped early · meshes and verdict are still to come"
    assert studio_window.viewports.left.caption.text == ("doll", "Frame 1 of 3 · observed points")
    gate.set()
    undo = studio_window.session.document.undo_name
    qtbot.waitUntil(lambda: present(studio_window.fit.run).is_complete, timeout=SECONDS)
    (card,) = studio_window.fit.runs.cards
    assert card.state.startswith("stopped early")
    assert "to come" not in card.state
    assert studio_window.viewports.left.mesh.is_visible
    assert "Complete kept" in names
    assert studio_window.session.document.undo_name == undo
    assert load_run(kept).verdict is not None


def test_one_that_cannot_be_completed_says_why_once(
    qtbot: QtBot, studio_window: StudioWindow, kept: Path, toy_folder: Path
) -> None:
    described = (kept / "run.json").read_text()
    (kept / "run.json").write_text(described.replace('"method": "npm"', '"method": "gone"'))
    studio_window.files.open_run(kept)
    qtbot.waitUntil(lambda: studio_window.error is not None, timeout=SECONDS)
    error = present(studio_window.error)
    assert "is not installed" in error.sentence
    error.close()
    qtbot.waitUntil(lambda: studio_window.error is None)
    assert not present(studio_window.fit.run).is_complete
