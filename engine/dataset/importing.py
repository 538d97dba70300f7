"""From meshes in metres, wherever they come from, to a registered dataset: `import_dataset`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, Choice, InputError, Notice, Setting, remedy
from engine.core.files import check_name, read_json, replacing_file, write_json
from engine.core.progress import Progress
from engine.dataset.arrays import load_array
from engine.dataset.normalisation import Normalisation, bounds, fit_cube, largest_coordinate
from engine.dataset.registered import write_description
from engine.geometry.similarity import Similarity

_REQUEST = "import.json"
"""What an import was asked for; arrays of an interrupted one are kept when the same is asked for again."""


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
    goes on where it stopped when it is started again; arrays that are there are kept.

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
    _check_out(out, request)
    fixed = None if known else _dataset_similarity(raw, normalisation, progress)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / _REQUEST, request)

    shared = _checked_faces(raw, raw.identities[0])
    _save(out / "faces.npy", shared)
    similarities: dict[str, Similarity] = {}
    counts: dict[str, dict[str, int]] = {}
    kept, largest = 0, 0.0
    progress.stage("import", sum(len(raw.sequences(name)) for name in raw.identities))
    done = 0
    for identity in raw.identities:
        similarity = fixed or (known[identity] if known else _own_similarity(raw, identity))
        similarities[identity] = similarity
        vertices = _import_canonical(raw, identity, out, shared, similarity)
        largest = max(largest, largest_coordinate(vertices))
        counts[identity] = {}
        for sequence in raw.sequences(identity):
            if progress.cancelled():
                raise Cancelled
            stored, is_new = _import_sequence(raw, identity, sequence, out, len(vertices), similarity)
            kept += not is_new
            counts[identity][sequence] = len(stored)
            largest = max(largest, largest_coordinate(stored))
            done += 1
            progress.advance(done)
    first = similarities[raw.identities[0]]
    differ = any(similarity != first for similarity in similarities.values())
    write_description(
        out,
        raw.name,
        raw.category,
        raw.licence,
        first,
        raw.frame_rate,
        counts,
        {**raw.recipe, "normalised_by": normalisation.by},
        similarities if differ else None,
    )
    if largest > 0.5:
        text = f"warning: {out} leaves the cube [-0.5, 0.5]^3 by a factor of {largest / 0.5:.3f}"
        smaller = remedy("choose a scale smaller by that factor, or {}", Choice(Setting.NORMALISATION, "bounds"))
        progress.notice(Notice(text, smaller))
    sequences = sum(len(each) for each in counts.values())
    frames_written = sum(sum(each.values()) for each in counts.values())
    return ImportSummary(len(counts), sequences, frames_written, kept, largest)


def _import_canonical(
    raw: RawDataset, identity: str, out: Path, shared: NDArray[np.int32], similarity: Similarity
) -> NDArray[np.float32]:
    """Write the canonical mesh of an identity, with faces that are not the ``shared`` ones; its vertices (V, 3)."""
    folder = out / check_name(identity, out)
    folder.mkdir(exist_ok=True)
    faces = shared if identity == raw.identities[0] else _checked_faces(raw, identity)
    if not np.array_equal(faces, shared):
        _save(folder / "faces.npy", faces)
    canonical = _checked(raw.canonical(identity), 2, None, f"{raw.name}: {identity}")
    if faces.max() >= len(canonical):
        problem = f"has {len(canonical)} vertices, its faces name {int(faces.max()) + 1}"
        raise InputError(f"{raw.name}: {identity}", problem, "export it again")
    vertices = similarity.to_canonical(canonical)
    _save(folder / "canonical.npy", vertices)
    return vertices


def _import_sequence(
    raw: RawDataset, identity: str, sequence: str, out: Path, vertices: int, similarity: Similarity
) -> tuple[NDArray[np.floating[Any]], bool]:
    """The canonical frames (F, V, 3) of a sequence, and whether they were written now or were there."""
    path = out / check_name(identity, out) / f"{check_name(sequence, out)}.npy"
    stored = _stored(path, vertices)
    if stored is not None:
        return stored, False
    frames = _checked(raw.frames(identity, sequence), 3, vertices, f"{raw.name}: {identity}/{sequence}")
    canonical = similarity.to_canonical(frames).astype(np.float16)
    _save(path, canonical)
    return canonical, True


def _check_out(out: Path, request: Mapping[str, Any]) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / _REQUEST).is_file():
        raise InputError(out, "exists and was not written by this import", "name another folder or remove it")
    if read_json(out / _REQUEST) != request:
        raise InputError(out, "holds an import of something else or with other options", "name another folder")


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


def _own_similarity(raw: RawDataset, identity: str) -> Similarity:
    return _cube_of(_all_meshes(raw, identity), f"{raw.name}: {identity}")


def _all_meshes(raw: RawDataset, identity: str) -> Iterator[NDArray[np.floating[Any]]]:
    canonical = _checked(raw.canonical(identity), 2, None, f"{raw.name}: {identity}")
    yield canonical
    for sequence in raw.sequences(identity):
        yield _checked(raw.frames(identity, sequence), 3, len(canonical), f"{raw.name}: {identity}/{sequence}")


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


def _save(path: Path, array: NDArray[Any]) -> None:
    with replacing_file(path) as temporary:
        np.save(temporary, array)
