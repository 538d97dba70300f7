"""Canonical meshes and their sample pools: closed, turned outwards, in the cube, alike in size, told by name if not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Remedy, Task, remedy
from engine.dataset.arrays import SdfPools, load_array
from engine.dataset.verification.content import EXPORT_AGAIN, Content
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.signed_distance import sample_surface, signed_distance
from engine.geometry.topology import edge_uses, faces_by_part, part_of_faces, signed_volume

NORMALISE = remedy("bring it into the cube: {}", Task.NORMALISE)
_REPAIR = "{}, which repairs it for the shape stage; the pose stage trains on the mesh as it is"
_PREPARE = remedy(_REPAIR, Task.PREPARE)
_TURN = remedy(f"turn them to agree with their neighbours, or {_REPAIR}", Task.PREPARE)
_LARGER, _SMALLER = 1.5, 0.2  # size against the others of one topology, from where on the unit must be wrong
_FEWEST, _UNLIKE = 3, 2.5  # of so many identities, none is so many times larger or smaller; children and adults: 1.9
_UNLIKE_ALONE = 8.0  # for one of a topology of its own, which may be another kind of thing
_TINY = 0.02  # of the cube
_SMALLEST_M, _LARGEST_M = 0.003, 100.0
_FLAT = 0.002  # volume against area^1.5 (a ball has 0.09), below which the orientation says nothing
_RECHECKED = 200  # samples of each pool
_FEW_WRONG = 0.05
_MOST_COVERS = 0.5  # of a repaired surface may cover holes of the canonical mesh
_POOL_TOLERANCE, _REPAIRED_TOLERANCE = 5e-4, 2e-2  # canonical units; a repair may move a surface that far


@dataclass(frozen=True, eq=False)
class Body:
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
        return 0.0 if self.vertices is None or self.faces is None else _telling_volume(self.vertices, self.faces)


def _telling_volume(vertices: NDArray[np.float32], faces: NDArray[np.int64]) -> float:
    """Signed volume of a mesh, 0 where it is too flat for the sign to say anything."""
    a, b, c = (vertices[faces[:, corner]] - vertices.mean(axis=0) for corner in range(3))
    area = float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
    volume = signed_volume(vertices, faces)
    return volume if abs(volume) > _FLAT * area**1.5 else 0.0


def read_body(content: Content, identity: int, known_bad: set[str]) -> Body:
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
    return Body(faces, vertices, tuple(error for error in problems if not is_known(error, known_bad)))


def is_known(error: InputError, known_bad: set[str]) -> bool:
    """Whether the file of ``error``, or its folder, is in ``known_bad``."""
    return error.subject in known_bad or str(Path(error.subject).parent) in known_bad


def topology_problems(content: Content, bodies: Sequence[Body], groups: Sequence[Sequence[int]]) -> list[InputError]:
    """What keeps meshes from having an inside; ``groups`` are identities of equal faces, named once."""
    problems = []
    for group in groups:
        faces = bodies[group[0]].faces
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
            problems += _shell_problems(content, bodies, group, faces)
    return problems


def _shell_problems(
    content: Content, bodies: Sequence[Body], group: Sequence[int], faces: NDArray[np.int64]
) -> list[InputError]:
    """Interior shells and parts turned inside out; those that all identities have are named once.

    Open parts have no inside and are passed over.
    """
    parts = faces_by_part(faces)
    closed = [bool((edge_uses(part)[0] % 2 == 0).all()) for part in parts]
    found: dict[str, list[int]] = {}
    for identity in group:
        vertices = bodies[identity].vertices
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


def size_problems(
    root: Path, content: Content, bodies: Sequence[Body], groups: Sequence[Sequence[int]], scales: Sequence[float]
) -> dict[int, InputError]:
    """Identities that leave the cube or are stored in another unit, by index; one problem if all do.

    Args:
        root: of the dataset
        groups: identities of equal faces, which are compared where a dataset has fewer than `_FEWEST`.
        scales: of the similarity of each identity; the inverse is how much larger metres are.
    """
    problems: dict[int, InputError] = {}
    group_of = {identity: group for group in groups for identity in group}
    alike: dict[tuple[str, float], list[float]] = {}  # sizes of identities of one dataset and similarity
    for dataset, scale, body in zip(content.datasets, scales, bodies, strict=True):
        alike.setdefault((dataset, scale), []).extend([body.size] if body.size > 0 else [])
    for identity, body in enumerate(bodies):
        if body.vertices is None:
            continue
        place, dataset = content.place(identity, None), content.datasets[identity]
        peers = alike[dataset, scales[identity]]
        known = len(peers) >= _FEWEST
        if not known:
            peers = [
                bodies[i].size
                for i in group_of.get(identity, ())
                if i != identity and 0 < bodies[i].reach <= 0.5 and content.datasets[i] == dataset
            ]
        ratio = body.size / float(np.median(peers)) if peers and min(peers) > 0 else 1.0
        inside = body.reach <= 0.5
        limit = _UNLIKE if len(group_of.get(identity, ())) > 1 else _UNLIKE_ALONE
        unlike = known and not 1 / limit <= ratio <= limit
        if unlike and body.size > 0:
            ratio = body.size / _median_of_others(peers, body.size)
        if unlike or (ratio > _LARGER and not inside):
            problem = f"has a wrong scale: it has {ratio:.3g} times the size of the others"
            problems[identity] = InputError(place, problem, unit_cure(ratio, scales[identity]))
        elif not inside:
            problem = f"leaves the cube [-0.5, 0.5]^3, it reaches {body.reach:.3f}"
            problems[identity] = InputError(place, problem, NORMALISE)
        elif body.size < _TINY or ratio < _SMALLER:
            problem = f"has a wrong scale: its diagonal is {body.size:.2g}"
            problem += f", that of the others {float(np.median(peers)):.2g}" if peers else ""
            problems[identity] = InputError(place, problem, unit_cure(ratio, scales[identity]))
    there = [body for body in bodies if body.vertices is not None]
    largest = max((body.size for body in there), default=0.0)
    if len(there) > 1 and all(body.reach > 0.5 for body in there):
        reach = max(body.reach for body in there)
        problem = f"leaves the cube [-0.5, 0.5]^3 with all {len(there)} identities, reaching {reach:.3g}"
        return dict.fromkeys(problems, InputError(root, problem, NORMALISE))
    if len(there) > 1 and largest < _TINY:
        problem = f"has a wrong scale: the largest of {len(there)} identities has a diagonal of {largest:.2g}"
        return dict.fromkeys(problems, InputError(root, problem, NORMALISE))
    return problems


def _median_of_others(sizes: Sequence[float], own: float) -> float:
    others = list(sizes)
    others.remove(own)
    return float(np.median(others))


def world_problems(description: Path, bodies: Sequence[Body], scales: Sequence[float]) -> list[InputError]:
    """A similarity that makes the identities as small as grains or as large as hills, as a wrong unit does."""
    sizes = [body.size / scale for body, scale in zip(bodies, scales, strict=True) if body.size > 0 and body.reach < 1]
    if not sizes or _SMALLEST_M < (typical := float(np.median(sizes))) < _LARGEST_M:
        return []
    problem = f"has a wrong scale in its similarity: it makes the identities {typical:.3g} metres large"
    return [InputError(description, problem, "the scale is in canonical units per metre; import it again")]


def unit_cure(ratio: float, scale: float) -> str:
    """What to do about a mesh ``ratio`` times too large, where ``scale`` per metre would be right."""
    for unit, per_metre in (("metres", 1.0), ("centimetres", 100.0), ("millimetres", 1000.0)):
        if abs(scale - 1) > 0.05 and 0.8 < ratio * scale / per_metre < 1.25:
            return f"it seems to be stored in {unit}; import it again"
    return "import it again in the unit of the others"


def orientation_problems(
    content: Content, groups: Sequence[Sequence[int]], volumes: Sequence[float], posed: dict[int, list[float]]
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


def pool_problems(content: Content, identity: int, body: Body) -> tuple[bool, list[InputError]]:
    """Whether there are pools, and what is wrong with them; some samples are measured again."""
    folder = content.pools_folder(identity)
    problems: list[InputError] = []
    arrays: dict[str, NDArray[Any]] = {}
    again = remedy("remove {} and {} again", str(folder), Task.PREPARE)
    if folder.is_dir():
        for name, columns in (("near", 4), ("uniform", 4), ("surface", 6)):
            path = folder / f"{name}.npy"
            try:
                array = load_array(path, again)
                if array.ndim != 2 or array.shape[1] != columns or len(array) == 0 or array.dtype.kind != "f":
                    raise InputError(path, f"must be (N, {columns}) numbers, is {array.shape} {array.dtype}", again)
                if not np.isfinite(array).all():
                    raise InputError(path, "has numbers that are not finite", again)
                arrays[name] = array
            except InputError as error:
                problems.append(error)
    else:
        given = _given(content, identity, problems)
        if given is None:
            return bool(problems), problems
        arrays = {"near": given.near, "uniform": given.uniform, "surface": given.surface}
    if body.vertices is None or body.faces is None:
        return True, problems
    repaired = folder / "watertight.ply"
    if repaired.is_file():  # what was sampled; the canonical mesh must still lie along it, or within where parts were
        try:
            mesh = load_mesh(repaired)
        except InputError as error:
            return True, [*problems, error]
        surface = {name: array for name, array in arrays.items() if name == "surface"}  # a part of it covers holes
        problems += _recheck(folder, surface, body.vertices, body.faces, _REPAIRED_TOLERANCE, again, _MOST_COVERS)
        if not problems:
            problems += _sticking_out(repaired, mesh, body.vertices, body.faces, again)
        problems += _recheck(folder, arrays, mesh.vertices, mesh.faces, _POOL_TOLERANCE, again)
    else:
        tolerance = _POOL_TOLERANCE if folder.is_dir() else _REPAIRED_TOLERANCE
        problems += _recheck(folder, arrays, body.vertices, body.faces, tolerance, again)
    return True, problems


def _recheck(
    folder: Path,
    arrays: Mapping[str, NDArray[Any]],
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    tolerance: float,
    again: Remedy,
    most_wrong: float = _FEW_WRONG,
) -> list[InputError]:
    """Pools of which more than a share of random samples have another signed distance to the mesh than is stored."""
    counts, balance = edge_uses(faces)
    signed = bool((counts % 2 == 0).all() and (balance == 0).all())  # else the mesh has no clear inside
    random = np.random.default_rng(0)
    problems = []
    for name, array in arrays.items():
        rows = np.asarray(array[random.integers(0, len(array), _RECHECKED)], np.float64)
        truth = signed_distance(rows[:, :3], vertices, faces)
        stored = np.zeros(len(rows)) if name == "surface" else rows[:, 3]
        off = np.abs(truth - stored) if signed else np.abs(np.abs(truth) - np.abs(stored))
        wrong = int((off > tolerance).sum())
        if wrong > most_wrong * _RECHECKED:
            problem = f"does not belong to the canonical mesh: {wrong} of {_RECHECKED} samples are wrong"
            problem += f" by more than {tolerance:g}"
            problems.append(InputError(folder / f"{name}.npy", problem, again))
    return problems


def _sticking_out(
    path: Path, repaired: Mesh, vertices: NDArray[np.floating], faces: NDArray[np.integer], again: Remedy
) -> list[InputError]:
    """A problem with the ``repaired`` mesh of ``path`` where more than a few places of the mesh are outside of it."""
    picks, barycentric = sample_surface(vertices, faces, _RECHECKED, np.random.default_rng(0))
    places = (np.asarray(vertices, np.float64)[faces[picks]] * barycentric[:, :, None]).sum(axis=1)
    outside = int((signed_distance(places, repaired.vertices, repaired.faces) > _REPAIRED_TOLERANCE).sum())
    if outside <= _FEW_WRONG * _RECHECKED:
        return []
    problem = f"does not belong to the canonical mesh: {outside} of {_RECHECKED} places of that are outside of it"
    return [InputError(path, f"{problem} by more than {_REPAIRED_TOLERANCE:g}", again)]


def _given(content: Content, identity: int, problems: list[InputError]) -> SdfPools | None:
    try:
        return content.given_pools(identity)
    except InputError as error:
        problems.append(error)
        return None
