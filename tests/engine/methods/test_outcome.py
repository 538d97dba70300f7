"""What is measured of a result: by what the method took for the subject, where that is less than was given to it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.core.progress import Progress
from engine.methods.method import FitResult
from engine.methods.outcome import outcome_of
from engine.methods.request import FitRequest
from engine.sequences.isolation import masked, packed
from tests.support.walking_ball import Tells, TellsConfig, ball_depths, ball_meshes, ball_sequence


def test_a_subject_in_a_room_is_measured_without_the_room() -> None:
    depths, ball = ball_depths(3), ball_sequence(3)
    room = replace(ball, read_frame=lambda index: np.where(depths[index] > 0, depths[index], np.float32(9)))
    result = FitResult(ball_meshes(3))
    subject = masked(room, [packed(depth > 0) for depth in depths])
    found = replace(result, subject=subject)
    request = FitRequest(Tells(result), TellsConfig(), room, Path("run"))
    with_room, without = (outcome_of(request, each, Progress()) for each in (result, found))
    alone = outcome_of(replace(request, sequence=ball), result, Progress())
    assert with_room.verdict.word == "failed"
    assert without.verdict.word == alone.verdict.word == "good"
    for here, there in zip(without.frames, alone.frames, strict=True):
        assert here.mean_distance_mm == there.mean_distance_mm


def test_a_frame_in_which_the_method_found_no_subject_is_lost() -> None:
    depths, ball = ball_depths(3), ball_sequence(3)
    masks = [packed((depth > 0) & (index != 1)) for index, depth in enumerate(depths)]
    result = FitResult(ball_meshes(3), subject=masked(ball, masks))
    outcome = outcome_of(FitRequest(Tells(result), TellsConfig(), ball, Path("run")), result, Progress())
    assert [bool(frame.lost) for frame in outcome.frames] == [False, True, False]
