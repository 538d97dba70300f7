"""Hand motions: every family is a small function of phase, as in `external.anny.motions`."""

from collections.abc import Sequence

import numpy as np

from external.anny.hands.joints import FINGERS, JOINTS, limited
from external.anny.joints import Angles
from external.anny.phases import Draw, Family, pulse, wave_of
from external.anny.rig import Array

_FAMILY_WEIGHTS = {"free": 3.0, "count": 2.0, "grasp": 1.5}
"""How often a family is drawn, where it is not once: those that vary most."""

_FULL_CURL = {
    "index": {"base": 1.15, "middle": 1.4, "tip": 0.45},
    "middle": {"base": 1.25, "middle": 1.5, "tip": 0.55},
    "ring": {"base": 1.1, "middle": 1.45, "tip": 0.45},
    "little": {"base": 1.0, "middle": 1.4, "tip": 0.4},
}
"""As far as these fingers, which do not give way where they meet the palm as flesh does, can be rolled in."""


def choose_family(random: np.random.Generator, families: Sequence[str]) -> str:
    """One of the ``families`` by name, those that vary most more often."""
    weights = np.array([_FAMILY_WEIGHTS.get(name, 1.0) for name in families])
    return families[random.choice(len(families), p=weights / weights.sum())]


def sample_motion(random: np.random.Generator, family: str, frames: int, amplitude: float = 1.0) -> Angles:
    """A random clip of a family: angles (F,) of all joints within their limits.

    ``amplitude`` scales the deviation from the relaxed hand. The hand as a whole turns slowly to any side.
    """

    def draw(low: float, high: float) -> float:
        return float(random.uniform(low, high))

    t = draw(0.0, 1.0) + draw(1.0, 2.0) * (np.arange(frames) + 0.5) / frames
    motion = FAMILIES[family](t, draw)
    angles = {}
    for name, joint in JOINTS.items():
        style = 0.04 * (joint.high - joint.low) * draw(-1.0, 1.0)
        angle = motion.get(name, np.full(frames, joint.neutral))
        angles[name] = joint.neutral + amplitude * (angle + style - joint.neutral)
    for name, most in (("turn", 0.6), ("tilt", 0.35), ("roll", 0.35)):
        angles[name] = angles[name] + draw(-most, most) + 0.15 * most * wave_of(t, draw(0.0, 1.0))
    return limited(angles)


def curl(fingers: Sequence[str], fraction: Array | float) -> Angles:
    """Fingers rolled in: straight at 0, the tip in the palm at 1. The little one makes way for the ring finger."""
    fraction = np.asarray(fraction, np.float64)
    motion = {f"{finger}_{joint}": full * fraction for finger in fingers for joint, full in _FULL_CURL[finger].items()}
    if "little" in fingers:
        motion["little_spread"] = 0.3 * np.clip(2 * fraction, 0.0, 1.0)
    return motion


def fold_thumb(fraction: Array) -> Angles:
    """The thumb from beside the hand at 0 to over the fingers of a fist at 1."""
    return {
        "thumb_across": 0.05 + 0.7 * fraction,
        "thumb_out": 0.1 - 0.2 * fraction,
        "thumb_base": 0.05 + 0.55 * fraction,
        "thumb_tip": 0.1 + 0.7 * fraction,
    }


def fist(t: Array, draw: Draw) -> Angles:
    """Closes and opens, one finger a little after the other."""
    closed, lag = draw(0.75, 1.0), draw(-0.06, 0.06)
    motion = fold_thumb(closed * pulse(t, -0.08) ** 2)
    for number, finger in enumerate(FINGERS):
        motion |= curl([finger], 0.08 + (closed - 0.08) * pulse(t, number * lag))
    return motion


def spread(t: Array, draw: Draw) -> Angles:
    """Flat hand whose fingers part and close."""
    wide, bent = draw(0.6, 1.0), draw(0.0, 0.12)
    out = pulse(t)
    ranges = {"index": (-0.06, 0.3), "middle": (0.0, 0.06), "ring": (-0.05, 0.25), "little": (-0.06, 0.4)}
    motion = curl(FINGERS, bent + 0 * t)
    motion |= {f"{finger}_spread": low + wide * (high - low) * out for finger, (low, high) in ranges.items()}
    return motion | {
        "thumb_out": draw(-0.2, 0.0) + 0.35 * wide * out,
        "thumb_across": draw(0.0, 0.5) - 0.3 * wide * out,
    }


def point(t: Array, draw: Draw) -> Angles:
    """The index finger stretches out of a fist, and sometimes the thumb or the little finger too."""
    out = pulse(t)
    away = draw(0.0, 1.0)
    others = ["middle", "ring"] if away < 0.3 else ["middle", "ring", "little"]
    motion = curl(others, draw(0.8, 1.0) + 0 * t) | curl(["index"], 0.9 - draw(0.6, 0.9) * out)
    if away < 0.3:
        motion |= curl(["little"], 0.9 - 0.85 * out)
    folded = draw(0.7, 1.0) + 0 * t
    return motion | fold_thumb(folded - 0.9 * out if away > 0.7 else folded) | {"wrist_side": 0.15 * wave_of(t)}


