"""The error budget of fits, on a doll whose codes are known."""

import dataclasses

import numpy as np
import pytest
import torch
from body_parts import PARTS, BodyParts, part_of_bone, vertex_parts
from energy_terms import ALL, PRIORS, WHOLE, fitted_of, gathered, state_at, term_figures
from error_budget import mean_terms, print_budget, print_terms
from torch import Tensor
from true_codes import (
    EXACT,
    TrueSurface,
    exact_observations,
    of_one_shape,
    true_poses,
    true_shape,
    true_surface,
)

from engine.core.errors import InputError
from engine.evaluate.representation import surface_metrics
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FittedCodes, fit_codes
from engine.methods.npm.observations import Observations
from engine.sequences.mesh_sequence import mesh_sequence, regular_times
from engine.sequences.truth import Truth
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.toy_model import toy_model

IDENTITY, FRAMES, POINTS = 1, 3, 400
QUICK = EXACT.model_copy(update={"steps": 12, "coordinate_points": 200})
SIDES = ("left", "right")


@pytest.fixture(scope="module")
def true_codes() -> FittedCodes:
    model = toy_model()
    assert model.pose_codes is not None
    first, last = (model.pose_codes[row] for row in model.frames_of(IDENTITY)[:2])
    codes = torch.stack([first + share * (last - first) for share in (0.3, 0.5, 0.7)])
    here = torch.eye(3).repeat(FRAMES, 1, 1), torch.zeros(FRAMES, 3)
    return FittedCodes(model.shape_codes[IDENTITY], codes, *here, 1, 0.0, False)


@pytest.fixture(scope="module")
def truth(true_codes: FittedCodes) -> TrueSurface:
    model = toy_model()
    mesh = extract_surface(model, true_codes.shape_code, 48)
    similarity, times_s = model.info.similarity, regular_times(FRAMES, 10)
    posed = [pose_vertices(model, true_codes.shape_code, code, mesh.vertices) for code in true_codes.pose_codes]
    vertices = similarity.to_world(np.stack(posed)).astype(np.float32)
    meshes = mesh_sequence("doll", vertices, mesh.faces, ("a", "b", "c"), times_s)
    rest = np.asarray(similarity.to_world(mesh.vertices), np.float64)
    return true_surface(Truth(meshes, similarity, rest), similarity, POINTS)


@pytest.fixture(scope="module")
def exact(truth: TrueSurface) -> Observations:
    """A fit whose correspondences are true and whose points lie on the true surface."""
    observations = exact_observations(truth, torch.device("cpu"))
    return dataclasses.replace(observations, normals=torch.zeros_like(observations.points))


def by_side(points: Tensor) -> Tensor:
    return (points[..., 0] > 0).long()


@pytest.mark.parametrize(
    ("bone", "part"),
    [
        ("neck02", "head"),
        ("clavicle.L", "trunk"),
        ("upperarm01.R", "arms"),
        ("finger3-2.L", "hands"),
        ("toe1-1.R", "feet"),
    ],
)
def test_bones_belong_to_parts_of_the_body(bone: str, part: str) -> None:
    assert part_of_bone(bone) == part


def test_a_vertex_is_of_the_part_of_its_strongest_bone_and_a_point_of_that_of_its_nearest_vertex() -> None:
    parts = vertex_parts(("head", "foot.L"), np.array([[0.7, 0.3], [0.1, 0.9]]))
    assert [PARTS[index] for index in parts] == ["head", "feet"]
    found = BodyParts(np.array([[0.0, 0.4, 0], [0, -0.4, 0]]), parts)(np.array([[[0.1, 0.1, 0], [0, -0.1, 0]]]))
    assert [[PARTS[index] for index in row] for row in found] == [["head", "feet"]]


def test_a_bone_of_something_else_belongs_to_no_part() -> None:
    with pytest.raises(KeyError):
        part_of_bone("tail")


def test_points_of_the_true_surface_follow_their_triangles(truth: TrueSurface, true_codes: FittedCodes) -> None:
    model = toy_model()
    for frame, code in enumerate(true_codes.pose_codes):
        moved = pose_vertices(model, true_codes.shape_code, code, truth.at_rest)
        assert np.linalg.norm(moved - truth.moved[frame], axis=1).max() < 2e-3  # within triangles it bends


def test_truth_that_has_no_canonical_pose_is_refused(truth: TrueSurface) -> None:
    meshes = mesh_sequence("doll", np.zeros((1, 3, 3), np.float32), np.array([[0, 1, 2]], np.int32), "a", np.zeros(1))
    with pytest.raises(InputError, match="canonical pose"):
        true_surface(Truth(meshes, None), toy_model().info.similarity)


