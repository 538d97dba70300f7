"""Meshes with fewer vertices, for a page that must not grow large."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluate.correspondence import nearest_places
from engine.evaluate.measures import points_at
from engine.geometry.mesh import Mesh


@dataclass(frozen=True, eq=False)
class Thinned:
    """A coarse mesh whose vertices lie on a fine one, and go with it where that moves."""

    faces: NDArray[np.int32]
    """(T, 3) of the coarse mesh"""
    fine_faces: NDArray[np.int32]
    places: tuple[NDArray[np.int64], NDArray[np.float64]]
    """Triangle (V,) of the fine mesh and barycentric coordinates (V, 3) in it, of each coarse vertex."""

    def vertices(self, fine_vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        """(V, 3) where the fine mesh has ``fine_vertices`` (W, 3)."""
        return points_at(fine_vertices, self.fine_faces, self.places)

    def values(self, of_fine: NDArray[np.floating]) -> NDArray[np.float64]:
        """(V,) of values (W,) of the fine vertices; NaN where one around is."""
        triangles, barycentric = self.places
        mixed: NDArray[np.float64] = (np.asarray(of_fine, np.float64)[self.fine_faces[triangles]] * barycentric).sum(1)
        return mixed


def thinned(mesh: Mesh, count: int) -> Thinned:
    """``mesh`` with at most about ``count`` vertices: edges of least quadric error are collapsed (Garland 1997)."""
    coarse = mesh
    if len(mesh.vertices) > count:
        import pyvista

        surface = pyvista.PolyData.from_regular_faces(mesh.vertices, mesh.faces)
        small = surface.decimate(1 - count / len(mesh.vertices))
        coarse = Mesh(np.asarray(small.points, np.float32), small.regular_faces.astype(np.int32))
    _, triangles, barycentric = nearest_places(coarse.vertices, mesh)
    return Thinned(coarse.faces, mesh.faces, (triangles, barycentric))
