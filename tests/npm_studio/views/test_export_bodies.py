"""File > Export of what sliders, keyframes and transfers show."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from pytestqt.qtbot import QtBot

from engine.core.errors import InputError
from engine.core.progress import Progress
from npm_studio.session.jobs.exporting import ExportChoice, formats_of
from npm_studio.views.export_dialog import ExportDialog
from npm_studio.views.viewport import Viewport
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.exported import PlainGlb
from tests.support.present import present

Fine = Callable[..., None]
SECONDS = 60_000


def drawn(view: Viewport) -> np.ndarray:
    """Vertices (V, 3) where they are drawn, the floor at height 0."""
    return view.mesh.vertices + np.array(view.mesh.actor.position) - [0, view.ground.height, 0]


def export(qtbot: QtBot, window: StudioWindow, what: int, choice: ExportChoice) -> None:
    """What is on show at the place ``what``."""
    window.files.export(window.workspace.exportables()[what], choice)
    qtbot.waitUntil(lambda: not window.session.jobs.is_busy("export"), timeout=SECONDS)
    present(window.files.question).answer("Close")


def loaded(path: Path) -> trimesh.Trimesh:
    return trimesh.load(path, process=False, force="mesh")


@pytest.mark.parametrize("name", ["ply", "obj", "stl", "glb"])
def test_the_body_of_explore_is_exported_as_it_stands_there(
    qtbot: QtBot, studio_window: StudioWindow, tmp_path: Path, name: str
) -> None:
    window, out = studio_window, tmp_path / f"body.{name}"
    assert window.actions_by_id["file.export"].isEnabled()
    export(qtbot, window, 0, ExportChoice(name, out))
    mesh, shown = loaded(out), drawn(window.viewports.left)
    corners = shown[window.viewports.left.mesh.faces]
    np.testing.assert_allclose(mesh.vertices[mesh.faces], corners, atol=1e-5)


def test_the_way_through_the_keyframes_is_a_mesh_for_each_frame(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine, tmp_path: Path
) -> None:
    window, document = studio_window, studio_window.session.document
    fine(window, window.show_interpolate)
    titles = [one.title for one in window.workspace.exportables()]
    assert titles == ["There and back: 120 frames", "The way there: 61 frames", "The body on show"]
    keys = window.interpolate.now.keys
    short = replace(window.interpolate.now, keys=(keys[0], replace(keys[1], time_s=0.1)), there_and_back=False)
    fine(window, lambda: document.change("Short", replace(document.state, interpolate=replace(short, frame=2))))
    export(qtbot, window, 0, ExportChoice("ply", tmp_path / "way"))
    assert sorted(path.name for path in (tmp_path / "way").iterdir()) == [f"{index:06d}.ply" for index in range(4)]
    np.testing.assert_allclose(
        loaded(tmp_path / "way" / "000002.ply").vertices, drawn(window.viewports.left), atol=1e-5
    )
    export(qtbot, window, 1, ExportChoice("ply", tmp_path / "shown.ply"))
    np.testing.assert_array_equal(
        loaded(tmp_path / "shown.ply").vertices, loaded(tmp_path / "way" / "000002.ply").vertices
    )


def test_an_animated_glb_is_offered_while_the_shape_stays(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine, tmp_path: Path
) -> None:
    window, document = studio_window, studio_window.session.document
    fine(window, window.show_interpolate)
    changing = window.workspace.exportables()[0]
    assert "glb" not in formats_of(changing) and "ply" in formats_of(changing) and "GLB" in changing.note
    now = replace(window.interpolate.now, space="pose", there_and_back=False, frame=60)
    fine(window, lambda: document.change("Pose", replace(document.state, interpolate=now)))
    export(qtbot, window, 0, ExportChoice("glb", tmp_path / "way.glb"))
    glb = PlainGlb(tmp_path / "way.glb")
    assert len(glb.primitive["targets"]) == 61
    np.testing.assert_allclose(glb.shown(2.0), drawn(window.viewports.left), atol=1e-5)


def test_each_body_of_a_transfer_is_exported_in_all_poses_or_that_on_show(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine, tmp_path: Path
) -> None:
    window, document = studio_window, studio_window.session.document
    fine(window, window.show_transfer)
    document.timeline.seek(1)
    window.transfer.pick(1)
    fine(window, lambda: window.transfer.identity_chosen(2))
    titles = [one.title for one in window.workspace.exportables()]
    frames = len(document.timeline.frame_names)
    assert titles[:2] == [f"Stout: all {frames} frames", "Stout: the frame on show"]
    assert titles[4:] == [f"All 2 bodies: all {frames} frames", "All 2 bodies: the frame on show"]
    export(qtbot, window, 0, ExportChoice("glb", tmp_path / "stout.glb"))
    shown = drawn(window.viewports.views[1])
    at = np.float32(1 / document.timeline.frame_rate)
    np.testing.assert_allclose(PlainGlb(tmp_path / "stout.glb").shown(float(at)), shown, atol=1e-5)
    export(qtbot, window, 3, ExportChoice("ply", tmp_path / "first.ply"))
    np.testing.assert_allclose(loaded(tmp_path / "first.ply").vertices, drawn(window.viewports.views[0]), atol=1e-5)


def test_all_bodies_of_a_transfer_go_into_one_new_folder(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine, tmp_path: Path
) -> None:
    window, out = studio_window, tmp_path / "bodies"
    fine(window, window.show_transfer)
    fine(window, lambda: window.transfer.identity_chosen(window.transfer.now.bodies[1].identity or 0))  # one twice
    names = [body.shape_name for body in window.transfer.now.bodies]
    export(qtbot, window, 5, ExportChoice("ply", out))
    assert sorted(path.name for path in out.iterdir()) == [f"{place} {name}.ply" for place, name in enumerate(names, 1)]
    for place, name in enumerate(names):
        vertices = loaded(out / f"{place + 1} {name}.ply").vertices
        np.testing.assert_allclose(vertices, drawn(window.viewports.views[place]), atol=1e-5)

    everything = window.workspace.exportables()[4]
    everything.write(ExportChoice("ply", tmp_path / "all"), Progress())
    assert [len(list(folder.glob("*.ply"))) for folder in (tmp_path / "all").iterdir()] == [everything.frames] * 2
    with pytest.raises(InputError, match="is there already; choose a new folder"):
        everything.write(ExportChoice("ply", out), Progress())
    dialog = ExportDialog([everything], lambda *_: None, tmp_path, window)
    dialog.format.setCurrentIndex(dialog.format.findData("glb"))
    assert dialog._is_folder and dialog._suggested == "bodies-glb"
    dialog.reject()


def test_of_several_things_on_show_the_dialog_asks_which(
    studio_window: StudioWindow, fine: Fine, tmp_path: Path
) -> None:
    window = studio_window
    window.files.choose_export()
    dialog = present(window.findChild(ExportDialog))
    assert not dialog.what.isVisible() and not dialog.copy.isVisible() and not dialog.frame.isVisible()
    assert dialog.format.itemText(0) == "PLY" and dialog.format.findData("csv") < 0
    dialog.reject()
    fine(window, window.show_interpolate)
    dialog = ExportDialog(window.workspace.exportables(), lambda *_: None, tmp_path, window)
    dialog.show()
    assert dialog.what.isVisible() and dialog.format.findData("glb") < 0
    dialog.format.setCurrentIndex(dialog.format.findData("mp4"))
    dialog.what.setCurrentIndex(2)
    assert dialog.format.findData("glb") >= 0 and dialog.format.findData("mp4") < 0
    dialog.reject()


@pytest.mark.slow
def test_bodies_become_a_video_with_the_colours_on_show(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine, tmp_path: Path
) -> None:
    window = studio_window
    fine(window, window.show_transfer)
    export(qtbot, window, 0, ExportChoice("mp4", tmp_path / "body.mp4", correspondence=True))
    assert (tmp_path / "body.mp4").stat().st_size > 1000
