"""Frames whose files copy vertices each in its own way, and frames that are truly of another topology."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from engine.core.errors import InputError
from engine.dataset.importing import import_dataset
from engine.dataset.normalisation import parse_normalisation
from engine.dataset.registered import load_registered_dataset
from engine.geometry.mesh_files import read_triangles
from external.meshes.folder import MeshFolder
from external.meshes.topology import shared_topology
from npm_studio.cli.main import main
from tests.external.meshes.test_mesh_folders import WRITERS, ply
from tests.support.progress import Listener

BALL = trimesh.creation.icosphere(1)
VERTICES, FACES = np.asarray(BALL.vertices, np.float32), np.asarray(BALL.faces)


def split(vertices: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Copies of vertices (V, 3) at random corners of FACES, as a program makes them where normals differ."""
    corners = FACES.reshape(-1).copy()
    copied = np.random.default_rng(seed).random(len(corners)) < share
    extra = vertices[corners[copied]]
    corners[copied] = len(vertices) + np.arange(len(extra))
    used, index = np.unique(corners, return_inverse=True)
    return np.concatenate([vertices, extra])[used], index.reshape(-1, 3)


def write_split(folder: Path, ending: str, frames: int = 4) -> np.ndarray:
    folder.mkdir(parents=True)
    poses = np.stack([VERTICES * [1, 1 + 0.1 * frame, 1] + [0, 0, 0.1 * frame] for frame in range(frames)])
    for number, pose in enumerate(poses.astype(np.float32)):
        (folder / f"{number:03d}.{ending}").write_bytes(WRITERS[ending](*split(pose, 0.1 * number, number)))
    return poses


@pytest.mark.parametrize("ending", ["glb", "ply", "obj", "off"])
def test_frames_that_differ_by_copied_vertices_alone_are_one_topology(tmp_path: Path, ending: str) -> None:
    poses = write_split(tmp_path / "in" / "anna" / "wave", ending)
    raw = MeshFolder(tmp_path / "in")
    assert raw.canonical("anna").shape == VERTICES.shape
    corners = raw.frames("anna", "wave")[:, raw.faces("anna")]
    np.testing.assert_allclose(corners, poses[:, FACES], atol=1e-5)
    assert trimesh.Trimesh(raw.canonical("anna"), raw.faces("anna"), process=False).is_watertight


