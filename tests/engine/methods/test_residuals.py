"""Partners, and the terms of a fit, on surfaces and depth maps of which everything is known."""

import dataclasses
import math

import igl
import numpy as np
import pytest
import torch
import trimesh
from scipy.ndimage import distance_transform_edt
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.geometry.mesh import vertex_normals
from engine.geometry.signed_distance import sample_surface
from engine.methods.npm.association import NORMAL_WEIGHT, PlacedSamples, find_partners
from engine.methods.npm.observations import Observations
from engine.methods.npm.residuals import (
    HIDDEN_BAND,
    OUTLYING,
    SILHOUETTE_SLACK,
    SurfaceRows,
    coordinate_rows,
    floor_rows,
    free_space_rows,
    surface_rows,
)
from engine.methods.npm.surface_samples import SurfaceSamples, posed_normals

RADIUS = 0.3
CENTRE = torch.tensor([0.1, -0.2, 2.0])


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1)


def sphere(count: int = 6000, subdivisions: int = 3) -> SurfaceSamples:
    mesh = trimesh.creation.icosphere(subdivisions, RADIUS)
    vertices, faces = mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32)
    picks, barycentric = sample_surface(vertices, faces, count, np.random.default_rng(0))
    corners, weights = torch.tensor(faces[picks]).long(), torch.tensor(barycentric).float()

    def mixed(values: Tensor) -> Tensor:
        return (values[corners] * weights[..., None]).sum(1)

    normals = unit(mixed(torch.tensor(vertex_normals(vertices, faces)).float()))
    at_rest = torch.tensor(vertices)
    return SurfaceSamples(mixed(at_rest), normals, corners, weights, at_rest, torch.tensor(faces).long())


def placed_sphere(samples: SurfaceSamples) -> tuple[PlacedSamples, Tensor]:
    """The sphere in front of a camera at the origin, in two frames, and its rotations (2, 3, 3)."""
    rotations = torch.tensor(Rotation.random(2, random_state=1).as_matrix()).float()
    vertices = samples.vertices @ rotations.transpose(1, 2) + CENTRE
    points = samples.points @ rotations.transpose(1, 2) + CENTRE
    normals = posed_normals(samples, vertices)
    return PlacedSamples(samples, vertices, points, normals, (points * normals).sum(-1) < 0), rotations


def seen_sphere(count: int, off: float) -> tuple[Tensor, Tensor]:
    """Points (2, M, 3) about ``off`` from the near side of the sphere, and their true normals."""
    directions = unit(random(2, count, 3, seed=2) * 0.3 - torch.tensor([0.0, 0.0, 1.0]))
    return CENTRE + (RADIUS + off * random(2, count, 1, seed=3)) * directions, directions


@pytest.mark.parametrize("known", [True, False])
def test_partners_are_the_closest_points_of_the_surface(known: bool) -> None:
    samples = sphere()
    placed, rotations = placed_sphere(samples)
    observed, normals = seen_sphere(60, 0.005)
    found = find_partners(placed, observed, normals * known)
    at = found.canonical @ rotations.transpose(1, 2) + CENTRE
    for frame in range(2):
        _, _, closest = igl.point_mesh_squared_distance(
            observed[frame].numpy().astype(float),
            placed.vertices[frame].numpy().astype(float),
            samples.faces.numpy(),
        )
        apart = np.linalg.norm(at[frame].numpy() - closest, axis=1)
        to_sample = np.linalg.norm(found.points[frame].numpy() - closest, axis=1)
        assert apart.max() < 0.003  # neighbouring triangles are taken to be in one plane
        assert np.median(apart) < 0.05 * np.median(to_sample)
        along = (found.normals[frame] * normals[frame]).sum(-1)
        assert along.min() > 0.98


