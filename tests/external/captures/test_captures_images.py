"""Recordings as folders of 16-bit PNG: TUM RGB-D and plain folders with intrinsics of every usual form."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from external.captures.tum import poses_at
from npm_studio.cli.words import words
from tests.support.capture_files import (
    HEIGHT,
    WIDTH,
    K,
    depth_frames,
    matrix_text,
    open3d_json,
    png_bytes,
    stored,
    write_pngs,
    write_tum,
)
from tests.support.captures import open_capture

CAMERA = PinholeCamera(WIDTH, HEIGHT, 50.0, 51.0, 20.0, 15.0)
"""K with pixel centres at +0.5."""
MINIMAL = {"width": WIDTH, "height": HEIGHT, "fx": 50, "fy": 51, "cx": 20, "cy": 15}


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_capture(path, CaptureOptions(**options))
    line = caught.value.line(words)
    assert "\n" not in line and ";" in line, f"no cure in: {line}"
    return line


def assert_depths(sequence: DepthSequence, frames: np.ndarray, tolerance: float = 6e-4) -> None:
    assert len(sequence) == len(frames)
    for index, frame in enumerate(frames):
        depth = sequence.depth_m(index)
        assert depth.dtype == np.float32
        np.testing.assert_array_equal(depth > 0, frame > 0)
        np.testing.assert_allclose(depth, frame, atol=tolerance)


@pytest.fixture
def tum(tmp_path: Path) -> Path:
    folder = tmp_path / "walk"
    write_tum(folder, depth_frames())
    (folder / "intrinsics.json").write_text(json.dumps(MINIMAL))
    return folder


@pytest.fixture
def pngs(tmp_path: Path) -> Path:
    folder = tmp_path / "pngs"
    write_pngs(folder / "depth", depth_frames(12))
    (folder / "intrinsics.json").write_text(json.dumps(MINIMAL | {"depth_scale": 1000}))
    return folder


def test_a_tum_recording_is_read_with_its_units_times_and_camera(tum: Path) -> None:
    sequence = open_capture(tum)
    assert_depths(sequence, depth_frames(), 1e-4)
    assert sequence.origin.startswith("TUM RGB-D: has depth.txt with 3 entries")
    assert (sequence.camera, sequence.frame_rate, sequence.warnings) == (CAMERA, 25.0, ())
    assert sequence.frame_names[0] == "1305031102.160407"


def test_a_freiburg_folder_needs_no_intrinsics(tmp_path: Path) -> None:
    folder = tmp_path / "rgbd_dataset_freiburg3_walking"
    write_tum(folder, depth_frames(1, 640, 480) / 3)
    assert open_capture(folder).camera == PinholeCamera(640, 480, 535.4, 539.2, 320.6, 248.1)


def test_a_tum_folder_of_an_unknown_camera_asks_for_intrinsics(tum: Path) -> None:
    (tum / "intrinsics.json").unlink()
    line = refusal(tum)
    assert '"fx": 525' in line and "--intrinsics fx,fy,cx,cy or FILE" in line and "40x30" in line


def test_tum_frames_are_ordered_by_time_and_not_by_line(tum: Path) -> None:
    lines = (tum / "depth.txt").read_text().splitlines()
    (tum / "depth.txt").write_text("\n".join(reversed(lines)) + "\n")
    assert_depths(open_capture(tum), depth_frames(), 1e-4)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("1.0 /etc/passwd", "leads out of the folder"),
        ("1.0 ../other/0.png", "leads out of the folder"),
        ("nan depth/0.png", "finite"),
        ("depth/0.png", "time stamp"),
        ("soon depth/0.png", "time stamp"),
    ],
)
def test_a_line_of_depth_txt_without_meaning_is_refused_by_number(tum: Path, line: str, word: str) -> None:
    (tum / "depth.txt").write_text(f"# comment\n{line}\n")
    text = refusal(tum)
    assert word in text and "line 2" in text


def test_a_depth_txt_without_frames_or_of_bytes_is_refused(tum: Path) -> None:
    (tum / "depth.txt").write_text("# nothing\n")
    assert "lists no depth image" in refusal(tum)
    (tum / "depth.txt").write_bytes(b"\xff\xfe\x00\xd8")
    assert "cannot be read" in refusal(tum)


def test_listed_frames_that_are_missing_are_skipped_with_a_count(tum: Path) -> None:
    with (tum / "depth.txt").open("a") as file:
        file.write("1305031103.0 depth/none.png\n")
    sequence = open_capture(tum)
    assert_depths(sequence, depth_frames(), 1e-4)
    assert any("1 of 4 frames skipped" in text and "none.png" in text for text in map(str, sequence.warnings))


def test_a_camera_that_moves_is_warned_of(tum: Path) -> None:
    lines = (tum / "groundtruth.txt").read_text().splitlines()
    lines[-1] = lines[-1].replace(" 1.2 ", " 1.7 ")
    (tum / "groundtruth.txt").write_text("\n".join(lines))
    assert any("moves by 0.50 m" in text for text in map(str, open_capture(tum).warnings))
    (tum / "groundtruth.txt").write_text("1 2 3\nx")
    assert any("groundtruth.txt cannot be read" in text for text in map(str, open_capture(tum).warnings))


def ground_truth(folder: Path, rows: list[list[float]]) -> None:
    text = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in rows)
    (folder / "groundtruth.txt").write_text(f"# timestamp tx ty tz qx qy qz qw\n{text}\n")


def slow_slerp(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Of unit quaternions, along the shorter arc, as Shoemake 1985 has it."""
    b = -b if a @ b < 0 else b
    angle = np.arccos(np.clip(a @ b, -1, 1))
    return np.asarray((np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle))


