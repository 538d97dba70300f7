from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PyQt6.QtGui import QImage
from pytestqt.qtbot import QtBot

from engine.exports.vertex_colours import correspondence_colours
from npm_studio.session.document.explorer import tensor_of
from npm_studio.session.document.view_state import DisplaySettings
from npm_studio.session.live.field import FINE_NODES, SliceReply
from npm_studio.session.settings import load_settings
from npm_studio.views.framing import seen_in
from npm_studio.views.viewport import Viewport
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

Fine = Callable[..., None]


@pytest.fixture
def studio_window(studio_window: StudioWindow, qtbot: QtBot) -> StudioWindow:
    """High enough for every panel, so that pictures keep their size."""
    studio_window.resize(1000, 800)
    qtbot.wait(50)
    qtbot.waitUntil(lambda: studio_window.explore._figures.text != "", timeout=20_000)  # they are in pictures, too
    return studio_window


def picture(qtbot: QtBot, window: StudioWindow) -> np.ndarray:
    """(H, W, 3) what a saved picture shows."""
    qtbot.wait(60)
    image = window.viewports.picture().toImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    rows = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8).reshape(image.height(), -1)
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def changed_share(a: np.ndarray, b: np.ndarray) -> float:
    """Of pixels that differ visibly."""
    return float((np.abs(a - b).max(axis=2) > 12).mean())


def toggle(window: StudioWindow, name: str) -> None:
    window.actions_by_id[name].trigger()


def wait_for_slice(qtbot: QtBot, window: StudioWindow, action: Callable[[], object]) -> SliceReply:
    """The fine slice that ``action`` leads to."""
    before = window.viewports.left.cut.reply

    def is_there() -> bool:
        reply = window.viewports.left.cut.reply
        return reply is not None and reply is not before and len(reply.values) == FINE_NODES

    action()
    qtbot.waitUntil(is_there, timeout=20_000)
    reply = window.viewports.left.cut.reply
    assert reply is not None
    return reply


def props(view: Viewport) -> list[object]:
    """Every actor of the view, the inset's included."""
    renderers = view.view.ren_win.GetRenderers()
    return [prop for renderer in renderers for prop in renderer.GetViewProps()]


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("display.wireframe", 0.01),
        ("display.points", 0.005),
        ("display.correspondence", 0.02),
        ("display.inset", 0.005),
        ("view.floor", 0.01),
        ("display.frame_rate", 0.0005),
    ],
)
def test_each_switch_changes_the_saved_picture_is_remembered_and_goes_back(
    qtbot: QtBot, studio_window: StudioWindow, name: str, least: float
) -> None:
    before = picture(qtbot, studio_window)
    toggle(studio_window, name)
    after = picture(qtbot, studio_window)
    assert changed_share(before, after) > least
    assert load_settings().display == studio_window.viewports.display != DisplaySettings()
    assert studio_window.actions_by_id[name].isChecked() is not (name == "view.floor")
    toggle(studio_window, name)
    assert changed_share(before, picture(qtbot, studio_window)) < 0.0005
    assert load_settings().display == DisplaySettings()


def test_a_new_window_draws_as_the_last_one_did(studio_window: StudioWindow, qtbot: QtBot) -> None:
    for name in ("display.wireframe", "display.inset"):
        toggle(studio_window, name)
    studio_window.close()
    again = StudioWindow()
    again.show()
    qtbot.waitExposed(again)
    assert again.viewports.display == DisplaySettings(wireframe=True, inset=True)
    assert again.actions_by_id["display.wireframe"].isChecked()
    assert again.viewports.left.mesh.actor.prop.show_edges
    again.close()


def test_wireframe_and_points_take_turns(studio_window: StudioWindow) -> None:
    toggle(studio_window, "display.wireframe")
    toggle(studio_window, "display.points")
    assert (studio_window.viewports.display.wireframe, studio_window.viewports.display.points) == (False, True)
    toggle(studio_window, "display.wireframe")
    assert (studio_window.viewports.display.wireframe, studio_window.viewports.display.points) == (True, False)


