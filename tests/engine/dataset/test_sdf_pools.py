import json
import multiprocessing
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.dataset.arrays import SdfPools
from engine.dataset.pools import load_pools, pools_folder
from engine.dataset.preparation.near_samples import DISTRIBUTIONS, NEAR_DISTANCE, Distribution, near_points
from engine.dataset.preparation.sdf_pools import Sampling, check_canonical, prepare_pools, sample_pools
from engine.dataset.preparation.second_engine import check_samples, second_signed_distance
from engine.dataset.registered import load_registered_dataset
from engine.geometry.mesh import load_mesh
from engine.geometry.signed_distance import is_inside, sample_surface, signed_distance, winding_number
from npm_studio.cli.main import main
from npm_studio.cli.prepare import DISTRIBUTIONS as OFFERED_DISTRIBUTIONS
from tests.support.ellipsoids import write_ellipsoids
from tests.support.progress import Listener

COUNTS = (400, 200, 100)


def box() -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.box((0.4, 0.6, 0.2))
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def box_distance(points: np.ndarray) -> np.ndarray:
    q = np.abs(points) - [0.2, 0.3, 0.1]
    return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(1), 0)


def test_signed_distance_of_a_box_equals_its_closed_form() -> None:
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (2000, 3))
    assert np.abs(signed_distance(points, *box()) - box_distance(points)).max() < 1e-6


def test_inside_means_negative_distance() -> None:
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (2000, 3))
    assert np.array_equal(is_inside(points, *box()), box_distance(points) < 0)


def test_surface_samples_are_spread_by_area() -> None:
    vertices, faces = box()
    picks, barycentric = sample_surface(vertices, faces, 60_000, np.random.default_rng(2))
    points = (vertices[faces[picks]] * barycentric[:, :, None]).sum(1)
    on_large_sides = np.isclose(np.abs(points[:, 2]), 0.1).mean()  # the two sides of 0.4 x 0.6
    assert on_large_sides == pytest.approx(0.48 / 0.88, abs=0.01)
    assert np.abs(box_distance(points)).max() < 1e-9


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_pools_hold_true_distances_and_unit_normals(distribution: Distribution) -> None:
    pools = sample_pools(*box(), (3001, 1000, 500), np.random.default_rng(3), Sampling(distribution))
    assert [pools.near.shape, pools.uniform.shape, pools.surface.shape] == [(3001, 4), (1000, 4), (500, 6)]
    assert all(pool.dtype == np.float32 for pool in (pools.near, pools.uniform, pools.surface))
    for pool in (pools.near, pools.uniform):
        assert np.abs(pool[:, 3] - box_distance(pool[:, :3].astype(np.float64))).max() < 1e-7
    if distribution != "gaussian":
        assert np.abs(pools.near[:, 3]).max() <= NEAR_DISTANCE + 1e-6
    assert np.allclose(np.linalg.norm(pools.surface[:, 3:], axis=1), 1, atol=1e-5)


def test_gaps_samples_are_pairs_that_stay_on_this_side_of_the_next_surface() -> None:
    vertices, faces = box()
    thin = vertices * [1, 1, 0.1]  # 0.02 thick: points of the two sides reach 0.02 and no farther
    points = near_points(thin, faces, 4000, "gaps", (), np.random.default_rng(0)).reshape(-1, 2, 3)
    middles, reach = points.mean(axis=1), np.linalg.norm(points[:, 0] - points[:, 1], axis=1) / 2
    on_sides = (np.abs(middles[:, :2]) < [0.15, 0.25]).all(axis=1)
    assert np.allclose(np.abs(middles[on_sides, 2]), 0.01, atol=1e-6)
    # vertex normals of a box are oblique: nothing is nearer than its thickness
    assert reach[on_sides].max() <= NEAR_DISTANCE + 1e-6
    sphere = trimesh.creation.icosphere(3, 0.012)
    points = near_points(sphere.vertices, sphere.faces, 4000, "gaps", (), np.random.default_rng(0)).reshape(-1, 2, 3)
    reach = np.linalg.norm(points[:, 0] - points[:, 1], axis=1) / 2
    assert 0.022 < reach.max() <= 0.0241  # the other side of the ball, below the cap of 0.05


