"""Reading npz files of others: the sizes that they declare are checked before anything is allocated."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError


def read_npz(path: Path, names: Sequence[str], cure: str = "", largest: int = 2**30) -> dict[str, NDArray[Any]]:
    """Those of ``names`` that the npz file ``path`` has; arrays of objects are never read.

    Args:
        largest: bytes of one array; what declares more is refused, however well it is compressed.

    Raises:
        InputError: the file is missing, no npz file, damaged, or declares sizes that it does not have.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            for name in names:
                if name in members:
                    arrays[name] = _read_member(archive, members[name], path, cure, largest)
    except FileNotFoundError:
        raise InputError(path, "no such file", cure) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, f"is not a readable npz file ({error.__class__.__name__})", cure) from None
    return arrays


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, cure: str, largest: int) -> NDArray[Any]:
    formats = np.lib.format
    with archive.open(info) as file:
        version = formats.read_magic(file)
        header = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
        shape, fortran, dtype = header(file)
        if dtype.hasobject:
            raise InputError(path, f"its array {info.filename} holds objects, not numbers", cure)
        size = dtype.itemsize
        for length in shape:  # in Python's integers, which do not overflow
            size *= length
        if dtype.itemsize == 0 or size > min(largest, info.file_size):
            raise InputError(path, f"its array {info.filename} declares a size of {shape} that is not there", cure)
        raw = file.read(size)
    array = np.frombuffer(raw, dtype)  # raises ValueError where the stream ended early
    return array.reshape(shape, order="F" if fortran else "C")
