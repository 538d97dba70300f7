"""Derivatives of placed surface points, against finite differences of the toy model in double precision."""

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.methods.npm.linearisation import distance_rates, linearise
from engine.methods.npm.variables import FittedModel, Variables, nearest_seen
from engine.models.code_space import CodeSpace
from engine.models.networks.decoder import DecoderConfig, PoseDecoder, ShapeDecoder
from tests.support.toy_model import toy_model

FRAMES, POINTS = 2, 6
STEP = 1e-5


def doubled(space: CodeSpace) -> CodeSpace:
    return CodeSpace(space.mean.double(), space.std.double(), space.components.double(), space.scales.double())


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> FittedModel:
    """The toy model in double precision, also where decoders turn to single."""
    fitted = FittedModel.of(toy_model(), False, 3)
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    model = dataclasses.replace(
        fitted.model,
        shape_decoder=copy.deepcopy(fitted.model.shape_decoder).double(),
        pose_decoder=copy.deepcopy(fitted.model.pose_decoder).double() if fitted.model.pose_decoder else None,
    )
    return FittedModel(model, doubled(fitted.shapes), doubled(fitted.poses), False)


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def somewhere(fitted: FittedModel) -> Variables:
    return Variables(
        0.3 * random(len(fitted.shapes.scales), seed=0),
        0.5 * random(FRAMES, len(fitted.poses.scales), seed=1),
        torch.tensor(Rotation.random(FRAMES, random_state=2).as_matrix()),
        random(FRAMES, 3, seed=3),
    )


def unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1)


def near_surface(fitted: FittedModel, variables: Variables) -> Tensor:
    """Canonical points (F, N, 3) near the surface of ``variables``."""
    cube = random(4000, 3, seed=4) * 0.15
    near = cube[fitted.model.sdf(fitted.shape_code(variables)[None], cube[None])[0].abs() < 0.01]
    return near[: FRAMES * POINTS].reshape(FRAMES, POINTS, 3)


def coordinate(
    fitted: FittedModel, variables: Variables, point: Tensor, normal: Tensor, direction: Tensor, frame: int, moves: bool
) -> float:
    """Where along ``direction`` (3,) one ``point`` (3,) of ``frame`` is."""
    model, shape = fitted.model, fitted.shape_code(variables)[None]
    if moves:
        point = point - model.sdf(shape, point[None, None])[0, 0] * normal
    local = model.pose(shape, fitted.pose_codes(variables)[frame][None], point[None, None])[0, 0]
    return float((variables.rotations[frame] @ local + variables.translations[frame]) @ direction)


@pytest.mark.parametrize("moves", [True, False])
def test_derivatives_are_those_of_finite_differences(fitted: FittedModel, moves: bool) -> None:
    variables = somewhere(fitted)
    points = near_surface(fitted, variables)
    normals = unit(random(FRAMES, POINTS, 3, seed=5))
    directions = unit(random(FRAMES, 2, POINTS, 3, seed=6))
    middle = random(FRAMES, 3, seed=7)
    linear = linearise(fitted, variables, points, normals, directions, middle, moves)
    poses, shapes = variables.poses.shape[1], len(variables.shape)
    assert linear.jacobians.shape == (FRAMES, 2, POINTS, poses + 6)
    assert linear.shape_jacobians.shape == (FRAMES, 2, POINTS, shapes if moves else 0)

    def stepped(unknown: int, size: float) -> Variables:
        all_of = torch.zeros(FRAMES, poses + 6, dtype=torch.float64)
        shape = torch.zeros(shapes, dtype=torch.float64)
        if unknown < poses + 6:
            all_of[:, unknown] = size
        else:
            shape[unknown - poses - 6] = size
        return variables.moved(shape, all_of[:, :poses], all_of[:, poses:], middle)

    found = torch.cat((linear.jacobians, linear.shape_jacobians), -1)
    for unknown in range(found.shape[-1]):
        forward, backward = stepped(unknown, STEP), stepped(unknown, -STEP)
        for frame in range(FRAMES):
            for row in range(2):
                for index in range(POINTS):
                    what = points[frame, index], normals[frame, index], directions[frame, row, index], frame, moves
                    slope = coordinate(fitted, forward, *what) - coordinate(fitted, backward, *what)
                    assert float(found[frame, row, index, unknown]) == pytest.approx(slope / (2 * STEP), abs=2e-6)


def slow(
    fitted: FittedModel, variables: Variables, points: Tensor, normals: Tensor, directions: Tensor
) -> tuple[Tensor, Tensor]:
    """Derivatives (F, R, N, K) and (F, R, N, S) by poses and shape, of one number after the other."""
    poses, shapes = [], []
    for frame, row, index in np.ndindex(*directions.shape[:3]):
        shape = variables.shape.clone().requires_grad_()
        pose = variables.poses[frame].clone().requires_grad_()
        code, point = fitted.shapes.code(shape)[None], points[frame, index][None, None]
        followed = point - fitted.model.sdf(code, point)[..., None].clamp(-0.03, 0.03) * normals[frame, index]
        local = fitted.model.pose(code, fitted.poses.code(pose)[None], followed)[0, 0]
        along = (variables.rotations[frame] @ local) @ directions[frame, row, index]
        by_pose, by_shape = torch.autograd.grad(along, (pose, shape))
        poses.append(by_pose)
        shapes.append(by_shape)
    counts = directions.shape[:3]
    return torch.stack(poses).view(*counts, -1), torch.stack(shapes).view(*counts, -1)


