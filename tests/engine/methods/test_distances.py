"""How far what was seen lies from a fit, and what of the fit was not seen."""

from dataclasses import replace

import numpy as np
import pytest

from engine.geometry.camera import transform_points
from engine.geometry.depth import point_image
from engine.geometry.mesh import Mesh
from engine.geometry.signed_distance import unsigned_distance
from engine.methods.distances import FrameMeasure, measure, noise_of
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence
from tests.support.present import present
from tests.support.walking_ball import RADIUS, ball, ball_meshes, ball_sequence, moved

EDGE = 0.04
"""Of what faces the camera, what is seen so obliquely that a pixel misses it."""


def every_pixel(sequence: DepthSequence, meshes: MeshSequence, frame: int, reach_m: float) -> tuple[float, float]:
    """The slow twin: mean distance and fraction beyond, by all pixels and exact distances."""
    image = point_image(sequence.depth_m(frame), sequence.camera)
    points = transform_points(sequence.camera_at(frame), image[image[..., 2] > 0])
    mesh = meshes.read(frame)
    distances = np.minimum(unsigned_distance(points, mesh.vertices, mesh.faces), reach_m)
    return float(distances.mean()), float((distances >= reach_m * (1 - 1e-6)).mean())


def first(sequence: DepthSequence, meshes: MeshSequence) -> FrameMeasure:
    return measure(meshes, sequence).frames[0]


@pytest.mark.parametrize("by", [(0.0, 0.0, 0.0), (0.03, 0.02, 0.0), (0.0, 0.2, 0.05)])
def test_the_mean_distance_is_that_of_the_pixels(by: tuple[float, float, float]) -> None:
    sequence, meshes = ball_sequence(3), moved(ball_meshes(3), range(3), by)
    measures = measure(meshes, sequence)
    assert measures.size_m == pytest.approx(2 * RADIUS, abs=1e-3)
    for frame, measured in enumerate(measures.frames):
        mean_m, beyond = every_pixel(sequence, meshes, frame, measures.reach_m)
        assert present(measured.mean_m) == pytest.approx(mean_m, rel=0.06, abs=1e-4)
        assert measured.beyond == pytest.approx(beyond, abs=0.05)
        assert measured.pixels == (sequence.depth_m(frame) > 0).sum()


def test_how_far_a_mesh_reaches_below_a_known_floor_is_measured_unless_the_subject_is_seen_there() -> None:
    sequence, meshes = ball_sequence(1), ball_meshes(1)
    lowest = float(meshes.read(0).vertices[:, 1].min())
    assert first(sequence, meshes).below_m is None
    assert first(replace(sequence, floor_m=lowest - 0.1), meshes).below_m == 0
    assert present(first(replace(sequence, floor_m=lowest + 5), meshes).below_m) < 0.05
    sunk = moved(meshes, range(1), (0.0, -0.1, 0.0))
    assert first(replace(sequence, floor_m=lowest), sunk).below_m == pytest.approx(0.1, abs=1e-4)


def test_the_camera_may_move() -> None:
    sequence, meshes = ball_sequence(2), ball_meshes(2)
    poses = np.tile(np.eye(4), (2, 1, 1))
    poses[:, 1, 3] = [0.5, -1.0]
    elsewhere = replace(sequence, cameras_to_world=poses)
    shifted = meshes.map(lambda row, vertices: transform_points(poses[row], vertices))
    for here, there in zip(measure(meshes, sequence).frames, measure(shifted, elsewhere).frames, strict=True):
        assert there.mean_m == pytest.approx(here.mean_m, abs=1e-5)
        assert there.unseen == here.unseen


def test_a_few_pixels_of_the_background_hardly_count_and_are_said() -> None:
    sequence, meshes = ball_sequence(1), ball_meshes(1)
    depth = sequence.depth_m(0).copy()
    free = np.flatnonzero(depth == 0)[: int(0.03 * (depth > 0).sum())]
    depth.reshape(-1)[free] = 9.0
    with_background = first(replace(sequence, read_frame=lambda _: depth), meshes)
    assert present(with_background.beyond) == pytest.approx(0.03, abs=0.012)
    assert present(with_background.mean_m) < 0.004 * 2 * RADIUS


def test_a_mesh_that_covers_more_than_what_is_there_is_near_but_not_seen() -> None:
    sequence, meshes = ball_sequence(1), ball_meshes(1)
    small = first(replace(sequence, read_frame=lambda _: upper_quarter(sequence.depth_m(0))), meshes)
    assert present(small.mean_m) < 0.01
    assert present(small.unseen) > 0.5
    assert present(first(sequence, meshes).unseen) < EDGE