def slow_matrix(quaternion_xyzw: np.ndarray) -> np.ndarray:
    x, y, z, w = quaternion_xyzw
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_poses_between_two_measurements_are_those_of_a_slow_interpolation() -> None:
    a, b = np.array([0.1, 0.2, -0.3, 0.9]), np.array([-0.4, 0.1, 0.2, -0.8])
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    table = np.array([[5.0, 1, 2, 3, *a], [5.08, 1.8, 2, 2.2, *b], [9.0, 7, 7, 7, *a]])
    poses = poses_at(np.array([5.02, 5.08, 5.09, 7.0, 8.99, 4.985, 4.9]), table)
    np.testing.assert_allclose(poses[0, :3, :3], slow_matrix(slow_slerp(a, b, 0.25)), atol=1e-9)
    np.testing.assert_allclose(poses[0, :3, 3], [1.2, 2, 2.8], atol=1e-9)
    np.testing.assert_allclose(poses[1, :3, :3], slow_matrix(b), atol=1e-9)
    for near, row in ((2, 1), (4, 2), (5, 0)):  # the gap to the other neighbour is too long
        np.testing.assert_allclose(poses[near, :3, 3], table[row, 1:4])
    assert np.isnan(poses[[3, 6]]).all()


def test_a_single_measurement_and_none_are_no_failure() -> None:
    for quaternion in (0.0, 1e308, np.nan, 7.0):  # of no rotation
        table = np.full((2, 8), quaternion)
        table[:, :4] = [[1.0, 4, 5, 6], [2.0, 4, 5, 6]]
        assert np.isnan(poses_at(np.array([1.0, 2.0]), table)).all()
    assert np.isnan(poses_at(np.array([1.0, 2.0]), np.zeros((0, 8)))).all()
    poses = poses_at(np.array([1.0, 2.0]), np.array([[1.01, 4, 5, 6, 0, 0, 0, 1.0]]))
    np.testing.assert_array_equal(poses[0, :3, 3], [4, 5, 6])
    assert np.isnan(poses[1]).all()


def test_the_ground_truth_of_a_tum_recording_is_its_camera_in_a_world_with_y_up(tum: Path) -> None:
    ahead = [-(2**-0.5), 0, 0, 2**-0.5]  # OpenCV axes that look along +y of a world with Z up
    start = 1305031102.16
    ground_truth(tum, [[start + step / 100, 1 + step / 10, 0.5, 1.6, *ahead] for step in range(10)])
    sequence = open_capture(tum)
    assert sequence.world is World.UPRIGHT and len(sequence) == 3
    np.testing.assert_allclose(sequence.camera_at(0)[:3, :3], np.diag([1, -1, -1]), atol=1e-6)
    np.testing.assert_allclose(sequence.camera_at(0)[:3, 3], [1 + 0.000407 * 10, 1.6, -0.5], atol=1e-4)
    np.testing.assert_allclose(sequence.camera_at(1)[0, 3] - sequence.camera_at(0)[0, 3], 0.4, atol=1e-4)


def test_frames_that_the_motion_capture_did_not_see_are_left_out_and_said(tum: Path) -> None:
    start = 1305031102.16
    ground_truth(tum, [[start + step / 100, 1, 0.5, 1.6, 0, 0, 0, 1] for step in range(-2, 6)])
    sequence = open_capture(tum)
    assert len(sequence) == 2
    assert any("1 of 3 frames left out: they have no camera pose" in str(warning) for warning in sequence.warnings)


