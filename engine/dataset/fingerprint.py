"""What says of derived data, such as pools or a model, which meshes they were made of."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.dataset.registered import RegisteredDataset

_VERTICES = 16
"""Of each frame, evenly spread over their numbers; vertices of one part of a subject have neighbouring ones."""


def mesh_fingerprint(vertices: NDArray[np.floating[Any]], faces: NDArray[np.integer[Any]]) -> str:
    """Of one mesh (V, 3), (T, 3); equal only for the same numbers."""
    digest = hashlib.blake2b(np.ascontiguousarray(vertices, np.float32).tobytes(), digest_size=16)
    digest.update(np.ascontiguousarray(faces, np.int32).tobytes())
    return digest.hexdigest()


def dataset_fingerprint(dataset: RegisteredDataset) -> str:
    """Of names, similarities and canonical meshes of all identities, and of the labels of all frames."""
    digest = hashlib.blake2b(digest_size=16)
    for index, stored in enumerate(dataset.stored):
        try:
            mesh = mesh_fingerprint(dataset.canonical(index), dataset.faces(index))
        except InputError:  # there are samples alone
            mesh = ""
        digest.update(f"{stored.dataset}/{stored.name} {stored.similarity.as_dict()} {mesh}\n".encode())
    for label in dataset.labels:
        digest.update(f"{label.identity}/{label}\n".encode())
    return digest.hexdigest()


def frames_fingerprint(dataset: RegisteredDataset) -> str:
    """Of a few vertices of every labelled frame, enough to tell that a mesh is another under the same name.

    Empty where identities have samples alone.
    """
    digest = hashlib.blake2b(digest_size=16)
    for identity in range(len(dataset.identities)):
        for sequence in dataset.sequences_of(identity):
            try:
                frames = dataset.sequence(identity, sequence)
            except InputError:  # who trains on them says what is wrong
                return ""
            vertices = np.linspace(0, frames.shape[1] - 1, _VERTICES).round().astype(np.int64)
            digest.update(np.ascontiguousarray(frames[:, vertices], np.float32).tobytes())
    return digest.hexdigest()


def data_note(dataset: RegisteredDataset, frames: bool) -> dict[str, Any]:
    """What a model and the states of a training say of its data.

    Args:
        frames: whether posed meshes are learned from.
    """
    counts = {"identities": len(dataset.identities), "frames": len(dataset.labels)}
    posed = {"posed": frames_fingerprint(dataset)} if frames else {}
    return {**counts, "fingerprint": dataset_fingerprint(dataset), **posed}


def data_difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """How the data that ``before`` notes differ from those ``now``; empty where they do not.

    What a note from earlier versions lacks is no difference.
    """
    counts = [f"{note['identities']} identities in {note['frames']} frames" for note in (before, now)]
    if counts[0] != counts[1]:
        return f"{counts[0]}, not {counts[1].replace(' identities', '').replace(' frames', '')}"
    for key, what in (("fingerprint", "names or canonical meshes"), ("posed", "posed meshes")):
        if key in before and key in now and before[key] != now[key]:
            return f"{counts[0]} with other {what}"
    return ""
