import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from engine.geometry.mesh import save_mesh
from engine.methods.run import load_run
from npm_studio.session.document.compared_sides import offers
from npm_studio.session.document.comparison import SideSource
from npm_studio.session.document.loaded import Contents
from npm_studio.session.document.run_steps import renamed
from npm_studio.session.document.side_errors import ErrorKind, SequenceError
from npm_studio.session.document.state import DocumentState
from npm_studio.session.jobs.comparison_report import report_choice
from npm_studio.views.export_dialog import ExportDialog
from npm_studio.views.widgets.error_table import ErrorTable, TableRow
from npm_studio.views.workspaces.compare_panel import MODES
from tests.npm_studio.views.drops import drop
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

SECONDS = 20_000


@pytest.fixture
def comparing(qtbot: QtBot, window: StudioWindow, fitted_run: Path) -> StudioWindow:
    """A run beside its ground truth, measured."""
    drop(window, fitted_run)
    qtbot.waitUntil(lambda: window.fit.run is not None, timeout=SECONDS)
    window.show_compare()
    measured(qtbot, window, 2)
    return window


def measured(qtbot: QtBot, window: StudioWindow, sides: int) -> None:
    """Wait until so many sides are on show and their errors are known."""

    def is_done() -> bool:
        lineup, errors = window.compare.lineup, window.compare.errors
        is_complete = errors is None or errors.is_complete
        idle = not window.session.jobs.is_busy("load") and not window.session.jobs.is_busy("measure")
        return lineup is not None and len(lineup.sides) == sides and is_complete and idle

    qtbot.waitUntil(is_done, timeout=SECONDS)


def source(kind: str, path: Path) -> SideSource:
    assert kind in ("run", "truth", "observation")
    return SideSource(kind, path.resolve())  # type: ignore[arg-type]


def title_of(window: StudioWindow, folder: str) -> str:
    """What a run is called where it is compared: by its method, and when it was made."""
    offered = offers(window.session.document, window.session.document.comparison.mesh_files)
    title = next(offer.title for offer in offered if offer.source.path.name == folder)
    assert title.startswith("Neural parametric model, ")
    return title


def another_run(fitted_run: Path, folder: Path, name: str) -> Path:
    return Path(shutil.copytree(fitted_run, folder / name))


def test_a_run_is_compared_with_its_ground_truth_at_once(comparing: StudioWindow) -> None:
    left, right = comparing.viewports.views
    assert (left.caption.text[0], left.caption.place) == (title_of(comparing, "run"), 0)
    assert right.caption.text == ("Ground truth of doll", "Frame 1 of 3 · measured against")
    assert left.mesh.is_visible
    assert right.mesh.is_visible
    assert comparing.compare.panel.report.isEnabled()  # which is of one run, too
    assert present(comparing.compare.errors).kind is ErrorKind.CORRESPONDENCE
    mean, median, worst, lost = comparing.compare.panel.table.texts()[0]
    assert float(mean) == float(median) == float(worst) == pytest.approx(25, abs=0.1)  # 0.01 canonical units
    assert lost == "0"
    assert comparing.compare.panel.table.texts()[1][0] == "measured against"
    tips = [present(comparing.compare.panel.table.item(0, column)).toolTip() for column in (1, 2, 3)]
    assert all("from each vertex to the same vertex" in tip for tip in tips) and "mean of the worst, frame " in tips[2]


def test_what_was_compared_is_let_go_when_another_document_comes(comparing: StudioWindow) -> None:
    comparing.show_explore()
    comparing.session.document.begin(DocumentState(), Contents())
    assert comparing.compare.lineup is None


def test_figures_of_frames_that_are_not_all_measured_are_marked(qapp: QApplication) -> None:
    table = ErrorTable()
    error = SequenceError(2.04, 1.9, 3.2, 4, 0, 13)
    table.fill([TableRow("A fit", error, is_complete=False), TableRow("A fit", error)])
    assert table.texts() == [["2.0…", "1.9…", "3.2…", "0"], ["2.0", "1.9", "3.2", "0"]]
    assert "over 13 frames so far" in present(table.item(0, 1)).toolTip()


