"""Closed meshes from canonical meshes with open cuffs, holes, interior shells and the other defects of scans."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh
from engine.geometry.repair.hidden_patches import without_hidden_patches
from engine.geometry.repair.hole_caps import Points, Triangles, boundary_loops, cap_hole
from engine.geometry.signed_distance import (
    face_normals,
    is_inside,
    sample_surface,
    unsigned_distance,
    winding_number,
)
from engine.geometry.topology import (
    defects,
    directed_edges,
    edge_uses,
    faces_by_part,
    part_of_faces,
    signed_volume,
    triangle_areas,
)

_log = logging.getLogger(__name__)

TOLERANCE = 0.002
"""Default bound on the distance of 95 % of the input's surface from the repaired one; 5 mm on a body at 0.4 per m."""
MAX_DEVIATION_FACTOR = 10.0
"""No part of the input's surface may be farther from the repaired one than this many tolerances."""
MAX_OPENING_FRACTION = 0.75
"""Where the openings of a part have more than this fraction of its area, it is a sheet and has no inside."""
MAX_LOOSE_FRACTION = 0.01
"""Sheets of no more than this fraction of the area are left out, as the crumbs of a scan."""
MAX_UNENCLOSED_FRACTION = 0.1
"""Where more of the surface than this has no inside on either side by the winding number, it encloses nothing."""
MIN_COMPONENT_VOLUME_FRACTION = 1e-5
"""Parts of a surface made anew with less than this fraction of the largest one's volume are left out."""
_MAX_HOLES = 5000
_SAMPLES = 20_000
_MERGE_DISTANCE = 1e-6  # of the diagonal: vertices of open edges closer than this are one


Resurface = Callable[[Points, Triangles], Mesh]
"""Makes a closed surface of vertices (V, 3) and faces (T, 3) that enclose something, as
`engine.surface.winding_surface.winding_surface`; empty where they do not."""


class NotRepairableError(ValueError):
    """A mesh has no well-defined inside; ``str(error)`` is the reason."""


@dataclass(frozen=True, eq=False)
class Repair:
    """A closed mesh, oriented outwards.

    ``steps`` says what was done, in order; empty where nothing was. The distances are those of samples of the input's
    outer surface (without what lies inside) from ``mesh``: 95th percentile and maximum, in the mesh's unit.
    """

    mesh: Mesh
    steps: tuple[str, ...]
    distance_95: float
    distance_max: float


def repair_watertight(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    tolerance: float = TOLERANCE,
    resurface: Resurface | None = None,
) -> Repair:
    """The closed, outward surface of a mesh; a mesh that is one already comes back as it is.

    Steps, each only where it is needed:

    1. repeated triangles and those with a repeated vertex are dropped, vertices of open edges at one place merged;
    2. where more than two triangles share an edge, patches that nobody sees from outside and flaps are dropped, and
       the rest is cut apart;
    3. triangles are turned to agree with their neighbours and to face outwards;
    4. holes are capped (`engine.geometry.repair.hole_caps.cap_hole`);
    5. parts inside others are dropped (eyes, teeth), overlapping ones united;
    6. if that gives no closed surface within the tolerance: the surface that ``resurface`` makes, where the winding
       number of the input is one half.

    Args:
        vertices: (V, 3)
        faces: (T, 3)
        tolerance: bound on ``distance_95``, in the mesh's unit; ``distance_max`` is bounded by ten times that.
        resurface: how step 6 makes a surface; without it there is no such step.

    Raises:
        NotRepairableError: the input is no surface, encloses nothing, or its surface would move farther than that.
    """
    vertices, faces = np.asarray(vertices), np.asarray(faces)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
        raise NotRepairableError(f"is not a triangle mesh: vertices {vertices.shape}, faces {faces.shape}")
    if len(faces) == 0 or faces.min() < 0 or faces.max() >= len(vertices):
        raise NotRepairableError("has no faces, or faces that name vertices that do not exist")
    if not np.isfinite(vertices[np.unique(faces)]).all():
        raise NotRepairableError("has vertices that are not finite")
    if not triangle_areas(vertices, faces).any():
        raise NotRepairableError("has only triangles of zero area")
    if not defects(faces) and part_of_faces(faces).max() == 0 and signed_volume(vertices, faces) > 0:
        return Repair(Mesh(vertices.astype(np.float32), faces.astype(np.int32)), (), 0.0, 0.0)
    cleaned = _cleaned(_PartialRepair(np.asarray(vertices, np.float64), np.asarray(faces, np.int64), ()))
    reasons = []
    methods: list[Callable[[_PartialRepair], tuple[_PartialRepair, _PartialRepair]]] = [_by_steps]
    if resurface is not None:
        methods.append(partial(_by_winding_number, resurface=resurface))
    for method in methods:
        try:
            whole, closed = method(cleaned)
        except NotRepairableError as error:
            _log.info("a way of repair failed: %s", error)
            reasons.append(str(error))
            continue
        distance_95, distance_max = _distances(cleaned, whole, closed)
        if distance_95 <= tolerance and distance_max <= MAX_DEVIATION_FACTOR * tolerance:
            return Repair(_compact(closed), closed.steps, distance_95, distance_max)
        reasons.append(
            f"the surface would move by {distance_95:.4f} (95th percentile; {distance_max:.4f} at most) where "
            f"{tolerance:g} ({MAX_DEVIATION_FACTOR * tolerance:g} at most) is tolerated"
        )
    raise NotRepairableError("cannot be closed: " + "; ".join(dict.fromkeys(reasons)))


