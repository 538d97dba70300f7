"""Sizes of canonical meshes: whether they are in the cube, in the unit of the others, and sound in metres."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.core.errors import InputError, Remedy, Task, remedy
from engine.dataset.verification.content import DatasetContent
from engine.dataset.verification.meshes import CanonicalMesh

NORMALISE = remedy("bring it into the cube: {}", Task.NORMALISE)
_MAX_RATIO, _MIN_RATIO = 1.5, 0.2  # size against the others of one topology, from where on the unit must be wrong
_MIN_PEERS, _MAX_UNLIKE = 3, 2.5  # of so many identities, none is so many times larger or smaller; child and adult: 1.9
_MAX_UNLIKE_ALONE = 8.0  # for one of a topology of its own, which may be another kind of thing
_MIN_SIZE = 0.02  # of the cube
_MIN_SIZE_M, _MAX_SIZE_M = 0.003, 100.0


def size_problems(
    root: Path,
    content: DatasetContent,
    meshes: Sequence[CanonicalMesh],
    groups: Sequence[Sequence[int]],
    scales: Sequence[float],
) -> dict[int, InputError]:
    """Identities that leave the cube or are stored in another unit, by index; one problem if all do.

    Args:
        root: of the dataset
        groups: identities of equal faces, which are compared where a dataset has fewer than `_MIN_PEERS`.
        scales: of the similarity of each identity; the inverse is how much larger metres are.
    """
    group_of = {identity: group for group in groups for identity in group}
    alike: dict[tuple[str, float], list[float]] = {}  # sizes of identities of one dataset and similarity
    for dataset, scale, canonical in zip(content.datasets, scales, meshes, strict=True):
        alike.setdefault((dataset, scale), []).extend([canonical.size] if canonical.size > 0 else [])
    problems: dict[int, InputError] = {}
    for identity, canonical in enumerate(meshes):
        if canonical.vertices is None:
            continue
        group = group_of.get(identity, ())
        peers = alike[content.datasets[identity], scales[identity]]
        has_peers = len(peers) >= _MIN_PEERS
        if not has_peers:
            peers = _sizes_of_group(content, meshes, group, identity)
        limit = _MAX_UNLIKE if len(group) > 1 else _MAX_UNLIKE_ALONE
        found = _size_problem(canonical, peers, limit if has_peers else None, scales[identity])
        if found is not None:
            problems[identity] = InputError(content.place(identity, None), *found)
    common = _common_problem(root, [canonical for canonical in meshes if canonical.vertices is not None])
    return problems if common is None else dict.fromkeys(problems, common)


def _sizes_of_group(
    content: DatasetContent, meshes: Sequence[CanonicalMesh], group: Sequence[int], identity: int
) -> list[float]:
    """Sizes of the others of equal faces in the same dataset that are inside the cube."""
    return [
        meshes[other].size
        for other in group
        if other != identity
        and 0 < meshes[other].reach <= 0.5
        and content.datasets[other] == content.datasets[identity]
    ]


def _size_problem(
    canonical: CanonicalMesh, peers: Sequence[float], limit: float | None, scale: float
) -> tuple[str, str | Remedy] | None:
    """What is wrong with a size, and the remedy.

    Args:
        peers: sizes to compare it with
        limit: how many times larger or smaller than these it may be; None where they are too few to say
        scale: of its similarity
    """
    ratio = canonical.size / float(np.median(peers)) if peers and min(peers) > 0 else 1.0
    inside = canonical.reach <= 0.5
    unlike = limit is not None and not 1 / limit <= ratio <= limit
    if unlike and canonical.size > 0:
        ratio = canonical.size / _median_of_others(peers, canonical.size)
    if unlike or (ratio > _MAX_RATIO and not inside):
        return f"has a wrong scale: it has {ratio:.3g} times the size of the others", unit_remedy(ratio, scale)
    if not inside:
        return f"leaves the cube [-0.5, 0.5]^3, it reaches {canonical.reach:.3f}", NORMALISE
    if canonical.size < _MIN_SIZE or ratio < _MIN_RATIO:
        problem = f"has a wrong scale: its diagonal is {canonical.size:.2g}"
        problem += f", that of the others {float(np.median(peers)):.2g}" if peers else ""
        return problem, unit_remedy(ratio, scale)
    return None


def _common_problem(root: Path, meshes: Sequence[CanonicalMesh]) -> InputError | None:
    """What is wrong with all sizes together."""
    largest = max((canonical.size for canonical in meshes), default=0.0)
    if len(meshes) > 1 and all(canonical.reach > 0.5 for canonical in meshes):
        reach = max(canonical.reach for canonical in meshes)
        problem = f"leaves the cube [-0.5, 0.5]^3 with all {len(meshes)} identities, reaching {reach:.3g}"
        return InputError(root, problem, NORMALISE)
    if len(meshes) > 1 and largest < _MIN_SIZE:
        count = len(meshes)
        problem = f"has a wrong scale: the largest of {count} identities has a diagonal of {largest:.2g}"
        return InputError(root, problem, NORMALISE)
    return None


def _median_of_others(sizes: Sequence[float], own: float) -> float:
    others = list(sizes)
    others.remove(own)
    return float(np.median(others))


def world_problems(description: Path, meshes: Sequence[CanonicalMesh], scales: Sequence[float]) -> list[InputError]:
    """A similarity that makes the identities as small as grains or as large as hills, as a wrong unit does."""
    sizes = [
        canonical.size / scale
        for canonical, scale in zip(meshes, scales, strict=True)
        if canonical.size > 0 and canonical.reach < 1
    ]
    if not sizes or _MIN_SIZE_M < (typical := float(np.median(sizes))) < _MAX_SIZE_M:
        return []
    problem = f"has a wrong scale in its similarity: it makes the identities {typical:.3g} metres large"
    return [InputError(description, problem, "the scale is in canonical units per metre; import it again")]


def unit_remedy(ratio: float, scale: float) -> str:
    """What to do about a mesh ``ratio`` times too large, where ``scale`` per metre would be right."""
    for unit, per_metre in (("metres", 1.0), ("centimetres", 100.0), ("millimetres", 1000.0)):
        if abs(scale - 1) > 0.05 and 0.8 < ratio * scale / per_metre < 1.25:
            return f"it seems to be stored in {unit}; import it again"
    return "import it again in the unit of the others"
