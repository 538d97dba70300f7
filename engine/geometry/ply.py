"""Compact binary PLY files, for folders with a mesh per frame."""

from pathlib import Path

import numpy as np

from engine.core.files import replacing_file
from engine.geometry.mesh import Mesh


def save_compact_ply(mesh: Mesh, path: Path) -> None:
    """Write ``mesh`` as binary little-endian PLY: float32 coordinates, stored as they are, and no normals or colours.

    Indices take two bytes where the number of vertices permits it, which halves a mesh of a body. Any reader of PLY
    takes such a file; `engine.geometry.mesh.load_mesh` does.
    """
    index_type, index_name = ("<u2", "ushort") if len(mesh.vertices) <= 65536 else ("<i4", "int")
    header = (
        "ply\n"
        "format binary_little_endian 1.0\n"
        f"element vertex {len(mesh.vertices)}\n"
        "property float x\n"
        "property float y\n"
        "property float z\n"
        f"element face {len(mesh.faces)}\n"
        f"property list uchar {index_name} vertex_indices\n"
        "end_header\n"
    )
    faces = np.empty(len(mesh.faces), [("count", "u1"), ("indices", index_type, 3)])
    faces["count"] = 3
    faces["indices"] = mesh.faces
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        file.write(header.encode("ascii"))
        file.write(mesh.vertices.astype("<f4").tobytes())
        file.write(faces.tobytes())
