"""Closing the eye sockets and the mouth of Anny's body: no camera sees much of them, and models waste effort on them.

Anny labels the triangles of its mesh, among others as eye and mouth cavities. These end at the inner edges of the lids
and the lips.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.geometry.repair.hole_caps import boundary_loops

Triangles = NDArray[np.int64]

_CAVITIES = {"eye_cavity.L": (2, 28), "eye_cavity.R": (2, 28), "mouth_cavity": (3, 38)}
"""Anny's label of each cavity, the rings of triangles around it that are cut off as well, and the vertices of the rim.

The rings take the rim to where the lids are about 2 mm deep and the lips, which press into each other further inside,
part.
"""


def cavity_masks(anny: Any, faces: Triangles) -> list[NDArray[np.bool_]]:
    """Which of the ``faces`` (T, 3) of an `anny.Anny` are to be cut off, for each cavity (T,).

    Raises:
        InputError: Anny's mesh is not the one whose cavities are known.
    """
    from anny.face_segmentation import get_face_segmentation_mask

    masks = []
    for label, (rings, count) in _CAVITIES.items():
        mask = get_face_segmentation_mask(anny, [label]).cpu().numpy()
        if len(mask) == len(faces) and mask.any():
            mask = _grown(faces, mask, rings)
            rims = boundary_loops(faces[mask])
            if [len(rim) for rim in rims] == [count]:
                masks.append(mask)
                continue
        raise InputError("the body model Anny", f"has no {label} as expected", "install 'anny>=0.6.2,<0.7'")
    return masks


def close_cavities(vertices: NDArray[np.float64], faces: Triangles, masks: list[NDArray[np.bool_]]) -> Triangles:
    """The ``faces`` (T, 3) without those of the ``masks`` (T,), each of them a disc, and with strips across the holes.

    Only vertices of the rims get new triangles, so that these fit all identities. A strip goes from the corner of the
    eye or mouth that is farthest from the middle to the other, with the shorter of the two diagonals at each step
    (Christiansen and Sederberg 1978): lids and lips are joined by the shortest way.

    Args:
        vertices: (V, 3) of any identity, of which the first coordinate is from side to side.
    """
    kept = [faces[~np.any(masks, axis=0)]]
    for mask in masks:
        (rim,) = boundary_loops(faces[mask])
        rim = np.roll(rim, -int(np.abs(vertices[rim, 0]).argmax()))
        kept.append(_strip(vertices, rim.tolist()))
    return np.concatenate(kept)


def _grown(faces: Triangles, mask: NDArray[np.bool_], rings: int) -> NDArray[np.bool_]:
    """The ``mask`` (T,) with that many rings of triangles around it."""
    for _ in range(rings):
        touched = np.zeros(int(faces.max()) + 1, bool)
        touched[faces[mask]] = True
        mask = np.asarray(touched[faces].any(axis=1))
    return mask


def _strip(vertices: NDArray[np.float64], rim: list[int]) -> Triangles:
    """Triangles (K, 3) across a hole from the first vertex of its ``rim`` on, in the direction of the rim."""

    def length(a: int, b: int) -> float:
        return float(np.linalg.norm(vertices[rim[a]] - vertices[rim[b]]))

    low, high = 0, len(rim) - 1
    triangles = []
    while high - low > 1:
        if length(low + 1, high) <= length(low, high - 1):
            triangles.append((rim[low], rim[low + 1], rim[high]))
            low += 1
        else:
            triangles.append((rim[low], rim[high - 1], rim[high]))
            high -= 1
    return np.array(triangles, np.int64)