def test_the_true_shape_is_that_of_the_surface(truth: TrueSurface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("true_codes.POOL", (2000, 500, 1))
    code = true_shape(toy_model(), truth.rest, 20)
    figures = surface_metrics(
        toy_model(), code, truth.rest.vertices, truth.rest.faces, np.random.default_rng(0), chamfer=False
    )
    assert figures.iou > 0.95


def test_a_model_of_one_shape_keeps_it_in_a_fit(exact: Observations) -> None:
    other = toy_model().shape_codes[3]
    fitted = fit_codes(of_one_shape(toy_model(), other), exact, QUICK)
    spread = toy_model().shape_codes.std()
    assert (fitted.shape_code - other).abs().max() < 0.01 * spread


def test_true_poses_bring_points_to_where_they_are(truth: TrueSurface, true_codes: FittedCodes) -> None:
    model = toy_model()
    found = true_poses(model, true_codes.shape_code, truth, QUICK)
    assert torch.equal(found.shape_code, true_codes.shape_code)
    for frame in range(FRAMES):
        local = pose_vertices(model, found.shape_code, found.pose_codes[frame], truth.at_rest)
        placed = local @ found.rotations[frame].numpy().T + found.translations[frame].numpy()
        assert np.linalg.norm(placed - truth.moved[frame], axis=1).mean() < 2e-3


def test_at_the_true_codes_exact_observations_pull_nowhere_and_a_shifted_one_pulls(
    exact: Observations, true_codes: FittedCodes
) -> None:
    config = FitConfig(steps=2, surface_points=POINTS, free_space_weight=0, acceleration=0)

    def pulls(observations: Observations) -> dict[str, dict[str, object]]:
        rows = term_figures(state_at(toy_model(), observations, config, true_codes), by_side, SIDES)
        return {row["term"]: row for row in rows if row["part"] == WHOLE}

    still = pulls(exact)["coordinates"]
    assert still["residual"] == pytest.approx(0, abs=2e-3)
    shifted = pulls(dataclasses.replace(exact, points=exact.points + torch.tensor([0.0, 0.01, 0.0])))["coordinates"]
    bias = shifted["bias"]
    assert isinstance(bias, list) and bias == pytest.approx([0, -0.01, 0], abs=1e-3)  # the model is below
    assert float(str(shifted["pull"])) > 5 * float(str(still["pull"]))


def test_gradients_of_parts_add_up_to_that_of_their_term_and_terms_to_the_step(
    exact: Observations, true_codes: FittedCodes
) -> None:
    config = FitConfig(steps=2, surface_points=64, free_space_points=16, coordinate_points=64)
    state = state_at(toy_model(), exact, config, true_codes)
    gradients, equations, _ = gathered(state, by_side, SIDES)
    assert {term for term, _ in gradients} == {"steady", "coordinates", "surface", "free space"}
    for term in ("coordinates", "surface"):
        torch.testing.assert_close(
            sum(gradients[term, side].shape for side in SIDES), gradients[term, WHOLE].shape, rtol=1e-3, atol=1e-2
        )
        torch.testing.assert_close(
            sum(gradients[term, side].frame for side in SIDES), gradients[term, WHOLE].frame, rtol=1e-3, atol=1e-2
        )
    together = sum(gradient.frame for (_, part), gradient in gradients.items() if part == WHOLE)
    torch.testing.assert_close(together, equations.frame_gradient, rtol=1e-3, atol=1e-2)


def test_a_state_is_at_its_codes_however_few_directions_a_fit_has(exact: Observations, true_codes: FittedCodes) -> None:
    state = state_at(toy_model(), exact, FitConfig(shape_directions=1), true_codes)
    fitted = fitted_of(state)
    torch.testing.assert_close(fitted.shape_code(state.variables), true_codes.shape_code)
    torch.testing.assert_close(fitted.pose_codes(state.variables), true_codes.pose_codes, atol=1e-4, rtol=1e-4)


def test_means_over_sequences_leave_out_who_knows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    known = {
        "term": "surface", "part": "feet", "residual": 0.002, "bias": [0.001], "gradient_shape": 1.0,
        "gradient_pose": 1.0, "pull_shape": 0.1, "pull_pose": 0.2, "pull": 0.001,
    }  # fmt: skip
    unknown = known | {"residual": None, "bias": [], "pull_pose": 0.0}
    (mean,) = mean_terms([[known], [unknown]])
    assert mean["residual"] == 0.002 and mean["bias"] == [0.001] and mean["pull_pose"] == pytest.approx(0.1)
    print_terms([mean, unknown | {"term": PRIORS}, unknown | {"term": ALL}], 2500.0)
    print_budget("a", {"fit": dict.fromkeys(("iou", "chamfer_l2", "epe", "correspondence_mm", "failed_frames"), 0.5)})
    printed = capsys.readouterr().out
    assert "5.00" in printed and "2.50" in printed and "50.0%" in printed
