"""From meshes in metres, wherever they come from, to a registered dataset: `import_dataset`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, Choice, InputError, Notice, Remedy, Setting, Task, remedy
from engine.core.files import check_name, replacing_file
from engine.core.progress import Progress
from engine.dataset.arrays import load_array
from engine.dataset.earlier_import import EarlierImport, read_earlier_import, write_request
from engine.dataset.normalisation import Normalisation, bounds, fit_cube, largest_coordinate
from engine.dataset.registered import write_description
from engine.geometry.similarity import Similarity


class RawDataset(Protocol):
    """Meshes in world metres, Y up, read when asked for; `external` implements it for each kind of source."""

    @property
    def name(self) -> str: ...

    @property
    def category(self) -> str:
        """What the meshes show, such as "human bodies"."""
        ...

    @property
    def licence(self) -> str: ...

    @property
    def frame_rate(self) -> float: ...

    @property
    def identities(self) -> Sequence[str]: ...

    @property
    def recipe(self) -> Mapping[str, Any]:
        """What the dataset is made from; JSON."""
        ...

    def faces(self, identity: str) -> NDArray[np.integer[Any]]:
        """(T, 3)"""
        ...

    def canonical(self, identity: str) -> NDArray[np.floating[Any]]:
        """(V, 3) world metres"""
        ...

    def sequences(self, identity: str) -> Sequence[str]: ...

    def frames(self, identity: str, sequence: str) -> NDArray[np.floating[Any]]:
        """(F, V, 3) world metres"""
        ...


@dataclass(frozen=True)
class ImportSummary:
    """What an import wrote."""

    identities: int
    sequences: int
    frames: int
    kept: int
    """Arrays that were there already."""
    largest_coordinate: float
    """How far the meshes reach along any axis; 0.5 is the wall of the canonical cube."""


def import_dataset(
    raw: RawDataset,
    out: Path,
    normalisation: Normalisation,
    progress: Progress | None = None,
    known: Mapping[str, Similarity] | None = None,
) -> ImportSummary:
    """Write ``raw`` as a registered dataset (see `engine.dataset.registered`): float32 canonical, float16 frames.

    Every array is written under another name and renamed, the description comes last. An import that was interrupted
    goes on where it stopped when it is started again; arrays that are there are kept. Into a dataset that was finished
    goes what the source has more than at that time: its similarity stays, so that old and new arrays go together, and
    arrays of which the source has become another are written anew.

    Args:
        known: similarities of the identities, instead of those that ``normalisation`` would find.

    Raises:
        InputError: ``out`` holds something else; a mesh is empty, has coordinates that are not finite, or another
            topology than its canonical mesh.
        Cancelled: asked to stop; what was written is kept for the next time.
    """
    progress = progress or Progress()
    if not raw.identities:
        raise InputError(out, "would be an empty dataset: there are no identities in the source")
    request = {"recipe": dict(raw.recipe), "normalise": [normalisation.by, normalisation.similarity.as_dict()]}
    earlier = read_earlier_import(out, request, normalisation.by == "subject")
    fixed = earlier.similarity
    if fixed is None and not known:
        fixed = _dataset_similarity(raw, normalisation, progress)
    if earlier.identities:  # nothing of a finished dataset is touched where its source cannot be used
        _check_all(raw, progress)
    out.mkdir(parents=True, exist_ok=True)
    writer = _Writer(raw, out, earlier, request)
    progress.stage("import", sum(len(raw.sequences(name)) for name in raw.identities))
    for identity in raw.identities:
        similarity = earlier.of(identity) or fixed or (known[identity] if known else _own_similarity(raw, identity))
        writer.add(identity, similarity, fixed, progress)
    first = writer.similarities[raw.identities[0]]
    differ = any(similarity != first for similarity in writer.similarities.values())
    write_description(
        out,
        raw.name,
        raw.category,
        raw.licence,
        first,
        raw.frame_rate,
        writer.counts,
        {**raw.recipe, "normalised_by": normalisation.by},
        writer.similarities if differ else None,
    )
    writer.say_what_changed(normalisation, progress)
    sequences = sum(len(each) for each in writer.counts.values())
    frames_written = sum(sum(each.values()) for each in writer.counts.values())
    return ImportSummary(len(writer.counts), sequences, frames_written, writer.kept, max(writer.reach.values()))


class _Writer:
    """Writes the arrays of identities, and remembers what there was."""

    def __init__(self, raw: RawDataset, out: Path, earlier: EarlierImport, request: Mapping[str, Any]) -> None:
        self.raw, self.out, self.earlier, self.request = raw, out, earlier, request
        self.similarities: dict[str, Similarity] = {}
        self.counts: dict[str, dict[str, int]] = {}
        self.reach: dict[str, float] = {}
        """Largest coordinate of each identity."""
        self.kept = self.done = 0
        self.changed: list[str] = []
        """Arrays of an earlier import that the source gives otherwise now."""
        self.shared = _checked_faces(raw, raw.identities[0])
        if earlier.identities and (stored := _stored_faces(out / "faces.npy")) is not None:
            self.shared = stored  # identities that are there already have these
        else:
            _save(out / "faces.npy", self.shared)

    def add(self, identity: str, similarity: Similarity, fixed: Similarity | None, progress: Progress) -> None:
        """Write one identity.

        Raises:
            Cancelled: asked to stop.
        """
        self.similarities[identity] = similarity
        write_request(self.out, self.request, fixed, {**(self.earlier.similarities or {}), **self.similarities})
        vertices = self._canonical(identity, similarity)
        used = _used(self.raw, identity, len(vertices))
        self.reach[identity] = largest_coordinate(vertices[used])
        self.counts[identity] = {}
        for sequence in self.raw.sequences(identity):
            if progress.cancelled():
                raise Cancelled
            stored = self._sequence(identity, sequence, len(vertices), similarity)
            self.counts[identity][sequence] = len(stored)
            self.reach[identity] = max(self.reach[identity], largest_coordinate(stored[:, used]))
            self.done += 1
            progress.advance(self.done)

    def _canonical(self, identity: str, similarity: Similarity) -> NDArray[np.float32]:
        """Write the canonical mesh, with faces that are not the shared ones; its vertices (V, 3)."""
        raw, folder = self.raw, self.out / check_name(identity, self.out)
        folder.mkdir(exist_ok=True)
        faces = _checked_faces(raw, identity)
        if not np.array_equal(faces, self.shared):
            _save(folder / "faces.npy", faces)
        else:
            (folder / "faces.npy").unlink(missing_ok=True)
        canonical = _checked(raw.canonical(identity), 2, None, f"{raw.name}: {identity}")
        if faces.max() >= len(canonical):
            problem = f"has {len(canonical)} vertices, its faces name {int(faces.max()) + 1}"
            raise InputError(f"{raw.name}: {identity}", problem, "export it again")
        vertices = similarity.to_canonical(canonical)
        path = folder / "canonical.npy"
        if self.earlier.compare and path.is_file():
            if _is_same(path, vertices):
                return vertices
            self.changed.append(f"{identity}/canonical")
        _save(path, vertices)
        return vertices

    def _sequence(
        self, identity: str, sequence: str, vertices: int, similarity: Similarity
    ) -> NDArray[np.floating[Any]]:
        """The canonical frames (F, V, 3) of a sequence, which are on disk then."""
        raw, out = self.raw, self.out
        path = out / check_name(identity, out) / f"{check_name(sequence, out)}.npy"
        stored = _stored(path, vertices)
        if stored is not None and not self.earlier.compare:
            self.kept += 1
            return stored
        frames = _checked(raw.frames(identity, sequence), 3, vertices, f"{raw.name}: {identity}/{sequence}")
        canonical = similarity.to_canonical(frames).astype(np.float16)
        if stored is not None and np.array_equal(stored, canonical):
            self.kept += 1
            return stored
        if path.is_file():
            self.changed.append(f"{identity}/{sequence}")
        _save(path, canonical)
        return canonical

    def say_what_changed(self, normalisation: Normalisation, progress: Progress) -> None:
        """What was added to a finished dataset, and what leaves the cube."""
        before = self.earlier.identities
        if before:
            added = [name for name in self.counts if name not in before]
            gone = [name for name in before if name not in self.counts]
            if added:
                text = f"{self.out}: {_names(added)} added; the similarity of the dataset stays"
                progress.notice(Notice(text, remedy("{}, which makes what is missing", Task.PREPARE)))
            if self.changed:
                text = f"{self.out}: the source has changed: {_names(self.changed)} written anew"
                progress.notice(Notice(text, remedy("{}, then train again", Task.PREPARE)))
            if gone:
                text = f"{self.out}: the source has no {_names(gone)} any more, which the dataset leaves out now"
                progress.notice(Notice(text, Remedy("their folders stay: remove them, or put the meshes back")))
        outside = {name: reach for name, reach in self.reach.items() if reach > 0.5}
        if not outside:
            return
        factor = max(outside.values()) / 0.5
        text = f"warning: {self.out} leaves the cube [-0.5, 0.5]^3 by a factor of {factor:.3f}: {_names(list(outside))}"
        if normalisation.by == "fixed":
            fix = remedy("choose a scale smaller by that factor, or {}", Choice(Setting.NORMALISATION, "bounds"))
        else:  # measured, before these were there
            fix = Remedy("import all into another folder, whose cube holds them, or leave them out")
        progress.notice(Notice(text, fix))


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _dataset_similarity(raw: RawDataset, normalisation: Normalisation, progress: Progress) -> Similarity | None:
    """The one similarity of all identities, None when each has its own."""
    if normalisation.by == "fixed":
        return normalisation.similarity
    if normalisation.by == "subject":
        return None
    progress.stage("bounds", len(raw.identities))

    def meshes() -> Iterator[NDArray[np.floating[Any]]]:
        for done, identity in enumerate(raw.identities, 1):
            yield from _all_meshes(raw, identity)
            progress.advance(done)
            if progress.cancelled():
                raise Cancelled

    return _cube_of(meshes(), raw.name)


def _check_all(raw: RawDataset, progress: Progress) -> None:
    """Read all meshes once.

    Raises:
        InputError: as `import_dataset` says.
        Cancelled: asked to stop.
    """
    progress.stage("check the source", len(raw.identities))
    for done, identity in enumerate(raw.identities, 1):
        for _ in _all_meshes(raw, identity):
            if progress.cancelled():
                raise Cancelled
        progress.advance(done)


def _own_similarity(raw: RawDataset, identity: str) -> Similarity:
    return _cube_of(_all_meshes(raw, identity), f"{raw.name}: {identity}")


def _all_meshes(raw: RawDataset, identity: str) -> Iterator[NDArray[np.floating[Any]]]:
    """Vertices (..., U, 3) of the triangles of an identity: others must not decide the scale."""
    canonical = _checked(raw.canonical(identity), 2, None, f"{raw.name}: {identity}")
    used = _used(raw, identity, len(canonical))
    yield canonical[used]
    for sequence in raw.sequences(identity):
        frames = _checked(raw.frames(identity, sequence), 3, len(canonical), f"{raw.name}: {identity}/{sequence}")
        yield frames[:, used]


def _cube_of(meshes: Iterator[NDArray[np.floating[Any]]], what: str) -> Similarity:
    low, high = bounds(meshes)  # outside of the try: what is wrong with a mesh is a ValueError too
    try:
        return fit_cube(low, high)
    except ValueError:
        raise InputError(what, "has no extent", "check the meshes") from None


def _checked_faces(raw: RawDataset, identity: str) -> NDArray[np.int32]:
    faces = np.asarray(raw.faces(identity))
    assert faces.ndim == 2 and faces.shape[1] == 3, faces.shape
    if len(faces) == 0 or faces.min() < 0:
        raise InputError(f"{raw.name}: {identity}", "has no usable triangles", "export it as a triangle mesh")
    return faces.astype(np.int32)


def _used(raw: RawDataset, identity: str, count: int) -> NDArray[np.intp] | slice:
    """Which of the ``count`` vertices of an identity its triangles use."""
    used = np.unique(_checked_faces(raw, identity))
    return slice(None) if len(used) == count else used[used < count].astype(np.intp)


def _checked(
    vertices: NDArray[np.floating[Any]], dimensions: int, count: int | None, what: str
) -> NDArray[np.floating[Any]]:
    """``vertices`` where they are (V, 3) or (F, V, 3) finite numbers with V equal to ``count``, if that is given."""
    assert vertices.ndim == dimensions and vertices.shape[-1] == 3, vertices.shape
    if vertices.size == 0:
        raise InputError(what, "is empty", "remove it or export it again")
    if count is not None and vertices.shape[-2] != count:
        problem = f"has {vertices.shape[-2]} vertices, its canonical mesh has {count}"
        raise InputError(what, problem, "all frames of an identity must share one topology")
    if not np.isfinite(vertices).all():
        raise InputError(what, "has coordinates that are not finite", "export it again")
    return vertices


def _stored(path: Path, count: int) -> NDArray[Any] | None:
    """Frames (F, ``count``, 3) that an earlier, interrupted import wrote to ``path``."""
    if not path.is_file():
        return None
    try:
        frames = load_array(path)
    except InputError:
        return None
    fits = frames.ndim == 3 and frames.shape[1:] == (count, 3) and frames.dtype == np.float16 and len(frames) > 0
    return frames if fits else None


def _stored_faces(path: Path) -> NDArray[np.int32] | None:
    """Triangles (T, 3) of an earlier import."""
    try:
        faces = load_array(path)
    except InputError:
        return None
    return np.array(faces) if faces.ndim == 2 and faces.shape[1] == 3 and faces.dtype == np.int32 else None


def _is_same(path: Path, vertices: NDArray[np.float32]) -> bool:
    try:
        return np.array_equal(load_array(path), vertices)
    except InputError:
        return False


def _save(path: Path, array: NDArray[Any]) -> None:
    with replacing_file(path) as temporary:
        np.save(temporary, array)
