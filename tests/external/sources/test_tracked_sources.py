"""Sources as the tracking of frames takes them: through the thread that reads ahead."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError, Notice
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World
from engine.sequences.depth_source import DepthFrame
from engine.sequences.source_kind import Pace, SourceOptions, open_source
from engine.tracking.live import track
from engine.tracking.tracker import TrackedFrame
from external.sources.realsense import RealSense
from tests.support.frame_writer import SIZE, file_bytes
from tests.support.software_camera import SERIAL, software_camera


class Noting:
    """A tracker that notes the frames that it is given, and takes its time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.frames: list[DepthFrame] = []
        self._seconds = seconds

    def start(self, camera: PinholeCamera, world: World, subject_alone: bool = False, keep: bool = True) -> None:
        self.camera, self.world = camera, world

    def push(self, frame: DepthFrame) -> TrackedFrame:
        time.sleep(self._seconds)
        self.frames.append(frame)
        none = np.zeros(1, np.float32)
        return TrackedFrame(
            frame.name, frame.time_s or 0.0, np.eye(4), np.eye(4), none, none, 0, 1.0, False, False, 0, 0.0
        )

    def improve(self) -> bool:
        return False

    def mesh(self, frame: TrackedFrame) -> Any:
        raise AssertionError(frame)

    def reset(self) -> None:
        self.frames.clear()

    @property
    def notices(self) -> tuple[Notice, ...]:
        return ()

    def finish(self, progress: Any, source: Any = None, folder: Any = None, keep: Any = None) -> Any:
        raise AssertionError(source)


@pytest.mark.parametrize("pace", Pace)
def test_of_a_folder_every_frame_is_tracked_or_counted(tmp_path: Path, pace: Pace) -> None:
    camera = {"width": SIZE[1], "height": SIZE[0], "fx": 60, "fy": 60, "cx": 32, "cy": 24, "depth_scale": 1000}
    (tmp_path / "intrinsics.json").write_text(json.dumps(camera))
    (tmp_path / "000000.png").write_bytes(file_bytes(0, ".png"))

    def write() -> None:
        for index in range(1, 40):
            (tmp_path / f"{index:06d}.png").write_bytes(file_bytes(index, ".png"))
            time.sleep(0.005)

    source = open_source(str(tmp_path), SourceOptions(pace=pace, follow=True, patience_s=1))
    tracker, writer = Noting(0.02), threading.Thread(target=write)
    writer.start()
    summary = track(source, tracker, pace)
    writer.join()
    assert summary.frames + summary.dropped == 40
    assert tracker.frames[-1].name == "000039"
    assert (summary.dropped > 0) == (pace is Pace.LIVE)


def test_a_camera_that_is_unplugged_leaves_what_was_tracked_and_gives_one_line() -> None:
    rs = pytest.importorskip("pyrealsense2", reason="pyrealsense2 cannot be loaded", exc_type=ImportError)
    camera, tracker = software_camera(rs), Noting()
    source = RealSense(rs, camera.device, SourceOptions(pace=Pace.EVERY, patience_s=0.3))
    for number in range(5):
        camera.push(number)
    with pytest.raises(InputError) as caught:
        track(source, tracker, Pace.EVERY)
    assert [frame.name for frame in tracker.frames] == [f"{index:06d}" for index in range(5)]
    assert str(caught.value).startswith(f"Software RealSense {SERIAL}: has given no frame for 0.3 s; check its cable")
    assert "\n" not in str(caught.value)
