"""Telling shapes apart by the lengths of their edges, which poses hardly change."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.dataset.verification.content import DatasetContent
from engine.dataset.verification.meshes import CanonicalMesh
from engine.dataset.verification.sizes import unit_remedy

_EDGES = 4000  # enough for a median
_MISFIT = 0.015  # of Anny bodies: edges change by 0.006 in the median with the pose, between bodies by 0.03
_NEAREST, _FEWEST = 3, 2
_SMALL = 0.525  # of the size of the identities of most alike shape; hands of children and adults: 0.535
_PER_MISFIT = 8.0  # smaller people have other shapes: the logarithm of size differs by up to 7 times the misfit


@dataclass(frozen=True, eq=False)
class EdgeLengths:
    """Long edges of the canonical meshes of one topology, to compare frames with."""

    edges: NDArray[np.int64]
    """(E, 2)"""
    lengths: dict[int, NDArray[np.float64]]
    """(E,) of each identity"""

    @staticmethod
    def of(meshes: Sequence[CanonicalMesh], group: Sequence[int]) -> "EdgeLengths":
        """Edges that are longer than half of all, on average over the identities of ``group``."""
        faces = meshes[group[0]].faces
        assert faces is not None
        edges = np.unique(np.sort(np.concatenate((faces[:, :2], faces[:, 1:], faces[:, [0, 2]])), axis=1), axis=0)
        edges = edges[edges[:, 0] != edges[:, 1]]
        lengths = {i: edge_lengths(v, edges) for i in group if (v := meshes[i].vertices) is not None}
        if not lengths:
            return EdgeLengths(edges[:0], {})
        typical = np.median([each / max(float(np.median(each)), 1e-12) for each in lengths.values()], axis=0)
        long = np.flatnonzero((typical >= np.median(typical)) & (min_over(lengths) > 0))
        chosen = long[np.linspace(0, len(long) - 1, min(len(long), _EDGES)).astype(np.int64)] if len(long) else long
        return EdgeLengths(edges[chosen], {i: each[chosen] for i, each in lengths.items()})


def min_over(lengths: dict[int, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Shortest (E,) of each edge over all identities."""
    shortest: NDArray[np.float64] = np.min(list(lengths.values()), axis=0)
    return shortest


def edge_lengths(vertices: NDArray[np.float32], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.linalg.norm(
        vertices[edges[:, 0]].astype(np.float64) - vertices[edges[:, 1]], axis=1
    )
    return lengths


def compare(logs: NDArray[Any], identity: int, reference: EdgeLengths) -> tuple[float, float, int | None]:
    """Scale against the own canonical mesh, by how much edges differ from it, and who fits far better.

    Args:
        logs: logarithms of edge lengths (E,)
    """

    log_scale, misfit = _fit(logs, reference.lengths[identity])
    resembles = None
    if misfit > _MISFIT:  # below, it is the same shape, in whatever scale
        others = {
            other: abs(middle) + spread
            for other in reference.lengths
            for middle, spread in [_fit(logs, reference.lengths[other])]
        }
        best = min(others, key=lambda other: others[other])
        resembles = best if others[best] < 0.5 * others[identity] else None
    return float(np.exp(log_scale)), misfit, resembles


def scaled_copies(
    content: DatasetContent,
    meshes: Sequence[CanonicalMesh],
    groups: Sequence[Sequence[int]],
    references: Mapping[int, EdgeLengths],
    scales: Sequence[float],
    flagged: Collection[int],
) -> dict[int, InputError]:
    """Identities inside the cube that have the shape of others and about half their size or less, by index.

    A child is no small adult: its edges differ from those of adults by more than a factor.

    Args:
        groups: identities of equal faces
        rulers: of each identity
        scales: of the similarity of each identity
        flagged: identities whose size is noted as wrong already
    """
    problems: dict[int, InputError] = {}
    for group in groups:
        for identity in set(group) - set(flagged):
            lengths = references[identity].lengths
            peers = [
                other
                for other in group
                if other != identity
                and other not in flagged
                and {identity, other} <= lengths.keys()
                and content.datasets[other] == content.datasets[identity]
                and scales[other] == scales[identity]
            ]
            sizes = [meshes[other].size for other in peers]
            if (
                not len(references[identity].edges)
                or len(peers) < _FEWEST
                or not meshes[identity].size < 0.7 * np.median(sizes)
            ):
                continue
            logs = np.log(np.maximum(lengths[identity], 1e-12))
            fits = sorted((misfit, scale) for other in peers for scale, misfit in [_fit(logs, lengths[other])])
            misfit, scale = np.median(fits[:_NEAREST], axis=0)
            if scale < np.log(_SMALL) and -scale > _PER_MISFIT * misfit + 0.1:
                ratio = float(np.exp(scale))
                problem = f"has a wrong scale: it has {ratio:.3g} times the size of others of its shape"
                place = content.place(identity, None)
                problems[identity] = InputError(place, problem, unit_remedy(ratio, scales[identity]))
    return problems


def _fit(logs: NDArray[Any], lengths: NDArray[np.float64]) -> tuple[float, float]:
    """Logarithm of the scale of edges with logarithms ``logs`` (E,) against ``lengths`` (E,), and the misfit left."""
    ratios = logs - np.log(lengths)
    middle = float(np.median(ratios))
    return middle, float(np.median(np.abs(ratios - middle)))