def test_gaps_offsets_follow_the_square_of_a_uniform_number() -> None:
    sphere = trimesh.creation.icosphere(4, 0.3)  # nothing else within 0.05
    points = near_points(sphere.vertices, sphere.faces, 40_000, "gaps", (), np.random.default_rng(1))
    offsets = np.abs(
        np.linalg.norm(points, axis=1) - np.linalg.norm(points.reshape(-1, 2, 3).mean(1), axis=1).repeat(2)
    )
    fractions = np.quantile(offsets / NEAR_DISTANCE, (0.25, 0.5, 0.75))
    assert fractions == pytest.approx([0.0625, 0.25, 0.5625], abs=0.015)


def test_gaussian_samples_spread_by_their_sigmas_in_every_direction() -> None:
    point = np.array([[0.0, 0, 0], [1e-6, 0, 0], [0, 1e-6, 0]])
    points = near_points(point, np.array([[0, 1, 2]]), 40_000, "gaussian", (0.02, 0.005), np.random.default_rng(2))
    assert points[::2].std(axis=0) == pytest.approx([0.02] * 3, rel=0.03)
    assert points[1::2].std(axis=0) == pytest.approx([0.005] * 3, rel=0.03)


def test_the_command_offers_every_law() -> None:
    assert OFFERED_DISTRIBUTIONS == DISTRIBUTIONS


def test_both_engines_agree_with_the_closed_form_of_a_box() -> None:
    points = np.random.default_rng(4).uniform(-0.5, 0.5, (3000, 3)).astype(np.float32)
    points[:300, 0] = 0.2  # on the planes of two sides, and beside the rest of them
    expected = box_distance(points.astype(np.float64))
    other = second_signed_distance(points, *box())
    assert np.abs(np.abs(other) - np.abs(expected)).max() < 1e-7
    off = np.abs(expected) > 1e-7
    assert np.array_equal(other[off] < 0, expected[off] < 0)


def test_the_second_engine_counts_rays_through_edges_and_vertices_once() -> None:
    vertices, faces = box()  # rays along x from these points hit edges and corners of the far side
    lattice = np.stack(np.meshgrid([-0.3, -0.1, 0.1, 0.3], [-0.3, 0.0, 0.3], [-0.1, 0.0, 0.1], indexing="ij"), -1)
    points = lattice.reshape(-1, 3) * [1, 0.999, 0.999]
    assert np.array_equal(second_signed_distance(points, vertices, faces) < 0, box_distance(points) < 0)
    diagonal = np.array([[0.0, t * 0.3, t * 0.1] for t in np.linspace(-0.99, 0.99, 41)])  # along those of the side
    assert (second_signed_distance(diagonal, vertices, faces) < 0).all()


def test_the_second_engine_calls_the_overlap_of_two_bodies_inside() -> None:
    vertices, faces = box()
    both = np.concatenate((vertices, vertices + np.array([0.1, 0, 0]))), np.concatenate((faces, faces + len(vertices)))
    assert winding_number(np.array([[0.05, 0, 0]]), *both) == pytest.approx(2, abs=0.02)
    assert second_signed_distance(np.array([[0.05, 0, 0]]), *both)[0] < 0


