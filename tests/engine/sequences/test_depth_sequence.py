"""Depth sequences on disk: what is read back, and what is refused with which words."""

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.similarity import Similarity
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import (
    DepthSequence,
    load_depth_sequence,
    observed_points_and_normals,
    save_depth_sequence,
)
from tests.support.present import present

CAMERA = PinholeCamera(40, 30, 50.0, 51.0, 20.3, 14.8)
POSE = front_camera_to_world(Similarity(0.4, (0.1, 0.9, -0.2)))


def depth_images(count: int = 3) -> np.ndarray:
    """(F, 30, 40) metres: a wavy patch in front of nothing, in whole millimetres."""
    images = np.zeros((count, 30, 40), np.float32)
    wave = 2 + 0.1 * np.sin(np.arange(24) / 6)
    for index in range(count):
        images[index, 5:25, 8:32] = np.round(wave + 0.05 * index, 3)
    return images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_depth_sequence(tmp_path / "walk", depth_images(), CAMERA, POSE, 25.0)
    return tmp_path / "walk"


def change(folder: Path, **values: Any) -> None:
    """Set keys of intrinsics.json; None removes one."""
    path = folder / "intrinsics.json"
    description = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in description.items() if value is not None}))


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_depth_sequence(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert ";" in line, f"no cure in: {line}"
    return line


@pytest.mark.parametrize("file_format", ["png", "npz"])
def test_a_saved_sequence_is_read_back(tmp_path: Path, file_format: Literal["png", "npz"]) -> None:
    folder, depths = tmp_path / "walk", depth_images()
    save_depth_sequence(folder, iter(depths), CAMERA, POSE, 25.0, ["a", "b", "c"], file_format)
    sequence = load_depth_sequence(folder)
    assert (sequence.name, sequence.camera, sequence.frame_rate) == ("walk", CAMERA, 25.0)
    assert (len(sequence), sequence.frame_names, sequence.truth_folder) == (3, ("a", "b", "c"), None)
    np.testing.assert_array_equal(sequence.camera_at(0), POSE)
    for index, depth in enumerate(depths):
        np.testing.assert_allclose(sequence.depth_m(index), depth, atol=1e-6)
        assert sequence.depth_m(index).dtype == np.float32


def test_time_stamps_and_a_pose_per_frame_are_stored_and_read_back(tmp_path: Path) -> None:
    times, poses = np.array([12.5, 12.54, 12.9]), np.stack([POSE, POSE, POSE])
    poses[1:, 0, 3] += [0.1, 0.25]
    save_depth_sequence(tmp_path, depth_images(), CAMERA, poses, times)
    sequence = load_depth_sequence(tmp_path)
    np.testing.assert_array_equal(sequence.times_s, times)
    np.testing.assert_array_equal(present(sequence.cameras_to_world), poses)
    assert not sequence.times_assumed and sequence.warnings == ()
    moved = sequence.points_world(2)
    change(tmp_path, camera_to_world=POSE.tolist())
    np.testing.assert_allclose(
        moved - load_depth_sequence(tmp_path).points_world(2), [[0.25, 0, 0]] * len(moved), atol=1e-6
    )


@pytest.mark.parametrize("world", list(World))
def test_what_is_known_of_the_world_of_the_poses_is_read_back(world: World, tmp_path: Path) -> None:
    save_depth_sequence(tmp_path, depth_images(), CAMERA, POSE, world=world)
    assert load_depth_sequence(tmp_path).world is world
    assert ("world" in json.loads((tmp_path / "intrinsics.json").read_text())) == (world is not World.PLACED)


def test_a_world_that_nobody_knows_is_refused(folder: Path) -> None:
    change(folder, world="sideways")
    assert "world must be one of placed, upright, arbitrary, is 'sideways'" in refusal(folder)


def test_of_regular_frames_of_a_still_camera_one_rate_and_one_pose_are_stored(tmp_path: Path) -> None:
    save_depth_sequence(tmp_path, depth_images(), CAMERA, np.stack([POSE] * 3), np.arange(3) / 25)
    description = json.loads((tmp_path / "intrinsics.json").read_text())
    assert description["frame_rate"] == 25 and "times_s" not in description
    assert np.shape(description["camera_to_world"]) == (4, 4)


def test_a_rate_that_nobody_knows_is_not_stored(tmp_path: Path) -> None:
    save_depth_sequence(tmp_path, depth_images(), CAMERA, POSE, None)
    assert "frame_rate" not in json.loads((tmp_path / "intrinsics.json").read_text())
    sequence = load_depth_sequence(tmp_path)
    assert sequence.times_assumed and sequence.frame_rate == 30


@pytest.mark.parametrize(("timing", "poses"), [([0.0, 1.0], POSE), (25.0, np.stack([POSE, POSE]))])
def test_times_and_poses_that_are_not_as_many_as_images_leave_the_old_frames(
    folder: Path, timing: float | list[float], poses: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"2 (time stamps|camera poses) for 3 depth images"):
        save_depth_sequence(folder, depth_images() + 1, CAMERA, poses, timing)
    np.testing.assert_allclose(load_depth_sequence(folder).depth_m(0), depth_images()[0], atol=1e-6)


def test_npz_frames_keep_less_than_a_millimetre(tmp_path: Path) -> None:
    depths = depth_images(1) * np.float32(1.000123)
    save_depth_sequence(tmp_path, depths, CAMERA, POSE, file_format="npz")
    np.testing.assert_array_equal(load_depth_sequence(tmp_path).depth_m(0), depths[0])


def test_saving_replaces_the_frames_and_leaves_other_files_alone(folder: Path) -> None:
    (folder / "truth").mkdir()
    (folder / "notes.txt").write_text("mine")
    save_depth_sequence(folder, depth_images(2), CAMERA, POSE)
    assert (folder / "notes.txt").read_text() == "mine"
    sequence = load_depth_sequence(folder)
    assert len(sequence) == 2
    assert sequence.truth_folder == folder / "truth"


def test_saving_an_image_of_another_size_is_an_error_that_leaves_the_old_frames(folder: Path) -> None:
    with pytest.raises(ValueError, match="not \\(30, 40\\)"):
        save_depth_sequence(folder, [np.ones((3, 4))], CAMERA, POSE)
    assert len(load_depth_sequence(folder)) == 3


def test_what_cannot_be_stored_is_saved_as_invalid(tmp_path: Path) -> None:
    depth = depth_images(1)[0]
    depth[10, 10:14] = np.nan, np.inf, -1, 65.535
    save_depth_sequence(tmp_path, [depth], CAMERA, POSE)
    assert not load_depth_sequence(tmp_path).depth_m(0)[10, 10:14].any()


def test_zero_and_the_sensor_maximum_are_invalid(folder: Path) -> None:
    stored = np.full((30, 40), 2000, np.uint16)
    stored[0], stored[1] = 0, 65535
    Image.fromarray(stored).save(folder / "depth" / "000000.png")
    depth = load_depth_sequence(folder).depth_m(0)
    assert not depth[:2].any()
    assert (depth[2:] == 2).all()


def test_optional_entries_have_documented_defaults(folder: Path) -> None:
    change(folder, depth_scale=None, frame_rate=None, camera_to_world=None)
    sequence = load_depth_sequence(folder)
    assert sequence.frame_rate == 30.0
    stored = np.asarray(Image.open(folder / "depth" / "000000.png"))
    np.testing.assert_allclose(sequence.depth_m(0), stored / 1000.0, rtol=1e-6)
    np.testing.assert_array_equal(sequence.camera_at(0), np.eye(4))


def test_depth_scale_is_stored_units_per_metre(folder: Path) -> None:
    change(folder, depth_scale=500)
    np.testing.assert_allclose(load_depth_sequence(folder).depth_m(0), 2 * depth_images()[0], rtol=1e-6)


def test_frames_are_in_natural_order_and_may_lie_directly_in_the_folder(folder: Path) -> None:
    for index, name in enumerate(("f10", "f2", "f1")):
        (folder / "depth" / f"{index:06d}.png").rename(folder / f"{name}.png")
    (folder / "depth").rmdir()
    (folder / "._f1.png").write_bytes(b"what another system left")
    assert load_depth_sequence(folder).frame_names == ("f1", "f2", "f10")


def test_points_lie_in_the_world_where_the_camera_sees_them(folder: Path) -> None:
    sequence = load_depth_sequence(folder)
    points = sequence.points_world(1)
    assert points.dtype == np.float32
    depth = sequence.depth_m(1)
    camera_points = (points - POSE[:3, 3]) @ POSE[:3, :3]
    rows, columns = np.nonzero(depth)
    np.testing.assert_allclose(camera_points[:, 2], depth[rows, columns], atol=1e-5)
    pixels = np.stack([columns + 0.5, rows + 0.5], axis=1)
    np.testing.assert_allclose(CAMERA.project(camera_points), pixels, atol=1e-3)


def test_observed_normals_are_units_towards_the_camera_and_leave_out_the_outline(folder: Path) -> None:
    sequence = load_depth_sequence(folder)
    points, normals = observed_points_and_normals(sequence, 0)
    assert points.dtype == np.float32 and normals.dtype == np.float32
    assert points.shape == normals.shape == (18 * 22, 3)  # the patch less a rim of one pixel
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert ((POSE[:3, 3] - points) * normals).sum(axis=1).min() > 0
    assert normals[:, 2].min() > 0.7  # the front camera looks along -z of the world


def test_pixels_at_a_step_in_depth_have_no_trusted_normal(tmp_path: Path) -> None:
    depth = np.full((30, 40), 2.0, np.float32)
    depth[:, 20:] = 2.6
    save_depth_sequence(tmp_path, [depth], CAMERA, np.eye(4))
    points, normals = observed_points_and_normals(load_depth_sequence(tmp_path), 0)
    assert len(points) == 28 * (38 - 2)
    np.testing.assert_allclose(normals, np.broadcast_to([0, 0, -1], normals.shape), atol=1e-4)


def test_the_visible_surface_is_a_mesh_in_the_world(folder: Path) -> None:
    sequence = load_depth_sequence(folder)
    mesh = sequence.mesh_world(0, max_edge=0.5)
    assert len(mesh.vertices) == 20 * 24
    assert len(mesh.faces) == 2 * 19 * 23
    np.testing.assert_array_equal(mesh.vertices, sequence.points_world(0))


def test_a_missing_folder_an_empty_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "is empty" in refusal(tmp_path / "empty")
    (tmp_path / "file").write_text("")
    assert "not a folder" in refusal(tmp_path / "file")


def test_a_folder_without_intrinsics_is_refused_with_what_they_must_hold(folder: Path) -> None:
    (folder / "intrinsics.json").unlink()
    line = refusal(folder)
    assert "intrinsics.json" in line
    assert "width, height, fx, fy, cx and cy" in line


def test_a_folder_without_images_is_refused(folder: Path) -> None:
    for path in (folder / "depth").iterdir():
        path.unlink()
    assert "no depth images" in refusal(folder)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"fx": None, "cy": None}, "lacks fx, cy"),
        ({"fx": "wide"}, "wide"),
        ({"fx": float("nan")}, "finite"),
        ({"fy": -1}, "positive"),
        ({"width": 0}, "positive"),
        ({"depth_scale": 0}, "depth_scale"),
        ({"depth_scale": float("nan")}, "depth_scale"),
        ({"frame_rate": "fast"}, "frame_rate"),
        ({"camera_to_world": [1, 2, 3]}, "4x4"),
        ({"camera_to_world": [["a"] * 4] * 4}, "4x4"),
        ({"camera_to_world": np.full((4, 4), np.nan).tolist()}, "finite"),
        ({"camera_to_world": np.diag([2.0, 2, 2, 1]).tolist()}, "rigid"),
        ({"camera_to_world": np.diag([1.0, 1, -1, 1]).tolist()}, "rigid"),
        ({"camera_to_world": [POSE.tolist()] * 2}, "2 poses for 3 frames"),
        ({"camera_to_world": [POSE.tolist()] * 2 + [np.diag([2.0, 2, 2, 1]).tolist()]}, "rigid"),
        ({"camera_to_world": [[POSE.tolist()] * 3]}, "4x4"),
        ({"times_s": 3}, "3 numbers"),
        ({"times_s": [0, 1]}, "3 numbers"),
        ({"times_s": ["a", "b", "c"]}, "not a list of numbers"),
        ({"times_s": [0, float("nan"), 2]}, "finite"),
        ({"times_s": [0, 2, 1]}, "does not increase: frame 2"),
        ({"times_s": [0, 1, 1]}, "does not increase: frame 2"),
    ],
)
def test_intrinsics_without_meaning_are_refused_by_name(
    folder: Path,
    values: dict[str, Any],
    word: str,
) -> None:
    change(folder, **values)
    line = refusal(folder)
    assert word in line
    assert "intrinsics.json" in line


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "3"])
def test_intrinsics_that_are_not_a_json_object_are_refused(folder: Path, text: str) -> None:
    (folder / "intrinsics.json").write_text(text)
    assert "intrinsics.json" in refusal(folder)


