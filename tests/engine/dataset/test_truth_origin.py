"""The unit of older truth, by way of its dataset."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.dataset.truth_origin import open_truth
from engine.geometry.camera import PinholeCamera
from engine.geometry.mesh import save_mesh
from engine.sequences.truth import load_truth, read_stored_truth
from tests.support.ellipsoids import write_ellipsoids
from tests.support.present import present

CAMERA = PinholeCamera(96, 72, 86.0, 87.0, 48.2, 35.9)


@pytest.fixture
def dataset(tmp_path: Path) -> RegisteredDataset:
    return load_registered_dataset(write_ellipsoids(tmp_path / "data"))


def render_as_before(dataset: RegisteredDataset, out: Path, older: Path) -> Path:
    render_sequence(dataset, 2, "bend_1", out, CAMERA)
    stored = read_stored_truth(out / "truth").meshes
    for name, mesh in zip(stored.frame_names, stored, strict=True):
        save_mesh(mesh, older / f"{name}.ply")
    return older


def test_older_truth_in_the_folder_of_its_dataset_needs_no_name(dataset: RegisteredDataset, tmp_path: Path) -> None:
    older = render_as_before(dataset, tmp_path / "new", tmp_path / "data" / "rendered" / "truth")
    truth, origin = open_truth(older, load_registered_dataset)
    expected = load_truth(tmp_path / "new" / "truth")
    assert truth.similarity == expected.similarity
    np.testing.assert_array_equal(truth.meshes.vertices(), expected.meshes.vertices())
    np.testing.assert_array_equal(present(truth.canonical), present(expected.canonical))
    assert "ellipsoid_002" in present(origin)


def test_older_truth_of_another_dataset_is_refused(dataset: RegisteredDataset, tmp_path: Path) -> None:
    older = render_as_before(dataset, tmp_path / "new", tmp_path / "older")
    other = write_ellipsoids(tmp_path / "other", identities=1)
    with pytest.raises(InputError, match="has no sequence that begins with the mesh 000000"):
        open_truth(older, load_registered_dataset, other)
    with pytest.raises(InputError, match=r"has no truth\.json"):
        open_truth(older, load_registered_dataset)


def test_truth_that_says_its_unit_needs_no_dataset(dataset: RegisteredDataset, tmp_path: Path) -> None:
    render_as_before(dataset, tmp_path / "new", tmp_path / "older")
    truth, origin = open_truth(tmp_path / "new" / "truth", load_registered_dataset)
    assert (truth.similarity, origin) == (dataset.similarity, None)
    with pytest.raises(InputError, match="states its unit itself"):
        open_truth(tmp_path / "new" / "truth", load_registered_dataset, tmp_path / "data")
