import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.evaluate.definitions import CANONICAL_METRICS, METRICS
from engine.evaluate.measures import compare_samples, draw_samples, keyframes_of, tracking_errors
from engine.evaluate.metrics import SequenceMetrics, evaluate_sequence
from engine.evaluate.prediction import CameraPath, Prediction
from engine.evaluate.writing import write_metrics
from engine.geometry.camera import PinholeCamera, front_camera_to_world, transform_points
from engine.geometry.mesh import Mesh
from engine.geometry.similarity import Similarity
from engine.sequences.mesh_sequence import MeshSequence, in_metres, mesh_sequence, regular_times
from engine.sequences.truth import Truth
from tests.support.progress import Impatient
from tests.support.surfaces import Surface, sphere, square


def evaluate(
    predicted: Surface, truth: Surface, frames: int = 1, samples: int = 4000, iou_points: int = 20_000, seed: int = 0
) -> SequenceMetrics:
    moving = [np.stack([surface[0]] * frames) for surface in (predicted, truth)]
    return evaluate_moving(moving[0], predicted[1], moving[1], truth[1], samples, iou_points, seed)


def sequence(vertices: np.ndarray, faces: np.ndarray) -> MeshSequence:
    names = [f"{index:06d}" for index in range(len(vertices))]
    return mesh_sequence("balls", vertices, faces, names, regular_times(len(vertices), 10.0))


def evaluate_moving(
    predicted: np.ndarray,
    predicted_faces: np.ndarray,
    truth: np.ndarray,
    truth_faces: np.ndarray,
    samples: int,
    iou_points: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> SequenceMetrics:
    """Canonical units that are metres."""
    prediction, true = Prediction(sequence(predicted, predicted_faces)), sequence(truth, truth_faces)
    return evaluate_sequence(prediction, Truth(true, Similarity()), samples, iou_points, seed, progress)


# analytic cases


def test_two_spheres_have_the_iou_of_their_lens() -> None:
    radius, distance = 0.25, 0.15
    lens = math.pi * (4 * radius + distance) * (2 * radius - distance) ** 2 / 12
    expected = lens / (2 * 4 / 3 * math.pi * radius**3 - lens)
    metrics = evaluate(sphere(radius), sphere(radius, (distance, 0, 0)), iou_points=200_000)
    assert metrics.means["iou"] == pytest.approx(expected, abs=0.005)


def test_iou_in_the_joint_box_is_that_of_the_whole_cube() -> None:
    a, b = sphere(0.2), sphere(0.2, (0.08, 0, 0))
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (300_000, 3))
    in_a, in_b = (np.linalg.norm(points - centre, axis=1) < 0.2 for centre in ((0, 0, 0), (0.08, 0, 0)))
    assert evaluate(a, b, iou_points=200_000).means["iou"] == pytest.approx(
        (in_a & in_b).sum() / (in_a | in_b).sum(), abs=0.01
    )


def test_disjoint_meshes_have_no_overlap() -> None:
    assert evaluate(sphere(0.1, (-0.3, 0, 0)), sphere(0.1, (0.3, 0, 0))).means["iou"] == 0


def test_identical_meshes_agree_up_to_the_sampling() -> None:
    metrics = evaluate(sphere(), sphere(), frames=3, samples=20_000)
    spacing = math.sqrt(4 * math.pi * 0.25**2 / 20_000)
    assert metrics.means["iou"] == 1
    assert metrics.means["accuracy"] < spacing
    assert metrics.means["chamfer_l2"] < spacing**2
    assert metrics.means["normal_consistency"] > 0.995
    assert metrics.means["epe"] < spacing
    assert metrics.failed_frames == 0


def test_a_shifted_plane_is_as_far_as_it_was_shifted() -> None:
    metrics = evaluate(square(0.05), square(0.0), samples=20_000)
    assert metrics.means["accuracy"] == pytest.approx(0.05, rel=0.01)
    assert metrics.means["completeness"] == pytest.approx(0.05, rel=0.01)
    assert metrics.means["chamfer_l2"] == pytest.approx(0.05**2, rel=0.01)
    assert metrics.means["normal_consistency"] == pytest.approx(1)
    assert metrics.failed_frames == 1


