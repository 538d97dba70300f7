"""Reading arrays of ``.npz`` files that may be damaged or hostile.

`numpy.load` allocates what a header asks for. Here types, shapes and sizes are compared with what the format allows
before anything is allocated, and object arrays are never unpickled.
"""

import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError

MAX_POINTS = 10_000_000
"""Most rows that a list of points may have; published files have 100,000 to 300,000."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_WRITE_AGAIN = "copy or make the file again"


class Archive:
    """An open ``.npz`` file; made by `open_archive`."""

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path, self._file = path, file

    def shape(self, key: str) -> tuple[int, ...]:
        """Declared shape of the array ``key``; its data are not read."""
        with self._open(key) as member:
            return self._header(key, member)[0]

    def read(self, key: str, kinds: str, shape: tuple[int | None, ...], rows: int | None = None) -> NDArray[Any]:
        """The array ``key``.

        Args:
            kinds: allowed kinds of number, as in `numpy.dtype.kind`.
            shape: expected; None stands for 1 to `MAX_POINTS` rows.
            rows: read only that many leading rows, when there are more.

        Raises:
            InputError: the array is missing, truncated, of another type or shape, or not finite.
        """
        with self._open(key) as member:
            declared, order, dtype, header_size = self._header(key, member)
            fits = len(declared) == len(shape) and all(
                size == wanted or (wanted is None and 0 < size <= MAX_POINTS)
                for size, wanted in zip(declared, shape, strict=False)
            )
            if dtype.kind not in kinds or not fits:
                wanted_text = "(" + ", ".join("N" if size is None else str(size) for size in shape) + ")"
                problem = (
                    f"has array {key!r} of shape {declared} and type {dtype}, needs {wanted_text} of {_words(kinds)}"
                )
                raise InputError(self.path, problem, "check how it was written")
            if self._file.getinfo(f"{key}.npy").file_size != header_size + math.prod(declared) * dtype.itemsize:
                raise InputError(self.path, f"has array {key!r} whose size is not what it declares", _WRITE_AGAIN)
            if rows is not None and order == "C":
                declared = (min(rows, declared[0]), *declared[1:])
            content = member.read(math.prod(declared) * dtype.itemsize)
        array = np.frombuffer(content, dtype).reshape(declared, order=order)
        if rows is not None:
            array = array[:rows]
        if dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(self.path, f"has numbers in {key!r} that are not finite", _WRITE_AGAIN)
        return array

    @contextmanager
    def _open(self, key: str) -> Iterator[IO[bytes]]:
        try:
            member = self._file.open(f"{key}.npy")
        except KeyError:
            names = ", ".join(sorted(name.removesuffix(".npy") for name in self._file.namelist())[:8])
            raise InputError(self.path, f"has no array {key!r} (it has {names})", "check what the file is") from None
        with member:
            yield member

    def _header(self, key: str, member: IO[bytes]) -> tuple[tuple[int, ...], Any, np.dtype[Any], int]:
        version = np.lib.format.read_magic(member)  # type: ignore[arg-type]
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)  # type: ignore[arg-type]
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(member)  # type: ignore[arg-type]
        if dtype.hasobject:
            raise InputError(self.path, f"has Python objects in {key!r}", "these are not read, store plain numbers")
        return shape, "F" if fortran else "C", dtype, member.tell()


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open the ``.npz`` file ``path``.

    Raises:
        InputError: it is missing, damaged or something else, also when that shows only while reading.
    """
    try:
        with zipfile.ZipFile(path) as file:
            yield Archive(path, file)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(path, "is missing", "check the folder") from None
    except (OSError, *_DAMAGED) as error:
        raise InputError(path, f"is not a readable npz file ({error.__class__.__name__})", _WRITE_AGAIN) from None


def _words(kinds: str) -> str:
    names = {"f": "floating-point numbers", "i": "integers", "u": "unsigned integers", "b": "booleans"}
    return " or ".join(names[kind] for kind in kinds)
