"""The motions of scenes: gaits along paths, and what people do on the spot."""

from collections.abc import Callable

import numpy as np

from external.anny.rig import Array
from external.scenes.build import Build
from external.scenes.feet import Gait, Planar, Turning, footsteps, smooth
from external.scenes.movement import Movement

Draw = Callable[[float, float], float]
Motion = Callable[[Array, Draw, Build], Movement]
"""From times (F,) in seconds, random numbers between two others, and the measures of a body."""

_RAMP_S = 0.5


def walk_towards(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Straight towards +z, where the camera stands."""
    return _straight(times_s, draw, build, 0.0)


def walk_away(times_s: Array, draw: Draw, build: Build) -> Movement:
    return _straight(times_s, draw, build, np.pi)


def walk_across(times_s: Array, draw: Draw, build: Build) -> Movement:
    return _straight(times_s, draw, build, (1 if draw(0.0, 1.0) < 0.5 else -1) * np.pi / 2)


MOTIONS: dict[str, Motion] = {
    "walk-towards": walk_towards,
    "walk-away": walk_away,
    "walk-across": walk_across,
}


def _straight(times_s: Array, draw: Draw, build: Build, direction: float) -> Movement:
    """A walk through the origin, half of the way before and half of it behind; at rest when it begins and ends."""
    direction = direction + draw(-0.2, 0.2)
    speed = draw(0.5, 0.7) * build.stature
    begin, end = float(times_s[0]) + draw(0.1, 0.3), float(times_s[-1]) - draw(0.1, 0.3)
    length = min(speed * (end - begin - _RAMP_S), draw(2.2, 2.9))
    along = np.array([np.sin(direction), np.cos(direction)])
    progress = _progress(begin, begin + length / speed + _RAMP_S)

    def position(at: Array) -> Array:
        return (progress(at) - 0.5)[:, None] * length * along

    return walking(times_s, draw, build, position, lambda at: np.full(len(at), direction))


def walking(
    times_s: Array, draw: Draw, build: Build, position: Planar, heading: Turning, arms: bool = True
) -> Movement:
    """Steps along a path, arms swinging against the legs."""
    size = build.stature / 1.7
    gait = Gait(
        step_s=draw(0.5, 0.6) * np.sqrt(size),
        double_support=draw(0.18, 0.28),
        lift_m=draw(0.05, 0.09),
        heel_up=draw(0.4, 0.6),
        width=draw(0.7, 1.1),
        phase=draw(0.0, 1.0),
    )
    ground, turned = position(times_s), heading(times_s)
    step = (times_s / gait.step_s - gait.phase) * np.pi  # the left foot lands at 0, the right one at pi
    middle = np.pi * (1 + gait.double_support) / 2
    before = position(times_s - gait.step_s / 2)
    pace = np.linalg.norm(position(times_s + gait.step_s / 2) - before, axis=1) / (0.35 * build.stature)
    effort = smooth(pace / 0.5)
    aside = 0.02 * size * draw(0.7, 1.3) * np.cos(step - middle)
    ground = ground + aside[:, None] * np.stack([np.cos(turned), -np.sin(turned)], axis=1)
    swing = draw(0.2, 0.45) * np.minimum(pace, 1.2)
    angles = {
        "pelvis_roll": 0.04 * effort * np.cos(step - middle),
        "spine_twist": draw(0.06, 0.14) * effort * np.cos(step),
        "spine_bend": 0.03 + draw(0.0, 0.1) * effort,
        "neck_turn": draw(-0.2, 0.2) * np.sin(times_s * draw(0.8, 2.0)),
        "neck_bend": np.full_like(times_s, draw(-0.1, 0.2)),
    }
    if arms:
        for side, sign in (("L", 1.0), ("R", -1.0)):
            angles[f"arm_front.{side}"] = draw(0.0, 0.12) - sign * swing * np.cos(step)
            angles[f"arm_side.{side}"] = np.full_like(times_s, draw(0.22, 0.4))
            angles[f"elbow.{side}"] = draw(0.2, 0.5) + 0.5 * swing * (1 - sign * np.cos(step))
    height = np.full(len(times_s), build.standing)
    return Movement(ground, turned, height, footsteps(times_s, position, heading, build, gait), angles)


def _progress(begin_s: float, end_s: float) -> Callable[[Array], Array]:
    """From 0 to 1 at a constant speed, but for soft ends of `_RAMP_S`."""
    ramp = min(_RAMP_S, (end_s - begin_s) / 2)

    def progress(at: Array) -> Array:
        t = np.clip(at - begin_s, 0.0, end_s - begin_s)
        length, left = end_s - begin_s - ramp, end_s - begin_s - t
        start = np.where(t < ramp, t**2 / (2 * ramp), t - ramp / 2)
        return np.where(left < ramp, length - left**2 / (2 * ramp), start) / length

    return progress
