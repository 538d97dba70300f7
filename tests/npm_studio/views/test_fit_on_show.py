import json
from pathlib import Path

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QComboBox, QPushButton, QScrollArea, QSpinBox
from pytestqt.qtbot import QtBot

from engine.geometry.signed_distance import unsigned_distance
from npm_studio.session.document.loaded import Contents
from npm_studio.session.document.state import DocumentState
from npm_studio.views.opening import recent
from tests.npm_studio.views.drops import drop
from tests.npm_studio.views.saving import save
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

SECONDS = 30_000


def test_the_menu_opens_a_sequence_without_fitting_and_the_timeline_plays_it(
    qtbot: QtBot, studio_window: StudioWindow, capture: Path
) -> None:
    studio_window.files.open_sequence(capture)
    qtbot.waitUntil(lambda: studio_window.fit.observation is not None, timeout=SECONDS)
    assert not studio_window.session.is_fitting
    assert studio_window.actions_by_id["fit.start"].isEnabled()
    count = [studio_window.viewports.left.points.count]
    qtbot.keyClick(studio_window, Qt.Key.Key_Right)
    assert studio_window.viewports.left.caption.text == ("doll", "Frame 2 of 3 · observed points")
    count.append(studio_window.viewports.left.points.count)
    assert count[0] != count[1]
    assert studio_window.viewports.left.colour_bar.isVisible()


def test_a_run_folder_opens_over_its_points(qtbot: QtBot, studio_window: StudioWindow, fitted_run: Path) -> None:
    drop(studio_window, fitted_run)
    qtbot.waitUntil(lambda: studio_window.fit.run is not None, timeout=SECONDS)
    assert studio_window.viewports.left.mesh.is_visible
    assert studio_window.viewports.left.points.count > 100
    studio_window.fit.display.points.setChecked(False)
    assert studio_window.viewports.left.points.count == 0
    studio_window.fit.display.mesh.setChecked(False)
    assert not studio_window.viewports.left.mesh.is_visible


def test_points_take_the_colours_of_their_distance_to_the_mesh(
    qtbot: QtBot, studio_window: StudioWindow, fitted_run: Path
) -> None:
    drop(studio_window, fitted_run)
    qtbot.waitUntil(lambda: studio_window.fit.run is not None, timeout=SECONDS)
    fit, view = studio_window.fit, studio_window.viewports.left
    studio_window.session.document.timeline.pause()
    fit.display.colours.button(1).click()
    assert fit.observation is not None and fit._meshes is not None
    observation, meshes = fit.observation, fit._meshes
    qtbot.waitUntil(lambda: len(fit._errors._known) == len(observation), timeout=SECONDS)
    frame = studio_window.session.document.timeline.frame
    points = np.asarray(view.points.data.points)
    mesh = meshes.read(frame)
    expected = 1000 * unsigned_distance(points, mesh.vertices, mesh.faces)
    np.testing.assert_allclose(view.points.data.point_data["value"], expected, rtol=1e-5)
    seen = observation.frame(frame)
    assert len(points) > 0.99 * len(seen.points_world)  # a few are where a floor may be
    assert view.points.actor.mapper.scalar_range == (0, fit._errors.limit_mm)
    fit.display.colours.button(0).click()
    assert view.points.count == len(points)
    assert np.isin(view.points.data.point_data["value"], seen.depth_m).all()


def test_a_damaged_frame_met_while_playing_is_named(qtbot: QtBot, studio_window: StudioWindow, capture: Path) -> None:
    studio_window.files.open_sequence(capture)
    qtbot.waitUntil(lambda: studio_window.fit.observation is not None, timeout=SECONDS)
    frame = capture / "depth" / "000002.png"
    frame.write_bytes(frame.read_bytes()[:200])
    present(studio_window.fit.observation)._frames.clear()
    studio_window.timeline.last()
    assert studio_window.error is not None
    assert "000002.png" in studio_window.error.sentence
    studio_window.error.close()
    studio_window.timeline.first()


def test_a_project_brings_back_model_sequences_and_runs(
    qtbot: QtBot, studio_window: StudioWindow, fitted_run: Path, tmp_path: Path
) -> None:
    drop(studio_window, fitted_run)
    qtbot.waitUntil(lambda: studio_window.fit.run is not None, timeout=SECONDS)
    save(qtbot, studio_window, tmp_path / "study")
    assert json.loads((tmp_path / "study" / "project.json").read_text())["name"] == "study"
    studio_window.session.document.begin(DocumentState(), Contents())
    assert studio_window.fit.observation is None
    drop(studio_window, tmp_path / "study")
    qtbot.waitUntil(lambda: studio_window.fit.run is not None, timeout=SECONDS)
    assert "study" in studio_window.windowTitle()
    assert tmp_path / "study" in recent()


def test_on_a_small_screen_the_panel_scrolls_and_squeezes_nothing(qtbot: QtBot, studio_window: StudioWindow) -> None:
    studio_window.show_fit()
    studio_window.resize(1024, 960)
    qtbot.waitUntil(lambda: studio_window.height() == 960)
    fit = studio_window.fit
    controls = [part for kind in (QPushButton, QComboBox, QSpinBox) for part in fit.findChildren(kind)]
    shown = [part for part in controls if part.isVisible()]
    heights = [part.height() for part in shown]
    assert len(shown) >= 4
    studio_window.resize(1024, 640)
    qtbot.waitUntil(lambda: studio_window.height() == 640)
    area = present(fit.findChild(QScrollArea))
    for part, height in zip(shown, heights, strict=True):
        assert part.height() == height
        area.ensureWidgetVisible(part)
        assert not part.visibleRegion().isEmpty()
