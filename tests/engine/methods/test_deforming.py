"""Methods that deform a mesh from frame to frame."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.geometry.ray_casting import render_depth
from engine.methods.completing import complete_run
from engine.methods.deforming.coarse import carried_by, decimated
from engine.methods.deforming.config import CpdConfig, DeformingConfig, NricpConfig, PyramidConfig
from engine.methods.deforming.method import CPD, NRICP, PYRAMID, DeformingMethod
from engine.methods.deforming.pyramid import Level, chamfer
from engine.methods.deforming.seen import seen_surface
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.request import FitRequest, check_request
from engine.methods.run import NOT_COMPLETE, UNMEASURED, Run, canonical_surface, load_run
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence
from engine.sequences.mesh_sequence import MeshSequence
from tests.support.bending_ellipsoid import FAR, bent_meshes, bent_sequence, template
from tests.support.progress import Hurried, Listener
from tests.support.toy_model import toy_model
from tests.support.walking_ball import CAMERA

Small = tuple[DeformingMethod, DeformingConfig]
SUPPLE = NricpConfig(vertices=200, stiffness_first=0.02, stiffness_last=0.002, steps=2, iterations=3)
METHODS = [
    pytest.param((NRICP, SUPPLE), id="nricp"),
    pytest.param((CPD, CpdConfig(points=200, iterations=20)), id="cpd"),
    pytest.param((PYRAMID, PyramidConfig(first=-3, points=200, iterations=20)), id="pyramid"),
]


@pytest.fixture(params=METHODS)
def small(request: pytest.FixtureRequest) -> Small:
    """A method, with a configuration that takes little time."""
    method: DeformingMethod
    method, config = request.param
    if method.package is not None:
        pytest.importorskip(method.package)
    return method, config


def deformed(
    small: Small, sequence: DepthSequence, out: Path, progress: Progress | None = None, mesh: Mesh | None = None
) -> Run:
    method, config = small
    request = FitRequest(method, config, sequence, out, template=mesh or template(), device="cpu")
    return run_fit(request, progress)


def seen_from_both_sides(meshes: MeshSequence) -> DepthSequence:
    """By a camera at the origin and one beyond that looks back."""
    back = np.diag([-1.0, 1.0, -1.0, 1.0])
    back[2, 3] = 2 * FAR
    views = []
    for pose in (np.eye(4), back):
        depths = [render_depth(mesh.vertices, mesh.faces, CAMERA, pose) for mesh in meshes]
        names, poses = meshes.frame_names, np.stack([pose] * len(meshes))
        views.append(DepthSequence("bent", Path("bent"), CAMERA, names, meshes.times_s, depths.__getitem__, poses))
    return replace(views[0], others=(views[1],))


def gap(mesh: Mesh, true: NDArray[np.float32]) -> float:
    """Mean distance from those of the ``true`` vertices (V, 3) that may be seen to the nearest of ``mesh``, metres."""
    return float(cKDTree(mesh.vertices).query(true[true[:, 2] < FAR])[0].mean())


def test_a_mesh_follows_what_it_sees_and_keeps_its_vertices(small: Small, tmp_path: Path) -> None:
    run, truth = deformed(small, bent_sequence(3), tmp_path / "run"), bent_meshes(3)
    assert (run.method, run.interrupted, run.meshes.one_topology) == (small[0].id, False, True)
    assert run.meshes.frame_names == truth.frame_names
    np.testing.assert_array_equal(run.meshes.read(2).faces, template().faces)
    true = truth.read(2).vertices
    assert gap(run.meshes.read(2), true) < 0.6 * gap(template(), true)
    assert [frame.confidence for frame in run.frames] == [None] * 3
    assert run.details["template"] == "as stated"


def test_what_one_camera_does_not_show_is_a_guess_which_the_verdict_says(small: Small, tmp_path: Path) -> None:
    run = deformed(small, bent_sequence(2), tmp_path / "run")
    assert run.verdict != "good"
    assert run.reason is not None
    assert "% of the surface" in run.reason


def test_seen_from_both_sides_a_deformed_mesh_can_be_good(tmp_path: Path) -> None:
    pytest.importorskip("rtree")
    run = deformed((NRICP, SUPPLE), seen_from_both_sides(bent_meshes(2)), tmp_path / "run")
    assert run.verdict == "good", run.reason


def test_a_frame_that_shows_nothing_keeps_the_last_mesh_and_is_lost(small: Small, tmp_path: Path) -> None:
    run = deformed(small, bent_sequence(3, empty=[1]), tmp_path / "run")
    assert [frame.lost for frame in run.frames] == [None, True, None]
    np.testing.assert_array_equal(run.meshes.read(1).vertices, run.meshes.read(0).vertices)
    assert not np.array_equal(run.meshes.read(2).vertices, run.meshes.read(1).vertices)


def test_stopping_keeps_the_frames_that_are_done(small: Small, tmp_path: Path) -> None:
    run = deformed(small, bent_sequence(3), tmp_path / "run", Listener(stop_after=1))
    assert run.interrupted
    assert run.meshes.frame_names == ("000000",)


def test_meshes_so_far_are_kept_for_who_waits_for_the_end_and_measured_later(small: Small, tmp_path: Path) -> None:
    sequence = bent_sequence(3)
    whole = deformed(small, sequence, tmp_path / "whole")
    kept = deformed(small, sequence, tmp_path / "run", Hurried("deform", 2))
    assert not kept.is_complete
    assert (kept.verdict, kept.reason) == (None, NOT_COMPLETE)
    assert kept.meshes.frame_names == ("000000", "000001")
    assert [frame.mean_distance_mm for frame in kept.frames] == [None, None]
    done = complete_run(kept, sequence, None, Progress())
    assert done.is_complete and done.interrupted and done.verdict is not None
    assert UNMEASURED not in done.details
    assert load_run(done.folder).frame_names == kept.frame_names
    for row in range(2):
        np.testing.assert_array_equal(done.meshes.read(row).vertices, whole.meshes.read(row).vertices)
        assert done.frames[row].mean_distance_mm == whole.frames[row].mean_distance_mm


def test_a_frame_is_left_half_done_by_who_waits_for_the_end(tmp_path: Path) -> None:
    pytest.importorskip("rtree")

    class Later(Hurried):
        """Once the second frame has begun."""

        def cancelled(self) -> bool:
            return False

    run = deformed((NRICP, SUPPLE), bent_sequence(3), tmp_path / "run", Later("deform", 1))
    assert run.interrupted
    assert run.meshes.frame_names == ("000000",)


def test_stopping_before_the_first_frame_is_done_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("rtree")
    with pytest.raises(Cancelled):
        deformed((NRICP, NricpConfig()), bent_sequence(1), tmp_path / "run", Listener(stop_after=0))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("method", "package"), [(NRICP, "rtree"), (CPD, "rustcpd")])
def test_a_missing_package_is_named_with_the_command_that_brings_it(
    method: DeformingMethod, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        InputError, match=rf"method '{method.id}': needs the package {package} .*; pip install {package}"
    ):
        deformed((method, method.config_type()), bent_sequence(1), tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda points: 1000 * points, "is 1.3e\\+03 m large, the recording shows 1.2.* m; give it in metres"),
        (lambda points: points + 5, "is 8.* m from what the first frame shows"),
    ],
)
def test_a_template_that_cannot_be_of_the_subject_is_refused(change: object, message: str, tmp_path: Path) -> None:
    pytest.importorskip("rtree")
    assert callable(change)
    wrong = Mesh(change(template().vertices).astype(np.float32), template().faces)
    with pytest.raises(InputError, match=message):
        deformed((NRICP, NricpConfig()), bent_sequence(1), tmp_path / "run", mesh=wrong)


def test_without_a_template_a_model_with_a_pose_part_is_needed(tmp_path: Path) -> None:
    request = FitRequest(NRICP, NricpConfig(), bent_sequence(1), tmp_path / "run", device="cpu")
    with pytest.raises(InputError, match="method 'nricp': needs a model with a pose part"):
        check_request(request)
    shape_only = LoadedModel(tmp_path, replace(toy_model(), pose_decoder=None, pose_codes=None))
    with pytest.raises(InputError, match="has no pose part yet"):
        check_request(replace(request, model=shape_only))
    check_request(replace(request, model=LoadedModel(tmp_path, toy_model())))
    check_request(replace(request, template=template()))


def test_the_template_of_a_model_is_what_npm_fits_to_the_first_frame(
    small: Small, depth_capture: Path, toy_folder: Path, tmp_path: Path
) -> None:
    method, config = small
    config = config.model_copy(update={"resolution": 24})
    sequence, model = load_depth_sequence(depth_capture).subset([0, 1]), LoadedModel(toy_folder, toy_model())
    run = run_fit(FitRequest(method, config, sequence, tmp_path / "run", model, device="cpu"))
    canonical = canonical_surface(run)
    assert canonical is not None
    np.testing.assert_array_equal(canonical.faces, run.meshes.read(1).faces)
    assert run.details["template"] == "fitted to the first frame by npm"
    assert (run.frames[0].mean_distance_mm or np.inf) < 15


def test_a_decimated_mesh_carries_every_vertex_along_as_it_turns() -> None:
    fine = template()
    coarse = decimated(fine, 100)
    assert 50 < len(coarse.vertices) < 150
    carry = carried_by(coarse, fine.vertices)
    at_rest = coarse.vertices.astype(np.float64)
    np.testing.assert_allclose(carry(at_rest), fine.vertices, atol=1e-6)
    turn = np.array([[0.0, -1, 0, 3], [1, 0, 0, 0], [0, 0, 1, -1], [0, 0, 0, 1]])
    turned = transform_points(turn, coarse.vertices).astype(np.float64)
    np.testing.assert_allclose(carry(turned), transform_points(turn, fine.vertices), atol=1e-5)


def test_the_largest_part_of_a_mesh_carries_the_others() -> None:
    whole = template()
    crumb = Mesh(0.01 * whole.vertices + np.float32(0.1), whole.faces)
    both = Mesh(
        np.concatenate((crumb.vertices, whole.vertices)),
        np.concatenate((crumb.faces, whole.faces + len(whole.vertices))),
    )
    coarse = decimated(both, len(whole.vertices))
    np.testing.assert_array_equal(coarse.vertices, whole.vertices)
    moved = carried_by(coarse, both.vertices)(coarse.vertices + np.float64(0.5))
    np.testing.assert_allclose(moved, both.vertices + 0.5, atol=1e-5)


def test_what_a_camera_saw_is_a_surface_and_says_what_of_a_mesh_it_would_see() -> None:
    seen, mesh = seen_surface(bent_sequence(1), 0, 0.03), template()
    assert seen is not None
    assert set(np.unique(seen.mesh.faces)) == set(range(len(seen.mesh.vertices)))
    edges = np.diff(seen.mesh.vertices[seen.mesh.faces][:, [0, 1]], axis=1)
    assert np.linalg.norm(edges, axis=-1).max() < 0.06
    shown = seen.shows(mesh.vertices, mesh.faces)
    np.testing.assert_array_equal(shown[mesh.vertices[:, 2] > FAR + 0.02], False)
    assert shown[mesh.vertices[:, 2] < FAR - 0.1].all()
    assert seen_surface(bent_sequence(1, empty=[0]), 0, 0.03) is None


def test_a_level_begins_with_the_identity_and_can_turn_points() -> None:
    level, points = Level(1.0), torch.rand(5, 3)
    torch.testing.assert_close(level(points), points)
    last = level.layers[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.bias.copy_(torch.tensor([0, 0, np.pi / 2, 1, 0, 0]))
    turned = torch.stack((1 - points[:, 1], points[:, 0], points[:, 2]), dim=1)
    torch.testing.assert_close(level(points), turned)


def test_the_robust_distance_is_that_of_its_slow_twin() -> None:
    generator = torch.Generator().manual_seed(0)
    source, goal = torch.rand(7, 3, generator=generator), torch.rand(9, 3, generator=generator)
    reach, total = 0.2, 0.0
    for points, others in ((source, goal), (goal, source)):
        nearest = [min(float((point - other).norm()) for other in others) for point in points]
        total += sum((gap / reach) ** 2 / (1 + (gap / reach) ** 2) ** 2 for gap in nearest) / len(nearest)
    assert float(chamfer(source, goal, reach)) == pytest.approx(total, rel=1e-4)