def test_time_stamps_of_a_tum_recording_are_those_of_its_list(tum: Path) -> None:
    lines = (tum / "depth.txt").read_text().splitlines()
    late = lines[-1].replace("1305031102.240407 ", "1305031102.640407 ", 1)
    assert late != lines[-1]
    (tum / "depth.txt").write_text("\n".join([*lines[:-1], late, late]))
    (tum / "groundtruth.txt").unlink()
    sequence = open_capture(tum)
    np.testing.assert_allclose(sequence.times_s - sequence.times_s[0], [0, 0.04, 0.48], atol=1e-6)
    text = " ".join(map(str, sequence.warnings))
    assert "1 of 4 frames left out: they have the time stamp of the frame before" in text
    assert "the longest is 0.44 s" in text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("intrinsics.json", json.dumps(MINIMAL)),
        ("camera_intrinsic.json", open3d_json()),
        ("camera.json", open3d_json()),
        ("intrinsics.txt", matrix_text(4)),
        ("camera-intrinsics.txt", matrix_text(3)),
    ],
)
def test_every_form_of_intrinsics_gives_the_same_camera(pngs: Path, name: str, text: str) -> None:
    (pngs / "intrinsics.json").unlink()
    (pngs / name).write_text(text)
    sequence = open_capture(pngs)
    assert sequence.camera == CAMERA
    assert name in sequence.origin
    assert open_capture(pngs / "depth").camera == CAMERA  # beside the folder that is handed over


def test_intrinsics_can_be_stated_as_numbers_or_as_a_file(pngs: Path, tmp_path: Path) -> None:
    assert open_capture(pngs, CaptureOptions(intrinsics="50,51,20,15")).camera == CAMERA
    (tmp_path / "k.json").write_text(open3d_json())
    assert open_capture(pngs, CaptureOptions(intrinsics=tmp_path / "k.json")).camera == CAMERA


@pytest.mark.parametrize("text", ["50,51,20", "fx", "nowhere.json"])
def test_stated_intrinsics_that_are_neither_are_refused(pngs: Path, text: str) -> None:
    assert "neither four numbers nor a file" in refusal(pngs, intrinsics=text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", "does not describe a camera"),
        ('{"fx": 1}', "lacks fy, cx, cy"),
        (json.dumps(MINIMAL | {"fx": "wide"}), "does not describe"),
        (json.dumps(MINIMAL | {"fx": -1}), "positive"),
        (json.dumps(MINIMAL | {"width": 10**9, "height": 10**9, "cx": float("nan")}), "finite"),
        (json.dumps(MINIMAL | {"depth_scale": 0}), "depth_scale"),
        (json.dumps(MINIMAL | {"cx": 500}), "principal point"),
        ('{"intrinsic_matrix": [1, 2, 3]}', "9 numbers"),
        ('{"intrinsic_matrix": [50, 0, 20, 0, 51, 15, 0, 0, 1]}', "not [fx 0 cx; 0 fy cy; 0 0 1]"),
    ],
)
def test_intrinsics_without_meaning_are_refused_by_name(pngs: Path, text: str, word: str) -> None:
    (pngs / "intrinsics.json").write_text(text)
    line = refusal(pngs)
    assert word in line and "intrinsics.json" in line


def test_a_text_matrix_of_another_shape_is_refused(pngs: Path) -> None:
    (pngs / "intrinsics.json").unlink()
    (pngs / "intrinsics.txt").write_text("1 2 3 4 5\n")
    assert "3x3 or 4x4" in refusal(pngs)


def test_png_frames_are_in_natural_order(pngs: Path) -> None:
    sequence = open_capture(pngs)
    assert sequence.frame_names == tuple(str(index) for index in range(12))
    assert_depths(sequence, depth_frames(12))
    assert sequence.origin.startswith("folder of 16-bit PNG: depth/ has 12 of them")


def test_of_depth_and_colour_side_by_side_the_depth_is_read(tmp_path: Path) -> None:
    write_pngs(tmp_path, depth_frames(), name="frame-{:06d}.depth.png")
    for index in range(3):
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        (tmp_path / f"frame-{index:06d}.color.png").write_bytes(png_bytes(picture, 8, 2))
    (tmp_path / "intrinsics.json").write_text(json.dumps(MINIMAL))
    sequence = open_capture(tmp_path)
    assert sequence.frame_names[1] == "frame-000001.depth"
    assert_depths(sequence, depth_frames())


