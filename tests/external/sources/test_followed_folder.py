"""A folder that another program is writing: each frame is used or counted, and none is read half-written."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.sequences.camera_path import World
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_source import DepthFrame, DepthSource
from engine.sequences.isolation import Isolation
from engine.sequences.source_kind import Pace, SourceOptions, open_source
from external.sources.folder import follow_folder
from npm_studio.cli.words import words
from tests.support.capture_files import png_bytes
from tests.support.frame_writer import SIZE, file_bytes, image

ROOT = Path(__file__).parents[3]
CAMERA = {"width": SIZE[1], "height": SIZE[0], "fx": 60, "fy": 60, "cx": 32, "cy": 24, "depth_scale": 1000}
COUNT = 30


def options(pace: Pace = Pace.EVERY, patience_s: float = 0.6, **capture: object) -> SourceOptions:
    return SourceOptions(CaptureOptions(**capture), pace, True, patience_s)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with intrinsics."""
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "intrinsics.json").write_text(json.dumps(CAMERA))
    return tmp_path / "live"


def put(folder: Path, *indices: int, name: str = "{:06d}.png") -> None:
    for index in indices:
        (folder / name.format(index)).write_bytes(file_bytes(index, Path(name).suffix))


def said(source: DepthSource) -> str:
    return "\n".join(notice.line(words) for notice in source.warnings)


def refusal(folder: Path, stated: SourceOptions | None = None) -> str:
    with pytest.raises(InputError) as caught:
        open_source(str(folder), stated or options(patience_s=0.1))
    line = caught.value.line(words)
    assert "\n" not in line and ";" in line, line
    return line


def is_whole(frame: DepthFrame) -> bool:
    return bool(np.array_equal(frame.depth_m, image(int(frame.name)).astype(np.float32) / np.float32(1000)))


def up_to_the_last(source: DepthSource) -> Iterator[DepthFrame]:
    """The frames of ``source``, without waiting for more when the other program has written all."""
    for frame in source:
        yield frame
        if frame.name == f"{COUNT - 1:06d}":
            return


