"""What becomes of a result: frames measured, lost ones marked or filled, a verdict; what is kept when it ends early."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.methods.job import run_fit
from engine.methods.method import FitResult
from engine.methods.request import FitRequest
from engine.methods.run import Run, load_run
from engine.methods.run_summary import lost_rows, lost_text, mean_distance_mm
from engine.sequences.depth_sequence import DepthSequence
from tests.support.methods import METHOD, VisibleConfig
from tests.support.progress import Listener
from tests.support.walking_ball import Tells, TellsConfig, ball_meshes, ball_sequence, moved


def fit(
    out: Path,
    result: FitResult | Callable[[DepthSequence], FitResult],
    sequence: DepthSequence | None = None,
    progress: Progress | None = None,
    fill_lost: bool = False,
) -> Run:
    asked = FitRequest(
        Tells(result), TellsConfig(), sequence or ball_sequence(6), out, device="cpu", fill_lost=fill_lost
    )
    return run_fit(asked, progress)


def half_lost(count: int = 6) -> FitResult:
    """The third and fourth frame are elsewhere, and the method knows."""
    meshes = moved(ball_meshes(count), [2, 3], (0, 0.3, 0))
    confidence = np.where(np.isin(np.arange(count), [2, 3]), 0.1, 0.9)
    return FitResult(meshes, confidence, lost_below=0.5)


def test_every_frame_of_every_method_has_a_distance_and_the_run_a_verdict(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", FitResult(ball_meshes(6)))
    assert all(frame.mean_distance_mm is not None and frame.mean_distance_mm < 0.1 for frame in run.frames)
    assert [frame.lost for frame in run.frames] == [None] * 6  # the method does not say
    assert run.verdict == "good"
    assert str(run.reason).startswith("what was seen lies ")
    assert "measure" in run.timings


def test_lost_frames_are_marked_named_and_left_as_they_are(tmp_path: Path) -> None:
    listener = Listener()
    run = fit(tmp_path / "run", half_lost(), progress=listener)
    assert lost_rows(run) == [2, 3]
    assert lost_text(run) == "lost: 000002 to 000003 (2 of 6 frames)"
    assert [frame.filled for frame in run.frames] == [False] * 6
    distances = [frame.mean_distance_mm or 0 for frame in run.frames]
    assert min(distances[2:4]) > 30 > max(distances[:2] + distances[4:])
    assert (mean_distance_mm(run) or 0) < 1
    np.testing.assert_allclose(run.meshes.read(2).vertices[:, 1].max(), 0.8, atol=0.01)
    assert run.verdict == "poor"
    (said,) = [message for message in listener.messages if "lost" in message]
    assert said.startswith("2 of 6 frames are lost; their meshes are not to be trusted; to interpolate them, use ")


def test_lost_frames_are_filled_on_request_and_stay_marked(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", half_lost(), fill_lost=True)
    assert [frame.lost for frame in run.frames] == [False, False, True, True, False, False]
    assert [frame.filled for frame in run.frames] == [False, False, True, True, False, False]
    assert lost_text(run) == "lost: 000002 to 000003 (2 of 6 frames, filled between their neighbours)"
    np.testing.assert_allclose(run.meshes.vertices(), ball_meshes(6).vertices(), atol=1e-5)
    assert max(frame.mean_distance_mm or 0 for frame in run.frames) < 1  # of the meshes that are in the run
    assert run.verdict == "poor"  # nothing more was found


def test_what_cannot_be_filled_is_said(tmp_path: Path) -> None:
    listener = Listener()
    fit(tmp_path / "run", replace(half_lost(), confidence=np.zeros(6)), progress=listener, fill_lost=True)
    assert "the lost frames were not filled: all are lost" in listener.messages


def test_frames_that_show_nothing_are_lost_and_have_no_distance(tmp_path: Path) -> None:
    result = replace(half_lost(), meshes=ball_meshes(6), confidence=np.ones(6))
    run = fit(tmp_path / "run", result, ball_sequence(6, empty=[2, 3]))
    assert [frame.lost for frame in run.frames] == [False, False, True, True, False, False]
    assert [frame.mean_distance_mm is None for frame in run.frames] == [False, False, True, True, False, False]
    assert run.verdict == "good"  # of what could be seen


def test_frames_without_a_mesh_are_left_out_and_said(tmp_path: Path) -> None:
    listener = Listener()
    asked = FitRequest(METHOD, VisibleConfig(), ball_sequence(4, empty=[1]), tmp_path / "run", device="cpu")
    run = run_fit(asked, listener)
    assert run.frame_names == ("000000", "000002", "000003")
    assert [frame.confidence for frame in run.frames] == pytest.approx([0, 2 / 3, 1])
    assert "1 of 4 frames have no mesh and are left out of the run: the first is 000001" in listener.messages


def test_a_method_that_finds_no_surface_at_all_is_refused(tmp_path: Path) -> None:
    sequence = ball_sequence(2, empty=[0, 1])
    asked = FitRequest(METHOD, VisibleConfig(), sequence, tmp_path / "run", device="cpu")
    with pytest.raises(InputError, match="method 'visible': found no surface in any frame"):
        run_fit(asked)


def test_one_frame_is_enough(tmp_path: Path) -> None:
    result = FitResult(ball_meshes(1), np.ones(1), lost_below=0.5, subject_to_world=np.eye(4)[None])
    run = fit(tmp_path / "run", result, ball_sequence(1), fill_lost=True)
    assert (len(run.frames), run.verdict, run.frames[0].lost) == (1, "good", False)


def test_a_run_that_has_failed_is_kept_and_says_why(tmp_path: Path) -> None:
    doubtful = FitResult(ball_meshes(6), doubt="nothing like a ball was found")
    run = fit(tmp_path / "run", doubtful)
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (stored["verdict"], stored["reason"]) == (run.verdict, run.reason) == ("failed", doubtful.doubt)
    assert len(load_run(tmp_path / "run").meshes) == 6


class StopsAtOnce(Progress):
    def cancelled(self) -> bool:
        return True


def test_what_is_found_before_an_interruption_is_measured_and_kept(tmp_path: Path) -> None:
    run = fit(tmp_path / "run", FitResult(ball_meshes(6)), progress=StopsAtOnce())
    assert run.interrupted
    assert run.verdict == "good"
    assert all(frame.mean_distance_mm is not None for frame in run.frames)


def test_missing_time_stamps_are_null_and_lost_frames_are_filled_all_the_same(tmp_path: Path) -> None:
    sequence = replace(ball_sequence(6), times_assumed=True)
    run = fit(tmp_path / "run", half_lost(), sequence, fill_lost=True)
    assert [frame.timestamp_s for frame in run.frames] == [None] * 6
    assert [frame.filled for frame in run.frames].count(True) == 2


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory"),
        MemoryError(),
    ],
)
def test_a_device_without_enough_memory_is_named_in_one_line_and_what_was_there_stays(
    tmp_path: Path, error: Exception
) -> None:
    before = fit(tmp_path / "run", FitResult(ball_meshes(6)))

    def no_room(source: DepthSequence) -> FitResult:
        raise error

    with pytest.raises(InputError) as caught:
        fit(tmp_path / "run", no_room)
    assert str(caught.value) == (
        "the device cpu: has not enough memory for 6 frames of 160x120 pixels; fit fewer frames at once"
    )
    assert load_run(tmp_path / "run").frames[0].mean_distance_mm == before.frames[0].mean_distance_mm
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_allocation_that_fails_is_recognised(tmp_path: Path) -> None:
    def greedy(source: DepthSequence) -> FitResult:
        torch.empty(1 << 50)
        return FitResult(ball_meshes(6))

    with pytest.raises(InputError, match="has not enough memory for 6 frames"):
        fit(tmp_path / "run", greedy)


def test_what_was_found_before_memory_ran_out_is_kept_with_the_reason(tmp_path: Path) -> None:
    doubt = "the device ran out of memory after 12 of 240 steps"
    run = fit(tmp_path / "run", FitResult(ball_meshes(6), interrupted=True, doubt=doubt))
    assert (run.interrupted, run.verdict, run.reason) == (True, "failed", doubt)
    assert len(load_run(tmp_path / "run").frames) == 6


def test_other_errors_of_a_method_are_not_taken_for_want_of_memory(tmp_path: Path) -> None:
    def broken(source: DepthSequence) -> FitResult:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        fit(tmp_path / "run", broken)


def test_a_run_is_replaced_but_not_with_what_somebody_put_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "run"
    fit(out, FitResult(ball_meshes(6)))
    (out / "metrics.json").write_text("{}")
    (out / ".DS_Store").write_text("")
    fit(out, FitResult(ball_meshes(6)))
    assert not (out / "metrics.json").exists()
    (out / "notes.txt").write_text("look at frame 3")
    (out / "meshes" / "mended.ply").write_text("by hand")
    with pytest.raises(InputError, match=r"run: holds a run and meshes/mended\.ply and 1 more, which would be lost"):
        fit(out, FitResult(ball_meshes(6)))
    assert (out / "notes.txt").read_text() == "look at frame 3"


def test_a_damaged_run_can_be_replaced(tmp_path: Path) -> None:
    out = tmp_path / "run"
    fit(out, FitResult(ball_meshes(6), artefacts={"own": {"a": np.zeros(3)}}))
    (out / "run.json").write_text("{")
    assert fit(out, FitResult(ball_meshes(6))).is_complete
