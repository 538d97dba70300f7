"""Whether the end of a Matroska file is missing (RFC 9559; element sizes as in RFC 8794)."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_SEGMENT, _CLUSTER, _CUES = 0x18538067, 0x1F43B675, 0x1C53BB6B


@dataclass(frozen=True)
class MatroskaEnd:
    """What the sizes in a file say of its end."""

    missing_bytes: int = 0
    """How much less there is than the file declares."""
    in_cluster: bool = False
    """Whether the file ends within a group of frames."""
    closed: bool = True
    """Whether the recorder came to the end and wrote its size."""


def matroska_end(path: Path) -> MatroskaEnd:
    """Reads the heads of the outermost elements and nothing of the frames; a file that is none counts as whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = _head(file)
        if head is None or head[1] is None:
            return MatroskaEnd()
        file.seek(head[1], 1)
        segment = _head(file)
        if segment is None or segment[0] != _SEGMENT:
            return MatroskaEnd()
        declared = None if not segment[1] else file.tell() + segment[1]
        element, end = 0, file.tell()
        while end < size:
            file.seek(end)
            child = _head(file)
            if child is None or child[1] is None:
                break
            element, end = child[0], file.tell() + child[1]
    missing = max(end, declared or 0, size) - size
    return MatroskaEnd(missing, end > size and element == _CLUSTER, declared is not None or element == _CUES)


def _head(file: BinaryIO) -> tuple[int, int | None] | None:
    """Identifier and size of the element that begins here; no size where it is unknown; None where there is none."""
    identifier = _number(file, keep_marker=True)
    length = _number(file, keep_marker=False)
    if identifier is None or length is None:
        return None
    value, unknown = length
    return identifier[0], None if unknown else value


def _number(file: BinaryIO, keep_marker: bool) -> tuple[int, bool] | None:
    """A number of variable length, and whether all its bits are set."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    length = 9 - first[0].bit_length()
    rest = file.read(length - 1)
    if len(rest) < length - 1:
        return None
    whole = int.from_bytes(first + rest, "big")
    value = whole - (1 << 7 * length)
    return whole if keep_marker else value, value == (1 << 7 * length) - 1