KINDS: dict[str, dict[str, Any]] = {
    "narrow skip": {},
    "layer norm": {"weight_norm": False, "layer_norm": True, "full_width_skip": True},
    "plain points everywhere": {"positional_encoding": False, "xyz_in_all": True, "tanh": False},
    "rigid motions": {"se3": True, "full_width_skip": True},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("follows", [True, False])
def test_derivatives_of_decoders_of_every_kind_are_those_of_each_number_alone(kind: str, follows: bool) -> None:
    torch.manual_seed(0)
    config = DecoderConfig(width=80, layers=4, skip_layer=2, frequencies=4, **KINDS[kind])
    model = toy_model()
    size = model.shape_codes.shape[1]
    decoders = ShapeDecoder(size, config), PoseDecoder(size, size, config)
    torch.nn.init.normal_(decoders[1].layer(config.layers).weight, std=0.2)  # motions that one can see
    model = dataclasses.replace(model, shape_decoder=decoders[0], pose_decoder=decoders[1]).to("cpu")
    fitted = FittedModel.of(model, False, 3)
    variables = somewhere(fitted)
    variables = Variables(*(getattr(variables, field.name).float() for field in dataclasses.fields(variables)))
    points, middle = 0.2 * random(FRAMES, POINTS, 3, seed=4).float(), torch.zeros(FRAMES, 3)
    normals = unit(random(FRAMES, POINTS, 3, seed=5)).float()
    directions = unit(random(FRAMES, 3, POINTS, 3, seed=6)).float()
    linear = linearise(fitted, variables, points, normals if follows else None, directions, middle, True)
    by_pose, by_shape = slow(fitted, variables, points, normals * follows, directions)
    torch.testing.assert_close(linear.jacobians[..., :-6], by_pose, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(linear.shape_jacobians, by_shape, atol=1e-5, rtol=1e-3)


def test_how_distances_change_with_the_shape_may_be_known_already(fitted: FittedModel) -> None:
    variables, points = somewhere(fitted), near_surface(fitted, somewhere(fitted))
    normals = unit(random(FRAMES, POINTS, 3, seed=5))
    directions, middle = unit(random(FRAMES, 2, POINTS, 3, seed=6)), random(FRAMES, 3, seed=7)
    worked_out = linearise(fitted, variables, points, normals, directions, middle, True)
    rates = distance_rates(fitted, variables, points)
    known = linearise(fitted, variables, points, normals, directions, middle, True, rates)
    torch.testing.assert_close(known.shape_jacobians, worked_out.shape_jacobians)
    still = linearise(fitted, variables, points, normals, directions, middle, True, 0 * rates)
    assert (still.shape_jacobians - worked_out.shape_jacobians).abs().max() > 0.01


def test_points_are_where_the_variables_place_them(fitted: FittedModel) -> None:
    variables = somewhere(fitted)
    points = near_surface(fitted, variables)
    directions = unit(random(FRAMES, 1, POINTS, 3, seed=6))
    still = linearise(fitted, variables, points, 0 * points, directions, 0 * points[:, 0], False)
    torch.testing.assert_close(still.placed, variables.place(fitted.local(variables, points)))


def test_points_follow_the_surface_no_farther_than_a_distance_can_be_trusted(fitted: FittedModel) -> None:
    variables = somewhere(fitted)
    far = torch.full((FRAMES, 1, 3), 0.45, dtype=torch.float64)
    normal = unit(torch.ones_like(far))
    linear = linearise(fitted, variables, far, normal, normal[:, None], 0 * far[:, 0], True)
    torch.testing.assert_close(linear.placed, variables.place(fitted.local(variables, far - 0.03 * normal)))


def test_a_step_turns_about_the_middle_and_then_shifts(fitted: FittedModel) -> None:
    variables, points = somewhere(fitted), random(FRAMES, POINTS, 3, seed=8)
    shape, poses = random(*variables.shape.shape, seed=9), random(*variables.poses.shape, seed=10)
    rigid, middle = random(FRAMES, 6, seed=11), random(FRAMES, 3, seed=12)
    after = variables.moved(shape, poses, rigid, middle)
    torch.testing.assert_close(after.shape, variables.shape + shape)
    torch.testing.assert_close(after.poses, variables.poses + poses)
    before, placed = variables.place(points), after.place(points)
    for frame in range(FRAMES):
        turn = torch.tensor(Rotation.from_rotvec(rigid[frame, :3].numpy()).as_matrix())
        for index in range(POINTS):
            local = variables.rotations[frame] @ points[frame, index] + variables.translations[frame]
            torch.testing.assert_close(before[frame, index], local)
            expected = turn @ (local - middle[frame]) + middle[frame] + rigid[frame, 3:]
            torch.testing.assert_close(placed[frame, index], expected)


def test_the_plain_copy_of_a_model_says_the_same() -> None:
    model = toy_model()
    assert model.pose_codes is not None
    plain = FittedModel.of(model, False, 3).model
    points = 0.2 * random(FRAMES, POINTS, 3, seed=4).float()
    shapes, poses = model.shape_codes[:FRAMES], model.pose_codes[:FRAMES]
    torch.testing.assert_close(plain.sdf(shapes, points), model.sdf(shapes, points))
    torch.testing.assert_close(plain.pose(shapes, poses, points), model.pose(shapes, poses, points))


def test_frames_take_the_variables_of_the_nearest_that_was_seen(fitted: FittedModel) -> None:
    variables = dataclasses.replace(somewhere(fitted).of(torch.tensor([0, 1, 0, 1])), translations=random(4, 3, seed=1))
    filled = nearest_seen(variables, torch.tensor([0.0, 1.0, 1.4, 3.0]), torch.tensor([1, 3]))
    torch.testing.assert_close(filled.translations, variables.translations[[1, 1, 1, 3]])
    torch.testing.assert_close(filled.rotations, variables.rotations[[1, 1, 1, 3]])