def pinch(t: Array, draw: Draw) -> Angles:
    """The tip of the thumb meets that of the index finger, or of one of the others, which stay more or less open."""
    finger = FINGERS[min(int(draw(0.0, 2.5)), 2)]
    closed = 0.35 + 0.65 * pulse(t)
    motion: Angles = {}
    for other in FINGERS:
        motion |= curl([other], draw(0.05, 0.45) + 0.1 * pulse(t, draw(0.0, 0.2)))
    reach = {"index": (0.78, 0.0), "middle": (0.82, 0.12), "ring": (0.86, 0.25)}[finger]
    return motion | {
        f"{finger}_base": 0.85 * closed,
        f"{finger}_middle": 1.05 * closed,
        f"{finger}_tip": 0.5 * closed,
        "thumb_across": reach[0] * closed,
        "thumb_out": -0.1 - reach[1] * closed,
        "thumb_base": 0.25 + reach[1] + 0.2 * closed,
        "thumb_tip": 0.25 + 0.2 * closed,
    }


def count(t: Array, draw: Draw) -> Angles:
    """Fingers stretch out of the fist one after the other, from the thumb or from the index finger on."""
    raised = 5.2 * pulse(t) - 0.1
    thumb_first = draw(0.0, 1.0) < 0.5
    order = ["thumb", *FINGERS] if thumb_first else [*FINGERS, "thumb"]
    motion: Angles = {}
    for place, finger in enumerate(order):
        up = _smooth(raised - place)
        motion |= fold_thumb(0.9 * (1.0 - up)) if finger == "thumb" else curl([finger], 0.88 - 0.83 * up)
        if finger == "index":
            motion["index_spread"] = draw(0.0, 0.2) * up
    return motion


def wave(t: Array, draw: Draw) -> Angles:
    """An open hand sways in the wrist, or its fingers ripple."""
    ripple, sway = draw(0.0, 0.35), draw(0.4, 1.0)
    motion: Angles = {}
    for number, finger in enumerate(FINGERS):
        motion |= curl([finger], 0.08 + ripple * pulse(2 * t, -0.09 * number))
        motion[f"{finger}_spread"] = 0 * t + draw(0.0, 0.15)
    return motion | {
        "wrist_side": 0.22 * sway * wave_of(2 * t),
        "roll": 0.35 * sway * wave_of(2 * t, 0.03),
        "wrist_flex": draw(-0.3, 0.2) + 0.15 * wave_of(t),
        "thumb_out": 0 * t + draw(-0.1, 0.3),
        "thumb_across": 0 * t + draw(-0.1, 0.4),
    }


def grasp(t: Array, draw: Draw) -> Angles:
    """Fingers and thumb close around a thing of any size and open again."""
    closed = draw(0.35, 0.7) * (0.25 + 0.75 * pulse(t))
    motion = {"wrist_flex": draw(-0.35, 0.2) + 0.1 * wave_of(t)}
    for finger in FINGERS:
        bend = {"base": draw(0.7, 1.3), "middle": draw(0.9, 1.5), "tip": draw(0.4, 0.9)}
        motion |= {f"{finger}_{joint}": angle * closed for joint, angle in bend.items()}
        motion[f"{finger}_spread"] = 0 * t + (draw(0.0, 0.15) if finger != "little" else draw(0.2, 0.35))
    return motion | {
        "thumb_across": draw(0.3, 0.8) + 0.2 * closed,
        "thumb_out": draw(-0.1, 0.2) - 0.1 * closed,
        "thumb_base": draw(0.2, 0.6) * closed,
        "thumb_tip": draw(0.3, 0.9) * closed,
    }


def free(t: Array, draw: Draw) -> Angles:
    """Every joint on its own: fingers bend independently, the outer joints mostly together as tendons make them."""
    motion: Angles = {}
    for finger in FINGERS:
        middle, reach = draw(0.15, 0.75), draw(0.1, 0.45)
        fraction = np.clip(
            middle + reach * wave_of(t, draw(0.0, 1.0)) + 0.15 * wave_of(2 * t, draw(0.0, 1.0)), 0.0, 1.0
        )
        motion |= curl([finger], fraction)
        motion[f"{finger}_base"] = motion[f"{finger}_base"] * draw(0.3, 1.05) - draw(0.0, 0.25)
        spread_joint = JOINTS[f"{finger}_spread"]
        least = 0.2 if finger == "little" else 0.0
        motion[f"{finger}_spread"] = draw(least, spread_joint.high) + 0.05 * wave_of(t, draw(0.0, 1.0))
    for name in ("thumb_across", "thumb_out", "thumb_base", "thumb_tip", "wrist_flex", "wrist_side"):
        joint = JOINTS[name]
        fraction = draw(0.3, 0.7) + draw(0.1, 0.3) * wave_of(t, draw(0.0, 1.0))
        motion[name] = joint.low + (joint.high - joint.low) * fraction
    return motion


TRAINING_FAMILIES: dict[str, Family] = {family.__name__: family for family in (fist, spread, count, wave, grasp, free)}
"""What default datasets are made of."""

TEST_FAMILIES: dict[str, Family] = {family.__name__: family for family in (point, pinch)}
"""Motions kept out of the default datasets, to measure how well a model meets unseen motions."""

FAMILIES = TRAINING_FAMILIES | TEST_FAMILIES


def _smooth(value: Array) -> Array:
    """0 below 0, 1 above 1, and smooth between."""
    value = np.clip(value, 0.0, 1.0)
    return value * value * (3.0 - 2.0 * value)
