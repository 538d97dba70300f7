"""Folders of registered meshes, written here by hand in each format."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.dataset.importing import import_dataset
from engine.dataset.normalisation import parse_normalisation
from engine.dataset.registered import load_registered_dataset
from external.meshes.folder import MeshFolder
from npm_studio.cli.main import main
from tests.support.progress import Listener

FACES = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)


def ply(vertices: np.ndarray, faces: np.ndarray = FACES) -> bytes:
    lines = ["ply", "format ascii 1.0", f"element vertex {len(vertices)}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"element face {len(faces)}", "property list uchar int vertex_index", "end_header"]
    lines += [" ".join(f"{value:.9g}" for value in row) for row in vertices]
    lines += [" ".join(str(value) for value in (len(face), *face)) for face in faces]
    return ("\n".join(lines) + "\n").encode()


def obj(vertices: np.ndarray, faces: np.ndarray = FACES) -> bytes:
    """With texture coordinates, which must not split vertices."""
    lines = ["mtllib gone.mtl", "o thing"] + ["v " + " ".join(f"{value:.9g}" for value in row) for row in vertices]
    lines += [f"vt 0.{corner} 0.5" for corner in range(3 * len(faces))] + ["usemtl skin"]
    for row, face in enumerate(faces):
        lines.append("f " + " ".join(f"{vertex + 1}/{3 * row + corner + 1}" for corner, vertex in enumerate(face)))
    return ("\n".join(lines) + "\n").encode()


def off(vertices: np.ndarray, faces: np.ndarray = FACES) -> bytes:
    lines = ["OFF", f"{len(vertices)} {len(faces)} 0"] + [" ".join(f"{value:.9g}" for value in row) for row in vertices]
    return ("\n".join(lines + [" ".join(map(str, (3, *face))) for face in faces]) + "\n").encode()


def stl(vertices: np.ndarray, faces: np.ndarray = FACES) -> bytes:
    body = b"".join(
        np.concatenate(([np.zeros(3)], vertices[face])).astype("<f4").tobytes() + struct.pack("<H", 0) for face in faces
    )
    return bytes(80) + struct.pack("<I", len(faces)) + body


def glb(vertices: np.ndarray, faces: np.ndarray = FACES, states: int | None = None) -> bytes:
    """A mesh under a node that doubles it."""
    indices, positions = faces.astype("<u2").tobytes(), (vertices / 2).astype("<f4").tobytes()
    binary = indices + positions
    views = [{"buffer": 0, "byteOffset": 0, "byteLength": len(indices)}]
    views.append({"buffer": 0, "byteOffset": len(indices), "byteLength": len(positions)})
    accessors: list[dict] = [{"bufferView": 0, "componentType": 5123, "count": faces.size, "type": "SCALAR"}]
    accessors.append({"bufferView": 1, "componentType": 5126, "count": states or len(vertices), "type": "VEC3"})
    accessors[1] |= {"min": (vertices / 2).min(0).tolist(), "max": (vertices / 2).max(0).tolist()}
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "scale": [2, 2, 2]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 1}, "indices": 0}]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


WRITERS = {"ply": ply, "obj": obj, "off": off, "stl": stl, "glb": glb}


def write_walk(folder: Path, ending: str, frames: int = 11, stretch: float = 1.0) -> np.ndarray:
    """Frames walk1 ... walk11 of a tetrahedron that moves upwards; vertices (F, 4, 3)."""
    folder.mkdir(parents=True)
    steps = np.arange(frames, dtype=np.float32)[:, None, None] * np.array([0, 0.25, 0], np.float32)
    walk = CORNERS * np.float32(stretch) + steps
    for number, vertices in enumerate(walk):
        (folder / f"walk{number + 1}.{ending}").write_bytes(WRITERS[ending](vertices))
    return walk


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_gives_the_frames_in_natural_order(tmp_path: Path, ending: str) -> None:
    walk = write_walk(tmp_path / "in" / "anna" / "walk", ending)
    raw = MeshFolder(tmp_path / "in")
    assert (raw.identities, raw.sequences("anna")) == (("anna",), ("walk",))
    corners = raw.frames("anna", "walk")[:, raw.faces("anna")]  # STL has an order of vertices of its own
    np.testing.assert_allclose(corners, walk[:, FACES], atol=1e-6)
    assert len(raw.canonical("anna")) == 4


def test_a_frame_per_file_in_one_folder_is_one_identity(tmp_path: Path) -> None:
    write_walk(tmp_path / "robot", "ply", 3)
    raw = MeshFolder(tmp_path / "robot")
    assert raw.identities == ("robot",)
    assert raw.frames("robot", "sequence").shape == (3, 4, 3)


def test_a_folder_per_identity_without_sequences_is_read(tmp_path: Path) -> None:
    write_walk(tmp_path / "in" / "anna", "off", 3)
    write_walk(tmp_path / "in" / "ben", "off", 2)
    raw = MeshFolder(tmp_path / "in")
    assert raw.identities == ("anna", "ben")
    assert raw.frames("ben", "sequence").shape == (2, 4, 3)


def test_a_mesh_called_tpose_is_canonical_and_no_frame(tmp_path: Path) -> None:
    write_walk(tmp_path / "anna", "ply", 2)
    (tmp_path / "anna" / "T-pose.ply").write_bytes(ply(CORNERS * 3))
    raw = MeshFolder(tmp_path / "anna")
    np.testing.assert_allclose(raw.canonical("anna"), CORNERS * 3)
    assert raw.frames("anna", "sequence").shape == (2, 4, 3)


def test_a_folder_called_a_t_pose_holds_the_canonical_mesh(tmp_path: Path) -> None:
    write_walk(tmp_path / "in" / "anna" / "walk", "ply", 2)
    (tmp_path / "in" / "anna" / "a_t_pose").mkdir()
    (tmp_path / "in" / "anna" / "a_t_pose" / "000000.ply").write_bytes(ply(CORNERS * 3))
    raw = MeshFolder(tmp_path / "in")
    np.testing.assert_allclose(raw.canonical("anna"), CORNERS * 3)
    assert raw.sequences("anna") == ("walk",)


def test_without_a_canonical_mesh_the_most_spread_frame_is_taken_and_said(tmp_path: Path) -> None:
    write_walk(tmp_path / "in" / "anna" / "calm", "ply", 2)
    write_walk(tmp_path / "in" / "anna" / "star", "ply", 1, stretch=2.0)
    listener = Listener()
    raw = MeshFolder(tmp_path / "in", progress=listener)
    np.testing.assert_allclose(raw.canonical("anna"), CORNERS * 2)
    assert "walk1.ply" in listener.messages[0]
    assert "star" in listener.messages[0]


def test_units_and_axes_become_metres_with_y_up(tmp_path: Path) -> None:
    write_walk(tmp_path / "anna", "ply", 1)
    raw = MeshFolder(tmp_path / "anna", unit="mm", up="z")
    np.testing.assert_allclose(raw.canonical("anna"), CORNERS[:, [0, 2, 1]] * [1e-3, 1e-3, -1e-3], atol=1e-9)


def test_a_stretched_frame_of_another_topology_is_named_and_not_taken_for_the_canonical_mesh(tmp_path: Path) -> None:
    write_walk(tmp_path / "anna", "ply", 3)
    (tmp_path / "anna" / "walk2.ply").write_bytes(ply(9 * np.concatenate((CORNERS, CORNERS[:1]))))
    with pytest.raises(InputError, match=r"walk2\.ply: has another topology than .*walk1\.ply"):
        MeshFolder(tmp_path / "anna").canonical("anna")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (ply(np.concatenate((CORNERS, CORNERS[:1]))), "has 5 vertices"),
        (ply(CORNERS, FACES[[1, 0, 2, 3]]), "has other triangles"),
        (ply(CORNERS)[:-30], "walk2.ply"),
        (ply(np.where(CORNERS == 1, np.nan, CORNERS)), "not finite"),
        (ply(CORNERS, FACES + 3), "do not exist"),
        (b"", "cannot be read as a mesh"),
        (b"\x89PNG\r\n\x1a\n0000", "cannot be read as a mesh"),
        (ply(CORNERS).replace(b"element vertex 4", b"element vertex 4000000000"), "walk2.ply"),
        (b"cos\nsystem\n(S'touch owned'\ntR.", "cannot be read as a mesh"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_with_its_name(tmp_path: Path, content: bytes, problem: str) -> None:
    write_walk(tmp_path / "anna", "ply", 3)
    (tmp_path / "anna" / "walk2.ply").write_bytes(content)
    raw = MeshFolder(tmp_path / "anna", canonical="walk1.ply")
    with pytest.raises(InputError, match=r"walk2\.ply") as refusal:
        raw.frames("anna", "sequence")
    assert problem in str(refusal.value)


def huge_stl() -> bytes:
    return bytes(80) + struct.pack("<I", 2**32 - 1) + bytes(50)


HOSTILE = {
    "ply": ply(CORNERS).replace(b"vertex 4", b"vertex 4000000000"),
    "obj": b"v 0 0 0\nf 1 2 999999999999\nmtllib ../../../../etc/passwd\n",
    "off": b"OFF\n4000000000 4000000000 0\n0 0 0\n",
    "stl": huge_stl(),
    "glb": glb(CORNERS, states=4_000_000_000),
}


@pytest.mark.parametrize("damage", ["truncated", "another format", "hostile", "empty", "text"])
@pytest.mark.parametrize("ending", WRITERS)
def test_damage_in_any_format_is_refused_with_the_name(tmp_path: Path, ending: str, damage: str) -> None:
    write_walk(tmp_path / "anna", ending, 3)
    whole = WRITERS[ending](CORNERS)
    other = "off" if ending == "ply" else "ply"
    content = {
        "truncated": whole[: len(whole) * 2 // 3],
        "another format": WRITERS[other](CORNERS),
        "hostile": HOSTILE[ending],
        "empty": b"",
        "text": b"<html><body>404 not found</body></html>\n",
    }[damage]
    (tmp_path / "anna" / f"walk2.{ending}").write_bytes(content)
    raw = MeshFolder(tmp_path / "anna", canonical=f"walk1.{ending}")
    with pytest.raises(InputError, match=rf"walk2\.{ending}"):
        raw.frames("anna", "sequence")


def test_the_command_makes_a_dataset_with_a_topology_per_identity(tmp_path: Path) -> None:
    write_walk(tmp_path / "in" / "anna" / "walk", "obj", 3)
    write_walk(tmp_path / "in" / "ben" / "walk", "stl", 4)
    assert main(["dataset", "meshes", str(tmp_path / "in"), str(tmp_path / "out"), "--class", "tetrahedra"]) == 0
    dataset = load_registered_dataset(tmp_path / "out")
    assert dataset.identities == ("anna", "ben")
    assert dataset.sequence(1, "walk").shape == (4, 4, 3)
    assert not np.array_equal(dataset.faces(0), dataset.faces(1))
    for identity in (0, 1):
        corners = dataset.similarity_of(identity).to_world(dataset.canonical(identity))[dataset.faces(identity)]
        np.testing.assert_allclose(corners, CORNERS[FACES], atol=1e-6)


def test_a_folder_without_meshes_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert main(["dataset", "meshes", str(tmp_path / "in"), str(tmp_path / "out")]) == 2
    line = capsys.readouterr().err.strip()
    assert line.count("\n") == 0
    assert "IDENTITY/SEQUENCE/FRAME" in line


def test_an_import_of_meshes_keeps_float16_precision(tmp_path: Path) -> None:
    walk = write_walk(tmp_path / "anna", "ply", 3)
    import_dataset(MeshFolder(tmp_path / "anna"), tmp_path / "out", parse_normalisation("bounds"))
    dataset = load_registered_dataset(tmp_path / "out")
    world = dataset.similarity_of(0).to_world(dataset.sequence(0, "sequence"))
    assert np.abs(world - walk).max() < 1e-3


def test_the_canonical_mesh_is_guessed_for_all_identities_alike(tmp_path: Path) -> None:
    """Anna stretches most in one motion, Berta in another; both have both."""
    for name, calm, star in (("anna", 1.0, 2.0), ("berta", 1.5, 1.4)):
        write_walk(tmp_path / name / "calm", "ply", 1, stretch=calm)
        write_walk(tmp_path / name / "star", "ply", 1, stretch=star)
    listener = Listener()
    raw = MeshFolder(tmp_path, progress=listener)
    np.testing.assert_allclose(raw.canonical("anna"), CORNERS * 2)
    np.testing.assert_allclose(raw.canonical("berta"), CORNERS * 1.4)
    (line,) = listener.messages
    assert line.startswith("canonical meshes are guessed: star/walk1.ply of every identity")


def test_identities_without_a_common_file_are_asked_for_a_canonical_mesh(tmp_path: Path) -> None:
    write_walk(tmp_path / "anna" / "calm", "ply", 1)
    write_walk(tmp_path / "berta" / "star", "ply", 1, stretch=2.0)
    listener = Listener()
    raw = MeshFolder(tmp_path, progress=listener)
    np.testing.assert_allclose(raw.canonical("berta"), CORNERS * 2)
    assert "guessed for each identity by itself" in listener.messages[0]
    assert "name it with the canonical mesh" in listener.messages[0]


def test_a_guess_beside_canonical_meshes_that_are_named_is_said(tmp_path: Path) -> None:
    write_walk(tmp_path / "anna" / "calm", "ply", 1)
    (tmp_path / "anna" / "tpose.ply").write_bytes(ply(CORNERS * 3))
    write_walk(tmp_path / "berta" / "calm", "ply", 1)
    listener = Listener()
    MeshFolder(tmp_path, progress=listener).canonical("berta")
    assert listener.messages[0].startswith("some identities have a canonical mesh, that of berta is guessed")