def test_a_prediction_with_something_extra_is_complete_but_not_accurate() -> None:
    truth = sphere(0.1, (-0.3, 0, 0))
    extra = sphere(0.1, (0.3, 0, 0))
    both = np.concatenate((truth[0], extra[0])), np.concatenate((truth[1], extra[1] + len(truth[0])))
    metrics, reversed_roles = evaluate(both, truth), evaluate(truth, both)
    assert metrics.means["completeness"] < 0.01
    assert metrics.means["accuracy"] > 0.2
    assert reversed_roles.means["accuracy"] < 0.01
    assert reversed_roles.means["completeness"] > 0.2
    assert metrics.means["chamfer_l2"] == pytest.approx(reversed_roles.means["chamfer_l2"], rel=0.05)


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
    metrics = evaluate_moving(
        moving(body, offsets * 0), body[1], moving(body, offsets), body[1], samples=20_000, iou_points=1000
    )
    assert metrics.means["epe"] == pytest.approx(0.045, abs=0.003)
    assert math.isnan(metrics.per_frame["epe"][0])
    assert metrics.per_frame["epe"][2] == pytest.approx(0.06, abs=0.004)


def test_a_surface_that_slides_along_itself_has_a_tracking_error_and_no_chamfer_distance() -> None:
    vertices, faces = sphere()
    turned = trimesh.transformations.rotation_matrix(0.4, (0, 1, 0))[:3, :3]
    predicted = np.stack((vertices, vertices @ turned.T.astype(np.float32)))
    metrics = evaluate_moving(predicted, faces, np.stack((vertices, vertices)), faces, 20_000, 1000)
    assert metrics.means["epe"] > 0.05
    assert metrics.means["accuracy"] < 0.01


def test_a_keyframe_with_a_far_prediction_still_counts() -> None:
    body = sphere(0.1, (-0.35, 0, 0))
    far = sphere(0.1, (0.35, 0, 0))
    metrics = evaluate(far, body, frames=2)
    assert 0.5 < metrics.means["epe"] < 0.9


@pytest.mark.parametrize(
    ("frames", "keyframes"),
    [(1, (0,)), (20, (0,)), (50, (0,)), (99, (0,)), (100, (0, 50)), (160, (0, 53, 106))],
)
def test_keyframes_are_evenly_spread(frames: int, keyframes: tuple[int, ...]) -> None:
    assert keyframes_of(frames) == keyframes


def test_one_frame_has_no_tracking_error_and_still_gives_valid_json() -> None:
    metrics = evaluate(sphere(), sphere())
    assert math.isnan(metrics.means["epe"])
    description = json.loads(json.dumps(metrics.as_dict(), allow_nan=False))
    assert description["epe"] is None
    assert description["per_frame"]["epe"] == [None]


# what is reported


def test_every_figure_comes_with_definition_unit_samples_and_seed() -> None:
    description = evaluate(sphere(), sphere(), frames=2, seed=7).as_dict()
    for metric in (*METRICS, *CANONICAL_METRICS):
        assert (description[metric.name] is None) == (metric.name in description["undefined"])
        assert len(description["per_frame"][metric.name]) == 2
        assert set(description["definitions"][metric.name]) == {"title", "unit", "better", "definition"}
    for name in ("iou", "chamfer_l2", "accuracy", "completeness", "normal_consistency", "epe"):
        assert description[name] is not None
    assert (description["samples"], description["iou_points"], description["seed"]) == (4000, 20_000, 7)
    assert description["keyframes"] == ["000000"]


def test_the_seed_decides_the_figures() -> None:
    pair = sphere(0.2), sphere(0.21)
    assert evaluate(*pair, seed=1).means["iou"] == evaluate(*pair, seed=1).means["iou"]
    assert evaluate(*pair, seed=1).means["iou"] != evaluate(*pair, seed=2).means["iou"]


def test_median_frame_and_share_of_failed_frames_tell_one_lost_frame_from_a_bad_fit() -> None:
    body = sphere()
    offsets = np.array([[0.0, 0, 0]] * 4 + [[0.2, 0, 0]])
    metrics = evaluate_moving(moving(body, offsets), body[1], moving(body, offsets * 0), body[1], 20_000, 1000)
    assert metrics.failed_frames == pytest.approx(0.2)
    assert metrics.median_frame_chamfer_l2 < 0.1 * metrics.means["chamfer_l2"]


def test_evaluation_stops_when_asked() -> None:
    vertices, faces = sphere()
    with pytest.raises(Cancelled):
        evaluate_moving(vertices[None], faces, vertices[None], faces, 100, 100, progress=Impatient())


def test_meshes_that_cannot_be_compared_are_refused() -> None:
    vertices, faces = sphere(detail=1)
    broken = vertices.copy()
    broken[3] = np.nan
    with pytest.raises(InputError, match=r"prediction: has vertices that are not finite"):
        evaluate((broken, faces), (vertices, faces))
    with pytest.raises(InputError, match=r"truth, frame 0: has no surface"):
        evaluate((vertices, faces), (vertices * 0, faces))


