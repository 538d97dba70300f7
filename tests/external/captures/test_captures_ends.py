"""Matroska that was cut off or does not say which track is depth, and points of compressed PCD and XYZ."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.sequences.capture_options import CaptureOptions
from external.captures.matroska_end import MatroskaEnd, matroska_end
from external.captures.pcd_file import lzf_decompressed
from external.captures.point_files import read_points
from npm_studio.cli.words import words
from tests.support.capture_files import HEIGHT, WIDTH, depth_frames, element, kinect_calibration, kinect_mkv
from tests.support.captures import open_capture
from tests.support.point_cloud_files import backproject, lzf_bytes, pcd_compressed, xyz_bytes

FRAMES = depth_frames(8)
MINIMAL = {"width": WIDTH, "height": HEIGHT, "fx": 50, "fy": 51, "cx": 20, "cy": 15}
STATED: dict[str, Any] = {"intrinsics": "50,51,20,15"}


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_capture(path, CaptureOptions(**options))
    line = caught.value.line(words)
    assert "\n" not in line and ";" in line, f"no cure in: {line}"
    return line


def notices(path: Path, **options: Any) -> str:
    sequence = open_capture(path, CaptureOptions(**STATED | options))
    return " ".join(notice.line(words) for notice in sequence.warnings)


@pytest.fixture
def mkv(tmp_path: Path) -> Path:
    path = tmp_path / "walk.mkv"
    path.write_bytes(kinect_mkv(FRAMES, kinect_calibration()))
    return path


@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.62, 0.9, 0.999])
def test_a_recording_that_was_cut_off_says_how_many_frames_were_lost(mkv: Path, fraction: float) -> None:
    assert notices(mkv) == ""
    whole = mkv.read_bytes()
    mkv.write_bytes(whole[: int(fraction * len(whole))])
    left = len(open_capture(mkv, CaptureOptions(**STATED)))
    assert 0 < left < 8
    assert f"the file is cut off: about {8 - left} of 8 frames are lost at its end" in notices(mkv)


def test_a_recording_without_its_size_was_not_closed(mkv: Path) -> None:
    data = bytearray(mkv.read_bytes())
    place = data.index(b"\x18\x53\x80\x67") + 4
    data[place : place + 8] = b"\x01" + b"\xff" * 7
    mkv.write_bytes(data)
    assert "the recorder did not close the file" in notices(mkv)
    mkv.write_bytes(data[:-100])
    assert "about 1 of 8 frames are lost" in notices(mkv)
    mkv.write_bytes(bytes(data) + element(0x1C53BB6B, b""))
    assert notices(mkv) == ""


def test_a_file_that_is_no_matroska_counts_as_whole(tmp_path: Path) -> None:
    for data in (b"", b"\x1a\x45\xdf\xa3", b"\0" * 100, b"\x1a\x45\xdf\xa3\x80\x42\x86\x80", bytes(range(256))):
        (tmp_path / "a").write_bytes(data)
        assert matroska_end(tmp_path / "a") == MatroskaEnd()


def test_an_infrared_track_alone_is_no_depth(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(kinect_mkv(FRAMES, kinect_calibration(), ("IR",)))
    assert "has no depth track (it has IR)" in refusal(path, **STATED)
    assert "has no depth track (it has IR)" in refusal(path)


def test_a_track_without_a_name_is_depth_if_its_numbers_are(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(kinect_mkv(FRAMES, None, ("",)))
    assert "does not say that it is depth, but is the only one that can be" in notices(path)
    noise = np.random.default_rng(0).uniform(0.2, 4, FRAMES.shape)
    path.write_bytes(kinect_mkv(noise, None, ("",)))
    assert "does not look like depth" in refusal(path, **STATED)


def test_one_of_two_depth_tracks_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(kinect_mkv(FRAMES, None, ("DEPTH", "DEPTH_RIGHT")))
    assert "other depth tracks are not read: DEPTH_RIGHT; choose with --stream" in notices(path)
    assert "names 2 tracks" in refusal(path, stream="depth", **STATED)
    assert "names 0 tracks" in refusal(path, stream="left", **STATED)
    chosen = open_capture(path, CaptureOptions(intrinsics="50,51,20,15", stream="right", depth_scale=5))
    assert "track DEPTH_RIGHT" in chosen.origin
    assert chosen.streams == ("DEPTH", "DEPTH_RIGHT")
    for stream in chosen.streams:  # each by the name that it is listed under
        assert f"track {stream} " in open_capture(path, CaptureOptions(**STATED, stream=stream)).origin


def test_one_of_two_tracks_without_names_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(kinect_mkv(FRAMES, None, ("", "")))
    line = refusal(path, **STATED)
    assert "number 0 (rawvideo), number 1 (rawvideo)" in line and "name one that is depth with --stream" in line
    chosen = open_capture(path, CaptureOptions(**STATED, stream="number 1"))
    assert "track 1 (rawvideo)" in chosen.origin and len(chosen.streams) == 2


@pytest.mark.parametrize(
    "data",
    [b"", b"a", b"abcabcabcabc" * 40, bytes(5000), bytes(range(256)) * 40, np.arange(900, dtype="<f4").tobytes()],
)
def test_lzf_gives_back_what_was_compressed(data: bytes) -> None:
    assert lzf_decompressed(lzf_bytes(data), len(data)) == data


def test_lzf_that_is_damaged_is_refused() -> None:
    packed = lzf_bytes(bytes(500))
    for broken, size in ((packed, 499), (packed, 501), (packed[:-1], 500), (b"\x20\x05", 3), (b"\xe0", 9)):
        with pytest.raises((ValueError, IndexError)):
            lzf_decompressed(broken, size)


@pytest.mark.parametrize(("ending", "write"), [("pcd", pcd_compressed), ("xyz", xyz_bytes)])
def test_points_of_compressed_pcd_and_xyz_are_read(tmp_path: Path, ending: str, write: Any) -> None:
    for index in range(2):
        (tmp_path / f"{index}.{ending}").write_bytes(write(backproject(FRAMES[index])))
    (tmp_path / "intrinsics.json").write_text(json.dumps(MINIMAL))
    sequence = open_capture(tmp_path)
    for index in range(2):
        np.testing.assert_allclose(sequence.depth_m(index), FRAMES[index], atol=1e-5)


@pytest.mark.parametrize(
    "text",
    [
        "1.5 2 3\n4 5 6\n",
        "2\n1.5 2 3\n4 5 6\n",
        "x,y,z\n1.5,2,3\r\n4,5,6\r\n",
        "1,5 2,0 3,0\n4,0 5,0 6,0\n",
        "1.5;2;3;255\n4;5;6;255\n",
        "// comment\n\n1.5 2 3 # no\n4 5 6".replace(" # no", ""),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_of_points_is_read_in_every_form(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.xyz").write_bytes(text.encode(encoding))
    np.testing.assert_array_equal(read_points(tmp_path / "a.xyz"), [[1.5, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"# nothing\n", "no points"),
        (b"1 2\n3 4\n", "not every line"),
        (b"1 2 3\n4 5\n", "not every line"),
        (b"3\n1 2 3\n", "truncated: 1 of 3"),
        (b"2\nmethane\nC 0 0 0\nH 1 0 0\n", "not every line"),
        (b"\x00\x01\x02\x03\xff\xfe", "cannot be read"),
    ],
)
def test_a_text_that_holds_no_points_is_refused(tmp_path: Path, data: bytes, word: str) -> None:
    (tmp_path / "a.xyz").write_bytes(data)
    line = refusal(tmp_path / "a.xyz")
    assert word in line and "a.xyz" in line
