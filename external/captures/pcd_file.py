"""Points of PCD files of version 0.7: ascii, binary and binary_compressed (Point Cloud Library, ``pcd_io.cpp``).

Compressed points are stored field by field, all x, then all y, in the LZF format of Marc Lehmann's liblzf.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, in_words
from engine.sequences.recording import MAX_PIXELS

_REMEDY = "export the points again, as PLY or PCD"
_MAX_BYTES = 2**29
_TYPES = {("F", 4): "<f4", ("F", 8): "<f8", ("I", 1): "i1", ("I", 2): "<i2", ("I", 4): "<i4"} | {
    ("U", size): f"<u{size}" for size in (1, 2, 4, 8)
}


def pcd_points(data: bytes, path: Path) -> NDArray[np.float64]:
    """Points (N, 3) of the bytes of a PCD file, in its units.

    Raises:
        InputError: it is no PCD file, or holds less than it declares; ValueError and the like where it is damaged.
    """
    header, start = _header(data, path)
    names = header["FIELDS"]
    counts = [int(count) for count in header.get("COUNT", ["1"] * len(names))]
    kinds = [_TYPES[kind, int(size)] for kind, size in zip(header["TYPE"], header["SIZE"], strict=True)]
    places = [f"{index}" for index in range(len(names))]
    record = np.dtype([(place, kind, (count,)) for place, kind, count in zip(places, kinds, counts, strict=True)])
    xyz = [names.index(axis) for axis in "xyz"]
    number, kind = int(header["POINTS"][0]), header["DATA"][0]
    if kind == "binary_compressed":
        fields = _decompressed_fields(data[start:], record, number, path)
        return np.stack([fields[index].astype(np.float64) for index in xyz], axis=1)
    if kind == "binary":
        if not 0 <= number * record.itemsize <= len(data) - start:
            raise InputError(path, f"is truncated: {number} points do not fit into it", _REMEDY)
        table = np.frombuffer(data, record, number, start)
        return np.stack([table[places[index]][:, 0].astype(np.float64) for index in xyz], axis=1)
    before = np.concatenate([[0], np.cumsum(counts)])
    rows = [line.split() for line in data[start:].splitlines() if line.strip()]
    if len(rows) < number:
        raise InputError(path, f"is truncated: {len(rows)} of {number} points", _REMEDY)
    return np.array([[row[before[index]] for index in xyz] for row in rows[:number]], np.float64).reshape(-1, 3)


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height of the picture that the points of a PCD file were made from; None where it does not say so."""
    try:
        with path.open("rb") as file:
            header, _ = _header(file.read(20_000), path)
        width, height = int(header["WIDTH"][0]), int(header["HEIGHT"][0])
    except (OSError, InputError, KeyError, IndexError, ValueError):
        return None
    return (width, height) if min(width, height) > 1 and width * height <= MAX_PIXELS else None


def _header(data: bytes, path: Path) -> tuple[dict[str, list[str]], int]:
    """The lines of the header by their first words, and where the points begin."""
    header: dict[str, list[str]] = {}
    start = 0
    while "DATA" not in header:
        end = data.find(b"\n", start)
        if end < 0 or end - start > 10_000:
            raise InputError(path, "is not a PCD file", _REMEDY)
        words = data[start:end].decode("ascii", "replace").split()
        if words and not words[0].startswith("#"):
            header[words[0].upper()] = words[1:]
        start = end + 1
    return header, start


def _decompressed_fields(data: bytes, record: np.dtype[Any], number: int, path: Path) -> list[NDArray[Any]]:
    """The first number (N,) of each field."""
    size = number * record.itemsize
    try:
        packed, unpacked = struct.unpack_from("<II", data)
        if unpacked != size or size > _MAX_BYTES or 8 + packed > len(data):
            raise ValueError(f"{number} points do not fit into it")
        whole = lzf_decompressed(data[8 : 8 + packed], size)
    except (ValueError, IndexError, struct.error) as error:
        raise InputError(path, f"its compressed points are damaged{in_words(error)}", _REMEDY) from None
    fields, start = [], 0
    for place in record.names or ():
        kind, shape = record[place].base, record[place].shape
        count = int(np.prod(shape, dtype=int))
        fields.append(np.frombuffer(whole, kind, number * count, start).reshape(number, count)[:, 0])
        start += number * count * kind.itemsize
    return fields


def lzf_decompressed(data: bytes, size: int) -> bytes:
    """``data`` of LZF, which must give ``size`` bytes: runs of literals, and references to what came before.

    Raises:
        ValueError: it does not, or refers to what is before the beginning.
        IndexError: it ends within a reference.
    """
    out = bytearray()
    place = 0
    while place < len(data) and len(out) <= size:
        control = data[place]
        place += 1
        if control < 32:
            out += data[place : place + control + 1]
            place += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += data[place]
            place += 1
        start = len(out) - ((control & 31) << 8) - data[place] - 1
        place += 1
        if start < 0:
            raise ValueError("it refers to what is before its beginning")
        length += 2
        while length:  # it may reach into what it writes
            piece = out[start : start + length]
            out += piece
            start += len(piece)
            length -= len(piece)
    if len(out) != size:
        raise ValueError(f"{len(out)} of {size} bytes come out")
    return bytes(out)
