"""Meshes made by other programs become runs."""

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh, save_mesh
from engine.methods.imported.config import ImportConfig
from engine.methods.imported.method import METHOD
from engine.methods.job import run_fit
from engine.methods.request import FitRequest
from engine.methods.run import Run, load_run
from engine.sequences.depth_sequence import load_depth_sequence
from tests.conftest import FRAMES, doll_frames
from tests.support.toy_model import toy_model


class Listener(Progress):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


def dolls() -> list[Mesh]:
    """The true meshes of the three frames, metres."""
    vertices, faces = doll_frames()
    return [Mesh(toy_model().info.similarity.to_world(frame), faces) for frame in vertices]


def folder_of(folder: Path, meshes: list[Mesh], names: list[str], factor: float = 1.0) -> Path:
    folder.mkdir()
    for name, mesh in zip(names, meshes, strict=True):
        save_mesh(Mesh(mesh.vertices * np.float32(factor), mesh.faces), folder / name)
    return folder


def take(capture: Path, meshes: Path, out: Path, progress: Progress | None = None, **fields: Any) -> Run:
    config = ImportConfig(meshes=meshes, **fields)
    return run_fit(FitRequest(METHOD, config, load_depth_sequence(capture), out, device="cpu"), progress)


def refusal(capture: Path, meshes: Path, out: Path, **fields: Any) -> str:
    with pytest.raises(InputError) as caught:
        take(capture, meshes, out, **fields)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    return str(caught.value)


def test_a_folder_of_meshes_named_after_the_frames_becomes_a_run(depth_capture: Path, tmp_path: Path) -> None:
    names = [f"{FRAMES[2]}.obj", f"{FRAMES[0]}.ply", f"{FRAMES[1]}.stl"]
    first, second, third = dolls()
    folder = folder_of(tmp_path / "meshes", [third, first, second], names)
    (folder / "notes.txt").write_text("not a mesh")
    listener = Listener()
    take(depth_capture, folder, tmp_path / "run", listener)
    run = load_run(tmp_path / "run")
    assert (run.method, run.inputs.model, run.inputs.similarity, run.artefacts) == ("imported", None, None, ())
    assert run.frame_names == FRAMES
    assert listener.messages == []
    np.testing.assert_allclose(run.meshes.read(0).vertices, first.vertices, atol=1e-5)
    np.testing.assert_allclose(run.meshes.read(2).vertices, third.vertices, atol=1e-5)
    assert not run.meshes.one_topology  # STL has three vertices of its own for each triangle


def test_meshes_of_some_frames_keep_their_frames(depth_capture: Path, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "meshes", dolls()[1:], [f"{name}.ply" for name in FRAMES[1:]])
    listener = Listener()
    run = take(depth_capture, folder, tmp_path / "run", listener)
    assert run.frame_names == FRAMES[1:]
    assert run.meshes.times_s.tolist() == pytest.approx([0.1, 0.2])
    assert run.meshes.one_topology
    assert ["2 of 3 frames have a mesh" in text for text in listener.messages] == [True]


def test_meshes_with_other_names_are_taken_in_order_and_that_is_said(depth_capture: Path, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "meshes", dolls(), ["scan9.ply", "scan10.ply", "scan11.ply"])
    listener = Listener()
    run = take(depth_capture, folder, tmp_path / "run", listener)
    assert run.details["names"] == ["scan9", "scan10", "scan11"]
    assert ["taken in order, 'scan9' for frame '000000'" in text for text in listener.messages] == [True]
    assert "taken in order" in (tmp_path / "run" / "log.jsonl").read_text()


def test_the_unit_is_converted_and_one_that_cannot_be_right_is_refused(depth_capture: Path, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "meshes", dolls(), [f"{name}.ply" for name in FRAMES], factor=1000)
    run = take(depth_capture, folder, tmp_path / "run", unit="mm")
    np.testing.assert_allclose(run.meshes.read(1).vertices, dolls()[1].vertices, rtol=1e-5)
    line = refusal(depth_capture, folder, tmp_path / "other")
    assert "m large, the recording shows" in line
    assert "state the field unit" in line


def test_another_number_of_meshes_is_refused(depth_capture: Path, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "meshes", dolls()[:2], ["a.ply", "b.ply"])
    assert "has 2 meshes for 3 frames, and 'a' is not the name" in refusal(depth_capture, folder, tmp_path / "run")


def test_meshes_without_a_frame_are_left_out_and_counted(depth_capture: Path, tmp_path: Path) -> None:
    first = dolls()[0]
    folder = folder_of(tmp_path / "meshes", [*dolls(), first], [*(f"{name}.glb" for name in FRAMES), "rest.ply"])
    listener = Listener()
    run = take(depth_capture, folder, tmp_path / "run", listener)
    assert run.frame_names == FRAMES
    assert ["1 of 4 meshes have no frame" in text for text in listener.messages] == [True]