def test_a_check_counts_wrong_signs_and_measures_wrong_distances() -> None:
    points = np.random.default_rng(5).uniform(-0.5, 0.5, (1000, 3)).astype(np.float32)
    samples = np.column_stack((points, signed_distance(points, *box())))
    good = check_samples(samples, *box())
    assert (good.points, good.sign_disagreements) == (1000, 0)
    assert good.largest_difference < 1e-7
    samples[:7, 3] *= -1
    samples[10, 3] += np.copysign(0.01, samples[10, 3])
    bad = check_samples(samples, *box())
    assert bad.sign_disagreements == 7
    assert bad.rate == pytest.approx(0.007)
    assert bad.largest_difference == pytest.approx(0.01, abs=1e-6)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_prepare_writes_missing_pools_once_and_equal_for_equal_seeds(tmp_path: Path, workers: int) -> None:
    first = load_registered_dataset(write_ellipsoids(tmp_path / "a", identities=2))
    second = load_registered_dataset(write_ellipsoids(tmp_path / "b", identities=2))
    summary = prepare_pools(first, COUNTS, seed=5, workers=workers)
    assert summary.written == first.identities
    assert (summary.kept, summary.given, summary.repaired, summary.refused) == ((), (), {}, {})
    assert summary.checked == 2 * 600  # fewer samples than the least that is checked
    assert summary.disagreement_rate < 0.01
    again = prepare_pools(first, COUNTS, seed=5)
    assert (again.written, again.kept, again.checked) == ((), first.identities, 0)
    prepare_pools(second, COUNTS, seed=5)
    for identity in range(2):
        assert np.array_equal(load_pools(first, identity).near, load_pools(second, identity).near)


def test_pools_of_other_settings_are_kept_and_told(tmp_path: Path) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "d", identities=1))
    prepare_pools(dataset, COUNTS)
    same, other = Listener(), Listener()
    prepare_pools(dataset, COUNTS, progress=same)
    prepare_pools(dataset, COUNTS, progress=other, sampling=Sampling("gaps"))
    assert same.messages == []
    assert "1 identities keep pools that were made with other settings" in other.messages[0]


def test_the_report_stores_settings_and_agreement(tmp_path: Path) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "d", identities=1))
    prepare_pools(dataset, (4000, 2000, 100), sampling=Sampling("gaps", check_fraction=0.5))
    report = json.loads((pools_folder(dataset, 0) / "report.json").read_text())
    assert report["settings"]["counts"] == [4000, 2000, 100]
    assert report["settings"]["law"] == "gaps"
    assert report["repair"] is None
    assert report["check"]["points"] == 3000
    assert report["check"]["sign_disagreement_rate"] <= 1e-3
    assert report["check"]["largest_difference"] < 1e-6


def with_faces(root: Path, name: str, faces: np.ndarray) -> Path:
    """The dataset in ``root`` where the identity ``name`` has its own ``faces``."""
    np.save(root / name / "faces.npy", faces)
    return root


def test_an_open_canonical_mesh_is_repaired_for_the_pools_alone(tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "d", identities=2)
    canonical = np.load(root / "ellipsoid_001" / "canonical.npy")
    faces = np.load(root / "faces.npy")
    hole = canonical[faces].mean(axis=1)[:, 1] > 0.33
    dataset = load_registered_dataset(with_faces(root, "ellipsoid_001", faces[~hole]))
    listener = Listener()
    summary = prepare_pools(dataset, (4000, 2000, 100), progress=listener)
    assert list(summary.repaired) == ["ellipsoid_001"]
    assert summary.repaired["ellipsoid_001"]["steps"] == ["capped 1 holes"]
    assert any(text.startswith("ellipsoid_001: repaired: capped 1 holes; 95 % of") for text in listener.messages)
    assert np.array_equal(np.load(root / "ellipsoid_001" / "canonical.npy"), canonical)
    mesh = load_mesh(root / "ellipsoid_001" / "pools" / "watertight.ply")
    assert len(mesh.vertices) > 0
    assert not (root / "ellipsoid_000" / "pools" / "watertight.ply").exists()
    pools, intact = load_pools(dataset, 1), (canonical, faces)
    truth = signed_distance(pools.uniform[:, :3], *intact)
    assert np.abs(pools.uniform[:, 3] - truth).max() < 0.005


def test_a_mesh_that_cannot_be_closed_is_refused_by_name_and_the_others_are_made(tmp_path: Path) -> None:
    root = write_ellipsoids(tmp_path / "d", identities=3)
    faces = np.load(root / "faces.npy")
    dataset = load_registered_dataset(with_faces(root, "ellipsoid_001", faces[:1]))
    summary = prepare_pools(dataset, COUNTS)
    assert summary.written == ("ellipsoid_000", "ellipsoid_002")
    assert "sheets without an inside" in str(summary.refused["ellipsoid_001"])
    assert str(root / "ellipsoid_001" / "canonical.npy") in str(summary.refused["ellipsoid_001"])
    assert not pools_folder(dataset, 1).exists()


