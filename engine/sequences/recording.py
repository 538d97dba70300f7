"""What every reader of recordings returns, and how it becomes a depth sequence: frames checked, units settled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError, Notice, Setting, remedy
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import CameraPath, World, settle_poses
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.depth_unit import DepthUnit, DepthValues, Stated, settle_unit
from engine.sequences.empty_frames import settle_empty
from engine.sequences.mesh_sequence import regular_times
from engine.sequences.reading_ahead import reading_ahead
from engine.sequences.timing import DEFAULT_FRAME_RATE, Timing, numbered_times, settle_times

MAX_PIXELS = 2**25
"""Larger images are refused before they are decoded; depth cameras give a tenth of that at most."""

_SENSOR_MAXIMUM = 65535
_EMPTY = "holds no valid depth (every pixel is invalid)", "check the depth stream of the camera"


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
    expected_of: str = ""
    """What kind of recordings has that."""
    times_s: NDArray[np.float64] | None = None
    """(F,) seconds as the camera wrote them down, not finite where one is missing; None where there are none."""
    frame_rate: float | None = None
    """As stated, where there are no time stamps."""
    cameras_to_world: NDArray[np.float64] | None = None
    """(F, 4, 4) OpenCV camera axes to metres of ``world``, not finite where a frame has none; None where there are
    none. The identity in all frames says nothing."""
    world: World = World.PLACED
    warnings: tuple[Notice, ...] = ()
    streams: tuple[str, ...] = ()
    """Names of the streams of depth that can be chosen, where there are several."""


def finish(recording: Recording, options: CaptureOptions, progress: Progress) -> DepthSequence:
    """Check every frame of ``recording``, leave out those that fail, settle the unit, time stamps and camera poses.

    Frames are decoded a few at once and not kept.

    Raises:
        InputError: no frame can be used, or the unit of depth can be neither read nor guessed.
    """
    count = len(recording.frame_names)
    if count == 0:
        raise InputError(recording.path, "holds no depth frames", "record it again with the depth stream switched on")
    timing = Timing(np.arange(count)) if recording.times_s is None else settle_times(recording.times_s)
    usable, values, notices = _check_frames(recording, timing.kept, progress)
    names = recording.frame_names
    if len(set(names)) < count:  # of several folders, or differing in their ending alone
        names = tuple(f"{index:06d}" for index in range(count))
    stated = Stated(options.depth_scale, recording.units_per_metre, recording.expected_units, recording.expected_of)
    unit = settle_unit(recording.path, stated, values)
    path = CameraPath(np.arange(len(usable)))
    if recording.cameras_to_world is not None:
        path = settle_poses(recording.cameras_to_world[usable], [names[index] for index in usable])
    kept = usable[path.kept]
    assumed: tuple[Notice, ...] = ()
    if timing.times_s is not None:
        times_s = timing.times_s[np.searchsorted(timing.kept, kept)]
    elif recording.frame_rate is not None:
        times_s = regular_times(len(kept), recording.frame_rate)
    else:
        numbered, assumed = numbered_times(names, DEFAULT_FRAME_RATE)
        times_s = numbered[kept]
    return DepthSequence(
        name=recording.path.resolve().stem if recording.path.is_file() else recording.path.resolve().name,
        root=recording.path,
        camera=recording.camera,
        frame_names=tuple(names[index] for index in kept),
        times_s=times_s,
        read_frame=partial(_read_metres, recording, tuple(kept.tolist()), unit),
        cameras_to_world=path.poses,
        world=recording.world,
        times_assumed=recording.times_s is None and recording.frame_rate is None,
        origin=f"{recording.origin}; {unit.per_metre:g} units per metre, {unit.why}" if unit.why else recording.origin,
        warnings=(*recording.warnings, *notices, *unit.warnings, *timing.warnings, *assumed, *path.warnings),
        streams=recording.streams,
    )


def _check_frames(
    recording: Recording, asked: NDArray[np.intp], progress: Progress
) -> tuple[NDArray[np.intp], DepthValues, tuple[Notice, ...]]:
    """Of the frames ``asked`` (A,) those (K,) that can be used, what their values are like, what is to be said.

    Frames that show nothing stay between others, so that what was lost for a while keeps its time; before the first
    and after the last one that shows something they are skipped.

    Raises:
        InputError: none can be used, or none shows anything.
    """
    usable: list[int] = []
    empty: list[int] = []
    values = DepthValues()
    first: InputError | None = None  # of the failures; each of them would keep its image in memory
    progress.stage("checking frames", len(asked))
    indices = asked.tolist()

    def read(position: int) -> NDArray[Any] | InputError:
        try:
            return read_checked(recording, indices[position])
        except InputError as failure:
            return InputError(failure.subject, failure.problem, failure.remedy)

    for done, (index, stored) in enumerate(zip(indices, reading_ahead(read, len(indices)), strict=True), start=1):
        if progress.cancelled():
            raise Cancelled
        if isinstance(stored, InputError):
            first = first or stored
        else:
            if stored.any():
                values.add(stored)
            else:
                empty.append(index)
            usable.append(index)
        progress.advance(done)
    count = len(asked)
    if len(empty) == len(usable):
        first = first or InputError(recording.frame_names[empty[0]], *_EMPTY)
        problem = f"none of its {count} frames can be used, the first ({Path(first.subject).name}) {first.problem}"
        raise InputError(recording.path, problem, first.remedy)
    notices = []
    if first is not None:
        problem = f"the first is {Path(first.subject).name}, which {first.problem}"
        notices.append(Notice(f"{count - len(usable)} of {count} frames skipped: {problem}"))
    kept, said = settle_empty(usable, set(empty), recording.frame_names)
    return np.array(kept), values, (*notices, *said)


def read_checked(recording: Recording, index: int) -> NDArray[Any]:
    """Stored image (H, W) of one frame, invalid pixels 0.

    Raises:
        InputError: the frame is damaged or of another size than the camera's.
    """
    name = f"{recording.path} frame {recording.frame_names[index]}"
    return checked(recording.read_stored(index), recording.camera, name)


def checked(stored: NDArray[Any], camera: PinholeCamera, name: str) -> NDArray[Any]:
    """The image (H, W) ``stored``, invalid pixels 0.

    Raises:
        InputError: it is of another size than that of ``camera``.
    """
    if stored.ndim != 2 or stored.shape != (camera.height, camera.width):
        size = "x".join(str(length) for length in stored.shape[::-1])
        problem = f"is {size} pixels, the intrinsics say {camera.width}x{camera.height}"
        raise InputError(name, problem, remedy("give the depth images' own with {}", Setting.INTRINSICS))
    return valid(stored)


def valid(stored: NDArray[Any]) -> NDArray[Any]:
    """The image (H, W) ``stored`` with 0 where nothing was measured, as sensors say it in several ways."""
    if stored.dtype.kind == "f":
        return np.where(np.isfinite(stored) & (stored > 0), stored, stored.dtype.type(0))
    return np.where((stored > 0) & (stored != _SENSOR_MAXIMUM), stored, stored.dtype.type(0))


def _read_metres(recording: Recording, usable: tuple[int, ...], unit: DepthUnit, index: int) -> NDArray[np.float32]:
    return unit.metres(read_checked(recording, usable[index]))
