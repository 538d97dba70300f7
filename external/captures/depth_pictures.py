"""Depth images in files of their own: 16-bit PNG, 16-bit PGM, TIFF of 16 bits or floating point, and ``.npy``."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, in_words
from engine.sequences.depth_png import DAMAGED_REMEDY, check_depth_png, read_stored_depth
from engine.sequences.recording import MAX_PIXELS
from external.captures.npy_file import npy_images

ENDINGS = (".png", ".pgm", ".tif", ".tiff", ".npy")
_RAW = "export raw depth as 16-bit PNG, or as TIFF of 16 bits or floating-point metres"
_TIFF_MODES = {"F": "float", "I;16": "16-bit", "I;16B": "16-bit", "I;16L": "16-bit", "I": "32-bit"}


def check_picture(path: Path) -> tuple[int, int]:
    """Width and height of a depth image by its header; no pixel is decoded.

    Raises:
        InputError: it is damaged, no depth, or too large to be a depth image.
    """
    ending = path.suffix.lower()
    if ending == ".png":
        width, height = check_depth_png(path)
    elif not path.is_file():  # opening a pipe would wait for ever
        raise InputError(path, "is no file" if path.exists() else "is missing", DAMAGED_REMEDY)
    elif ending == ".pgm":
        width, height, _, _ = _pgm_header(path)
    elif ending == ".npy":
        height, width = _npy_image(path).shape
    else:
        width, height, _ = _tiff_header(path)
    if not 0 < width * height <= MAX_PIXELS:
        raise InputError(path, f"declares {width}x{height} pixels", DAMAGED_REMEDY)
    return width, height


def read_picture(path: Path) -> NDArray[Any]:
    """Image (H, W) in its stored units, of the type that it is stored in or float32.

    Raises:
        InputError: it is damaged, no depth, or too large to be a depth image.
    """
    check_picture(path)
    ending = path.suffix.lower()
    if ending == ".png":
        return read_stored_depth(path)
    if ending == ".pgm":
        return _read_pgm(path)
    if ending == ".npy":
        return np.array(_npy_image(path))
    return _read_tiff(path)


def is_float(path: Path) -> bool:
    """Whether the numbers of a depth image are floating point, and so metres as a rule."""
    ending = path.suffix.lower()
    try:
        if ending == ".npy":
            return _npy_image(path).dtype.kind == "f"
        return ending in (".tif", ".tiff") and _tiff_header(path)[2] == "F"
    except InputError:
        return False


def _npy_image(path: Path) -> NDArray[Any]:
    array = npy_images(path)
    if array.ndim != 2:
        raise InputError(path, f"holds an array of shape {array.shape}, not (H, W)", "give the file, not its folder")
    return array


def _pgm_header(path: Path) -> tuple[int, int, int, int]:
    """Width, height, largest value and where the pixels begin, of a binary greyscale picture (netpbm, ``pgm``)."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", DAMAGED_REMEDY) from None
    if not head.startswith(b"P5"):
        raise InputError(path, "is not a binary PGM file", _RAW)
    numbers: list[int] = []
    place = 2
    while len(numbers) < 3:
        while head[place : place + 1].isspace():
            place += 1
        if head[place : place + 1] == b"#":
            place = head.find(b"\n", place) + 1 or len(head)
            continue
        start = place
        while head[place : place + 1].isdigit():
            place += 1
        if start == place or place - start > 9:
            raise InputError(path, "has a damaged PGM header", DAMAGED_REMEDY)
        numbers.append(int(head[start:place]))
    width, height, largest = numbers
    if not 255 < largest < 65536:
        bits = "8-bit" if largest <= 255 else "no 16-bit"
        raise InputError(path, f"is {bits} greyscale (largest value {largest}), not 16-bit", _RAW)
    if width * height * 2 > path.stat().st_size - place - 1:
        raise InputError(path, "is truncated", DAMAGED_REMEDY)
    return width, height, largest, place + 1


def _read_pgm(path: Path) -> NDArray[np.uint16]:
    """As stored: other readers stretch values to 16 bits where the header declares a smaller largest one."""
    width, height, _, start = _pgm_header(path)
    stored = np.fromfile(path, ">u2", width * height, offset=start)
    return stored.reshape(height, width).astype(np.uint16)


def _tiff_header(path: Path) -> tuple[int, int, str]:
    """Width, height and Pillow's mode."""
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=("TIFF",)) as image:
            (width, height), mode, frames = image.size, image.mode, getattr(image, "n_frames", 1)
    except Exception as error:  # Pillow raises whatever damaged tags lead to
        raise InputError(path, f"cannot be read as TIFF{in_words(error)}", DAMAGED_REMEDY) from None
    if mode not in _TIFF_MODES:
        raise InputError(path, f"is a picture of the kind {mode}, not 16-bit or floating-point greyscale", _RAW)
    if frames != 1:
        raise InputError(path, f"holds {frames} pictures in one file", "export one file per frame")
    return width, height, mode


def _read_tiff(path: Path) -> NDArray[Any]:
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=("TIFF",)) as image:
            return np.array(image)
    except Exception as error:  # Pillow raises whatever damaged strips lead to
        raise InputError(path, f"cannot be decoded{in_words(error)}", DAMAGED_REMEDY) from None
