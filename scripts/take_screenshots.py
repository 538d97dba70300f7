"""Take the pictures of the application in ``docs/pictures`` with the built-in model and depth sequence.

Needs a display; without one: ``xvfb-run -s '-screen 0 1600x1000x24' python scripts/take_screenshots.py``.
The fit takes a minute or two on two cores. The pictures are WebP, a fifth as large as PNG with no difference to see.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZE = (1440, 900)
_QUALITY = 85  # of WebP
IDENTITY, SEQUENCE, FRAME = 111, "07_run", 5
FITTED_FRAME = 8
ROOM_FRAME = 6
TILT = 12.0  # degrees that the camera of the recording looks down


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    parser.add_argument("--run", type=Path, help="show this run of the built-in sequence instead of fitting")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_DATA_HOME"] = scratch
        take_all(options.out, options.run, Path(scratch))
    return 0


def take_all(out: Path, run: Path | None, scratch: Path) -> None:
    from engine.core.process import prepare_process
    from npm_studio import bootstrap, resources
    from npm_studio.views.workspaces.compare import CompareWorkspace
    from npm_studio.views.workspaces.explore import ExploreWorkspace
    from npm_studio.views.workspaces.fit import FitWorkspace

    prepare_process()
    bootstrap.check_display()
    app = bootstrap.create_application()
    from npm_studio.session.live.field import FINE_NODES
    from npm_studio.views.main_window import MainWindow

    window = MainWindow()
    window.resize(*SIZE)
    window.show()

    def wait(condition: Callable[[], bool], seconds: float = 600) -> None:
        end = time.monotonic() + seconds
        while not condition():
            app.processEvents()
            time.sleep(0.01)
            if window.error is not None:
                sys.exit(window.error.details)
            if time.monotonic() > end:
                sys.exit("timed out")

    def pause(seconds: float) -> None:
        end = time.monotonic() + seconds
        wait(lambda: time.monotonic() > end)

    def take(name: str) -> None:
        window.statusBar().clearMessage()
        pause(0.5)
        out.mkdir(parents=True, exist_ok=True)
        window.grab().save(str(out / name), quality=_QUALITY)
        print(out / name)

    window.files.open_model(resources.demo_model())
    wait(lambda: window.badge.text == "Fine")
    model = window.session.document.model
    assert model is not None
    rows = [row for row in model.frames_of(IDENTITY) if model.info.frames[row].sequence.endswith(SEQUENCE)]
    explore = window.workspace_of(ExploreWorkspace)
    explore.identity_chosen(IDENTITY)
    window.library.reveal_poses_of(IDENTITY)
    explore.frame_chosen(rows[FRAME])

    def switch(*names: str) -> None:
        for name in names:
            window.actions_by_id[f"display.{name}"].trigger()

    switch("correspondence", "inset")
    pause(0.5)
    wait(lambda: window.badge.text == "Fine")
    window.viewports.frame_all()
    take("explorer.webp")
    switch("correspondence", "slice")
    wait(lambda: (reply := window.viewports.left.cut.reply) is not None and len(reply.values) == FINE_NODES)
    window.viewports.frame_all()
    take("field.webp")
    switch("slice", "correspondence")
    window.session.document.show_workspace("transfer")
    window.library.frame_chosen.emit(rows[FRAME])
    pause(0.5)
    wait(lambda: window.badge.text == "Fine")
    window.viewports.frame_all()
    take("transfer.webp")
    switch("inset", "correspondence")

    if run is None:
        window.files.open_path(resources.demo_sequence(), fit=True)
    else:
        window.files.open_path(run)
    fit = window.workspace_of(FitWorkspace)
    wait(lambda: fit.run is not None)
    window.session.document.timeline.pause()
    window.session.document.timeline.seek(FITTED_FRAME)
    window.viewports.frame_all()
    take("fit.webp")

    window.session.document.show_workspace("compare")
    compare = window.workspace_of(CompareWorkspace)
    wait(lambda: compare.lineup is not None and not window.session.jobs.is_busy("measure"))
    window.session.document.timeline.seek(FITTED_FRAME)
    window.viewports.frame_all()
    take("comparison.webp")
    window.files.open_path(write_recording(scratch / "living-room.npz"))
    wait(lambda: fit.observation is not None and fit.observation.sequence.name == "living-room")
    whole = fit.observation
    fit.subject.surroundings.setChecked(True)
    wait(lambda: fit.observation is not whole)
    window.session.document.timeline.seek(ROOM_FRAME)
    take("recording.webp")
    window.close_unasked()


def write_recording(path: Path) -> Path:
    """The body of the built-in sequence in a room, through a noisy camera that looks down, as an npz file."""
    import numpy as np
    import torch

    from engine.geometry.camera import REFERENCE_CAMERA
    from engine.geometry.ray_casting import DepthRenderer
    from engine.geometry.sensor_noise import KinectNoise, add_noise, frame_generator
    from engine.sequences.truth import load_truth
    from npm_studio import resources

    bodies = list(load_truth(resources.demo_sequence() / "truth").meshes)
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
    np.savez_compressed(path, depth=np.stack(frames), K=matrix, depth_scale=1000.0, frame_rate=10.0)
    return path


if __name__ == "__main__":
    sys.exit(main())
