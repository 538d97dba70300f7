import json
import math
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import Cancelled, InputError
from engine.evaluate.measures import compare_samples, draw_samples, end_point_errors, keyframes_of, volume_iou
from engine.evaluate.metrics import (
    METRICS,
    SequenceMetrics,
    evaluate_sequence,
    load_truth,
    match_frames,
    surface_distance,
)
from engine.geometry.mesh import Mesh, save_mesh
from tests.support.progress import Impatient

Surface = tuple[np.ndarray, np.ndarray]


def sphere(radius: float = 0.25, centre: tuple[float, float, float] = (0.0, 0.0, 0.0), detail: int = 4) -> Surface:
    mesh = trimesh.creation.icosphere(subdivisions=detail, radius=radius)
    return np.asarray(mesh.vertices + centre, np.float32), np.asarray(mesh.faces, np.int32)


def square(height: float = 0.0, side: float = 0.4) -> Surface:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * side - side / 2
    vertices = np.column_stack((corners[:, 0], np.full(4, height), -corners[:, 1]))
    return vertices.astype(np.float32), np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def evaluate(
    predicted: Surface, truth: Surface, frames: int = 1, samples: int = 4000, iou_points: int = 20_000, seed: int = 0
) -> SequenceMetrics:
    return evaluate_sequence(
        np.stack([predicted[0]] * frames),
        predicted[1],
        np.stack([truth[0]] * frames),
        truth[1],
        samples,
        iou_points,
        seed,
    )


# slow, readable twins


