"""Depth images as 16-bit greyscale PNG files."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, in_words

DAMAGED_REMEDY = "copy or record it again, or take it out of the folder"
SENSOR_MAXIMUM = 65535
"""Stands for "no measurement", as 0 does."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {0: "greyscale", 2: "colour", 3: "palette", 4: "greyscale with alpha", 6: "colour with alpha"}


def check_depth_png(path: Path) -> tuple[int, int]:
    """Width and height of a 16-bit greyscale PNG that is whole; reads chunk headers and decodes nothing.

    Raises:
        InputError: the file is unreadable, truncated, or of another kind, such as a colourised depth image.
    """
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            raise InputError(path, "is no file" if path.exists() else "is missing", DAMAGED_REMEDY)
        with path.open("rb") as file:
            if file.read(8) != _SIGNATURE:
                raise InputError(path, "is not a PNG file", DAMAGED_REMEDY)
            header = file.read(21)  # length, "IHDR", width, height, bit depth, colour type, 3 more
            if len(header) < 21 or header[4:8] != b"IHDR":
                raise InputError(path, "is truncated", DAMAGED_REMEDY)
            width, height, bits, colour_type = struct.unpack(">IIBB", header[8:18])
            if bits != 16 or colour_type != 0:
                kind = f"{bits}-bit {_COLOUR_TYPES.get(colour_type, 'unknown')}"
                raise InputError(path, f"is {kind}, not 16-bit greyscale", "export raw depth as 16-bit PNG")
            file.seek(4, 1)  # checksum of the header
            kind_of_chunk = b""
            while kind_of_chunk != b"IEND":
                chunk = file.read(8)
                if len(chunk) < 8:
                    raise InputError(path, "is truncated", DAMAGED_REMEDY)
                length, kind_of_chunk = struct.unpack(">I4s", chunk)
                file.seek(length + 4, 1)
            if file.tell() > path.stat().st_size:
                raise InputError(path, "is truncated", DAMAGED_REMEDY)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", DAMAGED_REMEDY) from None
    return width, height


def read_depth_png(path: Path, depth_scale: float) -> NDArray[np.float32]:
    """Depth image (H, W) in metres of a PNG with ``depth_scale`` stored units per metre; 0 is invalid.

    Raises:
        InputError: the file cannot be decoded.
    """
    stored = read_stored_depth(path)
    depth: NDArray[np.float32] = stored.astype(np.float32) / np.float32(depth_scale)
    depth[stored >= SENSOR_MAXIMUM] = 0
    return depth


def read_stored_depth(path: Path) -> NDArray[Any]:
    """Integers (H, W) of a greyscale PNG as they are stored.

    Raises:
        InputError: the file cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            stored = np.asarray(image)
    except Exception as error:  # Pillow raises whatever damaged chunks lead to
        raise InputError(path, f"cannot be decoded{in_words(error)}", DAMAGED_REMEDY) from None
    if stored.ndim != 2:
        raise InputError(path, "is not a greyscale image", "export raw depth as 16-bit PNG")
    return stored
