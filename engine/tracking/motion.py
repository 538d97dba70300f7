"""Where a subject is foretold to be: by the last frames that were sure, at constant velocity."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

_FORETOLD_S = 0.5
"""Seconds after the last sure frame, beyond which nothing is foretold; a subject stays where it would be then."""
_VELOCITY_S = 0.12
"""Seconds over which velocities and accelerations are measured: single frames waver."""
_POSES_GO_ON = 0.5
"""Part of its velocity with which a pose goes on: limbs turn back sooner than people do."""
_WAVERING = 0.004
"""Expected error, canonical units, of a watched point in a sure frame."""
_SPEED = 0.6
"""Expected speed, canonical units per second, of a subject of which one frame is known."""
_ACCELERATES = 6.0
"""Times the acceleration that is measured now, which may come; as in `engine.methods.npm.steadiness`."""


@dataclass(frozen=True, eq=False)
class State:
    """One frame; canonical units, space of the fit."""

    time_s: float
    pose: NDArray[np.float64]
    """(K,) in standard deviations"""
    rotation: NDArray[np.float64]
    """(3, 3)"""
    translation: NDArray[np.float64]
    """(3,)"""
    watched: NDArray[np.float64]
    """(W, 3) points of the surface"""
    middle: NDArray[np.float64]
    """(3,) median of what was seen, metres, world"""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is expected."""

    state: State
    deviations: NDArray[np.float64]
    """(W,) expected errors of the watched points, canonical units; infinite where nothing is foretold"""


class Motion:
    """The last sure frames of a subject."""

    def __init__(self, acceleration: float) -> None:
        """
        Args:
            acceleration: expected of who does not seem to accelerate, canonical units per second squared
        """
        self._acceleration = acceleration
        self._states: deque[State] = deque(maxlen=32)

    def see(self, state: State) -> None:
        self._states.append(state)

    def forget(self) -> None:
        """All of them, when the subject was found elsewhere."""
        self._states.clear()

    def at(self, time_s: float) -> Prediction | None:
        """What is expected at ``time_s``; None before the first frame."""
        if not self._states:
            return None
        last = self._states[-1]
        ahead = min(max(time_s - last.time_s, 0.0), _FORETOLD_S)
        is_known = time_s - last.time_s <= _FORETOLD_S
        before = self._before(last, _VELOCITY_S)
        if before is None:
            deviations = np.full(len(last.watched), _SPEED * ahead + _WAVERING)
            return Prediction(last, deviations if is_known else np.full_like(deviations, np.inf))
        passed = last.time_s - before.time_s
        further = ahead / passed
        watched = last.watched + further * (last.watched - before.watched)
        turn = Rotation.from_matrix(last.rotation @ before.rotation.T).as_rotvec()
        turned = Rotation.from_rotvec(further * turn).as_matrix()
        centre = last.watched.mean(axis=0)
        state = State(
            time_s,
            last.pose + _POSES_GO_ON * further * (last.pose - before.pose),
            turned @ last.rotation,
            watched.mean(axis=0) - turned @ (centre - last.translation),
            watched,
            last.middle + further * (last.middle - before.middle),
        )
        departure = 0.5 * self._accelerations(last, before) * ahead * (ahead + passed)
        deviations = np.hypot(departure, _WAVERING * (1 + further))
        return Prediction(state, deviations if is_known else np.full_like(deviations, np.inf))

    def _before(self, state: State, seconds: float) -> State | None:
        """The frame nearest to ``seconds`` before that of ``state``; None where there is none before it."""
        earlier = [each for each in self._states if each.time_s < state.time_s]
        if not earlier:
            return None
        return min(earlier, key=lambda each: abs(state.time_s - each.time_s - seconds))

    def _accelerations(self, last: State, before: State) -> NDArray[np.float64]:
        """(W,) expected of each watched point."""
        first = self._before(before, _VELOCITY_S)
        if first is None:
            return np.full(len(last.watched), 5 * self._acceleration)
        passed, until = last.time_s - before.time_s, before.time_s - first.time_s
        change = (last.watched - before.watched) / passed - (before.watched - first.watched) / until
        measured = np.linalg.norm(change, axis=1) / (0.5 * (passed + until))
        return np.hypot(self._acceleration, _ACCELERATES * measured)