def test_one_legend_goes_with_the_colours_of_all_views(comparing: StudioWindow) -> None:
    mesh, legend = comparing.viewports.left.mesh, comparing.viewports.legend
    errors = present(comparing.compare.errors)
    assert mesh.actor.mapper.scalar_visibility
    values = errors.values_mm(errors.compared[0], 0)
    np.testing.assert_array_equal(np.asarray(mesh.data.point_data["value"]), values)
    assert (legend.title, legend.high) == ("Correspondence error", 50.0)
    assert not any(view.colour_bar.isVisible() for view in comparing.viewports.views)
    comparing.compare.panel.scale.setValue(40.0)
    assert legend.high == mesh.actor.mapper.scalar_range[1] == 40.0
    comparing.compare.panel.automatic.setChecked(True)
    assert legend.high == 50.0
    comparing.compare.panel.coloured.setChecked(False)
    assert not mesh.actor.mapper.scalar_visibility
    assert legend.title == ""


def test_each_view_draws_its_own_picture(qtbot: QtBot, comparing: StudioWindow) -> None:
    def colourfulness() -> list[float]:
        qtbot.wait(50)
        image = comparing.viewports.picture().toImage().scaled(200, 100)
        row = [image.pixelColor(x, 45).saturation() for x in range(200)]
        return [max(row[:100]), max(row[100:])]

    left, right = colourfulness()
    assert left > 130 > right  # errors are colourful, the truth is clay
    comparing.show_fit()
    comparing.show_compare()
    measured(qtbot, comparing, 2)
    left, right = colourfulness()
    assert left > 130 > right


def test_linked_cameras_move_together_and_unlinked_ones_do_not(comparing: StudioWindow) -> None:
    comparing.compare.panel.sides.layouts.button(3).click()
    views = comparing.viewports.views
    assert len(views) == 4
    for mover in views:
        mover.view.camera.Azimuth(30)
        assert all(np.allclose(view.camera_state().position, mover.camera_state().position) for view in views)
    comparing.compare.panel.linked.setChecked(False)
    assert not comparing.actions_by_id["view.link_cameras"].isChecked()
    before = views[1].camera_state()
    views[0].view.camera.Azimuth(30)
    assert views[1].camera_state() == before
    comparing.actions_by_id["view.link_cameras"].trigger()
    assert comparing.compare.panel.linked.isChecked()
    assert np.allclose(views[3].camera_state().position, views[0].camera_state().position)


def test_the_timeline_and_a_click_into_the_curves_move_all_sides(qtbot: QtBot, comparing: StudioWindow) -> None:
    before = [view.mesh.vertices.copy() for view in comparing.viewports.views]
    comparing.timeline.last()
    for view, old in zip(comparing.viewports.views, before, strict=True):
        assert view.caption.text[1].startswith("Frame 3 of 3")
        assert np.abs(view.mesh.vertices - old).max() > 0.01
    curves = comparing.compare.curves
    assert curves.isVisible()
    qtbot.waitUntil(lambda: curves.frame_at(0) == 0)
    qtbot.mouseClick(curves, Qt.MouseButton.LeftButton, pos=QPoint(5, 40))
    assert comparing.session.document.timeline.frame == 0
    assert curves.words_of(1).splitlines()[1].startswith(f"A  {title_of(comparing, 'run')}: 25.0 mm")


def test_another_comparison_begins_where_its_state_says_and_the_timeline_with_it(
    qtbot: QtBot, comparing: StudioWindow
) -> None:
    comparing.timeline.last()
    document = comparing.session.document
    document.set_comparison(replace(document.comparison, layout=3, frame=1), "Another")
    measured(qtbot, comparing, 2)
    assert document.timeline.frame == 1
    assert comparing.viewports.left.caption.text[1].startswith("Frame 2 of 3")


def test_a_run_that_was_named_has_its_name_where_it_is_compared(qtbot: QtBot, comparing: StudioWindow) -> None:
    document = comparing.session.document
    document.change("Rename Run", renamed(document.state, document.runs[0].folder.resolve(), "First try"))
    qtbot.waitUntil(lambda: comparing.viewports.left.caption.text[0] == "First try", timeout=SECONDS)


