"""What `open_capture` takes a path for, point clouds, and how the unit of depth is settled."""

import json
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import save_depth_sequence
from engine.sequences.mesh_sequence import frame_rate_of
from engine.sequences.recording import Recording, finish
from external.captures.point_files import project_points
from npm_studio.cli.words import words
from npm_studio.session.document.recognise import recognise
from tests.support.capture_files import HEIGHT, WIDTH, depth_frames, open3d_json, sens_bytes, write_pngs
from tests.support.captures import open_capture
from tests.support.point_cloud_files import backproject, obj_bytes, pcd_bytes, ply_bytes
from tests.support.progress import Impatient

CAMERA = PinholeCamera(WIDTH, HEIGHT, 50.0, 51.0, 20.0, 15.0)
FRAMES = depth_frames()


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_capture(path, CaptureOptions(**options))
    line = caught.value.line(words)
    assert "\n" not in line and ";" in line, f"no cure in: {line}"
    return line


def pngs(folder: Path, units_per_metre: float, frames: np.ndarray = FRAMES) -> Path:
    write_pngs(folder / "depth", frames, units_per_metre)
    (folder / "camera.json").write_text(open3d_json())
    return folder


@pytest.mark.parametrize("units", [1000, 5000, 4000, 10000])
def test_the_unit_of_depth_can_be_stated(tmp_path: Path, units: int) -> None:
    sequence = open_capture(pngs(tmp_path, units), CaptureOptions(depth_scale=units))
    np.testing.assert_allclose(sequence.depth_m(0), FRAMES[0], atol=6e-4)
    assert sequence.warnings == ()


@pytest.mark.parametrize(("units", "guess"), [(1000, 1000), (5000, 5000), (10000, 10000), (100, 100)])
def test_the_unit_of_depth_is_guessed_with_a_warning_that_says_the_cure(tmp_path: Path, units: int, guess: int) -> None:
    (warning,) = open_capture(pngs(tmp_path, units)).warnings
    text = warning.line(words)
    assert f"depth scale guessed: {guess} units per metre gives a median depth of" in text
    assert "--depth-scale" in text


def test_depths_that_no_unit_explains_are_refused(tmp_path: Path) -> None:
    assert "give --depth-scale" in refusal(pngs(tmp_path, 6, FRAMES))


def test_a_stated_unit_is_taken_even_where_it_is_implausible(tmp_path: Path) -> None:
    sequence = open_capture(pngs(tmp_path, 1000), CaptureOptions(depth_scale=10))
    assert "outside 0.3 to 6 m" in sequence.warnings[0].line(words)
    assert sequence.depth_m(0).max() > 100


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_unit_that_is_no_positive_number_is_refused(tmp_path: Path, value: float) -> None:
    assert "--depth-scale" in refusal(pngs(tmp_path, 1000), depth_scale=value)


def test_a_sequence_that_npm_studio_wrote_stays_strict(tmp_path: Path) -> None:
    save_depth_sequence(tmp_path, FRAMES, CAMERA, np.diag([1.0, -1, -1, 1]))
    assert open_capture(tmp_path).origin == "NPM Studio depth sequence"
    assert "correct them in its intrinsics.json" in refusal(tmp_path, depth_scale=5000)
    path = tmp_path / "depth" / "000001.png"
    path.write_bytes(path.read_bytes()[:-20])
    assert "000001.png" in refusal(tmp_path)


@pytest.mark.parametrize("kind", ["pngs", "sens", "npm-studio"])
def test_a_stream_is_refused_where_the_format_has_none(tmp_path: Path, kind: str) -> None:
    if kind == "pngs":
        pngs(tmp_path, 1000)
    elif kind == "sens":
        (tmp_path / "a.sens").write_bytes(sens_bytes(FRAMES))
    else:
        save_depth_sequence(tmp_path, FRAMES, CAMERA, np.diag([1.0, -1, -1, 1]))
    assert "has no streams to choose from; leave out --stream" in refusal(tmp_path, stream="left")


def test_checking_the_frames_can_be_stopped(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        open_capture(pngs(tmp_path, 1000), progress=Impatient())


def test_the_only_recording_of_a_folder_is_opened(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "a.sens").write_bytes(sens_bytes(FRAMES))
    assert open_capture(tmp_path).origin.startswith("ScanNet")
    (tmp_path / "b.sens").write_bytes(sens_bytes(FRAMES))
    assert "2 recordings (a.sens, b.sens" in refusal(tmp_path)


@pytest.mark.parametrize("ending", ["npz", "sens", "mkv", "bag"])
def test_a_file_of_another_kind_than_its_ending_says_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"something else altogether")
    assert f"though it ends in .{ending}" in refusal(path)
    path.write_bytes(b"")
    assert "is empty" in refusal(path)


