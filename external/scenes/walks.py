"""Gaits along paths."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from external.anny.rig import Array
from external.scenes.build import Build
from external.scenes.feet import Gait, footsteps, smooth
from external.scenes.movement import Draw, Movement

_RAMP_S = 0.5
_LONG_STEP = 0.35
"""Of the stature."""


@dataclass(frozen=True)
class Path:
    """A way over the floor, with time."""

    position: Callable[[Array], Array]
    """From times (N,) in seconds to x and z (N, 2) in metres."""
    heading: Callable[[Array], Array]
    """From times (N,) in seconds to radians (N,) about y; 0 faces +z, a quarter turn +x."""


def walk_towards(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Straight towards +z, where the camera stands."""
    return _straight(times_s, draw, build, 0.0)


def walk_away(times_s: Array, draw: Draw, build: Build) -> Movement:
    return _straight(times_s, draw, build, np.pi)


def walk_across(times_s: Array, draw: Draw, build: Build) -> Movement:
    return _straight(times_s, draw, build, _side(draw) * np.pi / 2)


def cross_before(times_s: Array, draw: Draw, build: Build) -> Movement:
    """To the right, nearer to the camera than `cross_behind`."""
    return _straight(times_s, draw, build, np.pi / 2, aside=-0.4)


def cross_behind(times_s: Array, draw: Draw, build: Build) -> Movement:
    return _straight(times_s, draw, build, -np.pi / 2, aside=-0.4)


