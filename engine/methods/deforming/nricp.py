"""A frame by non-rigid iterative closest points, by trimesh (Amberg et al., CVPR 2007)."""

from collections.abc import Callable, Iterator

import igl
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.geometry.mesh import Mesh, vertex_normals
from engine.geometry.topology import faces_by_part
from engine.methods.deforming.coarse import carried_by, decimated
from engine.methods.deforming.config import NricpConfig
from engine.methods.deforming.deformer import Deformer
from engine.methods.deforming.seen import SeenSurface
from engine.methods.deforming.template import diagonal

_NORMALS = 0.5
"""Power of the cosine between normals by which partners count, as trimesh has it."""
_FEWEST = 10
"""Vertices of a part that is registered; smaller ones go with what is around them."""


def nricp(template: Mesh, config: NricpConfig) -> Deformer:
    """Deforms a decimated ``template``, each frame the mesh of the one before.

    What of it the camera would see is registered. The rest would be drawn through the subject to the side that is seen:
    it goes along by displacements that minimise the energy of a thin plate instead.

    A part of it without partners goes along as well.

    Raises:
        InputError: the template cannot be decimated.
    """
    control = decimated(template, config.vertices)
    weights = np.geomspace(config.stiffness_first, config.stiffness_last, config.steps)
    reach = config.reach * diagonal(template.vertices)

    def have_partners(vertices: NDArray[np.float64], seen: SeenSurface) -> NDArray[np.bool_]:
        distances, nearest = cKDTree(seen.mesh.vertices).query(vertices)
        normals = vertex_normals(vertices.astype(np.float32), control.faces)
        seen_normals = vertex_normals(seen.mesh.vertices, seen.mesh.faces)[nearest]
        alike: NDArray[np.bool_] = (normals * seen_normals).sum(axis=1) > 0
        return alike & (distances < reach)

    def steps(go_on: Callable[[], None]) -> Iterator[list[float]]:
        for weight in weights:
            go_on()
            yield [float(weight), 0.0, _NORMALS, config.iterations]

    def register(vertices: NDArray[np.float64], seen: SeenSurface, go_on: Callable[[], None]) -> NDArray[np.float64]:
        shown = seen.shows(vertices, control.faces)
        part = _parts_with(control.faces[shown[control.faces].all(axis=1)], have_partners(vertices, seen))
        if len(part) == 0:
            return np.full_like(vertices, np.nan)
        used, faces = np.unique(part, return_inverse=True)
        mesh = trimesh.Trimesh(vertices[used], faces.reshape(-1, 3), process=False)
        target = trimesh.Trimesh(seen.mesh.vertices, seen.mesh.faces, process=False)
        try:
            moved = trimesh.registration.nricp_amberg(
                mesh, target, steps=steps(go_on), distance_threshold=reach / mesh.scale
            )
        except RuntimeError:  # of a singular system: a part has no partners whose normals are alike
            return np.full_like(vertices, np.nan)
        return vertices + _spread(vertices, control.faces, used, moved - vertices[used])

    return Deformer(control, register, carried_by(control, template.vertices))


def _parts_with(faces: NDArray[np.int32], near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Those connected parts of ``faces`` (T, 3) that have enough vertices ``near`` (V,) what is seen."""
    if len(faces) == 0:
        return np.zeros((0, 3), np.int64)
    parts = faces_by_part(faces.astype(np.int64))
    chosen = [part for part in parts if near[np.unique(part)].sum() >= _FEWEST]
    return np.concatenate(chosen) if chosen else np.zeros((0, 3), np.int64)


def _spread(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], known: NDArray[np.int64], moved: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Displacements (V, 3) of all ``vertices`` (V, 3), biharmonic between those ``moved`` (K, 3) of the ``known``."""
    if len(known) == len(vertices):
        return moved
    spread: NDArray[np.float64] = igl.harmonic(
        np.ascontiguousarray(vertices), faces.astype(np.int64), known.astype(np.int64), np.ascontiguousarray(moved), 2
    )
    return spread
