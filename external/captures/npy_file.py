"""Depth in ``.npy`` files: one stack (F, H, W) of a whole recording, or one image (H, W) per frame of a folder.

Floating point is metres as a rule, unsigned integers are units that are settled as for pictures. Intrinsics are
stated or lie beside the file.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.files import natural_key
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import MAX_PIXELS, Recording
from external.captures import intrinsics
from external.captures.stream_names import says_depth

_REMEDY = "save it with numpy.save as (F, H, W) or (H, W), floating-point metres or 16-bit integers"
_SMALLEST = 16
"""Pixels of a side; less is a matrix, as of intrinsics or poses."""


def npy_images(path: Path) -> NDArray[Any]:
    """The array of ``path``, (H, W) or (F, H, W), in a memory map: nothing is read yet.

    Raises:
        InputError: it is damaged, or holds no images of depth.
    """
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)  # type: ignore[arg-type]
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)  # type: ignore[arg-type]
            start = file.tell()
            shape = shape[:-1] if len(shape) > 2 and shape[-1] == 1 else shape  # an axis of colours
        held = path.stat().st_size - start
    except Exception:  # headers fail in many ways
        raise InputError(path, "is truncated or not a readable npy file", _REMEDY) from None
    if dtype.kind not in "fiu" or dtype.itemsize < 2 or len(shape) not in (2, 3) or min(shape[-2:]) < _SMALLEST:
        problem = f"holds an array of shape {shape} and type {dtype}, no depth images"
        raise InputError(path, problem, _REMEDY)
    if shape[-1] * shape[-2] > MAX_PIXELS:
        raise InputError(path, f"declares {shape[-1]}x{shape[-2]} pixels", _REMEDY)
    size = math.prod(shape) * dtype.itemsize
    if size == 0 or size > held:
        raise InputError(path, f"is truncated: {held} of {size} bytes are there", "copy it again")
    return np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")


def npy_stacks(folder: Path) -> tuple[Path, ...]:
    """The stacks (F, H, W) of a folder, in natural order; of several those that say depth."""
    found = []
    for path in folder.iterdir():
        if path.suffix.lower() == ".npy" and not path.name.startswith(".") and path.is_file():
            try:
                if npy_images(path).ndim == 3:
                    found.append(path)
            except InputError:
                continue
    named = [path for path in found if says_depth(path.name)]
    return tuple(sorted(named or found, key=natural_key))


def read_npy_file(path: Path, options: CaptureOptions) -> Recording:
    """A stack, or a folder with one.

    Raises:
        InputError: it holds no images of depth, a folder holds several stacks, or there are no intrinsics.
    """
    if path.is_dir():
        stacks = npy_stacks(path)
        if len(stacks) != 1:
            names = ", ".join(stack.name for stack in stacks[:4])
            raise InputError(path, f"holds {len(stacks)} stacks of depth ({names})", "give one of the files")
        path = stacks[0]
    array = npy_images(path)
    images = array if array.ndim == 3 else array[None]
    height, width = images.shape[1:]
    camera = intrinsics.chosen_intrinsics(options.intrinsics, path.parent)
    if camera is None:
        error = intrinsics.no_intrinsics(path.parent, None, (width, height))
        raise InputError(path, error.problem, error.remedy)
    scaled, warnings = intrinsics.scaled_to(camera, (width, height))
    return Recording(
        path=path,
        origin=f"npy: has depth {images.shape} {images.dtype}, {camera.origin}",
        camera=scaled,
        frame_names=tuple(f"{index:06d}" for index in range(len(images))),
        read_stored=lambda index: np.array(images[index]),
        units_per_metre=camera.depth_scale,
        expected_units=1.0 if images.dtype.kind == "f" else None,
        frame_rate=camera.frame_rate,
        warnings=warnings,
    )


READER = RecordingReader(
    id="npy",
    title="npy",
    form="an .npy file (F, H, W)",
    read=read_npy_file,
    folder=lambda folder: "has a stack of depth in .npy" if npy_stacks(folder) else "",
    endings=(".npy",),
    magic=b"\x93NUMPY",
    rank=25,
)
