"""Sample pools of canonical meshes: whether they can be read and belong to their mesh."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Remedy, Task, remedy
from engine.dataset.arrays import SdfPools, load_array
from engine.dataset.verification.content import DatasetContent
from engine.dataset.verification.meshes import CanonicalMesh
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.signed_distance import sample_surface, signed_distance
from engine.geometry.topology import edge_uses

_RECHECKED = 200  # samples of each pool
_MAX_WRONG_FRACTION = 0.05
_MAX_COVER_FRACTION = 0.5  # of a repaired surface may cover holes of the canonical mesh
_POOL_TOLERANCE, _REPAIRED_TOLERANCE = 5e-4, 2e-2  # canonical units; a repair may move a surface that far


def pool_problems(content: DatasetContent, identity: int, canonical: CanonicalMesh) -> tuple[bool, list[InputError]]:
    """Whether there are pools, and what is wrong with them; some samples are measured again."""
    folder = content.pools_folder(identity)
    again = remedy("remove {} and {} again", str(folder), Task.PREPARE)
    problems: list[InputError] = []
    if folder.is_dir():
        arrays = _read_pools(folder, again, problems)
    else:
        given = _given(content, identity, problems)
        if given is None:
            return bool(problems), problems
        arrays = {"near": given.near, "uniform": given.uniform, "surface": given.surface}
    if canonical.vertices is None or canonical.faces is None:
        return True, problems
    repaired = folder / "watertight.ply"
    if repaired.is_file():
        problems += _repair_problems(repaired, arrays, canonical.vertices, canonical.faces, again, bool(problems))
    else:
        tolerance = _POOL_TOLERANCE if folder.is_dir() else _REPAIRED_TOLERANCE
        problems += _recheck(folder, arrays, canonical.vertices, canonical.faces, tolerance, again)
    return True, problems


def _read_pools(folder: Path, again: Remedy, problems: list[InputError]) -> dict[str, NDArray[Any]]:
    """The arrays of a folder of pools by name; ``problems`` with the others are added."""
    arrays: dict[str, NDArray[Any]] = {}
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
    return arrays


def _repair_problems(
    repaired: Path,
    arrays: Mapping[str, NDArray[Any]],
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    again: Remedy,
    are_damaged: bool,
) -> list[InputError]:
    """Pools of the ``repaired`` mesh, along which the canonical mesh must still lie, or within where parts were."""
    try:
        mesh = load_mesh(repaired)
    except InputError as error:
        return [error]
    folder = repaired.parent
    surface = {name: array for name, array in arrays.items() if name == "surface"}  # a part of it covers holes
    problems = _recheck(folder, surface, vertices, faces, _REPAIRED_TOLERANCE, again, _MAX_COVER_FRACTION)
    if not problems and not are_damaged:
        problems += _sticking_out(repaired, mesh, vertices, faces, again)
    return problems + _recheck(folder, arrays, mesh.vertices, mesh.faces, _POOL_TOLERANCE, again)


def _recheck(
    folder: Path,
    arrays: Mapping[str, NDArray[Any]],
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    tolerance: float,
    again: Remedy,
    max_wrong: float = _MAX_WRONG_FRACTION,
) -> list[InputError]:
    """Pools of which more than a fraction of random samples have another signed distance to the mesh than is stored."""
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
        if wrong > max_wrong * _RECHECKED:
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
    if outside <= _MAX_WRONG_FRACTION * _RECHECKED:
        return []
    problem = f"does not belong to the canonical mesh: {outside} of {_RECHECKED} places of that are outside of it"
    return [InputError(path, f"{problem} by more than {_REPAIRED_TOLERANCE:g}", again)]


def _given(content: DatasetContent, identity: int, problems: list[InputError]) -> SdfPools | None:
    try:
        return content.given_pools(identity)
    except InputError as error:
        problems.append(error)
        return None