@pytest.mark.parametrize("keep", [0, 4, 20, 33, 60, -1])
def test_a_truncated_png_is_refused_with_its_name(folder: Path, keep: int) -> None:
    path = folder / "depth" / "000002.png"
    path.write_bytes(path.read_bytes()[:keep])
    line = refusal(folder)
    assert "000002.png" in line
    assert "truncated" in line or "not a PNG" in line


def test_a_png_with_damaged_pixels_is_refused_when_decoded(folder: Path) -> None:
    path = folder / "depth" / "000002.png"
    data = bytearray(path.read_bytes())
    start = data.index(b"IDAT") + 4
    length = struct.unpack(">I", data[start - 8 : start - 4])[0]
    data[start : start + length] = bytes(length)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"000002\.png.*cannot be decoded"):
        load_depth_sequence(folder).depth_m(2)


@pytest.mark.parametrize(
    ("mode", "words"), [("L", "8-bit greyscale"), ("RGB", "8-bit colour"), ("RGBA", "8-bit colour with alpha")]
)
def test_an_8_bit_or_colour_png_is_refused_with_its_name(folder: Path, mode: str, words: str) -> None:
    Image.new(mode, (40, 30)).save(folder / "depth" / "000001.png")
    line = refusal(folder)
    assert words in line
    assert "000001.png" in line


