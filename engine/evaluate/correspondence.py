"""Which point of a predicted surface is the same place on the subject as a true vertex."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluate.measures import points_at
from engine.geometry.mesh import Mesh

OTHER_POSE = 0.05
"""Of the diagonal of the subject's box: canonical surfaces that are further apart on average are in other poses."""


@dataclass(frozen=True, eq=False)
class Correspondences:
    """Points of a predicted surface, one for each of P true vertices."""

    of: NDArray[np.int64]
    """(P,) which true vertices"""
    triangles: NDArray[np.int64]
    """(P,)"""
    barycentric: NDArray[np.float64]
    """(P, 3)"""

    def errors(
        self,
        vertices: NDArray[np.floating],
        faces: NDArray[np.integer],
        true_vertices: NDArray[np.floating],
    ) -> NDArray[np.float64]:
        """Distance (P,) of those of ``true_vertices`` (V, 3) to these points of a posed mesh (``faces`` (T, 3))."""
        places = points_at(vertices, faces, (self.triangles, self.barycentric))
        distances: NDArray[np.float64] = np.linalg.norm(places - true_vertices[self.of], axis=1)
        return distances


def corresponding_points(
    predicted_faces: NDArray[np.integer],
    predicted_canonical: Mesh | None,
    true_faces: NDArray[np.integer],
    true_canonical: NDArray[np.floating] | None,
) -> Correspondences | str:
    """Points of a prediction for the true vertices, or in words why there are none.

    Args:
        predicted_faces: (T, 3) of all frames
        predicted_canonical: its surface in the canonical pose, metres, with these faces
        true_faces: (U, 3) of all frames
        true_canonical: (V, 3) the true vertices in the canonical pose, metres
    """
    if same_triangles(predicted_faces, true_faces):
        return vertex_correspondences(predicted_faces)
    if true_canonical is None:
        return "the truth does not say where its vertices are in the canonical pose"
    if predicted_canonical is None:
        return "the prediction does not say where its surface is in the canonical pose"
    found = canonical_correspondences(true_canonical, predicted_canonical)
    return found or "the canonical surfaces of prediction and truth are in different poses"


def canonical_correspondences(true_canonical: NDArray[np.floating], predicted: Mesh) -> Correspondences | None:
    """The point of the canonical surface ``predicted`` that is nearest to each of ``true_canonical`` (V, 3), metres.

    None where the two are so far apart that they cannot be in the same canonical pose.
    """
    assert true_canonical.ndim == 2 and true_canonical.shape[1] == 3, true_canonical.shape
    points = np.ascontiguousarray(true_canonical, np.float64)
    squared, triangles, barycentric = nearest_places(points, predicted)
    diagonal = float(np.linalg.norm(np.ptp(points, axis=0)))
    if np.sqrt(np.maximum(squared, 0)).mean() > OTHER_POSE * diagonal:
        return None
    return Correspondences(np.arange(len(points)), triangles, barycentric)


def nearest_places(
    points: NDArray[np.floating], mesh: Mesh
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Of the surface of ``mesh`` the place that is nearest to each of ``points`` (N, 3).

    Returns:
        The squared distance (N,), the triangle (N,), and barycentric coordinates (N, 3) in it.
    """
    import igl

    vertices = np.ascontiguousarray(mesh.vertices, np.float64)
    faces = np.ascontiguousarray(mesh.faces, np.int64)
    squared, triangles, nearest = igl.point_mesh_squared_distance(
        np.ascontiguousarray(points, np.float64), vertices, faces
    )[:3]
    return squared, np.asarray(triangles), _barycentric(nearest, vertices[faces[triangles]])


def vertex_correspondences(faces: NDArray[np.integer]) -> Correspondences:
    """Each vertex that ``faces`` (T, 3) use, to itself."""
    used, first = np.unique(faces, return_index=True)  # of the flattened faces
    return Correspondences(used.astype(np.int64), first // 3, np.eye(3)[first % 3])


def same_triangles(faces: NDArray[np.integer], others: NDArray[np.integer]) -> bool:
    """Whether two meshes have the same triangles (T, 3) of the same vertices, in the same order, either side out."""
    return faces.shape == others.shape and np.array_equal(np.sort(faces, axis=1), np.sort(others, axis=1))


def _barycentric(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric coordinates (N, 3) of ``points`` (N, 3) in the planes of triangles ``corners`` (N, 3, 3).

    Ericson 2004, Real-Time Collision Detection, section 3.4. A triangle without area gives its first corner.
    """
    first, second, towards = (
        corners[:, 1] - corners[:, 0],
        corners[:, 2] - corners[:, 0],
        points - corners[:, 0],
    )

    def dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        product: NDArray[np.float64] = np.einsum("nc,nc->n", a, b)
        return product

    d00, d01, d11 = dot(first, first), dot(first, second), dot(second, second)
    d20, d21 = dot(towards, first), dot(towards, second)
    area = d00 * d11 - d01 * d01
    known = area > 0
    divisor = np.where(known, area, 1.0)
    v = np.where(known, (d11 * d20 - d01 * d21) / divisor, 0.0)
    w = np.where(known, (d00 * d21 - d01 * d20) / divisor, 0.0)
    return np.stack((1 - v - w, v, w), axis=1)
