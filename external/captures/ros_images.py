"""Depth images in messages of ROS: ``sensor_msgs/Image``, and ``CompressedImage`` of the transport compressedDepth.

Encodings are 16UC1, mono16 and Z16 (integers), or 32FC1 (metres). compressedDepth is a header of 12 bytes and a
16-bit PNG; of 32FC1 the PNG holds a / depth + b, with a and b in the header (compressed_depth_image_transport,
``codec.cpp``).
"""

import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, in_words
from engine.sequences.recording import MAX_PIXELS

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
_BYTES = {"16uc1": 2, "mono16": 2, "z16": 2, "32fc1": 4}
_PNG = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct("<iff")


@dataclass(frozen=True)
class ImageForm:
    """What a message says of its image."""

    encoding: str
    """In small letters."""
    width: int
    height: int
    why_not: str = ""
    """Why it cannot be depth, in a few words; empty where it can be."""

    @property
    def is_float(self) -> bool:
        return self.encoding == "32fc1"


def image_form(message: Any, message_type: str) -> ImageForm:
    """Encoding and size of the image of a message, and whether it can be depth."""
    if message_type == IMAGE:
        encoding = str(message.encoding).lower()
        why_not = "" if encoding in _BYTES else f"{message.encoding}, not of 16 or 32 bits"
        return ImageForm(encoding, int(message.width), int(message.height), why_not)
    encoding, png = _compressed(message)
    if "rvl" in str(message.format).lower():
        return ImageForm(encoding, 0, 0, "compressed as RVL, which is not read")
    if not png.startswith(_PNG) or len(png) < 33:
        return ImageForm(encoding, 0, 0, f"compressed as {str(message.format)[:40] or 'something unknown'}")
    width, height, bits, colour = struct.unpack(">IIBB", png[16:26])
    fits = (bits, colour) == (16, 0) and encoding in _BYTES
    return ImageForm(encoding, width, height, "" if fits else f"a {bits}-bit picture")


def read_image(message: Any, message_type: str, form: ImageForm, name: str, remedy: str) -> NDArray[Any]:
    """Stored depth (H, W) of a message, in the numbers that its encoding stands for.

    Raises:
        InputError: it is damaged, or of another encoding than ``form``.
    """
    found = image_form(message, message_type)
    if found.why_not or found.is_float != form.is_float or not 0 < found.width * found.height <= MAX_PIXELS:
        raise InputError(name, f"does not hold {found.width}x{found.height} depth pixels", remedy)
    if message_type == COMPRESSED:
        return _decoded(message, found, name, remedy)
    size, width, height, step = _BYTES[found.encoding], found.width, found.height, int(message.step)
    data = np.asarray(message.data, np.uint8).reshape(-1)
    if step < width * size or len(data) < step * height:
        raise InputError(name, f"does not hold {width}x{height} depth pixels", remedy)
    rows = data[: step * height].reshape(height, step)[:, : width * size]  # rows may be padded
    order = ">" if message.is_bigendian else "<"
    return np.ascontiguousarray(rows).view(f"{order}{'u2' if size == 2 else 'f4'}")


def _compressed(message: Any) -> tuple[str, bytes]:
    """Encoding, and the PNG where it is one."""
    encoding = str(message.format).split(";")[0].strip().lower() or "16uc1"
    data = np.asarray(message.data, np.uint8).tobytes()
    return encoding, data if data.startswith(_PNG) else data[_HEADER.size :]


def _decoded(message: Any, form: ImageForm, name: str, remedy: str) -> NDArray[Any]:
    from PIL import Image

    _, png = _compressed(message)
    try:
        with Image.open(BytesIO(png), formats=("PNG",)) as image:
            stored = np.array(image, np.uint16)
        assert stored.shape == (form.height, form.width)
    except Exception as error:  # Pillow raises whatever damaged chunks lead to
        raise InputError(name, f"cannot be decoded{in_words(error)}", remedy) from None
    if not form.is_float:
        return stored
    _, a, b = _HEADER.unpack_from(np.asarray(message.data, np.uint8).tobytes())
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.float32(a) / (stored.astype(np.float32) - np.float32(b))
    return np.where(stored > 0, depth, np.float32(0))
