"""Sequences of a body from a motion: retargeted, kept out of itself, checked, and with its path through the world."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from external.anny.character import LARGEST_COORDINATE, Character, VertexSequence
from external.anny.rig import Array, RestBody, Rig
from external.bvh.check import LARGEST_DEGREES, deviations, direction_errors
from external.bvh.contact import LARGEST_SWING, Mended, swing_arms_away
from external.bvh.motion import BodyMotion
from external.bvh.retarget import part_lines, world_rotations

_FRAMES_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class RetargetedClip:
    """Makes a sequence of a body from a motion.

    Arms that would pass through the body are swung away from it. Of the frames, the longest stretch is kept in which
    no limb does so nevertheless and all is inside the cube.
    """

    name: str
    motion: BodyMotion
    with_path: bool = False

    def __call__(self, character: Character, body: RestBody) -> VertexSequence:
        rig = character.rig
        world = world_rotations(rig, body, self.motion)
        mended = swing_arms_away(rig, body, world, character.contact_test(body), self.motion.seconds)
        vertices = np.empty((len(world), len(body.vertices), 3), np.float16)
        for start in range(0, len(world), _FRAMES_AT_ONCE):
            rows = slice(start, start + _FRAMES_AT_ONCE)
            vertices[rows] = character.vertices(body, mended.poses[rows])
        outside = np.array([np.abs(frame).max() > LARGEST_COORDINATE for frame in vertices])
        kept = longest_stretch(~(mended.in_contact | outside))
        errors = direction_errors(rig, mended.poses, self.motion)
        notes = [*_swung(mended), *_left_out(mended.in_contact, outside, kept), *_off(errors, mended)]
        path = None
        if self.with_path and len(vertices[kept]):
            lowest = [character.similarity.to_world(frame.astype(np.float32))[:, 1].min() for frame in vertices[kept]]
            path = body_to_world(rig, mended.poses[kept], self.motion, kept, np.array(lowest))
        return VertexSequence(self.name, vertices[kept], f"{self.name}: {'; '.join(notes)}" if notes else "", path)


def longest_stretch(usable: NDArray[np.bool_]) -> slice:
    """The longest run of true values in ``usable`` (F,), the first of several."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], usable.astype(np.int8), [0]])))
    if len(edges) == 0:
        return slice(0, 0)
    starts, ends = edges[::2], edges[1::2]
    longest = int((ends - starts).argmax())
    return slice(int(starts[longest]), int(ends[longest]))


def body_to_world(rig: Rig, poses: Array, motion: BodyMotion, kept: slice, lowest_m: Array) -> Array:
    """Where the body, whose root is at the origin, was in the world: rigid transforms (F, 4, 4) in metres, y up.

    The path of the source's hips, longer or shorter as the legs are, so that feet that stood still still do. The lowest
    point of the clip lies on the floor at y = 0.

    Args:
        poses: bone poses (F, B, 4, 4) of the frames ``kept`` of the ``motion``.
        lowest_m: height (F,) of the lowest vertex above the root.
    """
    heads = poses[..., :3, 3]
    lines = part_lines(rig, heads)
    legs = [np.linalg.norm(lines[f"{part}.{side}"], axis=1) for side in "LR" for part in ("thigh", "shin")]
    hips = heads[:, [rig.bone(f"upperleg01.{side}") for side in "LR"]].mean(axis=1)
    cosine, sine = np.cos(motion.heading), np.sin(motion.heading)
    path = np.zeros((len(poses), 4, 4))
    path[:, :3, :3] = [[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]]
    path[:, :3, 3] = np.median(np.sum(legs, axis=0)) / 2 * motion.root[kept] - hips @ path[0, :3, :3].T
    path[:, 1, 3] -= (path[:, 1, 3] + lowest_m).min()
    path[:, 3, 3] = 1.0
    return path


def _swung(mended: Mended) -> list[str]:
    """What was done to the arms, and why, as far as it shows."""
    found = []
    for name, degrees in zip(("left", "right"), np.degrees(mended.swings.T), strict=True):
        shows = degrees > LARGEST_DEGREES
        if shows.any():
            found.append(f"{name} arm by up to {degrees.max():.0f} degrees in {shows.sum()} of {len(shows)} frames")
    return [f"swung away from this body, which it would pass through: {', '.join(found)}"] if found else []


def _left_out(contact: NDArray[np.bool_], outside: NDArray[np.bool_], kept: slice) -> list[str]:
    """Which frames are not used, and why."""
    if kept == slice(0, len(contact)):
        return []
    reasons = (
        (contact, f"with limbs in the body that no swing of the arms by {np.degrees(LARGEST_SWING):.0f} degrees frees"),
        (outside, "outside the cube"),
    )
    why = " and ".join(f"{reason.sum()} {text}" for reason, text in reasons if reason.any())
    what = f"frames {kept.start} to {kept.stop - 1} kept" if kept.stop > kept.start else "left out"
    return [f"{what}, of {len(contact)} frames {why}"]


def _off(errors: dict[str, Array], mended: Mended) -> list[str]:
    """Where the body points elsewhere than the source, apart from arms that were swung away."""
    own = {}
    for part, degrees in errors.items():
        is_arm = part.startswith(("upperarm", "forearm", "hand"))
        own[part] = degrees[mended.swings[:, "LR".index(part[-1])] == 0] if is_arm else degrees
    said = deviations(own)
    if not said:
        return []
    off = np.any([degrees > LARGEST_DEGREES for degrees in errors.values()], axis=0) & ~mended.swings.any(axis=1)
    blamed = int((off & mended.in_contact).sum())
    return [said + (f", among them {blamed} of the frames with limbs in the body" if blamed else "")]
