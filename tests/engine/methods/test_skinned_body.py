"""Skinned bodies and their derivatives, against one vertex and one bone after the other, and finite differences."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.methods.npm.residuals import SurfaceRows
from engine.methods.npm.variables import Variables
from engine.methods.skinned.body import SkinnedBody, skinned_vertices
from engine.methods.skinned.derivatives import right_jacobians
from engine.methods.skinned.material import canonical_vertices
from engine.methods.skinned.posable import SkinnedPosable
from engine.methods.skinned.pose_space import pose_space, rotation_vectors
from tests.support.skinned_arm import skinned_arm

FRAMES, POINTS, SAMPLES = 2, 5, 300
STEP = 1e-6


@pytest.fixture(params=[False, True], ids=["plain", "bending"])
def body(request: pytest.FixtureRequest) -> SkinnedBody:
    return skinned_arm(request.param)


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1)


def somewhere(body: SkinnedBody) -> Variables:
    return Variables(
        0.5 * random(body.shapes, seed=0),
        random(FRAMES, body.poses.directions.shape[-1], seed=1),
        torch.tensor(Rotation.random(FRAMES, random_state=2).as_matrix()),
        random(FRAMES, 3, seed=3),
    )


def slow_vertex(body: SkinnedBody, shape: Tensor, rotations: Tensor, vertex: int) -> np.ndarray:
    """(3,) of one vertex with joint ``rotations`` (B, 3, 3), by 4x4 matrices from bone to bone."""
    rest = body.rest(shape)
    poses: list[np.ndarray] = []
    for bone, parent in enumerate(body.parents):
        local = np.eye(4)
        above = np.eye(3) if parent < 0 else body.reference[parent].numpy()
        local[:3, :3] = above.T @ rotations[bone].numpy() @ body.reference[bone].numpy()
        local[:3, 3] = rest.offsets[bone].numpy()
        poses.append(local if parent < 0 else poses[parent] @ local)
    point = rest.vertices[vertex].numpy().copy()
    if body.pose_directions is not None:
        features = np.concatenate([(rotation.numpy() - np.eye(3)).ravel() for rotation in rotations[1:]])
        point = point + body.pose_directions[vertex].numpy() @ features
    placed = np.zeros(3)
    for bone, pose in enumerate(poses):
        at_rest = np.eye(4)
        at_rest[:3, :3], at_rest[:3, 3] = rest.orientations[bone].numpy(), rest.heads[bone].numpy()
        placed += float(body.weights[vertex, bone]) * (pose @ np.linalg.inv(at_rest) @ np.append(point, 1))[:3]
    return placed


def test_vertices_are_those_of_a_slow_twin(body: SkinnedBody) -> None:
    variables = somewhere(body)
    rotations = body.joint_rotations(variables.poses)
    found = skinned_vertices(body, body.rest_of(variables.shape), rotations)
    for frame in range(FRAMES):
        for vertex in (0, 7, 50, 111):
            slow = slow_vertex(body, variables.shape, rotations[frame], vertex)
            np.testing.assert_allclose(found[frame, vertex].numpy(), slow, atol=1e-12)


@pytest.mark.parametrize("follow", [True, False], ids=["samples", "coordinates"])
def test_derivatives_are_those_of_finite_differences(body: SkinnedBody, follow: bool) -> None:
    posable, variables = SkinnedPosable(body, 0, SAMPLES), somewhere(body)
    sampled = Variables(variables.shape + 0.1, variables.poses, variables.rotations, variables.translations)
    surface = posable.surface(sampled, 0)  # of another shape, which points have followed since
    picks = torch.randint(SAMPLES, (FRAMES, POINTS), generator=torch.Generator().manual_seed(4))
    at = surface.samples.points if follow else posable.canonical(variables.shape).points
    canonical = at[picks] + 0.003 * random(FRAMES, POINTS, 3, seed=5)
    directions, middle = unit(random(FRAMES, 2, POINTS, 3, seed=6)), random(FRAMES, 3, seed=7)
    zeros, ones = torch.zeros_like(canonical), torch.ones_like(canonical[..., 0])
    rows = SurfaceRows(canonical, zeros, directions, zeros, ones, picks if follow else None)
    linear = surface.linearise(variables, rows, middle, True)
    found = torch.cat((linear.jacobians, linear.shape_jacobians), -1)
    poses = variables.poses.shape[1]

    now = posable.canonical(variables.shape)  # of coordinates, what lies there stays the same point
    beside = picks if follow else now.nearest(canonical)
    at_rest = (surface.canonical if follow else now).at_rest(canonical, beside)
    begun = (surface.canonical if follow else now).samples

    def placed(moved: Variables) -> Tensor:
        own = posable.canonical(moved.shape)
        points = at_rest + (own.samples - begun)[beside]
        return moved.place(posable.carried(posable.posed(moved, own.rest), points, beside)[0])

    torch.testing.assert_close(linear.placed, placed(variables), rtol=0, atol=1e-12)
    for unknown in range(found.shape[-1]):
        slopes = []
        for size in (STEP, -STEP):
            every, shape = torch.zeros(FRAMES, poses + 6).double(), torch.zeros(body.shapes).double()
            if unknown < poses + 6:
                every[:, unknown] = size
            else:
                shape[unknown - poses - 6] = size
            slopes.append(placed(variables.moved(shape, every[:, :poses], every[:, poses:], middle)))
        slope = (((slopes[0] - slopes[1]) / (2 * STEP))[:, None] * directions).sum(-1)
        torch.testing.assert_close(found[..., unknown], slope, rtol=0, atol=1e-6)
    still = surface.linearise(variables, rows, middle, False)
    assert still.shape_jacobians.shape == (FRAMES, 2, POINTS, 0)


def test_canonical_moves_are_those_of_finite_differences(body: SkinnedBody) -> None:
    posable, shape = SkinnedPosable(body, 0, SAMPLES), 0.5 * random(body.shapes, seed=0)
    found = posable.canonical_moves(shape)
    for number in range(body.shapes):
        step = torch.zeros_like(shape)
        step[number] = STEP
        slope = (posable.canonical(shape + step).points - posable.canonical(shape - step).points) / (2 * STEP)
        torch.testing.assert_close(found[..., number], slope, rtol=0, atol=1e-6)


def test_canonical_points_of_the_surface_are_where_posed_vertices_are(body: SkinnedBody) -> None:
    posable, variables = SkinnedPosable(body, 0, 4000), somewhere(body)
    vertices = canonical_vertices(body, variables.shape)[::9]
    found = variables.place(posable.local(variables, vertices[None]))
    posed = skinned_vertices(body, body.rest_of(variables.shape), body.joint_rotations(variables.poses))[:, ::9]
    similarity = body.similarity
    true = variables.place(similarity.scale * (posed - torch.tensor(similarity.centre, dtype=torch.float64)))
    assert (found - true).norm(dim=-1).median() < 5e-4


def test_a_small_turn_on_the_right_is_what_the_jacobian_says() -> None:
    for vectors in (random(4, 3, seed=8), torch.zeros(1, 3).double(), 1e-6 * random(3, 3, seed=9)):
        step = STEP * random(*vectors.shape, seed=10)
        one, two = (Rotation.from_rotvec(each.numpy()) for each in (vectors, vectors + step))
        moved = (right_jacobians(vectors) @ step[..., None])[..., 0]
        np.testing.assert_allclose((one.inv() * two).as_rotvec(), moved.numpy(), atol=1e-11)


def test_a_pose_space_has_the_mean_and_the_spread_of_its_examples() -> None:
    generator = np.random.default_rng(0)
    mean = Rotation.from_rotvec([0.3, 0.0, 1.0])
    vectors = generator.normal(0, [0.3, 0.1, 0.01], (4000, 3))
    examples = np.tile(np.eye(3), (4000, 4, 1, 1))
    examples[:, 0] = Rotation.random(4000, random_state=1).as_matrix()
    examples[:, 2] = (mean * Rotation.from_rotvec(vectors)).as_matrix()
    space = pose_space(examples)
    assert space.moving.tolist() == [2]
    np.testing.assert_allclose(rotation_vectors(space.mean.numpy())[0], mean.as_rotvec(), atol=0.02)
    covariance = space.directions[0] @ space.directions[0].T
    np.testing.assert_allclose(covariance.diagonal().sqrt(), [0.3, 0.1, 0.03], rtol=0.08)
