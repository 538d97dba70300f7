"""What every reader of recordings returns, and how it becomes a depth sequence: frames checked, units settled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, Choice, InputError, Notice, Setting, remedy
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import CameraPath, World, settle_poses
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import PLAUSIBLE_DEPTH_M, DepthSequence
from engine.sequences.mesh_sequence import regular_times
from engine.sequences.timing import DEFAULT_FRAME_RATE, Timing, settle_times

MAX_PIXELS = 2**25
"""Larger images are refused before they are decoded; depth cameras give a tenth of that at most."""

_UNITS_PER_METRE = (1000.0, 5000.0, 4000.0, 10000.0, 1.0)
"""Guesses in order of how common they are: millimetres, TUM, RealSense L515, a tenth of a millimetre, metres."""

_SENSOR_MAXIMUM = 65535


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording whose index has been read, and none of its frames."""

    path: Path
    origin: str
    """What it was recognised as, and why."""
    camera: PinholeCamera
    frame_names: tuple[str, ...]
    read_stored: Callable[[int], NDArray[Any]]
    """Image (H, W) of one frame as it is stored, integers or floating point; raises InputError where damaged."""
    units_per_metre: float | None
    """As the format or the recording states it; None leaves it to be guessed."""
    expected_units: float | None = None
    """What such a recording has as a rule: taken without a warning where it is plausible."""
    times_s: NDArray[np.float64] | None = None
    """(F,) seconds as the camera wrote them down, not finite where one is missing; None where there are none."""
    frame_rate: float | None = None
    """As stated, where there are no time stamps."""
    cameras_to_world: NDArray[np.float64] | None = None
    """(F, 4, 4) OpenCV camera axes to metres of ``world``, not finite where a frame has none; None where there are
    none. The identity in all frames says nothing."""
    world: World = World.PLACED
    warnings: tuple[Notice, ...] = ()


def finish(recording: Recording, options: CaptureOptions, progress: Progress) -> DepthSequence:
    """Check every frame of ``recording``, leave out those that fail, settle the unit, time stamps and camera poses.

    Frames are decoded one after the other and not kept.

    Raises:
        InputError: no frame can be used, or the unit of depth can be neither read nor guessed.
    """
    count = len(recording.frame_names)
    if count == 0:
        raise InputError(recording.path, "holds no depth frames", "record it again with the depth stream switched on")
    timing = Timing(np.arange(count)) if recording.times_s is None else settle_times(recording.times_s)
    usable, typical, skipped = _check_frames(recording, timing.kept, progress)
    names = recording.frame_names
    if len(set(names)) < count:  # of several folders, or differing in their ending alone
        names = tuple(f"{index:06d}" for index in range(count))
    scale, unit_warnings = choose_scale(recording, options.depth_scale, typical)
    path = CameraPath(np.arange(len(usable)))
    if recording.cameras_to_world is not None:
        path = settle_poses(recording.cameras_to_world[usable], [names[index] for index in usable])
    kept = usable[path.kept]
    if timing.times_s is None:
        times_s = regular_times(len(kept), recording.frame_rate or DEFAULT_FRAME_RATE)
    else:
        times_s = timing.times_s[np.searchsorted(timing.kept, kept)]
    return DepthSequence(
        name=recording.path.resolve().stem if recording.path.is_file() else recording.path.resolve().name,
        root=recording.path,
        camera=recording.camera,
        frame_names=tuple(names[index] for index in kept),
        times_s=times_s,
        read_frame=partial(_read_metres, recording, tuple(kept.tolist()), scale),
        cameras_to_world=path.poses,
        world=recording.world,
        times_assumed=recording.times_s is None and recording.frame_rate is None,
        origin=recording.origin,
        warnings=(*recording.warnings, *skipped, *unit_warnings, *timing.warnings, *path.warnings),
    )


