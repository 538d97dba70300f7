"""Finding poses whose parts pass through each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import vertex_normals
from external.anny.rig import Array, RestBody, Rig, skin

# Bones whose points are tested, and the fraction of these points that may lie inside: more beside elbows and knees,
# where a bent limb always presses into itself.
_PARTS = {
    "hand": (("wrist", "metacarpal", "finger", "lowerarm02"), 0.02),
    "arm": (("lowerarm01", "upperarm02"), 0.12),
    "foot": (("foot", "toe", "lowerleg02"), 0.02),
    "leg": (("lowerleg01", "upperleg02"), 0.08),
}

_KNEE = ("upperleg01", "lowerleg01", "foot")
_PRESSES_FROM, _PRESSED_PER_RADIAN = 1.7, 0.28
"""Calf and thigh press into each other in all bodies alike: from this angle of the knee on, this fraction of a leg."""

PARTS = tuple(f"{part}.{side}" for side in "LR" for part in _PARTS)
"""Names of the parts of a body's probe, such as ``hand.L``."""


@dataclass(frozen=True, eq=False)
class Probe:
    """A coarse version of a character and the points of its moving parts, shared by all identities."""

    rig: Rig
    """The bones with the coarse mesh only."""
    vertices: NDArray[np.int64]
    """(W,) indices of the coarse mesh's vertices in the full one."""
    parts: tuple[tuple[NDArray[np.int64], float], ...]
    """Coarse vertices (K,) of each part (`PARTS` of a body), and the fraction of them that may lie inside."""
    clearance_m: float
    """How far points are lifted off their own surface before asking whether they lie inside the body."""
    knees: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    """Bones that begin at hip, knee and ankle, by the part that is a leg."""


def make_probe(rig: Rig, rest: RestBody, faces: int = 3000) -> Probe:
    """The probe of bodies: the mesh of any of them (all share it) coarsened to about ``faces`` triangles."""
    import igl
    from scipy.spatial import cKDTree

    decimated = igl.qslim(rest.vertices, rig.faces.astype(np.int64), faces)
    coarse_vertices, coarse_faces = np.asarray(decimated[0]), np.asarray(decimated[1])
    corners = cKDTree(rest.vertices).query(coarse_vertices)[1][coarse_faces]
    a, b, c = corners.T
    corners = corners[(a != b) & (b != c) & (c != a)]
    vertices, index = np.unique(corners, return_inverse=True)
    coarse = rig.subset(vertices, index.reshape(-1, 3).astype(np.int32))
    strongest = np.array(rig.bone_names)[coarse.weights.argmax(axis=1)]
    parts, knees = [], {}
    for side in "LR":
        hip, knee, ankle = (rig.bone(f"{name}.{side}") for name in _KNEE)
        knees[PARTS.index(f"leg.{side}")] = (hip, knee, ankle)
        for prefixes, tolerance in _PARTS.values():
            own = [name.startswith(prefixes) and name.endswith(side) for name in strongest]
            parts.append((np.flatnonzero(own), tolerance))
    return Probe(coarse, vertices, tuple(parts), 0.004, knees)


class ContactTest:
    """Tells whether poses of one identity push a part of the body into another.

    Points that are covered in the canonical pose as well, as between neighbouring toes, do not count.
    """

    def __init__(self, probe: Probe, rest: RestBody, canonical_poses: Array) -> None:
        """``canonical_poses`` (1, B, 4, 4) are the bone poses of the canonical pose."""
        self._rig, self._knees, self._clearance_m = probe.rig, probe.knees, probe.clearance_m
        self._body = RestBody(rest.vertices[probe.vertices], rest.bone_rotations, rest.bone_heads)
        everything = np.arange(len(probe.vertices))
        canonical = skin(self._rig, self._body, canonical_poses)[0]
        covered = everything[self._is_inside(canonical, everything)]
        self._parts = [(np.setdiff1d(part, covered), tolerance) for part, tolerance in probe.parts]

    def parts_in_contact(self, poses: Array) -> NDArray[np.bool_]:
        """Which parts of the probe (P,) pass through another in each of the bone ``poses`` (F, B, 4, 4): (F, P)."""
        posed = zip(skin(self._rig, self._body, poses), self._tolerances(poses), strict=True)
        found = [self._contacts(vertices, tolerances) for vertices, tolerances in posed]
        return np.array(found, bool).reshape(len(poses), len(self._parts))

    def finds_contact(self, poses: Array) -> bool:
        """Whether a part passes through another in any frame of the bone ``poses`` (F, B, 4, 4)."""
        posed = zip(skin(self._rig, self._body, poses), self._tolerances(poses), strict=True)
        return any(any(self._contacts(vertices, tolerances)) for vertices, tolerances in posed)

    def _tolerances(self, poses: Array) -> Array:
        """(F, P) fraction of each part that may lie inside in each of the ``poses`` (F, B, 4, 4)."""
        result = np.tile([tolerance for _, tolerance in self._parts], (len(poses), 1))
        for part, bones in self._knees.items():
            hip, knee, ankle = (poses[:, bone, :3, 3] for bone in bones)
            thigh, shin = knee - hip, ankle - knee
            lengths = np.linalg.norm(thigh, axis=1) * np.linalg.norm(shin, axis=1)
            bent = np.arccos(np.clip((thigh * shin).sum(axis=1) / lengths, -1.0, 1.0))
            result[:, part] += _PRESSED_PER_RADIAN * np.maximum(bent - _PRESSES_FROM, 0.0)
        return result

    def _contacts(self, vertices: NDArray[np.float32], tolerances: Array) -> list[bool]:
        """For each part whether it passes through another, by the ``tolerances`` (P,)."""
        inside = self._is_inside(vertices, np.concatenate([part for part, _ in self._parts]))
        ends = np.cumsum([len(part) for part, _ in self._parts])[:-1]
        return [
            bool(hits.sum() > tolerance * len(hits))
            for hits, tolerance in zip(np.split(inside, ends), tolerances, strict=True)
        ]

    def _is_inside(self, vertices: NDArray[np.float32], asked: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the coarse vertices ``asked`` (K,) of a posed body (W, 3), lifted a little, lie inside of it."""
        import igl

        faces = self._rig.faces
        lifted = vertices[asked] + self._clearance_m * vertex_normals(vertices, faces)[asked]
        winding = igl.fast_winding_number(
            vertices.astype(np.float64), faces.astype(np.int64), lifted.astype(np.float64)
        )
        return np.asarray(winding) > 0.5
