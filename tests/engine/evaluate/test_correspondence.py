"""Correspondence errors: they see what distances between surfaces do not."""

import math

import numpy as np
import pytest
import trimesh

from engine.evaluate.correspondence import canonical_correspondences, same_triangles, vertex_correspondences
from engine.evaluate.metrics import evaluate_sequence
from engine.evaluate.prediction import Prediction
from engine.geometry.mesh import Mesh
from engine.geometry.similarity import Similarity
from engine.sequences.mesh_sequence import mesh_sequence, regular_times
from engine.sequences.truth import Truth


def figure(detail: int) -> Mesh:
    """A body with two arms, the same on the left and on the right."""
    ball = trimesh.creation.icosphere(subdivisions=detail)
    return Mesh(np.asarray(ball.vertices * (0.7, 0.9, 0.2), np.float32), np.asarray(ball.faces, np.int32))


def closest_slowly(point: np.ndarray, corners: np.ndarray, steps: int = 60) -> tuple[float, np.ndarray]:
    """Distance to a triangle and barycentric coordinates, by trying many."""
    best, where = math.inf, np.zeros(3)
    for i in range(steps + 1):
        for j in range(steps + 1 - i):
            weights = np.array([i, j, steps - i - j]) / steps
            distance = math.dist(weights @ corners, point)
            if distance < best:
                best, where = distance, weights
    return best, where


def test_canonical_correspondences_equal_a_search_over_all_triangles() -> None:
    surface = figure(0)
    true = figure(1).vertices[::3] * 0.95
    posed = surface.vertices + np.array([0.3, 0.0, 0.1]) * surface.vertices[:, 1:2] ** 2
    targets = true + 0.1
    found = canonical_correspondences(true, surface)
    assert found is not None
    errors = found.errors(posed, surface.faces, targets)
    for index, point in enumerate(true):
        corners = [surface.vertices[face].astype(float) for face in surface.faces]
        nearest = min(range(len(corners)), key=lambda face: closest_slowly(point, corners[face])[0])
        weights = closest_slowly(point, corners[nearest])[1]
        expected = math.dist(weights @ posed[surface.faces[nearest]], targets[index])
        assert errors[index] == pytest.approx(expected, abs=0.02)


def evaluate(predicted: Mesh, canonical: Mesh | None, truth: Mesh, true_canonical: np.ndarray | None) -> dict:
    times = regular_times(2, 10.0)

    def still(mesh: Mesh) -> object:
        return mesh_sequence("s", np.stack([mesh.vertices] * 2), mesh.faces, ("0", "1"), times)

    prediction = Prediction(still(predicted), canonical)  # type: ignore[arg-type]
    true = Truth(still(truth), Similarity(), true_canonical)  # type: ignore[arg-type]
    metrics = evaluate_sequence(prediction, true, 5000, 5000)
    return {**metrics.means, "undefined": metrics.undefined}


def mirrored(mesh: Mesh) -> Mesh:
    """Left and right exchanged, still right side out."""
    return Mesh(mesh.vertices * np.array([-1, 1, 1], np.float32), mesh.faces[:, ::-1].copy())


def test_a_body_mirrored_left_to_right_is_near_the_truth_and_far_in_correspondence() -> None:
    truth, fitted = figure(4), figure(3)
    right = evaluate(fitted, fitted, truth, truth.vertices)
    wrong = evaluate(
        Mesh(fitted.vertices * np.array([-1, 1, 1], np.float32), fitted.faces), fitted, truth, truth.vertices
    )
    assert right["accuracy_mm"] < 20
    assert wrong["accuracy_mm"] < 20
    assert right["correspondence_mm"] < 5
    assert wrong["correspondence_mm"] == pytest.approx(1000 * np.abs(2 * truth.vertices[:, 0]).mean(), rel=0.01)


def test_meshes_with_the_triangles_of_the_truth_correspond_vertex_by_vertex() -> None:
    truth = figure(3)
    assert evaluate(truth, None, truth, None)["correspondence_mm"] == pytest.approx(0, abs=1e-3)
    flipped = evaluate(mirrored(truth), None, truth, None)
    assert flipped["accuracy_mm"] < 20
    assert flipped["correspondence_mm"] == pytest.approx(1000 * np.abs(2 * truth.vertices[:, 0]).mean(), rel=1e-4)


def test_no_correspondence_without_canonical_positions_on_both_sides_and_the_reason_is_given() -> None:
    truth, fitted = figure(4), figure(3)
    for canonical, positions, reason in (
        (fitted, None, "truth does not say"),
        (None, truth.vertices, "prediction does not say"),
        (Mesh(fitted.vertices[:, [1, 2, 0]].copy(), fitted.faces), truth.vertices, "different poses"),
    ):
        found = evaluate(fitted, canonical, truth, positions)
        assert math.isnan(found["correspondence_mm"])
        assert reason in found["undefined"]["correspondence_mm"]


def test_triangles_are_the_same_either_side_out_and_not_when_they_are_others() -> None:
    faces = figure(1).faces
    assert same_triangles(faces, faces[:, ::-1])
    assert not same_triangles(faces, faces[::-1])
    assert not same_triangles(faces, faces[1:])


def test_a_vertex_that_no_triangle_uses_has_no_correspondence() -> None:
    found = vertex_correspondences(np.array([[0, 2, 3]]))
    assert found.of.tolist() == [0, 2, 3]
    vertices = np.arange(12.0).reshape(4, 3)
    np.testing.assert_allclose(found.errors(vertices, np.array([[0, 2, 3]]), vertices), 0)