def test_nearest_samples_are_those_of_a_slow_search() -> None:
    samples = sphere(80, 1)
    placed, _ = placed_sphere(samples)
    placed = dataclasses.replace(placed, front=placed.front & torch.tensor([True, False])[:, None])
    observed = CENTRE + 0.3 * random(2, 25, 3, seed=4)
    normals = unit(random(2, 25, 3, seed=5))
    found = find_partners(placed, observed, normals)
    for frame in range(2):
        for index in range(25):
            costs = []
            for sample in range(80):
                gap = placed.points[frame, sample] - observed[frame, index]
                turn = placed.normals[frame, sample] - normals[frame, index]
                hidden = frame == 0 and not placed.front[0, sample]  # of frame 1 nothing faces the camera: all may
                costs.append(math.inf if hidden else float(gap @ gap + NORMAL_WEIGHT**2 * (turn @ turn)))
            chosen = int((placed.points[frame] - found.points[frame, index]).norm(dim=-1).argmin())
            assert costs[chosen] == pytest.approx(min(costs), abs=1e-5)
            distance = float((placed.points[frame, chosen] - observed[frame, index]).norm())
            assert float(found.distances[frame, index]) == pytest.approx(distance, abs=1e-6)


def test_partners_far_off_stay_near_their_samples() -> None:
    samples = sphere(200)
    placed, _ = placed_sphere(samples)
    observed = CENTRE - torch.tensor([0.0, 0.0, 1.0]) + 0.5 * random(2, 20, 3, seed=6)
    found = find_partners(placed, observed, torch.zeros_like(observed))
    nearest = (found.canonical[:, :, None] - samples.points).norm(dim=-1).amin(-1)
    assert nearest.max() < 0.0301


def residuals_of(rows: SurfaceRows, placed: Tensor) -> Tensor:
    """(F, R, N) of points that are at ``placed`` (F, N, 3), one after the other."""
    result = torch.empty(rows.directions.shape[:3])
    for frame, row, index in np.ndindex(*result.shape):
        result[frame, row, index] = (placed[frame, index] - rows.targets[frame, index]) @ rows.directions[
            frame, row, index
        ]
    return result


def test_surface_rows_are_distances_along_the_normals_of_the_model() -> None:
    placed, rotations = placed_sphere(sphere())
    observed, normals = seen_sphere(30, 0.01)
    partners = find_partners(placed, observed, normals)
    rows = surface_rows(partners, observed, gate=0.01)
    at = partners.canonical @ rotations.transpose(1, 2) + CENTRE
    signed = RADIUS - (observed - CENTRE).norm(dim=-1)
    torch.testing.assert_close(residuals_of(rows, at)[:, 0], signed, atol=1.5e-3, rtol=0)
    torch.testing.assert_close(rows.weights, 1 / (1 + (partners.distances / 0.01) ** 2) ** 2)


def test_coordinate_rows_are_gaps_along_the_axes_that_count_by_their_expected_errors() -> None:
    canonical, observed, placed = (random(2, 5, 3, seed=seed) for seed in (7, 8, 9))
    deviations = random(2, 5, seed=10).abs() + 0.1
    rows = coordinate_rows(canonical, deviations, observed, placed, wide=2.0)
    torch.testing.assert_close(residuals_of(rows, placed), (placed - observed).transpose(1, 2))
    for frame, index in np.ndindex(2, 5):
        gap, expected = (placed - observed)[frame, index].norm(), deviations[frame, index]
        weight = 1 / expected**2 / (1 + (gap / (2 * OUTLYING * expected)) ** 2) ** 2
        assert float(rows.weights[frame, index]) == pytest.approx(float(weight), rel=1e-5)
    assert not rows.normals.any()  # coordinates say which point it is, whatever the shape


FOCAL, SIZE, DEPTH, BEHIND = 20.0, 20, 2.0, 4.0
SUBJECT = slice(8, 12)
"""Rows and columns of the square that shows the subject."""


def wall(background: float = BEHIND, empty_is_free: bool = True) -> Observations:
    """A square 2 before a camera at the origin in one frame, and ``background`` around it."""
    depth = torch.full((1, SIZE, SIZE), background)
    subject = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    depth[:, SUBJECT, SUBJECT], subject[:, SUBJECT, SUBJECT] = DEPTH, True
    rows, columns = distance_transform_edt(~subject[0].numpy(), return_distances=False, return_indices=True)
    return Observations(
        points=torch.zeros(1, 1, 3),
        normals=torch.zeros(1, 1, 3),
        seen=torch.ones(1, dtype=torch.bool),
        depth=depth,
        subject=subject,
        silhouette=torch.tensor(rows * SIZE + columns, dtype=torch.int32)[None],
        empty_is_free=empty_is_free,
        rotations=torch.eye(3)[None],
        translations=torch.zeros(1, 3),
        intrinsics=(FOCAL, FOCAL, SIZE / 2, SIZE / 2),
        times_s=torch.zeros(1),
    )


