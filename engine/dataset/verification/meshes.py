"""Canonical meshes: whether they can be read, are closed and turned outwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Task, remedy
from engine.dataset.verification.content import EXPORT_AGAIN, DatasetContent
from engine.geometry.topology import edge_uses, faces_by_part, part_of_faces, signed_volume

_REPAIR = "{}, which repairs it for the shape stage; the pose stage trains on the mesh as it is"
_PREPARE = remedy(_REPAIR, Task.PREPARE)
_TURN = remedy(f"turn them to agree with their neighbours, or {_REPAIR}", Task.PREPARE)
_MIN_COMPACTNESS = 0.002  # volume against area^1.5 (a ball has 0.09), below which the orientation says nothing


@dataclass(frozen=True, eq=False)
class CanonicalMesh:
    """What was read of one identity; None for what cannot be used."""

    faces: NDArray[np.int64] | None
    """(T, 3)"""
    vertices: NDArray[np.float32] | None
    """(V, 3)"""
    problems: tuple[InputError, ...] = ()

    @property
    def reach(self) -> float:
        return 0.0 if self.vertices is None else float(np.abs(self.vertices).max())

    @property
    def size(self) -> float:
        """Diagonal of the bounding box."""
        return 0.0 if self.vertices is None else float(np.linalg.norm(np.ptp(self.vertices, axis=0).astype(np.float64)))

    @cached_property
    def volume(self) -> float:
        """Signed volume; 0 if the mesh is missing or too flat for its sign to say anything."""
        return 0.0 if self.vertices is None or self.faces is None else _clear_volume(self.vertices, self.faces)


def _clear_volume(vertices: NDArray[np.float32], faces: NDArray[np.int64]) -> float:
    """Signed volume of a mesh, 0 where it is too flat for the sign to say anything."""
    a, b, c = (vertices[faces[:, corner]] - vertices.mean(axis=0) for corner in range(3))
    area = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
    volume = signed_volume(vertices, faces)
    return volume if abs(volume) > _MIN_COMPACTNESS * area**1.5 else 0.0


def read_canonical(content: DatasetContent, identity: int, known_bad: set[str]) -> CanonicalMesh:
    """The canonical mesh of one identity; ``known_bad`` are files of which the problem is listed already."""
    problems: list[InputError] = []
    faces: NDArray[np.int64] | None = None
    vertices: NDArray[np.float32] | None = None
    try:
        faces = np.asarray(content.faces(identity), np.int64)
        if faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0:
            faces = None
    except (InputError, ValueError, TypeError) as error:
        problems += [error] if isinstance(error, InputError) else []
    place = content.place(identity, None)
    try:
        stored = content.canonical(identity)
        with np.errstate(over="ignore", invalid="ignore"):
            vertices = np.asarray(stored, np.float32)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or len(vertices) == 0:
            vertices = None
    except (InputError, ValueError, TypeError) as error:
        problems += [error] if isinstance(error, InputError) else []
    if vertices is not None:
        wrong = np.flatnonzero(~np.isfinite(vertices).all(axis=1))
        if len(wrong):
            problem = f"has {len(wrong)} vertices that are not finite, such as {wrong[0]}"
            problems.append(InputError(place, problem, EXPORT_AGAIN))
            vertices = None
    if faces is not None and (faces.min() < 0 or (vertices is not None and faces.max() >= len(vertices))):
        count = "" if vertices is None else f" ({len(vertices)})"
        problem = f"has indices from {faces.min()} to {faces.max()}, out of the range of the vertices{count}"
        problems.append(InputError(content.faces_place(identity), problem, EXPORT_AGAIN))
        faces = None
    return CanonicalMesh(faces, vertices, tuple(error for error in problems if not is_known(error, known_bad)))


def is_known(error: InputError, known_bad: set[str]) -> bool:
    """Whether the file of ``error``, or its folder, is in ``known_bad``."""
    return error.subject in known_bad or str(Path(error.subject).parent) in known_bad


def topology_problems(
    content: DatasetContent, meshes: Sequence[CanonicalMesh], groups: Sequence[Sequence[int]]
) -> list[InputError]:
    """What keeps meshes from having an inside; ``groups`` are identities of equal faces, named once."""
    problems = []
    for group in groups:
        faces = meshes[group[0]].faces
        assert faces is not None
        place = content.faces_place(group[0])
        counts, balance = edge_uses(faces)
        if (counts % 2 == 1).any():
            problem = f"is not watertight: {int((counts == 1).sum())} open edges"
            crowded = int((counts[counts % 2 == 1] > 2).sum())
            problem += f", {crowded} triangles at edges of three or more" if crowded else ""
            problems.append(InputError(place, problem, _PREPARE))
        against = int((balance[counts % 2 == 0] != 0).sum()) // 2
        if against:
            problem = f"has flipped faces: at {against} edges two triangles run in the same direction"
            problems.append(InputError(place, problem, _TURN))
        if not against and part_of_faces(faces).max() > 0:
            problems += _shell_problems(content, meshes, group, faces)
    return problems


def _shell_problems(
    content: DatasetContent, meshes: Sequence[CanonicalMesh], group: Sequence[int], faces: NDArray[np.int64]
) -> list[InputError]:
    """Interior shells and parts turned inside out; those that all identities have are named once.

    Open parts have no inside and are passed over.
    """
    parts = faces_by_part(faces)
    closed = [bool((edge_uses(part)[0] % 2 == 0).all()) for part in parts]
    found: dict[str, list[int]] = {}
    for identity in group:
        vertices = meshes[identity].vertices
        if vertices is not None:
            for problem in _shells(vertices, parts, closed):
                found.setdefault(problem, []).append(identity)
    problems = []
    for problem, owners in found.items():
        if len(owners) == len(group):
            problems.append(InputError(content.faces_place(group[0]), problem, _PREPARE))
        else:
            problems += [InputError(content.place(identity, None), problem, _PREPARE) for identity in owners]
    return problems


def _shells(vertices: NDArray[np.float32], parts: Sequence[NDArray[np.int64]], closed: Sequence[bool]) -> list[str]:
    volumes = [signed_volume(vertices, part) for part in parts]
    largest = int(np.argmax(np.abs(volumes)))
    outward = np.sign(volumes[largest])  # a mesh that is inside out as a whole is told apart elsewhere
    shells = cavities = inverted = 0
    for number, part in enumerate(parts):
        if not closed[number]:
            continue
        middle = vertices[part].mean(axis=1)[:50].astype(np.float64)
        inside = any(
            abs(volumes[other]) > abs(volumes[number]) and _are_inside(middle, vertices, parts[other])
            for other in range(len(parts))
        )
        against = np.sign(volumes[number]) == -outward
        shells += inside and not against
        cavities += inside and against
        inverted += against and not inside
    return (
        ([f"has {shells} interior shells (parts inside others)"] if shells else [])
        + ([f"has {cavities} cavities (parts inside others, turned inwards)"] if cavities else [])
        + ([f"has {inverted} parts turned inside out (flipped faces)"] if inverted else [])
    )


def _are_inside(points: NDArray[np.float64], vertices: NDArray[np.float32], faces: NDArray[np.int64]) -> bool:
    corners = vertices[faces].reshape(-1, 3)
    if (points < corners.min(axis=0)).any() or (points > corners.max(axis=0)).any():
        return False
    import igl

    winding = igl.winding_number(vertices.astype(np.float64), faces, np.ascontiguousarray(points))
    return bool((np.abs(winding) > 0.5).mean() > 0.9)


def orientation_problems(
    content: DatasetContent, groups: Sequence[Sequence[int]], volumes: Sequence[float], posed: dict[int, list[float]]
) -> tuple[list[InputError], dict[int, float]]:
    """Meshes turned inside out, and the sign that the volume of each identity's frames should have.

    Args:
        volumes: `Body.volume` of each identity
        posed: signed volumes of frames of each identity
    """
    problems: list[InputError] = []
    signs: dict[int, float] = {}
    for group in groups:
        every = [np.sign(v) for i in group for v in [volumes[i], *posed.get(i, [])] if v]
        usual = -1.0 if sum(every) < 0 else 1.0
        signs |= dict.fromkeys(group, usual)
        if usual < 0:
            problem = "has flipped faces: all triangles are turned inwards"
            problems.append(InputError(content.faces_place(group[0]), problem, "exchange two columns of it"))
        for identity in group:
            if volumes[identity] * usual < 0:
                problem = "is mirrored: its triangles are turned the other way than those of the other meshes"
                problems.append(
                    InputError(content.place(identity, None), problem, "mirror it back, or register it again")
                )
    return problems, signs
