"""File > Export: how, where to, with progress, and nothing half-written."""

import shlex
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PyQt6.QtWidgets import QApplication, QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.exports.content import Up
from engine.methods.run import Run
from npm_studio.cli.main import main
from npm_studio.session.jobs import exporting
from npm_studio.session.jobs.exporting import ExportChoice, exportable_run
from npm_studio.views.export_dialog import ExportDialog
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

SECONDS = 60_000


@pytest.fixture
def run(qtbot: QtBot, window: StudioWindow, fitted_run: Path) -> Run:
    """On show in the window."""
    window.files.open_path(fitted_run)
    qtbot.waitUntil(lambda: window.fit.run is not None, timeout=SECONDS)
    assert window.fit.run is not None
    return window.fit.run


def choose(dialog: ExportDialog, name: str) -> None:
    dialog.format.setCurrentIndex(dialog.format.findData(name))


def test_the_run_on_show_is_exported_as_the_dialog_says(
    qtbot: QtBot, window: StudioWindow, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "meshes"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    window.files.choose_export()
    dialog = window.findChild(ExportDialog)
    assert dialog is not None
    choose(dialog, "ply")
    dialog.up.setCurrentIndex(1)
    dialog.colours.setChecked(True)
    dialog.buttons.accepted.emit()
    qtbot.waitUntil(lambda: not window.session.jobs.is_busy("export"), timeout=SECONDS)
    assert len(list(out.iterdir())) == 3
    loaded = trimesh.load(out / "000001.ply", process=False)
    x, y, z = run.meshes.read(1).vertices.T
    np.testing.assert_array_equal(loaded.vertices, np.stack([x, -z, y], axis=1))
    assert len(np.unique(loaded.visual.vertex_colors, axis=0)) > 20


def test_what_does_not_go_with_a_format_cannot_be_chosen(qtbot: QtBot, window: StudioWindow, run: Run) -> None:
    dialog = ExportDialog([exportable_run(run, "Walk")], lambda *_: None, Path(), window)
    dialog.up.setCurrentIndex(1)
    dialog.colours.setChecked(True)
    expected: tuple[tuple[str, Up, bool], ...] = (
        *(("obj", "z", True), ("glb", "y", True), ("png", "y", True)),
        *(("stl", "z", False), ("csv", "y", False)),
    )
    for name, up, colours in expected:
        choose(dialog, name)
        assert dialog.choice(Path("out")) == ExportChoice(name, Path("out"), "world", up, colours)
    assert not dialog.frame.isEnabled()  # the run does not say where its camera was
    dialog.reject()


def test_an_export_that_is_cancelled_says_that_nothing_was_written(
    qtbot: QtBot, window: StudioWindow, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()

    def work(run: Run, choice: ExportChoice, progress: Progress) -> tuple[str, ...]:
        began.set()
        while not progress.cancelled():
            pass
        raise Cancelled

    monkeypatch.setattr(exporting, "export_run", work)
    said: list[str] = []
    window.session.message.connect(said.append)
    window.files.export(exportable_run(run, "Walk"), ExportChoice("ply", tmp_path / "meshes"))
    qtbot.waitUntil(began.is_set, timeout=SECONDS)
    window.session.jobs.cancel("export")
    qtbot.waitUntil(lambda: not window.session.jobs.is_busy("export"), timeout=SECONDS)
    assert said[-1] == "Export cancelled; nothing was written."


@pytest.mark.parametrize("name", ["ply", "glb"])
def test_what_is_copied_in_the_dialog_exports_the_same(
    window: StudioWindow, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    dialog = ExportDialog([exportable_run(run, "Walk")], lambda *_: None, tmp_path, window)
    choose(dialog, name)
    dialog.up.setCurrentIndex(1)
    dialog.colours.setChecked(True)
    menu, clipboard = present(dialog.copy.menu()), present(QApplication.clipboard())
    made = []
    for action in menu.actions():
        action.trigger()
        text = clipboard.text()
        if text.startswith("npm-studio"):
            assert main(shlex.split(text)[1:]) == 0
        else:
            exec(text, {})
        (out,) = (path for path in tmp_path.iterdir() if path.name.startswith(f"{run.folder.name}"))
        made.append([path.read_bytes() for path in (sorted(out.iterdir()) if out.is_dir() else [out])])
        shutil.rmtree(out) if out.is_dir() else out.unlink()
    assert made[0] == made[1] and dialog.copied.isVisibleTo(dialog)
    dialog.reject()


def test_after_an_export_its_folder_is_offered_and_suggested_the_next_time(
    qtbot: QtBot, window: StudioWindow, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.files.export(exportable_run(run, "Walk"), ExportChoice("csv", tmp_path / "table.csv"))
    qtbot.waitUntil(lambda: window.files.question is not None, timeout=SECONDS)
    question = present(window.files.question)
    assert question.text() == f"Exported {tmp_path / 'table.csv'}" and "Show in folder" in question.buttons_by_answer
    question.answer("Close")
    asked: list[str] = []

    def save_as(_: object, title: str, suggested: str, kind: str) -> tuple[str, str]:
        asked.append(suggested)
        return "", ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", save_as)
    dialog = ExportDialog([exportable_run(run, "Walk")], lambda *_: None, window.files.exports, window)
    dialog.buttons.accepted.emit()
    assert Path(asked[0]).parent == tmp_path
    dialog.reject()
    window.fit.run_actions._rename(run, "Walk")
    window.files.choose_export()
    dialog = window.findChildren(ExportDialog)[-1]
    assert dialog.file_format.name == "csv"  # as the last time
    dialog.reject()


def test_a_dialog_for_a_run_calls_it_as_the_window_does_and_says_where_it_stands(
    window: StudioWindow, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.fit.run_actions._rename(run, "Slow walk")
    window.files.choose_export()
    dialog = present(window.findChild(ExportDialog))
    assert "Export Slow walk" in [label.text() for label in dialog.findChildren(QLabel)]
    assert "not put on the floor" in dialog.about.text()
    kinds: list[str] = []

    def save_as(_: object, title: str, suggested: str, kind: str) -> tuple[str, str]:
        kinds.append(kind)
        return "", ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", save_as)
    for name in ("glb", "ply"):
        choose(dialog, name)
        dialog.buttons.accepted.emit()
        assert "in metres" in dialog.about.text()
    for name, words in (("npz", "Codes"), ("csv", "A row for each frame"), ("mp4", "surface alone")):
        choose(dialog, name)
        assert words in dialog.about.text()
        assert "floor" not in dialog.about.text()  # which is said of meshes
    assert kinds == ["GLB (*.glb)", ""]  # three PLY files go into a folder
    dialog.reject()


@pytest.mark.slow
def test_pictures_are_drawn_by_a_process_of_their_own(
    qtbot: QtBot, window: StudioWindow, run: Run, tmp_path: Path
) -> None:
    window.files.export(exportable_run(run, "Walk"), ExportChoice("png", tmp_path / "pictures"))
    qtbot.waitUntil(lambda: not window.session.jobs.is_busy("export"), timeout=SECONDS)
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 3
