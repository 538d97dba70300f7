"""TUM RGB-D recordings as people have them: lists of associations, texts of Windows, other names, ICL-NUIM."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from npm_studio.cli.words import words
from tests.support.capture_files import depth_frames, open3d_json, write_pngs, write_tum
from tests.support.captures import open_capture

FREIBURG_1 = PinholeCamera(640, 480, 517.3, 516.5, 319.1, 255.8)
LARGE = depth_frames(2, 640, 480) / 2


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_capture(path, CaptureOptions(**options))
    return caught.value.line(words)


@pytest.mark.parametrize("name", ["rgbd_dataset_freiburg1_desk", "fr1_desk", "freiburg1/desk", "FR1-xyz"])
@pytest.mark.parametrize("order", ["depth first", "colour first"])
def test_a_list_of_associations_is_a_tum_recording(tmp_path: Path, name: str, order: str) -> None:
    folder = tmp_path / name
    write_pngs(folder / "depth", LARGE, 5000, "{}.5.png")
    pairs = [(f"{index}.5 depth/{index}.5.png", f"{index}.4 rgb/{index}.4.png") for index in range(2)]
    text = "\n".join(" ".join(pair if order == "depth first" else pair[::-1]) for pair in pairs)
    (folder / "associations.txt").write_text(text)
    sequence = open_capture(folder)
    assert sequence.origin.startswith("TUM RGB-D: has associations.txt with 2 entries")
    assert sequence.origin.endswith("freiburg1; 5000 units per metre by the name of the folder")
    assert sequence.camera == FREIBURG_1 and sequence.warnings == ()
    np.testing.assert_allclose(sequence.depth_m(1), LARGE[1], atol=2e-4)
    np.testing.assert_allclose(np.diff(sequence.times_s), 1)


def test_numbers_of_frames_are_no_time_stamps_in_a_recording_of_icl_nuim(tmp_path: Path) -> None:
    folder = tmp_path / "living_room_traj2_frei_png"
    write_pngs(folder / "depth", LARGE, 5000)
    (folder / "associations.txt").write_text("0 depth/0.png 0 rgb/0.png\n1 depth/1.png 1 rgb/1.png\n")
    sequence = open_capture(folder)
    assert sequence.camera == PinholeCamera(640, 480, 481.2, 480.0, 320.0, 240.0)
    assert sequence.times_assumed and sequence.frame_rate == 30
    assert "numbers of frames" in sequence.warnings[0].line(words)
    np.testing.assert_allclose(sequence.depth_m(1), LARGE[1], atol=2e-4)


def test_a_list_of_associations_that_does_not_say_depth_is_refused(tmp_path: Path) -> None:
    write_pngs(tmp_path / "a", LARGE)
    (tmp_path / "associations.txt").write_text("0 a/0.png 0 b/0.png\n")
    assert "does not say which of its files are of depth" in refusal(tmp_path)


def windows(lines: list[str]) -> dict[str, bytes]:
    text = "\r\n".join(lines) + "\r\n"
    entries = [line for line in lines if not line.startswith("#")]
    return {
        "byte order mark": text.encode("utf-8-sig"),
        "UTF-16": text.encode("utf-16"),
        "UTF-16 without mark": text.encode("utf-16-le"),
        "umlauts of Windows": ("# Räume\r\n" + text).encode("cp1252"),
        "backslashes": text.replace("/", "\\").encode(),
        "commas": "\n".join(line.replace(" ", ",") for line in entries).encode(),
        "semicolons": "\n".join(line.replace(" ", "; ") for line in entries).encode(),
        "decimal commas": "\n".join(line.replace(".", ",", 1) for line in entries).encode(),
        "commas alone": "\n".join(line.replace(".", ",", 1).replace(" ", ",") for line in entries).encode(),
        "tabs and ./": text.replace(" depth", "\t./depth").encode(),
        "bare names": text.replace("depth/", "").encode(),
    }


WAYS = list(windows([]))


@pytest.mark.parametrize("way", WAYS)
def test_a_list_is_read_as_windows_programs_write_it(tmp_path: Path, way: str) -> None:
    folder = tmp_path / "walk"
    write_tum(folder, depth_frames())
    (folder / "camera.json").write_text(open3d_json())
    plain = open_capture(folder)
    lines = (folder / "depth.txt").read_text().splitlines()
    (folder / "depth.txt").write_bytes(windows(lines)[way])
    sequence = open_capture(folder)
    np.testing.assert_allclose(sequence.times_s, plain.times_s)
    assert sequence.frame_names == plain.frame_names and sequence.warnings == ()
    np.testing.assert_array_equal(sequence.depth_m(2), plain.depth_m(2))


def test_a_ground_truth_with_decimal_commas_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    write_tum(folder, depth_frames())
    (folder / "camera.json").write_text(open3d_json())
    plain = open_capture(folder)
    text = "\n".join((folder / "groundtruth.txt").read_text().splitlines()[1:])
    for changed in (text.replace(".", ","), text.replace(" ", ","), text.replace(".", ",").replace(" ", ";")):
        (folder / "groundtruth.txt").write_text(changed, encoding="utf-16")
        np.testing.assert_allclose(open_capture(folder).camera_at(1), plain.camera_at(1))


@pytest.mark.parametrize("line", ["1.0 C:\\depth\\0.png", "1.0 ..\\other\\0.png", "1.0 \\\\server\\0.png"])
def test_paths_of_windows_that_lead_out_of_the_folder_are_refused(tmp_path: Path, line: str) -> None:
    folder = tmp_path / "walk"
    write_tum(folder, depth_frames())
    (folder / "depth.txt").write_text(line)
    assert "leads out of the folder" in refusal(folder)


def test_millimetres_in_the_layout_of_tum_are_told_by_their_values(tmp_path: Path) -> None:
    folder = tmp_path / "cafe1-1"
    write_tum(folder, depth_frames(), 1000)
    (folder / "camera.json").write_text(open3d_json())
    sequence = open_capture(folder)
    np.testing.assert_allclose(sequence.depth_m(1), depth_frames()[1], atol=1e-6)
    assert "depth scale guessed: 1000" in sequence.warnings[0].line(words)


def test_pictures_without_a_list_in_a_folder_of_a_known_name_are_read_and_it_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "rgbd_dataset_freiburg1_desk"
    write_pngs(folder / "depth", LARGE, 5000)
    sequence = open_capture(folder)
    assert sequence.camera == FREIBURG_1
    assert "5000 units per metre, as TUM RGB-D has it" in sequence.origin
    assert "freiburg1 is taken by the name of the folder" in sequence.warnings[0].line(words)
