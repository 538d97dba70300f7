"""What a dataset holds, in numbers: `summarise_dataset`."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import InputError
from engine.dataset.pools import pools_folder
from engine.dataset.registered import RegisteredDataset
from engine.dataset.source_axes import source_axes


@dataclass(frozen=True)
class IdentitySummary:
    """One identity."""

    dataset: str
    name: str
    vertices: int
    """0 where there are samples and no meshes."""
    faces: int
    sequences: int
    frames: int
    pools: str
    """``prepared``, ``given`` (they came with the dataset) or ``none``."""


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset; counts are those of labelled frames."""

    root: Path
    name: str
    category: str
    licence: str
    scale: float
    """Of the similarity, in 1/m."""
    centre: tuple[float, float, float]
    """Of the similarity, in metres."""
    similarity_per_identity: bool
    frame_rate: float
    sequences: int
    frames: int
    bytes_on_disk: int
    """Of the folder and, for a view, of the folders that it reads."""
    size_m: tuple[float, float, float] | None
    """Extents along x, y and z of the median canonical mesh, metres; None where there are samples alone."""
    axes: str
    """What is up and in front, and how the source had it as far as that is known."""
    sources: dict[str, str]
    """Of a view: ``layout path`` of each dataset that it reads."""
    identities: tuple[IdentitySummary, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON: ``identities`` is their number, ``subjects`` lists them."""
        values = asdict(self) | {"root": str(self.root), "identities": len(self.identities)}
        values["class"] = values.pop("category")
        return {**values, "subjects": [asdict(each) for each in self.identities]}


def summarise_dataset(dataset: RegisteredDataset) -> DatasetSummary:
    """Numbers of ``dataset``.

    Raises:
        InputError: a canonical mesh cannot be read and there are no samples instead.
    """
    identities = tuple(_summarise(dataset, identity) for identity in range(len(dataset.identities)))
    similarity = dataset.similarity
    folders = {dataset.root.resolve()} | {source.path.resolve() for source in dataset.sources.values()}
    outer = {folder for folder in folders if not any(other in folder.parents for other in folders)}
    return DatasetSummary(
        dataset.root,
        dataset.name,
        dataset.category,
        dataset.licence,
        similarity.scale,
        similarity.centre,
        any(dataset.similarity_of(identity) != similarity for identity in range(len(identities))),
        dataset.frame_rate,
        sum(each.sequences for each in identities),
        len(dataset.labels),
        sum(_size(folder) for folder in outer),
        _size_m(dataset),
        _axes(dataset),
        {name: f"{source.layout} {os.path.normpath(source.path)}" for name, source in dataset.sources.items()},
        identities,
    )


def _summarise(dataset: RegisteredDataset, identity: int) -> IdentitySummary:
    stored = dataset.stored[identity]
    if pools_folder(dataset, identity).is_dir():
        pools = "prepared"
    else:
        pools = "none" if stored.store.pools(stored.name) is None else "given"
    try:
        vertices, faces = len(dataset.canonical(identity)), len(dataset.faces(identity))
    except InputError:
        if pools == "none":
            raise
        vertices = faces = 0
    sequences = dataset.sequences_of(identity)
    return IdentitySummary(
        stored.dataset,
        stored.name,
        vertices,
        faces,
        len(sequences),
        sum(len(dataset.samples_of(identity, sequence)) for sequence in sequences),
        pools,
    )


def _size_m(dataset: RegisteredDataset) -> tuple[float, float, float] | None:
    """Extents (x, y, z) in metres of the canonical meshes, as medians."""
    extents = []
    for identity in range(len(dataset.identities)):
        try:
            extents.append(np.ptp(dataset.canonical(identity), axis=0) / dataset.similarity_of(identity).scale)
        except InputError:  # there are samples alone
            continue
    if not extents:
        return None
    x, y, z = np.median(extents, axis=0).tolist()
    return x, y, z


def _axes(dataset: RegisteredDataset) -> str:
    source = source_axes(dataset.description.get("recipe"))
    return "+y up, +z in front" + ("" if source is None else f" (files: {source})")


def _size(folder: Path) -> int:
    """Bytes of all files below ``folder``; links are not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