def test_the_command_makes_a_closed_dataset_of_split_frames(tmp_path: Path) -> None:
    write_split(tmp_path / "in" / "anna" / "wave", "glb")
    assert main(["dataset", "meshes", str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    dataset = load_registered_dataset(tmp_path / "out")
    assert dataset.sequence(0, "wave").shape == (4, *VERTICES.shape)
    assert trimesh.Trimesh(dataset.canonical(0), dataset.faces(0), process=False).is_watertight


@pytest.mark.parametrize("ending", ["glb", "stl", "ply"])
def test_triangles_in_another_order_are_refused_with_the_file(tmp_path: Path, ending: str) -> None:
    """Welding must not take two swapped triangles for a tear in the surface."""
    write_split(tmp_path / "anna", ending)
    swapped = FACES.copy()
    swapped[[3, 70]] = swapped[[70, 3]]
    (tmp_path / "anna" / f"002.{ending}").write_bytes(WRITERS[ending](VERTICES, swapped))
    for canonical in ("000", None):
        raw = MeshFolder(tmp_path / "anna", canonical=canonical and f"{canonical}.{ending}")
        with pytest.raises(InputError, match="topology"):
            raw.frames("anna", "sequence")


def test_a_frame_with_more_triangles_is_refused(tmp_path: Path) -> None:
    write_split(tmp_path / "anna", "glb")
    more = trimesh.creation.icosphere(2)
    (tmp_path / "anna" / "002.glb").write_bytes(WRITERS["glb"](np.asarray(more.vertices), np.asarray(more.faces)))
    with pytest.raises(InputError, match=r"002\.glb: has 320 triangles, 000\.glb has 80"):
        MeshFolder(tmp_path / "anna", canonical="000.glb").canonical("anna")


def test_parts_that_touch_in_the_canonical_mesh_alone_stay_apart(tmp_path: Path) -> None:
    """Two balls that share a point at first."""
    faces = np.concatenate([FACES, FACES + len(VERTICES)])
    top = VERTICES[VERTICES[:, 1].argmax()]
    for number, gap in enumerate((0.0, 0.5)):
        both = np.concatenate([VERTICES, VERTICES + np.array([0, 2 * top[1] + gap, 0])])
        both[len(VERTICES) + VERTICES[:, 1].argmin()] = top + np.array([0, gap, 0])
        path = tmp_path / f"{number}.glb"
        path.write_bytes(WRITERS["glb"](both.astype(np.float32), faces))
    topology = shared_topology(tmp_path / "0.glb", [tmp_path / "1.glb"])
    assert len(topology.corners) == 2 * len(VERTICES)
    assert len(shared_topology(tmp_path / "0.glb", []).corners) == 2 * len(VERTICES) - 1


# Vertices of no triangle.


def test_a_vertex_of_no_triangle_decides_neither_scale_nor_centre_nor_canonical_mesh(tmp_path: Path) -> None:
    for name, far in (("near", 0.0), ("far", 1000.0)):
        folder = tmp_path / name / "anna"
        folder.mkdir(parents=True)
        for number, size in enumerate((1.0, 1.5, 0.5)):
            stray = np.array([[far * (number == 2), 0, 0]])
            (folder / f"{number}.ply").write_bytes(ply(np.concatenate([VERTICES * size, stray]), FACES))
    listener = Listener()
    found = []
    for name in ("near", "far"):
        raw = MeshFolder(tmp_path / name, progress=listener)
        import_dataset(raw, tmp_path / f"{name}.data", parse_normalisation("bounds"))
        dataset = load_registered_dataset(tmp_path / f"{name}.data")
        found.append((dataset.similarity, dataset.canonical(0)))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])
    np.testing.assert_allclose(found[0][0].to_world(found[0][1]), VERTICES * 1.5, atol=1e-5)
    assert "anna: left out: 1 vertices of no triangle" in listener.messages


def test_vertices_of_no_triangle_do_not_decide_the_scale_of_other_sources(tmp_path: Path) -> None:
    """Any `RawDataset` may have them."""

    class Stray:
        name, category, licence, frame_rate, identities = "stray", "balls", "", 30.0, ("anna",)
        recipe: Mapping[str, Any] = {}
        far = np.concatenate([VERTICES, [[500.0, 0, 0]]])

        def faces(self, identity: str) -> np.ndarray:
            return FACES

        def canonical(self, identity: str) -> np.ndarray:
            return self.far

        def sequences(self, identity: str) -> tuple[str, ...]:
            return ("walk",)

        def frames(self, identity: str, sequence: str) -> np.ndarray:
            return self.far[None].astype(np.float32)

    summary = import_dataset(Stray(), tmp_path / "out", parse_normalisation("bounds"))
    assert summary.largest_coordinate <= 0.5
    assert load_registered_dataset(tmp_path / "out").similarity.scale == pytest.approx(1 / 2.02, rel=0.05)


@pytest.mark.parametrize("same_faces", [True, False])
def test_a_frame_in_which_one_vertex_came_apart_is_found(same_faces: bool, tmp_path: Path) -> None:
    """Whether its corners are listed as in the other files, or each by itself."""
    folder = tmp_path / "anna" / "walk"
    write_split(folder, "ply", 3)
    topology = shared_topology(folder / "000.ply", [folder / "001.ply", folder / "002.ply"])
    assert len(topology.vertices_of(folder / "002.ply")) == len(VERTICES)
    faces = read_triangles(folder / "000.ply")[1] if same_faces else np.arange(3 * len(FACES)).reshape(-1, 3)
    torn = np.zeros((faces.max() + 1, 3), np.float32)
    torn[faces] = VERTICES[FACES]
    (folder / "002.ply").write_bytes(WRITERS["ply"](torn, faces))
    np.testing.assert_array_equal(topology.vertices_of(folder / "002.ply")[topology.faces], VERTICES[FACES])
    if same_faces:
        return
    torn[faces[4, 1]] += 0.01
    (folder / "002.ply").write_bytes(WRITERS["ply"](torn, faces))
    with pytest.raises(InputError, match="another topology"):
        topology.vertices_of(folder / "002.ply")
