"""From runs and their truth to what a report of their comparison shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.comparison.comparison import Comparison, compare, is_surface
from engine.comparison.side import observation_beside, side_of_truth, sides_of_runs
from engine.core.errors import InputError, Setting, remedy
from engine.core.progress import Progress
from engine.geometry.mesh_distance import MeshDistance
from engine.methods.distances import REACH, size_of
from engine.methods.run import Run
from engine.methods.run_summary import ranges
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.truth import Truth
from external.scans import recording_of

MOST = 8
"""Runs beside each other."""
_LOOKED_AT = 5
"""Frames that tell whether the subject alone is seen, and whether all sides are of one subject."""
_OTHERS = 0.1
"""Of what is seen, out of reach of every side: more is not of the subject."""


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison of runs, and what has to be said of it."""

    comparison: Comparison
    shown: DepthSequence | None
    """What was seen of the subject, for pictures; None where the recording is gone."""
    truth: Path | None
    notes: tuple[str, ...]
    """A sentence each."""


def named_runs(runs: Sequence[Run]) -> dict[str, Run]:
    """``runs`` by a name for each: its method, or where two are by one method, its folder.

    Raises:
        InputError: there are more than `MOST`, or one of them twice.
    """
    if len(runs) > MOST:
        raise InputError("comparison", f"of {len(runs)} runs, which nobody can take in", f"name {MOST} at most")
    folders = [run.folder.resolve() for run in runs]
    for folder in folders:
        if folders.count(folder) > 1:
            raise InputError(folder, "is there twice", "name each run once")
    methods, names = [run.method for run in runs], [folder.name for folder in folders]
    found = {}
    for run, folder in zip(runs, folders, strict=True):
        name = run.method if methods.count(run.method) == 1 else folder.name
        if names.count(folder.name) > 1 and name == folder.name:
            name = f"{folder.parent.name}/{folder.name}"
        found[name if name not in found else str(folder)] = run
    return found


def compared_runs(
    runs: Mapping[str, Run], truth: Truth | None, folder: Path | None, progress: Progress | None = None
) -> Compared:
    """``runs`` by name beside each other, against the truth in ``folder`` or, without one, against what was seen.

    Raises:
        InputError: they have no frame in common, one is damaged, or nothing is left to compare them with.
        Cancelled: ``progress`` asked to stop.
    """
    first, recordings = next(iter(runs.values())), {run.inputs.sequence.resolve() for run in runs.values()}
    if len(recordings) > 1 and truth is None:
        named = " and ".join(sorted(str(path) for path in recordings)[:2])
        fix = remedy("compare runs of one recording, or name {} of all", Setting.TRUTH)
        raise InputError("comparison", f"the runs are of different recordings, {named}, and there is no truth", fix)
    sides = sides_of_runs(runs, folder)
    reference = None if truth is None else side_of_truth(truth, sides[0])
    notes = [f"{name}: {note}" for name, run in runs.items() for note in _of_run(run)]
    notes += [f"{side.name}: {note}." for side in sides for note in side.notes]
    shown = None
    if len(recordings) > 1:
        notes.append(f"The runs are of {len(recordings)} recordings: what was seen is not compared.")
    else:
        try:
            shown = observation_beside(recording_of(first, progress)[1], sides[0])
        except InputError as error:
            notes.append(
                f"The recording cannot be opened ({error.line()}): distances to what was seen are as the runs say."
            )
    comparison = compare(sides, reference, shown)
    notes += _frames_left_out(comparison)
    notes += _of_others(comparison)
    if shown is not None:
        near = _near_sides(comparison, shown)
        if not _shows_subject_alone(comparison):
            comparison = replace(comparison, observation=None)
            notes.append("The recording shows more than the subject: distances to what was seen are as the runs say.")
        shown = near
    said = all(frame.mean_distance_mm is None for run in runs.values() for frame in run.frames)
    if comparison.reference is None and comparison.observation is None and said:
        fix = remedy("put the recording back where it was, or name {}", Setting.TRUTH)
        raise InputError("comparison", "has neither truth nor what was seen to compare with", fix)
    return Compared(comparison, shown, folder, tuple(notes))


