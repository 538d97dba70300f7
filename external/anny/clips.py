"""Random clips of the motion families, and the canonical pose."""

from collections.abc import Sequence

import numpy as np

from external.anny.joints import JOINTS, Motion, limited, mirrored
from external.anny.motions import FAMILIES
from external.anny.rig import Array

CLIP_SECONDS = 2.0
"""The time that the frames of a sequence span, however many they are."""

_FAMILY_WEIGHTS = {
    "reach": 4.0,
    "dance": 6.0,
    "free": 5.0,
    "overhead": 4.5,
    "raise_arms": 4.0,
    "deep_crouch": 2.0,
}
"""How often a family is drawn, where it is not once: those that vary most, with arms overhead or far down."""


def choose_family(random: np.random.Generator, families: Sequence[str]) -> str:
    """One of the ``families`` by name, those that vary most more often."""
    weights = np.array([_FAMILY_WEIGHTS.get(name, 1.0) for name in families])
    return families[random.choice(len(families), p=weights / weights.sum())]


def sample_motion(random: np.random.Generator, family: str, frames: int, amplitude: float = 1.0) -> dict[str, Array]:
    """A random clip of a family: angles (F,) of all joints within their limits; it has no heading.

    ``amplitude`` scales the deviation from the relaxed pose on top of the random amplitude of the clip.
    """

    def draw(low: float, high: float) -> float:
        return float(random.uniform(low, high))

    periods, phase = draw(1.0, 2.0), draw(0.0, 1.0)
    t = phase + periods * (np.arange(frames) + 0.5) / frames
    motion = FAMILIES[family](t, draw)
    scale = amplitude * draw(0.8, 1.1)
    angles = {}
    for name, joint in JOINTS.items():
        style = 0.04 * (joint.high - joint.low) * draw(-1.0, 1.0)
        angle = motion.get(name, np.full(frames, joint.neutral))
        angles[name] = joint.neutral + scale * (angle + style - joint.neutral)
    random.random(3)  # once the heading: without these numbers the poses of known seeds would change
    angles["yaw"] = np.zeros(frames)
    if draw(0.0, 1.0) < 0.5:
        angles = mirrored(angles)
    return limited(angles)


def canonical_motion() -> Motion:
    """One frame: arms out to the sides, legs apart, so that no parts touch."""
    pose = {
        **dict.fromkeys(("hip_abduct.L", "hip_abduct.R"), 0.34),
        **dict.fromkeys(("hip_twist.L", "hip_twist.R", "arm_front.L", "arm_front.R"), 0.0),
        **dict.fromkeys(("knee.L", "knee.R", "elbow.L", "elbow.R"), 0.05),
        **dict.fromkeys(("arm_side.L", "arm_side.R"), 1.35),
        **dict.fromkeys(("arm_twist.L", "arm_twist.R"), 0.0),
    }
    return {name: np.array([angle]) for name, angle in pose.items()}
