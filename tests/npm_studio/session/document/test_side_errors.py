from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh
from engine.geometry.signed_distance import unsigned_distance
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.session.document import side_errors as module
from npm_studio.session.document.compared_sides import OpenedSide
from npm_studio.session.document.comparison import SideSource
from npm_studio.session.document.lineup import Lineup
from npm_studio.session.document.observation import Observation, box_of
from npm_studio.session.document.results import mesh_sequence_of_truth
from npm_studio.session.document.side_errors import ErrorKind, SideErrors
from tests.support.compared import side, spheres
from tests.support.present import present
from tests.support.progress import Listener


def measured(*sides: OpenedSide, reference: OpenedSide) -> SideErrors:
    errors = SideErrors(Lineup(sides, reference))
    errors.measure(Progress())
    assert errors.is_complete
    return errors


def test_vertices_of_the_same_triangles_are_measured_to_each_other() -> None:
    one, truth = side(spheres("a", [1.0, 1.1], "01")), side(spheres("t", [1.05, 1.0], "01"), "truth")
    errors = measured(one, truth, reference=truth)
    assert errors.kind is ErrorKind.CORRESPONDENCE
    np.testing.assert_allclose(errors.curve_mm(one), [50, 100], atol=1e-3)
    np.testing.assert_allclose(present(errors.values_mm(one, 1)), 100, atol=1e-3)
    assert errors.figure(truth, 0) is None


def test_a_point_that_moved_along_the_surface_has_a_correspondence_error_and_no_surface_distance() -> None:
    turned = spheres("a", [1.0], "0").map(lambda _, vertices: vertices[:, [2, 0, 1]])
    truth = side(spheres("t", [1.0], "0"), "truth")
    one = side(turned)
    assert measured(one, reference=truth).curve_mm(one)[0] > 500
    other = side(spheres("b", [1.0], "0", detail=2))
    errors = measured(one, other, reference=truth)
    assert errors.kind is ErrorKind.SURFACE
    assert errors.curve_mm(one)[0] < 1


def test_one_side_of_other_triangles_makes_all_be_measured_by_the_distance_of_surfaces() -> None:
    one, other = side(spheres("a", [1.02], "0")), side(spheres("b", [1.02], "0", detail=2))
    truth = side(spheres("t", [1.0], "0"), "truth")
    assert measured(one, reference=truth).kind is ErrorKind.CORRESPONDENCE
    errors = measured(one, other, reference=truth)
    assert errors.kind is ErrorKind.SURFACE
    true, mesh = truth.meshes.read(0), other.meshes.read(0)
    expected = 1000 * unsigned_distance(mesh.vertices, true.vertices, true.faces)
    np.testing.assert_allclose(present(errors.values_mm(other, 0)), expected, atol=1e-2)
    assert errors.curve_mm(one)[0] == pytest.approx(20, abs=1.0)


def test_figures_of_the_sequence_name_the_worst_frame_and_count_those_that_are_lost() -> None:
    one, truth = side(spheres("a", [1.0, 1.02, 1.2], "012")), side(spheres("t", [1, 1, 1], "012"), "truth")
    figures = present(measured(one, reference=truth).of_sequence(one))
    assert figures.mean_mm == pytest.approx(220 / 3, abs=0.01)
    assert figures.median_mm == pytest.approx(20, abs=0.01)
    assert figures.worst_mm == pytest.approx(200, abs=0.01)
    assert figures.worst_frame == 2
    assert figures.lost == 1  # over 100 mm between corresponding points


def test_without_truth_the_run_says_which_frames_are_lost() -> None:
    one, two = side(spheres("a", [1, 2], "01"), lost=frozenset("1")), side(spheres("b", [1, 1], "01"))
    assert present(measured(one, two, reference=two).of_sequence(one)).lost == 1
    assert present(measured(one, two, reference=one).of_sequence(two)).lost is None


def test_what_was_seen_is_measured_to_each_side(depth_capture: Path) -> None:
    sequence = load_depth_sequence(depth_capture)
    observation = Observation(sequence)
    seen_as = MeshSequence("seen", sequence.frame_names, sequence.times_s, sequence.mesh_world, one_topology=False)
    seen = OpenedSide(
        SideSource("observation", depth_capture), "seen", seen_as, observation.bounds, observation=observation
    )
    truth = mesh_sequence_of_truth(sequence)
    moved = side(truth.map(lambda _, vertices: vertices + np.array([0, 0, 0.03], np.float32)), "run")
    true = side(truth, "truth")
    errors = measured(true, moved, seen, reference=seen)
    assert errors.kind is ErrorKind.SEEN
    assert errors.compared == (true, moved)
    assert len(present(errors.values_mm(true, 1))) == len(observation.frame(1).points_world)
    assert (errors.curve_mm(true) < 3).all()
    assert (errors.curve_mm(moved) > 10).all()