def upper_quarter(depth: np.ndarray) -> np.ndarray:
    rows = np.flatnonzero(depth.any(axis=1))
    cut = depth.copy()
    cut[rows[len(rows) // 4] :] = 0
    return cut


def test_what_something_nearer_hides_or_the_picture_does_not_hold_need_not_be_seen() -> None:
    sequence, meshes = ball_sequence(1), ball_meshes(1)
    depth = sequence.depth_m(0)
    behind_board = depth.copy()
    behind_board[:60] = 1.0
    assert present(first(replace(sequence, read_frame=lambda _: behind_board), meshes).unseen) < EDGE
    outside = moved(meshes, [0], (50.0, 0, 0))
    assert first(sequence, outside).unseen is None


def test_what_stands_before_a_subject_that_was_isolated_hides_it() -> None:
    sequence, meshes = ball_sequence(1), ball_meshes(1)
    depth = sequence.depth_m(0)
    board = depth.copy()
    board[:60] = 1.0
    isolated = replace(sequence, read_frame=lambda _: np.where(board == depth, depth, np.float32(0)))
    assert present(first(isolated, meshes).unseen) > 0.3
    scene = replace(sequence, read_frame=lambda _: board)
    assert present(first(replace(isolated, scene=scene), meshes).unseen) < EDGE
    wall = np.where(isolated.depth_m(0) > 0, depth, np.float32(9))
    assert present(first(replace(isolated, scene=replace(scene, read_frame=lambda _: wall)), meshes).unseen) > 0.3


def test_the_open_part_of_a_subject_is_what_nothing_nearer_hides_even_outside_the_picture() -> None:
    sequence, meshes = ball_sequence(1), ball_meshes(1)
    corner = sequence.depth_m(0).copy()
    corner[:60], corner[:, :80] = 1.0, 1.0
    cut = np.where(corner == 1, np.float32(0), corner)
    isolated = replace(sequence, read_frame=lambda _: cut)
    scene = replace(sequence, read_frame=lambda _: corner)
    assert present(first(replace(isolated, scene=scene), meshes).open_m) == pytest.approx(RADIUS, rel=0.15)
    assert present(first(isolated, meshes).open_m) == pytest.approx(2 * RADIUS, rel=0.1)
    halved = replace(sequence.camera, cx=0.0)
    outside = replace(sequence, camera=halved)
    assert present(first(outside, meshes).open_m) == pytest.approx(2 * RADIUS, rel=0.1)


def test_frames_that_show_nothing_and_meshes_that_are_none_have_no_distance() -> None:
    sequence, meshes = ball_sequence(4, empty=[1]), ball_meshes(4)
    nothing = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    broken = Mesh(ball().vertices * np.float32(np.nan), ball().faces)
    each = [meshes.read(0), meshes.read(1), nothing, broken]
    measures = measure(replace(meshes, read=lambda row: each[row], one_topology=False), sequence)
    assert measures.frames[1] == FrameMeasure(0)
    assert [frame.mean_m is None for frame in measures.frames] == [False, True, True, True]
    assert [frame.pixels > 0 for frame in measures.frames] == [True, False, True, True]
    assert measures.size_m == pytest.approx(2 * RADIUS, abs=1e-3)


def test_some_rows_can_be_measured_alone() -> None:
    sequence, meshes = ball_sequence(5), moved(ball_meshes(5), [3], (0, 0.05, 0))
    whole = measure(meshes, sequence)
    assert measure(meshes, sequence, [3, 1]).frames == (whole.frames[3], whole.frames[1])


def test_sizes_are_those_of_boxes() -> None:
    measured = first(ball_sequence(1), ball_meshes(1))
    assert present(measured.seen_m) == pytest.approx(2 * RADIUS, rel=0.1)
    assert present(measured.open_m) == pytest.approx(2 * RADIUS, rel=0.1)


def test_noise_of_pixels_is_told_from_slopes_and_edges() -> None:
    slope = np.tile(np.linspace(2.0, 3.0, 200, dtype=np.float32), (100, 1))
    slope[:, 100:] += 1.0
    assert noise_of(slope) == pytest.approx(0, abs=1e-5)
    noisy = slope + np.random.default_rng(0).normal(0, 0.02, slope.shape).astype(np.float32)
    assert noise_of(noisy) == pytest.approx(0.02, rel=0.05)
    assert noise_of(np.zeros((4, 4), np.float32)) is None
