"""Folders with more in them than frames: nothing is counted twice, and nothing left out in silence."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from external.meshes.folder import MeshFolder
from npm_studio.cli.main import main
from tests.external.meshes.test_mesh_folders import CORNERS, WRITERS, obj, ply, write_walk
from tests.support.progress import Listener


def again(folder: Path, ending: str, frames: range) -> None:
    """The frames of `write_walk` once more, in another format."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in frames:
        vertices = CORNERS + np.array([0, 0.25 * number, 0])
        (folder / f"walk{number + 1}.{ending}").write_bytes(WRITERS[ending](vertices))


def test_the_same_frames_in_two_formats_are_one_sequence(tmp_path: Path) -> None:
    write_walk(tmp_path / "anna", "obj", 4)
    again(tmp_path / "anna", "ply", range(4))
    listener = Listener()
    raw = MeshFolder(tmp_path / "anna", progress=listener)
    assert raw.frames("anna", "sequence").shape == (4, 4, 3)
    assert f"{tmp_path / 'anna'}: left out: 4 .obj files of frames that are there as .ply" in listener.messages


def test_frames_of_which_some_are_there_in_two_formats_are_refused(tmp_path: Path) -> None:
    write_walk(tmp_path / "anna", "obj", 4)
    again(tmp_path / "anna", "ply", range(2, 7))
    with pytest.raises(InputError, match=r"2 frames as \.ply and as \.obj, others such as walk1\.obj"):
        MeshFolder(tmp_path / "anna")


@pytest.mark.parametrize("folders", [("anna/obj", "anna/ply"), ("obj", "ply"), ("obj/walk", "ply/walk")])
def test_the_same_frames_in_a_folder_for_each_format_are_counted_once(tmp_path: Path, folders: tuple[str, str]) -> None:
    write_walk(tmp_path / "in" / folders[0], "obj", 3)
    again(tmp_path / "in" / folders[1], "ply", range(3))
    listener = Listener()
    raw = MeshFolder(tmp_path / "in", progress=listener)
    assert [(identity, len(raw.sequences(identity))) for identity in raw.identities] == [(folders[0].split("/")[0], 1)]
    assert any("3 meshes" in text and "which are those in" in text for text in listener.messages)


def test_two_people_whose_frames_have_the_same_names_are_two(tmp_path: Path) -> None:
    write_walk(tmp_path / "in" / "anna", "obj", 3)
    write_walk(tmp_path / "in" / "ben", "ply", 3, stretch=1.5)
    assert MeshFolder(tmp_path / "in").identities == ("anna", "ben")


def test_frames_beside_a_folder_of_frames_are_kept(tmp_path: Path) -> None:
    write_walk(tmp_path / "in" / "anna", "ply", 3)
    write_walk(tmp_path / "in" / "anna" / "run", "ply", 2)
    listener = Listener()
    raw = MeshFolder(tmp_path / "in", progress=listener)
    assert {name: len(raw.frames("anna", name)) for name in raw.sequences("anna")} == {"run": 2, "sequence": 3}
    assert any("3 meshes beside its folders" in text for text in listener.messages)


def test_meshes_beside_folders_of_meshes_are_not_guessed_about(tmp_path: Path) -> None:
    write_walk(tmp_path / "in", "ply", 3)
    write_walk(tmp_path / "in" / "ben", "ply", 2)
    with pytest.raises(
        InputError, match=r"holds 3 meshes, such as walk1\.ply, beside folders with meshes, such as ben"
    ):
        MeshFolder(tmp_path / "in")


def test_what_is_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_walk(tmp_path / "in" / "anna" / "walk", "ply", 3)
    write_walk(tmp_path / "in" / "anna" / "walk" / "old" / "older", "ply", 2)
    (tmp_path / "in" / "template.ply").write_bytes(ply(CORNERS))
    (tmp_path / "in" / "anna" / "walk" / "anna.fbx").write_bytes(b"Kaydara")
    assert main(["dataset", "meshes", str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert "left out: 3 meshes that are no frames in IDENTITY/SEQUENCE, such as" in said
    assert "left out: 1 files of formats that are not read, such as" in said
    assert "anna.fbx" in said


def test_a_folder_of_formats_that_are_not_read_names_them(tmp_path: Path) -> None:
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "walk.fbx").write_bytes(b"Kaydara")
    with pytest.raises(InputError, match=r"holds no mesh sequences: it holds \.fbx files, which are not read"):
        MeshFolder(tmp_path)


def test_a_canonical_mesh_in_two_formats_is_no_frame(tmp_path: Path) -> None:
    write_walk(tmp_path / "anna", "ply", 2)
    (tmp_path / "anna" / "tpose.ply").write_bytes(ply(CORNERS))
    (tmp_path / "anna" / "tpose.obj").write_bytes(obj(CORNERS))
    for canonical in (None, "tpose.obj"):
        raw = MeshFolder(tmp_path / "anna", canonical=canonical)
        assert raw.frames("anna", "sequence").shape == (2, 4, 3)
