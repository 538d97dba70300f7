"""Truth on disk: what it says of itself, and what is refused."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import InputError
from engine.geometry.mesh import Mesh, save_mesh
from engine.geometry.similarity import Similarity
from engine.sequences.mesh_sequence import mesh_sequence, regular_times
from engine.sequences.truth import Truth, load_truth, read_stored_truth, save_metric_truth, save_truth
from tests.support.present import present

SIMILARITY = Similarity(0.4, (0.0, 0.125, 1.0))


def sphere(detail: int = 1) -> Mesh:
    mesh = trimesh.creation.icosphere(subdivisions=detail, radius=0.25)
    return Mesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32))


def write_ply(folder: Path, names: list[str], mesh: Mesh) -> None:
    for index, name in enumerate(names):
        save_mesh(Mesh(mesh.vertices + np.float32(index * 0.01), mesh.faces), folder / f"{name}.ply")


def write_json(folder: Path, **values: object) -> None:
    """As another program may write it."""
    description = {"version": 1, "unit": "canonical", "frame": "world", "similarity": SIMILARITY.as_dict()}
    (folder / "truth.json").write_text(json.dumps(description | values))


def write_arrays(folder: Path) -> np.ndarray:
    vertices = np.stack([sphere().vertices, sphere().vertices * 0.9]).astype(np.float16)
    save_truth(folder, vertices, sphere().faces, ("a", "b"), regular_times(2, 5.0), SIMILARITY, sphere().vertices)
    return vertices


def test_arrays_come_back_as_they_were_in_metres(tmp_path: Path) -> None:
    vertices = write_arrays(tmp_path)
    truth = load_truth(tmp_path)
    assert truth.meshes.frame_names == ("a", "b")
    assert truth.meshes.times_s.tolist() == [0.0, 0.2]
    assert truth.similarity == SIMILARITY
    for frame in (1, 0):
        exact, faces = truth.meshes.read_double(frame)
        np.testing.assert_array_equal(exact, vertices[frame].astype(float) / 0.4 + np.array([0, 0.125, 1]))
        np.testing.assert_array_equal(faces, sphere().faces)
        np.testing.assert_array_equal(truth.meshes.read(frame).vertices, exact.astype(np.float32))
    expected = sphere().vertices.astype(np.float64) / 0.4 + np.array([0, 0.125, 1])
    np.testing.assert_array_equal(present(truth.canonical), expected)


def test_any_program_can_read_the_arrays(tmp_path: Path) -> None:
    vertices = write_arrays(tmp_path)
    with np.load(tmp_path / "meshes.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["vertices/b"], vertices[1])
        np.testing.assert_array_equal(arrays["faces"], sphere().faces)
    said = json.loads((tmp_path / "truth.json").read_text())
    assert {"version", "unit", "frame", "similarity", "frames"} <= said.keys()
    assert said["similarity"] == {"scale": 0.4, "centre": [0.0, 0.125, 1.0]}


def test_ply_files_are_read_in_the_order_and_unit_that_are_stated(tmp_path: Path) -> None:
    write_ply(tmp_path, ["x", "y"], sphere())
    for unit, factor in (("m", 1.0), ("mm", 0.001)):
        write_json(tmp_path, unit=unit, frames=["y", "x"], similarity=None)
        truth = load_truth(tmp_path)
        assert truth.meshes.frame_names == ("y", "x")
        assert truth.similarity is None
        assert np.isnan(truth.meshes.times_s).all()
        np.testing.assert_allclose(truth.meshes.read(1).vertices, sphere().vertices * factor, rtol=1e-6)


def test_older_files_are_in_natural_order_and_do_not_say_their_unit(tmp_path: Path) -> None:
    write_ply(tmp_path, ["frame10", "frame9", "frame2"], sphere())
    stored = read_stored_truth(tmp_path)
    assert stored.meshes.frame_names == ("frame2", "frame9", "frame10")
    vertices = stored.meshes.vertices()
    assert vertices.shape == (3, 42, 3)
    assert vertices[0, 0, 0] > vertices[1, 0, 0] > vertices[2, 0, 0]
    assert stored.meshes.read(0).faces.shape == (80, 3)
    with pytest.raises(InputError, match=r"has no truth\.json, which says the unit"):
        load_truth(tmp_path)


def test_truth_without_meshes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no PLY files"):
        load_truth(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        load_truth(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file, not a folder"):
        load_truth(tmp_path / "file")


def test_truth_with_another_topology_is_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    write_ply(tmp_path, ["000000", "000001"], sphere())
    write_ply(tmp_path, ["000002"], sphere(2))
    with pytest.raises(InputError, match=r"000002\.ply: has other triangles than 000000\.ply"):
        read_stored_truth(tmp_path)
    write_ply(tmp_path, ["000002"], Mesh(sphere().vertices, sphere().faces[::-1].copy()))
    with pytest.raises(InputError, match=r"000002\.ply: has other triangles than 000000\.ply"):
        read_stored_truth(tmp_path).meshes.vertices()


def test_a_truncated_truth_mesh_is_refused_with_its_name(tmp_path: Path) -> None:
    write_ply(tmp_path, ["000000", "000001"], sphere())
    data = (tmp_path / "000001.ply").read_bytes()
    (tmp_path / "000001.ply").write_bytes(data[:300])
    with pytest.raises(InputError, match=r"000001\.ply"):
        read_stored_truth(tmp_path)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"version": 2}, "version"),
        ({"unit": "feet"}, "unit"),
        ({"frame": "moon"}, "frame"),
        ({"frames": []}, "frames"),
        ({"frames": ["../a", "b"]}, "not allowed"),
        ({"frames": ["a", "a"]}, "twice"),
        ({"timestamps_s": [0.0]}, "1 time stamps for 2 frames"),
        ({"similarity": None}, "canonical units and no similarity"),
        ({"similarity": {"scale": 0, "centre": [0, 0, 0]}}, "positive scale"),
        ({"frames": ["a", "c"]}, "no array 'vertices/c'"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(tmp_path: Path, values: dict, complaint: str) -> None:
    write_arrays(tmp_path)
    write_json(tmp_path, **{"frames": ["a", "b"], **values})
    with pytest.raises(InputError, match=complaint):
        load_truth(tmp_path).meshes.vertices()


def test_arrays_that_do_not_agree_are_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path)
    with np.load(tmp_path / "meshes.npz") as file:
        arrays = dict(file)
    for name, wrong in (
        ("faces", arrays["faces"] + 1),
        ("vertices/b", arrays["vertices/b"][1:]),
        ("vertices/b", arrays["vertices/b"] * np.float16(np.nan)),
        ("canonical", arrays["canonical"][:5]),
    ):
        np.savez(tmp_path / "meshes.npz", **{**arrays, name: wrong})
        with pytest.raises(InputError, match=r"meshes\.npz"):
            load_truth(tmp_path).meshes.vertices()


def test_a_truncated_archive_is_refused_with_its_name(tmp_path: Path) -> None:
    write_arrays(tmp_path)
    data = (tmp_path / "meshes.npz").read_bytes()
    (tmp_path / "meshes.npz").write_bytes(data[: len(data) // 2])
    assert not zipfile.is_zipfile(tmp_path / "meshes.npz")
    with pytest.raises(InputError, match=r"meshes\.npz: is truncated"):
        load_truth(tmp_path)


def test_metric_truth_comes_back_in_metres_and_its_own_axes(tmp_path: Path) -> None:
    vertices = np.stack([sphere().vertices + 3, sphere().vertices * 0.9 + 4])
    meshes = mesh_sequence("two", vertices, sphere().faces, ("a", "b"), regular_times(2, 15.0), "camera")
    save_metric_truth(tmp_path, Truth(meshes, SIMILARITY, sphere().vertices.astype(np.float64)))
    truth = load_truth(tmp_path)
    assert (truth.meshes.frame, truth.similarity, truth.meshes.frame_names) == ("camera", SIMILARITY, ("a", "b"))
    np.testing.assert_array_equal(truth.meshes.vertices(), vertices)
    np.testing.assert_array_equal(present(truth.canonical), sphere().vertices)
    np.testing.assert_array_equal(truth.meshes.times_s, meshes.times_s)
