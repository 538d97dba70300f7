"""Every view of the window looks as in its picture, in both themes.

What is compared are the mean colours of squares of 32 pixels: fonts, renderers and meshes may differ a little, but
nothing may be missing. After a change of the look, ``scripts/take_screenshots.py`` takes the pictures anew.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PyQt6.QtGui import QImage, QPixmap
from PyQt6.QtWidgets import QLabel

from engine.methods.run import Run, RunInputs, frame_records, save_run
from engine.sequences.mesh_sequence import mesh_sequence
from engine.sequences.truth import load_truth
from npm_studio.resources import demo_model, demo_sequence
from npm_studio.session import thumbnails
from npm_studio.session.live import mesher
from npm_studio.session.portraits import store, worker
from npm_studio.session.portraits.direction_names import DirectionName
from scripts.take_screenshots import SIZE, THEMES, VIEWS, make_subjects, path_of, picture_of, pictures, settle
from tests.npm_studio.views.studio_window import StudioWindow

pytestmark = pytest.mark.slow

SQUARE = 32
MEAN, CLEAR, FEW = 2.5, 12.0, 8
"""Colours of 255 by which pictures may differ on average, and what so many squares may exceed."""
SPOILT = "no body", "body from elsewhere", "small body", "no panel", "no lists", "no timeline", "no text"
"""What can be wrong with a view, see `spoilt`."""
Colours = NDArray[np.float64]


@pytest.fixture(scope="module")
def taken(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Colours]]:
    """Colours of all views by name and theme, all of one window; with some in which something is wrong."""
    folder = tmp_path_factory.mktemp("pictures")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
            patch.setenv(name, str(folder / name))
        for keeper in (store, thumbnails):
            patch.setattr(keeper, "user_cache_path", lambda *_, **__: folder / "cache")
        patch.setattr(mesher, "FINE_RESOLUTION", 128)
        patch.setattr(worker, "RESOLUTION", 48)
        patch.setattr(worker.PortraitWorker, "request_names", tell_names)
        subjects = make_subjects(folder, near_run(folder / "anny-demo"))
        window = StudioWindow()
        window.show()
        found = {}
        for view, theme, picture in pictures(window, subjects):
            found[view, theme] = colours(picture)
            if (view, theme) == ("explore", "dark"):
                found |= {(name, "dark"): colours(wrong) for name, wrong in spoilt(window)}
        window.close_unasked()
        assert window.clean_exit
        yield found
        window.deleteLater()


def tell_names(worker: worker.PortraitWorker) -> None:
    """What the thread finds out in half a minute, roughly."""
    name = DirectionName("Height", 0.9, 20.0, "cm")
    worker._listener.names({"shape": (name, name), "pose": (name, name)})


def near_run(folder: Path) -> Path:
    """Of the built-in sequence, a few millimetres off, as a fit is that takes half a minute."""
    truth = load_truth(demo_sequence() / "truth").meshes
    bodies = list(truth)
    order = np.random.default_rng(0).permutation(len(bodies[0].vertices))  # a fit has other triangles than the truth
    faces = np.argsort(order).astype(np.int32)[bodies[0].faces]
    vertices = np.stack([body.vertices[order] + 0.004 * np.sin(9 * body.vertices[order]) for body in bodies])
    meshes = mesh_sequence("anny-demo", vertices.astype(np.float32), faces, truth.frame_names, truth.times_s)
    frames = tuple(
        replace(frame, confidence=1.0, lost=False, mean_distance_mm=1.4 + 0.2 * np.sin(place))
        for place, frame in enumerate(frame_records(meshes))
    )
    inputs = RunInputs(demo_sequence(), demo_model())
    reason = "what was seen lies 1.43 mm from the fit on average, 0.1% of the subject's 1.62 m"
    save_run(Run(folder, "npm", inputs, meshes, frames, {"total": 16.0}, verdict="good", reason=reason))
    return folder


def spoilt(window: StudioWindow) -> Iterator[tuple[str, QPixmap]]:
    """What ``window`` looks like when something is wrong."""
    view, panel = window.viewports.left, window.page.panel
    camera = view.camera_state()
    view.clear()
    yield "no body", picture_of(window)
    window.explore.enter()
    settle(window)
    view.view.camera.Azimuth(70)
    yield "body from elsewhere", picture_of(window)
    view.set_camera_state(replace(camera, position=tuple(3 * np.array(camera.position))))
    yield "small body", picture_of(window)
    view.set_camera_state(camera)
    for name, widget in (("no panel", panel), ("no lists", window.library), ("no timeline", window.timeline)):
        widget.hide()
        yield name, picture_of(window)
        widget.show()
    labels = [label for label in window.page.findChildren(QLabel) if label.isVisible()]
    for label in labels:
        label.hide()
    yield "no text", picture_of(window)
    for label in labels:
        label.show()
    window.viewports.frame_all()


def colours(picture: QPixmap) -> Colours:
    image = picture.toImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    data = bytes(bits.asstring(image.sizeInBytes()))
    line = image.bytesPerLine()
    return of_squares(Image.frombytes("RGB", (image.width(), image.height()), data, "raw", "RGB", line))


def of_squares(picture: Image.Image) -> Colours:
    """Mean colours of squares."""
    size = SIZE[0] // SQUARE, SIZE[1] // SQUARE
    return np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BOX), np.float64)


@pytest.fixture(scope="module")
def kept() -> dict[tuple[str, str], Colours]:
    """Colours of the pictures as they were taken."""
    return {(view, theme): of_squares(Image.open(path_of(view, theme))) for view in VIEWS for theme in THEMES}


def is_alike(one: Colours, other: Colours) -> bool:
    difference = np.abs(one - other).mean(-1)
    return bool(difference.mean() <= MEAN and (difference > CLEAR).sum() <= FEW)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_looks_as_in_its_picture(
    view: str, theme: str, taken: dict[tuple[str, str], Colours], kept: dict[tuple[str, str], Colours]
) -> None:
    assert is_alike(taken[view, theme], kept[view, theme])


@pytest.mark.parametrize("wrong", SPOILT)
def test_what_is_missing_or_elsewhere_is_noticed(
    wrong: str, taken: dict[tuple[str, str], Colours], kept: dict[tuple[str, str], Colours]
) -> None:
    assert not is_alike(taken[wrong, "dark"], kept["explore", "dark"])


def test_views_and_themes_are_told_apart(kept: dict[tuple[str, str], Colours]) -> None:
    for (one, first), (other, second) in combinations(kept.items(), 2):
        assert not is_alike(first, second), (one, other)
