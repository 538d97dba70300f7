"""The benchmark of sides: what is counted, and from where hands are seen."""

import numpy as np
import pytest
from hand_sides import WIDEST_TILT, WIDEST_TURN, camera_pose, counted, tell_all

from engine.core.errors import InputError
from engine.geometry.similarity import Similarity
from tests.support.toy_model import toy_model


def rows(*told: tuple[float, bool]) -> list[dict[str, object]]:
    return [{"log_odds": odds, "is_other": is_other} for odds, is_other in told]


def test_what_is_uncertain_or_unknown_is_neither_right_nor_wrong() -> None:
    counts = counted(rows((2.0, True), (-3.0, False), (2.5, False), (0.4, True), (float("nan"), True)), 1.0)
    assert (counts["right"], counts["wrong"], counts["uncertain"]) == (2, 1, 2)
    assert counts["right_of_told"] == pytest.approx(2 / 3)
    assert counts["right_of_all"] == pytest.approx(2 / 5)


def test_a_lower_limit_tells_more() -> None:
    counts = counted(rows((0.4, True), (-0.3, True)), 0.25)
    assert (counts["right"], counts["wrong"], counts["uncertain"]) == (1, 1, 0)


def test_hands_are_seen_from_about_the_front_at_any_roll() -> None:
    similarity, random = Similarity(3.0, (0.0, 0.09, 0.0)), np.random.default_rng(1)
    rolls = []
    for _ in range(200):
        pose = camera_pose(similarity, random)
        np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-9)
        to_middle = np.array(similarity.centre) - pose[:3, 3]
        np.testing.assert_allclose(pose[:3, 2], to_middle / np.linalg.norm(to_middle), atol=1e-9)
        front = -pose[:3, 2]
        assert np.degrees(np.arctan2(abs(front[0]), front[2])) <= WIDEST_TURN + 1e-6
        assert np.degrees(np.arcsin(abs(front[1]))) <= WIDEST_TILT + 1e-6
        rolls.append(np.degrees(np.arctan2(pose[1, 0], -pose[1, 1])))
    assert min(rolls) < -150 and max(rolls) > 150


def test_a_model_that_cannot_tell_sides_is_refused() -> None:
    with pytest.raises(InputError, match="cannot tell sides"):
        tell_all([], toy_model())
