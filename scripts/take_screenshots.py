"""Take the pictures of the application in ``docs/pictures``, and those of the light theme that tests compare with.

Needs a display; without one: ``xvfb-run -s '-screen 0 1600x1000x24' python scripts/take_screenshots.py``.
The fit takes half a minute on two cores. The pictures are WebP, a fifth as large as PNG with no difference to see.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PyQt6.QtGui import QPixmap
    from PyQt6.QtWidgets import QApplication, QDialog

    from npm_studio.views.main_window import MainWindow

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
LIGHT = ROOT / "tests" / "npm_studio" / "views" / "pictures"
SIZE = (1024, 640)
SMALL = (128, 80)
"""Of the pictures of the light theme, which only tests look at."""
VIEWS = (
    *("welcome", "explore", "palette", "preferences", "field", "interpolate"),
    *("transfer", "fit", "compare", "train", "jobs", "recording"),
)
THEMES = "dark", "light"
FONT = "DejaVu Sans"  # which the script of system packages installs
_QUALITY = 66  # of WebP
IDENTITY, SEQUENCE, FRAME = 111, "07_run", 5
OTHER_IDENTITY, BETWEEN = 20, 25
FITTED_FRAME = 8
TILT = 12.0  # degrees that the camera of the recording looks down
_QUIET = 1.0
"""Seconds without anything new after which a view is taken to be complete."""


@dataclass(frozen=True)
class Subjects:
    """What is shown, all of it made from what is built in."""

    run: Path
    """Of the built-in sequence."""
    recording: Path
    """See `write_recording`."""
    dataset: Path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="show this run of the built-in sequence instead of fitting")
    options = parser.parse_args()
    scratch = Path(tempfile.gettempdir()) / "npm-studio-pictures"  # always the same: some pictures name it
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_DATA_HOME"] = str(scratch)
    os.environ["QT_FONT_DPI"] = "96"
    take_all(options.run, scratch)
    shutil.rmtree(scratch)
    return 0


def take_all(run: Path | None, scratch: Path) -> None:
    from engine.core.process import prepare_process
    from npm_studio import bootstrap, resources
    from npm_studio.cli.main import main as command

    prepare_process()
    bootstrap.check_display()
    if run is None:
        run = scratch / "anny-demo"
        command(["fit", str(resources.demo_sequence()), "--out", str(run)])
    subjects = make_subjects(scratch, run)
    application = bootstrap.create_application()
    choose_font(application)
    from npm_studio.views.main_window import MainWindow

    window = MainWindow()
    window.show()
    for name, theme, picture in pictures(window, subjects):
        path = path_of(name, theme)
        path.parent.mkdir(parents=True, exist_ok=True)
        (smaller(picture) if theme == "light" else picture).save(str(path), quality=_QUALITY)
        print(path.relative_to(ROOT), path.stat().st_size, flush=True)
    window.close_unasked()
    application.processEvents()


def choose_font(application: "QApplication") -> None:
    """The same on every machine, whatever else is installed there."""
    font = application.font()
    font.setFamily(FONT)
    application.setFont(font)


def path_of(view: str, theme: str) -> Path:
    """Where the picture of a view is kept."""
    return {"dark": PICTURES, "light": LIGHT}[theme] / f"{view}.webp"


def make_subjects(folder: Path, run: Path) -> Subjects:
    """Write a recording and a dataset into ``folder``."""
    from external.anny.generate import generate_dataset

    dataset = folder / "bodies"
    generate_dataset(dataset, identities=3, sequences=1, frames=6, seed=3, workers=1)
    return Subjects(run, write_recording(folder / "living-room.npz"), dataset)


def pictures(window: "MainWindow", subjects: Subjects) -> "Iterator[tuple[str, str, QPixmap]]":
    """All views of ``window``, which is empty and on screen: name, theme and picture."""
    window.resize(*SIZE)
    for name, open_dialog in views(window, subjects):
        for theme in THEMES:
            window.set_dark(theme == "dark")
            if open_dialog:
                open_dialog()
            settle(window)
            yield name, theme, picture_of(window)
            if open_dialog:
                for dialog in dialogs():
                    dialog.close()


def views(window: "MainWindow", subjects: Subjects) -> Iterator[tuple[str, Callable[[], object] | None]]:
    """Lead ``window`` from view to view: the name of each, and what opens the dialog over it, once it is on show."""
    from npm_studio import resources
    from npm_studio.session.document.comparison import SideSource
    from npm_studio.session.live.field import FINE_NODES
    from npm_studio.views.palette import Palette
    from npm_studio.views.workspaces.compare import CompareWorkspace
    from npm_studio.views.workspaces.explore import ExploreWorkspace
    from npm_studio.views.workspaces.fit import FitWorkspace
    from npm_studio.views.workspaces.interpolate import InterpolateWorkspace
    from npm_studio.views.workspaces.train import TrainWorkspace
    from npm_studio.views.workspaces.transfer import TransferWorkspace

    document, timeline, actions = window.session.document, window.session.document.timeline, window.actions_by_id
    explore, fit = window.workspace_of(ExploreWorkspace), window.workspace_of(FitWorkspace)

    def wait(done: Callable[[], bool]) -> None:
        wait_until(window, done)

    def frame_fine() -> None:
        """Frame the mesh that was asked for last, and none that came on the way to it."""
        settle(window)
        wait(lambda: window.badge.text == "Fine")
        window.viewports.frame_all()

    def search() -> None:
        actions["help.palette"].trigger()
        next(one for one in dialogs() if isinstance(one, Palette)).field.setText("run")

    window.welcoming.show(True)
    window.files.open_model(resources.demo_model())
    wait(lambda: window.badge.text == "Fine")
    yield "welcome", None

    window.welcome.explore.click()
    model = document.model
    assert model is not None
    rows = [row for row in model.frames_of(IDENTITY) if model.info.frames[row].sequence.endswith(SEQUENCE)]
    explore.identity_chosen(IDENTITY)
    window.library.reveal_poses_of(IDENTITY)
    explore.frame_chosen(rows[FRAME])
    frame_fine()
    wait(lambda: window.session.portraits.name("shape", 0) is not None)
    yield "explore", None
    yield "palette", search
    yield "preferences", actions["edit.preferences"].trigger
    actions["display.slice"].trigger()
    wait(lambda: (reply := window.viewports.left.cut.reply) is not None and len(reply.values) == FINE_NODES)
    window.viewports.frame_all()
    yield "field", None
    actions["display.slice"].trigger()

    document.show_workspace("interpolate")
    interpolate = window.workspace_of(InterpolateWorkspace)
    interpolate.pick(0)
    interpolate.identity_chosen(IDENTITY)
    interpolate.frame_chosen(rows[FRAME])
    interpolate.pick(1)
    interpolate.identity_chosen(OTHER_IDENTITY)
    timeline.seek(BETWEEN)
    interpolate.add_shown()
    frame_fine()
    yield "interpolate", None

    document.show_workspace("transfer")
    actions["display.correspondence"].trigger()
    window.workspace_of(TransferWorkspace).frame_chosen(rows[FRAME])
    frame_fine()
    yield "transfer", None
    actions["display.correspondence"].trigger()

    window.files.open_path(subjects.run)
    wait(lambda: fit.run is not None)
    timeline.pause()
    timeline.seek(FITTED_FRAME)
    window.viewports.frame_all()
    yield "fit", None

    actions["fit.compare_truth"].trigger()
    compare = window.workspace_of(CompareWorkspace)
    wait(lambda: compare.lineup is not None)
    actions["compare.add"].trigger()
    compare.add(SideSource("observation", resources.demo_sequence().resolve()))
    compare.picker.close()
    wait(lambda: compare.lineup is not None and len(compare.lineup.sides) == 3)
    timeline.seek(FITTED_FRAME)
    window.viewports.frame_all()
    yield "compare", None

    window.files.open_path(subjects.dataset)
    train = window.workspace_of(TrainWorkspace)
    wait(lambda: train.shown is not None)
    train.verify()
    wait(lambda: not window.session.jobs.is_busy("measure"))
    yield "train", None
    yield "jobs", lambda: window.jobs_sheet.set_shown(True)
    window.jobs_sheet.hide_sheet()

    window.files.open_path(subjects.recording)
    sheets = window.files.sheets
    wait(lambda: sheets.sheet is not None and sheets.sheet.open_button.isEnabled())
    yield "recording", None


def settle(window: "MainWindow") -> None:
    """Let ``window`` work until all that it waits for is there, and nothing new has come for a second."""
    session, last = window.session, [time.monotonic()]

    def note(*_: object) -> None:
        last[0] = time.monotonic()

    portraits = session.portraits
    signals = session.meshes_ready, portraits.arrived, portraits.names_changed, portraits.measured
    for signal in signals:
        signal.connect(note)

    def is_quiet() -> bool:
        at_work = any(session.jobs.is_busy(lane) for lane in ("load", "measure", "look"))
        if at_work or not portraits.is_allowed or not portraits.are_complete:
            note()
        return time.monotonic() - last[0] > _QUIET

    wait_until(window, is_quiet)
    for signal in signals:
        signal.disconnect(note)


def picture_of(window: "MainWindow") -> "QPixmap":
    """``window``, and in the middle of it the dialog on show, if any; what is behind that is dimmed."""
    from PyQt6.QtGui import QColor, QPainter
    from PyQt6.QtWidgets import QApplication

    bar = window.statusBar()
    assert bar is not None
    bar.clearMessage()
    for view in window.viewports.views:
        view.rest()
    QApplication.processEvents()
    picture = window.grab()
    painter = QPainter(picture)
    for dialog in dialogs():
        painter.fillRect(picture.rect(), QColor(0, 0, 0, 110))
        painter.drawPixmap(window.rect().center() - dialog.rect().center(), dialog.grab())
    painter.end()
    return picture


def dialogs() -> "list[QDialog]":
    """Those on show."""
    from PyQt6.QtWidgets import QApplication, QDialog

    return [one for one in QApplication.topLevelWidgets() if isinstance(one, QDialog) and one.isVisible()]


def smaller(picture: "QPixmap") -> "QPixmap":
    from PyQt6.QtCore import Qt

    mode = Qt.TransformationMode.SmoothTransformation
    return picture.scaled(*SMALL, Qt.AspectRatioMode.IgnoreAspectRatio, mode)


def wait_until(window: "MainWindow", done: Callable[[], bool], seconds: float = 600) -> None:
    """Let ``window`` work until ``done``; an error that it shows ends the program."""
    from PyQt6.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while not done():
        QApplication.processEvents()
        time.sleep(0.005)
        if window.error is not None:
            sys.exit(window.error.details)
        if time.monotonic() > end:
            sys.exit("timed out")


def write_recording(path: Path) -> Path:
    """The body of the built-in sequence in a room, through a noisy camera that looks down, as an npz file."""
    import numpy as np
    import torch

    from engine.geometry.camera import REFERENCE_CAMERA
    from engine.geometry.ray_casting import DepthRenderer
    from engine.geometry.sensor_noise import KinectNoise, add_noise, frame_generator
    from engine.sequences.truth import load_truth
    from npm_studio import resources

    bodies = list(load_truth(resources.demo_sequence() / "truth").meshes)[::2]
    floor = min(body.vertices[:, 1].min() for body in bodies)
    room = np.array(
        [[x, y, z] for x in (-3, 3) for y, z in ((floor, 3.5), (floor, -1.2), (floor + 3, -1.2))], np.float32
    )
    first = len(bodies[0].vertices)
    squares = np.array([[0, 3, 1], [1, 3, 4], [1, 4, 2], [2, 4, 5]]) + first
    cosine, sine = np.cos(np.radians(TILT)), np.sin(np.radians(TILT))
    pose = np.eye(4)
    pose[:3] = [[1, 0, 0, 0.3], [0, -cosine, -sine, 0.55], [0, sine, -cosine, 2.7]]
    camera = REFERENCE_CAMERA
    renderer = DepthRenderer(np.concatenate([bodies[0].faces, squares]), camera)
    frames = []
    for number, body in enumerate(bodies):
        depth = torch.from_numpy(renderer.render(np.concatenate([body.vertices, room]), pose))
        noisy = add_noise(depth[None], camera, KinectNoise(), frame_generator(0, number, 0))[0]
        frames.append(np.rint(noisy.numpy() * 1000).astype(np.uint16))
    matrix = [[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]]
    np.savez_compressed(path, depth=np.stack(frames), K=np.array(matrix), depth_scale=1000.0, frame_rate=5.0)
    return path


if __name__ == "__main__":
    from engine.core.process import end_process

    end_process(main())  # as the application ends: Python takes widgets apart in any order, which can crash
