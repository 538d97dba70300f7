"""Checking a whole dataset: `verify_dataset` lists every problem instead of stopping at the first.

The labels are read leniently (`labels`), the files of this project's own layout are checked by their headers (`files`),
and all meshes and samples are read once (`readings`), before what was read is judged (`meshes`, `sizes`, `shapes`,
`frames`, `pools`, `samples`). Views and foreign layouts are opened first and then read through their stores.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.errors import InputError, Notice, Task, remedy
from engine.core.progress import Progress
from engine.dataset.arrays import MAKE_AGAIN
from engine.dataset.registered import RegisteredDataset
from engine.dataset.verification.content import DatasetContent, StoreContent
from engine.dataset.verification.files import check_files
from engine.dataset.verification.frames import frame_problems
from engine.dataset.verification.labels import Labels, read_labels
from engine.dataset.verification.meshes import CanonicalMesh, is_known, orientation_problems, topology_problems
from engine.dataset.verification.pools import pool_problems
from engine.dataset.verification.readings import Readings, read_all
from engine.dataset.verification.shapes import scaled_copies
from engine.dataset.verification.sizes import size_problems, world_problems


@dataclass(frozen=True)
class Verification:
    """The outcome; a dataset is clean if there are no problems."""

    problems: tuple[InputError, ...]
    """One line each: file or identity, what is wrong, remedy."""
    notes: tuple[Notice, ...]
    """What is worth knowing and does no harm."""
    checked: dict[str, int]
    """How many identities, sequences, frames and pools were looked at."""

    def checked_in_words(self) -> str:
        """Without what there is none of."""
        counts = {name: count for name, count in self.checked.items() if count}
        words = {
            "pools": ("set of distance samples", "sets of distance samples"),
            "identities": ("identity", "identities"),
        }
        named = (f"{count:,} {words.get(name, (name[:-1], name))[count > 1]}" for name, count in counts.items())
        return f"{', '.join(named) or 'nothing'} checked"


def verify_dataset(
    root: Path,
    open_dataset: Callable[[Path], RegisteredDataset],
    progress: Progress | None = None,
    workers: int = 1,
) -> Verification:
    """Check everything in the dataset or view in ``root``.

    Args:
        open_dataset: opens views and their sources; see `external.datasets.open_dataset`.
        workers: threads

    Raises:
        InputError: ``root`` is no dataset folder at all.
        Cancelled: asked to stop.
    """
    progress = progress or Progress()
    if not root.is_dir():
        raise InputError(root, "no such dataset folder", MAKE_AGAIN)
    labels = read_labels(root)
    problems, notes = list(labels.problems), []
    content: DatasetContent
    if labels.is_view:
        try:
            dataset = open_dataset(root)
        except InputError as error:
            if error.subject not in {str(root), *(known.subject for known in labels.problems)} or not problems:
                problems.append(error)
            notes.append(Notice(f"{root}: the meshes were not checked, as the dataset cannot be opened"))
            return Verification(
                tuple(problems), tuple(notes), {"identities": 0, "sequences": 0, "frames": 0, "pools": 0}
            )
        content = StoreContent(dataset)
        scales = [dataset.similarity_of(i).scale for i in range(len(dataset.identities))]
    else:
        content, file_problems, notes = check_files(root, labels)
        problems += file_problems
        scales = _scales(labels)
    if not any(label for label in labels.frames):
        notes.append(Notice(f"{root}: there are no posed frames, only the shape stage can be trained"))
    known_bad = {error.subject for error in problems}
    readings = read_all(content, known_bad, progress, workers)
    found, more = _check_meshes(readings, root / "dataset.json", scales, known_bad)
    return Verification((*problems, *found), (*notes, *more), readings.counts())


def _check_meshes(
    readings: Readings, description: Path, scales: Sequence[float], known_bad: set[str]
) -> tuple[list[InputError], list[Notice]]:
    """Problems and notes of all meshes; files in ``known_bad`` are not listed again for the same reason."""
    content, meshes, groups = readings.content, readings.meshes, readings.groups
    # identities that share faces have the same problem with them
    problems = list({str(error): error for canonical in meshes for error in canonical.problems}.values())
    problems += topology_problems(content, meshes, groups)
    sizes = size_problems(description.parent, content, meshes, groups, scales)
    sizes |= scaled_copies(content, meshes, groups, readings.references, scales, set(sizes))
    problems += {str(error): error for error in sizes.values()}.values()
    problems += [] if sizes else world_problems(description, meshes, scales)
    volumes = [canonical.volume for canonical in meshes]
    flipped, signs = orientation_problems(content, groups, volumes, readings.posed_volumes())
    problems += flipped
    problems += [error for error in readings.unreadable if not is_known(error, known_bad)]
    problems += {str(error): error for error in readings.flow_problems}.values()
    problems += _missing_samples(readings)
    notes = _notes_on_samples(readings)
    for identity in readings.with_meshes:
        own = [each for each in readings.measured if each.identity == identity]
        found, more = frame_problems(content, own, set(sizes), signs, scales)
        problems += found
        notes += more
    reported = {error.subject for error in (*sizes.values(), *flipped)}
    reported |= {error.subject for error in problems} & {str(content.place(i, None)) for i in readings.with_meshes}
    problems += _pool_problems(readings, reported, str(description.parent))
    if 0 < readings.prepared < len(meshes):
        text = f"{readings.prepared} of {len(meshes)} identities have sample pools"
        notes.append(Notice(text, remedy("{}", Task.PREPARE)))
    return problems, notes


def _missing_samples(readings: Readings) -> list[InputError]:
    """Identities that have neither meshes nor samples."""
    problem, fix = "has neither a canonical mesh nor signed-distance samples", "copy what is missing or leave it out"
    return [
        InputError(readings.content.place(identity, None), problem, fix)
        for identity in readings.without_meshes
        if not readings.pools[identity][0]
    ]


def _notes_on_samples(readings: Readings) -> list[Notice]:
    if not readings.without_meshes:
        return []
    rest = "those were checked" if readings.sigmas else "only the shape stage can be trained"
    return [Notice(f"{len(readings.without_meshes)} identities have samples and no meshes; {rest}")]


def _pool_problems(readings: Readings, reported: set[str], root: str) -> list[InputError]:
    """What is wrong with pools; that they differ from a mesh that is ``reported`` is the mesh's fault."""
    content, problems = readings.content, []
    for identity, (_, found) in enumerate(readings.pools):
        if found and reported & {str(content.place(identity, None)), str(content.faces_place(identity)), root}:
            found = pool_problems(content, identity, CanonicalMesh(None, None))[1]
        problems += found
    return problems


def _scales(labels: Labels) -> list[float]:
    """Scale of the similarity of each identity as far as dataset.json says it, else 1."""

    def scale(value: object) -> float:
        number = value.get("scale") if isinstance(value, dict) else None
        sound = isinstance(number, int | float) and np.isfinite(number) and number > 0
        return float(number) if sound and isinstance(number, int | float) else 1.0

    own = labels.description.get("similarities")
    shared = labels.description.get("similarity")
    return [scale(own[name] if isinstance(own, dict) and name in own else shared) for _, name in labels.places]
