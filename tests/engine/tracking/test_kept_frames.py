"""Frames of a live source that can be read again."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.playback import Playback
from engine.tracking.kept_frames import KeptFrames
from tests.engine.tracking.test_sending import tracked


def test_frames_are_kept_without_loss_in_the_world_of_the_track(demo: DepthSequence, tmp_path: Path) -> None:
    few = demo.subset(range(3))
    with KeptFrames(Playback(few), tmp_path) as kept:
        for index, frame in enumerate(few):
            pose = index * np.eye(4)
            kept.keep(
                replace(frame, dropped=index),
                replace(tracked(1, frame.name), camera_to_world=pose, time_s=float(index)),
            )
        sequence = kept.sequence()
        assert len(kept) == len(sequence) == 3 and kept.skipped == 3
        assert sequence.frame_names == few.frame_names
        assert sequence.world is World.UPRIGHT
        for index in (2, 0, 1):
            np.testing.assert_array_equal(sequence.depth_m(index), few.depth_m(index))
            np.testing.assert_array_equal(sequence.camera_at(index), index * np.eye(4))
