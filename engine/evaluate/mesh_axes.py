"""Unit and vertical axis of true meshes that state neither, decided from everything that is known of them.

In this order: what the user states, what the files state, and what makes the meshes as large as those of the run and
lie where they lie. What is stated is checked against the run: sizes that differ by about a power of ten are another
unit. What cannot be told is asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Setting, remedy
from engine.dataset.source_axes import UNITS_PER_METRE, SourceAxes
from engine.evaluate.measures import draw_samples
from engine.geometry.similarity import Similarity
from engine.sequences.truth import DESCRIPTION

ANOTHER_UNIT = 5.0
"""A stated unit that makes meshes so many times larger or smaller than those of the run cannot be right."""
_OF_ONE_SIZE = 2.0
"""Up to which a unit is taken by the size that it gives; units are ten apart or more."""
_NEARER = 1.5
"""So many times nearer to the run meshes have to lie one way than the other for the nearer one to be taken."""
_SAMPLES = 2000
UPS = ("y", "z")

Surface = tuple[NDArray[np.floating], NDArray[np.integer]]
"""Vertices (V, 3), all of which are corners of faces (T, 3)."""
Pair = tuple[Surface, Surface]
"""Of one frame, the mesh as its file has it and that of the run in metres."""
Placing = Callable[[NDArray[np.floating]], NDArray[np.floating]]


@dataclass(frozen=True)
class Evidence:
    """What is known of the axes of mesh files beside the meshes; None where nobody says."""

    unit: str | None = None
    """As the user states it: ``m``, ``cm`` or ``mm``."""
    up: str | None = None
    """Likewise: ``y`` or ``z``."""
    of_files: SourceAxes | None = None
    """As the files say."""
    canonical_files: bool = False
    """Whether the files say that they are in canonical units."""
    of_model: SourceAxes | None = None
    """Of the files that the model of the run has learned from."""
    similarity: Similarity | None = None
    """Of the model."""


@dataclass(frozen=True)
class SettledAxes:
    """How mesh files become metres with Y up, and why."""

    axes: SourceAxes
    why: str


def settle_axes(path: Path, evidence: Evidence, pairs: Sequence[Pair]) -> SettledAxes:
    """The axes of the meshes in ``path``.

    Args:
        pairs: of some frames

    Raises:
        InputError: their size or place cannot be that of the subject of the run, or nothing tells unit or axis.
    """
    sizes = [(_size(stored), _size(fitted)) for stored, fitted in pairs]
    size, run_size = (float(np.median(column)) for column in zip(*sizes, strict=True))
    if evidence.unit is None:
        _check_not_canonical(path, evidence, pairs, size / run_size)
    unit, unit_why = _unit(path, evidence, size, run_size)
    near = [axes for axes in (SourceAxes(unit, up) for up in UPS) if any(_overlap(axes, *pair) for pair in pairs)]
    if evidence.up not in (None, *(axes.up for axes in near)) or not near:
        raise _nowhere_near(path, SourceAxes(unit, evidence.up or UPS[0]), pairs[0], near)
    up, up_why = _up(path, evidence, {axes.up: _misfit(axes.to_world, pairs) for axes in near})
    large = f"{size / UNITS_PER_METRE[unit]:.3g} m large, those of the run {run_size:.3g} m"
    return SettledAxes(SourceAxes(unit, up), f"{unit} {unit_why}, {up} up {up_why}: {large}")


def _check_not_canonical(path: Path, evidence: Evidence, pairs: Sequence[Pair], factor: float) -> None:
    """Refuse canonical units, in which truth comes with a description.

    Args:
        factor: numbers of the files over metres of the run
    """
    problem = f"has no {DESCRIPTION}, which says the unit and the similarity of its meshes"
    fix = remedy(
        "render the sequence again, name {} that it was rendered from, or state {}", Setting.DATASET, Setting.MESH_UNIT
    )
    if evidence.canonical_files:
        raise InputError(path, f"{problem}: their files say that they are in canonical units", fix)
    similarity = evidence.similarity
    if similarity is None or not _fits(factor / similarity.scale):
        return
    units = [unit for unit, per_metre in UNITS_PER_METRE.items() if _fits(factor / per_metre)]
    metric = [_misfit(SourceAxes(unit, up).to_world, pairs) for unit in units for up in UPS]
    if _misfit(similarity.to_world, pairs) * _NEARER <= min(metric, default=np.inf):
        raise InputError(path, f"{problem}: by size and place they are in canonical units", fix)


def _unit(path: Path, evidence: Evidence, size: float, run_size: float) -> tuple[str, str]:
    """The unit of meshes that are ``size`` of it large, and why; ``run_size`` in metres."""
    factors = {unit: size / per_metre / run_size for unit, per_metre in UNITS_PER_METRE.items()}
    fitting = [unit for unit, factor in factors.items() if _fits(factor)]
    if evidence.unit is not None:
        if 1 / ANOTHER_UNIT < factors[evidence.unit] < ANOTHER_UNIT:
            return evidence.unit, "as stated"
        problem = f"has meshes of {size / UNITS_PER_METRE[evidence.unit]:.3g} m in {evidence.unit}"
        fix = remedy("give those of the same subject, and their unit with {}", Setting.MESH_UNIT)
        if fitting:
            fix = remedy("state {}", Choice(Setting.MESH_UNIT, fitting[0]))
        raise InputError(path, f"{problem}, those of the run are {run_size:.3g} m large", fix)
    said = None if evidence.of_files is None else evidence.of_files.unit
    if said is not None and 1 / ANOTHER_UNIT < factors[said] < ANOTHER_UNIT:
        return said, "as the files say"
    if fitting:
        return fitting[0], "by their size" + (f", although the files say {said}," if said else "")
    sizes = ", ".join(f"{size / per_metre:.3g} m in {unit}" for unit, per_metre in UNITS_PER_METRE.items())
    problem = f"does not say its unit, and in none has meshes of {run_size:.3g} m as those of the run are ({sizes})"
    raise InputError(path, problem, remedy("give those of the same subject, or state {}", Setting.MESH_UNIT))


def _up(path: Path, evidence: Evidence, misfits: dict[str, float]) -> tuple[str, str]:
    """The vertical axis, of those of ``misfits`` to the run, and why."""
    best, *others = sorted(misfits, key=misfits.__getitem__)
    if evidence.up is not None:
        times = misfits[evidence.up] / misfits[best]
        doubt = (
            f", although with {best} up they would lie {times:.1f} times nearer to the run" if times > _NEARER else ""
        )
        return evidence.up, f"as stated{doubt}"
    if all(misfits[other] > _NEARER * misfits[best] for other in others):
        return best, "by where they lie"
    for axes, why in ((evidence.of_files, "as the files say"), (evidence.of_model, "as in the data of the model")):
        if axes is not None and axes.up in misfits:
            return axes.up, why
    problem = "does not say which axis points up, and its meshes lie as near to those of the run either way"
    raise InputError(path, problem, remedy("state {}, y or z", Setting.UP_AXIS))


def _nowhere_near(path: Path, axes: SourceAxes, pair: Pair, others: Sequence[SourceAxes]) -> InputError:
    """
    Args:
        others: by which the meshes are where the run is
    """
    here, there = (sum(_box(surface)) / 2 for surface in (_placed(axes.to_world, pair[0]), pair[1]))
    problem = f"lies {np.linalg.norm(here - there):.3g} m from the run, whose meshes are {_size(pair[1]):.3g} m large"
    if others:
        return InputError(path, problem, remedy("state {}", Choice(Setting.UP_AXIS, others[0].up)))
    fix = "bring it into the world of the recording, which must say where its camera was, or state {} and {}"
    return InputError(path, problem, remedy(fix, Setting.MESH_UNIT, Setting.UP_AXIS))


def _fits(factor: float) -> bool:
    """Whether sizes of that ratio are those of one subject."""
    return 1 / _OF_ONE_SIZE < factor < _OF_ONE_SIZE


def _placed(to_world: Placing, surface: Surface) -> Surface:
    return to_world(surface[0]), surface[1]


def _box(surface: Surface) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Lowest and highest corner (3,)."""
    return surface[0].min(axis=0), surface[0].max(axis=0)


def _size(surface: Surface) -> float:
    """Diagonal of the box, which is the same whichever axis points up."""
    low, high = _box(surface)
    return float(np.linalg.norm(high - low))


def _overlap(axes: SourceAxes, stored: Surface, fitted: Surface) -> bool:
    """Whether the boxes of a mesh and of that of the run have anything in common."""
    (low, high), (its_low, its_high) = _box(_placed(axes.to_world, stored)), _box(fitted)
    return bool((low <= its_high).all() and (its_low <= high).all())


def _misfit(to_world: Placing, pairs: Sequence[Pair]) -> float:
    """Mean distance between samples of the meshes and those of the run, metres, both directions averaged."""
    from scipy.spatial import cKDTree

    generator = np.random.default_rng(0)
    distances = []
    for stored, fitted in pairs:
        first, second = (
            draw_samples(*surface, _SAMPLES, generator)[0] for surface in (_placed(to_world, stored), fitted)
        )
        distances += [cKDTree(one).query(other)[0].mean() for one, other in ((first, second), (second, first))]
    return float(np.mean(distances))
