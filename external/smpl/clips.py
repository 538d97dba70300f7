"""Random poses and motions of bodies and hands within simple joint limits, as rotation vectors."""

import numpy as np
from numpy.typing import NDArray

from external.smpl.model_file import BodyModel

Array = NDArray[np.float64]

BODY_JOINTS = 22
"""Joints that SMPL, SMPL-H and SMPL-X share, the root first."""
CLIP_SECONDS = 4.0
_KEYFRAMES = 5
_LEGS_APART = 0.5  # radians

# Lowest and highest angle in radians about x (bend), y (turn) and z (lean) of the joints of the middle and the left.
# In the zero pose the body faces +z, its left arm points along +x.
_MIDDLE = {
    0: ((-0.2, -0.8, -0.15), (0.3, 0.8, 0.15)),  # root
    3: ((-0.1, -0.15, -0.15), (0.35, 0.15, 0.15)),  # spine
    6: ((-0.1, -0.2, -0.1), (0.3, 0.2, 0.1)),
    9: ((-0.05, -0.2, -0.1), (0.2, 0.2, 0.1)),
    12: ((-0.25, -0.4, -0.2), (0.35, 0.4, 0.2)),  # neck
    15: ((-0.2, -0.3, -0.15), (0.3, 0.3, 0.15)),  # head
}
_LEFT = {
    1: ((-1.5, -0.3, -0.1), (0.4, 0.3, 0.6)),  # hip
    4: ((0.0, 0.0, 0.0), (1.9, 0.0, 0.0)),  # knee
    7: ((-0.4, -0.2, -0.2), (0.4, 0.2, 0.2)),  # ankle
    10: ((-0.2, 0.0, 0.0), (0.2, 0.0, 0.0)),  # toes
    13: ((0.0, -0.15, -0.1), (0.0, 0.1, 0.25)),  # collar
    16: ((-0.5, -1.1, -1.2), (0.5, 0.3, 0.8)),  # shoulder
    18: ((-0.2, -2.0, 0.0), (0.2, 0.0, 0.0)),  # elbow
    20: ((-0.4, -0.3, -0.6), (0.4, 0.3, 0.6)),  # wrist
}
_MIRROR = np.array([1.0, -1.0, -1.0])


def body_limits() -> tuple[Array, Array]:
    """Lowest and highest angles (22, 3) in radians of the joints that the body models share."""
    low, high = np.zeros((BODY_JOINTS, 3)), np.zeros((BODY_JOINTS, 3))
    for joint, bounds in (_MIDDLE | _LEFT).items():
        low[joint], high[joint] = bounds
    for left in _LEFT:
        ends = np.stack([low[left] * _MIRROR, high[left] * _MIRROR])
        low[left + 1], high[left + 1] = ends.min(0), ends.max(0)
    return low, high


def random_body_clip(random: np.random.Generator, frames: int, joints: int) -> Array:
    """Poses (F, 3J) of one motion through random poses; joints beyond the first 22 (fingers, face) stay as they are."""
    low, high = body_limits()
    relaxed = np.zeros_like(low)
    relaxed[[16, 17], 2] = -0.9, 0.9  # arms obliquely down
    drawn = random.uniform(low, high, (_KEYFRAMES, *low.shape))
    strength = random.uniform(0.4, 1.0, (_KEYFRAMES, 1, 1))
    keys = relaxed + strength * (drawn - relaxed)
    poses = np.zeros((frames, joints, 3))
    poses[:, :BODY_JOINTS] = through_keyframes(keys.reshape(_KEYFRAMES, -1), frames).reshape(frames, BODY_JOINTS, 3)
    return poses.reshape(frames, -1)


def random_hand_clip(random: np.random.Generator, frames: int, hand: BodyModel) -> Array:
    """Poses (F, 48) of one motion of a MANO hand through recorded poses, or random ones along their directions."""
    assert hand.hands_components is not None and hand.hands_mean is not None
    if hand.hands_coefficients is not None and len(hand.hands_coefficients):
        rows = random.integers(len(hand.hands_coefficients), size=_KEYFRAMES)
        coefficients = hand.hands_coefficients[rows]
    else:
        coefficients = np.zeros((_KEYFRAMES, 45))
        coefficients[:, :12] = np.clip(random.standard_normal((_KEYFRAMES, 12)), -2, 2)
    fingers = hand.hands_mean + coefficients @ hand.hands_components
    turn = random.uniform(-0.4, 0.4, (_KEYFRAMES, 3))
    return through_keyframes(np.concatenate([turn, fingers], axis=1), frames)


def through_keyframes(keys: Array, frames: int) -> Array:
    """(F, D) from the first to the last of ``keys`` (K, D), at rest in each of them."""
    time = np.linspace(0, len(keys) - 1, frames)
    before = np.minimum(time.astype(int), len(keys) - 2)
    fraction = (time - before)[:, None]
    fraction = fraction * fraction * (3.0 - 2.0 * fraction)
    return keys[before] * (1.0 - fraction) + keys[before + 1] * fraction


def legs_apart(joints: int) -> Array:
    """The canonical pose (3J,) of a body: the zero pose with each leg 0.5 rad to its side, as in the CAPE data of NPM.

    Legs that touch each other would have no inside and outside of their own.
    """
    pose = np.zeros((joints, 3))
    pose[1, 2], pose[2, 2] = _LEGS_APART, -_LEGS_APART
    return pose.reshape(-1)
