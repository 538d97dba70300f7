"""A registered dataset seen as meshes in metres, to be imported again under another normalisation."""

import os
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dataset.registered import RegisteredDataset
from engine.geometry.similarity import Similarity


class DatasetInMetres:
    """A `engine.dataset.importing.RawDataset` made from a registered one.

    Identities of merged datasets that share a name get the name of their dataset in front.
    """

    def __init__(self, dataset: RegisteredDataset) -> None:
        self._dataset = dataset
        self.name, self.category, self.licence = dataset.name, dataset.category, dataset.licence
        self.frame_rate = dataset.frame_rate
        shared = Counter(dataset.identities)
        self.identities = tuple(
            stored.name if shared[stored.name] == 1 else f"{stored.dataset}_{stored.name}" for stored in dataset.stored
        )
        self.recipe = {"normalised": os.path.abspath(dataset.root), "of": dataset.description.get("recipe", {})}

    def faces(self, identity: str) -> NDArray[np.int32]:
        return self._dataset.faces(self._index(identity))

    def canonical(self, identity: str) -> NDArray[np.floating[Any]]:
        index = self._index(identity)
        return self._metres(index, self._dataset.canonical(index))

    def sequences(self, identity: str) -> list[str]:
        return self._dataset.sequences_of(self._index(identity))

    def frames(self, identity: str, sequence: str) -> NDArray[np.floating[Any]]:
        index = self._index(identity)
        return self._metres(index, self._dataset.sequence(index, sequence))

    def similarities_if(self, by: str) -> dict[str, Similarity] | None:
        """The present similarities, when the dataset was normalised by its ``bounds`` or by ``subject`` already.

        Measuring again would find slightly others, as the stored frames are rounded.
        """
        if by == "fixed" or self._dataset.description.get("recipe", {}).get("normalised_by") != by:
            return None
        return {name: stored.similarity for name, stored in zip(self.identities, self._dataset.stored, strict=True)}

    def _metres(self, index: int, vertices: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """In float64, so that the way back gives the same float32 numbers."""
        similarity = self._dataset.similarity_of(index)
        metres: NDArray[np.float64] = np.asarray(vertices, np.float64) / similarity.scale + similarity.centre
        return metres

    def _index(self, identity: str) -> int:
        return self.identities.index(identity)
