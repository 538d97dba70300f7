"""A library of motions: every family is a small function of phase.

A family takes the phase ``t`` (F,) in turns and ``draw(low, high)``, which draws its style (how high, how deep, in
which direction), and returns joint angles in radians (see `external.anny.joints`). It is periodic in ``t`` and
written for one side; `external.anny.clips` adds phase, speed, amplitude, heading and the choice of side.
"""

from collections.abc import Callable, Sequence

import numpy as np

from external.anny.joints import JOINTS
from external.anny.rig import Array

Draw = Callable[[float, float], float]
Family = Callable[[Array, Draw], dict[str, Array]]


def wave_of(t: Array, shift: float = 0.0) -> Array:
    """A sine of the phase in turns, in [-1, 1]."""
    return np.sin(2 * np.pi * (t + shift))


def pulse(t: Array, shift: float = 0.0) -> Array:
    """0 at phase 0, 1 at half a turn, and smoothly back."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * (t + shift))


def strike(t: Array) -> Array:
    """A pulse with a short peak: back at 0 for most of the turn."""
    return pulse(t) ** 2


def both(name: str, angle: Array) -> dict[str, Array]:
    """The same angle on both sides."""
    return {f"{name}.L": angle, f"{name}.R": angle}


def walk(t: Array, draw: Draw) -> dict[str, Array]:
    stride, swing, elbow = draw(0.35, 0.6), draw(0.2, 0.7), draw(0.2, 0.7)
    motion = {"spine_twist": 0.12 * wave_of(t, 0.5), "spine_bend": t * 0 + draw(0.0, 0.15)}
    for side, shift in (("L", 0.0), ("R", 0.5)):
        motion[f"hip_flex.{side}"] = 0.08 + stride * wave_of(t, shift)
        motion[f"knee.{side}"] = 0.1 + 0.9 * stride / 0.5 * pulse(t, shift + 0.35) ** 2
        motion[f"ankle.{side}"] = 0.2 * wave_of(t, shift + 0.1)
        motion[f"arm_front.{side}"] = 0.1 + swing * wave_of(t, shift + 0.5)
        motion[f"arm_side.{side}"] = t * 0 + draw(0.28, 0.45)
        motion[f"elbow.{side}"] = elbow + 0.3 * swing * wave_of(t, shift + 0.45)
    return motion


def run(t: Array, draw: Draw) -> dict[str, Array]:
    lift, kick_back, swing, out = draw(0.9, 1.5), draw(1.2, 1.8), draw(0.4, 0.8), draw(0.35, 0.6)
    motion = {"spine_bend": t * 0 + draw(0.05, 0.3), "spine_twist": 0.2 * wave_of(t, 0.5)}
    for side, shift in (("L", 0.0), ("R", 0.5)):
        up = pulse(t, shift)
        motion[f"hip_flex.{side}"] = -0.15 + lift * up
        motion[f"knee.{side}"] = 0.2 + kick_back * pulse(t, shift + 0.1)
        motion[f"ankle.{side}"] = 0.1 - 0.5 * pulse(t, shift + 0.2)
        motion[f"arm_front.{side}"] = swing * wave_of(t, shift + 0.25)
        motion[f"elbow.{side}"] = draw(1.3, 1.7) + 0.25 * wave_of(t, shift + 0.25)
        motion[f"arm_side.{side}"] = t * 0 + out
        motion[f"arm_twist.{side}"] = t * 0 - 0.15
    return motion


def squat(t: Array, draw: Draw) -> dict[str, Array]:
    depth, arms = draw(0.6, 1.0) * pulse(t), draw(0.2, 1.6)
    direction = draw(0.0, 1.0)
    return {
        "spine_bend": 0.5 * depth,
        "pelvis_tilt": 0.3 * depth,
        **both("hip_flex", 1.7 * depth),
        **both("hip_abduct", 0.1 + 0.35 * depth),
        **both("knee", 0.08 + 1.9 * depth),
        **both("ankle", 0.4 * depth),
        **both("arm_front", 0.1 + arms * direction * depth),
        **both("arm_side", 0.25 + arms * (1.0 - direction) * depth),
    }


def wave(t: Array, draw: Draw) -> dict[str, Array]:
    front, aside = draw(0.0, 1.6), draw(1.0, 2.2)
    return {
        "neck_side": 0.15 * wave_of(t),
        "spine_side": -0.1 * wave_of(t),
        "arm_front.R": front + 0.15 * wave_of(t),
        "arm_side.R": aside + 0.25 * wave_of(t, 0.2),
        "arm_twist.R": draw(-0.9, -0.2) + 0.3 * wave_of(t),
        "elbow.R": draw(0.7, 1.5) + 0.5 * wave_of(t, draw(0.0, 1.0)),
        "forearm_twist.R": 0.5 * wave_of(t, 0.3),
        "wrist_side.R": 0.25 * wave_of(t, 0.1),
        "arm_front.L": t * 0 + draw(0.0, 0.4),
        "elbow.L": t * 0 + draw(0.1, 1.2),
    }


_ARM_RANGES = {
    "arm_twist": (-0.7, 0.8),
    "elbow": (0.05, 1.9),
    "forearm_twist": (-0.9, 0.9),
    "wrist_flex": (-0.5, 0.5),
    "wrist_side": (-0.2, 0.2),
}


def reach(t: Array, draw: Draw) -> dict[str, Array]:
    """Each arm visits random poses, smoothly and periodically; the trunk and the eyes follow one of them."""
    motion: dict[str, Array] = {}
    for side in "LR":
        lifts = [draw(0.3, 3.0) for _ in range(3)]
        directions = [draw(-0.25, 1.75) for _ in range(3)]
        motion[f"arm_front.{side}"] = _visit(t, [a * np.sin(d) for a, d in zip(lifts, directions, strict=True)])
        motion[f"arm_side.{side}"] = _visit(t, [a * np.cos(d) for a, d in zip(lifts, directions, strict=True)])
        for name, (low, high) in _ARM_RANGES.items():
            motion[f"{name}.{side}"] = _visit(t, [draw(low, high) for _ in range(3)])
    follow = motion["arm_front.L"] - motion["arm_front.R"]
    motion["spine_twist"] = -0.12 * follow
    motion["spine_side"] = 0.08 * (motion["arm_side.R"] - motion["arm_side.L"])
    motion["spine_bend"] = _visit(t, [draw(-0.15, 0.5) for _ in range(3)])
    motion["neck_bend"] = 0.15 - 0.2 * (motion["arm_front.L"] + motion["arm_front.R"]) / 3
    motion["neck_turn"] = -0.15 * follow
    return motion


def punch(t: Array, draw: Draw) -> dict[str, Array]:
    height, guard = draw(1.1, 1.8), draw(1.7, 2.1)
    motion: dict[str, Array] = {
        "spine_twist": 0.45 * wave_of(t, 0.25),
        "spine_bend": t * 0 + draw(0.0, 0.2),
        "hip_flex.L": t * 0 + draw(0.2, 0.5),
        "hip_flex.R": t * 0 - draw(0.0, 0.3),
        **both("knee", t * 0 + draw(0.2, 0.5)),
        **both("hip_abduct", t * 0 + draw(0.05, 0.3)),
    }
    for side, shift in (("L", 0.0), ("R", 0.5)):
        out = strike(t + shift)
        motion[f"arm_front.{side}"] = 0.7 + (height - 0.7) * out
        motion[f"arm_side.{side}"] = 0.3 - 0.25 * out
        motion[f"elbow.{side}"] = guard - (guard - 0.15) * out
        motion[f"arm_twist.{side}"] = 0.2 + 0.4 * out
        motion[f"forearm_twist.{side}"] = 0.8 * out
    return motion


def kick(t: Array, draw: Draw) -> dict[str, Array]:
    height, aside = draw(0.9, 1.7), draw(0.0, 0.6)
    out, chamber = strike(t), pulse(t, 0.12)
    return {
        "pelvis_tilt": -0.2 * out,
        "spine_bend": 0.25 * out,
        "spine_twist": 0.25 * out,
        "hip_flex.R": -0.2 + (height + 0.2) * out,
        "hip_abduct.R": 0.05 + aside * out,
        "knee.R": 0.15 + 1.6 * chamber * (1.0 - out),
        "ankle.R": -0.4 * out,
        "knee.L": 0.15 + 0.2 * out,
        "arm_front.L": 0.3 + draw(0.3, 1.1) * out,
        "arm_front.R": 0.3 - 0.7 * out,
        "arm_side.L": 0.3 + draw(0.0, 0.9) * out,
        "arm_side.R": 0.4 + draw(0.0, 0.9) * out,
        **both("elbow", draw(0.3, 1.4) - 0.2 * out),
    }


def bend(t: Array, draw: Draw) -> dict[str, Array]:
    depth, lean = draw(0.6, 1.2) * pulse(t), draw(-0.35, 0.35)
    reach_down = draw(0.6, 1.6)
    return {
        "pelvis_tilt": 0.4 * depth,
        "spine_bend": depth,
        "spine_side": lean * wave_of(t),
        "neck_bend": draw(-0.4, 0.3) * depth,
        **both("hip_flex", 0.35 * depth),
        **both("knee", 0.1 + draw(0.0, 0.5) * depth),
        "arm_front.L": 0.1 + reach_down * depth,
        "arm_front.R": 0.1 + draw(0.3, 1.0) * reach_down * depth,
        **both("elbow", 0.3 - 0.15 * depth),
    }


def twist(t: Array, draw: Draw) -> dict[str, Array]:
    turned = draw(0.4, 0.75) * wave_of(t)
    lift, bent = draw(0.5, 1.6), draw(0.1, 1.8)
    motion = {"spine_twist": turned, "neck_turn": 0.5 * turned, "spine_side": draw(-0.2, 0.2) * wave_of(t, 0.25)}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        motion[f"arm_side.{side}"] = lift + 0.15 * sign * turned
        motion[f"arm_front.{side}"] = 0.2 - 0.5 * sign * turned
        motion[f"elbow.{side}"] = bent + 0.3 * sign * turned
        motion[f"arm_twist.{side}"] = t * 0 + draw(-0.5, 0.5)
    return motion


def raise_arms(t: Array, draw: Draw) -> dict[str, Array]:
    """Both arms, or one after the other, up by the side, the front or between, as far as overhead."""
    together, direction, top = draw(0.0, 1.0) < 0.6, draw(-0.05, 1.6), draw(2.0, 3.05)
    elbow_up, elbow_down = draw(0.05, 0.7), draw(0.1, 0.7)
    motion = {"spine_bend": -draw(0.0, 0.2) * pulse(t), "neck_bend": -draw(-0.2, 0.4) * pulse(t)}
    for side, shift in (("L", 0.0), ("R", 0.0 if together else draw(0.3, 0.7))):
        up = pulse(t, shift)
        motion[f"arm_front.{side}"] = 0.05 + top * up * np.sin(direction)
        motion[f"arm_side.{side}"] = 0.22 * (1.0 - up) + top * up * np.cos(direction)
        motion[f"elbow.{side}"] = elbow_down + (elbow_up - elbow_down) * up
        motion[f"arm_twist.{side}"] = draw(-0.6, 0.6) * up
        motion[f"forearm_twist.{side}"] = draw(-0.8, 0.8) * up
    return motion


def overhead(t: Array, draw: Draw) -> dict[str, Array]:
    """Both arms stay up: stretching, swaying, hands to the head and up again."""
    motion = {
        "spine_side": draw(0.0, 0.35) * wave_of(t),
        "spine_bend": draw(-0.2, 0.1) + 0.1 * wave_of(t, 0.25),
        "pelvis_roll": draw(-0.1, 0.1) * wave_of(t),
        "neck_bend": t * 0 + draw(-0.4, 0.2),
    }
    together = draw(0.0, 1.0) < 0.5
    shift = 0.0 if together else 0.5
    bend_most, direction = draw(0.2, 2.0), draw(0.2, 1.4)
    for side, own in (("L", 0.0), ("R", shift)):
        lift = draw(2.3, 3.0) - draw(0.0, 0.5) * pulse(t, own)
        heading = direction + draw(0.0, 0.3) * wave_of(t, own)
        motion[f"arm_front.{side}"] = lift * np.sin(heading)
        motion[f"arm_side.{side}"] = lift * np.cos(heading)
        motion[f"elbow.{side}"] = 0.1 + bend_most * pulse(t, own + 0.5)
        motion[f"arm_twist.{side}"] = draw(-0.5, 0.5) + 0.2 * wave_of(t, own)
        motion[f"forearm_twist.{side}"] = draw(-0.8, 0.8) + 0.3 * wave_of(t, own)
    return motion


def climb(t: Array, draw: Draw) -> dict[str, Array]:
    """As on a ladder: one arm reaches up while the other pulls down, the legs step."""
    high, step = draw(2.2, 2.95), draw(0.6, 1.4)
    motion = {"spine_side": 0.12 * wave_of(t, 0.25), "neck_bend": t * 0 - draw(0.0, 0.4)}
    for side, shift in (("L", 0.0), ("R", 0.5)):
        up = pulse(t, shift)
        motion[f"arm_front.{side}"] = 0.8 + (high - 0.8) * up
        motion[f"arm_side.{side}"] = t * 0 + draw(0.2, 0.6)
        motion[f"elbow.{side}"] = 1.9 - 1.7 * up
        motion[f"hip_flex.{side}"] = 0.05 + step * pulse(t, shift + 0.5)
        motion[f"knee.{side}"] = 0.1 + 1.3 * step * pulse(t, shift + 0.5)
    return motion


def clap(t: Array, draw: Draw) -> dict[str, Array]:
    """Hands meet in front, at any height from the belly to above the head."""
    height, apart = draw(0.8, 2.7), draw(0.5, 1.3) * pulse(t)
    bent = draw(0.3, 1.0)
    return {
        "spine_bend": 0.1 * wave_of(t),
        **both("arm_front", height - 0.3 * apart),
        **both("arm_side", 0.15 + apart),
        **both("arm_twist", 0.3 - 0.5 * apart),
        **both("elbow", bent - 0.2 * apart),
        **both("forearm_twist", t * 0 + draw(-0.8, 0.3)),
    }


def arms_crossed(t: Array, draw: Draw) -> dict[str, Array]:
    """Forearms cross in front of the chest and open again; one lies above the other."""
    closed = 1.0 - draw(0.3, 1.0) * pulse(t)
    motion = {"spine_twist": 0.2 * wave_of(t), "neck_turn": 0.3 * wave_of(t, 0.1)}
    for side, front in (("L", draw(1.1, 1.4)), ("R", draw(0.7, 0.95))):
        motion[f"arm_front.{side}"] = 0.3 + (front - 0.3) * closed
        motion[f"arm_side.{side}"] = 0.5 - draw(0.4, 0.7) * closed
        motion[f"arm_twist.{side}"] = 0.2 + draw(0.3, 0.8) * closed
        motion[f"elbow.{side}"] = 0.5 + draw(0.7, 1.3) * closed
    return motion


def arms_behind(t: Array, draw: Draw) -> dict[str, Array]:
    """Hands go behind the back."""
    behind = draw(0.7, 1.0) * pulse(t)
    motion = {"spine_bend": -0.15 * behind, "neck_bend": -0.2 * behind}
    for side in "LR":
        motion[f"arm_front.{side}"] = 0.1 - draw(0.6, 0.95) * behind
        motion[f"arm_side.{side}"] = 0.25 + draw(-0.05, 0.4) * behind
        motion[f"arm_twist.{side}"] = 0.1 + draw(0.2, 1.0) * behind
        motion[f"elbow.{side}"] = 0.2 + draw(0.0, 1.2) * behind
    return motion


def sit(t: Array, draw: Draw) -> dict[str, Array]:
    down = 0.6 + draw(0.3, 0.4) * wave_of(t, -0.25)
    return {
        "spine_bend": 0.15 + draw(0.0, 0.5) * pulse(t, 0.25),
        "spine_twist": draw(-0.3, 0.3) * wave_of(t, 0.4),
        **both("hip_flex", 1.6 * down),
        **both("hip_abduct", t * 0 + draw(0.05, 0.45)),
        **both("knee", 0.08 + 1.5 * down),
        **both("arm_front", 0.2 + draw(0.2, 1.1) * down),
        **both("arm_side", t * 0 + draw(0.3, 0.7)),
        **both("elbow", draw(0.2, 1.0) + 0.3 * wave_of(t, 0.1)),
    }


def sway(t: Array, draw: Draw) -> dict[str, Array]:
    """Weight from one leg to the other, hips and shoulders against each other, arms out for balance."""
    side_step, hips = draw(0.1, 0.45), draw(0.05, 0.25)
    return {
        "pelvis_roll": hips * wave_of(t),
        "spine_side": -1.3 * hips * wave_of(t),
        "hip_abduct.L": 0.08 + side_step * pulse(t, 0.25),
        "hip_abduct.R": 0.08 + side_step * pulse(t, 0.75),
        "knee.L": 0.1 + 0.8 * pulse(t),
        "knee.R": 0.1 + 0.8 * pulse(t, 0.5),
        "hip_flex.L": 0.05 + 0.5 * pulse(t),
        "hip_flex.R": 0.05 + 0.5 * pulse(t, 0.5),
        "arm_side.L": draw(0.4, 1.6) + 0.3 * wave_of(t),
        "arm_side.R": draw(0.4, 1.6) - 0.3 * wave_of(t),
        "arm_front.L": draw(0.0, 0.8) + 0.3 * wave_of(t, 0.25),
        "arm_front.R": draw(0.0, 0.8) - 0.3 * wave_of(t, 0.25),
        **both("elbow", draw(0.2, 1.3) + 0.3 * wave_of(2 * t)),
    }


def free(t: Array, draw: Draw) -> dict[str, Array]:
    """Every joint swings on its own within its limits: two harmonics with random phases."""
    motion = {}
    for name, joint in JOINTS.items():
        if name == "yaw":
            continue
        middle = draw(0.25, 0.75)
        reach_of = 0.5 * min(middle, 1.0 - middle) * 2
        first = draw(0.5, 1.0)
        fraction = middle + reach_of * 0.5 * (
            first * wave_of(t, draw(0.0, 1.0)) + (1.0 - first) * wave_of(2 * t, draw(0.0, 1.0))
        )
        motion[name] = joint.low + (joint.high - joint.low) * fraction
    for side in "LR":  # directions of the arm are drawn evenly, not its two angles
        lift = 1.6 + 1.4 * np.clip(draw(-0.6, 0.7) + 0.5 * wave_of(t, draw(0.0, 1.0)), -1.0, 1.0)
        heading = draw(-0.1, 1.6) + 0.4 * wave_of(t, draw(0.0, 1.0))
        motion[f"arm_front.{side}"], motion[f"arm_side.{side}"] = lift * np.sin(heading), lift * np.cos(heading)
    for name in ("pelvis_tilt", "pelvis_roll", "spine_bend", "spine_side", "neck_bend"):
        motion[name] = 0.6 * motion[name]
    return motion


def dance(t: Array, draw: Draw) -> dict[str, Array]:
    """Legs and trunk of one family under the arms of another, at another speed."""
    legs = _pick(draw, (walk, run, squat, kick, sit, sway))
    arms = _pick(draw, (wave, reach, punch, raise_arms, overhead, climb, clap, arms_behind, twist, free))
    above = arms(t * (1.0 if draw(0.0, 1.0) < 0.5 else 2.0) + draw(0.0, 1.0), draw)
    below = legs(t, draw)
    is_arm = ("arm", "elbow", "forearm", "wrist")
    motion = {name: angle for name, angle in below.items() if not name.startswith(is_arm)}
    motion |= {name: angle for name, angle in above.items() if name.startswith(is_arm)}
    return motion


def jumping_jack(t: Array, draw: Draw) -> dict[str, Array]:
    out = pulse(t)
    bounce = pulse(2 * t)
    return {
        **both("hip_abduct", 0.05 + draw(0.4, 0.6) * out),
        **both("knee", 0.1 + 0.25 * bounce),
        **both("hip_flex", 0.05 + 0.15 * bounce),
        **both("arm_side", 0.22 + draw(2.4, 2.8) * out),
        **both("elbow", t * 0 + draw(0.1, 0.4)),
    }


def throw(t: Array, draw: Draw) -> dict[str, Array]:
    """Wind up with the right arm behind the head, lunge with the left leg, and throw."""
    wind, release = pulse(t, 0.25) ** 2, pulse(t, -0.2) ** 2
    return {
        "spine_twist": -0.55 * wind + 0.5 * release,
        "spine_bend": -0.15 * wind + draw(0.2, 0.45) * release,
        "pelvis_tilt": 0.15 * release,
        "hip_flex.L": 0.1 + 0.3 * wind + draw(0.6, 0.9) * release,
        "knee.L": 0.15 + 0.5 * wind + 0.8 * release,
        "hip_flex.R": 0.0 - 0.4 * release,
        "knee.R": 0.15 + 0.3 * release,
        "hip_abduct.R": 0.1 + 0.15 * wind,
        "arm_side.R": 0.3 + 1.5 * wind - 0.1 * release,
        "arm_front.R": 0.2 + 0.1 * wind + draw(1.3, 1.8) * release,
        "arm_twist.R": -0.8 * wind + 0.3 * release,
        "elbow.R": 0.4 + 1.4 * wind - 0.2 * release,
        "arm_front.L": 0.3 + 1.2 * wind - 0.6 * release,
        "arm_side.L": 0.3 + 0.3 * wind + 0.3 * release,
        "elbow.L": 0.4 + 0.4 * release,
    }


TRAINING_FAMILIES: dict[str, Family] = {
    family.__name__: family
    for family in (
        walk, run, squat, wave, reach, punch, kick, bend, twist, raise_arms, overhead, climb, clap,
        arms_crossed, arms_behind, sit, sway, dance, free,
    )
}  # fmt: skip
"""What default datasets are made of."""

TEST_FAMILIES: dict[str, Family] = {family.__name__: family for family in (jumping_jack, throw)}
"""Motions kept out of the default datasets, to measure how well a model meets unseen motions."""

FAMILIES = TRAINING_FAMILIES | TEST_FAMILIES


def _visit(t: Array, values: Sequence[float]) -> Array:
    """A smooth periodic curve through ``values`` at equal distances of phase (trigonometric interpolation)."""
    count = len(values)
    coefficients = np.fft.rfft(values) / count
    curve = np.full_like(t, coefficients[0].real)
    for k, c in enumerate(coefficients[1:], start=1):
        weight = 1.0 if 2 * k == count else 2.0
        curve = curve + weight * (c * np.exp(2j * np.pi * k * t)).real
    return curve


def _pick(draw: Draw, options: Sequence[Family]) -> Family:
    return options[min(int(draw(0.0, float(len(options)))), len(options) - 1)]