def test_what_is_no_recording_is_refused_with_what_is(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        assert "depth.txt (TUM)" in refusal(path)
    (tmp_path / "a.txt").write_text("")
    assert "depth.txt (TUM)" in refusal(tmp_path / "a.txt")
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8")
    assert "pictures such as a.jpg" in refusal(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    assert "give the folder" in refusal(tmp_path / "a.png")


def test_a_folder_around_recordings_names_them(tmp_path: Path) -> None:
    write_pngs(tmp_path / "umbrella" / "data", FRAMES)
    assert f"holds no depth recording itself, but data/ does; give {tmp_path}/umbrella/data" in refusal(
        tmp_path / "umbrella"
    )
    with pytest.raises(InputError, match="but data/ does"):
        open_capture(recognise(tmp_path / "umbrella")[1])
    write_pngs(tmp_path / "umbrella" / "more", FRAMES)
    assert "but data/, more/ do; give one of these folders" in refusal(tmp_path / "umbrella")


@pytest.mark.parametrize(
    ("ending", "write"),
    [
        ("ply", ply_bytes),
        ("ply", lambda points: ply_bytes(points, text=True)),
        ("pcd", pcd_bytes),
        ("pcd", lambda points: pcd_bytes(points, "ascii")),
        ("obj", obj_bytes),
    ],
)
def test_point_clouds_are_seen_by_the_camera_that_took_them(
    tmp_path: Path, ending: str, write: Callable[[np.ndarray], bytes]
) -> None:
    for index in (0, 1, 2):
        (tmp_path / f"{index + 9}.{ending}").write_bytes(write(backproject(FRAMES[index])))
    (tmp_path / "intrinsics.json").write_text(open3d_json())
    sequence = open_capture(tmp_path)
    assert sequence.origin.startswith(f"point clouds: 3 {ending.upper()} files, in camera axes (z forward)")
    assert (sequence.camera, sequence.frame_names, sequence.warnings) == (CAMERA, ("9", "10", "11"), ())
    for index in range(3):
        np.testing.assert_allclose(sequence.depth_m(index), FRAMES[index], atol=1e-5)


def test_points_in_millimetres_and_opengl_axes_are_turned_round(tmp_path: Path) -> None:
    points = backproject(FRAMES[0]) * (1000, -1000, -1000)
    (tmp_path / "a.ply").write_bytes(ply_bytes(points))
    (tmp_path / "k.json").write_text(open3d_json())
    sequence = open_capture(tmp_path / "a.ply", CaptureOptions(intrinsics=tmp_path / "k.json"))
    assert "OpenGL" in sequence.origin
    assert "1000 per metre" in sequence.warnings[0].line(words)
    np.testing.assert_allclose(sequence.depth_m(0), FRAMES[0], atol=1e-5)
    stated = open_capture(tmp_path / "a.ply", CaptureOptions(1000, tmp_path / "k.json"))
    np.testing.assert_allclose(stated.depth_m(0), FRAMES[0], atol=1e-5)


@pytest.mark.parametrize("scale", [1, 1000])
def test_points_that_a_camera_has_marked_as_not_seen_are_left_out(tmp_path: Path, scale: float) -> None:
    points = np.concatenate([backproject(FRAMES[0]), np.array([[20.0, -15, 65.535]])])
    (tmp_path / "a.pcd").write_bytes(pcd_bytes(scale * points))
    sequence = open_capture(tmp_path / "a.pcd")
    assert "in camera axes (z forward)" in sequence.origin
    seen = FRAMES[0][FRAMES[0] > 0]
    assert seen.min() - 1e-3 < sequence.depth_m(0)[sequence.depth_m(0) > 0].min()
    assert sequence.depth_m(0).max() < seen.max() + 1e-3


def test_a_scan_in_the_world_is_seen_from_in_front_without_its_back(tmp_path: Path) -> None:
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, 400, endpoint=False), np.linspace(0, 1.8, 300))
    points = np.stack([0.2 * np.sin(angle) + 5, height, 0.2 * np.cos(angle)], axis=-1).reshape(-1, 3)
    (tmp_path / "a.ply").write_bytes(ply_bytes(points))
    sequence = open_capture(tmp_path / "a.ply")
    assert "a scan in the world (y up) seen from 2.5 m in front, seen through a virtual camera" in sequence.origin
    depth = sequence.depth_m(0)
    assert depth[depth > 0].min() == pytest.approx(2.3, abs=0.01)
    assert (depth[depth > 0] > 2.55).mean() < 0.01  # the back side is not seen through the front
    rows, columns = np.nonzero(depth)
    assert abs(rows.mean() / depth.shape[0] - 0.5) < 0.02 and abs(columns.mean() / depth.shape[1] - 0.5) < 0.02


def test_points_need_the_size_of_the_image(tmp_path: Path) -> None:
    (tmp_path / "a.ply").write_bytes(ply_bytes(backproject(FRAMES[0])))
    assert "size of the image" in refusal(tmp_path / "a.ply", intrinsics="50,51,20,15")


