"""What a person made in the window: undone from everywhere, saved, asked about, recovered."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from npm_studio.session.commands.table import commands_in
from npm_studio.session.commands.view import WorkspaceTitle
from npm_studio.session.document.autosave import drafts_folder, recoverable
from npm_studio.session.document.bookmarks import with_bookmark
from npm_studio.session.document.project import AUTOSAVE_NAME, load_project
from npm_studio.views.viewport import Viewport
from npm_studio.views.workspaces import registry
from npm_studio.views.workspaces.base import Workspace, WorkspaceKind
from tests.npm_studio.views.drops import drop
from tests.npm_studio.views.saving import save
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

Fine = Callable[..., None]
SECONDS = 20_000


@pytest.fixture
def second_window(qtbot: QtBot, _own_settings: None) -> Iterator[StudioWindow]:
    """What is opened after the first one is gone, or beside it."""
    window = StudioWindow()
    window.show()
    qtbot.waitExposed(window)
    yield window
    assert window.error is None, present(window.error).details
    window.close_unasked()
    window.deleteLater()


def test_whatever_a_command_names_somebody_is_responsible_for(window: StudioWindow) -> None:
    lacking = [name for _, command in commands_in(window.menus) for name in window.session.commands.lacks(command)]
    assert lacking == []


def test_undo_takes_back_the_last_step_from_every_workspace_and_says_which(
    studio_window: StudioWindow, qtbot: QtBot
) -> None:
    document, undo = studio_window.session.document, studio_window.actions_by_id["edit.undo"]
    for name in studio_window.workspaces:
        studio_window.show_explore()
        before = document.state.explore
        studio_window.explore.shape.sliders[1].slider.setValue(100)
        document.show_workspace(name)
        assert undo.text() == "&Undo Shape 2"
        qtbot.keyClick(studio_window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert document.state.explore == before
        assert studio_window.workspace is studio_window.explore
        assert (undo.text(), undo.isEnabled()) == ("&Undo", False)
        assert studio_window.actions_by_id["edit.redo"].text() == "&Redo Shape 2"


def test_commands_of_a_workspace_do_nothing_while_another_one_is_on_show(
    studio_window: StudioWindow, qtbot: QtBot
) -> None:
    before = studio_window.session.document.state.explore
    for name in ("interpolate", "transfer", "fit", "compare"):
        studio_window.session.document.show_workspace(name)
        for key in (Qt.Key.Key_S, Qt.Key.Key_P):
            qtbot.keyClick(studio_window, key)
        assert not studio_window.actions_by_id["edit.random_shape"].isEnabled()
    assert studio_window.session.document.state.explore == before


def test_caption_library_and_timeline_follow_undo(studio_window: StudioWindow, fine: Fine) -> None:
    library, timeline = studio_window.library, studio_window.session.document.timeline
    fine(studio_window, lambda: library.frame_chosen.emit(8))
    fine(studio_window, lambda: library.identity_chosen.emit(2))
    assert library.identities.currentRow() == 2
    fine(studio_window, lambda: studio_window.explore.shape.sliders[0].slider.setValue(40))
    assert studio_window.viewports.left.caption.text[0] == "Own shape"
    assert library.identities.currentRow() == -1
    timeline.seek(0)
    undo = studio_window.actions_by_id["edit.undo"]
    fine(studio_window, undo.trigger)
    assert studio_window.viewports.left.caption.text == ("Stout", "Bend, frame 3 of Small")
    assert library.identities.currentRow() == 2
    assert timeline.frame == 2


def has_two(seen: set[int]) -> bool:
    return len(seen) >= 2


def test_playing_adds_no_step_and_nothing_to_save(studio_window: StudioWindow, qtbot: QtBot) -> None:
    for name in ("explore", "interpolate", "transfer"):
        studio_window.session.document.show_workspace(name)
        timeline = studio_window.session.document.timeline
        seen: set[int] = set()
        timeline.frame_changed.connect(seen.add)
        timeline.play()
        qtbot.waitUntil(partial(has_two, seen), timeout=SECONDS)
        timeline.pause()
    assert studio_window.session.document.undo_name is None
    assert not studio_window.isWindowModified()


def test_a_bookmark_brings_its_codes_back(studio_window: StudioWindow) -> None:
    document, actions = studio_window.session.document, studio_window.actions_by_id
    actions["edit.random_shape"].trigger()
    marked = document.state.explore
    actions["edit.add_bookmark"].trigger()
    actions["edit.reset_shape"].trigger()
    (choice,) = studio_window.session.commands.choices("edit.bookmarks")
    assert choice.title.startswith("Random shape")
    studio_window.show_transfer()
    choice.choose()
    assert document.state.explore == marked
    assert studio_window.workspace is studio_window.explore


def made_something(qtbot: QtBot, window: StudioWindow, run: Path) -> None:
    """Codes, an interpolation, a transfer, a run over its recording, a comparison, and a way of looking at it."""
    window.explore.shape.sliders[0].slider.setValue(70)
    window.show_interpolate()
    window.interpolate.back.click()
    window.session.document.timeline.seek(17)
    window.show_transfer()
    window.library.identity_chosen.emit(2)
    window.files.open_run(run)
    qtbot.waitUntil(lambda: window.fit.run is not None, timeout=SECONDS)
    window.show_compare()
    qtbot.waitUntil(lambda: window.compare.lineup is not None, timeout=SECONDS)
    window.actions_by_id["compare.swap"].trigger()
    window.compare.panel.coloured.click()
    window.show_fit()
    window.timeline.last()
    window.fit.display.colours.button(1).click()
    window.actions_by_id["display.wireframe"].trigger()
    window.actions_by_id["view.top"].trigger()


def test_a_project_opens_in_another_window_as_it_was_left(
    qtbot: QtBot, studio_window: StudioWindow, second_window: StudioWindow, fitted_run: Path, tmp_path: Path
) -> None:
    made_something(qtbot, studio_window, fitted_run)
    assert studio_window.isWindowModified()
    save(qtbot, studio_window, tmp_path / "study")
    assert not studio_window.isWindowModified()
    saved = studio_window.session.document.state
    assert [side.kind for side in saved.compare.sides] == ["truth", "run"] and not saved.compare.coloured
    assert saved.runs[0].folder == tmp_path / "study" / "runs" / "run"
    studio_window.close()
    assert not studio_window.isVisible()
    second_window.files.open_project(tmp_path / "study")
    qtbot.waitUntil(lambda: second_window.fit.run is not None, timeout=SECONDS)
    assert second_window.session.document.state == saved
    assert second_window.workspace is second_window.fit
    assert second_window.session.document.timeline.frame == 2
    assert second_window.explore.shape.sliders[0].readout == "+0.70 σ"
    qtbot.wait(50)
    shown = second_window.viewports.left.camera_state()
    assert shown.is_near(saved.view.cameras[0])
    assert second_window.viewports._nobody_moved()  # so that what comes on show next is seen as a whole
    assert second_window.session.document.is_clean


def test_closing_asks_about_what_is_not_saved_and_each_answer_does_what_it_says(
    qtbot: QtBot, studio_window: StudioWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio_window.explore.randomise_shape()
    assert len(recoverable([])) == 0 and len(list(drafts_folder().iterdir())) == 1
    studio_window.close()
    question = present(studio_window.files.question)
    assert question.text() == "Save what you made?"
    question.answer("Cancel")
    assert studio_window.isVisible()
    qtbot.waitUntil(lambda: studio_window.files.question is None)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    studio_window.close()
    present(studio_window.files.question).answer("Save")
    qtbot.waitUntil(lambda: not studio_window.isVisible(), timeout=SECONDS)
    assert load_project(tmp_path / "mine").state.explore == studio_window.session.document.state.explore
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["project.json"]
    assert list(drafts_folder().iterdir()) == []


def test_bodies_stand_where_they_stood_before_a_fit_and_where_cameras_that_come_back_saw_them(
    studio_window: StudioWindow, fine: Fine
) -> None:
    area, document = studio_window.viewports, studio_window.session.document
    floor = area.left.ground.height
    assert document.state.view.floor_m == floor
    for show in (studio_window.show_interpolate, studio_window.show_transfer, studio_window.show_explore):
        document.show_workspace("fit")
        area.left.ground.place(-3.0)  # as of a recording from high up
        fine(studio_window, show)
        assert [view.ground.height for view in area.views] == [floor] * len(area.views)
    area.note_cameras()
    document.follow(replace(document.state, view=replace(document.state.view, floor_m=-2.0)))
    area._on_begun()  # as if this document were opened: its cameras come back
    area.place_floor(floor)
    assert area.left.ground.height == -2.0
    area.frame_all()
    area.place_floor(floor)  # of another model
    assert area.left.ground.height == document.state.view.floor_m == floor


def test_a_recovery_that_needs_the_place_of_what_is_not_saved_says_so(
    qtbot: QtBot, studio_window: StudioWindow, second_window: StudioWindow
) -> None:
    studio_window.explore.randomise_shape()
    studio_window.close_unasked()
    document = second_window.session.document
    second_window.files.offer_recovery()
    offered = present(second_window.files.question)
    document.change("Add Bookmark", with_bookmark(document.state, "Mine", document.state.explore))
    offered.answer("Recover")
    question = present(second_window.files.question)
    assert question.text() == "Save what you made?"
    assert question.informativeText() == "What is recovered takes its place in this window. It is lost otherwise."
    question.answer("Discard")
    qtbot.waitUntil(lambda: document.model is not None, timeout=SECONDS)


def test_discarding_at_the_end_leaves_nothing_behind(qtbot: QtBot, studio_window: StudioWindow) -> None:
    studio_window.explore.randomise_shape()
    studio_window.close()
    present(studio_window.files.question).answer("Discard")
    qtbot.waitUntil(lambda: not studio_window.isVisible(), timeout=SECONDS)
    assert list(drafts_folder().iterdir()) == []


def test_opening_another_project_asks_about_what_is_not_saved(
    qtbot: QtBot, studio_window: StudioWindow, tmp_path: Path
) -> None:
    document = studio_window.session.document
    save(qtbot, studio_window, tmp_path / "study")
    studio_window.explore.randomise_shape()
    own = document.state
    drop(studio_window, tmp_path / "study")
    qtbot.waitUntil(lambda: studio_window.files.question is not None, timeout=SECONDS)
    assert present(studio_window.files.question).text() == "Save the changes to study?"
    present(studio_window.files.question).answer("Cancel")
    assert document.state.explore == own.explore
    qtbot.waitUntil(lambda: studio_window.files.question is None)
    drop(studio_window, tmp_path / "study")
    qtbot.waitUntil(lambda: studio_window.files.question is not None, timeout=SECONDS)
    present(studio_window.files.question).answer("Discard")
    qtbot.waitUntil(lambda: document.is_clean, timeout=SECONDS)
    assert document.state.explore == load_project(tmp_path / "study").state.explore


def test_another_model_is_opened_without_losing_what_was_made(
    qtbot: QtBot, studio_window: StudioWindow, toy_folder: Path, tmp_path: Path
) -> None:
    document = studio_window.session.document
    studio_window.explore.randomise_shape()
    own = document.state.explore
    second = tmp_path / "second.npm"
    second.mkdir()
    for file in toy_folder.iterdir():
        (second / file.name).write_bytes(file.read_bytes())
    studio_window.files.open_model(second)
    qtbot.waitUntil(lambda: document.model_folder == second.resolve(), timeout=SECONDS)
    assert document.state.explore != own
    assert "Undo brings the one before back" in present(studio_window.statusBar()).currentMessage()
    qtbot.waitUntil(lambda: studio_window.badge.text == "Fine", timeout=SECONDS)
    studio_window.actions_by_id["edit.undo"].trigger()
    assert document.state.explore == own
    assert document.model_folder == toy_folder.resolve()


def test_views_that_another_model_does_not_show_are_freed_and_made_again(
    qtbot: QtBot, studio_window: StudioWindow, toy_folder: Path, tmp_path: Path
) -> None:
    window, area = studio_window, studio_window.viewports
    area.set_view_count(6)
    area.set_view_count(1)
    assert len(area.findChildren(Viewport)) == 6  # they are wanted again soon
    other = Path(shutil.copytree(toy_folder, tmp_path / "other.npm"))
    window.files.open_model(other)
    qtbot.waitUntil(lambda: window.session.document.model_folder == other.resolve(), timeout=SECONDS)
    qtbot.waitUntil(lambda: area.findChildren(Viewport) == [area.left], timeout=SECONDS)
    area.set_view_count(3)
    assert [view.isVisible() for view in area.views] == [True] * 3
    assert not area.picture().isNull()


def test_what_a_killed_window_had_is_offered_and_comes_back(
    qtbot: QtBot, studio_window: StudioWindow, second_window: StudioWindow, fitted_run: Path
) -> None:
    made_something(qtbot, studio_window, fitted_run)
    studio_window.session.autosave.flush()
    lost = studio_window.session.document.state
    studio_window.close_unasked()  # as Ctrl-C does; the end of its process leaves the same
    second_window.files.offer_recovery()
    question = present(second_window.files.question)
    assert question.text().startswith("What you made was not saved when the program ended")
    question.answer("Recover")
    qtbot.waitUntil(lambda: second_window.fit.run is not None, timeout=SECONDS)
    found = second_window.session.document.state
    assert replace(found, view=lost.view) == lost
    assert second_window.isWindowModified()
    save_folder = fitted_run.parent / "recovered"
    save(qtbot, second_window, save_folder)
    assert list(drafts_folder().iterdir()) == []
    assert not (save_folder / AUTOSAVE_NAME).exists()


def test_speed_and_lists_are_part_of_the_document(
    qtbot: QtBot, studio_window: StudioWindow, second_window: StudioWindow, tmp_path: Path
) -> None:
    studio_window.timeline.rate.setValue(11)
    studio_window.actions_by_id["view.library"].trigger()
    assert not studio_window.library.isVisible()
    save(qtbot, studio_window, tmp_path / "study")
    studio_window.close()
    second_window.files.open_project(tmp_path / "study")
    qtbot.waitUntil(lambda: second_window.session.document.folder is not None, timeout=SECONDS)
    assert second_window.session.document.timeline.frame_rate == 11
    assert not second_window.library.isVisible()
    assert not second_window.actions_by_id["view.library"].isChecked()


def test_two_windows_do_not_write_to_one_project(
    qtbot: QtBot, studio_window: StudioWindow, second_window: StudioWindow, tmp_path: Path
) -> None:
    save(qtbot, studio_window, tmp_path / "study")
    second_window.files.open_project(tmp_path / "study")
    qtbot.waitUntil(lambda: second_window.error is not None, timeout=SECONDS)
    error = present(second_window.error)
    assert "is open in another window" in error.sentence
    assert "close it there" in error.remedy.lower()
    error.close()
    qtbot.waitUntil(lambda: second_window.error is None)
    assert second_window.session.document.folder is None


class DrawingWorkspace(Workspace):
    """Counts what it is asked to show."""

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        self.quality_changed.emit("Drawn", "good", "")


@pytest.mark.usefixtures("_own_settings")
def test_a_workspace_is_one_file_and_its_registration(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = WorkspaceKind(WorkspaceTitle("draw", "&Draw", "Draw something."), DrawingWorkspace)
    monkeypatch.setattr(registry, "BUILT_IN", (*registry.BUILT_IN, kind))
    window = StudioWindow()
    window.show()
    qtbot.waitExposed(window)
    window.actions_by_id["view.draw"].trigger()
    assert window.workspace is window.workspace_of(DrawingWorkspace)
    assert window.page.segments.button(6).text() == "Draw" and window.page.segments.current == 6
    assert window.badge.text == "Drawn"
    assert window.actions_by_id["view.draw"].shortcut().toString() == "Ctrl+7"
    window.actions_by_id["view.explore"].trigger()
    assert not window.workspace_of(DrawingWorkspace).is_active
    window.close_unasked()
    window.deleteLater()
