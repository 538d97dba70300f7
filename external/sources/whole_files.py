"""Whether a file that another program writes is whole, decided by what is in it.

A program may write slowly, stop in the middle, reserve the space before it fills it, or write through a network that
delivers out of order; then neither the size of a file nor its age says that all of it is there.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import InputError
from engine.core.npz import NpzFile
from external.captures.depth_pictures import read_picture

_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNK = 12
"""Bytes of a chunk beside its content: length, kind and checksum."""


@dataclass(frozen=True)
class _Look:
    """What an unfinished file was like."""

    first_s: float
    """When it was looked at first."""
    size: int
    changed_ns: int


class WholeFiles:
    """Looks at files, and remembers those that were not whole.

    Formats with checksums, PNG and npz, are whole when these are right. Of others, every byte of which may be any
    value, what the header declares must be there and unchanged since the look before.
    """

    def __init__(self) -> None:
        self._unfinished: dict[Path, _Look] = {}

    def why_not(self, path: Path, now_s: float = 0.0) -> str:
        """Why ``path`` is not whole at the time ``now_s``, for a sentence that begins with its name; empty if it is."""
        try:
            status = path.stat()
            why = _why_not(path)
        except OSError as error:
            self._unfinished.pop(path, None)
            return f"cannot be read ({error.strerror})"
        before = self._unfinished.get(path)
        unchanged = before is not None and (before.size, before.changed_ns) == (status.st_size, status.st_mtime_ns)
        if not why and not unchanged and path.suffix.lower() not in (".png", ".npz"):
            why = "may still be written"
        if why:
            first_s = now_s if before is None else before.first_s
            self._unfinished[path] = _Look(first_s, status.st_size, status.st_mtime_ns)
        else:
            self._unfinished.pop(path, None)
        return why

    def unfinished_for(self, path: Path, now_s: float) -> float:
        """Seconds since ``path`` was found not to be whole."""
        return now_s - self._unfinished[path].first_s if path in self._unfinished else 0.0

    def size(self, path: Path) -> int:
        """Bytes of a file when it was last found not to be whole."""
        return self._unfinished[path].size if path in self._unfinished else 0

    def unfinished(self) -> Iterator[tuple[Path, str]]:
        """The files that still are not whole, and why."""
        for path in list(self._unfinished):
            if why := self.why_not(path):
                yield path, why


def _why_not(path: Path) -> str:
    ending = path.suffix.lower()
    if ending == ".png":
        return png_problem(path.read_bytes())
    try:
        if ending == ".npz":
            with NpzFile(path) as file:
                file.read("depth_m", "f", (None, None), finite=False)
        else:
            read_picture(path)
    except InputError as error:
        return error.problem
    return ""


def png_problem(data: bytes) -> str:
    """What is wrong with a PNG file of these bytes; empty where all chunks are there and their checksums are right.

    As the PNG specification (third edition, section 5) has it: a signature, then chunks of length, kind, content and
    CRC-32, the last of the kind IEND.
    """
    if not data.startswith(_PNG):
        return "is truncated" if _PNG.startswith(data) else "is not a PNG file"
    begin = len(_PNG)
    while begin + _CHUNK <= len(data):
        length, kind = struct.unpack(">I4s", data[begin : begin + 8])
        end = begin + _CHUNK + length
        if end > len(data):
            break
        if zlib.crc32(data[begin + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return f"is damaged at byte {begin}"
        if kind == b"IEND":
            return ""
        begin = end
    return "is truncated"