def test_the_nearest_point_of_a_pixel_is_seen() -> None:
    points = np.array([[0, 0, 3.0], [0, 0, 2.0], [0, 0, -1], [9, 9, 1], [np.nan, 0, 1]])
    image = project_points(points, CAMERA)
    assert image[15, 20] == 2 and (image > 0).sum() == 1


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("a.ply", ply_bytes(np.ones((0, 3))), "no points"),
        ("a.ply", ply_bytes(np.full((4, 3), np.nan)), "no points"),
        ("a.ply", b"not a ply", "not a PLY"),
        ("a.ply", ply_bytes(np.ones((9, 3)), declared=10**15), "cannot be read"),
        ("a.ply", ply_bytes(np.ones((9, 3)))[:-30], "cannot be read"),
        ("a.pcd", b"not a pcd", "not a PCD"),
        ("a.pcd", pcd_bytes(np.ones((9, 3)), declared=10**15), "do not fit"),
        ("a.pcd", pcd_bytes(np.ones((9, 3)), declared=-5), "do not fit"),
        ("a.pcd", pcd_bytes(np.ones((9, 3)), "ascii", 10**15), "truncated"),
        ("a.pcd", pcd_bytes(np.ones((9, 3)), "binary_compressed"), "compressed"),
        ("a.pcd", pcd_bytes(np.ones((9, 3))).replace(b"FIELDS rgb x y z", b"FIELDS rgb a b c"), "cannot be read"),
        ("a.obj", b"\xff\xfe\x00", "a.obj"),
        ("a.obj", b"v nan nan nan\n", "no points"),
    ],
)
def test_damaged_point_files_are_refused_by_name(tmp_path: Path, name: str, data: bytes, word: str) -> None:
    (tmp_path / name).write_bytes(data)
    line = refusal(tmp_path / name)
    assert word in line and name in line


def test_damaged_point_files_of_a_sequence_are_skipped(tmp_path: Path) -> None:
    for index in (1, 2):
        (tmp_path / f"{index}.ply").write_bytes(ply_bytes(backproject(FRAMES[index])))
    (tmp_path / "0.ply").write_bytes(b"ply")
    (tmp_path / "intrinsics.json").write_text(
        json.dumps({"width": 40, "height": 30, "fx": 50, "fy": 51, "cx": 20, "cy": 15})
    )
    sequence = open_capture(tmp_path)
    assert sequence.frame_names == ("1", "2")
    assert "1 of 3 frames skipped" in sequence.warnings[0].line(words) and "0.ply" in sequence.warnings[0].line(words)


def test_frames_that_fail_do_not_stay_in_memory(tmp_path: Path) -> None:
    images: list[weakref.ref] = []

    def read_stored(index: int) -> np.ndarray:
        image = np.ones((HEIGHT, WIDTH + (index != 99)), np.float32)
        images.append(weakref.ref(image))
        assert sum(earlier() is not None for earlier in images) <= 3
        return image

    names = tuple(str(index) for index in range(100))
    sequence = finish(Recording(tmp_path, "", CAMERA, names, read_stored, 1.0), CaptureOptions(), Progress())
    assert sequence.frame_names == ("99",)
    assert "99 of 100 frames skipped: the first is" in sequence.warnings[0].line(words)


def test_frames_of_the_same_name_are_numbered(tmp_path: Path) -> None:
    folder = pngs(tmp_path, 1000)
    lines = []
    for index, place in enumerate(("left", "right")):
        (folder / place).mkdir()
        (folder / "depth" / f"{index}.png").rename(folder / place / "0.png")
        lines.append(f"{index} {place}/0.png")
    (folder / "depth.txt").write_text("\n".join(lines))
    sequence = open_capture(folder, CaptureOptions(depth_scale=1000))
    assert sequence.frame_names == ("000000", "000001")
    np.testing.assert_allclose(sequence.depth_m(1), FRAMES[1], atol=1e-3)


def test_time_stamps_in_whole_milliseconds_give_the_frame_rate() -> None:
    times = np.round(np.arange(90) / 30, 3)
    times[50:] += 0.4  # frames that were dropped
    assert frame_rate_of(times) == pytest.approx(30, abs=0.02)


def test_a_pipe_among_the_images_is_passed_over(tmp_path: Path) -> None:
    folder = pngs(tmp_path, 1000)
    os.mkfifo(folder / "depth" / "00.png")
    assert len(open_capture(folder, CaptureOptions(depth_scale=1000))) == len(FRAMES)
    (folder / "depth.txt").write_text("1.0 depth/00.png\n2.0 depth/1.png\n")
    assert open_capture(folder, CaptureOptions(depth_scale=1000)).frame_names == ("1",)


def test_a_text_ply_that_declares_more_points_than_it_holds_is_refused(tmp_path: Path) -> None:
    data = ply_bytes(backproject(FRAMES[0])[:50], text=True)
    (tmp_path / "a.ply").write_bytes(data.replace(b"vertex 50", b"vertex 99999999999"))
    assert "50 of 99999999999 points" in refusal(tmp_path / "a.ply")