@pytest.mark.slow
def test_the_command_exits_with_2_after_a_refusal_and_names_the_identity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_ellipsoids(tmp_path / "d", identities=2)
    with_faces(root, "ellipsoid_001", np.load(root / "faces.npy")[:1])
    counts = ["--near", "400", "--uniform", "200", "--surface", "100"]
    assert main(["prepare", str(root), *counts]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "identity ellipsoid_001: is refused" in last
    assert (root / "ellipsoid_000" / "pools" / "near.npy").is_file()


def test_the_command_prints_the_agreement_of_the_engines_and_returns_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_ellipsoids(tmp_path / "d", identities=1)
    counts = ["--near", "4000", "--uniform", "200", "--surface", "100", "--distribution", "gaussian", "--sigma", "0.02"]
    assert main(["prepare", str(root), *counts, "--json"]) == 0
    out, err = capsys.readouterr()
    assert "pools of 1 identities written" in err
    assert "of 2000 signs differ" in err
    results = json.loads(out.splitlines()[-1])
    assert results["written"] == ["ellipsoid_000"]
    assert results["disagreement_rate"] <= 1e-3
    assert len(np.load(root / "ellipsoid_000" / "pools" / "near.npy")) == 4000


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--near", "0"], "--near 0"),
        (["--check-fraction", "2"], "--check-fraction 2"),
        (["--distribution", "gaussian", "--sigma", "-1"], "--sigma"),
        (["--sigma", "0.1"], "--distribution normal"),
        (["--tolerance", "nan"], "--tolerance nan"),
        (["--distribution", "cauchy"], "--distribution"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(
    arguments: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_ellipsoids(tmp_path / "d", identities=1)
    assert main(["prepare", str(root), *arguments]) == 2
    assert named in capsys.readouterr().err
    assert not (root / "ellipsoid_000" / "pools").exists()


def test_samples_that_came_with_a_dataset_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "d", identities=1))
    came = SdfPools(*(np.zeros((5, columns), np.float32) for columns in (4, 4, 6)))
    monkeypatch.setattr(type(dataset.stored[0].store), "pools", lambda store, identity: came)
    assert prepare_pools(dataset, COUNTS).given == ("ellipsoid_000",)
    assert not pools_folder(dataset, 0).exists()


def test_stopping_keeps_the_identities_that_are_done(tmp_path: Path) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "d", identities=3))
    with pytest.raises(Cancelled):
        prepare_pools(dataset, COUNTS, progress=Listener(stop_after=1))
    assert [pools_folder(dataset, i).is_dir() for i in range(3)] == [True, False, False]
    assert prepare_pools(dataset, COUNTS).kept == ("ellipsoid_000",)


def test_a_mesh_outside_the_cube_is_refused_with_its_extent() -> None:
    with pytest.raises(InputError, match=r"leaves the cube.*0\.600"):
        check_canonical(box()[0] * 2, Path("canonical.npy"))


def test_a_missing_pool_names_the_command_that_makes_it(tmp_path: Path) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "d", identities=1))
    with pytest.raises(InputError, match="prepare the dataset"):
        load_pools(dataset, 0)


def test_a_truncated_pool_is_refused_by_name(tmp_path: Path) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "d", identities=1))
    prepare_pools(dataset, COUNTS)
    path = pools_folder(dataset, 0) / "near.npy"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"near\.npy"):
        load_pools(dataset, 0)


@pytest.mark.slow
def test_a_worker_stopped_from_outside_is_said_in_a_line_and_its_work_can_go_on(tmp_path: Path) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "data", identities=6))

    class Killer(Progress):
        def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
            for child in multiprocessing.active_children():
                child.kill()

    with pytest.raises(InputError, match=r"a process that prepared it was stopped.*finished identities are kept"):
        prepare_pools(dataset, COUNTS, workers=2, progress=Killer())
    summary = prepare_pools(dataset, COUNTS)
    assert summary.kept and summary.written
    assert set(summary.kept) | set(summary.written) == set(dataset.identities)
