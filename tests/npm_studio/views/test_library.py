"""The lists on the left: pictures, bookmarks and fits, and the map, which shows the same bodies."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QLineEdit, QMenu
from pytestqt.qtbot import QtBot

from npm_studio.session.document.explorer import Codes, Explorer, codes_of
from npm_studio.session.document.run_steps import time_in_words
from npm_studio.session.portraits.store import key_of
from npm_studio.views import portraits as views_portraits
from npm_studio.views.theme import DARK
from npm_studio.views.widgets.dragged import Dragged
from tests.npm_studio.views.saving import save
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present
from tests.support.toy_model import toy_model

Fine = Callable[..., None]


def test_bookmarks_are_named_at_once_come_back_and_are_deleted_by_steps(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine
) -> None:
    window, document, kept = studio_window, studio_window.session.document, studio_window.library.kept
    first = document.state.explore
    window.actions_by_id["edit.add_bookmark"].trigger()
    editor = present(kept.list.findChild(QLineEdit))
    editor.setText("The first")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: [one.name for one in document.state.bookmarks] == ["The first"], timeout=10_000)
    assert document.undo_name == "Rename Bookmark"
    fine(window, window.explore.randomise_shape)
    assert kept.list.currentRow() == -1
    place = kept.list.visualItemRect(present(kept.list.item(0))).center()
    fine(window, lambda: qtbot.mouseClick(kept.list.viewport(), Qt.MouseButton.LeftButton, pos=place))
    assert document.state.explore == first
    assert kept.list.currentRow() == 0
    qtbot.keyClick(kept.list, Qt.Key.Key_Delete)
    assert document.state.bookmarks == ()
    assert kept.list.isHidden()
    document.undo()
    assert present(kept.list.item(0)).text() == "The first"


def test_keys_choose_what_is_shown_and_a_filter_without_a_hit_says_so(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine
) -> None:
    window, library = studio_window, studio_window.library
    fine(window, lambda: qtbot.keyClick(library.identities, Qt.Key.Key_Down))
    assert window.session.document.state.explore.shape_name == "Small"
    fine(window, lambda: qtbot.keyClick(library.poses, Qt.Key.Key_Home))
    assert window.session.document.state.explore.pose is None
    # a right click offers what can be done, and marks nothing
    marked, last = library.identities.currentRow(), present(library.identities.item(2))
    place = library.identities.visualItemRect(last).center()
    qtbot.mouseClick(library.identities.viewport(), Qt.MouseButton.RightButton, pos=place)
    assert library.identities.currentRow() == marked
    library.identities.customContextMenuRequested.emit(place)
    menu = present(library.findChild(QMenu))
    fine(window, lambda: menu.actions()[0].trigger())
    assert window.session.document.state.explore.shape_name == "Stout"
    menu.actions()[1].trigger()
    assert present(QGuiApplication.clipboard()).text() == "stout"
    menu.close()
    # nor does what was dragged to where nothing comes of it
    library.identities.setCurrentRow(0)
    library.identities.drag_ended.emit()
    assert library.identities.currentRow() == 2
    library.search.setText("nobody")
    assert library._no_hit.isVisible()
    assert "“nobody”" in library._no_hit.text()
    library.search.setText("sma")
    assert not library._no_hit.isVisible()


def test_bodies_have_pictures_as_soon_as_they_are_made(qtbot: QtBot, studio_window: StudioWindow) -> None:
    window = studio_window
    model = present(window.session.document.model)
    key = key_of(Codes(model.shape_codes[1]))
    qtbot.waitUntil(lambda: key in window.session.portraits._pictures, timeout=20_000)
    assert window.session.portraits._pictures[key][0][..., 1].max() == 255


def test_of_many_pictures_those_that_were_looked_at_last_are_in_memory(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_portraits, "MOST_PICTURES", 2)
    portraits, model = views_portraits.Portraits(), toy_model()
    portraits.open(Explorer(model, seed=0))
    portraits.is_allowed = True
    for row in (0, 1, 0, 2, 1):
        codes = Codes(model.shape_codes[row])
        qtbot.waitUntil(lambda codes=codes: portraits.pixmap(codes, DARK, 34) is not None, timeout=20_000)  # type: ignore[misc]
    assert list(portraits._pictures) == [key_of(Codes(model.shape_codes[row])) for row in (2, 1)]
    assert present(portraits.open(None)).close()


def test_rows_of_the_model_before_are_drawn_once_more_without_harm(studio_window: StudioWindow) -> None:
    library = studio_window.library
    library.identities.add("Of a larger model", Dragged("identity", 10_000), "")
    library.identities.scrollToBottom()
    picture = library.identities.grab().toImage()
    assert not picture.isNull()  # and no error is on show, which the fixture looks at


def test_a_run_of_the_model_is_a_body_of_the_library_and_drags_name_what_they_bring(
    qtbot: QtBot, studio_window: StudioWindow, fitted_run: Path, fine: Fine
) -> None:
    window, library = studio_window, studio_window.library
    window.files.open_run(fitted_run)
    qtbot.waitUntil(lambda: window.fit.run is not None, timeout=20_000)
    window.show_explore()
    run = present(window.fit.run)
    called = f"{time_in_words(run, datetime.now())}, {run.inputs.sequence.name}"
    assert [present(library.kept.list.item(row)).text() for row in range(library.kept.list.count())] == [called]
    fine(window, lambda: library.kept.list.itemClicked.emit(library.kept.list.item(0)))
    shown = window.session.document.state.explore
    assert shown.shape_name == "run"
    assert shown.pose_name == "Frame 1"
    fit = window.session.document.state.fit
    window.session.document.follow(replace(window.session.document.state, fit=replace(fit, frame=1)))
    row = present(library.kept.list.item(0))
    pictured = present(library.kept._codes_of(library.kept.list.what(row)))
    fine(window, lambda: library.kept.list.itemClicked.emit(row))
    shown = window.session.document.state.explore
    assert shown.pose_name == "Frame 2" and key_of(pictured) == key_of(codes_of(shown))
    library.kept.list.setCurrentRow(0)
    assert Dragged.of(library.kept.list.mimeData([])) == Dragged("run", 0)
    library.identities.setCurrentRow(2)
    assert Dragged.of(library.identities.mimeData([])) == Dragged("identity", 2)
    library.poses.setCurrentItem(library.poses.topLevelItem(0))
    assert Dragged.of(library.poses.mimeData([])) == Dragged("pose", -1)


def test_dragging_over_the_map_moves_the_body_as_one_step(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine
) -> None:
    window, document, page = studio_window, studio_window.session.document, studio_window.explore.map
    window.explore.pages.button(1).click()
    explorer = present(window.explore.explorer)
    points = explorer.training_coefficients("shape")[:, :2].numpy()
    page.map.grab()

    def place(x: float, y: float) -> QPoint:
        return page.map.place_of(x, y).toPoint()

    qtbot.mouseMove(page.map, place(*points[2]))
    assert page.map.hovered == "Stout"

    def drag() -> None:
        qtbot.mousePress(page.map, Qt.MouseButton.LeftButton, pos=place(0, 0))
        for x in (0.2, 0.4):
            qtbot.mouseMove(page.map, place(x, -0.3))
        qtbot.mouseRelease(page.map, Qt.MouseButton.LeftButton, pos=place(0.4, -0.3))

    fine(window, drag)
    moved = explorer.coefficients(document.state.explore, "shape").numpy()
    np.testing.assert_allclose(moved[:2], (0.4, -0.3), atol=0.05)
    assert document.undo_name == "Shape on the Map"
    document.undo()
    assert document.undo_name is None
    fine(window, lambda: qtbot.mouseDClick(page.map, Qt.MouseButton.LeftButton, pos=place(*points[1])))
    assert document.state.explore.identity == 1
    page.spaces.button(1).click()
    assert document.state.view.explore.map_space == "pose"
    assert "Pose 1" in page.map._axes[0] and "% of variance" in page.map._axes[0]


def test_in_a_project_that_is_opened_the_pose_on_show_is_seen_in_its_open_branch(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine, tmp_path: Path
) -> None:
    window, poses = studio_window, studio_window.library.poses
    identity = present(window.library.identities.item(1))
    fine(window, lambda: window.library.identities.itemActivated.emit(identity))
    row = present(present(window.session.document.model).frames_of(1))[0]
    fine(window, lambda: window.library.frame_chosen.emit(row))
    marked = present(poses.currentItem()).text(0)
    assert present(poses.currentItem()).parent() is not None
    save(qtbot, window, tmp_path / "study")
    window.files.open_project(tmp_path / "study")
    assert window.session.jobs.is_busy("load")
    qtbot.waitUntil(lambda: not window.session.jobs.is_busy("load"), timeout=20_000)
    item = present(poses.currentItem())
    assert item.text(0) == marked and present(item.parent()).isExpanded()
    assert window.session.document.state.explore.row == row
