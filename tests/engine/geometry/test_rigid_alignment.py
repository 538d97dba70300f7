"""Rotations and rigid alignment, against scipy and known motions."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.geometry.rigid_alignment import rigid_alignment, robust_rigid_alignment, rotation_matrices


def motions(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = np.random.default_rng(seed)
    rotations = Rotation.random(count, random_state=seed).as_matrix()
    return torch.tensor(rotations), torch.tensor(generator.normal(size=(count, 3)))


def moved(points: Tensor, rotations: Tensor, translations: Tensor) -> Tensor:
    """``points`` (B, N, 3), one after the other."""
    result = torch.empty_like(points)
    for row in range(len(points)):
        for index, point in enumerate(points[row]):
            result[row, index] = rotations[row] @ point + translations[row]
    return result


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rotation_matrices_are_those_of_scipy() -> None:
    vectors = random(4, 5, 3)
    expected = Rotation.from_rotvec(vectors.reshape(-1, 3).numpy()).as_matrix().reshape(4, 5, 3, 3)
    np.testing.assert_allclose(rotation_matrices(vectors), expected, atol=1e-12)
    single = rotation_matrices(vectors.float())
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, expected, atol=1e-6)


@pytest.mark.parametrize("length", [0.0, 1e-12, 1e-9, 1e-6, np.pi, 2 * np.pi])
def test_rotations_by_next_to_nothing_and_by_half_and_whole_turns_are_exact(length: float) -> None:
    vector = length * np.array([0.6, 0.0, -0.8])
    found = rotation_matrices(torch.tensor(vector)[None])[0]
    np.testing.assert_allclose(found, Rotation.from_rotvec(vector).as_matrix(), atol=1e-9)


def test_a_known_motion_is_recovered_whatever_the_weights() -> None:
    source, (rotations, translations) = random(3, 20, 3), motions(3, 1)
    weights = random(3, 20, seed=2).abs()
    found = rigid_alignment(source, moved(source, rotations, translations), weights)
    torch.testing.assert_close(found, (rotations, translations))


def test_a_weighted_alignment_of_noisy_points_is_that_of_scipy() -> None:
    source, weights = random(4, 15, 3), random(4, 15, seed=1).abs()
    target = moved(source, *motions(4, 3)) + 0.3 * random(4, 15, 3, seed=4)
    rotations, translations = rigid_alignment(source, target, weights)
    for row in range(4):
        share = (weights[row] / weights[row].sum()).numpy()[:, None]
        middle_source, middle_target = (share * source[row].numpy()).sum(0), (share * target[row].numpy()).sum(0)
        expected, _ = Rotation.align_vectors(
            target[row].numpy() - middle_target, source[row].numpy() - middle_source, weights=weights[row].numpy()
        )
        np.testing.assert_allclose(rotations[row], expected.as_matrix(), atol=1e-9)
        np.testing.assert_allclose(translations[row], middle_target - expected.apply(middle_source), atol=1e-9)


def test_no_rotation_is_a_reflection() -> None:
    source = random(2, 12, 3)
    mirrored = source * source.new_tensor([-1.0, 1.0, 1.0])
    flat = torch.cat((source[:1, :, :2], torch.zeros(1, 12, 1, dtype=torch.float64)), -1)  # any sign of z fits
    rotations, translations = motions(1, 5)
    for points, target in ((source, mirrored), (flat, moved(flat, rotations, translations))):
        found, _ = rigid_alignment(points, target, torch.ones(points.shape[:2], dtype=torch.float64))
        np.testing.assert_allclose(torch.linalg.det(found), 1, atol=1e-9)
        np.testing.assert_allclose(found @ found.transpose(1, 2), np.tile(np.eye(3), (len(found), 1, 1)), atol=1e-9)


def test_a_row_without_weights_stays_where_it_is_and_harms_no_other() -> None:
    source, (rotations, translations) = random(2, 10, 3), motions(2, 6)
    target = moved(source, rotations, translations)
    weights = torch.ones(2, 10, dtype=torch.float64)
    weights[0] = 0
    for found in (rigid_alignment(source, target, weights), robust_rigid_alignment(source, target, weights, 0.1)):
        torch.testing.assert_close(found[0][0], torch.eye(3, dtype=torch.float64))
        assert not found[1][0].any()
        torch.testing.assert_close((found[0][1], found[1][1]), (rotations[1], translations[1]))


def test_a_robust_alignment_is_not_led_astray_by_a_third_of_the_points() -> None:
    source, (rotations, translations) = 0.3 * random(5, 200, 3), motions(5, 7)
    true = moved(source, rotations, translations)
    target = true + 0.002 * random(5, 200, 3, seed=8)
    target[:, :60] += 0.1 + 0.3 * random(5, 60, 3, seed=9).abs()
    ones = torch.ones(5, 200, dtype=torch.float64)

    def worst(found: tuple[Tensor, Tensor]) -> float:
        return float((moved(source, *found) - true).norm(dim=-1).max())

    assert worst(robust_rigid_alignment(source, target, ones, 0.03)) < 0.005
    assert worst(rigid_alignment(source, target, ones)) > 0.05