def test_a_moved_point_keeps_the_colour_of_its_canonical_position(studio_window: StudioWindow, fine: Fine) -> None:
    toggle(studio_window, "display.correspondence")
    view = studio_window.viewports.left
    assert view._live is not None
    canonical = view._live[0].canonical
    colours = np.asarray(view.mesh.data.point_data["colour"]).copy()
    np.testing.assert_array_equal(colours, correspondence_colours(canonical))
    fine(studio_window, lambda: studio_window.explore.pose.sliders[0].slider.setValue(200))
    np.testing.assert_array_equal(view.mesh.data.point_data["colour"], colours)
    fine(studio_window, lambda: studio_window.explore.shape.sliders[0].slider.setValue(-100))
    np.testing.assert_array_equal(view.mesh.data.point_data["colour"], correspondence_colours(view._live[0].canonical))


def test_correspondence_colours_tell_places_apart() -> None:
    points = np.array([[-0.3, 0, 0], [0.3, 0, 0], [0, -0.4, 0], [0, 0.4, 0], [0, 0, -0.1], [0, 0, 0.1]], np.float32)
    colours = correspondence_colours(points).astype(int)
    apart = np.abs(colours[:, None] - colours[None]).max(axis=2)[~np.eye(6, dtype=bool)]
    assert apart.min() > 50


def test_the_inset_shows_the_canonical_figure_from_the_direction_of_the_view(
    studio_window: StudioWindow, fine: Fine
) -> None:
    toggle(studio_window, "display.inset")
    view = studio_window.viewports.left
    assert view.inset.title == "Canonical"
    assert view._live is not None
    mesh, similarity, _ = view._live
    np.testing.assert_allclose(view.inset.mesh.vertices, similarity.to_world(mesh.canonical))
    np.testing.assert_allclose(view.mesh.vertices, similarity.to_world(mesh.vertices))
    before = view.inset.mesh.vertices.copy()
    fine(studio_window, lambda: studio_window.explore.pose.sliders[0].slider.setValue(150))
    np.testing.assert_array_equal(view.inset.mesh.vertices, before)
    studio_window.viewports.view_side()
    camera = view.inset._renderer.GetActiveCamera()
    np.testing.assert_allclose(camera.GetDirectionOfProjection(), view.view.camera.direction, atol=1e-6)
    studio_window.show_fit()
    assert view.inset.title == ""


def test_a_slice_shows_the_field_of_the_model_on_the_canonical_figure(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine, tmp_path: Path
) -> None:
    before = picture(qtbot, studio_window)
    reply = wait_for_slice(qtbot, studio_window, lambda: toggle(studio_window, "display.slice"))
    view, explorer = studio_window.viewports.left, studio_window.explore.explorer
    assert explorer is not None
    assert reply.request.plane.axis == 2
    points = torch.from_numpy(reply.request.plane.nodes(FINE_NODES).reshape(1, -1, 3))
    expected = (
        explorer.model.sdf(tensor_of(studio_window.session.document.state.explore.shape)[None], points)[0]
        .detach()
        .numpy()
    )
    np.testing.assert_allclose(reply.values.ravel(), expected, atol=2e-6)
    assert view._live is not None
    mesh, similarity, _ = view._live
    np.testing.assert_allclose(view.mesh.vertices, similarity.to_world(mesh.canonical))
    assert view.colour_bar.isVisible()
    line = studio_window.explore._figures._line.geometry()
    assert line.bottom() < view.colour_bar.y()
    seen = seen_in(present(view.visible_bounds()), view.camera_state(), (view.width(), view.height()), 28)
    assert seen.top + seen.height < line.top()  # nothing is written over the feet
    assert view.caption.text[1] == "Canonical pose, cut open"
    after = picture(qtbot, studio_window)
    assert changed_share(before, after) > 0.1
    blue = (after[..., 2] > after[..., 0] + 40) & (after[..., 2] > 120)
    orange = (after[..., 0] > after[..., 2] + 60) & (after[..., 0] > 120)
    assert blue.sum() > 300
    assert orange.sum() > 300
    toggle(studio_window, "display.slice")
    assert view.cut.reply is None
    np.testing.assert_allclose(view.mesh.vertices, similarity.to_world(mesh.vertices))
    assert changed_share(before, picture(qtbot, studio_window)) < 0.0005


