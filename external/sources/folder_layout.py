"""What the first whole frame of a folder tells of all that will come: where they lie, their camera, unit and times.

Forms are those of `external.captures.png_folder`, and the ``depth_m`` of `engine.sequences.depth_sequence`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice
from engine.core.files import natural_key, read_json
from engine.core.npz import NpzFile
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_unit import DepthUnit, DepthValues, Stated, settle_unit
from engine.sequences.intrinsics_file import camera_to_world_of, world_of
from engine.sequences.isolation import Isolation, within_range
from engine.sequences.recording import checked, valid
from external.captures import intrinsics
from external.captures.depth_pictures import is_float, read_picture
from external.captures.known_datasets import known_dataset
from external.captures.png_folder import PUT, Images, depth_images, refuse_other_streams
from external.captures.stream_names import other_stream, says_depth
from external.sources.frame_times import FrameTimes, frame_times
from external.sources.whole_files import WholeFiles

_LOOKED_AT = 10
"""Files at the end of what is there, of which one must be whole and show something."""
_TIFF = (".tif", ".tiff")


class NotYet(Exception):
    """What is there does not suffice so far; the error is what to say if nothing more comes."""

    def __init__(self, error: InputError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, eq=False)
class FolderLayout:
    """How the frames of a folder are found and read."""

    root: Path
    place: Path
    """The folder that they lie in, ``root`` or a subfolder of it."""
    belongs: Callable[[str], bool]
    """Whether the file of a name is a frame, by its ending and by what it says that it holds."""
    camera: PinholeCamera
    unit: DepthUnit
    times: FrameTimes
    pose: NDArray[np.float64] | None
    """(4, 4) of the camera in all frames, where that is stated."""
    world: World
    isolation: Isolation
    origin: str
    warnings: tuple[Notice, ...]

    def names(self) -> list[str]:
        """Of all files that are there, in no order."""
        return os.listdir(self.place)

    def read(self, path: Path) -> NDArray[np.float32]:
        """Depth (H, W) of a frame in metres, 0 is invalid and out of the range that was asked for.

        Raises:
            InputError: it is damaged, no depth or of another size than the first frame.
        """
        depth = self.unit.metres(checked(_stored(path), self.camera, str(path)))
        return np.where(within_range(depth, self.isolation), depth, np.float32(0))


def settle_layout(root: Path, options: CaptureOptions, files: WholeFiles) -> FolderLayout:
    """What can be told from the frames that are in ``root`` by now.

    Raises:
        NotYet: no frame is whole, none shows anything where that is needed to tell the unit, or intrinsics are missing.
        InputError: what is there is no depth.
    """
    images = _images(root)
    path, stored = _shown(images, root, files)
    refuse_other_streams(images, root)
    height, width = stored.shape
    known = known_dataset(root)
    chosen = _chosen_intrinsics(options, root, images, (width, height)) or (known.camera if known else None)
    if chosen is None:
        raise NotYet(intrinsics.no_intrinsics(root, images.place, (width, height)))
    camera, said = intrinsics.scaled_to(chosen, (width, height))
    metres = path.suffix.lower() == ".npz" or is_float(path)
    expected = 1.0 if metres else known.units_per_metre if known else None
    by_recording = 1.0 if path.suffix.lower() == ".npz" else chosen.depth_scale
    values = DepthValues()
    values.add(checked(stored, camera, str(path)))
    kind = known.title if known and not metres else ""
    unit = settle_unit(root, Stated(options.depth_scale, by_recording, expected, kind), values)
    times = frame_times(path, chosen.frame_rate)
    pose, world, pose_said = _pose(root)
    where = f"{images.place.name}/" if images.place != root else "the folder"
    source = chosen.origin
    why = f"; {unit.per_metre:g} units per metre, {unit.why}" if unit.why else ""
    return FolderLayout(
        root=root,
        place=images.place,
        belongs=_belonging(path),
        camera=camera,
        unit=unit,
        times=times,
        pose=pose,
        world=world,
        isolation=options.isolation,
        origin=f"folder of {images.kind} that is being written: {where}, {source}, {times.how}{why}",
        warnings=(*said, *unit.warnings, *pose_said),
    )


def _images(root: Path) -> Images:
    if not root.is_dir():
        raise NotYet(InputError(root, "no such folder", "start the program that writes it, or correct the path"))
    found = depth_images(root)
    if found:
        return found[0]
    for place in (root / "depth", root):
        arrays = place.glob("*.npz") if place.is_dir() else ()
        if paths := sorted((path for path in arrays if path.name[0] != "."), key=natural_key):
            return Images(tuple(paths), ".npz")
    raise NotYet(InputError(root, "has no depth images", PUT))


def _shown(images: Images, root: Path, files: WholeFiles) -> tuple[Path, NDArray[Any]]:
    """The newest frame that is whole and shows something, as it is stored."""
    waiting, wrong = None, None
    for path in reversed(images.paths[-_LOOKED_AT:]):
        if why := files.why_not(path):
            waiting = waiting or InputError(path, why, "wait for the program that writes it, or write it again")
            continue
        try:
            stored = _stored(path)
        except InputError as error:
            wrong = wrong or error
            continue
        if valid(stored).any():
            return path, stored
        waiting = waiting or InputError(root, *_EMPTY)
    if wrong is not None:
        raise wrong
    assert waiting is not None
    raise NotYet(waiting)


_EMPTY = "shows no valid depth so far (every pixel is invalid)", "check the depth stream of the camera"


def _stored(path: Path) -> NDArray[Any]:
    """Image (H, W) as it is stored."""
    if path.suffix.lower() != ".npz":
        return read_picture(path)
    with NpzFile(path, "store metres (H, W) as float32 under depth_m") as file:
        return file.read("depth_m", "f", (None, None), finite=False).astype(np.float32)


def _chosen_intrinsics(
    options: CaptureOptions, root: Path, images: Images, size: tuple[int, int]
) -> intrinsics.Intrinsics | None:
    if options.intrinsics is not None:
        return intrinsics.parse_intrinsics(options.intrinsics)
    try:
        return intrinsics.chosen_intrinsics(None, root, images.place)
    except InputError as error:  # perhaps half of it is there
        raise NotYet(error) from None


def _pose(root: Path) -> tuple[NDArray[np.float64] | None, World, tuple[Notice, ...]]:
    """The pose (4, 4) of a camera that stands, its world, and what is to be said of other poses."""
    path = root / "intrinsics.json"
    description = read_json(path, "write it again") if path.is_file() else {}
    if not isinstance(description, dict) or "camera_to_world" not in description:
        return None, World.ARBITRARY, ()
    try:
        pose = camera_to_world_of(description, path)
    except InputError as error:  # such as one for each frame, of which nobody knows the numbers yet
        return None, World.ARBITRARY, (error.as_notice("camera poses are not used"),)
    return (None if (pose == np.eye(4)).all() else pose), world_of(description, path), ()


def _belonging(first: Path) -> Callable[[str], bool]:
    """Which names are frames: those with the ending of the ``first`` one, and that say depth if it does."""
    ending = first.suffix.lower()
    endings = _TIFF if ending in _TIFF else (ending,)
    wanted = says_depth if says_depth(first.name) else lambda name: not other_stream(Path(name).stem)
    return lambda name: name[0] != "." and name.lower().endswith(endings) and wanted(name)