# metres, canonical units, and what was compared


def test_the_same_meshes_have_the_same_millimetres_in_every_similarity() -> None:
    predicted, true = sequence(sphere(0.3)[0][None], sphere()[1]), sequence(sphere(0.31)[0][None], sphere()[1])
    found = [
        evaluate_sequence(Prediction(predicted), Truth(true, similarity), 2000, 2000)
        for similarity in (Similarity(0.4, (0, 0.125, 0)), Similarity(2.0), None)
    ]
    for metric in METRICS:
        values = [metrics.means[metric.name] for metrics in found]
        assert values == pytest.approx([values[0]] * 3, rel=1e-9, nan_ok=True)
    for metric in CANONICAL_METRICS:
        small, large, none = (metrics.means[metric.name] for metrics in found)
        assert large == pytest.approx(5**metric.power * small, nan_ok=True)
        assert math.isnan(none)
    assert [metrics.similarity_of for metrics in found] == ["truth", "truth", None]
    assert math.isnan(found[2].failed_frames)
    assert found[0].summary()["similarity"] == {"scale": 0.4, "centre": [0, 0.125, 0]}


def test_canonical_figures_take_the_similarity_of_the_model_where_the_truth_has_none() -> None:
    still = sequence(sphere(0.3)[0][None], sphere()[1])
    metrics = evaluate_sequence(Prediction(still, similarity=Similarity(0.5)), Truth(still, None), 1000, 1000)
    assert metrics.similarity_of == "model"
    assert metrics.means["accuracy"] == pytest.approx(metrics.means["accuracy_mm"] * 0.5e-3)
    assert "0.5 per metre" in metrics.named_similarity


def test_canonical_meshes_are_compared_as_precisely_as_they_are_stored() -> None:
    similarity = Similarity(0.4, (3.0, 0.125, -2.0))
    stored = [sequence(sphere(radius)[0][None], sphere()[1]) for radius in (0.30, 0.31)]
    there = evaluate_sequence(Prediction(stored[0]), Truth(stored[1], Similarity()), 2000, 20_000)
    metres = [in_metres(meshes, similarity) for meshes in stored]
    here = evaluate_sequence(Prediction(metres[0]), Truth(metres[1], similarity), 2000, 20_000)
    for name in ("iou", "chamfer_l2", "accuracy", "completeness", "normal_consistency"):
        assert here.means[name] == pytest.approx(there.means[name], rel=1e-9)


def test_frames_that_one_side_lacks_are_left_out_and_named() -> None:
    vertices = np.stack([sphere(detail=2)[0]] * 3)
    faces, times = sphere(detail=2)[1], regular_times(3, 10.0)
    predicted = mesh_sequence("fit", vertices, faces, ("a", "b", "c"), times)
    true = mesh_sequence("truth", vertices, faces, ("c", "d", "b"), times)
    metrics = evaluate_sequence(Prediction(predicted), Truth(true, Similarity()), 500, 500)
    assert metrics.frame_names == ("b", "c")
    assert metrics.summary()["frames_without_truth"] == ["a"]
    assert metrics.summary()["truth_without_frames"] == ["d"]


def test_meshes_in_camera_axes_are_compared_where_the_camera_is_known_and_refused_elsewhere() -> None:
    vertices, faces = sphere(detail=2)
    pose = front_camera_to_world(Similarity())
    world = sequence(vertices[None], faces)
    camera = replace(sequence(transform_points(np.linalg.inv(pose), vertices)[None], faces), frame="camera")
    path = CameraPath(PinholeCamera(64, 64, 80, 80, 32, 32), pose[None])
    expected = evaluate_sequence(Prediction(world, camera=path), Truth(world, Similarity()), 500, 500)
    for predicted, true in ((world, camera), (camera, world)):
        metrics = evaluate_sequence(Prediction(predicted, camera=path), Truth(true, Similarity()), 500, 500)
        assert metrics.means["accuracy_mm"] == pytest.approx(expected.means["accuracy_mm"], rel=1e-4)
        assert metrics.means["accuracy_visible_mm"] == pytest.approx(expected.means["accuracy_visible_mm"], rel=0.1)
    with pytest.raises(InputError, match="are in world and camera axes"):
        evaluate_sequence(Prediction(world), Truth(camera, Similarity()), 500, 500)