def test_a_comparison_is_not_measured_again_when_its_project_is_saved(
    qtbot: QtBot, comparing: StudioWindow, tmp_path: Path
) -> None:
    before, camera = present(comparing.compare.errors), comparing.viewports.left.camera_state()
    comparing.files.save_in(tmp_path / "kept")
    qtbot.waitUntil(lambda: comparing.compare.errors not in (None, before), timeout=SECONDS)
    errors = present(comparing.compare.errors)
    figures = [each.figure(each.compared[0], 1) for each in (before, errors)]
    assert figures[0] is figures[1] is not None and errors.is_known(0)
    assert comparing.viewports.left.camera_state() == camera


def test_each_run_that_is_compared_can_be_exported_by_the_name_that_is_shown(
    qtbot: QtBot, comparing: StudioWindow, fitted_run: Path, tmp_path: Path
) -> None:
    comparing.compare.choose_new_side()
    comparing.compare.picker.hide()
    drop(comparing, another_run(fitted_run, tmp_path, "b"))
    measured(qtbot, comparing, 3)
    comparing.compare.panel.export_run.click()
    dialog = present(comparing.findChild(ExportDialog))
    offered = [dialog.what.itemText(place) for place in range(dialog.what.count())]
    assert offered == [title_of(comparing, "run"), title_of(comparing, "b")] and dialog.what.isVisibleTo(dialog)
    dialog.what.setCurrentIndex(1)
    assert dialog.exportable.name == "b"
    dialog.reject()


def test_measuring_moves_no_button(comparing: StudioWindow) -> None:
    panel = comparing.compare.panel
    QApplication.processEvents()
    places = [panel.report.pos(), panel.export_run.pos()]
    panel.progress.setText("Measuring…")
    panel.progress.setVisible(True)
    QApplication.processEvents()
    assert panel.progress.isVisible() and [panel.report.pos(), panel.export_run.pos()] == places


def test_six_sides_stand_in_six_views(
    qtbot: QtBot, comparing: StudioWindow, fitted_run: Path, depth_capture: Path, tmp_path: Path
) -> None:
    comparing.compare.choose_new_side()
    comparing.compare.picker.hide()
    comparing.compare.add(source("observation", depth_capture))
    for name in ("b", "c", "d"):
        comparing.compare.choose_new_side()
        comparing.compare.picker.hide()
        drop(comparing, another_run(fitted_run, tmp_path, name))
        qtbot.waitUntil(lambda name=name: any(r.folder.name == name for r in comparing.session.document.runs))  # type: ignore[misc]
    measured(qtbot, comparing, 6)
    views = comparing.viewports.views
    titles = [view.caption.text[0] for view in views]
    first, *others = (title_of(comparing, name) for name in ("run", "b", "c", "d"))
    assert titles == [first, "Ground truth of doll", "Observation of doll", *others]
    assert [view.caption.place for view in views] == list(range(6))
    assert views[2].points.count > 100
    assert not views[2].mesh.is_visible
    assert not comparing.compare.panel.add.isEnabled()
    assert not comparing.actions_by_id["compare.add"].isEnabled()
    assert comparing.compare.panel.report.isEnabled()
    assert [run.name for run in present(report_choice(comparing.session.document)).runs] == ["run", "b", "c", "d"]
    assert comparing.compare.isVisible()  # a run that is dropped here is compared, and not shown in Fit
    comparing.compare.panel.sides.rows[5].remove.click()
    measured(qtbot, comparing, 5)
    assert views[5].caption.text[0] == "No side yet"


def test_the_list_of_sides_is_grouped_and_searched(qtbot: QtBot, studio_window: StudioWindow, fitted_run: Path) -> None:
    drop(studio_window, fitted_run)
    qtbot.waitUntil(lambda: studio_window.fit.run is not None, timeout=SECONDS)
    studio_window.show_compare()
    measured(qtbot, studio_window, 2)
    compare, picker = studio_window.compare, studio_window.compare.picker
    compare.panel.sides.rows[1].choice.click()
    assert picker.isVisible()
    groups = [present(picker.tree.topLevelItem(row)).text(0) for row in range(picker.tree.topLevelItemCount())]
    assert groups[0] == "doll"
    assert groups[1].startswith("Identities of ")
    assert picker.titles()[:3] == [title_of(studio_window, "run"), "Ground truth of doll", "Observation of doll"]
    qtbot.keyClicks(picker.search, "doll observ")
    assert picker.titles() == ["Observation of doll"]
    qtbot.keyClick(picker.search, Qt.Key.Key_Return)
    assert not picker.isVisible()
    measured(qtbot, studio_window, 2)
    assert studio_window.viewports.right.caption.text[0] == "Observation of doll"
    compare.panel.sides.rows[0].choice.click()
    picker.search.setText("nobody")
    assert picker.titles() == []
    assert "nobody" in picker.nothing.text()
    picker.hide()


