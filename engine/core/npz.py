"""Reading ``.npz`` files that may be damaged or hostile.

`numpy.load` allocates what the header of an array asks for. Here types, shapes and sizes are compared with what the
caller expects and with what the file holds before anything is allocated, and object arrays are never unpickled.
"""

import math
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Remedy

LARGEST = 2**30
"""Bytes of one array; what declares more is refused, however well it is compressed."""

_KINDS = {
    "f": "floating-point numbers",
    "i": "integers",
    "u": "unsigned integers",
    "b": "booleans",
    "c": "complex numbers",
    "U": "text",
    "S": "bytes",
}


class NpzFile:
    """An open ``.npz`` file, to be used in a ``with`` statement.

    Every method raises `InputError` where the file is damaged, an array is missing, or one holds something else than
    is asked for; it names the file and has ``remedy``.
    """

    def __init__(self, path: Path, remedy: str | Remedy = "copy or make the file again") -> None:
        self.path, self._remedy = path, remedy
        with _readable(path, remedy):
            self._file = zipfile.ZipFile(path)

    def __enter__(self) -> "NpzFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the arrays."""
        return tuple(name.removesuffix(".npy") for name in self._file.namelist() if name.endswith(".npy"))

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape that the array declares; its numbers are not read."""
        with _readable(self.path, self._remedy), self._open(name) as stream:
            return self._header(name, stream)[0]

    def read(
        self,
        name: str,
        kinds: Sequence[str] = tuple(_KINDS),
        shape: Sequence[int | None] | None = None,
        rows: int | None = None,
        finite: bool = True,
        largest: int = LARGEST,
    ) -> NDArray[Any]:
        """The array ``name``.

        Args:
            kinds: allowed kinds of number, as in `numpy.dtype.kind`.
            shape: expected; None stands for any length but 0.
            rows: read only that many leading rows, where there are more.
            finite: refuse floating-point numbers that are not.
            largest: bytes; see `LARGEST`.
        """
        with _readable(self.path, self._remedy), self._open(name) as stream:
            declared, order, dtype = self._checked(name, stream, kinds, shape)
            if rows is not None and order == "C":
                declared = (min(rows, declared[0]), *declared[1:])
            size = math.prod(declared) * dtype.itemsize
            if size > largest:
                problem = f"has array {name!r} of shape {declared}, more than {largest} bytes"
                raise InputError(self.path, problem, self._remedy)
            array = np.frombuffer(stream.read(size), dtype, math.prod(declared)).reshape(declared, order=order)
        array = array if rows is None else array[:rows]
        if finite and dtype.kind in "fc" and not np.isfinite(array).all():
            raise InputError(self.path, f"has numbers in {name!r} that are not finite", self._remedy)
        return array

    def rows(self, name: str, kinds: Sequence[str], dimensions: int) -> "NpzRows":
        """The array ``name`` to be read row by row, also after this file is closed."""
        with _readable(self.path, self._remedy):
            stream = self._open(name)
            shape, order, dtype = self._checked(name, stream, kinds, (None,) * dimensions)
            if order != "C":
                raise InputError(self.path, f"has array {name!r} in Fortran order", self._remedy)
            return NpzRows(self.path, stream, shape, dtype, self._remedy)

    def _checked(
        self, name: str, stream: IO[bytes], kinds: Sequence[str], shape: Sequence[int | None] | None
    ) -> tuple[tuple[int, ...], Any, np.dtype[Any]]:
        declared, order, dtype = self._header(name, stream)
        fits = shape is None or (
            len(declared) == len(shape)
            and all(size == want or (want is None and size > 0) for size, want in zip(declared, shape, strict=True))
        )
        if dtype.kind not in kinds or not fits:
            wanted = "" if shape is None else f"({', '.join('N' if n is None else str(n) for n in shape)}) of "
            wanted += " or ".join(_KINDS[kind] for kind in kinds)
            problem = f"has array {name!r} of shape {declared} and type {dtype}, needs {wanted}"
            raise InputError(self.path, problem, self._remedy)
        size = math.prod(declared) * dtype.itemsize  # in Python's integers, which do not overflow
        held = self._file.getinfo(f"{name}.npy").file_size - stream.tell()
        if min(declared, default=1) < 0 or dtype.itemsize == 0 or size != held:
            problem = f"has array {name!r} of shape {declared}, whose size is not what it declares"
            raise InputError(self.path, problem, self._remedy)
        return declared, order, dtype

    def _header(self, name: str, stream: IO[bytes]) -> tuple[tuple[int, ...], Any, np.dtype[Any]]:
        version = np.lib.format.read_magic(stream)  # type: ignore[arg-type]
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)  # type: ignore[arg-type]
        if dtype.hasobject:
            raise InputError(self.path, f"has array {name!r} of Python objects, which are not read", self._remedy)
        return shape, "F" if fortran else "C", dtype

    def _open(self, name: str) -> IO[bytes]:
        if name not in self.names:
            has = f"it has {', '.join(sorted(self.names)[:8])}" if self.names else "it is empty"
            raise InputError(self.path, f"has no array {name!r} ({has})", self._remedy)
        return self._file.open(f"{name}.npy")


class NpzRows:
    """An array inside an npz file, read row by row; made by `NpzFile.rows`.

    The file stays open, so that reading forwards decompresses it once. Threads may share it.
    """

    def __init__(
        self, path: Path, stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any], remedy: str | Remedy
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self._path, self._stream, self._start, self._remedy = path, stream, stream.tell(), remedy
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int) -> NDArray[Any]:
        """One row, of the shape ``shape[1:]``.

        Raises:
            InputError: it is damaged.
        """
        count = math.prod(self.shape[1:])
        with _readable(f"{self._path} row {index}", self._remedy), self._lock:
            self._stream.seek(self._start + index * count * self.dtype.itemsize)
            data = self._stream.read(count * self.dtype.itemsize)
            return np.frombuffer(data, self.dtype, count).reshape(self.shape[1:])


def read_npz(path: Path, names: Sequence[str], remedy: str | Remedy, largest: int = LARGEST) -> dict[str, NDArray[Any]]:
    """Those of the arrays ``names`` that the npz file ``path`` has.

    Args:
        largest: bytes of one array.

    Raises:
        InputError: the file is missing, no npz file, damaged, or declares sizes that it does not have.
    """
    with NpzFile(path, remedy) as file:
        present = file.names
        return {name: file.read(name, largest=largest) for name in names if name in present}


@contextmanager
def _readable(subject: str | Path, remedy: str | Remedy) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(subject, "is missing", remedy) from None
    except Exception:  # zip archives, decompressors and headers fail in many ways on broken files
        raise InputError(subject, "is truncated or not a readable npz file", remedy) from None
