"""The unit of older truth, which does not say it, from the registered dataset that it was rendered from."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.core.errors import InputError, Setting, remedy
from engine.dataset.registered import RegisteredDataset
from engine.sequences.truth import DESCRIPTION, StoredTruth, Truth, canonical_truth, load_truth, read_stored_truth

_SAME = 1e-6
"""Canonical units; truth is written as the dataset has it."""


def open_truth(
    folder: Path, open_dataset: Callable[[Path], RegisteredDataset], dataset: Path | None = None
) -> tuple[Truth, str | None]:
    """The truth in ``folder`` in metres, and a word on where its unit comes from if not from itself.

    Truth without ``truth.json`` is looked up in ``dataset``, or in the dataset that it lies in: the identity whose
    sequence begins with its first mesh has the similarity.

    Raises:
        InputError: it cannot be used, or nothing says its unit.
    """
    stored = read_stored_truth(folder)
    if stored.description is not None:
        if dataset is not None:
            problem = f"states its unit itself, in {DESCRIPTION}"
            raise InputError(folder, problem, remedy("leave out {}", Setting.DATASET))
        return load_truth(folder), None
    root = dataset or dataset_around(folder)
    if root is None:
        return load_truth(folder), None  # says what is missing
    found = open_dataset(root)
    identity = _identity_of(stored, found)
    if identity is None:
        problem = f"has no sequence that begins with the mesh {stored.meshes.frame_names[0]} of {folder}"
        fix = remedy("name the dataset that it was rendered from, or state {}", Setting.MESH_UNIT)
        raise InputError(root, problem, fix)
    canonical = np.asarray(found.canonical(identity), np.float64)
    truth = canonical_truth(replace(stored, canonical=canonical), found.similarity_of(identity))
    return truth, f"{folder} has no {DESCRIPTION}: its similarity is that of {found.identities[identity]} in {root}"


def dataset_around(folder: Path) -> Path | None:
    """The nearest folder above that is a registered dataset."""
    return next((place for place in folder.resolve().parents if (place / "dataset.json").is_file()), None)


def _identity_of(stored: StoredTruth, dataset: RegisteredDataset) -> int | None:
    first = stored.meshes.read(0)
    for identity in range(len(dataset.identities)):
        if not np.array_equal(dataset.faces(identity), first.faces):
            continue
        for sequence in dataset.sequences_of(identity):
            frames = dataset.sequence(identity, sequence)
            if len(frames) and np.allclose(frames[0], first.vertices, rtol=0, atol=_SAME):
                return identity
    return None