def test_two_identities_can_be_compared_and_swapped(qtbot: QtBot, studio_window: StudioWindow) -> None:
    studio_window.show_compare()
    measured(qtbot, studio_window, 2)
    assert [view.caption.text[0] for view in studio_window.viewports.views] == ["Tall", "Small"]
    assert studio_window.viewports.left.caption.text[1].startswith("Canonical pose")
    studio_window.actions_by_id["compare.swap"].trigger()
    measured(qtbot, studio_window, 2)
    assert [view.caption.text[0] for view in studio_window.viewports.views] == ["Small", "Tall"]


def test_errors_against_what_was_seen_are_on_its_points(
    qtbot: QtBot, comparing: StudioWindow, depth_capture: Path
) -> None:
    choice = comparing.compare.panel.reference
    choice.setCurrentIndex(choice.findText("Observation of doll"))
    choice.activated.emit(choice.currentIndex())
    qtbot.waitUntil(lambda: present(comparing.compare.errors).kind is ErrorKind.SEEN, timeout=SECONDS)
    measured(qtbot, comparing, 2)
    left, right = comparing.viewports.views
    assert left.points.count == right.points.count > 100
    assert comparing.viewports.legend.title == "Distance of what was seen"
    rows = comparing.compare.panel.table.texts()
    assert float(rows[1][0]) < float(rows[0][0])  # the truth lies nearer to what was seen
    choice.setCurrentIndex(choice.findText("Ground truth of doll"))
    choice.activated.emit(choice.currentIndex())
    qtbot.waitUntil(lambda: present(comparing.compare.errors).kind is not ErrorKind.SEEN, timeout=SECONDS)
    assert left.points.count == 0


def test_a_divider_is_dragged_between_two_sides(qtbot: QtBot, comparing: StudioWindow) -> None:
    view = comparing.viewports.left

    def colours() -> tuple[int, int]:
        """Of the left and the right half of the middle of the figure."""
        qtbot.wait(50)
        image = comparing.viewports.picture().toImage()
        y, middle = round(image.height() * 0.42), image.width() // 2
        row = [image.pixelColor(x, y).saturation() for x in range(image.width())]
        return max(row[: middle - 14]), max(row[middle + 14 :])

    comparing.compare.panel.mode.button(1).click()
    assert len(comparing.viewports.views) == 1
    left, right = colours()
    assert left > 130 > right
    divider = view.second.divider
    assert divider.isVisible()
    assert view.second.caption.text[0] == "Ground truth of doll"
    divider.setValue(divider.minimum())
    assert max(colours()) < 130
    divider.setFocus()
    qtbot.keyClick(divider, Qt.Key.Key_Right)
    assert divider.value() == divider.minimum() + divider.singleStep()
    divider.setValue(divider.maximum())
    assert min(colours()) > 130
    view.view.camera.Azimuth(90)
    assert min(colours()) > 130
    comparing.compare.panel.mode.button(0).click()
    assert not divider.isVisible()
    assert len(comparing.viewports.views) == 2


def test_sides_blink_by_key_and_by_themselves(qtbot: QtBot, comparing: StudioWindow) -> None:
    comparing.compare.panel.mode.button(2).click()
    view = comparing.viewports.left
    assert view.caption.text[0] == title_of(comparing, "run")
    assert view.mesh.is_visible
    assert not view.second.mesh.is_visible
    qtbot.keyClick(comparing, Qt.Key.Key_B)
    assert view.caption.text[0] == "Ground truth of doll"
    assert not view.mesh.is_visible
    assert view.second.mesh.is_visible
    comparing.compare.panel.blinking.setChecked(True)
    qtbot.waitUntil(lambda: view.caption.text[0] == title_of(comparing, "run"), timeout=SECONDS)
    comparing.show_fit()
    assert view.mesh.is_visible
    assert not view.second.mesh.is_visible


