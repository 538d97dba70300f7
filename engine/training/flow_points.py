"""Corresponding points that were sampled beforehand, for datasets whose meshes are gone.

Row i of the samples of a frame and row i of those of its identity's canonical sample are the same surface point
(Palafox et al. 2021). Where there are meshes, `engine.training.flow_samples.FlowSampler` needs no files.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.dataset.registered import CANONICAL_SEQUENCE, RegisteredDataset
from engine.training.flow_samples import FlowSampler, spread

CANONICAL_SAMPLE = "000000"
MEMORY = 4 << 30
"""Bytes that the points of all frames may take; where they are more, the leading rows of each frame are kept."""


@runtime_checkable
class FlowPointStore(Protocol):
    """A store of meshes that may have sampled points instead."""

    def has_meshes(self, identity: str) -> bool: ...

    def flow_point_count(self, identity: str, sequence: str, sample: str, sigma: float) -> int: ...

    def flow_points(self, identity: str, sequence: str, sample: str, sigma: float, rows: int) -> NDArray[np.float32]:
        """The first rows (rows, 3), canonical units."""
        ...


def lacks_meshes(dataset: RegisteredDataset) -> bool:
    """Whether an identity of ``dataset`` has sampled points alone."""
    return any(
        isinstance(stored.store, FlowPointStore) and not stored.store.has_meshes(stored.name)
        for stored in dataset.stored
    )


@dataclass(frozen=True, eq=False)
class PointFlowSampler:
    """Sampled points on the training device; takes the place of `FlowSampler`.

    Samples are independent of each other, so the leading rows are as good a choice as any.
    """

    canonical: Tensor
    """(I, S, R, 3) float32 for S sigmas and R rows"""
    posed: Tensor
    """(N, S, R, 3) float32"""
    identity_of_frame: Tensor
    """(N,) int64"""
    sigmas: tuple[float, ...]

    @staticmethod
    def load(
        dataset: RegisteredDataset,
        sigmas: tuple[float, ...],
        device: torch.device,
        progress: Progress | None = None,
        memory: int = MEMORY,
    ) -> "PointFlowSampler":
        """Read the samples of all frames that ``dataset`` labels, and of the canonical ones, to ``device``.

        Raises:
            InputError: a file is missing or damaged, or frames have different numbers of samples.
        """
        progress = progress or Progress()
        if not dataset.labels:
            raise InputError(dataset.root / "labels.json", "lists no frames", "make the dataset again")
        places = [(i, CANONICAL_SEQUENCE, CANONICAL_SAMPLE) for i in range(len(dataset.stored))]
        places += [(label.identity, label.sequence, label.sample) for label in dataset.labels]
        affordable = max(1, memory // (12 * len(sigmas) * len(places)))
        stores = [_store(dataset, identity) for identity in range(len(dataset.stored))]
        counts = [
            store.flow_point_count(stored.name, CANONICAL_SEQUENCE, CANONICAL_SAMPLE, sigma)
            for store, stored in zip(stores, dataset.stored, strict=True)
            for sigma in sigmas
        ]
        rows = min(affordable, *counts)
        points = torch.empty((len(places), len(sigmas), rows, 3), device=device)
        progress.stage("read flow samples", len(places))
        for place, (identity, sequence, sample) in enumerate(places):
            name = dataset.stored[identity].name
            for column, sigma in enumerate(sigmas):
                count = stores[identity].flow_point_count(name, sequence, sample, sigma)
                if count != counts[identity * len(sigmas) + column]:
                    what = f"{dataset.root}: {name}/{sequence}/{sample}, sigma {sigma}"
                    raise InputError(what, f"has {count} flow samples, not as many as {CANONICAL_SEQUENCE}")
                read = stores[identity].flow_points(name, sequence, sample, sigma, rows)
                points[place, column] = torch.from_numpy(read)
            progress.advance(place + 1)
        identities = torch.tensor([label.identity for label in dataset.labels], device=device)
        split = len(dataset.stored)
        return PointFlowSampler(points[:split], points[split:], identities, tuple(sigmas))

    def draw(
        self,
        frames: Tensor,
        points: int,
        sigmas: tuple[float, ...],
        generator: torch.Generator,
        mine: slice = slice(None),
    ) -> tuple[Tensor, Tensor]:
        """Corresponding canonical and posed points (B', P, 3) for ``frames[mine]``; as `FlowSampler.draw`."""
        columns = spread(tuple(self.sigmas.index(sigma) for sigma in sigmas), points, frames.device)  # (P,)
        shape = len(frames), points
        rows = torch.randint(self.posed.shape[2], shape, generator=generator, device=frames.device)[mine]
        frames = frames[mine]
        identities = self.identity_of_frame[frames]
        return self.canonical[identities[:, None], columns, rows], self.posed[frames[:, None], columns, rows]


def load_sampler(
    dataset: RegisteredDataset, sigmas: tuple[float, ...], device: torch.device, progress: Progress | None = None
) -> FlowSampler | PointFlowSampler:
    """The sampler of the pose stage: from meshes, or from sampled points where an identity has nothing else.

    Raises:
        InputError: as `FlowSampler.load` and `PointFlowSampler.load` say.
    """
    if lacks_meshes(dataset):
        return PointFlowSampler.load(dataset, sigmas, device, progress)
    return FlowSampler.load(dataset, device, progress)


def _store(dataset: RegisteredDataset, identity: int) -> FlowPointStore:
    store = dataset.stored[identity].store
    if not isinstance(store, FlowPointStore):
        what = f"{dataset.root}: {dataset.stored[identity].name}"
        raise InputError(what, "has no flow samples, other identities have nothing else", "train them apart")
    return store
