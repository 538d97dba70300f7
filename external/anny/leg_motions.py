"""Families of motions of legs and trunk; `external.anny.motions` says what a family is."""

from external.anny.phases import Draw, both, pulse, strike, wave_of
from external.anny.rig import Array


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
