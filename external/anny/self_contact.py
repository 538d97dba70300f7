"""Finding poses whose limbs pass through the body."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import vertex_normals
from external.anny.rig import Array, RestBody, Rig, skin

_CLEARANCE_M = 0.004
"""How far points are lifted off their own surface before asking whether they lie inside the body."""

_PARTS = {  # bones whose vertices are tested, and the share of them that may lie inside
    "hand": (("wrist", "metacarpal", "finger", "lowerarm02"), 0.02),
    "elbow": (("lowerarm01", "upperarm02"), 0.08),
    "foot": (("foot", "toe", "lowerleg02"), 0.02),
    "knee": (("lowerleg01", "upperleg02"), 0.08),
}


@dataclass(frozen=True, eq=False)
class LimbProbe:
    """A coarse version of the body, and the limb points on it that must stay outside of the rest."""

    rig: Rig
    """The bones with the coarse mesh only."""
    vertices: NDArray[np.int64]
    """(W,) indices of the coarse mesh's vertices in the full one."""
    parts: tuple[tuple[NDArray[np.int64], float], ...]
    """Coarse vertices (K,) of each limb part, and the share of them that may lie inside."""


def make_probe(rig: Rig, rest: RestBody, faces: int = 3000) -> LimbProbe:
    """Coarsen the mesh of any identity (all share it) to about ``faces`` triangles."""
    import igl
    from scipy.spatial import cKDTree

    decimated = igl.decimate(rest.vertices, rig.faces.astype(np.int64), faces)
    coarse_vertices, coarse_faces = np.asarray(decimated[0]), np.asarray(decimated[1])
    nearest = cKDTree(rest.vertices).query(coarse_vertices)[1]
    corners = nearest[coarse_faces]
    a, b, c = corners.T
    corners = corners[(a != b) & (b != c) & (c != a)]
    vertices, index = np.unique(corners, return_inverse=True)
    coarse = rig.subset(vertices, index.reshape(-1, 3).astype(np.int32))
    strongest = np.array(rig.bone_names)[coarse.weights.argmax(axis=1)]
    parts = []
    for side in "LR":
        for prefixes, tolerance in _PARTS.values():
            own = [name.startswith(prefixes) and name.endswith(side) for name in strongest]
            parts.append((np.flatnonzero(own), tolerance))
    return LimbProbe(coarse, vertices, tuple(parts))


def coarse_body(probe: LimbProbe, rest: RestBody) -> RestBody:
    """The identity ``rest`` with the vertices of the coarse mesh only."""
    return RestBody(rest.vertices[probe.vertices], rest.bone_rotations, rest.bone_heads)


def limbs_inside(probe: LimbProbe, coarse: RestBody, poses: Array) -> bool:
    """Whether in any of the frames of ``poses`` (F, B, 4, 4) a limb passes through another part of the body."""
    posed = skin(probe.rig, coarse, poses)
    return any(frame_intersects(probe, vertices) for vertices in posed)


def frame_intersects(probe: LimbProbe, vertices: NDArray[np.float32]) -> bool:
    """Whether in this frame, coarse ``vertices`` (W, 3) in metres, a limb passes through another part."""
    import igl

    points = vertices + _CLEARANCE_M * vertex_normals(vertices, probe.rig.faces)
    asked = np.concatenate([part for part, _ in probe.parts])
    winding = np.asarray(
        igl.fast_winding_number(
            vertices.astype(np.float64), probe.rig.faces.astype(np.int64), points[asked].astype(np.float64)
        )
    )
    inside = np.split(winding > 0.5, np.cumsum([len(part) for part, _ in probe.parts])[:-1])
    return any(hits.sum() > tolerance * len(hits) for hits, (_, tolerance) in zip(inside, probe.parts, strict=True))