def test_a_frame_of_another_size_is_refused_with_both_sizes(folder: Path) -> None:
    Image.fromarray(np.full((8, 9), 2000, np.uint16)).save(folder / "depth" / "000001.png")
    line = refusal(folder)
    assert "9x8" in line
    assert "40x30" in line


@pytest.mark.parametrize("place", [0, 1])
def test_frames_without_valid_depth_show_nothing_and_stay(folder: Path, place: int) -> None:
    Image.fromarray(np.full((30, 40), 65535, np.uint16)).save(folder / "depth" / f"00000{place}.png")
    sequence = load_depth_sequence(folder)
    assert not sequence.depth_m(place).any()
    assert len(sequence.points_world(place)) == 0
    assert sequence.first_seen(len(sequence)) == [index for index in range(len(sequence)) if index != place]


def test_a_sequence_without_any_valid_depth_is_refused(folder: Path) -> None:
    for path in (folder / "depth").iterdir():
        Image.fromarray(np.zeros((30, 40), np.uint16)).save(path)
    assert "holds no valid depth: every pixel of every frame is invalid; record it again" in refusal(folder)


def test_depth_that_is_no_number_or_not_ahead_is_invalid() -> None:
    depth = np.array([[np.nan, 1.0, -1.0], [np.inf, 0.0, 2.0]], np.float32)
    sequence = DepthSequence("s", Path("s"), PinholeCamera(3, 2, 2, 2, 1.5, 1), ("0",), np.zeros(1), lambda _: depth)
    np.testing.assert_array_equal(sequence.depth_m(0), [[0, 1, 0], [0, 0, 2]])


