"""Performances that follow motion capture, with the way that the actor went, and arms that stay outside of the body."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.core.errors import InputError, Setting, remedy
from external.anny.generate import body_character
from external.anny.rig import RestBody, Rig, skin
from external.bvh.contact import swing_arms_away
from external.bvh.motion import body_motion
from external.bvh.parse import read_bvh
from external.bvh.retarget import world_rotations
from external.bvh.retargeted_clip import body_to_world
from external.scenes.movement import Performance


def arms_outside(performance: Performance, rig: Rig, body: RestBody, seconds: float) -> Performance:
    """The performance with arms swung away from the trunk where they would be in it.

    ``seconds`` lie between one frame and the next.
    """
    world = performance.poses[..., :3, :3] @ rig.reference_rotations.swapaxes(1, 2)
    test = body_character(rig, body).contact_test(body)
    mended = swing_arms_away(rig, body, world, test, seconds)
    return replace(performance, poses=mended.poses)


def captured_performance(rig: Rig, body: RestBody, path: Path, start_s: float, times_s: np.ndarray) -> Performance:
    """The motion of a BVH file from ``start_s`` seconds on, at ``times_s`` (F,) or as many of them as it has.

    The body faces +z in the first frame, the middle of its way is at the origin, and its lowest point on the floor.
    Arms that would pass through the trunk are swung away. Nobody says which feet carry the body.

    Raises:
        InputError: the file cannot be used, has fewer frames per second, or fewer than two frames after ``start_s``.
    """
    clip = read_bvh(path)
    rows = np.rint((start_s + times_s) / clip.seconds_per_frame).astype(np.int64)
    rows = rows[rows < len(clip.values)]
    if len(rows) < 2:
        seconds = len(clip.values) * clip.seconds_per_frame
        raise InputError(path, f"lasts {seconds:.1f} s, and less than two frames from {start_s:g} s on")
    if len(np.unique(rows)) < len(rows):
        text = f"has {1 / clip.seconds_per_frame:.4g} frames per second only"
        raise InputError(path, text, remedy("lower {}", Setting.FRAME_RATE))
    motion = body_motion(clip, rows)
    test = body_character(rig, body).contact_test(body)
    poses = swing_arms_away(rig, body, world_rotations(rig, body, motion), test, motion.seconds).poses
    lowest = np.array([skin(rig, body, pose[None])[0][:, 1].min() for pose in poses])
    way = body_to_world(rig, poses, motion, slice(0, len(poses)), lowest)
    back = np.eye(4)
    back[:3, :3] = way[0, :3, :3].T
    way = back @ way
    flat = way[:, [0, 2], 3]
    way[:, [0, 2], 3] -= (flat.min(axis=0) + flat.max(axis=0)) / 2
    return Performance(poses, way, np.zeros((len(poses), 2), bool))