class Writer:
    """The other program, which is killed at the end of the test if it still runs."""

    def __init__(self, folder: Path, ending: str = ".png", stop_in: int = -1) -> None:
        command = [sys.executable, "-m", "tests.support.frame_writer", str(folder), str(COUNT), ending, str(stop_in)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()

    def kill_in_the_middle(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "half\n"
        os.kill(self.process.pid, signal.SIGKILL)


@pytest.mark.parametrize("ending", [".png", ".npz", ".npy"])
def test_every_frame_of_another_process_is_handed_over_whole(folder: Path, ending: str) -> None:
    with Writer(folder / "depth", ending):
        frames = list(up_to_the_last(open_source(str(folder), options(patience_s=10))))
    assert [frame.name for frame in frames] == [f"{index:06d}" for index in range(COUNT)]
    assert all(is_whole(frame) for frame in frames)
    assert {frame.dropped for frame in frames} == {0}


def test_a_slow_reader_gets_the_newest_frames_and_the_number_of_those_that_it_missed(folder: Path) -> None:
    frames = []
    with Writer(folder / "depth"):
        for frame in up_to_the_last(open_source(str(folder), options(Pace.LIVE, 10))):
            frames.append(frame)
            time.sleep(0.1)
    assert len(frames) < COUNT
    assert sum(1 + frame.dropped for frame in frames) == COUNT
    assert frames[-1].name == f"{COUNT - 1:06d}"
    assert all(is_whole(frame) for frame in frames)


@pytest.mark.parametrize(("ending", "pace"), [(".png", Pace.EVERY), (".npz", Pace.LIVE)])
def test_when_the_writer_is_killed_what_is_whole_is_used_and_the_file_that_is_not_is_named(
    folder: Path, ending: str, pace: Pace
) -> None:
    with Writer(folder / "depth", ending, 9) as writer:
        while not list(folder.glob("depth/*")):  # starting it takes as long as it takes
            time.sleep(0.01)
        source = open_source(str(folder), options(pace, 2.0))
        frames: list[DepthFrame] = []
        reader = threading.Thread(target=lambda: frames.extend(source))
        reader.start()
        writer.kill_in_the_middle()
        reader.join(timeout=60)
    assert sum(1 + frame.dropped for frame in frames) == 9
    assert frames[-1].name == "000008"
    assert all(is_whole(frame) for frame in frames)
    assert f"never became whole: 1, the first, 000009{ending}, is truncated" in said(source)


def test_a_file_that_reserves_its_space_first_is_not_read_before_it_is_filled(folder: Path) -> None:
    data = file_bytes(1, ".png")
    put(folder, 0)
    (folder / "000001.png").write_bytes(data[:60] + bytes(len(data) - 72) + data[-12:])
    source = iter(open_source(str(folder), options(patience_s=5)))
    assert next(source).name == "000000"
    filled = threading.Timer(0.1, lambda: (folder / "000001.png").write_bytes(data))
    filled.start()
    assert is_whole(next(source))


def test_frames_that_are_there_already_are_the_first(folder: Path) -> None:
    put(folder, *range(31))
    assert [int(frame.name) for frame in open_source(str(folder), options())] == list(range(31))
    live = open_source(str(folder), options(Pace.LIVE))
    assert [(frame.name, frame.dropped) for frame in live] == [("000030", 30)]
    assert said(live) == "31 frames were there already, of which the newest is the first one"


def test_files_under_temporary_names_are_no_frames(folder: Path) -> None:
    put(folder, 0)
    for name in (".000001.png", "000001.png.tmp", "000001.tmp"):
        (folder / name).write_bytes(file_bytes(1, ".png"))
    source = iter(open_source(str(folder), options(patience_s=5)))
    assert next(source).name == "000000"
    (folder / "000001.png.tmp").rename(folder / "000001.png")
    assert is_whole(next(source))


def test_a_file_that_is_no_frame_is_dropped_counted_and_named(folder: Path) -> None:
    put(folder, 0, 2)
    (folder / "000001.png").write_bytes(png_bytes(np.ones(SIZE), 8))
    (folder / "000003.png").write_bytes(png_bytes(np.ones((4, 5))))
    put(folder, 4)
    source = open_source(str(folder), options())
    assert [(frame.name, frame.dropped) for frame in source] == [("000000", 0), ("000002", 1), ("000004", 1)]
    assert "frames dropped: 2, the first is 000001.png, which is 8-bit greyscale, not 16-bit greyscale" in said(source)


def test_a_damaged_file_before_others_is_waited_for_and_then_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("external.sources.folder._GRACE_S", 0.05)
    put(folder, 0, 1, 2)
    (folder / "000001.png").write_bytes(file_bytes(1, ".png")[:-20])
    source = open_source(str(folder), options())
    assert [(frame.name, frame.dropped) for frame in source] == [("000000", 0), ("000002", 1)]
    assert "never became whole: 1, the first, 000001.png, is truncated" in said(source)


def test_a_frame_that_comes_after_later_ones_is_counted(folder: Path) -> None:
    put(folder, 0, 2)
    source = open_source(str(folder), options(patience_s=2))
    frames = iter(source)
    assert [next(frames).name for _ in range(2)] == ["000000", "000002"]
    put(folder, 1, 3)
    assert [(frame.name, frame.dropped) for frame in frames] == [("000003", 1)]
    assert "because later ones came before them: 1, the first is 000001.png" in said(source)


def test_a_frame_that_is_gone_before_it_was_read_is_counted(folder: Path) -> None:
    put(folder, 0, 1, 2)
    (folder / "000001.png").write_bytes(file_bytes(1, ".png")[:-1])
    source = open_source(str(folder), options())
    frames = iter(source)
    assert next(frames).name == "000000"
    (folder / "000001.png").unlink()
    assert [(frame.name, frame.dropped) for frame in frames] == [("000002", 1)]
    assert "frames dropped: 1, the first is 000001.png, which is gone" in said(source)


@pytest.mark.parametrize(
    ("name", "rate", "expected"),
    [
        ("1305031102.{:06d}.png", None, [1305031102.000003, 1305031102.000004]),
        ("depth_1305031102{:03d}.png", None, [1305031102.003, 1305031102.004]),
        ("{}.png", 10, [0.3, 0.4]),
        ("shot2.{:04d}.png", None, [100.0, 100.5]),
        ("{}.png", None, [100.0, 100.5]),
    ],
)
def test_times_come_from_names_or_from_numbers_or_from_when_files_were_written(
    folder: Path, name: str, rate: float | None, expected: list[float]
) -> None:
    if rate is not None:
        (folder / "intrinsics.json").write_text(json.dumps({**CAMERA, "frame_rate": rate}))
    for index, written in ((3, 100.0), (4, 100.5)):
        put(folder, index, name=name)
        os.utime(folder / name.format(index), (written, written))
    times = [frame.time_s for frame in open_source(str(folder), options())]
    assert times == pytest.approx(expected, abs=1e-7)


def test_times_increase_and_it_is_said_where_they_did_not(folder: Path) -> None:
    put(folder, 0, 1)
    for index in (0, 1):
        os.utime(folder / f"{index:06d}.png", (100, 100))
    source = open_source(str(folder), options())
    assert [frame.time_s for frame in source] == pytest.approx([100, 100.001])
    assert "1 frames have no later time than the one before" in said(source)


def test_what_is_known_of_the_camera_is_used(folder: Path) -> None:
    pose = np.eye(4)
    pose[1, 3] = 1.4
    description = {**CAMERA, "camera_to_world": pose.tolist(), "world": "upright", "depth_scale": 2000}
    (folder / "intrinsics.json").write_text(json.dumps(description))
    put(folder, 0)
    source = open_source(str(folder), options(isolation=Isolation(far_m=0.752)))
    frame = next(iter(source))
    assert (source.name, source.world, source.camera.fx) == ("live", World.UPRIGHT, 60)
    np.testing.assert_array_equal(frame.camera_to_world, pose)
    expected = image(0).astype(np.float32) / 2000
    np.testing.assert_allclose(frame.depth_m, np.where(expected <= 0.752, expected, 0), atol=1e-6)


def test_what_the_user_states_of_the_camera_is_used(tmp_path: Path) -> None:
    put(tmp_path, 0)
    source = open_source(str(tmp_path), options(intrinsics="50,51,32,24", depth_scale=500))
    assert (source.camera.fx, source.camera.width) == (50, SIZE[1])
    np.testing.assert_allclose(next(iter(source)).depth_m, image(0) / 500, rtol=1e-6)


def test_closing_from_another_thread_ends_the_wait(folder: Path) -> None:
    put(folder, 0)
    source = open_source(str(folder), options(patience_s=600))
    frames: list[DepthFrame] = []
    reader = threading.Thread(target=lambda: frames.extend(source))
    reader.start()
    source.close()
    source.close()
    reader.join(timeout=30)
    assert not reader.is_alive()
    assert source.warnings == ()


@pytest.fixture
def late(tmp_path: Path) -> Iterator[Path]:
    """A folder that is made, filled and described while it is waited for."""

    def write() -> None:
        folder = tmp_path / "late" / "depth"
        folder.mkdir(parents=True)
        put(folder, 0)
        time.sleep(0.1)
        (folder.parent / "intrinsics.json").write_text(json.dumps(CAMERA)[:40])
        time.sleep(0.1)
        (folder.parent / "intrinsics.json").write_text(json.dumps(CAMERA))

    writer = threading.Timer(0.1, write)
    writer.start()
    yield tmp_path / "late"
    writer.join()


def test_a_folder_may_be_followed_before_it_is_there(late: Path) -> None:
    assert is_whole(next(iter(open_source(str(late), options(patience_s=5)))))


def test_what_never_comes_is_said(tmp_path: Path, folder: Path) -> None:
    assert "no such folder, and nothing has come for 0.1 s" in refusal(tmp_path / "nowhere")
    assert "has no depth images, and nothing has come" in refusal(folder)
    (folder / "0.png").write_bytes(file_bytes(0, ".png")[:-30])
    assert "0.png: is truncated, and nothing has come" in refusal(folder)
    (folder / "0.png").write_bytes(png_bytes(np.zeros(SIZE)))
    assert "shows no valid depth so far" in refusal(folder)
    put(folder, 0)
    (folder / "intrinsics.json").unlink()
    assert "has no intrinsics for its 64x48 depth images, and nothing has come" in refusal(folder)


def test_what_cannot_be_followed_is_refused_at_once(folder: Path) -> None:
    put(folder, 0)
    assert "is a file, and what is followed is a folder" in refusal(folder / "000000.png")
    assert "has no streams" in refusal(folder, options(stream="left"))
    masks = Isolation(masks=folder)
    assert "this one is live; leave out --masks" in refusal(folder, options(isolation=masks))
    planes = Isolation(remove_planes=True)
    assert "this one is live; give --near and --far instead" in refusal(folder, options(isolation=planes))
    assert "is empty: 3 to 2 m" in refusal(folder, options(isolation=Isolation(3, 2)))
    (folder / "000000.png").write_bytes(png_bytes(np.ones(SIZE), 8))
    assert "is 8-bit greyscale" in refusal(folder, options(patience_s=600))


def test_waiting_for_the_first_frame_can_be_cancelled(folder: Path) -> None:
    class Cancelling(Progress):
        def cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        follow_folder(str(folder), options(patience_s=600), Cancelling())
