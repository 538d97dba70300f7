"""Flow samples of a dataset against samples computed one by one, and read back as a tree."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import Cancelled, InputError
from engine.dataset.pools import load_pools
from engine.dataset.preparation.flow_export import flow_points, sample_flow
from engine.dataset.registered import load_registered_dataset
from engine.geometry.similarity import Similarity
from external.datasets import open_dataset
from external.npms.export import export_tree
from external.npms.view import write_view
from tests.support.ellipsoids import write_ellipsoids
from tests.support.npms_tree import ball, bent, slow_flow_points
from tests.support.progress import Impatient


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_ellipsoids(tmp_path / "ellipsoids", identities=2, sequences=1, frames=2)


def write_pools(*identities: Path) -> None:
    """Samples as `npm-studio prepare` leaves them."""
    random = np.random.default_rng(3)
    for identity in identities:
        (identity / "pools").mkdir()
        for name, columns in (("near", 4), ("uniform", 4), ("surface", 6)):
            samples = random.uniform(-0.5, 0.5, (20, columns)).astype(np.float32)
            np.save(identity / "pools" / f"{name}.npy", samples)


def test_points_equal_those_computed_one_by_one() -> None:
    vertices, faces = ball(0.3, 6, 9)
    moved = bent(vertices, 0.7)
    sampling = sample_flow(np.array(vertices), np.array(faces), 0.01, 50, np.random.default_rng(0))
    slow = slow_flow_points(
        moved,
        faces,
        sampling.faces.tolist(),
        [tuple(weights) for weights in sampling.barycentric.tolist()],
        sampling.offsets.tolist(),
    )
    np.testing.assert_allclose(flow_points(np.array(moved), np.array(faces), sampling), slow, atol=1e-14)


def test_samples_spread_evenly_over_the_surface_and_over_the_offsets() -> None:
    vertices, faces = (np.array(part) for part in ball(0.3, 6, 9))
    sampling = sample_flow(vertices, faces, 0.01, 200_000, np.random.default_rng(0))
    corners = vertices[faces]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = np.bincount(sampling.faces, minlength=len(faces)) / 200_000
    np.testing.assert_allclose(share, areas / areas.sum(), atol=5 * np.sqrt(0.05 / 200_000))
    np.testing.assert_allclose(sampling.barycentric.sum(1), 1)
    assert sampling.barycentric.min() >= 0 and np.abs(sampling.offsets).max() <= 0.01
    np.testing.assert_allclose(np.quantile(sampling.offsets, [0.1, 0.5, 0.9]), [-0.008, 0, 0.008], atol=2e-4)


def test_a_triangle_without_area_keeps_its_samples_on_the_surface() -> None:
    vertices = np.array([[0.0, 0, 0], [0.1, 0, 0], [0.2, 0, 0]])
    faces = np.array([[0, 1, 2]])
    sampling = sample_flow(np.array([[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]]), faces, 0.01, 20, np.random.default_rng(0))
    points = flow_points(vertices, faces, sampling)
    assert np.isfinite(points).all() and np.abs(points[:, 1:]).max() == 0


def test_every_frame_gets_the_same_samples_in_the_published_layout(root: Path, tmp_path: Path) -> None:
    dataset = load_registered_dataset(root)
    out = tmp_path / "tree"
    export_tree(dataset, out, (0.01, 0.0), points=40)
    identity = out / "ellipsoids" / "ellipsoid_001"
    with np.load(identity / "sampling_info_flow_0.01.npz") as info:
        picks, weights, noise = info["faces_ref"], info["bary_coords_ref"], info["random_noise"]
    assert picks.shape == (40,) and weights.shape == (40, 3) and noise.shape == (40, 1)
    shapes = {"a_t_pose/000000": dataset.canonical(1)}
    shapes |= {f"bend_0/{i:06d}": frame for i, frame in enumerate(dataset.sequence(1, "bend_0"))}
    for place, vertices in shapes.items():
        with np.load(identity / place / "flow_samples_0.01.npz") as stored:
            points = stored["points"]
        assert points.shape == (40, 3) and points.dtype == np.float64
        positions = [(float(x), float(y), float(z)) for x, y, z in vertices]
        triangles = [tuple(face) for face in dataset.faces(1).tolist()]
        slow = slow_flow_points(positions, triangles, picks.tolist(), weights.tolist(), noise[:, 0].tolist())
        np.testing.assert_allclose(points, slow, atol=1e-9)
        assert (identity / place / "flow_samples_0.0.npz").is_file()
    with np.load(identity / "sampling_info_flow_0.0.npz") as info:
        assert not info["random_noise"].any()


def test_an_exported_tree_is_the_dataset_again(root: Path, tmp_path: Path) -> None:
    dataset = load_registered_dataset(root)
    write_pools(root / "ellipsoid_000", root / "ellipsoid_001")
    summary = export_tree(dataset, tmp_path / "tree", (0.01,), points=30, with_pools=True, with_meshes=True)
    assert (summary.identities, summary.frames) == (2, 6)
    assert [json.loads((summary.split / name).read_text()) for name in ("labels.json", "labels_tpose.json")] == [
        json.loads((root / name).read_text()) for name in ("labels.json", "labels_tpose.json")
    ]
    write_view(tmp_path / "tree", tmp_path / "view", "ellipsoids")
    again = open_dataset(tmp_path / "view")
    assert again.labels == dataset.labels and again.identities == dataset.identities
    assert again.similarity.scale == pytest.approx(dataset.similarity.scale)
    assert again.similarity.centre == pytest.approx(dataset.similarity.centre)
    for identity in range(2):
        np.testing.assert_array_equal(again.canonical(identity), dataset.canonical(identity))
        np.testing.assert_array_equal(again.faces(identity), dataset.faces(identity))
        np.testing.assert_array_equal(again.sequence(identity, "bend_0"), dataset.sequence(identity, "bend_0"))
        for name in ("near", "uniform", "surface"):
            mine, given = getattr(load_pools(dataset, identity), name), getattr(load_pools(again, identity), name)
            np.testing.assert_array_equal(mine, given)


def test_identities_normalised_each_in_their_own_way_have_no_common_bounds(root: Path, tmp_path: Path) -> None:
    dataset = load_registered_dataset(root)
    export_tree(dataset, tmp_path / "tree", (0.01,), points=5)
    low, high = json.loads((tmp_path / "tree" / "ellipsoids" / "bbox.json").read_text())
    for axis in range(3):
        assert high[axis] - low[axis] == pytest.approx(1 / dataset.similarity.scale)
    first, second = dataset.stored
    stored_identities = (first, replace(second, similarity=Similarity(2.0)))
    export_tree(replace(dataset, stored=stored_identities), tmp_path / "tree", (0.01,), points=5)
    assert not (tmp_path / "tree" / "ellipsoids" / "bbox.json").exists()


def test_exporting_twice_gives_the_same_files_and_another_seed_is_refused(root: Path, tmp_path: Path) -> None:
    dataset = load_registered_dataset(root)
    out = tmp_path / "tree"
    path = out / "ellipsoids" / "ellipsoid_000" / "bend_0" / "000001" / "flow_samples_0.01.npz"
    export_tree(dataset, out, (0.01,), points=30, seed=4)
    with np.load(path) as stored:
        first = stored["points"]
    export_tree(dataset, out, (0.01,), points=30, seed=4)
    with np.load(path) as stored:
        np.testing.assert_array_equal(stored["points"], first)
    for points, seed in ((30, 5), (31, 4)):
        with pytest.raises(
            InputError, match=r"sampling_info_flow_0\.01\.npz: holds samples that were chosen in another"
        ):
            export_tree(dataset, out, (0.01,), points=points, seed=seed)


def test_pools_that_were_not_prepared_are_asked_for(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prepare the dataset"):
        export_tree(load_registered_dataset(root), tmp_path / "tree", (0.01,), points=5, with_pools=True)


def test_an_export_stops_when_asked_to(root: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        export_tree(load_registered_dataset(root), tmp_path / "tree", (0.01,), points=5, progress=Impatient())