@dataclass(frozen=True, eq=False)
class _PartialRepair:
    """A surface on its way, and what was done to it."""

    vertices: Points
    faces: Triangles
    steps: tuple[str, ...]

    def after(self, step: str, faces: Triangles, vertices: Points | None = None) -> "_PartialRepair":
        return _PartialRepair(self.vertices if vertices is None else vertices, faces, (*self.steps, step))


def _cleaned(surface: _PartialRepair) -> _PartialRepair:
    """Steps 1 to 3: a surface of at most two triangles per edge that agree with each other and face outwards."""
    import igl

    surface = _drop_hidden_patches(_drop_repeated(_merge_open_vertices(_drop_repeated(surface))))
    if len(surface.faces) == 0:
        raise NotRepairableError("has only triangles of zero area")
    counts, balance = edge_uses(surface.faces)
    if ((counts == 2) & (balance != 0)).any():
        turned = np.asarray(igl.bfs_orient(surface.faces)[0])
        same = (turned == surface.faces).all(axis=1)
        surface = surface.after(f"turned {min(same.sum(), (~same).sum())} triangles to agree with the others", turned)
    if (counts != 2).any():
        faces, origin = igl.split_nonmanifold(surface.faces)
        vertices = surface.vertices[origin]
        if (counts > 2).any():
            surface = surface.after("cut apart what is joined at edges of more than two triangles", faces, vertices)
        else:  # vertices where two holes touch become two, silently
            surface = replace(surface, vertices=vertices, faces=faces)
    return _turned_outwards(surface)


def _drop_repeated(surface: _PartialRepair) -> _PartialRepair:
    corners = np.sort(surface.faces, axis=1)
    kept = np.zeros(len(corners), bool)
    kept[np.unique(corners, axis=0, return_index=True)[1]] = True
    kept &= (corners[:, 0] != corners[:, 1]) & (corners[:, 1] != corners[:, 2])
    if kept.all():
        return surface
    return surface.after(f"dropped {(~kept).sum()} repeated or degenerate triangles", surface.faces[kept])


