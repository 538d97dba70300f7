"""What says of derived data, such as pools or a model, which meshes they were made of."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.dataset.registered import RegisteredDataset


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