def test_meshes_from_disk_become_a_side(
    qtbot: QtBot, comparing: StudioWindow, fitted_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    run = load_run(fitted_run)
    for name, mesh in zip(run.frame_names, run.meshes, strict=True):
        save_mesh(mesh, folder / f"{name}.obj")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    comparing.compare.choose_new_side()
    comparing.compare.picker.meshes.click()
    measured(qtbot, comparing, 3)
    assert comparing.viewports.views[2].caption.text[0] == "theirs"
    assert "m by their size" in comparing.compare.panel.explanation.text()
    assert comparing.compare.panel.table.texts()[2] == comparing.compare.panel.table.texts()[0]


def test_what_has_no_frame_in_common_is_refused_and_the_rest_goes_on(
    qtbot: QtBot, comparing: StudioWindow, tmp_path: Path, fitted_run: Path
) -> None:
    folder = tmp_path / "strangers"
    folder.mkdir()
    mesh = load_run(fitted_run).meshes.read(0)
    for name in ("x", "y", "z"):
        save_mesh(mesh, folder / f"{name}.ply")
    (folder / "w.ply").write_bytes((folder / "x.ply").read_bytes())
    comparing.compare.choose_new_side()
    comparing.compare.picker.hide()
    drop(comparing, folder)
    qtbot.waitUntil(lambda: comparing.error is not None, timeout=SECONDS)
    assert "strangers" in present(comparing.error).sentence
    present(comparing.error).close()
    comparing.compare.panel.sides.rows[2].remove.click()
    measured(qtbot, comparing, 2)
    assert comparing.viewports.left.mesh.is_visible


def test_compare_with_truth_is_one_click_after_a_fit(qtbot: QtBot, window: StudioWindow, fitted_run: Path) -> None:
    button = window.fit.runs.compare
    assert not button.isEnabled()
    drop(window, fitted_run)
    qtbot.waitUntil(lambda: window.fit.run is not None, timeout=SECONDS)
    assert button.isEnabled()
    window.compare.session.document.set_comparison(window.compare.state.added(source("run", fitted_run)))
    button.click()
    measured(qtbot, window, 2)
    assert window.workspace is window.compare
    assert [side.kind for side in window.compare.state.sides] == ["run", "truth"]


def test_a_run_without_truth_offers_no_comparison_with_it(
    qtbot: QtBot, window: StudioWindow, fitted_run: Path, capture: Path, tmp_path: Path
) -> None:
    shutil.rmtree(capture / "truth")
    folder = another_run(fitted_run, tmp_path, "alone")
    description = (folder / "run.json").read_text()
    old = str(load_run(fitted_run).inputs.sequence)
    (folder / "run.json").write_text(description.replace(old, str(capture)))
    drop(window, folder)
    qtbot.waitUntil(lambda: window.fit.run is not None, timeout=SECONDS)
    assert not window.fit.runs.compare.isEnabled()
    window.show_compare()
    measured(qtbot, window, 2)
    assert [side.kind for side in window.compare.state.sides] == ["run", "observation"]


def test_a_comparison_that_nobody_chose_makes_room_for_a_better_one(
    qtbot: QtBot, studio_window: StudioWindow, fitted_run: Path
) -> None:
    studio_window.show_compare()
    measured(qtbot, studio_window, 2)
    assert [side.kind for side in studio_window.compare.state.sides] == ["identity", "identity"]
    studio_window.show_fit()
    drop(studio_window, fitted_run)
    qtbot.waitUntil(lambda: studio_window.fit.run is not None, timeout=SECONDS)
    studio_window.show_compare()
    qtbot.waitUntil(lambda: [s.kind for s in studio_window.compare.state.sides] == ["run", "truth"], timeout=SECONDS)
    measured(qtbot, studio_window, 2)


def test_an_empty_comparison_says_what_it_needs(window: StudioWindow) -> None:
    window.show_compare()
    assert window.viewports.invitation.isVisible()
    assert window.viewports.invitation.title == "Nothing to compare yet"
    assert not window.viewports.is_split


def test_all_ways_of_showing_have_a_tooltip_and_a_name(window: StudioWindow) -> None:
    panel = window.compare.panel
    for place in range(len(MODES)):
        assert panel.mode.button(place).toolTip()
    for widget in (panel.scale, panel.reference, panel.table, window.compare.curves, window.compare.picker.search):
        assert widget.accessibleName()
    for row in panel.sides.rows:
        assert row.choice.toolTip()
        assert row.choice.accessibleName()
