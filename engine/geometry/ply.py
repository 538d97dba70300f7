"""Compact binary PLY files, for folders with a mesh per frame."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, in_words
from engine.core.files import replacing_file
from engine.geometry.mesh import Mesh, load_mesh

_HEADER = (
    "ply\n"
    "format binary_little_endian 1.0\n"
    "element vertex {vertices}\n"
    "property float x\n"
    "property float y\n"
    "property float z\n"
    "element face {faces}\n"
    "property list uchar {index} vertex_indices\n"
    "end_header\n"
)
_END = b"end_header\n"
_PARSED = re.compile(
    _HEADER.format(vertices="([0-9]{1,10})", faces="([0-9]{1,10})", index="(ushort|int|uint)").encode("ascii")
)
_INDEX_TYPES = {"ushort": "<u2", "int": "<i4", "uint": "<u4"}
_LONGEST_HEADER = 4096


@dataclass(frozen=True)
class CompactLayout:
    """Where the numbers of a compact file are."""

    vertices: int
    faces: int
    start: int
    """Bytes of the header."""
    index: str
    """Type of the indices, a word of the format."""

    @property
    def face_type(self) -> np.dtype:
        return np.dtype([("count", "u1"), ("indices", _INDEX_TYPES[self.index], 3)])

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.start + 12 * self.vertices + self.face_type.itemsize * self.faces


def save_compact_ply(
    mesh: Mesh,
    path: Path,
    unit: str = "",
    colours: NDArray[np.uint8] | None = None,
    comments: Sequence[str] = (),
) -> None:
    """Write ``mesh`` as binary little-endian PLY: float32 coordinates, stored as they are, and no normals.

    Indices take two bytes where the number of vertices permits it, which halves a mesh of a body. Any reader of PLY
    takes such a file; `engine.geometry.mesh.load_mesh` does.

    Args:
        unit: of the coordinates, for the comment of the file; one line.
        colours: (V, 3) of the vertices; no file with them is a compact one of `compact_layout`.
        comments: more lines of comments, before that of the unit
    """
    index = "ushort" if len(mesh.vertices) <= 65536 else "int"
    header = _HEADER.format(vertices=len(mesh.vertices), faces=len(mesh.faces), index=index)
    lines = [*comments, *([f"unit: {unit}"] if unit else [])]
    said = "".join(f"comment {line}\n" for line in lines)
    header = header.replace("element vertex", f"{said}element vertex", 1)
    vertices = mesh.vertices.astype("<f4")
    if colours is not None:
        assert colours.shape == mesh.vertices.shape, (colours.shape, mesh.vertices.shape)
        painted = "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
        header = header.replace("element face", f"{painted}element face", 1)
        coloured = np.empty(len(vertices), np.dtype([("place", "<f4", 3), ("colour", "u1", 3)]))
        coloured["place"], coloured["colour"] = vertices, colours
        vertices = coloured
    faces = np.empty(len(mesh.faces), CompactLayout(0, 0, 0, index).face_type)
    faces["count"] = 3
    faces["indices"] = mesh.faces
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        file.write(header.encode("ascii", "replace"))
        file.write(vertices.tobytes())
        file.write(faces.tobytes())


def compact_layout(path: Path) -> CompactLayout | None:
    """The layout of a file as `save_compact_ply` or trimesh write it; None when it is another kind of file.

    Reads the header alone.

    Raises:
        InputError: the file is missing, or is shorter or longer than its header says.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_LONGEST_HEADER)
        size = path.stat().st_size
    except OSError as error:
        raise InputError(path, f"cannot be read{in_words(error)}", "copy or make it again") from None
    layout = _parse(head)
    if layout is not None and layout.size != size:
        raise InputError(path, f"has {size} bytes, its header says {layout.size}", "copy or make it again")
    return layout


def stated_unit(path: Path) -> str:
    """What the comment of a PLY file says of its unit, as `save_compact_ply` writes it; empty where it says nothing.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_LONGEST_HEADER)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", "copy or make it again") from None
    found = re.search(rb"(?m)^comment unit: (.*?)\r?$", head.split(_END.rstrip())[0])
    return "" if found is None else found.group(1).decode("ascii", "replace").strip()


def load_compact_ply(path: Path) -> Mesh:
    """Read one mesh: at once where the file is compact, else as `engine.geometry.mesh.load_mesh` does.

    Raises:
        InputError: the file is missing, damaged, empty, or has coordinates that are not finite.
    """
    layout = compact_layout(path)
    if layout is None:
        return load_mesh(path)
    data = path.read_bytes()
    if len(data) != layout.size:  # changed since its header was read
        raise InputError(path, "changes while it is read", "wait until it is written")
    vertices = np.frombuffer(data, "<f4", 3 * layout.vertices, layout.start).reshape(-1, 3).copy()
    faces = np.frombuffer(data, layout.face_type, layout.faces, layout.start + 12 * layout.vertices)
    indices = faces["indices"].astype(np.int32)
    if len(indices) == 0:
        raise InputError(path, "holds no triangles", "export it as a triangle mesh")
    if (faces["count"] != 3).any() or indices.min() < 0 or indices.max() >= layout.vertices:
        raise InputError(path, "has faces that are not triangles of its vertices", "copy or make it again")
    if not np.isfinite(vertices).all():
        raise InputError(path, "has vertices that are not finite")
    return Mesh(vertices, indices)


def _parse(head: bytes) -> CompactLayout | None:
    found = _PARSED.match(re.sub(rb"(?m)^comment.*\n", b"", head))
    if found is None:
        return None
    vertices, faces, index = (group.decode("ascii") for group in found.groups())
    return CompactLayout(int(vertices), int(faces), head.index(_END) + len(_END), index)
