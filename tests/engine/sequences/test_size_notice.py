"""What a model is too large or small for is said before it is fitted."""

from pathlib import Path

import numpy as np
import pytest

from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.similarity import Similarity
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence, save_depth_sequence
from engine.sequences.placement import size_notice
from tests.support.toy_model import toy_model

CAMERA = PinholeCamera(64, 64, 80.0, 80.0, 32.0, 32.0)


def square(folder: Path, side_m: float, distance_m: float) -> DepthSequence:
    """A flat square in front of the camera, in the middle of its picture."""
    depth = np.zeros((64, 64), np.float32)
    half = max(1, round(side_m / distance_m * 80 / 2))
    depth[32 - half : 32 + half, 32 - half : 32 + half] = distance_m
    pose = front_camera_to_world(Similarity(1 / distance_m * 2))
    pose[:3, 3] = [0, 0, distance_m]
    save_depth_sequence(folder, [depth], CAMERA, pose)
    return load_depth_sequence(folder)


@pytest.mark.parametrize(
    ("side_m", "distance_m", "said"),
    [(1.2, 3.0, None), (0.1, 1.0, "far less than the subjects"), (5.0, 8.0, "more than the subjects")],
)
def test_what_is_seen_is_compared_with_the_cube_of_the_model(
    tmp_path: Path, side_m: float, distance_m: float, said: str | None
) -> None:
    model = toy_model()  # its cube measures 2.5 m
    found = size_notice(square(tmp_path, side_m, distance_m), model, True)
    assert (found is None) == (said is None)
    if found is not None and said is not None:
        assert said in found.text
        assert model.info.category in found.text


def test_a_subject_beside_the_cube_is_said(tmp_path: Path) -> None:
    sequence = square(tmp_path, 1.2, 3.0)
    assert sequence.cameras_to_world is not None
    sequence.cameras_to_world[:, 0, 3] += 2.0
    found = size_notice(sequence, toy_model(), True)
    assert found is not None
    assert "lies where model" in found.text
