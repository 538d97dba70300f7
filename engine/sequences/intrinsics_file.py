"""``intrinsics.json`` of a depth sequence folder: the camera, when its frames were taken, and from where.

`engine.sequences.depth_sequence` says what its keys are.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.core.errors import InputError, in_words
from engine.core.files import write_json
from engine.core.text_file import number_of
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World, are_rigid, stands_still
from engine.sequences.mesh_sequence import frame_rate_of, regular_times
from engine.sequences.timing import DEFAULT_FRAME_RATE, is_regular

DEFAULT_DEPTH_SCALE = 1000.0
INTRINSICS_REMEDY = (
    "it must give width, height, fx, fy, cx and cy in pixels, and depth_scale, the stored units per metre, if not 1000"
)
_POSE_REMEDY = (
    "give a 4x4 rigid transform as rows, rotation and metres, one for all frames or one for each, or remove it"
)
_TIMES_REMEDY = "give one increasing number of seconds per frame, or remove it and give frame_rate"


def write_intrinsics(
    folder: Path,
    camera: PinholeCamera,
    camera_to_world: ArrayLike | None,
    timing: float | ArrayLike | None,
    depth_scale: float = DEFAULT_DEPTH_SCALE,
    world: World = World.PLACED,
) -> None:
    """Write ``folder/intrinsics.json``.

    Args:
        camera_to_world: (4, 4) or (F, 4, 4) rigid, OpenCV camera axes to world metres; None where nobody knows.
        timing: frames per second, increasing time stamps (F,) in seconds, or None where nobody knows.
        depth_scale: stored units per metre.
        world: what is known of the world of ``camera_to_world``.
    """
    description: dict[str, Any] = {**asdict(camera), "depth_scale": depth_scale}
    if camera_to_world is not None:
        poses = np.asarray(camera_to_world, np.float64)
        if poses.ndim == 3 and stands_still(poses):
            poses = poses[0]
        description["camera_to_world"] = poses.tolist()
        if world is not World.PLACED:
            description["world"] = world.name.lower()
    if timing is not None:
        times_s = np.asarray(timing, np.float64)
        rate = float(times_s) if times_s.ndim == 0 else frame_rate_of(times_s, DEFAULT_FRAME_RATE)
        description["frame_rate"] = rate
        if times_s.ndim == 1 and not is_regular(times_s, rate):
            description["times_s"] = times_s.tolist()
    write_json(folder / "intrinsics.json", description)


def camera_of(description: Any, source: Path) -> PinholeCamera:
    """The camera that the JSON ``description`` of file ``source`` gives: width, height, fx, fy, cx and cy in pixels.

    Raises:
        InputError: something is missing or no camera.
    """
    if not isinstance(description, dict):
        raise InputError(source, "does not describe a camera", INTRINSICS_REMEDY)
    missing = [key for key in ("width", "height", "fx", "fy", "cx", "cy") if key not in description]
    if missing:
        raise InputError(source, f"lacks {', '.join(missing)}", INTRINSICS_REMEDY)
    try:
        width, height = (int(number_of(description[key])) for key in ("width", "height"))
        return PinholeCamera(width, height, *(number_of(description[key]) for key in ("fx", "fy", "cx", "cy")))
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(source, f"does not describe a camera{in_words(error)}", INTRINSICS_REMEDY) from None


def positive_of(description: dict[str, Any], key: str, default: float, source: Path) -> float:
    """A positive number of the JSON ``description`` of file ``source``.

    Raises:
        InputError: it is none.
    """
    try:
        value = float(description.get(key, default))
    except (TypeError, ValueError):
        value = float("nan")
    if not (np.isfinite(value) and value > 0):
        raise InputError(source, f"{key} must be a positive number, is {description[key]!r}", "correct or remove it")
    return value


def times_of(description: dict[str, Any], count: int, source: Path) -> NDArray[np.float64]:
    """Time stamps (F,) in seconds of ``count`` frames: as stated, or regular at the stated or usual frame rate.

    Raises:
        InputError: they are not ``count`` finite increasing numbers, or the frame rate is not positive.
    """
    rate = positive_of(description, "frame_rate", DEFAULT_FRAME_RATE, source)
    if "times_s" not in description:
        return regular_times(count, rate)
    try:
        times_s = np.array(description["times_s"], np.float64)
    except (TypeError, ValueError):
        raise InputError(source, "times_s is not a list of numbers", _TIMES_REMEDY) from None
    if times_s.shape != (count,):
        raise InputError(source, f"times_s must hold {count} numbers, one per frame, is {times_s.shape}", _TIMES_REMEDY)
    if not np.isfinite(times_s).all():
        raise InputError(source, "times_s holds numbers that are not finite", _TIMES_REMEDY)
    if (np.diff(times_s) <= 0).any():
        frame = int(np.flatnonzero(np.diff(times_s) <= 0)[0]) + 1
        raise InputError(source, f"times_s does not increase: frame {frame} is not after the one before", _TIMES_REMEDY)
    return times_s


def camera_to_world_of(description: dict[str, Any], source: Path) -> NDArray[np.float64]:
    """The pose (4, 4) that the JSON ``description`` of file ``source`` gives; the identity when it gives none.

    Raises:
        InputError: it is not one rigid transform.
    """
    pose = _rigid_of(description, source)
    if pose.ndim != 2:
        raise InputError(source, f"camera_to_world must be 4x4, is {pose.shape}", _POSE_REMEDY)
    return pose


def poses_of(description: dict[str, Any], count: int, source: Path) -> NDArray[np.float64]:
    """Poses (F, 4, 4) of ``count`` frames from a description that gives one for each, or one for all, or none.

    Raises:
        InputError: they are not rigid transforms, or not as many.
    """
    poses = _rigid_of(description, source)
    if poses.ndim == 2:
        return np.tile(poses, (count, 1, 1))
    if len(poses) != count:
        raise InputError(source, f"camera_to_world holds {len(poses)} poses for {count} frames", _POSE_REMEDY)
    return poses


def world_of(description: dict[str, Any], source: Path) -> World:
    """What the JSON ``description`` of file ``source`` says of the world of its poses; placed when it says nothing.

    Raises:
        InputError: it names no such world.
    """
    name = description.get("world", World.PLACED.name.lower())
    known = {world.name.lower(): world for world in World}
    if name not in known:
        raise InputError(source, f"world must be one of {', '.join(known)}, is {name!r}", "correct or remove it")
    return known[name]


def _rigid_of(description: dict[str, Any], source: Path) -> NDArray[np.float64]:
    try:
        poses = np.array(description.get("camera_to_world", np.eye(4).tolist()), np.float64)
    except (TypeError, ValueError):
        raise InputError(source, "camera_to_world is not a 4x4 matrix of numbers", _POSE_REMEDY) from None
    if poses.shape[-2:] != (4, 4) or poses.ndim > 3:
        raise InputError(source, f"camera_to_world must be 4x4, is {poses.shape}", _POSE_REMEDY)
    if not np.isfinite(poses).all():
        raise InputError(source, "camera_to_world holds numbers that are not finite", _POSE_REMEDY)
    if not are_rigid(poses).all():
        raise InputError(source, "camera_to_world is not a rigid transform", _POSE_REMEDY)
    return poses
