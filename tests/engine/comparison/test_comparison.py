"""Results beside each other: their frames, how far they are off, and what that amounts to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.comparison.common_frames import common_frames
from engine.comparison.comparison import Comparison, compare
from engine.comparison.frame_errors import SAMPLES, frame_errors
from engine.comparison.own_truth import own_truth
from engine.comparison.side import Side, observation_beside, side_of_truth, sides_of_runs
from engine.comparison.summary import best_side, summarise
from engine.core.errors import Cancelled, InputError
from engine.geometry.mesh import Mesh
from engine.geometry.signed_distance import unsigned_distance
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.mesh_sequence import mesh_sequence
from engine.sequences.truth import Truth, load_truth, save_metric_truth
from tests.support.compared_runs import POSE, recording_of_ball, run_of_ball, true_meshes
from tests.support.progress import Impatient
from tests.support.walking_ball import RADIUS, ball, ball_meshes, ball_sequence, moved

NEAR = 0.05


def balls(count: int = 4) -> Comparison:
    """One side a centimetre off, one that is right but for the last frame, in which it is far away; and the truth."""
    meshes = ball_meshes(count)
    sides = [
        Side("shifted", moved(meshes, range(count), (0.01, 0.0, 0.0))),
        Side("jumps", moved(meshes, [count - 1], (0.5, 0.0, 0.0))),
    ]
    return compare(sides, Side("truth", meshes), ball_sequence(count))


def cut(meshes_of: Side, rows: list[int]) -> Side:
    return replace(meshes_of, meshes=meshes_of.meshes.select(rows))


# frames


def test_frames_that_one_side_lacks_are_left_out_of_all_and_named() -> None:
    meshes = ball_meshes(6)
    found = common_frames([meshes.select([0, 2, 3, 5]), meshes.select([5, 4, 3, 2]), meshes])
    assert found.names == ("000002", "000003", "000005")
    assert found.rows.tolist() == [[1, 2, 3], [3, 2, 0], [2, 3, 5]]
    assert found.left_out == (("000000",), ("000004",), ("000000", "000001", "000004"))
    assert found.by == ("name", "name", "name")


def test_frames_without_a_name_in_common_are_found_by_their_times() -> None:
    meshes = ball_meshes(4)
    late = replace(meshes, frame_names=("a", "b", "c", "d"), times_s=meshes.times_s + 0.101)
    found = common_frames([meshes, late])
    assert found.by == ("name", "time")
    assert found.rows.tolist() == [[1, 2, 3], [0, 1, 2]]
    np.testing.assert_allclose(found.times_s, meshes.times_s[1:])


def test_sides_that_overlap_in_pairs_but_not_all_together_are_refused() -> None:
    meshes = ball_meshes(4)
    with pytest.raises(InputError, match="no frame that all of them have"):
        common_frames([meshes.select([0, 1]), meshes.select([0]), meshes.select([1])])


def test_two_sides_of_one_name_are_refused() -> None:
    side = Side("npm", ball_meshes(2))
    with pytest.raises(InputError, match="name of two sides"):
        compare([side, side])


# errors


def test_errors_of_frames_are_those_of_a_slow_twin() -> None:
    comparison = balls()
    errors = frame_errors(comparison)
    for side in range(2):
        for frame in range(4):
            mesh, true = comparison.mesh(side, frame), comparison.true_mesh(frame)
            there = 1000 * unsigned_distance(mesh.vertices, true.vertices, true.faces).mean()
            back = 1000 * unsigned_distance(true.vertices, mesh.vertices, mesh.faces).mean()
            assert errors.values["accuracy_mm"][side, frame] == pytest.approx(there, rel=NEAR, abs=1e-3)
            assert errors.values["completeness_mm"][side, frame] == pytest.approx(back, rel=NEAR, abs=1e-3)
            assert errors.values["surface_mm"][side, frame] == pytest.approx((there + back) / 2, rel=NEAR, abs=1e-3)
            apart = 1000 * np.linalg.norm(mesh.vertices - true.vertices, axis=1).mean()
            assert errors.values["correspondence_mm"][side, frame] == pytest.approx(apart, abs=1e-3)
    assert errors.undefined["correspondence_mm"] == ("", "")
    assert errors.lost.tolist() == [[False] * 4, [False, False, False, True]]


def test_without_truth_sides_are_compared_with_what_was_seen() -> None:
    with_truth = balls()
    errors = frame_errors(replace(with_truth, reference=None))
    assert set(errors.values) == {"seen_mm", "unseen"}
    assert errors.values["seen_mm"][0].max() < errors.values["seen_mm"][1, 3]
    assert errors.values["unseen"][1].argmax() == 3
    assert errors.lost_known == (False, False)
    np.testing.assert_array_equal(errors.values["seen_mm"], frame_errors(with_truth).values["seen_mm"])


def test_a_side_that_is_much_too_small_is_not_near_because_its_reach_is() -> None:
    meshes = ball_meshes(2)
    tiny = meshes.map(lambda row, v: v.mean(axis=0) + (v - v.mean(axis=0)) / 50)
    found = frame_errors(compare([Side("good", meshes), Side("tiny", tiny)], observation=ball_sequence(2)))
    assert (found.values["seen_mm"][1] > 100 * RADIUS).all()


def test_correspondence_is_known_by_canonical_surfaces_or_it_is_said_why_not() -> None:
    meshes, other = ball_meshes(2), ball(subdivisions=2)
    offset = ball_meshes(2).read(0).vertices.mean(axis=0) - other.vertices.mean(axis=0)
    coarse = mesh_sequence(
        "coarse", np.stack([other.vertices + offset] * 2), other.faces, meshes.frame_names, meshes.times_s
    )
    truth = Side("truth", meshes, ball())
    sides = [Side("known", coarse, other), Side("unknown", coarse)]
    errors = frame_errors(compare(sides, truth))
    assert errors.values["correspondence_mm"][0, 0] < 10
    assert np.isnan(errors.values["correspondence_mm"][1]).all()
    assert errors.undefined["correspondence_mm"][1].startswith("the prediction does not say")
    changing = replace(coarse, one_topology=False)
    said = frame_errors(compare([Side("changing", changing)], truth)).undefined["correspondence_mm"]
    assert said == ("the result has other triangles in each frame",)


def test_a_frame_without_a_surface_is_lost_and_has_no_number() -> None:
    meshes = ball_meshes(3)
    nothing = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    gone = replace(meshes, read=lambda row: nothing if row == 1 else meshes.read(row), one_topology=False)
    comparison = compare([Side("gone", gone)], Side("truth", meshes))
    errors = frame_errors(comparison)
    assert np.isnan(errors.values["surface_mm"]).tolist() == [[False, True, False]]
    assert errors.lost.tolist() == [[False, True, False]]
    summary = summarise(comparison, errors)[0]
    assert summary.metrics["surface_mm"].frames == 2 and summary.lost == 1


def test_measuring_can_be_stopped() -> None:
    with pytest.raises(Cancelled):
        frame_errors(balls(), progress=Impatient(0))
    with pytest.raises(Cancelled):
        frame_errors(replace(balls(), reference=None), progress=Impatient(0))


# vertices


def test_errors_of_vertices_are_distances_to_the_true_surface() -> None:
    comparison = balls()
    for frame in (0, 3, 1):
        true = comparison.true_mesh(frame)
        expected = 1000 * unsigned_distance(comparison.mesh(1, frame).vertices, true.vertices, true.faces)
        np.testing.assert_allclose(comparison.vertex_errors_mm(1, frame), expected, atol=2e-3)


def test_without_truth_only_vertices_that_can_have_been_seen_have_an_error() -> None:
    comparison = replace(balls(), reference=None)
    errors, mesh = comparison.vertex_errors_mm(0, 0), comparison.mesh(0, 0)
    towards = mesh.vertices[:, 2] < mesh.vertices[:, 2].mean() - 0.3
    assert np.isnan(errors[mesh.vertices[:, 2] > mesh.vertices[:, 2].mean()]).all()
    assert np.isfinite(errors[towards]).all() and np.nanmedian(errors) < 12


# sums


def test_a_summary_has_means_medians_and_the_worst_frame_and_the_better_side() -> None:
    comparison = balls()
    errors = frame_errors(comparison)
    shifted, jumps = summarise(comparison, errors)
    values = errors.values["surface_mm"]
    assert jumps.metrics["surface_mm"].mean == pytest.approx(values[1].mean())
    assert jumps.metrics["surface_mm"].median == pytest.approx(np.median(values[1]))
    assert (jumps.metrics["surface_mm"].worst_frame, jumps.metrics["surface_mm"].worst) == (3, values[1, 3])
    assert shifted.metrics["surface_mm"].to_best.mean == 0
    assert jumps.metrics["surface_mm"].to_best.mean == pytest.approx((values[1] - values[0]).mean())
    assert (shifted.lost, jumps.lost) == (0, 1)
    assert shifted.seconds_per_frame is None


def test_the_best_side_is_judged_in_frames_that_all_have() -> None:
    assert best_side(np.array([[1.0, np.nan, 2.0], [3.0, 0.0, 0.5]])) == 0
    assert best_side(np.array([[np.nan, np.nan], [3.0, 9.0]])) == 1
    assert best_side(np.full((2, 2), np.nan)) is None
    assert best_side(np.array([[1.0, np.nan], [np.nan, 1.0]])) is None


# runs


def test_runs_that_had_the_camera_elsewhere_are_moved_into_one_world(tmp_path: Path) -> None:
    recording = recording_of_ball(tmp_path / "walk")
    turn = np.array([[0.0, 0, 1, 0.5], [0, 1, 0, 0], [-1, 0, 0, 2], [0, 0, 0, 1]])
    runs = {
        "here": run_of_ball(tmp_path / "here", recording),
        "there": run_of_ball(tmp_path / "there", recording, world=turn),
    }
    true, sequence = true_meshes(4).read(0).vertices, load_depth_sequence(recording)
    for sides in (sides_of_runs(runs), sides_of_runs(runs, recording / "truth")):
        for side in sides:
            np.testing.assert_allclose(side.meshes.read(0).vertices, true, atol=1e-5)
        assert not sides[0].notes and len(sides[1].notes) == 1
        assert sides[0].run is runs["here"]
    there = sides_of_runs({"there": runs["there"]})[0]
    moved_along = observation_beside(sequence, there)
    np.testing.assert_allclose(moved_along.camera_at(2), turn @ POSE)


def test_truth_in_camera_axes_comes_into_the_world_by_the_camera_of_a_run(tmp_path: Path) -> None:
    recording = recording_of_ball(tmp_path / "walk")
    side = sides_of_runs({"npm": run_of_ball(tmp_path / "run", recording, rows=(1, 2))})[0]
    seen = replace(ball_meshes(4), frame="camera")
    truth = side_of_truth(Truth(seen, None), side)
    assert truth.meshes.frame_names == ("000001", "000002")
    np.testing.assert_allclose(truth.meshes.read(1).vertices, true_meshes(4).read(2).vertices, atol=1e-5)
    with pytest.raises(InputError, match="does not say where the camera was"):
        side_of_truth(Truth(seen, None), replace(side, cameras_to_world=()))


def test_what_runs_say_of_themselves_stands_in_for_a_recording_that_is_gone(tmp_path: Path) -> None:
    run = run_of_ball(tmp_path / "run", tmp_path / "gone")
    frames = tuple(replace(f, mean_distance_mm=float(i), lost=i == 2) for i, f in enumerate(run.frames))
    side = replace(sides_of_runs({"npm": run})[0], run=replace(run, frames=frames))
    comparison = compare([cut_run(side, [1, 2, 3])])
    errors = frame_errors(comparison)
    assert errors.values["seen_mm"].tolist() == [[1.0, 2.0, 3.0]]
    assert errors.lost.tolist() == [[False, True, False]] and errors.lost_known == (True,)
    assert summarise(comparison, errors)[0].seconds_per_frame == 2.0


def cut_run(side: Side, rows: list[int]) -> Side:
    """The side in some frames, as another side would leave them."""
    assert side.run is not None
    run = replace(side.run, meshes=side.meshes.select(rows), frames=tuple(side.run.frames[row] for row in rows))
    timings = {"total": 2.0 * len(rows)}
    return replace(side, meshes=run.meshes, run=replace(run, timings=timings), cameras_to_world=())


# truth


def test_truth_is_found_in_the_recording_of_all_runs(tmp_path: Path) -> None:
    recording = recording_of_ball(tmp_path / "walk")
    bare = recording_of_ball(tmp_path / "bare", with_truth=False)
    first, second = (run_of_ball(tmp_path / name, recording) for name in ("a", "b"))
    assert own_truth([first, second]).folder == recording / "truth"
    assert own_truth([run_of_ball(tmp_path / "c", bare)]).folder is None
    mixed = own_truth([first, run_of_ball(tmp_path / "d", bare)])
    assert mixed.folder is None and "2 recordings" in mixed.why


def test_of_several_true_subjects_the_nearest_is_taken_and_said(tmp_path: Path) -> None:
    recording = recording_of_ball(tmp_path / "walk", with_truth=False)
    for subject, apart in enumerate((2.0, 0.0)):
        shifted = moved(ball_meshes(4), range(4), (apart, 0, 0))
        save_metric_truth(recording / "truth" / f"subject_{subject}", Truth(replace(shifted, frame="camera"), None))
    found = own_truth([run_of_ball(tmp_path / "run", recording)])
    assert found.folder == recording / "truth" / "subject_1" and "subject_1 is the nearest" in found.why
    assert load_truth(found.folder).meshes.frame == "camera"


def test_as_many_points_are_measured_as_is_said() -> None:
    assert f"{SAMPLES} points" in frame_errors(balls()).metrics[1].definition
