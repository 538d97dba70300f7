"""What the sliders ask for and what comes back."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh, vertex_normals
from npm_studio.session.document.explorer import Codes


class Quality(IntEnum):
    """How good a mesh is; larger is better."""

    PREVIEW = 0
    FINE = 1


@dataclass(frozen=True, eq=False)
class MeshRequest:
    """Meshes wanted."""

    generation: int
    """Counts up; a later request has a larger one."""
    codes: tuple[Codes, ...]
    """Of one mesh, or of several to show together."""
    settled: bool
    """Whether the user is done moving: the fine mesh is wanted at once."""
    ahead: tuple[Codes, ...] = ()
    """What will be asked for next, the soonest first, while something plays."""


@dataclass(frozen=True, eq=False)
class PosedMesh:
    """One mesh in canonical units. While only the pose changes, ``faces`` stays the very same array."""

    vertices: NDArray[np.float32]
    """(V, 3)"""
    normals: NDArray[np.float32]
    """(V, 3) unit length, outward"""
    faces: NDArray[np.int32]
    """(T, 3)"""
    canonical: NDArray[np.float32]
    """(V, 3) where each vertex is in the canonical pose; stays the very same array while only the pose changes"""


@dataclass(frozen=True, eq=False)
class MeshReply:
    """Meshes made."""

    generation: int
    quality: Quality
    resolution: int
    """Grid nodes per axis that the surfaces were contoured at."""
    meshes: tuple[PosedMesh, ...]
    milliseconds: float
    notice: str = ""
    """Something that the user should know; said once."""


def make_posed_mesh(vertices: NDArray[np.float32], mesh: Mesh) -> PosedMesh:
    """A mesh of posed ``vertices`` (V, 3) of the canonical ``mesh``."""
    return PosedMesh(vertices, vertex_normals(vertices, mesh.faces), mesh.faces, mesh.vertices)
