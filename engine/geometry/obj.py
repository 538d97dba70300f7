"""Wavefront OBJ files: positions and triangles as the file numbers them.

Materials, texture coordinates, normals, groups and smoothing change nothing: an OBJ file refers to positions by number,
and other readers copy a position for each pair of it with another attribute.
"""

import codecs
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_POSITION = re.compile(rb"^[ \t]*v[ \t]+(.*)$", re.MULTILINE)
_FACE = re.compile(rb"^[ \t]*f[ \t]+(.*)$", re.MULTILINE)
_ATTRIBUTES = re.compile(rb"/[^\s]*")
_NOT_THREE = re.compile(rb"^(?![ \t]*\S+[ \t]+\S+[ \t]+\S+[ \t\r]*$)", re.MULTILINE)
_COMMENT = re.compile(rb"#.*")
_CONTINUED = re.compile(rb"\\\r?\n")


def read_obj(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Positions (V, 3) and triangles (T, 3) of the OBJ file ``path``; polygons become fans.

    Indices are not compared with the number of positions.

    Raises:
        ValueError: a number cannot be read.
    """
    content = _plain(path.read_bytes())
    vertices = _numbers(_POSITION.findall(content))
    lines = _FACE.findall(content)
    text = b"\n".join(lines)
    if b"/" in text:
        text = _ATTRIBUTES.sub(b"", text)
    if _NOT_THREE.search(text):
        indices = np.array(text.split(), np.int64)
        counts = np.array([len(line.split()) for line in text.split(b"\n")], np.int64)
    else:
        indices, counts = _integers(text, 3 * len(lines)), np.full(len(lines), 3)
    if (indices < 0).any():  # counted back from the positions so far
        positions, faces = (
            np.array([match.start() for match in pattern.finditer(content)]) for pattern in (_POSITION, _FACE)
        )
        before = np.searchsorted(positions, faces)
        indices = np.where(indices < 0, indices + np.repeat(before, counts) + 1, indices)
    return vertices, _fans(indices - 1, counts)


def write_obj(
    path: Path,
    vertices: NDArray[np.float32],
    faces: NDArray[np.integer],
    colours: NDArray[np.uint8] | None = None,
    comments: Sequence[str] = (),
) -> None:
    """Write positions (V, 3), to the last bit of single precision, and triangles (T, 3) into the file ``path``.

    Args:
        colours: (V, 3), as numbers from 0 to 1 behind each position, which is not in the standard and read by most
            programs
        comments: lines for the beginning of the file
    """
    assert vertices.ndim == 2 and vertices.shape[1] == 3, vertices.shape
    assert faces.ndim == 2 and faces.shape[1] == 3, faces.shape
    said = "".join(f"# {line}\n" for line in comments)
    if colours is None:
        positions = _lines("v %.9g %.9g %.9g\n", vertices)
    else:
        assert colours.shape == vertices.shape, (colours.shape, vertices.shape)
        numbers = np.hstack([vertices.astype(np.float64), colours / 255])
        positions = _lines("v %.9g %.9g %.9g %.4g %.4g %.4g\n", numbers)
    path.write_text(said + positions + _lines("f %d %d %d\n", faces.astype(np.int64) + 1), encoding="utf-8")


def _lines(form: str, numbers: NDArray[np.generic]) -> str:
    """A line of ``form`` for each row of ``numbers`` (N, K)."""
    return (form * len(numbers)) % tuple(numbers.ravel().tolist())


def _integers(text: bytes, count: int) -> NDArray[np.int64]:
    """The ``count`` integers of a text, apart by blanks."""
    try:
        with warnings.catch_warnings(action="error"):
            found = np.fromstring(text, np.int64, sep=" ")  # three times as fast as words one by one
    except DeprecationWarning:  # something else is among them
        found = np.empty(0, np.int64)
    return found if len(found) == count else np.array(text.split(), np.int64)


def _plain(content: bytes) -> bytes:
    """Without byte order marks, comments and continued lines."""
    if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        content = content.decode("utf-16").encode()
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"#" in content:
        content = _COMMENT.sub(b"", content)
    return _CONTINUED.sub(b" ", content) if b"\\" in content else content


def _numbers(lines: list[bytes]) -> NDArray[np.float64]:
    """(V, 3) of lines that may go on with a weight or a colour."""
    words = b"\n".join(lines).split()
    width = len(words) // len(lines) if lines else 0
    if width == 3 and len(words) == 3 * len(lines):
        return np.array(words, np.float64).reshape(-1, 3)
    return np.array([line.split()[:3] for line in lines], np.float64).reshape(-1, 3)


def _fans(indices: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Triangles (T, 3) of polygons with ``counts`` (P,) corners each, whose ``indices`` stand one after the other."""
    if (counts == 3).all():
        return indices.reshape(-1, 3)
    triangles = np.maximum(counts - 2, 0)  # what has two corners is no face
    first = np.repeat(np.cumsum(counts) - counts, triangles)
    step = np.arange(triangles.sum()) - np.repeat(np.cumsum(triangles) - triangles, triangles)
    return np.stack([indices[first], indices[first + step + 1], indices[first + step + 2]], axis=1)
