"""What can be compared, and how it is opened: runs, truth, observations, identities, mesh files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.progress import Progress
from engine.methods.run import Run
from engine.models.model import NeuralParametricModel
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.session.document.compared_files import mesh_sequence_of_files
from npm_studio.session.document.comparison import ComparisonState, SideSource
from npm_studio.session.document.document import Document
from npm_studio.session.document.explorer import pretty
from npm_studio.session.document.observation import Observation
from npm_studio.session.document.results import (
    bounds_of,
    mesh_sequence_of_identity,
    mesh_sequence_of_run,
    mesh_sequence_of_truth,
)
from npm_studio.session.document.run_steps import run_title


@dataclass(frozen=True, eq=False)
class OpenedSide:
    """A side that is ready to be shown."""

    source: SideSource
    title: str
    meshes: MeshSequence
    """Metres, world; of an observation the surface that was seen."""
    bounds: NDArray[np.float32]
    """(2, 3) lowest and highest corner, metres."""
    origin: tuple[object, ...] = ()
    """What of the document it was made of, see `Offer.origin`."""
    observation: Observation | None = None
    """Where it is what was seen, which is shown as points."""
    lost: frozenset[str] | None = None
    """Names of the frames that a run says are lost; None where it says nothing."""
    note: str = ""
    """What was decided when it was opened."""


def is_same(one: OpenedSide, other: OpenedSide) -> bool:
    """Whether both have the same meshes in the same place: also of a run and a copy of it, whatever they are called."""
    if one is other or not one.source.kind == other.source.kind == "run":
        return one is other
    (run, place, *_), (also, its_place, *_) = one.origin, other.origin
    assert isinstance(run, Run) and isinstance(also, Run)
    return place is its_place and (run is also or _what_it_says(run) == _what_it_says(also))


def _what_it_says(run: Run) -> tuple[object, ...]:
    """Of itself, with all digits: no two fits say the same."""
    frames = [(frame.name, frame.lost, frame.filled, frame.mean_distance_mm) for frame in run.frames]
    return run.method, run.timings, run.interrupted, run.subject, run.verdict, run.details, frames


@dataclass(frozen=True, eq=False)
class Offer:
    """Something that can be a side."""

    source: SideSource
    group: str
    title: str
    detail: str
    """More lines on it."""
    origin: tuple[object, ...] = field(repr=False)
    """What of the document it is made of: a side that was made of something else is not up to date."""
    open: Callable[[Progress], OpenedSide] = field(repr=False)
    """For a background job; raises InputError."""


def offers(document: Document, mesh_files: Sequence[Path] = ()) -> tuple[Offer, ...]:
    """Everything that can be a side now, group by group: recordings with their runs first."""
    found: list[Offer] = []
    names = {one.folder: one.name for one in document.state.runs}
    for observation in document.observations:
        found += _of_recording(observation, document.runs_of(observation.sequence), names)
    alone = [run for run in document.runs if document.observation_of(run) is None]
    found += [_of_run(run, None, f"Runs of {run.inputs.sequence.name}", names) for run in alone]
    found += [_of_files(path, document.runs) for path in mesh_files]
    if document.model is not None and document.model_folder is not None:
        group, folder = f"Identities of {document.model.info.name}", document.model_folder.resolve()
        for index, name in enumerate(document.model.info.identities):
            found.append(_of_identity(document.model, SideSource("identity", folder, index), name, group))
    return tuple(found)


def references(state: ComparisonState, offered: Sequence[Offer]) -> tuple[Offer, ...]:
    """What errors of the sides on show can be measured against, the best first: truth, what was seen, a side."""
    shown = [offer for source in state.on_show for offer in offered if offer.source == source]
    groups = {offer.group for offer in shown}
    of_kind = [o for kind in ("truth", "observation") for o in offered if o.source.kind == kind and o.group in groups]
    return tuple(dict.fromkeys([*of_kind, *shown]))


def reference_of(state: ComparisonState, offered: Sequence[Offer]) -> Offer | None:
    """The one that is chosen where that is offered, else the best; None where no side is on show."""
    against = references(state, offered)
    return next((offer for offer in against if offer.source == state.reference), against[0] if against else None)


def first_sides(offered: Sequence[Offer], run: Run | None = None) -> tuple[SideSource, ...]:
    """What is compared before anybody has chosen: ``run`` or the latest one with the truth, else with what was seen."""
    runs = [offer for offer in offered if offer.source.kind == "run"]
    if run is not None:
        runs = [offer for offer in runs if offer.source.path == run.folder.resolve()] or runs
    if not runs:
        return tuple(offer.source for offer in offered if offer.source.kind == "identity")[:2]
    others = [o.source for o in offered if o.group == runs[-1].group and o is not runs[-1]]
    best = sorted(others, key=lambda source: ("truth", "observation", "run").index(source.kind))
    return (runs[-1].source, *best[:1])


def _of_recording(observation: Observation, runs: Sequence[Run], names: Mapping[Path, str]) -> list[Offer]:
    sequence = observation.sequence
    group, root = sequence.name, sequence.root.resolve()
    found = [_of_run(run, observation, group, names) for run in runs]
    if sequence.truth_folder is not None:
        source, title = SideSource("truth", root), f"Ground truth of {sequence.name}"
        opener = partial(_open_truth, source, title, observation)
        found.append(Offer(source, group, title, str(sequence.truth_folder), (observation,), opener))
    source, title = SideSource("observation", root), f"Observation of {sequence.name}"
    opener = partial(_open_observation, source, title, observation)
    return [*found, Offer(source, group, title, str(root), (observation,), opener)]


def _of_run(run: Run, observation: Observation | None, group: str, names: Mapping[Path, str]) -> Offer:
    source = SideSource("run", run.folder.resolve())
    title = run_title(run, names.get(run.folder.resolve(), ""), datetime.now())
    verdict = "" if run.verdict is None else f", {run.verdict}"
    lines = (f"Method {run.method}{verdict}", run.reason or "", str(run.folder))
    opener = partial(_open_run, source, title, run, observation)
    return Offer(source, group, title, "\n".join(filter(None, lines)), (run, observation, title), opener)


def _of_files(path: Path, runs: Sequence[Run]) -> Offer:
    source = SideSource("meshes", path.resolve())
    opener = partial(_open_files, source, [mesh_sequence_of_run(run) for run in runs])
    return Offer(source, "From disk", f"Meshes {path.name}", str(path), (), opener)


def _of_identity(model: NeuralParametricModel, source: SideSource, name: str, group: str) -> Offer:
    return Offer(source, group, pretty(name), "In the canonical pose", (model,), partial(_open_identity, source, model))


def _open_run(
    source: SideSource, title: str, run: Run, observation: Observation | None, progress: Progress
) -> OpenedSide:
    meshes = mesh_sequence_of_run(run, None if observation is None else observation.sequence)
    says = any(frame.lost is not None for frame in run.frames)
    lost = frozenset(frame.name for frame in run.frames if frame.lost) if says else None
    return OpenedSide(source, title, meshes, bounds_of(meshes), (run, observation, title), lost=lost)


def _open_truth(source: SideSource, title: str, observation: Observation, progress: Progress) -> OpenedSide:
    meshes = mesh_sequence_of_truth(observation.sequence, observation.scene)
    return OpenedSide(source, title, meshes, bounds_of(meshes), (observation,))


def _open_observation(source: SideSource, title: str, observation: Observation, progress: Progress) -> OpenedSide:
    sequence = observation.sequence
    seen = MeshSequence(title, sequence.frame_names, sequence.times_s, sequence.mesh_world, one_topology=False)
    return OpenedSide(source, title, seen, observation.bounds, (observation,), observation)


def _open_identity(source: SideSource, model: NeuralParametricModel, progress: Progress) -> OpenedSide:
    meshes = mesh_sequence_of_identity(model, source.identity)
    return OpenedSide(source, meshes.title, meshes, bounds_of(meshes), (model,))


def _open_files(source: SideSource, runs: Sequence[MeshSequence], progress: Progress) -> OpenedSide:
    meshes, note = mesh_sequence_of_files(source.path, runs, progress)
    return OpenedSide(source, meshes.title, meshes, bounds_of(meshes), note=note)