def at_pixel(column: float, row: float, z: float) -> Tensor:
    return torch.tensor([(column - SIZE / 2) * z / FOCAL, (row - SIZE / 2) * z / FOCAL, z])


def placed_at(points: Tensor) -> PlacedSamples:
    """Samples (1, N, 3) of no particular surface."""
    canonical, corners = points[0] + 5, torch.zeros(points.shape[1], 3, dtype=torch.int64)
    samples = SurfaceSamples(canonical, canonical, corners, canonical, canonical, corners)
    return PlacedSamples(samples, points, points, points, torch.ones(points.shape[:2], dtype=torch.bool))


def of_one(observations: Observations, point: Tensor) -> tuple[float, Tensor, float]:
    """Residual, direction (3,) and weight of one sample at ``point`` (3,)."""
    placed = placed_at(point[None, None])
    rows = free_space_rows(observations, torch.tensor([0]), placed, 4, gate=1.0)
    assert torch.equal(rows.canonical[0], placed.samples.points)
    return float(residuals_of(rows, placed.points)[0, 0, 0]), rows.directions[0, 0, 0], float(rows.weights[0, 0])


def test_a_sample_beside_the_silhouette_is_drawn_to_it_across_the_line_of_sight() -> None:
    residual, direction, weight = of_one(wall(), at_pixel(15.5, 9.5, DEPTH))
    pixels = 15.5 - 11.5 - SILHOUETTE_SLACK  # from the last column of the subject
    assert residual == pytest.approx(pixels * DEPTH / FOCAL, rel=1e-5)
    torch.testing.assert_close(direction, torch.tensor([1.0, 0.0, 0.0]))
    assert weight == pytest.approx(1 / (1 + residual**2) ** 2, rel=1e-5)


def test_a_sample_in_front_of_the_subject_is_drawn_back_along_the_axis() -> None:
    residual, direction, weight = of_one(wall(), at_pixel(10.5, 9.5, 1.5))
    assert residual == pytest.approx(DEPTH - HIDDEN_BAND - 1.5, rel=1e-5)
    torch.testing.assert_close(direction, torch.tensor([0.0, 0.0, -1.0]))
    assert weight > 0


@pytest.mark.parametrize(
    ("observations", "point"),
    [
        (wall(background=1.0), at_pixel(15.5, 9.5, DEPTH)),  # something nearer may hide it
        (wall(background=0.0, empty_is_free=False), at_pixel(15.5, 9.5, DEPTH)),  # the sensor may have missed it
        (wall(), at_pixel(12.3, 9.5, DEPTH)),  # within the rounding of the silhouette
        (wall(), at_pixel(10.5, 9.5, DEPTH - 0.5 * HIDDEN_BAND)),  # noise
        (wall(), at_pixel(10.5, 9.5, DEPTH + 0.5)),  # on the far side of the subject
        (wall(), at_pixel(25.5, 9.5, DEPTH)),  # outside the picture
        (wall(), at_pixel(10.5, 9.5, -1.0)),  # behind the camera
    ],
    ids=["occluded", "no_depth", "edge", "noise", "far_side", "outside", "behind_the_camera"],
)
def test_where_nothing_was_seen_to_be_empty_a_sample_says_nothing(observations: Observations, point: Tensor) -> None:
    assert of_one(observations, point)[2] == 0


def test_pixels_without_depth_are_empty_where_the_sensor_sees_nothing_there() -> None:
    residual, _, weight = of_one(wall(background=0.0, empty_is_free=True), at_pixel(15.5, 9.5, DEPTH))
    assert residual > 0 and weight > 0


