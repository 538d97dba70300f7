"""Folders of 16-bit depth PNGs with intrinsics in any of the usual forms."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.files import natural_key
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_png import DAMAGED_REMEDY, check_depth_png, read_depth_png
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import MAX_PIXELS, Recording
from external.captures import intrinsics


def depth_pngs(folder: Path) -> tuple[Path, ...]:
    """The PNGs of ``folder/depth``, else of ``folder``, in natural order.

    Where some names hold the word depth and others do not (``frame-000000.depth.png`` beside ``.color.png``), those
    that do.
    """
    for place in (folder / "depth", folder):
        if place.is_dir():
            files = (p for p in place.iterdir() if p.suffix.lower() == ".png" and not p.name.startswith("."))
            found = [path for path in files if path.is_file()]
            named = [path for path in found if "depth" in path.name.lower()]
            if found:
                return tuple(sorted(named or found, key=natural_key))
    return ()


def read_png_folder(folder: Path, options: CaptureOptions) -> Recording:
    """A folder of depth PNGs; ``intrinsics.json`` may state depth_scale and frame_rate too.

    Raises:
        InputError: no file is a 16-bit greyscale PNG, or there are no intrinsics.
    """
    paths = depth_pngs(folder)
    camera = intrinsics.chosen_intrinsics(options.intrinsics, folder)
    size = first_size(paths, folder)
    if camera is None:
        raise InputError(folder, f"has no intrinsics for its {size[0]}x{size[1]} depth images", intrinsics.REMEDY)

    def read_stored(index: int) -> NDArray[np.float32]:
        return read_stored_png(paths[index])

    where = "depth/" if paths[0].parent != folder else "the folder"
    return Recording(
        path=folder,
        origin=f"folder of 16-bit PNG: {where} has {len(paths)} of them, intrinsics from {Path(camera.source).name}",
        camera=camera.camera(*size),
        frame_names=tuple(path.stem for path in paths),
        read_stored=read_stored,
        units_per_metre=camera.depth_scale,
        frame_rate=camera.frame_rate,
    )


def first_size(paths: tuple[Path, ...], folder: Path) -> tuple[int, int]:
    """Width and height of the first depth PNG whose header can be used.

    Raises:
        InputError: none can; names the first and what is wrong with it.
    """
    first: InputError | None = None
    for path in paths:
        try:
            return _size(path)
        except InputError as error:
            first = first or error
    if first is None:
        raise InputError(folder, "has no depth images", "put 16-bit PNG files into its subfolder depth/")
    problem = f"none of its {len(paths)} images can be used, the first ({Path(first.subject).name}) {first.problem}"
    raise InputError(folder, problem, first.remedy)


def read_stored_png(path: Path) -> NDArray[np.float32]:
    """Image (H, W) of a depth PNG in its stored units.

    Raises:
        InputError: it is damaged, no 16-bit greyscale, or too large to be a depth image.
    """
    _size(path)
    return read_depth_png(path, 1.0)


def _size(path: Path) -> tuple[int, int]:
    width, height = check_depth_png(path)
    if not 0 < width * height <= MAX_PIXELS:
        raise InputError(path, f"declares {width}x{height} pixels", DAMAGED_REMEDY)
    return width, height


READER = RecordingReader(
    id="png-folder",
    title="16-bit PNG",
    form="a folder of 16-bit PNG with intrinsics.json",
    read=read_png_folder,
    folder=lambda folder: "has PNG images" if depth_pngs(folder) else "",
    parts=(".png", "intrinsics.json"),
    rank=20,
)
