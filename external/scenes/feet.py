"""Where the feet are: footsteps along a path, feet that stand still while they carry the body."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from external.anny.joints import turn
from external.anny.rig import Array
from external.scenes.build import Build

Planar = Callable[[Array], Array]
"""From times (N,) in seconds to positions (N, 2) on the floor: x and z in metres."""
Turning = Callable[[Array], Array]
"""From times (N,) in seconds to headings (N,) in radians about y; 0 faces +z, a quarter turn +x."""

_TOE_OUT = 0.12
_EARLY = 0.43
"""The part of its stance after which the body passes a foot: the heel of one that is left behind comes up."""
_SIGNS = np.array([1.0, -1.0])


@dataclass(frozen=True, eq=False)
class Feet:
    """Both feet over F frames, left before right."""

    place: Array
    """(F, 2, 2) x and z in metres of the ankle, as it is while the foot lies flat."""
    heading: Array
    """(F, 2) radians about y."""
    lift: Array
    """(F, 2) metres above the floor."""
    pitch: Array
    """(F, 2) radians; positive with the heel up and the ball on the floor, negative with the toes up."""
    planted: NDArray[np.bool_]
    """(F, 2) whether the foot carries the body and must not slide."""


@dataclass(frozen=True)
class Gait:
    """How somebody steps."""

    step_s: float
    """Seconds from one foot's landing to the other's."""
    double_support: float = 0.22
    """Part of a step in which both feet are on the floor."""
    lift_m: float = 0.07
    heel_up: float = 0.55
    """Pitch in radians at which a foot leaves the floor in a long step."""
    toes_up: float = 0.22
    width: float = 1.0
    """Distance between the feet, against that of one who stands."""
    phase: float = 0.0
    """Steps by which the left foot lands later."""


def footsteps(times_s: Array, position: Planar, heading: Turning, build: Build, gait: Gait) -> Feet:
    """Feet under a body that moves along ``position`` with ``heading``.

    A foot is put down where the body will be near the middle of its stance; where the body does not move, it stays.
    """
    sides = [_steps_of(times_s, position, heading, build, gait, side) for side in (0, 1)]
    place, turned, lift, pitch, planted = (np.stack(values, axis=1) for values in zip(*sides, strict=True))
    return Feet(place, turned, lift, pitch, planted)


def standing_feet(position: Array, heading: Array, build: Build, width: float = 1.0) -> Feet:
    """Feet that stand still: ``position`` (2,) and ``heading`` () of the body, over as many frames as it has.

    Args:
        position: (F, 2)
        heading: (F,)
    """
    frames = len(heading)
    place = np.stack([_beside(position[:1], heading[:1], sign * width * build.stance) for sign in _SIGNS], axis=1)
    turned = heading[:1, None] + _SIGNS * _TOE_OUT
    still = np.zeros((frames, 2))
    return Feet(
        np.repeat(place, frames, axis=0), np.repeat(turned, frames, axis=0), still, still, np.ones((frames, 2), bool)
    )


def ankles(feet: Feet, build: Build) -> Array:
    """Positions (F, 2, 3) of the ankles: a pitched foot stands on its ball or on its heel."""
    pivot = np.where(feet.pitch > 0, build.ball, -build.heel)
    cosine, sine = np.cos(feet.pitch), np.sin(feet.pitch)
    height, behind = build.ankle_height, -pivot
    up = cosine * height - sine * behind + feet.lift
    along = pivot + sine * height + cosine * behind
    direction = np.stack([np.sin(feet.heading), np.cos(feet.heading)], axis=-1)
    ground = feet.place + along[..., None] * direction
    return np.stack([ground[..., 0], up, ground[..., 1]], axis=-1)


def foot_rotations(feet: Feet) -> Array:
    """Orientations (F, 2, 3, 3) of the feet in the room."""
    x, y = np.eye(3)[:2]
    return turn(y, feet.heading) @ turn(x, feet.pitch)


def smooth(fraction: Array) -> Array:
    """From 0 to 1 over [0, 1] with the least jerk, flat outside."""
    f = np.clip(fraction, 0.0, 1.0)
    return np.asarray(f**3 * (10.0 - 15.0 * f + 6.0 * f**2))


def _beside(position: Array, heading: Array, aside: float) -> Array:
    """Places (N, 2) that are ``aside`` to the left of ``position`` (N, 2)."""
    return position + aside * np.stack([np.cos(heading), -np.sin(heading)], axis=-1)


def _steps_of(
    times_s: Array, position: Planar, heading: Turning, build: Build, gait: Gait, side: int
) -> tuple[Array, Array, Array, Array, NDArray[np.bool_]]:
    """Place (F, 2), heading, lift, pitch and planted (F,) of one foot."""
    cycle = 2 * gait.step_s
    stance = gait.step_s * (1 + gait.double_support)
    since = times_s - (side + gait.phase) * gait.step_s
    number = np.floor(since / cycle)
    within = since - number * cycle
    sign = _SIGNS[side]

    def put_down(which: Array) -> tuple[Array, Array]:
        middle = which * cycle + (side + gait.phase) * gait.step_s + _EARLY * stance
        turned = heading(middle)
        return _beside(position(middle), turned, sign * gait.width * build.stance), turned + sign * _TOE_OUT

    (before, _), (here, turned_here), (there, turned_there) = (put_down(number + k) for k in (-1, 0, 1))
    ahead, behind = there - here, here - before
    facing = np.stack([np.sin(turned_here), np.cos(turned_here)], axis=-1)
    long = 0.35 * build.stature
    push = np.clip((ahead * facing).sum(axis=1) / long, 0.0, 1.0)
    strike = np.clip((behind * facing).sum(axis=1) / long, 0.0, 1.0)
    next_strike = push
    raised = smooth(np.linalg.norm(ahead, axis=1) / 0.15 + np.abs(turned_there - turned_here) / 0.5)

    swing = np.clip((within - stance) / (cycle - stance), 0.0, 1.0)
    moved = smooth(swing)
    place = here + moved[:, None] * ahead
    turned = turned_here + moved * (turned_there - turned_here)
    lift = gait.lift_m * (build.stature / 1.7) * raised * np.sin(np.pi * swing) ** 2
    part = within / stance
    heel_up, toes_up = gait.heel_up * push, gait.toes_up
    pitch = heel_up * smooth((part - 0.6) / 0.4) * (1.0 - smooth(swing / 0.7))
    pitch -= toes_up * strike * (1.0 - smooth(part / 0.2)) * (swing == 0)
    pitch -= toes_up * next_strike * smooth((swing - 0.5) / 0.5) * (swing > 0)
    return place, turned, lift, pitch, (swing == 0) | (raised < 1e-3)