def test_free_space_rows_are_those_of_a_slow_search() -> None:
    generator = torch.Generator().manual_seed(11)
    turn = torch.tensor(Rotation.random(random_state=3).as_matrix()).float()
    shift = torch.tensor([0.3, -0.1, 0.2])
    observations = dataclasses.replace(wall(), rotations=turn[None], translations=shift[None])
    camera = torch.rand(1, 40, 3, generator=generator) * torch.tensor([1.6, 1.6, 2.0]) - torch.tensor([0.8, 0.8, -1.0])
    placed = placed_at((camera - shift) @ turn)
    subject = [(column + 0.5, row + 0.5) for row in range(8, 12) for column in range(8, 12)]
    expected: list[tuple[float, Tensor]] = []
    for x, y, z in camera[0].tolist():
        u, v = FOCAL * x / z + SIZE / 2, FOCAL * y / z + SIZE / 2
        gap, direction = 0.0, torch.zeros(3)
        if 0 <= u < SIZE and 0 <= v < SIZE:
            middle = math.floor(u) + 0.5, math.floor(v) + 0.5
            nearest = min(math.dist(middle, pixel) for pixel in subject)
            if nearest == 0:
                gap, direction = max(0.0, DEPTH - HIDDEN_BAND - z), torch.tensor([0.0, 0.0, -1.0])
            elif z + HIDDEN_BAND < BEHIND:  # several pixels may be as near
                targets = [pixel for pixel in subject if math.dist(middle, pixel) < nearest + 1e-6]
                apart = [math.dist((u, v), target) for target in targets]
                gap = max(0.0, min(apart) - SILHOUETTE_SLACK) * z / FOCAL
                a, b = targets[apart.index(min(apart))]
                direction = torch.tensor([u - a, v - b, 0.0]) / min(apart)
        expected.append((gap, turn.T @ direction))
    rows = free_space_rows(observations, torch.tensor([0]), placed, 40, gate=0.5)
    order = [int((placed.samples.points - point).norm(dim=-1).argmin()) for point in rows.canonical[0]]
    assert sorted(order) == list(range(40))
    gaps = residuals_of(rows, placed.points[:, order])[0, 0]
    assert sum(gap > 0 for gap, _ in expected) > 10
    for index, sample in enumerate(order):
        gap, direction = expected[sample]
        assert float(gaps[index]) == pytest.approx(gap, abs=1e-4)
        assert float(rows.weights[0, index]) == pytest.approx((gap > 0) / (1 + gap**2 / 0.25) ** 2, abs=1e-3)
        if gap > 1e-3:
            torch.testing.assert_close(rows.directions[0, 0, index], direction, atol=1e-4, rtol=0)


def test_only_the_worst_samples_are_kept() -> None:
    samples = [at_pixel(14.5, 9.5, DEPTH), at_pixel(18.5, 9.5, DEPTH), at_pixel(10.5, 9.5, DEPTH)]
    placed = placed_at(torch.stack(samples)[None])
    rows = free_space_rows(wall(), torch.tensor([0]), placed, 1, gate=1.0)
    assert torch.equal(rows.canonical[0], placed.samples.points[1:2])


def test_the_lowest_samples_are_lifted_to_the_floor_that_they_are_below() -> None:
    placed, _ = placed_sphere(sphere(80, 1))
    floor, gate, count = float(CENTRE[1] - 0.8 * RADIUS), 0.05, 20
    rows = floor_rows(floor, placed, count, gate)
    for frame in range(2):
        lowest = sorted(range(80), key=lambda index: float(placed.points[frame, index, 1]))[:count]
        assert rows.samples is not None and rows.samples[frame].tolist() == lowest
        for row, index in enumerate(lowest):
            depth = floor - float(placed.points[frame, index, 1])
            gap = float((placed.points[frame, index] - rows.targets[frame, row]) @ rows.directions[frame, 0, row])
            weight = 1 / (1 + (depth / gate) ** 2) ** 2 if depth > 0 else 0
            assert float(rows.weights[frame, row]) == pytest.approx(weight, abs=1e-4)
            assert gap == pytest.approx(-depth, abs=1e-5)
    assert (rows.weights > 0).any() and (rows.weights == 0).any()
