"""Files that are not quite as the format has it: what is in them is read, and said."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from external.bvh.clip import BvhClip
from external.bvh.parse import read_bvh
from tests.support.bvh_files import TINY


def read(folder: Path, data: str | bytes) -> BvhClip:
    (folder / "a.bvh").write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_bvh(folder / "a.bvh")


def said(clip: BvhClip) -> str:
    return " | ".join(str(notice) for notice in clip.notices)


MORE = TINY + "2 92 4 1 2 3 4 5 6\n"


@pytest.mark.parametrize(
    ("text", "frames", "message"),
    [
        (TINY, 2, ""),
        (MORE, 3, "declares 2 frames and holds 3"),
        (MORE.replace("Frames: 2", "Frames: 4"), 3, "declares 4 frames and holds 3"),
        (MORE.replace("Frames: 2", "Frames: 3")[:-8], 2, "its last frame is cut off and left out"),
    ],
    ids=["as declared", "one more", "one less", "cut off"],
)
def test_what_frames_there_are_are_taken(text: str, frames: int, message: str, tmp_path: Path) -> None:
    clip = read(tmp_path, text)
    np.testing.assert_array_equal(clip.values, read(tmp_path, MORE).values[:frames])
    assert message in said(clip) and bool(message) == bool(clip.notices)


def test_most_of_a_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="declares 9 frames and holds 3"):
        read(tmp_path, MORE.replace("Frames: 2", "Frames: 9"))


@pytest.mark.parametrize("end", ["\x00", "\x00\x00\n", "\x1a", "\r\n\x00"])
def test_what_stands_behind_the_end_does_not_matter(end: str, tmp_path: Path) -> None:
    clip = read(tmp_path, TINY + end)
    np.testing.assert_array_equal(clip.values, read(tmp_path, TINY).values)
    assert not clip.notices


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_texts_as_windows_writes_them_are_read(encoding: str, tmp_path: Path) -> None:
    mark = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")
    text = TINY.replace("Left Arm", "Linker Ärmel").replace("\n", "\r\n")
    clip = read(tmp_path, (mark + text).encode(encoding))
    assert clip.joints[1].name == "Linker Ärmel"
    np.testing.assert_array_equal(clip.values, read(tmp_path, TINY).values)


def test_decimal_commas_are_numbers(tmp_path: Path) -> None:
    plain = read(tmp_path, TINY)
    assert read(tmp_path, TINY.replace("0.0333333", "0,0333333")).seconds_per_frame == plain.seconds_per_frame
    everywhere = read(tmp_path, TINY.replace(".", ","))
    assert everywhere.joints == plain.joints and everywhere.seconds_per_frame == plain.seconds_per_frame
    np.testing.assert_array_equal(everywhere.values, plain.values)
    head, values = (
        TINY[: TINY.index("0 90 0 10")],
        "0.5, 90, 0, 10, 20, 30, 40, 50, 60\n1.5,91,2,-10,-20,-30,10,-5.5,0\n",
    )
    np.testing.assert_array_equal(read(tmp_path, head + values).values[:, 2:], plain.values[:, 2:])


def test_a_time_of_zero_per_frame_is_assumed_and_said(tmp_path: Path) -> None:
    clip = read(tmp_path, TINY.replace("0.0333333", "0"))
    assert clip.seconds_per_frame == pytest.approx(1 / 30)
    assert "declares 0 seconds per frame, taken for 30 frames per second" in said(clip) and "Frame Time" in said(clip)


def test_lengths_that_no_skeleton_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.bvh:8: .*more than any skeleton has"):
        read(tmp_path, TINY.replace("OFFSET 10 20 0", "OFFSET 1e200 20 0"))
    with pytest.raises(InputError, match=r"holds values above 1e.09"):
        read(tmp_path, TINY.replace("-5.5", "1e300"))


SIX = TINY.replace("CHANNELS 3 Y", "CHANNELS 6 Xposition Yposition Zposition Y").replace("Frames: 2", "Frames: 1")


@pytest.mark.parametrize(
    ("moved", "expected"),
    [("10 20 0", [10, 110, 0]), ("12 25 1", [12, 115, 1]), ("0 0 0", [10, 110, 0])],
    ids=["as the offset", "stretched", "nothing added to the offset"],
)
def test_position_channels_of_a_joint_stand_for_its_offset(moved: str, expected: list[float], tmp_path: Path) -> None:
    text = SIX[: SIX.index("0 90 0 10")] + f"0 90 0 0 0 0 {moved} 0 0 0\n"
    np.testing.assert_allclose(read(tmp_path, text).posed().positions[0, 1], expected)