def test_the_slice_follows_its_slider_its_axis_and_the_shape(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine
) -> None:
    explore = studio_window.explore
    section = explore.slicing.section
    assert not section.isVisible()
    first = wait_for_slice(qtbot, studio_window, lambda: toggle(studio_window, "display.slice"))
    assert section.isVisible()
    moved = wait_for_slice(qtbot, studio_window, lambda: section.slider.setValue(130))
    assert moved.request.plane.position > first.request.plane.position
    across = wait_for_slice(qtbot, studio_window, lambda: section.axes.button(1).click())
    assert across.request.plane.axis == 1
    shaped = wait_for_slice(qtbot, studio_window, lambda: explore.shape.sliders[0].slider.setValue(-80))
    assert explore.explorer is not None
    assert torch.equal(shaped.request.shape, tensor_of(studio_window.session.document.state.explore.shape))
    fine(studio_window, lambda: explore.shape.sliders[0].slider.setValue(300))  # no surface
    assert studio_window.viewports.left.cut.reply is None


def test_slices_belong_to_the_explorer(qtbot: QtBot, studio_window: StudioWindow, fine: Fine) -> None:
    wait_for_slice(qtbot, studio_window, lambda: toggle(studio_window, "display.slice"))
    fine(studio_window, studio_window.show_interpolate)
    view = studio_window.viewports.left
    assert view.cut.reply is None
    assert view.ground._grid.visibility
    assert not studio_window.actions_by_id["display.slice"].isEnabled()
    wait_for_slice(qtbot, studio_window, studio_window.show_explore)


def test_the_frame_rate_counts_drawn_frames(qtbot: QtBot, studio_window: StudioWindow) -> None:
    toggle(studio_window, "display.frame_rate")
    view = studio_window.viewports.left
    for _ in range(5):
        view.redraw()
        qtbot.wait(20)
    view.frame_rate._show()
    assert int(view.frame_rate.text.split()[0]) >= 3
    assert "ms to draw" in view.frame_rate.text


def test_with_new_graphics_a_view_looks_as_before(qtbot: QtBot, studio_window: StudioWindow) -> None:
    for name in ("display.inset", "display.correspondence"):
        toggle(studio_window, name)
    before = picture(qtbot, studio_window)
    for view in studio_window.viewports.views:
        view.view.give_back_graphics()
    assert changed_share(before, picture(qtbot, studio_window)) < 0.0005


def test_a_hundred_moves_make_no_new_actor(qtbot: QtBot, studio_window: StudioWindow) -> None:
    studio_window.resize(700, 560)
    for name in ("correspondence", "inset", "slice"):
        toggle(studio_window, f"display.{name}")
    view, explore = studio_window.viewports.left, studio_window.explore
    qtbot.waitUntil(lambda: view.cut.reply is not None, timeout=20_000)
    before = props(view)
    mapper, data = view.mesh.actor.mapper, view.mesh.data
    shown: list[int] = []
    studio_window.session.meshes_ready.connect(lambda reply: shown.append(reply.generation))
    for step in range(100):
        sliders = (explore.shape if step % 2 else explore.pose).sliders
        sliders[step % 3].slider.setValue(-100 + 2 * step)
        explore.slicing.section.slider.setValue(60 + step % 80)
        qtbot.wait(1)
    qtbot.waitUntil(lambda: studio_window.session.latest_generation in shown, timeout=20_000)
    assert len(shown) > 5
    assert props(view) == before
    assert view.mesh.actor.mapper is mapper
    assert view.mesh.data is data
