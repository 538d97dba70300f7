"""What cannot be opened is named, with its cure, and the application goes on."""

import json
import os
from pathlib import Path

import pytest
import torch
from PIL import Image
from pytestqt.qtbot import QtBot

from engine.core.errors import InputError
from npm_studio.session.memory import MachineUse
from tests.npm_studio.views.drops import drop
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

SECONDS = 20_000


def junk(kind: str, folder: Path, model: Path) -> Path:
    """Something that cannot be opened."""
    path = folder / {"movie": "film.mp4", "text": "big.txt"}.get(kind, kind.replace(" ", "-"))
    match kind:
        case "movie":
            path.write_bytes(b"\0\0\0\x20ftypisom" + bytes(64))
        case "text":
            with path.open("wb") as file:  # sparse: no disk is filled
                os.truncate(file.fileno(), 2**31)
        case "photographs":
            path.mkdir()
            for number in range(3):
                Image.new("RGB", (64, 48)).save(path / f"{number}.jpg")
        case "broken project":
            path.mkdir()
            (path / "project.json").write_text('{"format": "npm-studio pro')
        case "newer model":
            path = path.with_suffix(".npm")
            path.mkdir()
            description = json.loads((model / "model.json").read_text())
            (path / "model.json").write_text(json.dumps({**description, "format_version": 999}))
    return path


@pytest.mark.parametrize(
    ("kind", "problem", "cure"),
    [
        ("movie", "is a picture or a film", "open a depth recording"),
        ("text", "is not something NPM Studio opens", "open a depth recording"),
        ("photographs", "pictures", "depth"),
        ("broken project", "project.json", "Save Project"),
        ("newer model", "version", "upgrade"),
    ],
)
def test_a_bad_drop_is_named_with_its_cure(
    window: StudioWindow, tmp_path: Path, toy_folder: Path, qtbot: QtBot, kind: str, problem: str, cure: str
) -> None:
    path = junk(kind, tmp_path, toy_folder)
    drop(window, path)
    qtbot.waitUntil(lambda: window.error is not None, timeout=SECONDS)
    error = present(window.error)
    assert problem in error.sentence
    assert path.stem in error.details
    assert cure.lower() in error.remedy.lower()
    error.close()
    qtbot.waitUntil(lambda: window.error is None)
    assert window.isEnabled()


def test_two_bad_drops_at_once_are_both_named(window: StudioWindow, tmp_path: Path, qtbot: QtBot) -> None:
    for name in ("letter.txt", "film.mp4"):
        (tmp_path / name).write_text("dear")
    drop(window, tmp_path / "letter.txt", tmp_path / "film.mp4")
    qtbot.waitUntil(lambda: window.error is not None, timeout=SECONDS)
    error = present(window.error)
    assert "letter.txt" in error.sentence
    assert "film.mp4" in error.sentence
    error.close()


def test_errors_wait_for_each_other_and_the_same_one_is_shown_once(window: StudioWindow, qtbot: QtBot) -> None:
    for name in ("a", "b", "a"):
        window.show_error(InputError(name, "cannot be read"))
    present(window.error).close()
    qtbot.waitUntil(lambda: window.error is not None and window.error.sentence.startswith("b"))
    present(window.error).close()
    qtbot.waitUntil(lambda: window.error is None)


def test_a_full_gpu_is_said_in_one_line_with_its_cure(studio_window: StudioWindow, qtbot: QtBot) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total ...")

    failed: list[object] = []
    session = studio_window.session
    session.jobs.submit("measure", full, failed.append, session.failed.emit)
    qtbot.waitUntil(lambda: studio_window.error is not None, timeout=SECONDS)
    error = present(studio_window.error)
    assert error.sentence == "The memory of the GPU is full."
    assert "preferences" in error.remedy
    error.close()
    assert studio_window.badge.text == "Fine"


def test_the_status_line_says_what_computes_and_how_much_memory_that_takes(studio_window: StudioWindow) -> None:
    assert studio_window.status.machine.text().startswith("CPU · ")
    gpu = MachineUse("NVIDIA H200", 3 * 2**30, (5 * 2**30, 140 * 2**30))
    assert gpu.in_words() == "NVIDIA H200 · 5.0 of 140 GB · 3.0 GB"
