"""The methods that the window offers, and what it asks for them."""

import shutil
from pathlib import Path

import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QApplication, QSpinBox
from pytestqt.qtbot import QtBot

from engine.methods.method import Requirements, installed_methods
from engine.methods.run import load_run
from npm_studio.session.jobs.fitting import what_lacks_here
from npm_studio.views.widgets import method_form
from npm_studio.views.widgets.method_form import MethodForm
from npm_studio.views.widgets.path_field import PathField
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.methods import VisibleSurface
from tests.support.present import present

SECONDS = 30_000


@pytest.fixture
def meshes(fitted_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted_run / "meshes", tmp_path / "meshes"))


def test_the_window_lists_the_installed_methods_by_their_titles(studio_window: StudioWindow) -> None:
    choice = studio_window.fit.form.choice
    assert [choice.itemText(row) for row in range(choice.count())] == [m.title for m in installed_methods()]
    assert studio_window.fit.form.method.id == "npm"
    steps = studio_window.fit.form.fields["steps"]
    assert isinstance(steps, QSpinBox)
    assert (steps.value(), steps.minimum(), steps.maximum()) == (16, 1, 100_000)


def test_a_method_that_lacks_something_cannot_be_chosen_and_says_what(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = tuple(
        VisibleSurface(needs) for needs in (Requirements(), Requirements(pose=True), Requirements(template=True))
    )
    monkeypatch.setattr(method_form, "installed_methods", lambda: offered)
    form = MethodForm()
    qtbot.addWidget(form)
    form.set_lacking(lambda method: what_lacks_here(method.requires, None))
    rows = [present(form.choice.model()).index(row, 0) for row in range(3)]
    enabled = [bool(index.flags() & Qt.ItemFlag.ItemIsEnabled) for index in rows]
    assert enabled == [True, False, False]
    tips = [index.data(Qt.ItemDataRole.ToolTipRole) for index in rows]
    assert tips == ["", "Needs a model with a pose part.", "Needs a template mesh."]


def test_what_changes_nothing_for_the_model_is_not_asked_for(qtbot: QtBot) -> None:
    form = MethodForm()
    qtbot.addWidget(form)
    side, steps = form.fields["side"], form.fields["steps"]
    form.set_pointless(("side",))
    assert not side.isVisibleTo(form) and steps.isVisibleTo(form)
    form.set_pointless(())
    assert side.isVisibleTo(form)


def test_the_wheel_over_a_field_changes_nothing(qtbot: QtBot) -> None:
    form = MethodForm()
    qtbot.addWidget(form)
    steps = form.fields["steps"]
    assert isinstance(steps, QSpinBox)
    before = steps.value()
    for field in (form.choice, steps):
        place, none = QPointF(5, 5), Qt.MouseButton.NoButton
        turn = QWheelEvent(
            place, place, QPoint(), QPoint(0, -120), none, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(field, turn)
    assert (form.method.id, steps.value()) == ("npm", before)


def test_meshes_made_elsewhere_are_asked_for_and_shown_over_the_points(
    qtbot: QtBot, studio_window: StudioWindow, capture: Path, meshes: Path
) -> None:
    studio_window.files.open_sequence(capture)
    qtbot.waitUntil(lambda: studio_window.fit.observation is not None, timeout=SECONDS)
    start, fit = studio_window.actions_by_id["fit.start"], studio_window.fit
    assert start.isEnabled()
    fit.form.choose("imported")
    assert not start.isEnabled()
    assert fit.progress.detail.text() == "Fill in “Meshes” first."
    field = fit.form.fields["meshes"]
    assert isinstance(field, PathField)
    field.set_path(meshes)
    assert start.isEnabled()
    start.trigger()
    qtbot.waitUntil(lambda: fit.run is not None, timeout=SECONDS)
    assert fit.run is not None
    assert load_run(fit.run.folder).method == "imported"
    field.path = None
    fit.form.changed.emit()
    assert fit.progress.detail.text() == "Fill in “Meshes” first."  # and not how the last fit ended
    assert not start.isEnabled() and studio_window.actions_by_id["fit.again"].isEnabled()  # which has its own
    assert studio_window.viewports.left.mesh.is_visible
    assert studio_window.viewports.left.points.count > 100


def test_meshes_that_do_not_go_with_the_recording_are_refused_with_the_name_of_the_field(
    qtbot: QtBot, studio_window: StudioWindow, capture: Path, meshes: Path
) -> None:
    studio_window.files.open_sequence(capture)
    qtbot.waitUntil(lambda: studio_window.fit.observation is not None, timeout=SECONDS)
    form = studio_window.fit.form
    form.choose("imported")
    field = form.fields["meshes"]
    assert isinstance(field, PathField)
    field.set_path(meshes)
    form.fields["unit"].setCurrentText("mm")  # type: ignore[attr-defined]
    studio_window.fit.start()
    qtbot.waitUntil(lambda: studio_window.error is not None, timeout=SECONDS)
    assert studio_window.error is not None
    assert "the recording shows" in studio_window.error.sentence
    assert studio_window.error.remedy == "State “Unit”."
    studio_window.error.close()


def test_a_run_with_a_damaged_mesh_is_not_shown_and_the_file_is_named(
    qtbot: QtBot, studio_window: StudioWindow, fitted_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(fitted_run, tmp_path / "run"))
    path = run / "meshes" / "000001.ply"
    data = path.read_bytes()
    path.write_bytes(data[:-60] + b"\xff" * 60)  # of the right size
    studio_window.files.open_run(run)
    qtbot.waitUntil(lambda: studio_window.error is not None, timeout=SECONDS)
    assert studio_window.error is not None
    assert "000001.ply" in studio_window.error.sentence
    assert studio_window.fit.run is None
    studio_window.error.close()
