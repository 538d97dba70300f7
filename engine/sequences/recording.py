"""What every reader of recordings returns, and how it becomes a depth sequence: frames checked, units settled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DEFAULT_FRAME_RATE, PLAUSIBLE_DEPTH_M, DepthSequence

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
    frame_rate: float = DEFAULT_FRAME_RATE
    camera_to_world: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))
    """(4, 4); the identity says nothing about where the camera is."""
    warnings: tuple[str, ...] = ()


def finish(recording: Recording, options: CaptureOptions, progress: Progress) -> DepthSequence:
    """Check every frame of ``recording``, leave out those that fail, settle the unit.

    Frames are decoded one after the other and not kept.

    Raises:
        InputError: no frame can be used, or the unit of depth can be neither read nor guessed.
    """
    count = len(recording.frame_names)
    if count == 0:
        raise InputError(recording.path, "holds no depth frames", "record it again with the depth stream switched on")
    usable, typical = [], []
    first: InputError | None = None  # of the failures; each of them would keep its image in memory
    progress.stage("checking frames", count)
    for index in range(count):
        if progress.cancelled():
            raise Cancelled
        try:
            stored = read_checked(recording, index)
            usable.append(index)
            typical.append(float(np.median(stored[stored > 0])))
        except InputError as failure:
            first = first or InputError(failure.subject, failure.problem, failure.remedy)
        progress.advance(index + 1)
    failed = count - len(usable)
    if first is not None and not usable:
        problem = f"none of its {count} frames can be used, the first ({Path(first.subject).name}) {first.problem}"
        raise InputError(recording.path, problem, first.remedy)
    warnings = list(recording.warnings)
    if first is not None:
        problem = f"the first is {Path(first.subject).name}, which {first.problem}"
        warnings.append(f"{failed} of {count} frames skipped: {problem}")
    names = recording.frame_names
    if len(set(names)) < count:  # of several folders, or differing in their ending alone
        names = tuple(f"{index:06d}" for index in range(count))
    scale, unit_warnings = choose_scale(recording, options.depth_scale, float(np.median(typical)))
    return DepthSequence(
        name=recording.path.resolve().stem if recording.path.is_file() else recording.path.resolve().name,
        root=recording.path,
        camera=recording.camera,
        camera_to_world=recording.camera_to_world,
        frame_rate=recording.frame_rate,
        frame_names=tuple(names[index] for index in usable),
        read_frame=partial(_read_metres, recording, tuple(usable), scale),
        origin=recording.origin,
        warnings=(*warnings, *unit_warnings),
    )


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
        raise InputError(name, problem, "give the intrinsics of the depth images with --intrinsics")
    if stored.dtype.kind == "f":
        stored = np.where(np.isfinite(stored) & (stored > 0), stored, stored.dtype.type(0))
    else:
        stored = np.where((stored > 0) & (stored != _SENSOR_MAXIMUM), stored, stored.dtype.type(0))
    if not stored.any():
        raise InputError(name, "holds no valid depth (every pixel is invalid)", "check the depth stream of the camera")
    return stored


def _read_metres(recording: Recording, usable: tuple[int, ...], scale: float, index: int) -> NDArray[np.float32]:
    return (read_checked(recording, usable[index]) / scale).astype(np.float32)


def choose_scale(recording: Recording, stated: float | None, typical: float) -> tuple[float, tuple[str, ...]]:
    """Stored units per metre and what to warn of; ``typical`` is the median of the valid stored values.

    Raises:
        InputError: ``stated`` is not positive, or nothing is stated and no usual unit gives plausible depths.
    """
    if stated is not None and not (np.isfinite(stated) and stated > 0):
        raise InputError(f"--depth-scale {stated:g}", "is not a positive number", "give stored units per metre")
    near, far = PLAUSIBLE_DEPTH_M
    scale = recording.units_per_metre if stated is None else stated
    if scale is not None:
        if near <= typical / scale <= far:
            return scale, ()
        cure = "correct it with --depth-scale UNITS_PER_METRE if that is wrong"
        reason = f"median depth is {typical / scale:.4g} m at {scale:g} units per metre, outside {near:g} to {far:g} m"
        return scale, (f"{reason}; {cure}",)
    if recording.expected_units and near <= typical / recording.expected_units <= far:
        return recording.expected_units, ()
    guess = next((s for s in _UNITS_PER_METRE if near <= typical / s <= far), None)
    if guess is None:
        problem = f"does not state its unit of depth, and a median of {typical:.4g} fits none of the usual ones"
        raise InputError(recording.path, problem, "give --depth-scale UNITS_PER_METRE, 1000 for millimetres")
    found = f"depth scale guessed: {guess:g} units per metre gives a median depth of {typical / guess:.2f} m"
    return guess, (f"{found}; state it with --depth-scale if that is wrong",)


def frame_rate_of(times_s: Sequence[float] | NDArray[np.floating[Any]]) -> float:
    """Frames per second from time stamps (F,) in seconds; the default where they say nothing."""
    steps = np.diff(np.asarray(times_s, np.float64))
    steps = steps[np.isfinite(steps) & (steps > 1e-4)]
    if len(steps) == 0:
        return DEFAULT_FRAME_RATE
    usual = np.abs(steps / np.median(steps) - 1) < 0.5  # their mean: time stamps may be rounded to milliseconds
    return round(float(1 / steps[usual].mean()), 3)


def motion_warnings(camera_to_world: NDArray[np.floating[Any]]) -> tuple[str, ...]:
    """A warning where camera poses (F, 4, 4), metres, move by more than 3 cm or turn by more than 2 degrees."""
    poses = np.asarray(camera_to_world, np.float64)
    poses = poses[np.isfinite(poses).all(axis=(1, 2))]
    if len(poses) < 2:
        return ()
    moved = float(np.linalg.norm(poses[:, :3, 3] - poses[0, :3, 3], axis=1).max())
    cosine = (np.einsum("fij,ij->f", poses[:, :3, :3], poses[0, :3, :3]) - 1) / 2
    turned = float(np.degrees(np.arccos(np.clip(cosine.min(), -1, 1))))
    if moved < 0.03 and turned < 2:
        return ()
    text = f"the camera moves by {moved:.2f} m and turns by {turned:.0f} degrees; a fit takes it to stand still"
    return (text,)
