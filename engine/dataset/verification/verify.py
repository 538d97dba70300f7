"""Checking a whole dataset: `verify_dataset` lists every problem instead of stopping at the first.

The labels are read leniently (`verify_labels`), the files of this project's own layout are checked by their headers
(`verify_files`), and all meshes are read once (`verify_meshes`, `verify_frames`), or the samples of identities that
have nothing else (`verify_samples`). Views and foreign layouts are opened first and then read through their stores.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError, Notice, Task, remedy
from engine.core.progress import Progress
from engine.dataset.arrays import MAKE_AGAIN
from engine.dataset.registered import RegisteredDataset
from engine.dataset.verification.content import Content, StoreContent
from engine.dataset.verification.files import check_files
from engine.dataset.verification.frames import Facts, frame_problems, measure
from engine.dataset.verification.labels import Labels, read_labels
from engine.dataset.verification.meshes import (
    Body,
    is_known,
    orientation_problems,
    pool_problems,
    read_body,
    size_problems,
    topology_problems,
    world_problems,
)
from engine.dataset.verification.samples import flow_problems
from engine.dataset.verification.shapes import Ruler, scaled_copies

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class Verification:
    """The outcome; a dataset is clean if there are no problems."""

    problems: tuple[InputError, ...]
    """One line each: file or identity, what is wrong, cure."""
    notes: tuple[Notice, ...]
    """What is worth knowing and does no harm."""
    checked: dict[str, int]
    """How many identities, sequences, frames and pools were looked at."""


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
    content: Content
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
    found, more, checked = _check_meshes(content, root / "dataset.json", scales, known_bad, progress, workers)
    return Verification((*problems, *found), (*notes, *more), checked)


def _check_meshes(
    content: Content,
    description: Path,
    scales: Sequence[float],
    known_bad: set[str],
    progress: Progress,
    workers: int,
) -> tuple[list[InputError], list[Notice], dict[str, int]]:
    """Problems and notes of all meshes; files in ``known_bad`` are not listed again for the same reason."""
    identities = range(len(content.names))
    everyone = [identity for identity in identities if _has_meshes(content, identity)]
    bare = sorted(set(identities) - set(everyone))
    tasks = [(identity, sequence) for identity in everyone for sequence in content.sequences(identity)]
    # where one identity lacks meshes, all are trained on their flow samples
    sigmas = sorted({sigma for identity in identities for sigma in content.sigmas(identity)}) if bare else []
    point_tasks = [(identity, sequence) for identity in identities for sequence in content.sequences(identity)]
    point_tasks = point_tasks if sigmas else []
    with ThreadPoolExecutor(workers) as executor:

        def run(name: str, work: Callable[[In], Out], items: Sequence[In]) -> Iterable[Out]:
            progress.stage(name, len(items))
            for done, result in enumerate(executor.map(lambda x: None if progress.cancelled() else work(x), items), 1):
                if result is None:
                    raise Cancelled
                yield result
                progress.advance(done)

        bodies = [Body(None, None)] * len(content.names)
        read = run("check canonical meshes", lambda i: read_body(content, i, known_bad), everyone)
        topologies: dict[bytes, NDArray[np.int64]] = {}  # one copy of each
        groups_of: dict[bytes, list[int]] = {}
        for identity, body in zip(everyone, read, strict=True):
            if body.faces is not None:
                key = hashlib.blake2b(body.faces.tobytes()).digest()
                groups_of.setdefault(key, []).append(identity)
                body = replace(body, faces=topologies.setdefault(key, body.faces))
            bodies[identity] = body
        groups = list(groups_of.values())  # identities of equal faces
        ruler_of = {i: ruler for group in groups for ruler in [Ruler.of(bodies, group)] for i in group}

        def examine(task: tuple[int, str]) -> Facts | list[InputError]:
            identity, sequence = task
            try:
                return measure(content, identity, sequence, bodies[identity], ruler_of.get(identity))
            except InputError as error:
                return content.broken_frames(identity, sequence) or [error]

        outcomes = list(run("check frames", examine, tasks))
        points: list[list[InputError]] = []
        if point_tasks:
            points += run("check flow samples", lambda task: flow_problems(content, *task, sigmas), point_tasks)
        pools = list(run("check pools", lambda i: pool_problems(content, i, bodies[i]), range(len(bodies))))

    # identities that share faces have the same problem with them
    problems = list({str(error): error for body in bodies for error in body.problems}.values())
    problems += topology_problems(content, bodies, groups)
    root = description.parent
    sizes = size_problems(root, content, bodies, groups, scales)
    sizes |= scaled_copies(content, bodies, groups, ruler_of, scales, set(sizes))
    problems += {str(error): error for error in sizes.values()}.values()
    problems += [] if sizes else world_problems(description, bodies, scales)
    facts = [outcome for outcome in outcomes if isinstance(outcome, Facts)]
    posed: dict[int, list[float]] = {}
    for each in facts:
        posed.setdefault(each.identity, []).extend(each.volumes.tolist())
    turned, signs = orientation_problems(content, groups, [body.volume for body in bodies], posed)
    problems += turned
    unread = [error for outcome in outcomes if not isinstance(outcome, Facts) for error in outcome]
    problems += [error for error in unread if not is_known(error, known_bad)]
    problems += {str(error): error for found in points for error in found}.values()
    for identity in bare:
        if not pools[identity][0]:
            problem = "has neither a canonical mesh nor signed-distance samples"
            problems.append(InputError(content.place(identity, None), problem, "copy what is missing or leave it out"))
    notes = []
    if bare:
        rest = "those were checked" if sigmas else "only the shape stage can be trained"
        notes.append(Notice(f"{len(bare)} identities have samples and no meshes; {rest}"))
    for identity in everyone:
        mine = [each for each in facts if each.identity == identity]
        found, more = frame_problems(content, mine, set(sizes), signs, scales)
        problems += found
        notes += more
    blamed = {error.subject for error in (*sizes.values(), *turned)}
    blamed |= {error.subject for error in problems} & {str(content.place(i, None)) for i in everyone}
    for identity, (_, found) in enumerate(pools):
        if found and blamed & {str(content.place(identity, None)), str(content.faces_place(identity)), str(root)}:
            found = pool_problems(content, identity, Body(None, None))[1]  # that they differ is the mesh's fault
        problems += found
    prepared = sum(there for there, _ in pools)
    if 0 < prepared < len(bodies):
        text = f"{prepared} of {len(bodies)} identities have sample pools"
        notes.append(Notice(text, remedy("{}", Task.PREPARE)))
    checked = {
        "identities": sum(body.vertices is not None for body in bodies) + len(bare),
        "sequences": len(facts) + sum(identity in bare for identity, _ in point_tasks),
        "frames": sum(len(each.samples) for each in facts)
        + sum(len(content.samples(*task)) for task in point_tasks if task[0] in bare),
        "pools": prepared,
    }
    return problems, notes, checked


def _has_meshes(content: Content, identity: int) -> bool:
    try:
        return content.has_meshes(identity)
    except InputError:  # it is listed when the meshes or the samples are read
        return True


def _scales(labels: Labels) -> list[float]:
    """Scale of the similarity of each identity as far as dataset.json says it, else 1."""

    def scale(value: object) -> float:
        number = value.get("scale") if isinstance(value, dict) else None
        sound = isinstance(number, int | float) and np.isfinite(number) and number > 0
        return float(number) if sound and isinstance(number, int | float) else 1.0

    own = labels.description.get("similarities")
    shared = labels.description.get("similarity")
    return [scale(own[name] if isinstance(own, dict) and name in own else shared) for _, name in labels.places]
