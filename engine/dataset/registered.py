"""Registered datasets: every frame of every identity as the same mesh topology.

Layout of a dataset folder::

    dataset.json                 name, class, licence, similarity, frame rate, how it was made
    faces.npy                    (T, 3) int32
    labels.json                  one entry per posed frame, in the schema of the published NPM code
    labels_tpose.json            one entry per identity, position == identity_id
    <identity>/canonical.npy     (V, 3) float16 or float32, canonical space
    <identity>/<sequence>.npy    (F, V, 3) float16 or float32, canonical space
    <identity>/pools/*.npy       written by `npm-studio prepare` (engine.prepare.sdf_pools)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.files import check_name, read_json, write_json
from engine.geometry.similarity import Similarity
from engine.model import FrameLabel

CANONICAL_SEQUENCE = "a_t_pose"
_CURE = "make it with `npm-studio dataset`"


@dataclass(frozen=True)
class RegisteredDataset:
    """A registered dataset on disk; arrays are memory-mapped when asked for."""

    root: Path
    name: str
    category: str
    licence: str
    similarity: Similarity
    frame_rate: float
    identities: tuple[str, ...]
    labels: tuple[FrameLabel, ...]
    """All posed frames, ordered by identity, sequence and sample."""

    @cached_property
    def faces(self) -> NDArray[np.int32]:
        """(T, 3) int32"""
        faces = load_array(self.root / "faces.npy")
        if faces.ndim != 2 or faces.shape[1] != 3 or not np.issubdtype(faces.dtype, np.integer):
            raise InputError(self.root / "faces.npy", f"must be (T, 3) integers, is {faces.shape} {faces.dtype}", _CURE)
        return np.ascontiguousarray(faces, np.int32)

    def canonical(self, identity: int) -> NDArray[np.float32]:
        """Canonical vertices (V, 3) float32 of one identity."""
        path = self.root / self.identities[identity] / "canonical.npy"
        vertices = load_array(path)
        self._check(path, vertices, 2)
        return np.asarray(vertices, np.float32)

    def sequence(self, identity: int, sequence: str) -> NDArray[np.floating[Any]]:
        """Posed vertices (F, V, 3), memory-mapped in the type that they are stored in, canonical units."""
        path = self.root / self.identities[identity] / f"{sequence}.npy"
        vertices = load_array(path)
        self._check(path, vertices, 3)
        return vertices

    def sequences_of(self, identity: int) -> list[str]:
        """Names of the sequences of one identity, in label order."""
        return list(dict.fromkeys(label.sequence for label in self.labels if label.identity == identity))

    def identity_index(self, name_or_index: str | int) -> int:
        """Index of an identity given by name or index.

        Raises:
            InputError: there is no such identity.
        """
        return find_name(self.identities, name_or_index, f"{self.root}: identity")

    def _check(self, path: Path, vertices: NDArray[Any], dimensions: int) -> None:
        count = int(self.faces.max()) + 1
        if vertices.ndim != dimensions or vertices.shape[-1] != 3 or vertices.shape[-2] < count:
            shape = "(V, 3)" if dimensions == 2 else "(F, V, 3)"
            raise InputError(path, f"must be {shape} with V >= {count}, is {vertices.shape}", _CURE)


def find_name(names: tuple[str, ...] | list[str], wanted: str | int, what: str) -> int:
    """Position of ``wanted`` (a name, or an index given as a number or its digits) in ``names``.

    Raises:
        InputError: there is no such entry; ``what`` says where the name came from.
    """
    if isinstance(wanted, str) and wanted in names:
        return names.index(wanted)
    try:
        index = int(wanted)
    except ValueError:
        index = -1
    if not 0 <= index < len(names):
        known = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise InputError(f"{what} {wanted}", "does not exist", f"use 0 to {len(names) - 1} or one of {known}")
    return index


def load_array(path: Path) -> NDArray[Any]:
    """Memory-mapped array of ``path``.

    Raises:
        InputError: the file is missing, truncated or not a plain npy file.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise InputError(path, "is missing", _CURE) from None
    except (ValueError, OSError, EOFError) as error:
        raise InputError(path, f"is not a readable npy file ({error.__class__.__name__})", _CURE) from None
    return array


def load_registered_dataset(root: Path) -> RegisteredDataset:
    """Open the dataset in ``root``.

    Raises:
        InputError: it is not a registered dataset.
    """
    if not root.is_dir():
        raise InputError(root, "no such dataset folder", _CURE)
    if not (root / "dataset.json").is_file():
        raise InputError(root, "is not a registered dataset: it has no dataset.json", _CURE)
    description = read_json(root / "dataset.json", _CURE)
    tposes = read_json(root / "labels_tpose.json", _CURE)
    entries = read_json(root / "labels.json", _CURE)
    try:
        identities = tuple(check_name(entry["identity_name"], root / "labels_tpose.json") for entry in tposes)
        labels = tuple(
            FrameLabel(
                int(entry["identity_id"]),
                check_name(entry["animation_name"], root / "labels.json"),
                check_name(entry["sample_id"], root / "labels.json"),
            )
            for entry in entries
        )
        name, category = str(description["name"]), str(description["class"])
        licence, frame_rate = str(description["licence"]), float(description["frame_rate"])
        similarity = Similarity.from_dict(description["similarity"], root / "dataset.json")
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(root, f"dataset.json or labels do not follow the format ({error!r})", _CURE) from None
    if any(not 0 <= label.identity < len(identities) for label in labels):
        raise InputError(root / "labels.json", "names an identity_id that labels_tpose.json does not have", _CURE)
    return RegisteredDataset(root, name, category, licence, similarity, frame_rate, identities, labels)


def write_description(
    root: Path,
    name: str,
    category: str,
    licence: str,
    similarity: Similarity,
    frame_rate: float,
    frames_per_sequence: Mapping[str, Mapping[str, int]],
    recipe: Mapping[str, Any],
) -> None:
    """Write ``dataset.json`` and both label files; the arrays must already be there.

    Args:
        frames_per_sequence: identity name -> sequence name -> number of frames, in order.
        recipe: how the dataset was made (command, seed, versions); stored as it is.
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
        "format": "npm-studio registered dataset",
        "format_version": 1,
        "name": name,
        "class": category,
        "licence": licence,
        "similarity": similarity.as_dict(),
        "frame_rate": frame_rate,
        "recipe": dict(recipe),
    }
    write_json(root / "dataset.json", description)
