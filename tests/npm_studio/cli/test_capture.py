"""`npm-studio capture` on recordings written byte by byte."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from engine.core.errors import InputError
from engine.sequences.camera_path import Z_UP_TO_Y_UP
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.isolation import Isolation
from npm_studio.cli.capture_options import stated
from npm_studio.cli.main import build_parser, main
from tests.support.capture_files import bag_bytes, depth_frames, realsense_messages, write_pngs
from tests.support.depth_room import CAMERA, room_sequence
from tests.support.moving_camera import walk, walked_room
from tests.support.present import present


@pytest.fixture
def room(tmp_path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """A PNG folder of a subject in a room."""
    sequence, masks, pose = room_sequence(12.0)
    folder = tmp_path / "room"
    write_pngs(folder / "depth", np.stack([sequence.depth_m(index) for index in range(3)]))
    values = {name: getattr(CAMERA, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
    (folder / "intrinsics.json").write_text(json.dumps(values))
    return folder, masks, pose


def results(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_info_says_what_was_recognised_and_the_depths(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "walk.bag").write_bytes(bag_bytes(realsense_messages(depth_frames())))
    assert main(["capture", "info", str(tmp_path / "walk.bag"), "--json"]) == 0
    out = capsys.readouterr().out
    assert "ROS 1 bag: topic /device_0/sensor_0/Depth_0/image/data" in out
    assert " m #" in out  # the histogram
    found = json.loads(out.splitlines()[-1])
    assert (found["frames"], found["width"], found["height"], found["pose_stated"]) == (3, 40, 30, False)
    depths = depth_frames()
    assert found["depth_quantiles_m"]["50"] == pytest.approx(float(np.median(depths[depths > 0])), abs=2e-3)


def test_info_lists_what_to_know_about_the_recording(
    room: tuple[Path, np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _, _ = room
    (folder / "depth" / "1.png").write_bytes(b"")
    assert main(["capture", "info", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "frames     2 at 15" in out  # the frame between them keeps its time
    assert "warning: 1 of 3 frames skipped" in out and "warning: depth scale guessed" in out


def test_show_writes_a_contact_sheet(
    room: tuple[Path, np.ndarray, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _, _ = room
    assert main(["capture", "show", str(folder), str(tmp_path / "sheet.png"), "--remove-planes"]) == 0
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size == (3 * 400 + 16, 3 * 344 + 16)
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 100
    assert main(["capture", "show", str(folder), str(tmp_path / "sheet.txt")]) == 2
    assert "ends in .png" in capsys.readouterr().err


def test_convert_writes_the_subject_placed_for_a_model(
    room: tuple[Path, np.ndarray, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, masks, pose = room
    out = tmp_path / "native"
    options = ["--depth-scale", "1000", "--remove-planes", "--json"]
    assert main(["capture", "convert", str(folder), str(out), *options]) == 0
    found = results(capsys)
    sequence = load_depth_sequence(out)
    assert (len(sequence), sequence.frame_names) == (3, ("0", "1", "2"))
    np.testing.assert_allclose(sequence.camera_at(0), found["camera_to_world"])
    kept = sequence.depth_m(1) > 0
    assert (kept & masks[1]).sum() / (kept | masks[1]).sum() > 0.95
    up = sequence.camera_at(0)[:3, :3].T @ [0, 1, 0]
    assert np.degrees(np.arccos(up @ pose[:3, :3].T @ [0, 1, 0])) < 0.5
    points = sequence.points_world(0)
    assert abs(points[:, 0].min() + points[:, 0].max()) < 0.15  # the built-in model stands at x = 0
    assert main(["capture", "info", str(out), "--json"]) == 0
    assert results(capsys)["pose_stated"]


def test_convert_keeps_time_stamps_and_the_path_of_the_camera(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    true = walk(4)
    scene, _ = walked_room(true)
    folder = tmp_path / "walk"
    write_pngs(folder / "depth", np.stack([scene.depth_m(index) for index in range(4)]), 5000)
    values = {name: getattr(CAMERA, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
    (folder / "intrinsics.json").write_text(json.dumps(values))
    times = [100.0, 100.033, 100.2, 100.233]
    (folder / "depth.txt").write_text("\n".join(f"{time:.3f} depth/{index}.png" for index, time in enumerate(times)))
    rows = []
    for time, pose in zip(times, np.linalg.inv(Z_UP_TO_Y_UP) @ true, strict=True):
        rows.append([time, *pose[:3, 3], *Rotation.from_matrix(pose[:3, :3]).as_quat()])
    (folder / "groundtruth.txt").write_text("\n".join(" ".join(f"{value:.9f}" for value in row) for row in rows))
    out = tmp_path / "native"
    assert main(["capture", "convert", str(folder), str(out), "--remove-planes", "--json"]) == 0
    found = results(capsys)
    sequence = load_depth_sequence(out)
    np.testing.assert_allclose(sequence.times_s, times, atol=1e-9)
    np.testing.assert_allclose(present(sequence.cameras_to_world), found["camera_to_world"])
    for index, pose in enumerate(true):
        relative = np.linalg.inv(sequence.camera_at(0)) @ sequence.camera_at(index)
        np.testing.assert_allclose(relative, np.linalg.inv(true[0]) @ pose, atol=1e-6)
    medians = np.array([np.median(sequence.points_world(index), axis=0) for index in range(4)])
    assert np.ptp(medians[:, 1]) < 0.02  # the same height from everywhere
    assert main(["capture", "info", str(out)]) == 0
    assert "pose stated for each frame" in capsys.readouterr().out


def test_a_recording_without_time_stamps_says_that_its_rate_is_assumed(
    room: tuple[Path, np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capture", "info", str(room[0]), "--json"]) == 0
    out = capsys.readouterr().out
    assert "3 at 30 per second (assumed, it has no time stamps)" in out
    assert json.loads(out.splitlines()[-1])["frame_rate_assumed"]


def test_convert_takes_a_depth_range_and_masks(room: tuple[Path, np.ndarray, np.ndarray], tmp_path: Path) -> None:
    folder, masks, _ = room
    (tmp_path / "masks").mkdir()
    for index, mask in enumerate(masks):
        Image.fromarray(mask).save(tmp_path / "masks" / f"{index}.png")
    options = ["--masks", str(tmp_path / "masks"), "--near", "1", "--far", "2.9"]
    assert main(["capture", "convert", str(folder), str(tmp_path / "out"), *options]) == 0
    depth = load_depth_sequence(tmp_path / "out").depth_m(0)
    assert 0 < (depth > 0).sum() <= masks[0].sum()
    assert depth.max() <= 2.9


def test_convert_never_writes_over_the_recording_or_other_things(
    room: tuple[Path, np.ndarray, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _, _ = room
    for out in (folder, folder / "out", folder.parent):
        assert main(["capture", "convert", str(folder), str(out)]) == 2
        assert "name another folder" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    assert main(["capture", "convert", str(folder), str(tmp_path / "mine")]) == 2
    assert "is no depth sequence" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--near", "-1"],
        ["--far", "wide"],
        ["--depth-scale", "0"],
        ["--near", "3", "--far", "2"],
        ["--masks", "nowhere"],
    ],
)
def test_options_without_meaning_are_one_line_and_exit_code_2(
    room: tuple[Path, np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    assert main(["capture", "info", str(room[0]), *options]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()[-1:]) == 1


def test_a_recording_that_is_not_there_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", "info", str(tmp_path / "none")]) == 2
    assert "no such file or folder" in capsys.readouterr().err


def test_what_was_stated_survives_as_json() -> None:
    parser = build_parser("capture")
    line = "capture info x --near 0.5 --far 3 --masks m --remove-planes --depth-scale 5000 --intrinsics 1,2,3,4"
    line += " --stream left"
    options = stated(parser.parse_args(line.split()))
    assert options.reading == CaptureOptions(5000, "1,2,3,4", stream="left")
    record = json.loads(json.dumps(options.as_dict()))
    assert CaptureOptions.from_dict(record) == options
    plain = stated(parser.parse_args(["capture", "info", "x"]))
    assert plain.as_dict() == {} and CaptureOptions.from_dict({}) == plain


def test_files_that_were_stated_are_found_from_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "masks").mkdir()
    (tmp_path / "camera.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    record = CaptureOptions(intrinsics="camera.json", isolation=Isolation(masks=Path("masks"))).as_dict()
    options = CaptureOptions.from_dict(record)
    assert options.intrinsics == str(tmp_path / "camera.json")
    assert options.isolation.masks == tmp_path / "masks"


@pytest.mark.parametrize("record", [{"near_m": "x"}, {"depth_scale": [1]}, {"masks": 3}, {"intrinsics": {}}])
def test_a_record_of_something_else_is_refused(
    record: dict[str, Any],
) -> None:
    with pytest.raises(InputError, match="of a recording"):
        CaptureOptions.from_dict(record)


def test_convert_keeps_a_raw_recording_and_ground_truth(
    room: tuple[Path, np.ndarray, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _, _ = room
    other = tmp_path / "raw"
    shutil.copytree(folder, other)
    assert main(["capture", "convert", str(folder), str(other)]) == 2
    assert "is no depth sequence of NPM Studio" in capsys.readouterr().err
    assert main(["capture", "convert", str(folder), str(tmp_path / "out")]) == 0
    assert main(["capture", "convert", str(folder), str(tmp_path / "out")]) == 0
    (tmp_path / "out" / "truth").mkdir()
    assert main(["capture", "convert", str(folder), str(tmp_path / "out")]) == 2
    assert "ground truth" in capsys.readouterr().err