def test_an_error_behind_the_subject_is_an_error_of_the_hidden_surface() -> None:
    vertices, faces = sphere(detail=4)
    swollen = vertices.copy()
    swollen[:, 2] = np.where(vertices[:, 2] < 0, vertices[:, 2] * 1.4, vertices[:, 2])  # the camera is at +z
    path = CameraPath(PinholeCamera(128, 128, 160, 160, 64, 64), front_camera_to_world(Similarity())[None])
    prediction = Prediction(sequence(swollen[None], faces), camera=path)
    means = evaluate_sequence(prediction, Truth(sequence(vertices[None], faces), Similarity()), 20_000, 500).means
    assert means["accuracy_visible_mm"] < 6  # the spacing of the samples
    assert means["completeness_visible_mm"] < 6
    assert means["accuracy_hidden_mm"] > 15
    assert means["completeness_hidden_mm"] > 15


def test_a_prediction_with_other_triangles_in_each_frame_has_distances_and_no_tracking() -> None:
    balls = [sphere(detail=2), sphere(detail=3), sphere(detail=2)]
    meshes = [Mesh(*ball) for ball in balls]
    true = sequence(np.stack([sphere(detail=2)[0]] * 3), sphere(detail=2)[1])
    predicted = replace(true, read=lambda index: meshes[index], one_topology=False)
    metrics = evaluate_sequence(Prediction(predicted), Truth(true, Similarity()), 500, 500)
    assert metrics.means["accuracy_mm"] > 0
    for name in ("epe_mm", "jitter_m_per_s2", "correspondence_mm"):
        assert math.isnan(metrics.means[name])
        assert "other triangles" in metrics.undefined[name]


# jitter


def test_the_acceleration_error_equals_a_loop_over_points_and_uneven_times() -> None:
    generator = np.random.default_rng(4)
    vertices, faces = sphere(0.2, detail=1)
    predicted = vertices + generator.normal(0, 0.02, (4, 1, 3)).astype(np.float32)
    truth = vertices + generator.normal(0, 0.02, (4, 1, 3)).astype(np.float32)
    times = np.array([0.0, 0.1, 0.4, 0.6])
    _, found = tracking_errors((predicted, faces), (truth, faces), times, (0,), 50, np.random.default_rng(9))

    def acceleration(path: np.ndarray, frame: int) -> np.ndarray:  # all points of a mesh move alike here
        first, second = times[frame] - times[frame - 1], times[frame + 1] - times[frame]
        velocities = (path[frame] - path[frame - 1]) / first, (path[frame + 1] - path[frame]) / second
        return np.asarray((velocities[1] - velocities[0]) / ((first + second) / 2))

    for frame in (1, 2):
        expected = math.dist(acceleration(predicted[:, 0], frame), acceleration(truth[:, 0], frame))
        assert found[frame] == pytest.approx(expected, rel=1e-4)
    assert np.isnan(found[[0, 3]]).all()


def test_a_constant_offset_does_not_jitter_and_a_trembling_one_does() -> None:
    body = sphere(detail=2)
    still, far = np.zeros((5, 3)), np.tile([0.05, 0, 0], (5, 1))
    trembling = far * np.array([0, 1, 0, 1, 0])[:, None]
    steady = evaluate_moving(moving(body, far), body[1], moving(body, still), body[1], 500, 500)
    shaken = evaluate_moving(moving(body, trembling), body[1], moving(body, still), body[1], 500, 500)
    assert steady.means["jitter_m_per_s2"] < 1e-3
    assert shaken.means["jitter_m_per_s2"] == pytest.approx(2 * 0.05 * 10**2, rel=1e-3)


def test_frames_at_one_time_have_no_acceleration() -> None:
    vertices = np.stack([sphere(detail=1)[0]] * 3)
    faces = sphere(detail=1)[1]
    _, found = tracking_errors((vertices, faces), (vertices, faces), np.zeros(3), (0,), 20, np.random.default_rng(0))
    assert np.isnan(found).all()


# on disk


def test_the_table_has_a_row_for_each_frame_and_units_in_its_columns(tmp_path: Path) -> None:
    metrics = evaluate(sphere(detail=2), sphere(0.26, detail=2), frames=2, samples=500, iou_points=500)
    write_metrics(metrics, tmp_path)
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["000000", "000001"]
    assert [float(row["time_s"]) for row in rows] == [0.0, 0.1]
    for row, accuracy in zip(rows, metrics.per_frame["accuracy_mm"], strict=True):
        assert float(row["accuracy_mm"]) == accuracy
        assert float(row["accuracy_canonical"]) == pytest.approx(accuracy / 1000)
        assert row["correspondence_mm"] != ""
        assert row["accuracy_visible_mm"] == ""
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics.as_dict()