def test_the_values_0_and_65535_are_invalid(pngs: Path) -> None:
    values = stored(depth_frames(1)[0], 1000)
    values[10, 10], values[11, 11] = 0, 65535
    (pngs / "depth" / "0.png").write_bytes(png_bytes(values))
    depth = open_capture(pngs).depth_m(0)
    assert depth[10, 10] == depth[11, 11] == 0
    assert depth[12, 12] > 0


def test_frames_that_fail_are_skipped_with_their_number_and_the_first_name(pngs: Path) -> None:
    folder = pngs / "depth"
    whole = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(whole[: len(whole) // 2])
    (folder / "3.png").write_bytes(b"")
    (folder / "4.png").write_bytes(png_bytes(np.full((8, 9), 2000)))
    (folder / "5.png").write_bytes(png_bytes(np.zeros((HEIGHT, WIDTH))))
    (folder / "6.png").write_bytes(png_bytes(np.full((HEIGHT, WIDTH, 3), 9), 8, 2))
    damaged = bytearray(whole)
    start = damaged.index(b"IDAT") + 4
    damaged[start : start + 12] = bytes(12)
    (folder / "7.png").write_bytes(damaged)
    sequence = open_capture(pngs)
    assert sequence.frame_names == ("0", "1", "5", "8", "9", "10", "11")
    assert not sequence.depth_m(2).any()
    assert_depths(sequence.subset([0, 1, 3, 4, 5, 6]), depth_frames(12)[[0, 1, 8, 9, 10, 11]])
    skipped, empty = (warning.line(words) for warning in sequence.warnings)
    assert "5 of 12 frames skipped" in skipped and "2.png" in skipped and "truncated" in skipped
    assert empty.startswith("1 of 7 frames between others show nothing, the first is 5: they stay")


def test_frames_that_show_nothing_before_and_after_all_others_are_left_out(pngs: Path) -> None:
    for name in ("0", "1", "11"):
        (pngs / "depth" / f"{name}.png").write_bytes(png_bytes(np.zeros((HEIGHT, WIDTH))))
    sequence = open_capture(pngs)
    assert sequence.frame_names == tuple(str(index) for index in range(2, 11))
    (warning,) = sequence.warnings
    assert warning.line(words) == "3 of 12 frames left out: the first, 0, shows nothing"


def test_a_recording_that_shows_nothing_at_all_is_refused(pngs: Path) -> None:
    for path in (pngs / "depth").iterdir():
        path.write_bytes(png_bytes(np.zeros((HEIGHT, WIDTH))))
    assert "none of its 12 frames can be used, the first (0) holds no valid depth (every pixel" in refusal(pngs)


@pytest.mark.parametrize(
    ("bits", "colour_type", "channels", "word"),
    [(8, 0, 1, "8-bit greyscale"), (8, 3, 1, "8-bit palette"), (8, 2, 3, "8-bit colour"), (16, 2, 3, "16-bit colour")],
)
def test_a_folder_of_pictures_that_have_lost_the_depth_is_refused_with_the_cure(
    pngs: Path, bits: int, colour_type: int, channels: int, word: str
) -> None:
    for path in (pngs / "depth").iterdir():
        path.write_bytes(png_bytes(np.full((HEIGHT, WIDTH, channels), 5).squeeze(), bits, colour_type))
    line = refusal(pngs)
    assert word in line and "0.png" in line and "16-bit PNG" in line


def test_a_png_that_declares_an_absurd_size_is_refused_before_it_is_decoded(pngs: Path) -> None:
    whole = bytearray(png_bytes(np.full((HEIGHT, WIDTH), 2000)))
    whole[16:24] = struct.pack(">II", 100_000, 100_000)
    for path in (pngs / "depth").iterdir():
        path.write_bytes(whole)
    assert "declares 100000x100000 pixels" in refusal(pngs)


def test_intrinsics_of_another_size_are_refused_with_both_sizes(pngs: Path) -> None:
    (pngs / "intrinsics.json").write_text(json.dumps(MINIMAL | {"width": 80}))
    line = refusal(pngs)
    assert "40x30" in line and "80x30" in line


def test_matrices_have_pixel_centres_at_whole_numbers(pngs: Path) -> None:
    (pngs / "intrinsics.json").write_text(open3d_json())
    camera = open_capture(pngs).camera
    assert (camera.cx, camera.cy) == (K[0, 2] + 0.5, K[1, 2] + 0.5)
