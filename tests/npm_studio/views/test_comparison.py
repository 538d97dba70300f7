from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from npm_studio.views.main_window import MainWindow
from tests.npm_studio.views.drops import drop
from tests.support.present import present

SECONDS = 20_000


@pytest.fixture
def comparing(qtbot: QtBot, studio_window: MainWindow, fitted_run: Path) -> MainWindow:
    """A run beside its ground truth."""
    drop(studio_window, fitted_run)
    qtbot.waitUntil(lambda: studio_window.fit.run is not None, timeout=SECONDS)
    studio_window.show_compare()
    comparison = studio_window.compare
    qtbot.waitUntil(lambda: comparison.metrics["mean"].text() != "–", timeout=SECONDS)
    return studio_window


def test_a_run_is_compared_with_its_ground_truth_at_once(comparing: MainWindow) -> None:
    left, right = comparing.viewports.views
    assert left.caption.text[0] == "run"
    assert right.caption.text[0] == "Ground truth of doll"
    assert left.mesh.is_visible
    assert right.mesh.is_visible
    metrics = {name: float(label.text().removesuffix(" mm")) for name, label in comparing.compare.metrics.items()}
    assert 0 < metrics["median"] < metrics["largest"] <= 25.5  # moved by 0.01 canonical units, which is 25 mm
    assert left.colour_bar.isVisible()
    assert not right.colour_bar.isVisible()


def test_the_left_mesh_carries_the_distances_and_drops_them_when_asked(comparing: MainWindow) -> None:
    mesh = comparing.viewports.left.mesh
    assert mesh.actor.mapper.scalar_visibility
    distances = present(comparing.compare.comparison).distances_mm(0)
    np.testing.assert_array_equal(np.asarray(mesh.data.point_data["value"]), distances)
    comparing.compare.coloured.setChecked(False)
    assert not mesh.actor.mapper.scalar_visibility
    assert not comparing.viewports.left.colour_bar.isVisible()


def test_each_view_draws_its_own_picture(qtbot: QtBot, comparing: MainWindow) -> None:
    def colourfulness() -> list[float]:
        qtbot.wait(50)
        image = comparing.viewports.picture().toImage().scaled(200, 100)
        row = [image.pixelColor(x, 45).saturation() for x in range(200)]
        return [max(row[:100]), max(row[100:])]

    left, right = colourfulness()
    assert left > 130 > right  # distances are colourful, the truth is clay
    comparing.show_explore()
    comparing.show_compare()
    qtbot.waitUntil(lambda: bool(comparing.viewports.left.mesh.actor.mapper.scalar_visibility), timeout=SECONDS)
    left, right = colourfulness()
    assert left > 130 > right
    comparing.compare.coloured.setChecked(False)
    assert max(colourfulness()) < 130


def test_linked_cameras_move_together_and_unlinked_ones_do_not(comparing: MainWindow) -> None:
    left, right = comparing.viewports.views
    left.view.camera.Azimuth(30)
    assert np.allclose(right.camera_state().position, left.camera_state().position)
    right.view.camera.Elevation(10)
    assert np.allclose(right.camera_state().position, left.camera_state().position)
    comparing.compare.linked.setChecked(False)
    assert not comparing.actions_by_id["view.link_cameras"].isChecked()
    before = right.camera_state()
    left.view.camera.Azimuth(30)
    assert right.camera_state() == before
    comparing.actions_by_id["view.link_cameras"].trigger()
    assert comparing.compare.linked.isChecked()
    assert np.allclose(right.camera_state().position, left.camera_state().position)


def test_the_timeline_moves_both_sides(comparing: MainWindow) -> None:
    before = [view.mesh.vertices.copy() for view in comparing.viewports.views]
    comparing.timeline.last()
    for view, old in zip(comparing.viewports.views, before, strict=True):
        assert view.caption.text[1] == "Frame 000002"
        assert np.abs(view.mesh.vertices - old).max() > 0.01


def test_two_identities_can_be_compared(qtbot: QtBot, studio_window: MainWindow) -> None:
    studio_window.show_compare()
    studio_window.compare.choose("Tall", "Stout")
    qtbot.waitUntil(lambda: studio_window.viewports.left.caption.text == ("Tall", "Canonical pose"), timeout=SECONDS)
    qtbot.waitUntil(lambda: studio_window.compare.metrics["mean"].text() != "–", timeout=SECONDS)
    swapped = studio_window.compare.metrics["mean"].text()
    studio_window.compare.swap()
    qtbot.waitUntil(lambda: studio_window.viewports.left.caption.text == ("Stout", "Canonical pose"), timeout=SECONDS)
    qtbot.waitUntil(lambda: studio_window.compare.metrics["mean"].text() not in ("–", swapped), timeout=SECONDS)


def test_an_empty_comparison_says_what_it_needs(window: MainWindow) -> None:
    window.show_compare()
    assert window.viewports.invitation.isVisible()
    assert window.viewports.invitation.title == "Nothing to compare yet"
    assert not window.viewports.is_split
