"""Triangle meshes in memory and on disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.files import replacing_file
from engine.geometry.mesh_files import SPLIT_FORMATS, read_triangles, welded


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh: ``vertices`` (V, 3) float32 and ``faces`` (F, 3) int32, outward orientation."""

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]

    def __post_init__(self) -> None:
        assert self.vertices.ndim == 2 and self.vertices.shape[1] == 3, self.vertices.shape
        assert self.faces.ndim == 2 and self.faces.shape[1] == 3, self.faces.shape

    @property
    def is_empty(self) -> bool:
        return len(self.faces) == 0


def vertex_normals(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Area-weighted unit normals (V, 3) of a mesh with ``vertices`` (V, 3) and ``faces`` (F, 3)."""
    corners = vertices[faces]  # (F, 3, 3)
    area_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.stack(
        [sum(np.bincount(faces[:, c], area_normals[:, axis], len(vertices)) for c in range(3)) for axis in range(3)],
        axis=1,
    )
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return (normals / np.maximum(lengths, 1e-20)).astype(np.float32)


def save_mesh(mesh: Mesh, path: Path) -> None:
    """Write ``mesh`` as PLY, OBJ, STL, OFF or GLB by the ending of ``path``; coordinates are stored as they are.

    Raises:
        InputError: the ending is not a mesh format.
    """
    import trimesh

    if path.suffix.lower() not in (".ply", ".obj", ".stl", ".off", ".glb"):
        raise InputError(path, "unknown mesh format", "use .ply, .obj, .stl, .off or .glb")
    with replacing_file(path) as temporary:
        trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(temporary)


def load_mesh(path: Path) -> Mesh:
    """Read one triangle mesh, vertices in file order.

    Materials, textures and normals copy no vertices: those that GLB, glTF and STL files copy are one again.

    Raises:
        InputError: the file is missing, unreadable, empty or has coordinates that are not finite.
    """
    vertices, faces = read_triangles(path)
    if path.suffix.lower() in SPLIT_FORMATS:
        vertices, faces = welded(vertices, faces)
    with np.errstate(over="ignore"):  # doubles that single precision does not hold
        single = vertices.astype(np.float32)
    if not np.isfinite(single).all():
        raise InputError(path, "has vertices that are not finite", "export it again")
    return Mesh(single, faces.astype(np.int32))
