"""Reading all meshes and samples of a dataset that is being checked, once and in several threads."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.dataset.verification.content import DatasetContent
from engine.dataset.verification.measurements import SequenceMeasurement, measure_sequence
from engine.dataset.verification.meshes import CanonicalMesh, read_canonical
from engine.dataset.verification.pools import pool_problems
from engine.dataset.verification.samples import flow_problems
from engine.dataset.verification.shapes import EdgeLengths

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, eq=False)
class Readings:
    """What was read; lists are by identity unless they say otherwise."""

    content: DatasetContent
    with_meshes: list[int]
    without_meshes: list[int]
    """Identities that have samples at most."""
    meshes: list[CanonicalMesh]
    groups: list[list[int]]
    """Identities of equal faces."""
    references: dict[int, EdgeLengths]
    measured: list[SequenceMeasurement]
    """Sequences that could be read."""
    unreadable: list[InputError]
    """Why the others could not."""
    sigmas: list[float]
    """Of the flow samples that all identities are trained on where one lacks meshes; else none."""
    flow_problems: list[InputError]
    pools: list[tuple[bool, list[InputError]]]
    """Whether there are some, and what is wrong with them."""

    @property
    def prepared(self) -> int:
        """Number of identities with pools."""
        return sum(there for there, _ in self.pools)

    def posed_volumes(self) -> dict[int, list[float]]:
        """Signed volumes of the frames of each identity."""
        volumes: dict[int, list[float]] = {}
        for each in self.measured:
            volumes.setdefault(each.identity, []).extend(each.volumes.tolist())
        return volumes

    def counts(self) -> dict[str, int]:
        """How much was looked at."""
        sampled = [(i, s) for i in self.without_meshes for s in self.content.sequences(i)] if self.sigmas else []
        return {
            "identities": sum(each.vertices is not None for each in self.meshes) + len(self.without_meshes),
            "sequences": len(self.measured) + len(sampled),
            "frames": sum(len(each.samples) for each in self.measured)
            + sum(len(self.content.samples(*each)) for each in sampled),
            "pools": self.prepared,
        }


def read_all(content: DatasetContent, known_bad: set[str], progress: Progress, workers: int) -> Readings:
    """Read everything in ``workers`` threads.

    Args:
        known_bad: files and identities whose problem is listed already

    Raises:
        Cancelled: asked to stop.
    """
    identities = range(len(content.names))
    with_meshes = [identity for identity in identities if _has_meshes(content, identity)]
    without_meshes = sorted(set(identities) - set(with_meshes))
    sigmas = sorted({sigma for i in identities for sigma in content.sigmas(i)}) if without_meshes else []
    sampled = [(i, sequence) for i in identities for sequence in content.sequences(i)] if sigmas else []
    with ThreadPoolExecutor(workers) as executor:
        meshes, groups = _read_canonical_meshes(content, with_meshes, known_bad, executor, progress)
        references = {i: each for group in groups for each in [EdgeLengths.of(meshes, group)] for i in group}

        def measure(task: tuple[int, str]) -> SequenceMeasurement | list[InputError]:
            identity, sequence = task
            try:
                return measure_sequence(content, identity, sequence, meshes[identity], references.get(identity))
            except InputError as error:
                return content.broken_frames(identity, sequence) or [error]

        tasks = [(identity, sequence) for identity in with_meshes for sequence in content.sequences(identity)]
        outcomes = list(_in_threads(executor, "check frames", measure, tasks, progress))
        flow: list[list[InputError]] = []
        if sampled:
            check = _in_threads(
                executor, "check flow samples", lambda task: flow_problems(content, *task, sigmas), sampled, progress
            )
            flow = list(check)
        pools = list(
            _in_threads(executor, "check pools", lambda i: pool_problems(content, i, meshes[i]), identities, progress)
        )
    return Readings(
        content,
        with_meshes,
        without_meshes,
        meshes,
        groups,
        references,
        [outcome for outcome in outcomes if isinstance(outcome, SequenceMeasurement)],
        [error for outcome in outcomes if not isinstance(outcome, SequenceMeasurement) for error in outcome],
        sigmas,
        [error for found in flow for error in found],
        pools,
    )


def _read_canonical_meshes(
    content: DatasetContent, identities: Sequence[int], known_bad: set[str], executor: Executor, progress: Progress
) -> tuple[list[CanonicalMesh], list[list[int]]]:
    """The mesh of each identity, and groups of identities of equal faces, of which one copy is kept."""
    meshes = [CanonicalMesh(None, None)] * len(content.names)
    topologies: dict[bytes, NDArray[np.int64]] = {}
    groups: dict[bytes, list[int]] = {}
    work = _in_threads(
        executor, "check canonical meshes", lambda i: read_canonical(content, i, known_bad), identities, progress
    )
    for identity, canonical in zip(identities, work, strict=True):
        if canonical.faces is not None:
            key = hashlib.blake2b(canonical.faces.tobytes()).digest()
            groups.setdefault(key, []).append(identity)
            canonical = replace(canonical, faces=topologies.setdefault(key, canonical.faces))
        meshes[identity] = canonical
    return meshes, list(groups.values())


def _in_threads(
    executor: Executor, stage: str, work: Callable[[In], Out], items: Sequence[In], progress: Progress
) -> Iterator[Out]:
    """Results of ``work`` in order, as a stage of ``progress``."""
    progress.stage(stage, len(items))
    results = executor.map(lambda item: None if progress.cancelled() else work(item), items)
    for done, result in enumerate(results, 1):
        if result is None:
            raise Cancelled
        yield result
        progress.advance(done)


def _has_meshes(content: DatasetContent, identity: int) -> bool:
    try:
        return content.has_meshes(identity)
    except InputError:  # it is listed when the meshes or the samples are read
        return True
