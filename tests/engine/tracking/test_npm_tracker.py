"""A person followed frame by frame, lost, and found again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.geometry.mesh_distance import MeshDistance
from engine.methods.completing import complete_run
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.request import FitRequest
from engine.models.model import NeuralParametricModel
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.truth import load_truth
from engine.tracking.config import TrackerConfig
from engine.tracking.method import METHOD, FinishedTrack
from engine.tracking.npm_tracker import NpmTracker
from npm_studio.resources import demo_model
from tests.engine.tracking.conftest import FAR_PIXELS, GONE, SHOWN, Tracked, frame_of, nearer, shifted
from tests.support.progress import Hurried
from tests.support.toy_model import toy_model

BACK = SHOWN + GONE


def test_a_subject_that_is_seen_is_followed(tracked: Tracked) -> None:
    assert not any(told.lost for told in tracked.told[:SHOWN])
    assert [told.searched for told in tracked.told[:SHOWN]] == [True, False, False]
    assert [told.name for told in tracked.told] == [frame.name for frame in tracked.pushed]


def test_who_is_gone_is_lost_and_searched(tracked: Tracked) -> None:
    gone = tracked.told[SHOWN:BACK]
    assert all(told.lost and told.confidence == 0 and told.searched for told in gone)


def test_who_comes_back_elsewhere_is_found_at_once(tracked: Tracked) -> None:
    assert not any(told.lost for told in tracked.told[BACK:])
    before, after = tracked.told[SHOWN - 1].subject_to_world, tracked.told[-1].subject_to_world
    moved = after[:3, 3] - before[:3, 3]
    assert moved[0] == pytest.approx(1.0, abs=0.1)
    assert abs(moved[1:]).max() < 0.1


def test_meshes_lie_where_the_truth_is(tracked: Tracked, demo: DepthSequence) -> None:
    assert demo.truth_folder is not None
    truth = load_truth(demo.truth_folder).meshes
    first = tracked.told[0]
    mesh = tracked.tracker.mesh(first)
    true = truth.read(0)
    distances = MeshDistance()(mesh.vertices.astype(np.float64), true, 0.2)
    assert distances.mean() < 0.025


def test_a_finished_track_has_a_mesh_and_a_confidence_of_each_frame(tracked: Tracked) -> None:
    result = tracked.tracker.finish(Progress())
    assert len(result.meshes) == len(tracked.told)
    assert result.confidence is not None and result.lost_below is not None
    lost = result.confidence < result.lost_below
    assert lost.tolist() == [told.lost for told in tracked.told]
    assert result.artefacts["codes"]["pose"].shape[:2] == (len(tracked.told), 1)


def test_a_track_that_is_kept_in_haste_has_codes_and_is_completed_later(
    tracked: Tracked, demo: DepthSequence, model: NeuralParametricModel, tmp_path: Path
) -> None:
    depths = {frame.name: frame.depth_m for frame in tracked.pushed}
    names, pose = tuple(depths), tracked.told[0].camera_to_world
    poses, times = np.stack([pose] * len(names)), np.arange(len(names)) / 10
    images = list(depths.values())
    sequence = DepthSequence("track", tmp_path, demo.camera, names, times, images.__getitem__, poses)
    loaded = LoadedModel(demo_model(), model)
    config, method = TrackerConfig(resolution=32), FinishedTrack(METHOD, tracked.tracker, interrupted=True)
    request = FitRequest(method, config, sequence, tmp_path / "run", loaded)
    whole = run_fit(request)
    kept = run_fit(replace(request, out=tmp_path / "kept"), Hurried("mesh"))
    assert not kept.is_complete
    assert kept.interrupted
    assert not (kept.folder / "meshes").exists()
    done = complete_run(kept, sequence, loaded, Progress())
    assert (done.verdict, done.reason, done.details) == (whole.verdict, whole.reason, whole.details)
    assert [frame.lost for frame in done.frames] == [frame.lost for frame in whole.frames]
    assert [frame.mean_distance_mm for frame in done.frames] == [frame.mean_distance_mm for frame in whole.frames]
    assert np.allclose(done.meshes.read(0).vertices, whole.meshes.read(0).vertices, atol=1e-5)
    assert not list(done.folder.glob("subject_masks*"))


@pytest.mark.slow
def test_after_a_reset_the_whole_image_is_searched(new_tracker: Callable[[], NpmTracker], demo: DepthSequence) -> None:
    tracker = new_tracker()
    tracker.start(demo.camera, demo.world)
    tracker.push(frame_of(demo, 0))
    tracker.reset()
    assert tracker.push(frame_of(demo, 1)).searched


@pytest.mark.slow
def test_another_person_who_enters_is_noticed(new_tracker: Callable[[], NpmTracker], demo: DepthSequence) -> None:
    tracker = new_tracker()
    tracker.start(demo.camera, demo.world)
    first = frame_of(demo, 0)
    assert tracker.push(first).others == 0
    tracker.improve()
    both = nearer((first.depth_m, shifted(first.depth_m, FAR_PIXELS)))
    later = replace(first, depth_m=both, time_s=3.0)
    one = tracker.push(later)
    tracker.improve()
    two = tracker.push(replace(later, time_s=3.1))
    assert (one.others, two.others) == (0, 1)
    np.testing.assert_allclose(two.subject_to_world[:3, 3], one.subject_to_world[:3, 3], atol=0.1)


def test_a_model_without_a_coordinate_network_is_refused(demo: DepthSequence, tmp_path: Path) -> None:
    model = toy_model()
    with pytest.raises(InputError, match="coordinate network"):
        NpmTracker(LoadedModel(tmp_path, model), TrackerConfig()).start(demo.camera, World.PLACED)


def test_a_track_that_has_shown_nobody_is_refused(new_tracker: Callable[[], NpmTracker], demo: DepthSequence) -> None:
    tracker = new_tracker()
    tracker.start(demo.camera, demo.world)
    first = frame_of(demo, 0)
    told = tracker.push(replace(first, depth_m=np.zeros_like(first.depth_m)))
    assert told.lost and told.confidence == 0
    with pytest.raises(InputError, match="nothing like human bodies"):
        tracker.finish(Progress())


@pytest.mark.slow
def test_a_track_that_nobody_will_finish_keeps_nothing(
    new_tracker: Callable[[], NpmTracker], demo: DepthSequence
) -> None:
    tracker = new_tracker()
    tracker.start(demo.camera, demo.world, keep=False)
    assert not tracker.push(frame_of(demo, 0)).lost
    tracker.improve()
    assert tracker._kept == []
    with pytest.raises(AssertionError, match="without keeping"):
        tracker.finish(Progress())


def test_an_image_of_another_size_is_refused(new_tracker: Callable[[], NpmTracker], demo: DepthSequence) -> None:
    tracker = new_tracker()
    tracker.start(demo.camera, demo.world)
    with pytest.raises(InputError, match="000000"):
        tracker.push(replace(frame_of(demo, 0), depth_m=np.ones((3, 4), np.float32)))