def walk_arc(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Some steps straight ahead, then round in an arc, facing all the way where it leads."""
    radius, sweep, side = draw(0.45, 0.8), draw(2.2, 3.6), _side(draw)
    begin, speed, length = _pace(times_s, draw, build, 5.0)
    bend = max(length - radius * sweep, 0.2 * length)
    first = draw(-0.5, 0.5)
    progress = _progress(begin, begin + length / speed + _RAMP_S)

    def heading(at: Array) -> Array:
        return first + side * np.maximum(progress(at) * length - bend, 0.0) / radius

    steps = np.linspace(0.0, length, 400)
    turned = first + side * np.maximum(steps - bend, 0.0) / radius
    moves = np.stack([np.sin(turned), np.cos(turned)], axis=1) * (steps[1] - steps[0])
    way = np.cumsum(moves, axis=0) - moves
    way -= (way.min(axis=0) + way.max(axis=0)) / 2

    def position(at: Array) -> Array:
        along = progress(at) * length
        return np.stack([np.interp(along, steps, way[:, axis]) for axis in (0, 1)], axis=1)

    return walking(times_s, draw, build, Path(position, heading))


def spin(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Once around on the spot, in small steps."""
    first, side = draw(-0.6, 0.6), _side(draw)
    begin, end = _inner(times_s, draw)
    progress = _progress(begin, end)
    centre = np.array([draw(-0.2, 0.2), draw(-0.2, 0.2)])

    def position(at: Array) -> Array:
        around = 2 * np.pi * progress(at)
        return centre + 0.06 * np.stack([np.sin(around), 1 - np.cos(around)], axis=1)

    path = Path(position, lambda at: first + side * 2 * np.pi * progress(at))
    return walking(times_s, draw, build, path, width=(1.15, 1.4))


def leave_and_return(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Across, out of the picture at one side, around, and back."""
    side, start = _side(draw), draw(-0.5, -0.1)
    begin, end = _inner(times_s, draw)
    turning = min(1.2, (end - begin) / 4)
    leg_s = (end - begin - turning) / 2
    length = min(draw(2.6, 3.0), draw(0.6, 0.8) * build.stature * (leg_s - _RAMP_S))
    there, back = _progress(begin, begin + leg_s), _progress(end - leg_s, end)
    turn = _progress(begin + leg_s - 0.2, end - leg_s + 0.2)

    def position(at: Array) -> Array:
        along = start + (there(at) - back(at)) * length
        return np.stack([side * along, 0.15 * turn(at)], axis=1)

    return walking(times_s, draw, build, Path(position, lambda at: side * (np.pi / 2 - np.pi * turn(at))))


def carry(times_s: Array, draw: Draw, build: Build) -> Movement:
    """Slowly towards the camera with both forearms held out in front."""
    direction = draw(-0.5, 0.5)
    movement = _straight(times_s, draw, build, direction, most=draw(0.9, 1.5))
    still = np.ones_like(times_s)
    front, elbow, side = draw(0.3, 0.5), draw(1.15, 1.4), draw(0.16, 0.24)
    bob = 0.03 * np.sin(2 * np.pi * draw(1.0, 1.6) * times_s)
    arms: dict[str, Array] = {}
    for name in "LR":
        arms |= {f"arm_front.{name}": front + bob, f"arm_side.{name}": side * still, f"elbow.{name}": elbow * still}
        arms |= {f"arm_twist.{name}": 0.0 * still, f"forearm_twist.{name}": -0.3 * still}
    return Movement(movement.ground, movement.heading, movement.height, movement.feet, {**movement.angles, **arms})


def walking(times_s: Array, draw: Draw, build: Build, path: Path, width: tuple[float, float] = (0.7, 1.1)) -> Movement:
    """Steps along a path, arms swinging against the legs.

    Args:
        width: range of the distance between the feet, against that of one who stands.
    """
    size = build.stature / 1.7
    gait = Gait(
        step_s=draw(0.5, 0.6) * np.sqrt(size),
        double_support=draw(0.18, 0.28),
        lift_m=draw(0.05, 0.09),
        heel_up=draw(0.4, 0.6),
        width=draw(*width),
        phase=draw(0.0, 1.0),
    )
    ground, turned = path.position(times_s), path.heading(times_s)
    step = (times_s / gait.step_s - gait.phase) * np.pi  # the left foot lands at 0, the right one at pi
    middle = np.pi * (1 + gait.double_support) / 2
    before, after = (path.position(times_s + shift * gait.step_s / 2) for shift in (-1, 1))
    pace = np.linalg.norm(after - before, axis=1) / (_LONG_STEP * build.stature)
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
    for side, sign in (("L", 1.0), ("R", -1.0)):
        angles[f"arm_front.{side}"] = draw(0.0, 0.12) - sign * swing * np.cos(step)
        angles[f"arm_side.{side}"] = np.full_like(times_s, draw(0.22, 0.4))
        angles[f"elbow.{side}"] = draw(0.2, 0.5) + 0.5 * swing * (1 - sign * np.cos(step))
    height = np.full(len(times_s), build.standing)
    feet = footsteps(times_s, path.position, path.heading, build, gait)
    return Movement(ground, turned, height, feet, angles)


def _straight(
    times_s: Array, draw: Draw, build: Build, direction: float, aside: float = 0.0, most: float = 2.9
) -> Movement:
    """A walk past the origin, half of the way before and half of it behind; at rest when it begins and ends.

    Args:
        aside: metres by which it passes the origin on its left.
        most: metres of the longest way.
    """
    direction = direction + draw(-0.2, 0.2)
    begin, speed, length = _pace(times_s, draw, build, most)
    along = np.array([np.sin(direction), np.cos(direction)])
    passing = -aside * np.array([np.cos(direction), -np.sin(direction)])
    progress = _progress(begin, begin + length / speed + _RAMP_S)

    def position(at: Array) -> Array:
        return passing + (progress(at) - 0.5)[:, None] * length * along

    return walking(times_s, draw, build, Path(position, lambda at: np.full(len(at), direction)))


def _pace(times_s: Array, draw: Draw, build: Build, most: float) -> tuple[float, float, float]:
    """When a walk begins in seconds, its speed in metres per second, and its length, ``most`` metres at most."""
    begin, end = _inner(times_s, draw)
    speed = draw(0.5, 0.7) * build.stature
    return begin, speed, min(speed * max(end - begin - _RAMP_S, 0.1), draw(0.8, 1.0) * most)


def _inner(times_s: Array, draw: Draw) -> tuple[float, float]:
    """The first and last second of what is done, a little after the first and before the last frame."""
    return float(times_s[0]) + draw(0.1, 0.3), float(times_s[-1]) - draw(0.1, 0.3)


def _side(draw: Draw) -> int:
    return 1 if draw(0.0, 1.0) < 0.5 else -1


def _progress(begin_s: float, end_s: float) -> Callable[[Array], Array]:
    """From 0 to 1 at a constant speed, but for soft ends of `_RAMP_S`."""
    length = max(end_s - begin_s, 1e-3)
    ramp = min(_RAMP_S, length / 2)

    def progress(at: Array) -> Array:
        t = np.clip(at - begin_s, 0.0, length)
        way, left = length - ramp, length - t
        start = np.where(t < ramp, t**2 / (2 * ramp), t - ramp / 2)
        return np.where(left < ramp, way - left**2 / (2 * ramp), start) / way

    return progress
