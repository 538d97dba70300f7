"""The binary part of a GLB file, written array by array, and the file around it (glTF 2.0, 3.6 and 4.4).

A package that builds the description in memory would hold the arrays there too; here they go to disk at once.
"""

import json
import shutil
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

VERTICES, INDICES = 34962, 34963
"""What a view is for: ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER."""
LARGEST_FILE = 2**32 - 1
"""Bytes: the length in the header of a GLB file has 32 bits."""
_COMPONENTS = {"f4": 5126, "u4": 5125, "u2": 5123}
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}


class GltfBinary:
    """Arrays that are written into a file one after the other, and what glTF says of them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._length = file, 0
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    @property
    def length(self) -> int:
        """Bytes so far, a multiple of four."""
        return self._length

    def add(
        self, values: NDArray[np.generic], target: int | None = None, bounds: bool = False, normalized: bool = False
    ) -> int:
        """Write ``values`` (N,) or (N, K), little-endian float32, uint32 or uint16; returns the index of its accessor.

        Args:
            target: what its view is for; None for the keys of animations
            bounds: whether to state the smallest and the largest value, which glTF demands of positions and times
            normalized: whether integers stand for fractions
        """
        data = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._length, "byteLength": data.nbytes}
        accessor: dict[str, Any] = {
            "bufferView": len(self.views),
            "componentType": _COMPONENTS[data.dtype.str[1:]],
            "count": len(data),
            "type": _TYPES[1 if data.ndim == 1 else data.shape[1]],
        }
        if target is not None:
            view["target"] = target
        if normalized:
            accessor["normalized"] = True
        if bounds:
            columns = data.reshape(len(data), -1)
            accessor["min"], accessor["max"] = columns.min(axis=0).tolist(), columns.max(axis=0).tolist()
        padding = -data.nbytes % 4
        self._file.write(data.tobytes() + b"\0" * padding)
        self._length += data.nbytes + padding
        self.views.append(view)
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def write_glb(path: Path, description: dict[str, Any], binary: GltfBinary, arrays: IO[bytes]) -> None:
    """Write a GLB file of ``description`` and of what ``binary`` has written into ``arrays``, from where that is at."""
    whole = {
        **description,
        "buffers": [{"byteLength": binary.length}],
        "bufferViews": binary.views,
        "accessors": binary.accessors,
    }
    text = json.dumps(whole, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-len(text) % 4)
    with path.open("wb") as file:
        file.write(struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + binary.length))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        file.write(struct.pack("<I4s", binary.length, b"BIN\0"))
        shutil.copyfileobj(arrays, file, 1 << 20)
