"""Registered datasets: every frame of an identity as the same mesh topology.

Layout of a dataset folder::

    dataset.json                 name, class, licence, similarity, frame rate, how it was made
    faces.npy                    (T, 3) int32
    labels.json                  one entry per posed frame, in the schema of the published NPM code
    labels_tpose.json            one entry per identity, position == identity_id
    <identity>/canonical.npy     (V, 3) float16 or float32, canonical space
    <identity>/faces.npy         optional: (T, 3), where identities differ in topology
    <identity>/<sequence>.npy    (F, V, 3) float16 or float32, canonical space
    <identity>/pools/*.npy       written by `engine.dataset.preparation.sdf_pools`

``dataset.json`` may give identities a similarity of their own (``similarities``). A *view* has labels but no arrays:
its ``sources`` say where those of each dataset are, by relative path and layout. Splits and merged datasets are views,
and so is a folder tree of another layout that is read in place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, in_words
from engine.core.files import check_name, read_json, write_json
from engine.dataset.arrays import MAKE_AGAIN
from engine.dataset.store import FolderStore, MeshStore
from engine.geometry.similarity import Similarity
from engine.models.labels import FrameLabel, find_name

CANONICAL_SEQUENCE = "a_t_pose"
FORMAT = "npm-studio registered dataset"
_DEEPEST_VIEW = 4  # views of views; more is a circle

StoreFactory = Callable[[Path, Path], MeshStore]
"""Makes the store of a foreign layout from its folder and a folder for what is derived from it."""


@dataclass(frozen=True)
class StoredIdentity:
    """One identity: its names, its place in the world and where its meshes are."""

    dataset: str
    name: str
    similarity: Similarity
    store: MeshStore


@dataclass(frozen=True)
class Source:
    """Where a view finds the meshes of one dataset."""

    layout: str
    """``registered`` or the name of a foreign layout."""
    path: Path


@dataclass(frozen=True)
class RegisteredDataset:
    """A registered dataset on disk; arrays are memory-mapped when asked for."""

    root: Path
    name: str
    category: str
    licence: str
    similarity: Similarity
    """Of the dataset as a whole; `similarity_of` one identity may differ."""
    frame_rate: float
    stored: tuple[StoredIdentity, ...]
    labels: tuple[FrameLabel, ...]
    """All posed frames, ordered by identity, sequence and sample."""
    sources: Mapping[str, Source]
    """Of a view: dataset name to where it is; empty otherwise."""
    description: Mapping[str, Any]
    """What dataset.json says."""

    @cached_property
    def identities(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(stored.name for stored in self.stored)

    def faces(self, identity: int) -> NDArray[np.int32]:
        """Triangles (T, 3) int32 of one identity."""
        stored = self.stored[identity]
        return stored.store.faces(stored.name)

    def canonical(self, identity: int) -> NDArray[np.float32]:
        """Canonical vertices (V, 3) float32 of one identity."""
        stored = self.stored[identity]
        return stored.store.canonical(stored.name)

    def sequence(self, identity: int, sequence: str) -> NDArray[np.floating[Any]]:
        """Posed vertices (F, V, 3) of the labelled frames of a sequence, in the type they are stored in, canonical.

        Raises:
            InputError: the frames are missing, damaged, or a label names one that does not exist.
        """
        stored = self.stored[identity]
        known = {sample: row for row, sample in enumerate(stored.store.samples(stored.name, sequence))}
        rows = []
        for sample in self.samples_of(identity, sequence):
            if sample not in known:
                what = f"names frame {stored.name}/{sequence}/{sample}, which does not exist"
                raise InputError(self.root / "labels.json", what, "label the dataset again")
            rows.append(known[sample])
        whole = rows == list(range(len(known)))
        return stored.store.frames(stored.name, sequence, slice(None) if whole else np.array(rows, np.int64))

    def similarity_of(self, identity: int) -> Similarity:
        """The similarity between the world and canonical space for one identity."""
        return self.stored[identity].similarity

    def folder(self, identity: int) -> Path:
        """Folder for what is derived from one identity."""
        stored = self.stored[identity]
        return stored.store.folder(stored.name)

    def sequences_of(self, identity: int) -> list[str]:
        """Names of the sequences of one identity, in label order."""
        return [sequence for owner, sequence in self._samples if owner == identity]

    def samples_of(self, identity: int, sequence: str) -> list[str]:
        """Names of the labelled frames of one sequence, in label order."""
        return self._samples.get((identity, sequence), [])

    def identity_index(self, name_or_index: str | int) -> int:
        """Index of an identity given by name or index.

        Raises:
            InputError: there is no such identity.
        """
        return find_name(self.identities, name_or_index, f"{self.root}: identity")

    @cached_property
    def _samples(self) -> dict[tuple[int, str], list[str]]:
        samples: dict[tuple[int, str], list[str]] = {}
        for label in self.labels:
            samples.setdefault((label.identity, label.sequence), []).append(label.sample)
        return samples


def load_registered_dataset(
    root: Path, stores: Mapping[str, StoreFactory] | None = None, _depth: int = 0
) -> RegisteredDataset:
    """Open the dataset or view in ``root``.

    Args:
        stores: makers of stores of foreign layouts by name; see `external.datasets.open_dataset`.

    Raises:
        InputError: it is not a registered dataset, or a source of a view cannot be opened.
    """
    if not root.is_dir():
        raise InputError(root, "no such dataset folder", MAKE_AGAIN)
    if not (root / "dataset.json").is_file():
        raise InputError(root, "is not a registered dataset: it has no dataset.json", MAKE_AGAIN)
    if _depth > _DEEPEST_VIEW:
        raise InputError(root / "dataset.json", "is a view that refers back to itself", MAKE_AGAIN)
    description = read_json(root / "dataset.json", MAKE_AGAIN)
    tposes = read_json(root / "labels_tpose.json", MAKE_AGAIN)
    entries = read_json(root / "labels.json", MAKE_AGAIN)
    try:
        name, category = str(description["name"]), str(description["class"])
        licence, frame_rate = str(description["licence"]), float(description["frame_rate"])
        similarity = Similarity.from_dict(description["similarity"], root / "dataset.json")
        places = [
            (str(entry.get("dataset", name)), check_name(entry["identity_name"], root / "labels_tpose.json"))
            for entry in tposes
        ]
        labels = tuple(
            FrameLabel(
                int(entry["identity_id"]),
                check_name(entry["animation_name"], root / "labels.json"),
                check_name(entry["sample_id"], root / "labels.json"),
            )
            for entry in entries
        )
        sources = _read_sources(root, description.get("sources", {}))
        similarities = {
            str(identity): Similarity.from_dict(value, root / "dataset.json")
            for identity, value in description.get("similarities", {}).items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        problem = f"dataset.json or labels do not follow the format{in_words(error)}"
        raise InputError(root, problem, MAKE_AGAIN) from None
    if any(not 0 <= label.identity < len(places) for label in labels):
        raise InputError(root / "labels.json", "names an identity_id that labels_tpose.json does not have", MAKE_AGAIN)
    if sources:
        stored_identities = _identities_of_view(root, places, sources, similarities, similarity, stores or {}, _depth)
    else:
        store = FolderStore(root)
        stored_identities = tuple(
            StoredIdentity(dataset, identity, similarities.get(identity, similarity), store)
            for dataset, identity in places
        )
    return RegisteredDataset(
        root, name, category, licence, similarity, frame_rate, stored_identities, labels, sources, description
    )


def _read_sources(root: Path, value: Any) -> dict[str, Source]:
    sources = {}
    for dataset, entry in dict(value).items():
        path = Path(str(entry["path"]))
        sources[check_name(dataset, root / "dataset.json")] = Source(
            str(entry["layout"]), path if path.is_absolute() else root / path
        )
    return sources


def _identities_of_view(
    root: Path,
    places: list[tuple[str, str]],
    sources: Mapping[str, Source],
    similarities: Mapping[str, Similarity],
    similarity: Similarity,
    stores: Mapping[str, StoreFactory],
    depth: int,
) -> tuple[StoredIdentity, ...]:
    opened: dict[str, RegisteredDataset | MeshStore] = {}
    for dataset in dict.fromkeys(dataset for dataset, _ in places):
        source = sources.get(dataset)
        if source is None:
            raise InputError(root / "labels_tpose.json", f"names dataset {dataset}, which has no source", MAKE_AGAIN)
        if source.layout == "registered":
            opened[dataset] = load_registered_dataset(source.path, stores, depth + 1)
        elif source.layout in stores:
            if not source.path.is_dir():
                raise InputError(source.path, "no such folder", f"correct the path in {root / 'dataset.json'}")
            opened[dataset] = stores[source.layout](source.path, root / "derived" / dataset)
        else:
            raise InputError(root / "dataset.json", f"has a source of unknown layout {source.layout!r}", MAKE_AGAIN)
    stored_identities = []
    for dataset, identity in places:
        origin = opened[dataset]
        if isinstance(origin, RegisteredDataset):
            same_name = [stored for stored in origin.stored if stored.name == identity]
            found = [stored for stored in same_name if stored.dataset == dataset] or same_name
            if not found:
                what = f"names identity {identity}, which {origin.root} does not have"
                raise InputError(root / "labels_tpose.json", what, "make the split again")
            stored_identities.append(StoredIdentity(dataset, identity, found[0].similarity, found[0].store))
        else:
            stored_identities.append(StoredIdentity(dataset, identity, similarities.get(identity, similarity), origin))
    return tuple(stored_identities)


def write_description(
    root: Path,
    name: str,
    category: str,
    licence: str,
    similarity: Similarity,
    frame_rate: float,
    frames_per_sequence: Mapping[str, Mapping[str, int]],
    recipe: Mapping[str, Any],
    similarities: Mapping[str, Similarity] | None = None,
) -> None:
    """Write ``dataset.json`` and both label files; the arrays must already be there.

    Args:
        frames_per_sequence: identity name -> sequence name -> number of frames, in order.
        recipe: how the dataset was made (command, seed, versions); stored as it is.
        similarities: of single identities, where they differ from ``similarity``.
    """
    labels, tposes = [], []
    for index, (identity, sequences) in enumerate(frames_per_sequence.items()):
        common = {"dataset": name, "identity_id": index, "identity_name": identity}
        tposes.append({**common, "animation_name": CANONICAL_SEQUENCE, "sample_id": "000000"})
        for sequence, count in sequences.items():
            labels += [{**common, "animation_name": sequence, "sample_id": f"{i:06d}"} for i in range(count)]
    write_json(root / "labels_tpose.json", tposes)
    write_json(root / "labels.json", labels)
    description = {
        "format": FORMAT,
        "format_version": 1,
        "name": name,
        "class": category,
        "licence": licence,
        "similarity": similarity.as_dict(),
        "frame_rate": frame_rate,
        "recipe": dict(recipe),
    }
    if similarities:
        description["similarities"] = {identity: own.as_dict() for identity, own in similarities.items()}
    write_json(root / "dataset.json", description)