def test_the_room_around_the_subject_does_not_count(depth_capture: Path) -> None:
    alone = load_depth_sequence(depth_capture)
    truth, behind = side(mesh_sequence_of_truth(alone), "truth"), np.float32(1.5 * alone.depth_m(0).max())
    room = replace(alone, read_frame=lambda row: np.where(alone.depth_m(row) > 0, alone.depth_m(row), behind))
    views = [Observation(sequence) for sequence in (alone, room)]
    seen = [replace(truth, source=SideSource("observation", depth_capture), observation=view) for view in views]
    of_alone, of_room = (measured(truth, each, reference=each) for each in seen)
    np.testing.assert_allclose(of_room.curve_mm(truth), of_alone.curve_mm(truth), rtol=0.2)
    values = present(of_room.values_mm(truth, 1))
    of_subject = len(views[0].frame(1).points_world)
    assert 0.99 * of_subject < np.isfinite(values).sum() <= of_subject < len(values) / 5

    boxes = {row: box_of(truth.meshes.read(row).vertices) for row in range(len(alone))}  # nor in the colours of depth
    np.testing.assert_allclose(views[1].depth_range_in(boxes), views[0].depth_range, rtol=0.05)

    away = side(mesh_sequence_of_truth(alone).map(lambda _, vertices: vertices + np.float32(20)))
    farthest = measured(away, seen[1], reference=seen[1]).curve_mm(away)
    assert len(set(farthest)) == 1 and farthest[0] > 10 * np.nanmax(of_room.curve_mm(truth))


def test_the_frame_on_show_is_measured_first_and_what_was_measured_stays() -> None:
    one, truth = side(spheres("a", [1, 2, 3], "012")), side(spheres("t", [1, 1, 1], "012"), "truth")
    errors = SideErrors(Lineup([one], truth))
    errors.wanted = 2
    with pytest.raises(Cancelled):
        errors.measure(Listener(stop_after=1))
    assert errors.is_known(2)
    assert not errors.is_complete
    assert [errors.figure(one, frame) is None for frame in range(3)] == [True, True, False]


def test_values_that_memory_was_too_small_for_are_measured_again_when_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_HELD", 1)
    one, truth = side(spheres("a", [1, 2, 3], "012")), side(spheres("t", [1, 1, 1], "012"), "truth")
    errors = measured(one, reference=truth)
    assert [errors.is_known(frame) for frame in range(3)] == [True, False, False]
    errors.wanted = 2
    errors.measure(Progress())
    assert [errors.is_known(frame) for frame in range(3)] == [False, False, True]


def test_a_damaged_mesh_leaves_a_gap_and_stops_nothing() -> None:
    whole, truth = spheres("a", [1.05, 1.05, 1.05], "012"), side(spheres("t", [1, 1, 1], "012"), "truth")

    def read(index: int) -> Mesh:
        if index == 1:
            raise InputError("000001.ply", "is damaged")
        return whole.read(index)

    one = replace(side(whole), meshes=replace(whole, read=read))
    errors = measured(one, reference=truth)
    np.testing.assert_allclose(errors.curve_mm(one), [50, np.nan, 50], atol=1e-3)
    assert present(errors.of_sequence(one)).lost == 1


def test_the_scale_ends_above_nearly_all_errors_of_the_usual_side() -> None:
    truth = side(spheres("t", [1, 1], "01"), "truth")
    near, far = side(spheres("a", [1.003, 1.003], "01")), side(spheres("b", [1.03, 1.03], "01"))
    assert measured(near, reference=truth).scale_mm == 5
    assert measured(far, reference=truth).scale_mm == 50
    lost = side(spheres("c", [3, 3], "01"))
    assert measured(near, far, lost, reference=truth).scale_mm == 50


def test_lost_frames_do_not_stretch_the_scale_and_a_lost_run_ends_it_where_errors_are_large() -> None:
    truth = side(spheres("t", [1, 1, 1], "012"), "truth")
    assert measured(side(spheres("a", [1.003, 1.003, 1.5], "012")), reference=truth).scale_mm == 5
    assert measured(side(spheres("b", [1.5, 1.5, 1.5], "012")), reference=truth).scale_mm == 100
