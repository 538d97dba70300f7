"""The published recipe: its schedule, where it begins, and short fits."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from engine.core.config import read_config
from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel, load_method
from engine.methods.npm.fit import FitPreview
from engine.methods.npm.variables import plain_model
from engine.methods.npm_reference.config import ReferenceConfig
from engine.methods.npm_reference.fit import batches, descend, energy_terms
from engine.methods.npm_reference.observed import Observed, observe_grids
from engine.methods.npm_reference.schedule import partners, schedule
from engine.methods.npm_reference.start import Codes, first_codes, points_around
from engine.methods.request import FitRequest
from engine.models.networks.encoder import EncoderConfig, VoxelEncoder
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence
from engine.sequences.placement import move_world
from tests.support.present import present
from tests.support.progress import Impatient, Listener
from tests.support.toy_model import toy_model

SMALL = ReferenceConfig(
    iterations=6, points=400, pool=3000, grid=48, resolution=32, shape_rate=2e-3, pose_rate=0.02, keep_last=True
)
CPU = torch.device("cpu")


@pytest.fixture
def sequence(depth_capture: Path) -> DepthSequence:
    return load_depth_sequence(depth_capture)


def observed_by(sequence: DepthSequence, config: ReferenceConfig = SMALL) -> Observed:
    return observe_grids(sequence, toy_model().info.similarity, config.grid, CPU)


RELEASED = [(0, 5e-4, 1e-3), (125, 2.5e-4, 5e-4), (250, 1.25e-4, 2.5e-4), (375, 6.25e-5, 1.25e-4)]
TEST_SCRIPT = [(0, 5e-4, 1e-3), (500, 2.5e-4, 5e-4)]
"""From which iteration on the rates of the shape and of the poses hold."""


@pytest.mark.parametrize(
    ("stated", "rates", "icp", "snapshots", "count"),
    [
        ({}, RELEASED, (0.001, 250), [0, 100, 200, 300, 400], 401),
        ({"keep_last": True}, RELEASED, (0.001, 250), [0, 100, 200, 300, 400, 499], 500),
        ({"preset": "test-script"}, TEST_SCRIPT, (0.0005, 500), [0, 200, 400, 600, 800], 801),
        ({"preset": "test-script", "keep_last": True}, TEST_SCRIPT, (0.0005, 500), [0, 200, 400, 600, 800, 999], 1000),
        ({"iterations": 3}, [(0, 5e-4, 1e-3), (1, 2.5e-4, 5e-4), (2, 1.25e-4, 2.5e-4)], (0.001, 1), [0, 1, 2], 3),
    ],
)
def test_the_schedule_is_the_published_one_iteration_for_iteration(
    stated: dict[str, object],
    rates: list[tuple[int, float, float]],
    icp: tuple[float, int],
    snapshots: list[int],
    count: int,
) -> None:
    plan = schedule(read_config(ReferenceConfig, stated))
    assert len(plan) == count
    for number, iteration in enumerate(plan):
        _, shape_rate, pose_rate = [row for row in rates if row[0] <= number][-1]
        weight, until = icp
        assert iteration.number == number
        assert (iteration.shape_rate, iteration.pose_rate) == (shape_rate, pose_rate), number
        assert iteration.icp_weight == (weight if number < until else 0), number
        assert iteration.is_snapshot == (number in snapshots), number


def test_a_preset_fills_in_what_is_not_stated() -> None:
    script = read_config(ReferenceConfig, {"preset": "test-script", "icp_weight": 0.5})
    assert (script.iterations, script.rate_parts, script.icp_weight, script.clamp) == (1000, 2, 0.5, 0.1)
    assert read_config(ReferenceConfig, json.loads(script.model_dump_json())) == script
    released = ReferenceConfig()
    corrections = (released.keep_last, released.clamp_both, released.regularise_once, released.align_grid)
    assert corrections == (False, False, False, False)
    assert (released.shape_prior, released.pose_prior, released.temporal_weight) == (0.1, 1e-4, 100)


def test_frames_are_paired_with_the_next_and_the_last_one_with_that_before() -> None:
    assert [partners(count) for count in (1, 2, 4)] == [[0], [1, 0], [1, 2, 3, 2]]


def test_a_pass_takes_whole_batches_of_all_frames_in_random_order() -> None:
    grids = torch.zeros(8, 4, 4, 4)
    seen = Observed(grids, grids > 0, torch.zeros(8, 3), torch.ones(8, dtype=torch.long))
    generator = torch.Generator().manual_seed(0)
    passes = [list(batches(seen, torch.zeros(9, 3), SMALL, generator)) for _ in range(20)]
    assert all(len(each) == 2 for each in passes)  # 3 and 3 of 8
    firsts = [torch.cat([batch.frames[0] for batch in each]).tolist() for each in passes]
    assert all(len(set(each)) == 6 for each in firsts)
    assert {frame for each in firsts for frame in each} == set(range(8))
    batch = passes[0][0]
    assert (batch.canonical.shape, batch.observed.shape) == ((3, 400, 3), (2, 3, 400, 3))
    two = Observed(grids[:2], grids[:2] > 0, seen.points, seen.counts[:2])
    (alone,) = batches(two, torch.zeros(9, 3), SMALL, generator)  # fewer frames than a batch
    assert alone.frames.shape == (2, 2)


def test_points_of_the_pool_lie_around_the_surface_as_far_as_stated() -> None:
    model = toy_model()
    pool = points_around(model, model.shape_codes[0], SMALL, seed=0)
    assert 0.8 * SMALL.pool < len(pool) <= SMALL.pool
    distances = model.sdf(model.shape_codes[:1], pool[None])[0]
    assert float(distances.std()) == pytest.approx(SMALL.pool_deviation, rel=0.15)
    with pytest.raises(InputError, match="the first shape code has no surface"):
        points_around(model, torch.full((8,), 50.0), SMALL, seed=0)


def test_codes_begin_where_the_encoders_say_or_as_published_without_them(sequence: DepthSequence) -> None:
    model, generator = toy_model(), torch.Generator().manual_seed(0)
    known = present(model.pose_codes)
    start = first_codes(model, sequence, SMALL, generator)
    assert start.shape.shape == (8,)
    assert float(start.shape.norm()) < 4 / 8**0.5  # a standard deviation of an eighth
    torch.testing.assert_close(start.poses, known.mean(0).expand(3, -1))
    torch.testing.assert_close(
        first_codes(model, sequence, SMALL.model_copy(update={"pose_start": "first"}), generator).poses, known[:3]
    )
    encoders = [VoxelEncoder(EncoderConfig(8, 16, (2, 2))).eval() for _ in range(2)]
    encoded = dataclasses.replace(model, shape_encoder=encoders[0], pose_encoder=encoders[1])
    start = first_codes(encoded, sequence, SMALL, generator)
    alone = [first_codes(encoded, sequence.subset([frame]), SMALL, generator) for frame in range(3)]
    torch.testing.assert_close(start.poses, torch.cat([each.poses for each in alone]))
    torch.testing.assert_close(start.shape, torch.stack([each.shape for each in alone]).mean(0))


def test_the_grid_and_the_points_are_those_of_the_depth_image(sequence: DepthSequence) -> None:
    model = toy_model()
    observed = observed_by(sequence)
    first = observed.points[: int(observed.counts[0])]
    points = model.info.similarity.to_canonical(sequence.points_world(0))
    assert len(first) >= len(points)  # those without a normal count, too
    assert cKDTree(first.numpy()).query(points)[0].max() < 1e-6
    node = torch.tensor([20, 30, 24])
    place = node / 47 - 0.5
    nearest = float((first - place).norm(dim=1).min())
    assert float(observed.sdf[0][tuple(node)].abs()) == pytest.approx(nearest, abs=1e-6)


def test_a_short_fit_lowers_the_energy_and_the_same_seed_gives_the_same(sequence: DepthSequence) -> None:
    model = plain_model(toy_model())
    observed = observed_by(sequence)
    start = first_codes(model, sequence, SMALL, torch.Generator().manual_seed(0))
    pool = points_around(model, start.shape, SMALL, 0)

    def energy(codes: Codes) -> float:
        (batch,) = batches(observed, pool, SMALL, torch.Generator().manual_seed(9))
        return float(torch.stack(list(energy_terms(model, codes, batch, observed, SMALL, 0.0).values())).sum())

    longer = SMALL.model_copy(update={"iterations": 30})
    found = descend(model, observed, pool, start, longer)
    assert energy(found.codes) < 0.7 * energy(start)
    again = descend(model, observed, pool, start, longer)
    torch.testing.assert_close(again.codes.poses, found.codes.poses, rtol=0, atol=0)


def test_as_released_the_codes_of_the_last_snapshot_are_kept(sequence: DepthSequence) -> None:
    model = plain_model(toy_model())
    observed = observed_by(sequence)
    start = first_codes(model, sequence, SMALL, torch.Generator().manual_seed(0))
    pool = points_around(model, start.shape, SMALL, 0)
    released = SMALL.model_copy(update={"iterations": 10, "keep_last": False})
    shorter = descend(model, observed, pool, start, released)
    assert shorter.iterations == 9  # of 0 to 9, 8 is the last that is a multiple of 2
    longer = descend(model, observed, pool, start, released.model_copy(update={"keep_last": True}))
    assert longer.iterations == 10
    assert not torch.equal(longer.codes.poses, shorter.codes.poses)


def test_a_fit_that_is_stopped_keeps_what_it_has(sequence: DepthSequence) -> None:
    model = plain_model(toy_model())
    observed = observed_by(sequence)
    start = first_codes(model, sequence, SMALL, torch.Generator().manual_seed(0))
    pool = points_around(model, start.shape, SMALL, 0)
    with pytest.raises(Cancelled):
        descend(model, observed, pool, start, SMALL, progress=Impatient())
    stopped = descend(model, observed, pool, start, SMALL, progress=Impatient(3))
    assert stopped.interrupted
    assert not torch.equal(stopped.codes.poses, start.poses)


def fitted(sequence: DepthSequence, out: Path, progress: Progress | None = None) -> np.ndarray:
    """Vertices (F, V, 3) of the run, metres."""
    method, model = load_method("npm-reference"), LoadedModel(out, toy_model())
    request = FitRequest(method, SMALL, sequence, out, model, device="cpu")
    run = run_fit(request, progress)
    assert (run.method, run.verdict is not None, len(run.frames)) == ("npm-reference", True, len(sequence))
    assert [frame.confidence for frame in run.frames] == [None] * len(sequence)
    return run.meshes.vertices()


def test_a_run_is_in_the_world_of_the_recording_wherever_that_is(sequence: DepthSequence, tmp_path: Path) -> None:
    here = fitted(sequence, tmp_path / "here")
    assert here.shape[0] == 3
    turned = np.eye(4)
    turned[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    turned[:3, 3] = [2.0, 0.3, -1.0]
    elsewhere = dataclasses.replace(move_world(sequence, turned), world=World.UPRIGHT)
    told = Listener()
    there = fitted(elsewhere, tmp_path / "there", told)
    assert any("the position of the camera was estimated" in message for message in told.messages)
    moved = here @ turned[:3, :3].T + turned[:3, 3]
    size = float(np.ptp(moved, axis=(0, 1)).max())
    assert np.abs(there.mean(axis=1) - moved.mean(axis=1)).max() < 0.1 * size


def test_of_a_frame_without_the_subject_the_nearest_pose_is_taken_and_it_is_lost(
    sequence: DepthSequence, tmp_path: Path
) -> None:
    def read(frame: int) -> np.ndarray:
        return sequence.read_frame(frame) * (frame != 2)

    blind = dataclasses.replace(sequence, read_frame=read)
    method, model = load_method("npm-reference"), LoadedModel(tmp_path, toy_model())
    run = run_fit(FitRequest(method, SMALL, blind, tmp_path / "run", model, device="cpu"))
    vertices = run.meshes.vertices()
    np.testing.assert_array_equal(vertices[2], vertices[1])
    assert [frame.lost for frame in run.frames] == [None, None, True]


def test_a_subject_that_leaves_its_place_is_said_to_be_fitted_badly(sequence: DepthSequence, tmp_path: Path) -> None:
    poses = np.stack([sequence.camera_at(frame) for frame in range(3)])
    poses[2, 0, 3] += 0.6  # metres, as if the subject had walked
    told = Listener()
    vertices = fitted(dataclasses.replace(sequence, cameras_to_world=poses), tmp_path / "run", told)
    assert np.isfinite(vertices).all()
    (message,) = [message for message in told.messages if "no rigid motion" in message]
    assert "in 1 of 3 frames the subject is away from where the model has it, up to 0.6" in message


def test_what_other_cameras_saw_is_left_out_and_that_is_said(sequence: DepthSequence, tmp_path: Path) -> None:
    told = Listener()
    fitted(dataclasses.replace(sequence, others=(sequence,)), tmp_path / "run", told)
    assert any("of 2 cameras the first is looked through" in message for message in told.messages)


def test_previews_show_all_frames(sequence: DepthSequence, tmp_path: Path) -> None:
    shown: list[FitPreview] = []

    class Watching(Progress):
        def wants_preview(self) -> bool:
            return True

        def preview(self, payload: object) -> None:
            assert isinstance(payload, FitPreview)
            shown.append(payload)

    fitted(sequence, tmp_path / "run", Watching())
    (preview,) = shown  # of iteration 0 of six
    assert (preview.iteration, preview.vertices.shape[0]) == (0, 3)
    assert int(preview.faces.max()) < preview.vertices.shape[1]
    assert float(preview.vertices.abs().max()) < 0.6