def test_a_single_file_is_the_mesh_of_the_frame_of_its_name(depth_capture: Path, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "meshes", dolls()[1:2], [f"{FRAMES[1]}.obj"])
    run = take(depth_capture, folder / f"{FRAMES[1]}.obj", tmp_path / "run")
    assert run.frame_names == FRAMES[1:2]
    (folder / "notes.txt").write_text("not a mesh")
    assert "is neither a folder nor a mesh file" in refusal(depth_capture, folder / "notes.txt", tmp_path / "other")


def test_folders_without_or_with_doubled_or_damaged_meshes_are_refused(depth_capture: Path, tmp_path: Path) -> None:
    assert "no such folder or file" in refusal(depth_capture, tmp_path / "nowhere", tmp_path / "run")
    (tmp_path / "empty").mkdir()
    assert "has no meshes" in refusal(depth_capture, tmp_path / "empty", tmp_path / "run")
    names = [f"{FRAMES[0]}.ply", f"{FRAMES[1]}.ply", f"{FRAMES[1]}.obj"]
    folder = folder_of(tmp_path / "meshes", dolls(), names)
    assert "has several meshes named '000001'" in refusal(depth_capture, folder, tmp_path / "run")
    (folder / names[2]).unlink()
    (folder / names[1]).write_bytes((folder / names[1]).read_bytes()[:500])
    assert "000001.ply" in refusal(depth_capture, folder, tmp_path / "run")


def glb(path: Path, names: list[str]) -> Path:
    scene = trimesh.Scene()
    for name, mesh in zip(names, dolls(), strict=True):
        moved = np.eye(4)
        moved[:3, 3] = [0, 0.5, 0]
        lowered = mesh.vertices - np.array([0, 0.5, 0], np.float32)
        scene.add_geometry(trimesh.Trimesh(lowered, mesh.faces, process=False), name, name, transform=moved)
    scene.export(path)
    return path


def with_json(path: Path, change: dict[str, Any]) -> Path:
    """The file with other top-level entries in its JSON, chunk lengths corrected (glTF 2.0, 4.4)."""
    data = path.read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    text = json.dumps(json.loads(data[20 : 20 + length]) | change).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    head = struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON")
    path.write_bytes(head + text + rest)
    return path


def test_a_glb_file_with_a_node_per_frame_becomes_a_run(depth_capture: Path, tmp_path: Path) -> None:
    run = take(depth_capture, glb(tmp_path / "walk.glb", list(FRAMES)), tmp_path / "run")
    assert run.frame_names == FRAMES
    for mesh, true in zip(run.meshes, dolls(), strict=True):
        np.testing.assert_allclose(mesh.vertices, true.vertices, atol=1e-5)
        np.testing.assert_array_equal(mesh.faces, true.faces)


def test_a_glb_file_that_moves_its_meshes_itself_is_refused(depth_capture: Path, tmp_path: Path) -> None:
    path = glb(tmp_path / "walk.glb", list(FRAMES))
    description = json.loads(path.read_bytes()[20:].split(b"}BIN")[0].split(b"\0")[0].rsplit(b"}", 1)[0] + b"}")
    meshes = description["meshes"]
    meshes[0]["primitives"][0]["targets"] = [{"POSITION": 0}]
    targets = with_json(Path(shutil.copy(path, tmp_path / "targets.glb")), {"meshes": meshes})
    assert "morph targets, which are not read; export one node" in refusal(depth_capture, targets, tmp_path / "run")
    for key, what in (("animations", "an animation"), ("skins", "a skeleton")):
        moved = with_json(Path(shutil.copy(path, tmp_path / f"{key}.glb")), {key: [{"name": "walk"}]})
        assert f"moves its meshes by {what}" in refusal(depth_capture, moved, tmp_path / "run")


def test_damaged_glb_files_are_refused(depth_capture: Path, tmp_path: Path) -> None:
    path = glb(tmp_path / "walk.glb", list(FRAMES))
    data = path.read_bytes()
    for broken in (data[:10], b"glTX" + data[4:], data[:40], data[:2000], b"glTF\2\0\0\0\x20\0\0\0\5\0\0\0JSON[1,2]"):
        path.write_bytes(broken)
        assert "walk.glb: cannot be read as a GLB file" in refusal(depth_capture, path, tmp_path / "run")
    assert "no such file" in refusal(depth_capture, tmp_path / "none.glb", tmp_path / "run")


def test_an_import_that_is_cancelled_leaves_nothing(depth_capture: Path, tmp_path: Path) -> None:
    class Stop(Progress):
        def cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        take(depth_capture, glb(tmp_path / "walk.glb", list(FRAMES)), tmp_path / "run", Stop())
    assert not (tmp_path / "run").exists()