def _of_run(run: Run) -> list[str]:
    """What makes a run less than its method can give."""
    notes = ["its fit was interrupted, this is the best so far."] if run.interrupted else []
    return [*notes, f"its own verdict is failed: {run.reason}."] if run.verdict == "failed" else notes


def _frames_left_out(comparison: Comparison) -> list[str]:
    """What has no partner, and how partners were found."""
    frames, notes = comparison.frames, []
    everybody = [*comparison.sides, *(() if comparison.reference is None else (comparison.reference,))]
    for side, left_out, by in zip(everybody, frames.left_out, frames.by, strict=True):
        if by == "time":
            notes.append(
                f"{side.name} shares no frame names with {everybody[0].name}: its frames were found by their times."
            )
        if left_out:
            names = side.meshes.frame_names
            places = ranges(names, (names.index(name) for name in left_out))
            notes.append(
                f"{len(left_out)} of {len(names)} frames of {side.name} have no partner and do not count: {places}."
            )
    return notes


def _looked_at(comparison: Comparison) -> list[int]:
    return np.unique(np.linspace(0, len(comparison) - 1, _LOOKED_AT).round().astype(int)).tolist()


def _of_others(comparison: Comparison) -> list[str]:
    """Sides that are nowhere near the first one, as those of another subject are."""
    size_m, frames = size_of(comparison.sides[0].meshes), _looked_at(comparison)
    middles = [
        [np.asarray(comparison.mesh(side, frame).vertices, np.float64).mean(axis=0) for frame in frames]
        for side in range(len(comparison.sides))
    ]
    apart_m = [float(np.median(np.linalg.norm(np.subtract(each, middles[0]), axis=1))) for each in middles]
    return [
        f"{side.name} is {apart:.2g} m away from {comparison.sides[0].name}, perhaps of another subject."
        for side, apart in zip(comparison.sides, apart_m, strict=True)
        if apart > size_m
    ]


def _shows_subject_alone(comparison: Comparison) -> bool:
    """Whether nearly all that is seen is near one of the sides, or the truth."""
    assert comparison.observation is not None
    reach_m = REACH * size_of(comparison.sides[0].meshes)
    others = []
    for frame in _looked_at(comparison):
        index = comparison.observed_index(frame)
        points = np.empty((0, 3)) if index is None else comparison.observation.points_world(index)
        if len(points) == 0:
            continue
        chosen = points[np.linspace(0, len(points) - 1, min(len(points), 2000)).astype(int)]
        meshes = [comparison.mesh(side, frame) for side in range(len(comparison.sides))]
        if comparison.reference is not None:
            meshes.append(comparison.true_mesh(frame))
        distances = [MeshDistance()(chosen, mesh, reach_m) for mesh in meshes if is_surface(mesh)]
        others.append(float((np.min(distances, axis=0) >= reach_m).mean()) if distances else 1.0)
    return not others or float(np.median(others)) <= _OTHERS


def _near_sides(comparison: Comparison, sequence: DepthSequence) -> DepthSequence:
    """``sequence`` without what lies outside a box around all sides and the truth in each frame."""
    frame_of = {name: frame for frame, name in enumerate(comparison.frames.names)}

    def read(index: int) -> NDArray[np.float32]:
        depth_m = sequence.depth_m(index)
        frame = frame_of.get(sequence.frame_names[index])
        if frame is None or not depth_m.any():
            return depth_m
        meshes = [comparison.mesh(side, frame) for side in range(len(comparison.sides))]
        if comparison.reference is not None:
            meshes.append(comparison.true_mesh(frame))
        surfaces = [mesh.vertices for mesh in meshes if is_surface(mesh)]
        if not surfaces:
            return depth_m
        corners = np.concatenate(surfaces)
        margin = REACH * float(np.ptp(corners, axis=0).max())
        points = sequence.points_world(index)
        inside = ((points > corners.min(axis=0) - margin) & (points < corners.max(axis=0) + margin)).all(axis=1)
        kept = depth_m.copy()
        kept[kept > 0] = np.where(inside, kept[kept > 0], np.float32(0))
        return kept

    return replace(sequence, read_frame=read)