def nearest_slowly(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distances = np.array([[math.dist(a, b) for b in target] for a in source])
    return distances.min(axis=1), distances.argmin(axis=1)


def solid_angle(point: np.ndarray, triangle: np.ndarray) -> float:
    """Van Oosterom and Strackee 1983."""
    a, b, c = triangle - point
    la, lb, lc = (float(np.linalg.norm(v)) for v in (a, b, c))
    below = la * lb * lc + a @ b * lc + b @ c * la + c @ a * lb
    return 2 * math.atan2(float(a @ np.cross(b, c)), float(below))


def winding_number_slowly(point: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> float:
    return sum(solid_angle(point, vertices[face].astype(float)) for face in faces) / (4 * math.pi)


def segment_distance(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    t = np.clip((point - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return math.dist(point, a + t * (b - a))


def triangle_distance_slowly(point: np.ndarray, triangle: np.ndarray) -> float:
    a, b, c = triangle.astype(float)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal)
    foot = point - (point - a) @ normal * normal
    sides = [np.cross(q - p, foot - p) @ normal for p, q in ((a, b), (b, c), (c, a))]
    if min(sides) >= 0:
        return abs(float((point - a) @ normal))
    return min(segment_distance(point, p, q) for p, q in ((a, b), (b, c), (c, a)))


def test_sample_comparison_equals_brute_force() -> None:
    generator = np.random.default_rng(1)
    p, p_normals = draw_samples(*sphere(0.2, detail=1), 60, generator)
    t, t_normals = draw_samples(*sphere(0.25, (0.03, 0, 0), detail=1), 80, generator)
    accuracy, partner_of_p = nearest_slowly(p, t)
    completeness, partner_of_t = nearest_slowly(t, p)
    cosines_p = [abs(float(n @ t_normals[j])) for n, j in zip(p_normals, partner_of_p, strict=True)]
    cosines_t = [abs(float(n @ p_normals[j])) for n, j in zip(t_normals, partner_of_t, strict=True)]
    figures = compare_samples(p, p_normals, t, t_normals)
    assert figures["accuracy"] == pytest.approx(accuracy.mean())
    assert figures["completeness"] == pytest.approx(completeness.mean())
    assert figures["chamfer_l2"] == pytest.approx((np.mean(accuracy**2) + np.mean(completeness**2)) / 2)
    assert figures["normal_consistency"] == pytest.approx((np.mean(cosines_p) + np.mean(cosines_t)) / 2)


@pytest.mark.slow
def test_volume_iou_equals_exact_winding_numbers_at_the_same_points() -> None:
    (va, fa), (vb, fb) = sphere(0.2, detail=1), sphere(0.2, (0.1, 0.05, 0), detail=1)
    low, high = np.minimum(va.min(0), vb.min(0)), np.maximum(va.max(0), vb.max(0))
    points = np.random.default_rng(5).uniform(low, high, (400, 3))
    in_a = np.array([winding_number_slowly(point, va, fa) > 0.5 for point in points])
    in_b = np.array([winding_number_slowly(point, vb, fb) > 0.5 for point in points])
    expected = (in_a & in_b).sum() / (in_a | in_b).sum()
    assert volume_iou(va, fa, vb, fb, 400, np.random.default_rng(5)) == pytest.approx(expected)


def test_surface_distance_equals_brute_force_over_triangles() -> None:
    vertices, faces = sphere(0.2, detail=1)
    points = np.random.default_rng(2).uniform(-0.4, 0.4, (40, 3))
    expected = [min(triangle_distance_slowly(point, vertices[face]) for face in faces) for point in points]
    np.testing.assert_allclose(surface_distance(points, vertices, faces), expected, atol=1e-6)


def test_end_point_errors_equal_a_loop_over_points() -> None:
    generator = np.random.default_rng(3)
    vp, fp = sphere(0.2, detail=1)
    vt, ft = sphere(0.22, detail=1)
    predicted = vp + generator.normal(0, 0.02, (4, 1, 3)).astype(np.float32)
    truth = vt + generator.normal(0, 0.02, (4, 1, 3)).astype(np.float32)
    keyframes = (0, 2)
    errors = end_point_errors(predicted, fp, truth, ft, keyframes, 50, np.random.default_rng(9))
    replay = np.random.default_rng(9)  # points move with their meshes, and these move as a whole
    p, _ = draw_samples(predicted[0], fp, 50, replay)
    t, _ = draw_samples(truth[0], ft, 50, replay)
    p_path = [p + (frame[0] - predicted[0][0]) for frame in predicted]
    t_path = [t + (frame[0] - truth[0][0]) for frame in truth]
    for row, key in enumerate(keyframes):
        _, partners = nearest_slowly(t_path[key], p_path[key])
        for frame in range(4):
            expected = np.mean([math.dist(t_path[frame][i], p_path[frame][j]) for i, j in enumerate(partners)])
            assert (
                math.isnan(errors[row, frame])
                if frame == key
                else errors[row, frame] == pytest.approx(expected, abs=1e-6)
            )


# analytic cases


def test_two_spheres_have_the_iou_of_their_lens() -> None:
    radius, distance = 0.25, 0.15
    lens = math.pi * (4 * radius + distance) * (2 * radius - distance) ** 2 / 12
    expected = lens / (2 * 4 / 3 * math.pi * radius**3 - lens)
    metrics = evaluate(sphere(radius), sphere(radius, (distance, 0, 0)), iou_points=200_000)
    assert metrics.iou == pytest.approx(expected, abs=0.005)


def test_iou_in_the_joint_box_is_that_of_the_whole_cube() -> None:
    a, b = sphere(0.2), sphere(0.2, (0.08, 0, 0))
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (300_000, 3))
    in_a, in_b = (np.linalg.norm(points - centre, axis=1) < 0.2 for centre in ((0, 0, 0), (0.08, 0, 0)))
    assert evaluate(a, b, iou_points=200_000).iou == pytest.approx((in_a & in_b).sum() / (in_a | in_b).sum(), abs=0.01)


def test_disjoint_meshes_have_no_overlap() -> None:
    assert evaluate(sphere(0.1, (-0.3, 0, 0)), sphere(0.1, (0.3, 0, 0))).iou == 0


def test_identical_meshes_agree_up_to_the_sampling() -> None:
    metrics = evaluate(sphere(), sphere(), frames=3, samples=20_000)
    spacing = math.sqrt(4 * math.pi * 0.25**2 / 20_000)
    assert metrics.iou == 1
    assert metrics.accuracy < spacing
    assert metrics.chamfer_l2 < spacing**2
    assert metrics.normal_consistency > 0.995
    assert metrics.epe < spacing
    assert metrics.failed_frames == 0


def test_a_shifted_plane_is_as_far_as_it_was_shifted() -> None:
    metrics = evaluate(square(0.05), square(0.0), samples=20_000)
    assert metrics.accuracy == pytest.approx(0.05, rel=0.01)
    assert metrics.completeness == pytest.approx(0.05, rel=0.01)
    assert metrics.chamfer_l2 == pytest.approx(0.05**2, rel=0.01)
    assert metrics.normal_consistency == pytest.approx(1)
    assert metrics.failed_frames == 1


def test_a_prediction_with_something_extra_is_complete_but_not_accurate() -> None:
    truth = sphere(0.1, (-0.3, 0, 0))
    extra = sphere(0.1, (0.3, 0, 0))
    both = np.concatenate((truth[0], extra[0])), np.concatenate((truth[1], extra[1] + len(truth[0])))
    metrics, reversed_roles = evaluate(both, truth), evaluate(truth, both)
    assert metrics.completeness < 0.01
    assert metrics.accuracy > 0.2
    assert reversed_roles.accuracy < 0.01
    assert reversed_roles.completeness > 0.2
    assert metrics.chamfer_l2 == pytest.approx(reversed_roles.chamfer_l2, rel=0.05)


def test_normals_that_point_the_other_way_still_agree() -> None:
    vertices, faces = sphere()
    p, n = draw_samples(vertices, faces, 500, np.random.default_rng(0))
    assert compare_samples(p, -n, p, n)["normal_consistency"] == pytest.approx(1)


# tracking


def moving(surface: Surface, offsets: np.ndarray) -> np.ndarray:
    return np.asarray(surface[0] + offsets[:, None], np.float32)


def test_a_prediction_that_stays_behind_is_off_by_the_motion() -> None:
    body = sphere()
    offsets = np.array([[0, 0, 0], [0.03, 0, 0], [0.06, 0, 0]])
    metrics = evaluate_sequence(
        moving(body, offsets * 0), body[1], moving(body, offsets), body[1], samples=20_000, iou_points=1000
    )
    assert metrics.epe == pytest.approx(0.045, abs=0.003)
    assert math.isnan(metrics.per_frame["epe"][0])
    assert metrics.per_frame["epe"][2] == pytest.approx(0.06, abs=0.004)


def test_a_surface_that_slides_along_itself_has_a_tracking_error_and_no_chamfer_distance() -> None:
    vertices, faces = sphere()
    turned = trimesh.transformations.rotation_matrix(0.4, (0, 1, 0))[:3, :3]
    predicted = np.stack((vertices, vertices @ turned.T.astype(np.float32)))
    metrics = evaluate_sequence(predicted, faces, np.stack((vertices, vertices)), faces, 20_000, 1000)
    assert metrics.epe > 0.05
    assert metrics.accuracy < 0.01


def test_a_keyframe_with_a_far_prediction_still_counts() -> None:
    body = sphere(0.1, (-0.35, 0, 0))
    far = sphere(0.1, (0.35, 0, 0))
    metrics = evaluate(far, body, frames=2)
    assert 0.5 < metrics.epe < 0.9


@pytest.mark.parametrize(
    ("frames", "keyframes"),
    [(1, (0,)), (20, (0,)), (50, (0,)), (99, (0,)), (100, (0, 50)), (160, (0, 53, 106))],
)
def test_keyframes_are_evenly_spread(frames: int, keyframes: tuple[int, ...]) -> None:
    assert keyframes_of(frames) == keyframes


def test_one_frame_has_no_tracking_error_and_still_gives_valid_json() -> None:
    metrics = evaluate(sphere(), sphere())
    assert math.isnan(metrics.epe)
    description = json.loads(json.dumps(metrics.as_dict(("000000",)), allow_nan=False))
    assert description["epe"] is None
    assert description["per_frame"]["epe"] == [None]


# what is reported


def test_every_figure_comes_with_definition_unit_samples_and_seed() -> None:
    description = evaluate(sphere(), sphere(), frames=2, seed=7).as_dict(("a", "b"))
    for metric in METRICS:
        assert description[metric.name] is not None
        assert len(description["per_frame"][metric.name]) == 2
        assert set(description["definitions"][metric.name]) == {"title", "unit", "better", "definition"}
    assert (description["samples"], description["iou_points"], description["seed"]) == (4000, 20_000, 7)
    assert description["keyframes"] == ["a"]


def test_the_seed_decides_the_figures() -> None:
    pair = sphere(0.2), sphere(0.21)
    assert evaluate(*pair, seed=1).means()["iou"] == evaluate(*pair, seed=1).means()["iou"]
    assert evaluate(*pair, seed=1).means()["iou"] != evaluate(*pair, seed=2).means()["iou"]


def test_median_frame_and_share_of_failed_frames_tell_one_lost_frame_from_a_bad_fit() -> None:
    body = sphere()
    offsets = np.array([[0.0, 0, 0]] * 4 + [[0.2, 0, 0]])
    metrics = evaluate_sequence(moving(body, offsets), body[1], moving(body, offsets * 0), body[1], 20_000, 1000)
    assert metrics.failed_frames == pytest.approx(0.2)
    assert metrics.median_frame_chamfer_l2 < 0.1 * metrics.chamfer_l2


def test_evaluation_stops_when_asked() -> None:
    vertices, faces = sphere()
    with pytest.raises(Cancelled):
        evaluate_sequence(vertices[None], faces, vertices[None], faces, 100, 100, progress=Impatient())


def test_meshes_that_cannot_be_compared_are_refused() -> None:
    vertices, faces = sphere(detail=1)
    broken = vertices.copy()
    broken[3] = np.nan
    with pytest.raises(InputError, match=r"prediction: has vertices that are not finite"):
        evaluate((broken, faces), (vertices, faces))
    with pytest.raises(InputError, match=r"truth, frame 0: has no surface"):
        evaluate((vertices, faces), (vertices * 0, faces))


# ground truth on disk


def write_truth(folder: Path, names: list[str], surface: Surface) -> None:
    for index, name in enumerate(names):
        save_mesh(Mesh(surface[0] + np.float32(index * 0.01), surface[1]), folder / f"{name}.ply")


def test_truth_is_read_in_natural_order(tmp_path: Path) -> None:
    write_truth(tmp_path, ["frame10", "frame9", "frame2"], sphere(detail=1))
    faces, vertices, names = load_truth(tmp_path)
    assert names == ("frame2", "frame9", "frame10")
    assert vertices.shape == (3, 42, 3)
    assert vertices[0, 0, 0] > vertices[1, 0, 0] > vertices[2, 0, 0]
    assert faces.shape == (80, 3)


def test_truth_without_meshes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no PLY files"):
        load_truth(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        load_truth(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file, not a folder"):
        load_truth(tmp_path / "file")


def test_truth_with_another_topology_is_refused_with_the_name_of_the_file(tmp_path: Path) -> None:
    write_truth(tmp_path, ["000000", "000001"], sphere(detail=1))
    write_truth(tmp_path, ["000002"], sphere(detail=2))
    with pytest.raises(InputError, match=r"000002\.ply: has other triangles than 000000\.ply"):
        load_truth(tmp_path)


def test_a_truncated_truth_mesh_is_refused_with_its_name(tmp_path: Path) -> None:
    write_truth(tmp_path, ["000000", "000001"], sphere(detail=1))
    data = (tmp_path / "000001.ply").read_bytes()
    (tmp_path / "000001.ply").write_bytes(data[:300])
    with pytest.raises(InputError, match=r"000001\.ply"):
        load_truth(tmp_path)


def test_frames_are_matched_by_name_and_a_missing_one_is_named(tmp_path: Path) -> None:
    assert match_frames(("b", "c"), ("a", "b", "c"), tmp_path) == [1, 2]
    with pytest.raises(InputError, match=r"lacks 1 of 2 frames, the first is d\.ply"):
        match_frames(("b", "d"), ("a", "b", "c"), tmp_path)
