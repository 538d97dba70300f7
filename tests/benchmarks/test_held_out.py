"""The benchmark of what a fit was not shown, on runs of which the distances are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from held_out import SIDE, frame_figures, frame_picture, hidden_pixels, summed, without_hidden

from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import Isolation, isolate
from engine.sequences.mesh_sequence import mesh_sequence
from tests.support.plate_room import SIZE_M, plate_sequence, standing

PLATES = [(0.0, 0.0, -3.0), (0.2, 0.0, -2.5)]
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def plates() -> DepthSequence:
    sequence = plate_sequence(PLATES)
    return replace(sequence, times_s=np.arange(len(PLATES)) / 10)


def run_of(sequence: DepthSequence, folder: Path, off_m: float) -> Run:
    """The plates themselves as a run, ``off_m`` behind where they are, in a world of its own."""
    pose = standing(tilt=20.0)
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * [SIZE_M[0] / 2, SIZE_M[1] / 2, 0]
    placed = np.array(PLATES)[:, None] + corners - [0, 0, off_m]
    in_camera = placed * [1, -1, -1]
    vertices = np.stack([transform_points(pose, each.astype(np.float32)) for each in in_camera])
    meshes = mesh_sequence("fit", vertices, FACES, sequence.frame_names, sequence.times_s)
    frames = frame_records(meshes, np.tile(pose, (len(PLATES), 1, 1)))
    folder.mkdir()
    run = Run(folder, "npm", RunInputs(folder), meshes, frames, {"total": 1.0}, verdict="good", reason="so")
    save_run(run)
    return load_run(folder)


def test_a_share_of_each_image_is_hidden_in_squares() -> None:
    image = np.zeros((480, 644), np.float32)
    hidden = hidden_pixels(image, 0.2, (0, 3))
    assert hidden.mean() == pytest.approx(0.2, abs=0.02)
    assert {hidden[:SIDE, :SIDE].all(), hidden[:SIDE, :SIDE].any()} in ({True}, {False})
    assert (hidden != hidden_pixels(image, 0.2, (0, 4))).any()
    assert (hidden == hidden_pixels(image, 0.2, (0, 3))).all()


def test_a_fit_does_not_see_what_is_hidden() -> None:
    scene = plates()
    shown = without_hidden(scene, 0.2, seed=5)
    for index in range(len(scene)):
        hidden = hidden_pixels(scene.depth_m(index), 0.2, (5, index))
        assert not shown.depth_m(index)[hidden].any()
        np.testing.assert_array_equal(shown.depth_m(index)[~hidden], scene.depth_m(index)[~hidden])


def test_distances_are_those_of_hidden_pixels_in_millimetres(tmp_path: Path) -> None:
    scene = plates()
    person = isolate(scene, Isolation(far_m=4.0))
    rows = frame_figures(run_of(scene, tmp_path / "run", 0.015), scene, person, person, 0.3, seed=1)
    for index, row in enumerate(rows):
        shows = person.depth_m(index) > 0
        assert row["hidden"] == (shows & hidden_pixels(shows.astype(np.float32), 0.3, (1, index))).sum()
    total = summed(rows)
    assert (total["median_mm"], total["mean_mm"]) == pytest.approx((15, 15), abs=0.1)
    assert (total["near"], total["found"], total["other"]) == (1, 1, 0)


def test_found_and_other_are_fractions_of_pixels(tmp_path: Path) -> None:
    scene = plates()
    person, nobody = isolate(scene, Isolation(far_m=4.0)), isolate(scene, Isolation(near_m=4.0))
    run = run_of(scene, tmp_path / "run", 0.0)
    mistaken = summed(frame_figures(run, scene, nobody, person, 0.3, seed=1))
    assert (mistaken["found"], mistaken["other"]) == (0, 1)
    half = summed(frame_figures(run, scene, person.subset([0]), person, 0.3, seed=1))
    assert 0.3 < half["found"] < 0.6 and half["other"] == 0  # the second plate is nearer


def test_without_a_mesh_there_are_no_distances(tmp_path: Path) -> None:
    scene = plates()
    run = run_of(scene, tmp_path / "run", 0.0)
    empty = Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))
    run = replace(run, meshes=replace(run.meshes, read=lambda row: empty))
    total = summed(frame_figures(run, scene, scene, scene, 0.3, seed=1))
    assert total["hidden"] > 0 and np.isnan(total["median_mm"])


def test_a_picture_shows_depth_subject_and_mesh_side_by_side() -> None:
    depth = plates().depth_m(0)
    body = np.where(depth < 4, depth, np.float32(0))
    picture = frame_picture(depth, depth < 4, body).astype(int)
    assert picture.shape == (depth.shape[0], 3 * depth.shape[1], 3)
    left, middle, right = np.split(picture, 3, axis=1)
    assert (middle != left).any(axis=2).sum() == (depth < 4).sum() == (right != left).any(axis=2).sum()
    hidden_body = frame_picture(depth, depth < 4, body + 0.5 * (body > 0))
    assert (hidden_body[:, -depth.shape[1] :] == left).all()
