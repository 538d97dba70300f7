"""Recordings in one file of arrays: npz and ScanNet's .sens."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World
from engine.sequences.capture_options import CaptureOptions
from npm_studio.cli.words import words
from tests.support.capture_files import HEIGHT, WIDTH, K, depth_frames, sens_bytes
from tests.support.captures import open_capture
from tests.support.present import present

CAMERA = PinholeCamera(WIDTH, HEIGHT, 50.0, 51.0, 20.0, 15.0)
FRAMES = depth_frames()


def npy_bytes(kind: str, shape: tuple[int, ...], data: bytes) -> bytes:
    """An .npy file, version 1.0, by hand."""
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def write_npz(path: Path, **arrays: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in arrays.items():
            archive.writestr(f"{name}.npy", data)


def metres(frames: np.ndarray = FRAMES) -> bytes:
    return npy_bytes("<f4", frames.shape, frames.astype("<f4").tobytes())


def matrix(values: np.ndarray = K) -> bytes:
    return npy_bytes("<f8", values.shape, np.ascontiguousarray(values, "<f8").tobytes())


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_capture(path, CaptureOptions(**options))
    line = caught.value.line(words)
    assert "\n" not in line and ";" in line, f"no cure in: {line}"
    return line


def test_an_npz_of_metres_is_read_forwards_and_backwards(tmp_path: Path) -> None:
    write_npz(tmp_path / "walk.npz", depth=metres(), K=matrix())
    sequence = open_capture(tmp_path / "walk.npz")
    assert (sequence.name, sequence.camera, sequence.warnings) == ("walk", CAMERA, ())
    assert sequence.origin == "npz: has depth (3, 30, 40) float32"
    for index in (0, 1, 2, 0, 2):
        np.testing.assert_array_equal(sequence.depth_m(index), FRAMES[index])


def test_an_npz_of_integers_has_its_scale_mask_pose_and_frame_rate(tmp_path: Path) -> None:
    values = np.rint(FRAMES * 4000).astype("<u2")
    mask = np.zeros(FRAMES.shape, "u1")
    mask[:, 5:20] = 255
    pose = np.diag([1.0, -1, -1, 1])
    pose[:3, 3] = 1, 2, 3
    write_npz(
        tmp_path / "a.npz",
        depth=npy_bytes("<u2", values.shape, values.tobytes()),
        K=matrix(),
        mask=npy_bytes("|u1", mask.shape, mask.tobytes()),
        cam_to_world=matrix(pose),
        frame_rate=npy_bytes("<f8", (), struct.pack("<d", 15)),
        depth_scale=npy_bytes("<i8", (), struct.pack("<q", 4000)),
    )
    sequence = open_capture(tmp_path / "a.npz")
    np.testing.assert_allclose(sequence.depth_m(1), np.where(mask[1], FRAMES[1], 0), atol=2e-4)
    np.testing.assert_array_equal(sequence.camera_at(0), pose)
    assert (sequence.frame_rate, sequence.warnings) == (15.0, ())


def test_floats_that_cannot_be_metres_are_guessed_with_a_warning(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", depth=metres(FRAMES * 1000), K=matrix())
    sequence = open_capture(tmp_path / "a.npz")
    assert "1000 units per metre" in sequence.warnings[0].line(words) and "--depth-scale" in sequence.warnings[0].line(
        words
    )
    np.testing.assert_allclose(sequence.depth_m(0), FRAMES[0], atol=1e-5)


def test_values_that_are_no_depth_are_invalid(tmp_path: Path) -> None:
    frames = FRAMES.copy()
    frames[0, 10, 10:14] = np.nan, np.inf, -1, 0
    write_npz(tmp_path / "a.npz", depth=metres(frames), K=matrix())
    assert (open_capture(tmp_path / "a.npz").depth_m(0)[10, 10:14] == 0).all()


def test_an_npz_without_intrinsics_takes_stated_ones(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", depth=metres())
    assert "no array K" in refusal(tmp_path / "a.npz")
    assert open_capture(tmp_path / "a.npz", CaptureOptions(intrinsics="50,51,20,15")).camera == CAMERA


@pytest.mark.parametrize(
    ("arrays", "word"),
    [
        ({"K": matrix()}, "no array 'depth'"),
        ({"depth": npy_bytes("<f4", (30, 40), bytes(4800)), "K": matrix()}, "needs (N, N, N)"),
        ({"depth": npy_bytes("|O", (1, 3, 4), b"\x80\x04."), "K": matrix()}, "Python objects"),
        ({"depth": npy_bytes("<f4", (1, 10**6, 10**6), b""), "K": matrix()}, "(1, 1000000, 1000000)"),
        ({"depth": npy_bytes("<f4", (10**12, 30, 40), bytes(4800)), "K": matrix()}, "not what it declares"),
        ({"depth": b"\x93NUMPY\x01\x00", "K": matrix()}, "not a readable npz"),
        ({"depth": metres().replace(b"'descr': '<f4'", b"'descr': (('f4'"), "K": matrix()}, "not a readable npz"),
        ({"depth": metres(), "K": matrix(np.ones((3, 3)))}, "[fx 0 cx"),
        ({"depth": metres(), "K": npy_bytes("<f8", (10**9, 10**9), b"")}, "needs (3, 3)"),
        ({"depth": metres(), "K": matrix(), "mask": npy_bytes("|u1", (1, 2, 3), bytes(6))}, "does not fit"),
        ({"depth": metres(), "K": matrix(), "cam_to_world": matrix(np.diag([2.0, 1, 1, 1]))}, "rigid"),
        ({"depth": metres(), "K": matrix(), "cam_to_world": matrix(np.eye(3))}, "cam_to_world must be"),
        ({"depth": metres(), "K": matrix(), "depth_scale": npy_bytes("<f8", (), struct.pack("<d", 0))}, "positive"),
    ],
)
def test_arrays_of_the_wrong_kind_are_refused(tmp_path: Path, arrays: dict[str, bytes], word: str) -> None:
    write_npz(tmp_path / "a.npz", **arrays)
    assert word in refusal(tmp_path / "a.npz")


def test_a_truncated_npz_and_another_zip_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, depth=metres(), K=matrix())
    path.write_bytes(path.read_bytes()[:-40])
    assert "not a readable npz" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "no array 'depth'" in refusal(path)


def test_damaged_images_of_an_npz_are_skipped(tmp_path: Path) -> None:
    path, data = tmp_path / "a.npz", io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("K.npy", matrix())
        archive.writestr("depth.npy", metres())
    whole = bytearray(data.getvalue())
    whole[whole.index(FRAMES[2].tobytes()) + 1000] ^= 255  # the checksum is looked at with the last bytes
    path.write_bytes(whole)
    sequence = open_capture(path)
    assert len(sequence) == 2
    assert "1 of 3 frames skipped" in sequence.warnings[0].line(words)


@pytest.mark.parametrize("compression", [0, 1])
def test_a_sens_file_is_read(tmp_path: Path, compression: int) -> None:
    path = tmp_path / "scene.sens"
    path.write_bytes(sens_bytes(FRAMES, compression))
    sequence = open_capture(path)
    assert sequence.origin == "ScanNet .sens version 4: 3 frames of 40x30"
    assert (sequence.camera, sequence.frame_rate, sequence.warnings) == (CAMERA, 25.0, ())
    for index in (2, 0, 1):
        np.testing.assert_allclose(sequence.depth_m(index), FRAMES[index], atol=6e-4)


def test_the_depth_shift_of_a_sens_file_is_its_unit(tmp_path: Path) -> None:
    (tmp_path / "a.sens").write_bytes(sens_bytes(FRAMES, units_per_metre=4000))
    np.testing.assert_allclose(open_capture(tmp_path / "a.sens").depth_m(1), FRAMES[1], atol=2e-4)


def test_a_sens_file_that_was_cut_off_gives_its_whole_frames_and_says_so(tmp_path: Path) -> None:
    whole = sens_bytes(FRAMES)
    (tmp_path / "a.sens").write_bytes(whole[:-100])
    sequence = open_capture(tmp_path / "a.sens")
    assert len(sequence) == 2
    assert "cut off: 2 of the 3 frames" in sequence.warnings[0].line(words)


@pytest.mark.parametrize("keep", [4, 11, 40, 200, 300, 340])
def test_a_sens_file_cut_off_in_its_header_is_refused(tmp_path: Path, keep: int) -> None:
    (tmp_path / "a.sens").write_bytes(sens_bytes(FRAMES)[:keep])
    line = refusal(tmp_path / "a.sens")
    assert "truncated in its header" in line or "no depth frames" in line


def test_frames_of_a_sens_file_that_are_bombs_or_damaged_are_skipped(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(50_000_000))
    (tmp_path / "a.sens").write_bytes(sens_bytes(FRAMES, pictures=[bomb, b"no zlib"]))
    sequence = open_capture(tmp_path / "a.sens")
    np.testing.assert_allclose(sequence.depth_m(0), FRAMES[2], atol=6e-4)
    assert "2 of 3 frames skipped" in sequence.warnings[0].line(words) and "000000" in sequence.warnings[0].line(words)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (sens_bytes(FRAMES, size=(2**31, 2**31)), "declares depth images"),
        (sens_bytes(FRAMES, compression=2), "compression 2"),
        (sens_bytes(FRAMES, version=3), "not a .sens file"),
        (sens_bytes(FRAMES[:0], size=(40, 30)), "no depth frames"),
        (sens_bytes(FRAMES[:0], size=(40, 30), declared=2**63), "no depth frames"),
        (struct.pack("<IQ", 4, 2**60) + bytes(500), "not a .sens file"),
        (sens_bytes(FRAMES, units_per_metre=float("nan"), pictures=[b""] * 3), "nan depth units"),
    ],
)
def test_sens_headers_without_meaning_are_refused(tmp_path: Path, data: bytes, word: str) -> None:
    (tmp_path / "a.sens").write_bytes(data)
    assert word in refusal(tmp_path / "a.sens")


def z_up_pose(x: float) -> np.ndarray:
    """OpenCV axes in a world with Z up: looks along +y, the bottom of its image is down."""
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    pose[:3, 3] = x, 0.5, 1.6
    return pose


def test_poses_of_a_sens_file_are_kept_and_their_world_has_y_up(tmp_path: Path) -> None:
    (tmp_path / "a.sens").write_bytes(sens_bytes(FRAMES, poses=[z_up_pose(x) for x in (1.0, 1.1, 1.2)]))
    sequence = open_capture(tmp_path / "a.sens")
    assert sequence.world is World.UPRIGHT
    positions = present(sequence.cameras_to_world)[:, :3, 3]
    np.testing.assert_allclose(positions, [[x, 1.6, -0.5] for x in (1, 1.1, 1.2)], atol=1e-6)
    np.testing.assert_allclose(sequence.camera_at(1)[:3, :3], np.diag([1, -1, -1]), atol=1e-6)  # as a front camera
    assert any("moves by 0.20 m" in str(warning) for warning in sequence.warnings)


def test_frames_whose_tracking_was_lost_are_left_out_and_said(tmp_path: Path) -> None:
    lost = np.full((4, 4), -np.inf)
    (tmp_path / "a.sens").write_bytes(sens_bytes(FRAMES, poses=[z_up_pose(1.0), lost, z_up_pose(1.2)]))
    sequence = open_capture(tmp_path / "a.sens")
    assert sequence.frame_names == ("000000", "000002")
    np.testing.assert_allclose(sequence.times_s, [0, 0.08])
    np.testing.assert_allclose(sequence.depth_m(1), FRAMES[2], atol=6e-4)
    text = "1 of 3 frames left out: they have no camera pose, the first is 000001"
    assert text in map(str, sequence.warnings)


def test_a_path_that_starts_at_the_identity_is_that_of_an_unknown_world(tmp_path: Path) -> None:
    moved = np.eye(4)
    moved[0, 3] = 0.3
    (tmp_path / "a.sens").write_bytes(sens_bytes(FRAMES, poses=[np.eye(4), moved, moved]))
    sequence = open_capture(tmp_path / "a.sens")
    assert sequence.world is World.ARBITRARY
    np.testing.assert_allclose(sequence.camera_at(1), moved, atol=1e-7)


def test_a_sens_file_without_time_stamps_says_so_and_keeps_its_frames(tmp_path: Path) -> None:
    (tmp_path / "a.sens").write_bytes(sens_bytes(FRAMES, stamps=[0, 0, 0]))
    sequence = open_capture(tmp_path / "a.sens")
    assert (len(sequence), sequence.frame_rate) == (3, 30.0)
    assert any("time stamps are that of the frame before" in str(warning) for warning in sequence.warnings)


def test_an_npz_of_a_moving_camera_keeps_the_pose_of_every_frame(tmp_path: Path) -> None:
    poses = np.stack([np.diag([1.0, -1, -1, 1])] * 3)
    poses[:, 0, 3] = 0, 0.2, 0.4
    stored = npy_bytes("<f8", poses.shape, poses.tobytes())
    write_npz(tmp_path / "a.npz", depth=metres(), K=matrix(), cam_to_world=stored)
    sequence = open_capture(tmp_path / "a.npz")
    np.testing.assert_array_equal(present(sequence.cameras_to_world), poses)
    assert sequence.world is World.PLACED


def test_frames_of_a_sens_file_without_images_end_it(tmp_path: Path) -> None:
    path = tmp_path / "a.sens"
    path.write_bytes(sens_bytes(FRAMES, declared=2**40) + bytes(96 * 1000))
    sequence = open_capture(path)
    assert len(sequence) == len(FRAMES)
    assert f"{len(FRAMES)} of the {2**40} frames" in sequence.warnings[0].line(words)
