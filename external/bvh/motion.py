"""A motion of a body, whoever's: from the joints of a BVH clip to frames of the parts of a body.

What a file's pose of zeros looks like, and how the axes of its joints lie, does not matter: all comes from the
positions of joints in the frames of the clip (`BvhClip.posed`), which are the same whatever the axes. A part of the
body points where its joints lie. How it is turned about that direction is taken from its joint's rotation, which is
known up to a constant, namely how the joint's axes lie in the part. The constant is the one by which, over the clip,

* hips, spine, chest and head coincide on the average with the trunk, most of all in the frames in which one stands
  upright;
* elbows and knees bend about their hinge, as far as they bend at all (where they clearly do, the plane of the bent limb
  tells how thigh and upper arm are turned, and their joint's rotation nothing more);
* everything else is not twisted on the average: it goes on from what it hangs on by the shortest turn.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.core.errors import Notice
from external.bvh.clip import Array, BvhClip, Posed, Rows
from external.bvh.joint_names import find_body_joints
from external.bvh.limb_lines import Lines, limb_lines
from external.bvh.rotations import between, dot, fitted, frames_of, shortest_turns, twists, unit
from external.bvh.skeleton import BodyJoints, spoken
from external.bvh.vertical import upright_turn

ABOVE = {"shin": "thigh", "foot": "shin", "upperarm": "clavicle", "forearm": "upperarm", "hand": "forearm"}
_CALIBRATION_FRAMES = 600
_LEANING = 8.0
"""How soon frames in which one does not stand upright stop to count."""
_UNBENT = 0.03
"""Squared sine of the bend from which a hinge is trusted more than an untwisted limb."""
_BENT = (np.sin(np.radians(15.0)), np.sin(np.radians(30.0)))
"""Sines of the bends from which the plane of a bent limb begins to tell how it is turned, and alone does."""
_PLAUSIBLE = {"clavicle": np.radians(25.0), "foot": np.radians(45.0)}
"""How far they may lie from those of a body on the average; feet of dancers and runners point down."""
_FOOT = np.array([0.0, np.sin(0.36), -np.cos(0.36)])
"""Of a foot at rest, in the frame of its shin (hinge, down, back)."""


@dataclass(frozen=True, eq=False)
class BodyMotion:
    """A motion in Anny's axes (x left, y up, z front), turned so that it faces +z in its first frame.

    Frames are rotations (F, 3, 3): left, up and front of the trunk; of limbs the hinge about which they bend (left
    for a leg), the direction in which they point, and the cross product of these.
    """

    hips: Array
    spine: tuple[Array, ...]
    """Above the hips, the chest last."""
    neck: tuple[Array, ...]
    head: Array | None
    limbs: Mapping[str, Array]
    """By part and side, such as ``thigh.L``; what the skeleton does not have is left out."""
    directions: Mapping[str, Array]
    """Unit vectors (F, 3) from joint to joint in the source: ``trunk``, from the hips to the arms, and limbs."""
    root: Array
    """(F, 3) where the middle between the thighs is, y up, in lengths of a leg; not turned to face +z."""
    heading: float
    """Angle in radians about y that was taken off."""
    seconds: float
    """Between one frame and the next, on the average."""
    notices: tuple[Notice, ...] = ()

    @property
    def chest(self) -> Array:
        return self.spine[-1] if self.spine else self.hips


def body_motion(clip: BvhClip, rows: Rows = slice(None)) -> BodyMotion:
    """What the chosen frames of a clip say, free of the names, axes and units of its skeleton.

    Raises:
        InputError: the parts of a body cannot be found in the skeleton, or it has no size.
    """
    joints = find_body_joints(clip)
    chosen = np.arange(len(clip.values))[rows]
    calibration = np.unique(np.linspace(0, len(clip.values) - 1, _CALIBRATION_FRAMES).astype(np.int64))
    posed = clip.posed(np.concatenate([chosen, calibration]))
    lines = limb_lines(clip, joints, posed)
    known = slice(-len(calibration), None)
    upright, said = upright_turn(clip.path, lines.of(known), posed.positions[known])
    posed = Posed(upright @ posed.rotations, posed.positions @ upright.T)
    frames = _Frames(clip, joints, posed, lines.turned(upright), len(calibration))
    front = frames.hips[0, :, 2] if abs(frames.hips[0, 1, 2]) < 0.9 else -frames.hips[0, :, 1]  # of one who lies
    angle = float(np.arctan2(front[0], front[2]))
    cosine, sine = np.cos(angle), np.sin(angle)
    heading = np.array([[cosine, 0.0, -sine], [0.0, 1.0, 0.0], [sine, 0.0, cosine]])
    kept = slice(0, len(chosen))
    return BodyMotion(
        heading @ frames.hips[kept],
        tuple(heading @ frame[kept] for frame in frames.spine),
        tuple(heading @ frame[kept] for frame in frames.neck),
        None if frames.head is None else heading @ frames.head[kept],
        {part: heading @ frame[kept] for part, frame in frames.limbs.items()},
        {part: along[kept] @ heading.T for part, along in frames.lines.directions().items()},
        frames.lines.hips[kept] / frames.lines.leg_length(),
        angle,
        clip.seconds_per_frame * (int(chosen[-1] - chosen[0]) / (len(chosen) - 1) if len(chosen) > 1 else 1.0),
        (*joints.notices, *said, *frames.notices),
    )


class _Frames:
    """Frames of the parts in all posed frames, of which the last are those that constants are taken from."""

    def __init__(self, clip: BvhClip, joints: BodyJoints, posed: Posed, lines: Lines, calibration: int) -> None:
        self.lines, self.notices = lines, list[Notice]()
        self._name, self._rotations = clip.path.name, posed.rotations
        self._known = slice(len(posed.positions) - calibration, None)
        thighs = unit(lines.limbs["thigh.L"]) + unit(lines.limbs["thigh.R"])
        self._standing = np.exp(-_LEANING * (1.0 + dot(unit(thighs), unit(lines.trunk))))[self._known]
        low, high = (_trunk_frames(left, lines.trunk) for left in (lines.across_hips, lines.across_chest))
        self.hips = self._fitted(joints.hips, low)
        count = max(len(joints.spine), 1)
        self.spine = tuple(
            self._fitted(joint, between(low, high, number / count)) for number, joint in enumerate(joints.spine, 1)
        )
        self.chest = self.spine[-1] if self.spine else self.hips
        self.neck = tuple(self._fitted(joint, self.chest) for joint in joints.neck)
        self.head = None if joints.head is None else self._fitted(joints.head, self.chest)
        self.limbs: dict[str, Array] = {}
        for side in "LR":
            self._leg(joints.limbs, side)
            self._arm(joints.limbs, side)

    def _fitted(self, joint: int, wanted: Array) -> Array:
        """The frames (F, 3, 3) of a joint of the trunk that on the average are as ``wanted`` (F, 3, 3)."""
        return fitted(self._rotations[:, joint], [(self._standing, wanted[self._known])])

    def _leg(self, joints: Mapping[str, int], side: str) -> None:
        thigh, shin, foot = (f"{part}.{side}" for part in ("thigh", "shin", "foot"))
        down = frames_of(np.array([1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0]))
        self._hinged(joints, thigh, shin, self.hips @ down)
        if foot in joints:
            rest = self.limbs[shin] @ frames_of(np.array([1.0, 0.0, 0.0]), _FOOT)
            self._hanging(joints[foot], foot, rest, self._plausible(foot, rest, np.ones(len(rest))))

    def _arm(self, joints: Mapping[str, int], side: str) -> None:
        upper, fore, hand, collar = (f"{part}.{side}" for part in ("upperarm", "forearm", "hand", "clavicle"))
        sign = {"L": 1.0, "R": -1.0}[side]
        out = frames_of(np.array([0.0, 0.0, 1.0]), np.array([sign, -0.14, 0.0]))
        if collar in self.lines.limbs:
            hanging = np.clip(-dot(unit(self.lines.limbs[upper]), unit(self.lines.trunk)), 0.05, 1.0) ** 3
            along = self._plausible(collar, self.chest @ out, hanging)
            assert along is not None
            self.limbs[collar] = shortest_turns(self.chest @ out[:, 1], along) @ (self.chest @ out)
        # Half way between hanging and held out to the side, the elbow bending to the front.
        half_way = frames_of(np.array([-1.0, -sign, 0.0]), np.array([sign, -1.0, 0.0]))
        self._hinged(joints, upper, fore, self.chest @ half_way)
        if hand in joints:
            self._hanging(joints[hand], hand, self.limbs[fore], self.lines.limbs.get(hand), self.lines.thumbs.get(hand))

    def _hinged(self, joints: Mapping[str, int], upper: str, lower: str, rest: Array) -> None:
        """Thigh and shin, or upper arm and forearm; ``rest`` (F, 3, 3) is the upper one's frame at rest."""
        first, second = unit(self.lines.limbs[upper]), unit(self.lines.limbs[lower])
        hinge = np.cross(first, second)
        bend = dot(hinge, hinge)[self._known]
        for part, along in ((upper, first), (lower, second)):
            above = rest if part == upper else self.limbs[upper]
            untwisted = shortest_turns(above[:, :, 1], along) @ above
            bent = np.where(bend[:, None, None] > 1e-6, frames_of(hinge, along)[self._known], 0.0)
            evidence = ((np.full(len(bend), _UNBENT), untwisted[self._known]), (bend, bent))
            self.limbs[part] = _pointing(fitted(self._rotations[:, joints[part]], evidence), along)
        self.limbs[upper] = _bending(self.limbs[upper], hinge)

    def _hanging(self, joint: int, part: str, rest: Array, along: Array | None, thumb: Array | None = None) -> None:
        """A hand or a foot: ``rest`` (F, 3, 3) is its frame if it goes on from what it hangs on.

        Where ``along`` (F, 3) is not known it is what it is at rest on the average; a hand's ``thumb`` side is a known
        direction (F, 3).
        """
        wanted = rest if along is None else shortest_turns(rest[:, :, 1], along) @ rest
        if thumb is not None and along is not None:
            wanted = frames_of(np.cross(along, thumb), along)  # at rest the thumb lies across the hinge of the elbow
        weights = np.ones(len(self._standing))
        frames = fitted(self._rotations[:, joint], [(weights, wanted[self._known])])
        self.limbs[part] = frames if along is None else _pointing(frames, along)

    def _plausible(self, part: str, rest: Array, weights: Array) -> Array | None:
        """Where a part points (F, 3): where the source's does.

        If that is elsewhere than in bodies, whose frames at rest are ``rest`` (F, 3, 3), on the average over frames
        with ``weights`` (F,): as far from there as the source's is from its mean.
        """
        along = self.lines.limbs.get(part)
        if along is None:
            return None
        own = np.einsum("fji,fj->fi", rest, unit(along))
        mean = unit(weights[self._known] @ own[self._known])
        off = float(np.arccos(np.clip(mean[1], -1.0, 1.0)))
        if off <= _PLAUSIBLE[part[:-2]]:
            return unit(along)
        text = (
            f"{self._name}: the {spoken(part)} lies {np.degrees(off):.0f} degrees off a body's on the average; it is "
            "moved as the source's is, from where a body has it"
        )
        self.notices.append(Notice(text))
        return np.asarray(np.einsum("fij,fj->fi", rest, own @ shortest_turns(mean, np.array([0.0, 1.0, 0.0])).T))


def _pointing(frames: Array, along: Array) -> Array:
    """The ``frames`` (F, 3, 3) by the shortest turn so that they point ``along`` (F, 3)."""
    return shortest_turns(frames[:, :, 1], along) @ frames


def _bending(frames: Array, hinge: Array) -> Array:
    """The ``frames`` (F, 3, 3) of a limb, turned about it so that its first axis is the ``hinge`` (F, 3).

    Where that is long enough to be known: it has the length of the sine of the bend.
    """
    sine = np.linalg.norm(hinge, axis=1)
    off = np.arctan2(dot(hinge, frames[:, :, 2]), dot(hinge, frames[:, :, 0]))
    known = np.clip((sine - _BENT[0]) / (_BENT[1] - _BENT[0]), 0.0, 1.0)
    return twists(frames[:, :, 1], -known * off) @ frames


def _trunk_frames(left: Array, up: Array) -> Array:
    """Left, up and front (F, 3, 3) with the direction of ``left`` (F, 3) kept."""
    x = unit(left)
    y = unit(up - dot(up, x)[:, None] * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)
