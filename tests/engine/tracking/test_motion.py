"""Where a subject is foretold to be."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from engine.tracking.motion import Motion, State

POINTS = np.random.default_rng(0).normal(size=(24, 3))


def state(time_s: float, velocity: NDArray[np.float64], turn: float = 0.0) -> State:
    """Of points that move with ``velocity`` (3,) and turn by ``turn`` radians per second about the vertical."""
    rotation = Rotation.from_rotvec([0, turn * time_s, 0]).as_matrix()
    place = velocity * time_s
    watched = POINTS @ rotation.T + place
    return State(time_s, np.full(5, time_s), rotation, place, watched, 2 * place)


def seen(velocity: NDArray[np.float64], turn: float = 0.0, frames: int = 10) -> Motion:
    motion = Motion(acceleration=2.0)
    for number in range(frames):
        motion.see(state(number / 30, velocity, turn))
    return motion


def test_before_the_first_frame_nothing_is_foretold() -> None:
    assert Motion(2.0).at(0.0) is None


def test_who_moves_evenly_is_foretold_to_go_on() -> None:
    velocity = np.array([0.4, 0.0, -0.2])
    foretold = seen(velocity).at(11 / 30)
    assert foretold is not None
    expected = state(11 / 30, velocity)
    np.testing.assert_allclose(foretold.state.watched, expected.watched, atol=1e-9)
    np.testing.assert_allclose(foretold.state.translation, expected.translation, atol=1e-9)
    np.testing.assert_allclose(foretold.state.middle, expected.middle, atol=1e-9)


def test_who_turns_is_foretold_to_turn_on() -> None:
    foretold = seen(np.zeros(3), turn=1.5).at(10 / 30)
    assert foretold is not None
    np.testing.assert_allclose(foretold.state.rotation, state(10 / 30, np.zeros(3), 1.5).rotation, atol=1e-9)
    np.testing.assert_allclose(foretold.state.rotation @ foretold.state.rotation.T, np.eye(3), atol=1e-9)


def test_after_a_long_gap_the_place_stays_and_nothing_is_foretold() -> None:
    motion = seen(np.array([0.4, 0.0, 0.0]))
    near, far = motion.at(0.9), motion.at(5.0)
    assert near is not None and far is not None
    assert np.isinf(far.deviations).all()
    np.testing.assert_allclose(far.state.translation, 0.4 * (9 / 30 + 0.5) * np.eye(3)[0], atol=1e-9)


def test_who_accelerates_is_held_less_to_what_is_foretold() -> None:
    motion = Motion(acceleration=2.0)
    for number in range(10):
        time_s = number / 30
        motion.see(state(time_s, np.array([4.0 * time_s, 0.0, 0.0])))
    swift, steady = motion.at(10 / 30), seen(np.array([0.4, 0.0, 0.0])).at(10 / 30)
    assert swift is not None and steady is not None
    assert (swift.deviations > 2 * steady.deviations).all()
