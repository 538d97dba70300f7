"""DeformingThings4D animations, written here as their description says."""

import struct
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.dataset.registered import load_registered_dataset
from external.dt4d.anime import read_frames
from external.dt4d.dataset import AnimeFolder
from npm_studio.cli.main import main

FACES = [(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)]
CORNERS = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]


def anime(
    offsets: list[float], corners: list[tuple[float, float, float]] = CORNERS, faces: list[tuple[int, int, int]] = FACES
) -> bytes:
    """The first frame is ``corners``; frame k + 1 has its last vertex ``offsets[k]`` higher."""
    data = struct.pack("<3i", len(offsets) + 1, len(corners), len(faces))
    data += b"".join(struct.pack("<3f", *corner) for corner in corners)
    data += b"".join(struct.pack("<3i", *face) for face in faces)
    for offset in offsets:
        rows = [(0.0, 0.0, 0.0)] * (len(corners) - 1) + [(0.0, 0.0, offset)]
        data += b"".join(struct.pack("<3f", *row) for row in rows)
    return data


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name / f"{name}.anime"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_offsets_are_from_the_first_frame(tmp_path: Path) -> None:
    frames = read_frames(write(tmp_path, "fox_run", anime([0.5, 2.0])))
    np.testing.assert_allclose(frames[:, 3, 2], [1.0, 1.5, 3.0])
    np.testing.assert_allclose(frames[2, :3], CORNERS[:3])


def test_motions_of_one_animal_are_sequences_of_one_identity(tmp_path: Path) -> None:
    write(tmp_path, "fox_run", anime([0.5]))
    write(tmp_path, "fox_sit_down", anime([0.1, 2.0]))
    write(tmp_path, "bear3EP_run", anime([0.2], [*CORNERS, (1.0, 1.0, 1.0)], [*FACES, (0, 1, 4)]))
    raw = AnimeFolder(tmp_path)
    assert raw.identities == ("bear3EP", "fox")
    assert raw.sequences("fox") == ("run", "sit_down")
    # z of the file is up; the frame stretched out most is the canonical one
    np.testing.assert_allclose(raw.canonical("fox")[3], [0.0, 3.0, 0.0], atol=1e-6)


def test_an_animation_with_another_topology_is_an_identity_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, "fox_run", anime([0.5]))
    write(tmp_path, "fox_jump", anime([0.5], faces=FACES[::-1]))
    assert AnimeFolder(tmp_path).identities == ("fox", "fox_run")


def test_the_command_makes_a_dataset_of_chosen_animals(tmp_path: Path) -> None:
    write(tmp_path / "in", "fox_run", anime([0.5, 1.0]))
    write(tmp_path / "in", "cat_run", anime([0.5]))
    assert main(["dataset", "dt4d", str(tmp_path / "in"), str(tmp_path / "out"), "--only", "fox"]) == 0
    dataset = load_registered_dataset(tmp_path / "out")
    assert (dataset.identities, len(dataset.labels)) == (("fox",), 3)
    assert 0.48 < np.abs(dataset.sequence(0, "run")).max() <= 0.5


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is truncated"),
        (anime([0.5])[:-4], "is truncated"),
        (anime([0.5]) + b"more", "is truncated or not an .anime file"),
        (struct.pack("<3i", 2_000_000_000, 2_000_000_000, 1), "is truncated or not an .anime file"),
        (struct.pack("<3i", -1, 4, 4) + bytes(96), "states -1 frames"),
        (b"ply\nformat ascii 1.0\n" + bytes(40), "anime"),
        (anime([0.5], faces=[(0, 1, 9)]), "do not exist"),
        (anime([float("nan")]), "not finite"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(tmp_path: Path, content: bytes, problem: str) -> None:
    write(tmp_path, "fox_run", content)
    with pytest.raises(InputError, match=r"fox_run\.anime") as refusal:
        AnimeFolder(tmp_path).frames("fox", "run")
    assert problem in str(refusal.value)


def test_a_folder_without_animations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no"):
        AnimeFolder(tmp_path)
