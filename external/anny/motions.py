"""A library of motions: every family is a small function of phase.

A family takes the phase ``t`` (F,) in turns and ``draw(low, high)``, which draws its style (how high, how deep, in
which direction), and returns joint angles in radians (see `external.anny.joints`). It is periodic in ``t`` and
written for one side; `external.anny.clips` adds phase, speed, amplitude and the choice of side.
"""

import numpy as np

from external.anny.arm_motions import (
    arms_behind,
    arms_crossed,
    carry,
    clap,
    climb,
    hands_on_hips,
    hands_to_head,
    overhead,
    punch,
    raise_arms,
    reach,
    twist,
    wave,
)
from external.anny.joints import JOINTS
from external.anny.leg_motions import (
    bend,
    bend_down,
    deep_crouch,
    high_kick,
    kick,
    kneel,
    lunge,
    one_leg,
    run,
    side_kick,
    sit,
    sit_low,
    squat,
    step_high,
    sway,
    walk,
)
from external.anny.phases import Draw, Family, both, pick, pulse, wave_of
from external.anny.rig import Array


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


_WIDE_LEGS = (deep_crouch, kneel, lunge, sit_low, step_high, side_kick, high_kick, one_leg)


def dance(t: Array, draw: Draw) -> dict[str, Array]:
    """Legs and trunk of one family under the arms of another, at another speed."""
    legs = pick(draw, (walk, run, squat, kick, sit, sway, *_WIDE_LEGS))
    arms = pick(draw, (wave, reach, punch, raise_arms, overhead, climb, clap, arms_behind, twist, free, carry))
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
        arms_crossed, arms_behind, sit, sway, dance, free, carry, hands_to_head, hands_on_hips, bend_down, *_WIDE_LEGS,
    )
}  # fmt: skip
"""What default datasets are made of."""

TEST_FAMILIES: dict[str, Family] = {family.__name__: family for family in (jumping_jack, throw)}
"""Motions kept out of the default datasets, to measure how well a model meets unseen motions."""

FAMILIES = TRAINING_FAMILIES | TEST_FAMILIES