@pytest.mark.parametrize("depth_scale", [1, 10_000_000])
def test_implausible_depth_names_depth_scale(folder: Path, depth_scale: int) -> None:
    change(folder, depth_scale=depth_scale)
    line = refusal(folder)
    assert "median depth" in line
    assert f"depth_scale (stored units per metre, now {depth_scale:g}" in line


def test_a_damaged_npz_frame_is_refused(tmp_path: Path) -> None:
    save_depth_sequence(tmp_path, depth_images(1), CAMERA, POSE, file_format="npz")
    path = tmp_path / "depth" / "000000.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refusal(tmp_path)
    np.savez(path, other=np.ones(3))
    assert "no array 'depth_m'" in refusal(tmp_path)
    np.savez(path, depth_m=np.ones((30, 40), np.int32))
    assert "floating-point" in refusal(tmp_path)
    np.savez(path, depth_m=np.array([{}], object))
    assert "Python objects" in refusal(tmp_path)
    np.savez_compressed(path, depth_m=np.zeros((3000, 4000), np.float32))
    assert "4000x3000" in refusal(tmp_path)


def test_an_npz_frame_that_declares_more_than_it_holds_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    save_depth_sequence(tmp_path, depth_images(1), CAMERA, POSE, file_format="npz")
    description = json.loads((tmp_path / "intrinsics.json").read_text())
    (tmp_path / "intrinsics.json").write_text(json.dumps({**description, "width": 10**6, "height": 10**6}))
    header = io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}
    np.lib.format.write_array_header_1_0(header, shape)
    with zipfile.ZipFile(tmp_path / "depth" / "000000.npz", "w") as archive:
        archive.writestr("depth_m.npy", header.getvalue() + bytes(100))
    assert "not what it declares" in refusal(tmp_path)