def _merge_open_vertices(surface: _PartialRepair) -> _PartialRepair:
    """Vertices of open edges that are at one place become one; closed surfaces may touch without being joined."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    if len(surface.faces) == 0:
        return surface
    ends = np.unique(directed_edges(surface.faces)[edge_uses(surface.faces)[0] == 1])
    if len(ends) == 0:
        return surface
    diagonal = float(np.linalg.norm(np.ptp(surface.vertices[np.unique(surface.faces)], axis=0)))
    pairs = cKDTree(surface.vertices[ends]).query_pairs(_MERGE_DISTANCE * diagonal, output_type="ndarray")
    if len(pairs) == 0:
        return surface
    graph = coo_matrix((np.ones(len(pairs), np.int8), pairs.T), (len(ends), len(ends)))
    labels = connected_components(graph, directed=False)[1]
    first = np.unique(labels, return_index=True)[1]
    target = np.arange(len(surface.vertices))
    target[ends] = ends[first[labels]]
    return surface.after(f"merged {len(ends) - len(first)} vertices along seams", target[surface.faces])


def _drop_hidden_patches(surface: _PartialRepair) -> _PartialRepair:
    """Where more than two triangles share an edge, drops patches that nobody sees from outside, then flaps."""
    faces, walls, flaps = without_hidden_patches(surface.vertices, surface.faces)
    if walls:
        surface = surface.after(f"dropped {walls} triangles of walls inside", faces)
    if flaps:
        surface = surface.after(f"dropped {flaps} triangles of flaps", faces)
    return surface


def _by_steps(surface: _PartialRepair) -> tuple[_PartialRepair, _PartialRepair]:
    """Steps 4 and 5: the surface with its holes capped, and the outer one of its parts."""
    whole = _turned_outwards(_capped(surface))
    if defect := defects(whole.faces):
        raise NotRepairableError(f"with its holes capped it {defect}")
    return whole, _outer_parts(whole)


def _by_winding_number(surface: _PartialRepair, resurface: Resurface) -> tuple[_PartialRepair, _PartialRepair]:
    """Step 6: the surface that it is measured by, and the surface made anew."""
    unenclosed = float((~_sides(surface, surface)[1].any(axis=1)).mean())
    if unenclosed > MAX_UNENCLOSED_FRACTION:
        raise NotRepairableError(f"{100 * unenclosed:.0f} % of its area have no inside on either side")
    mesh = resurface(surface.vertices, surface.faces)
    if mesh.is_empty:
        raise NotRepairableError("its winding number is one half nowhere, it encloses nothing")
    anew = surface.after(
        "made the surface anew where the winding number is one half",
        mesh.faces.astype(np.int64),
        mesh.vertices.astype(np.float64),
    )
    if defect := defects(anew.faces):
        raise NotRepairableError(f"the surface of its winding number {defect}")
    parts = faces_by_part(anew.faces)
    volumes = [signed_volume(anew.vertices, faces) for faces in parts]
    solid = [
        faces
        for faces, volume in zip(parts, volumes, strict=True)
        if volume > MIN_COMPONENT_VOLUME_FRACTION * max(volumes)
    ]
    return surface, replace(anew, faces=np.concatenate(solid))  # the rest are cavities and blobs


def _capped(surface: _PartialRepair) -> _PartialRepair:
    """Every hole closed; crumbs that are sheets are left out."""
    loops = boundary_loops(surface.faces)
    part = part_of_faces(surface.faces)
    part_of_vertex = np.zeros(len(surface.vertices), np.int64)
    part_of_vertex[surface.faces] = part[:, None]
    areas = np.bincount(part, triangle_areas(surface.vertices, surface.faces))
    openings = np.bincount(
        [part_of_vertex[loop[0]] for loop in loops], [_loop_area(surface.vertices[loop]) for loop in loops], len(areas)
    )
    sheets = np.flatnonzero(openings > MAX_OPENING_FRACTION * areas)
    if areas[sheets].sum() > MAX_LOOSE_FRACTION * areas.sum():
        fraction = 100 * areas[sheets].sum() / areas.sum()
        raise NotRepairableError(f"{fraction:.0f} % of its area are sheets without an inside")
    if len(sheets):
        surface = surface.after(f"left out {len(sheets)} crumbs", surface.faces[~np.isin(part, sheets)])
        loops = [loop for loop in loops if part_of_vertex[loop[0]] not in sheets]
    if len(loops) > _MAX_HOLES:
        raise NotRepairableError(f"it has {len(loops)} holes")
    vertices, faces = [surface.vertices], [surface.faces]
    count = len(surface.vertices)
    for loop in loops:
        points, triangles = cap_hole(surface.vertices, surface.faces, loop)
        faces.append(np.where(triangles < len(surface.vertices), triangles, triangles - len(surface.vertices) + count))
        vertices.append(points)
        count += len(points)
    if not loops:
        return surface
    return surface.after(f"capped {len(loops)} holes", np.concatenate(faces), np.concatenate(vertices))


def _loop_area(loop: Points) -> float:
    """Area of the projection of a closed polygon (N, 3) that shows most of it."""
    spokes = loop - loop.mean(axis=0)
    return float(np.linalg.norm(np.cross(spokes, np.roll(spokes, -1, axis=0)).sum(axis=0))) / 2


def _turned_outwards(surface: _PartialRepair) -> _PartialRepair:
    """Parts that face inwards turned around."""
    parts = faces_by_part(surface.faces)
    inwards = [p for p, faces in enumerate(parts) if signed_volume(surface.vertices, faces) < 0]
    if not inwards:
        return surface
    turned = np.where(np.isin(part_of_faces(surface.faces), inwards)[:, None], surface.faces[:, ::-1], surface.faces)
    return surface.after(f"turned {len(inwards)} of {len(parts)} parts outwards", turned)


def _outer_parts(surface: _PartialRepair) -> _PartialRepair:
    """Step 5: closed parts that face outwards, without those inside others, united where they overlap."""
    parts = faces_by_part(surface.faces)
    parts.sort(key=lambda faces: -signed_volume(surface.vertices, faces))
    points = np.stack([_spread(surface.vertices, faces) for faces in parts])  # (parts, N, 3)
    boxes = np.stack([_box(surface.vertices[faces]) for faces in parts])  # (parts, 2, 3)
    winding = np.zeros(points.shape[:2])  # of the parts kept so far
    kept: list[Triangles] = []
    crossed = False
    for number, (faces, (low, high)) in enumerate(zip(parts, boxes, strict=True)):
        fraction = float((winding[number] > 0.5).mean())
        if fraction > 0.99:
            continue
        kept.append(faces)
        crossed |= fraction > 0
        # all smaller parts at once: to build the tree of a large part takes longer than to ask it
        others = (
            number + 1 + np.flatnonzero(((boxes[number + 1 :, 0] <= high) & (boxes[number + 1 :, 1] >= low)).all(1))
        )
        if len(others):
            asked = points[others].reshape(-1, 3)
            winding[others] += winding_number(asked, surface.vertices, faces).reshape(len(others), -1)
    surface = replace(surface, faces=np.concatenate(kept))
    if len(kept) < len(parts):
        surface = surface.after(f"dropped {len(parts) - len(kept)} parts inside others", surface.faces)
    return _united(surface, kept) if crossed else surface


def _spread(vertices: Points, faces: Triangles) -> Points:
    """500 points (N, 3) by area on ``faces`` (T, 3)."""
    picks, barycentric = sample_surface(vertices, faces, 500, np.random.default_rng(0))
    points: Points = (vertices[faces[picks]] * barycentric[:, :, None]).sum(axis=1)
    return points


def _box(corners: Points) -> Points:
    """Lowest and highest coordinates (2, 3) of ``corners`` (T, 3, 3)."""
    return np.stack((corners.min(axis=(0, 1)), corners.max(axis=(0, 1))))


def _united(surface: _PartialRepair, parts: list[Triangles]) -> _PartialRepair:
    """The union of closed outward ``parts``: what of one is buried in another is no surface."""
    import manifold3d  # type: ignore[import-not-found]

    solids = []
    for faces in parts:
        used, local = np.unique(faces, return_inverse=True)
        mesh = manifold3d.Mesh64(surface.vertices[used], local.reshape(-1, 3).astype(np.uint64))
        solids.append(manifold3d.Manifold(mesh))
        if solids[-1].status() != manifold3d.Error.NoError:
            raise NotRepairableError(f"a part of it is not a solid ({solids[-1].status().name})")
    union = manifold3d.Manifold.batch_boolean(solids, manifold3d.OpType.Add).to_mesh64()
    vertices = np.array(union.vert_properties, np.float64)[:, :3]
    return surface.after(f"united {len(parts)} overlapping parts", np.array(union.tri_verts, np.int64), vertices)


def _distances(cleaned: _PartialRepair, whole: _PartialRepair, closed: _PartialRepair) -> tuple[float, float]:
    """95th percentile and maximum of the distance from the outer surface of ``cleaned`` to ``closed``.

    What is outer is judged by ``whole``: a place with the inside on both of its faces is not.
    """
    points, inside = _sides(cleaned, whole)
    outer = points[~inside.all(axis=1)]
    if len(outer) == 0:
        return float("inf"), float("inf")
    distances = unsigned_distance(outer, closed.vertices, closed.faces)
    return float(np.percentile(distances, 95)), float(distances.max())


def _sides(outer: _PartialRepair, whole: _PartialRepair) -> tuple[Points, NDArray[np.bool_]]:
    """Samples (N, 3) of ``outer``, and whether what lies close to either side of them (N, 2) is inside ``whole``."""
    picks, barycentric = sample_surface(outer.vertices, outer.faces, _SAMPLES, np.random.default_rng(0))
    points = (outer.vertices[outer.faces[picks]] * barycentric[:, :, None]).sum(axis=1)
    step = 1e-5 * float(np.linalg.norm(np.ptp(points, axis=0))) * face_normals(outer.vertices, outer.faces)[picks]
    sides = [is_inside(points + side * step, whole.vertices, whole.faces) for side in (1, -1)]
    return points, np.stack(sides, axis=1)


def _compact(surface: _PartialRepair) -> Mesh:
    used, local = np.unique(surface.faces, return_inverse=True)
    return Mesh(surface.vertices[used].astype(np.float32), local.reshape(-1, 3).astype(np.int32))
