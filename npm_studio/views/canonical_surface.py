"""The canonical surface of a live mesh, where it is in the world."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.exports.vertex_colours import correspondence_colours
from engine.geometry.mesh import vertex_normals
from engine.geometry.similarity import Similarity
from npm_studio.session.live.request import PosedMesh


@dataclass(frozen=True, eq=False)
class CanonicalSurface:
    """In the world."""

    source: NDArray[np.float32]
    """`PosedMesh.canonical`, by which it is known"""
    vertices: NDArray[np.float32]
    """(V, 3) metres"""
    normals: NDArray[np.float32]
    """(V, 3)"""
    colours: NDArray[np.uint8]
    """(V, 3) that say which places of two meshes are the same"""


def canonical_surface(mesh: PosedMesh, similarity: Similarity) -> CanonicalSurface:
    """That of ``mesh``, brought into metres by ``similarity``."""
    return CanonicalSurface(
        mesh.canonical,
        similarity.to_world(mesh.canonical),
        vertex_normals(mesh.canonical, mesh.faces),
        correspondence_colours(mesh.canonical),
    )
