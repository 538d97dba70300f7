"""Depth pictures of other kinds than PNG, subfolders that say depth, and pictures that say they are something else."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from external.captures.depth_pictures import read_picture
from external.captures.stream_names import looks_like_depth, other_stream
from npm_studio.cli.words import words
from npm_studio.session.document.recognise import Kind, recognise
from tests.support.capture_files import (
    HEIGHT,
    WIDTH,
    depth_frames,
    pgm_bytes,
    png_bytes,
    stored,
    tiff_bytes,
    write_pngs,
)
from tests.support.captures import open_capture

CAMERA = PinholeCamera(WIDTH, HEIGHT, 50.0, 51.0, 20.0, 15.0)
MINIMAL = {"width": WIDTH, "height": HEIGHT, "fx": 50, "fy": 51, "cx": 20, "cy": 15}
FRAMES = depth_frames()


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_capture(path, CaptureOptions(**options))
    line = caught.value.line(words)
    assert "\n" not in line and ";" in line, f"no cure in: {line}"
    return line


def notices(path: Path) -> str:
    return " ".join(notice.line(words) for notice in open_capture(path).warnings)


def assert_depths(path: Path, atol: float = 6e-4) -> None:
    sequence = open_capture(path)
    assert (sequence.camera, len(sequence)) == (CAMERA, len(FRAMES))
    for index, frame in enumerate(FRAMES):
        depth = sequence.depth_m(index)
        np.testing.assert_array_equal(depth > 0, frame > 0)
        np.testing.assert_allclose(depth, frame, atol=atol)


def npy(values: np.ndarray, path: Path) -> None:
    np.save(path, values)


def tiff(values: np.ndarray, path: Path) -> None:
    path.write_bytes(tiff_bytes(values))


def pgm(values: np.ndarray, path: Path) -> None:
    path.write_bytes(pgm_bytes(values))


def write(folder: Path, ending: str, writer: Callable[[np.ndarray, Path], None], frames: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(frames):
        writer(frame, folder / f"{index}{ending}")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    folder = tmp_path / "walk"
    folder.mkdir()
    (folder / "intrinsics.json").write_text(json.dumps(MINIMAL))
    return folder


MILLIMETRES = stored(FRAMES, 1000)


@pytest.mark.parametrize("inside", ["depth", "."])
@pytest.mark.parametrize(
    ("ending", "writer", "frames", "kind"),
    [
        (".tiff", tiff, FRAMES.astype("<f4"), "floating-point TIFF"),
        (".tif", tiff, FRAMES.astype(">f4"), "floating-point TIFF"),
        (".TIF", tiff, MILLIMETRES.astype("<u2"), "TIFF"),
        (".tif", tiff, MILLIMETRES.astype(">u2"), "TIFF"),
        (".pgm", pgm, MILLIMETRES, "16-bit PGM"),
        (".npy", npy, FRAMES, "floating-point .npy"),
        (".npy", npy, FRAMES.astype(np.float64), "floating-point .npy"),
        (".npy", npy, MILLIMETRES, ".npy"),
        (".npy", npy, FRAMES[..., None], "floating-point .npy"),
    ],
)
def test_depth_of_every_kind_of_picture_is_read(
    recording: Path, inside: str, ending: str, writer: Any, frames: np.ndarray, kind: str
) -> None:
    write(recording / inside, ending, writer, frames)
    assert_depths(recording)
    assert open_capture(recording).origin.startswith(f"folder of {kind}: ")
    assert recognise(recording) == (Kind.SEQUENCE, recording)
    assert recognise(recording / inside / f"1{ending}") == (Kind.SEQUENCE, recording)


def test_floating_point_metres_need_no_guess_and_millimetres_are_said(recording: Path) -> None:
    write(recording, ".tiff", tiff, FRAMES.astype("<f4"))
    assert open_capture(recording).warnings == ()
    write(recording, ".tiff", tiff, (FRAMES * 1000).astype("<f4"))
    assert "1000 units per metre" in notices(recording)
    assert_depths(recording)


def test_values_of_a_pgm_are_not_stretched_to_its_largest(tmp_path: Path) -> None:
    values = np.arange(300, 600).reshape(15, 20)
    (tmp_path / "a.pgm").write_bytes(pgm_bytes(values, 4095))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.pgm"), values)


def test_not_a_number_in_floating_point_depth_is_invalid(recording: Path) -> None:
    frame = FRAMES[0].copy()
    frame[5, 5], frame[6, 6], frame[7, 7] = np.nan, np.inf, -1
    write(recording, ".npy", npy, frame[None])
    depth = open_capture(recording).depth_m(0)
    assert depth[5, 5] == depth[6, 6] == depth[7, 7] == 0 < depth[8, 8]


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("0.tif", tiff_bytes(np.zeros((HEIGHT, WIDTH), "u1")), "not 16-bit or floating-point"),
        ("0.tif", tiff_bytes(MILLIMETRES[0].astype("<u2"), pages=3), "holds 3 pictures in one file"),
        ("0.tif", b"II*\0", "cannot be read as TIFF"),
        ("0.tif", tiff_bytes(FRAMES[0].astype("<f4"))[:1000], "cannot be read as TIFF"),
        ("0.pgm", pgm_bytes(MILLIMETRES[0])[:-1], "truncated"),
        ("0.pgm", pgm_bytes(MILLIMETRES[0], 255), "8-bit"),
        ("0.pgm", b"P5 # no end", "damaged PGM header"),
        ("0.pgm", b"P5 999999999 999999999 65535\n", "truncated"),
        ("0.pgm", b"P2\n2 2\n65535\n1 2 3 4", "not a binary PGM"),
    ],
)
def test_pictures_without_depth_or_damaged_are_refused_by_name(
    recording: Path, name: str, data: bytes, word: str
) -> None:
    (recording / name).write_bytes(data)
    line = refusal(recording)
    assert word in line and name in line


@pytest.mark.parametrize("name", ["Depth", "depth_raw", "depth_image", "aligned_depth", "DEPTH16"])
def test_a_subfolder_whose_name_holds_depth_is_found(recording: Path, name: str) -> None:
    write_pngs(recording / name, FRAMES)
    (recording / "rgb").mkdir()
    for index in range(3):
        (recording / "rgb" / f"{index}.png").write_bytes(png_bytes(np.zeros((HEIGHT, WIDTH, 3)), 8, 2))
        (recording / f"preview{index}.png").write_bytes(png_bytes(np.zeros((HEIGHT, WIDTH, 3)), 8, 2))
    assert_depths(recording)
    assert f"{name}/ has 3 of them" in open_capture(recording).origin
    assert "not read" not in notices(recording)
    assert recognise(recording / name) == (Kind.SEQUENCE, recording)


def test_pictures_made_for_viewing_do_not_hide_the_depth_beside_them(recording: Path) -> None:
    for index in range(3):
        (recording / "depth_colored").mkdir(exist_ok=True)
        (recording / "depth_colored" / f"{index}.png").write_bytes(png_bytes(np.zeros((HEIGHT, WIDTH, 3)), 8, 2))
    write_pngs(recording / "depth_raw", FRAMES)
    assert_depths(recording)


def test_a_second_folder_of_depth_is_mentioned_with_how_to_read_it(recording: Path) -> None:
    write_pngs(recording / "depth_left", FRAMES)
    write_pngs(recording / "depth_right", FRAMES[:2])
    assert_depths(recording)
    assert "depth_right/ holds 2 16-bit PNG files of depth as well, which are not read; give that folder" in notices(
        recording
    )
    assert len(open_capture(recording / "depth_right")) == 2


def test_frames_that_a_subfolder_hides_are_counted(recording: Path) -> None:
    write_pngs(recording, np.repeat(FRAMES, 3, axis=0))
    write_pngs(recording / "depth", FRAMES)
    assert_depths(recording)
    assert "9 16-bit PNG files of depth in the folder itself are not read" in notices(recording)
    write(recording / "depth", ".npy", npy, FRAMES)
    assert "depth/ holds 3 .npy files of depth as well" in notices(recording)


@pytest.mark.parametrize("place", ["infrared", "thermal_left", "IR", "cam0_ir", "disparity"])
def test_a_folder_that_says_it_is_something_else_is_refused(tmp_path: Path, place: str) -> None:
    write_pngs(tmp_path / place, FRAMES)
    (tmp_path / place / "intrinsics.json").write_text(json.dumps(MINIMAL))
    assert f"holds {other_stream(place)} images" in refusal(tmp_path / place)


def test_infrared_files_beside_depth_are_no_frames(recording: Path) -> None:
    write_pngs(recording, FRAMES)
    write_pngs(recording, FRAMES, name="{}_ir.png")
    assert_depths(recording)
    for index in range(3):
        (recording / f"{index}.png").unlink()
    assert "holds infrared images by its name or theirs (0_ir.png)" in refusal(recording)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("/device_0/sensor_0/Infrared_1/image/data", "infrared"),
        ("/camera/infra1/image_rect_raw", "infrared"),
        ("frameIR0001", "infrared"),
        ("thermal_camera", "thermal"),
        ("/camera/depth/image_rect_raw", ""),
        ("depth_to_infra1", ""),
        ("first_air_mirror", ""),
        ("rgbd_dataset", ""),
        ("/camera/color/image_raw", "colour"),
    ],
)
def test_words_of_a_name_say_what_a_stream_is(name: str, kind: str) -> None:
    assert other_stream(name) == kind


def test_numbers_tell_depth_from_infrared_and_thermal() -> None:
    random = np.random.default_rng(0)
    assert looks_like_depth(MILLIMETRES[0], 1000)
    assert not looks_like_depth(random.integers(50, 4000, (HEIGHT, WIDTH)).astype(np.uint16), 1000)
    assert not looks_like_depth((29000 + MILLIMETRES[0] / 10).astype(np.uint16), 1000)
    assert not looks_like_depth(np.zeros((HEIGHT, WIDTH), np.uint16), 1000)


def test_a_stack_of_arrays_is_read_with_intrinsics_beside_it_or_stated(recording: Path) -> None:
    np.save(recording / "depth.npy", FRAMES)
    np.save(recording / "poses.npy", np.tile(np.eye(4), (3, 1, 1)))
    assert_depths(recording)
    assert_depths(recording / "depth.npy")
    assert "npy: has depth (3, 30, 40) float32" in open_capture(recording).origin
    (recording / "intrinsics.json").unlink()
    assert "no intrinsics for its 40x30 depth images" in refusal(recording / "depth.npy")
    stated = open_capture(recording / "depth.npy", CaptureOptions(intrinsics="50,51,20,15"))
    assert stated.camera == CAMERA


def test_intrinsics_of_another_recording_are_never_taken(tmp_path: Path) -> None:
    """Of a stack beside other recordings, and of one of several folders of depth beside each other."""
    np.save(tmp_path / "stack.npy", FRAMES)
    for name in ("depth_left", "depth_right"):
        write_pngs(tmp_path / name, FRAMES)
    (tmp_path / "depth_right" / "intrinsics.json").write_text(json.dumps(MINIMAL))
    line = refusal(tmp_path / "stack.npy")
    assert "stack.npy: has no intrinsics for its 40x30 depth images" in line and "--intrinsics" in line
    assert "has no intrinsics" in refusal(tmp_path / "depth_left")
    assert open_capture(tmp_path / "depth_right").camera == CAMERA


def test_a_stack_of_integers_and_in_fortran_order_is_read(recording: Path) -> None:
    np.save(recording / "stack.npy", np.asfortranarray(MILLIMETRES))
    assert_depths(recording / "stack.npy")


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros((3, 4, 4)), "no depth images"),
        (np.zeros((2, 3, HEIGHT, WIDTH), np.float32), "no depth images"),
        (np.zeros((3, HEIGHT, WIDTH), np.uint8), "no depth images"),
        (np.array([{"a": 1}]), "no depth images"),
        (np.zeros((0, HEIGHT, WIDTH), np.float32), "truncated"),
    ],
)
def test_arrays_that_are_no_depth_are_refused(recording: Path, array: np.ndarray, word: str) -> None:
    np.save(recording / "a.npy", array, allow_pickle=True)
    assert word in refusal(recording / "a.npy")


def test_a_stack_that_was_cut_off_is_refused(recording: Path) -> None:
    np.save(recording / "a.npy", FRAMES)
    path = recording / "a.npy"
    for keep in (20, 500):
        path.write_bytes(path.read_bytes()[:keep])
        line = refusal(path)
        assert "truncated" in line or "cannot be read" in line


def test_two_stacks_in_a_folder_ask_for_one(recording: Path) -> None:
    for name in ("a.npy", "b.npy"):
        np.save(recording / name, FRAMES)
    assert "2 stacks of depth (a.npy, b.npy)" in refusal(recording)
    (recording / "a.npy").rename(recording / "depth_a.npy")
    assert "depth_a" in str(open_capture(recording).root)


def test_a_folder_of_arrays_that_are_no_depth_is_no_recording(tmp_path: Path) -> None:
    np.save(tmp_path / "faces.npy", np.zeros((500, 3), int))
    np.save(tmp_path / "vertices.npy", np.zeros((20, 900, 3)))
    assert "holds no depth recording that is known" in refusal(tmp_path)
    with pytest.raises(InputError, match="holds nothing that NPM Studio opens"):
        recognise(tmp_path)