def _check_frames(
    recording: Recording, asked: NDArray[np.intp], progress: Progress
) -> tuple[NDArray[np.intp], float, tuple[Notice, ...]]:
    """Of the frames ``asked`` (A,) those (K,) that can be used, the median of their stored depths, what was skipped.

    Raises:
        InputError: none can be used.
    """
    usable, typical = [], []
    first: InputError | None = None  # of the failures; each of them would keep its image in memory
    progress.stage("checking frames", len(asked))
    for done, index in enumerate(asked.tolist(), start=1):
        if progress.cancelled():
            raise Cancelled
        try:
            stored = read_checked(recording, index)
            usable.append(index)
            typical.append(float(np.median(stored[stored > 0])))
        except InputError as failure:
            first = first or InputError(failure.subject, failure.problem, failure.remedy)
        progress.advance(done)
    if first is None:
        return asked, float(np.median(typical)), ()
    count = len(asked)
    if not usable:
        problem = f"none of its {count} frames can be used, the first ({Path(first.subject).name}) {first.problem}"
        raise InputError(recording.path, problem, first.remedy)
    problem = f"the first is {Path(first.subject).name}, which {first.problem}"
    text = f"{count - len(usable)} of {count} frames skipped: {problem}"
    return np.array(usable), float(np.median(typical)), (Notice(text),)


def read_checked(recording: Recording, index: int) -> NDArray[Any]:
    """Stored image (H, W) of one frame, invalid pixels 0.

    Raises:
        InputError: the frame is damaged, of another size than the camera's, or without a valid pixel.
    """
    stored, camera = recording.read_stored(index), recording.camera
    name = f"{recording.path} frame {recording.frame_names[index]}"
    if stored.ndim != 2 or stored.shape != (camera.height, camera.width):
        size = "x".join(str(length) for length in stored.shape[::-1])
        problem = f"is {size} pixels, the intrinsics say {camera.width}x{camera.height}"
        raise InputError(name, problem, remedy("give the depth images' own with {}", Setting.INTRINSICS))
    if stored.dtype.kind == "f":
        stored = np.where(np.isfinite(stored) & (stored > 0), stored, stored.dtype.type(0))
    else:
        stored = np.where((stored > 0) & (stored != _SENSOR_MAXIMUM), stored, stored.dtype.type(0))
    if not stored.any():
        raise InputError(name, "holds no valid depth (every pixel is invalid)", "check the depth stream of the camera")
    return stored


def _read_metres(recording: Recording, usable: tuple[int, ...], scale: float, index: int) -> NDArray[np.float32]:
    return (read_checked(recording, usable[index]) / scale).astype(np.float32)


def choose_scale(recording: Recording, stated: float | None, typical: float) -> tuple[float, tuple[Notice, ...]]:
    """Stored units per metre and what to warn of; ``typical`` is the median of the valid stored values.

    Raises:
        InputError: ``stated`` is not positive, or nothing is stated and no usual unit gives plausible depths.
    """
    if stated is not None and not (np.isfinite(stated) and stated > 0):
        raise InputError(
            Choice(Setting.DEPTH_UNITS, f"{stated:g}"), "is not a positive number", "give stored units per metre"
        )
    near, far = PLAUSIBLE_DEPTH_M
    scale = recording.units_per_metre if stated is None else stated
    if scale is not None:
        if near <= typical / scale <= far:
            return scale, ()
        fix = remedy("correct {} if that is wrong", Setting.DEPTH_UNITS)
        reason = f"median depth is {typical / scale:.4g} m at {scale:g} units per metre, outside {near:g} to {far:g} m"
        return scale, (Notice(reason, fix),)
    if recording.expected_units and near <= typical / recording.expected_units <= far:
        return recording.expected_units, ()
    guess = next((s for s in _UNITS_PER_METRE if near <= typical / s <= far), None)
    if guess is None:
        problem = f"does not state its unit of depth, and a median of {typical:.4g} fits none of the usual ones"
        fix = remedy("give {}, 1000 for millimetres", Setting.DEPTH_UNITS)
        raise InputError(recording.path, problem, fix)
    found = f"depth scale guessed: {guess:g} units per metre gives a median depth of {typical / guess:.2f} m"
    return guess, (Notice(found, remedy("state {} if that is wrong", Setting.DEPTH_UNITS)),)
