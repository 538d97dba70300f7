"""A registered dataset as the window shows it: what is in it, and any of its meshes in metres."""

from dataclasses import dataclass
from pathlib import Path

from engine.dataset.registered import RegisteredDataset
from engine.dataset.summary import DatasetSummary, summarise_dataset
from engine.geometry.mesh import Mesh
from external.datasets import open_dataset


@dataclass(frozen=True, eq=False)
class DatasetOnShow:
    """An open dataset, and its numbers."""

    dataset: RegisteredDataset
    summary: DatasetSummary

    @property
    def lacks_samples(self) -> bool:
        """Whether signed distances of some canonical mesh have still to be sampled."""
        return any(identity.pools == "none" for identity in self.summary.identities)

    def mesh(self, identity: int, sequence: str, frame: int) -> Mesh:
        """The mesh of a frame, or with an empty ``sequence`` the canonical one; world, metres.

        Raises:
            InputError: it is missing or damaged.
        """
        dataset = self.dataset
        vertices = dataset.sequence(identity, sequence)[frame] if sequence else dataset.canonical(identity)
        return Mesh(dataset.similarity_of(identity).to_world(vertices), dataset.faces(identity))

    def frames(self, identity: int, sequence: str) -> tuple[str, ...]:
        """Names of the frames of a sequence; none of the canonical mesh."""
        return tuple(self.dataset.samples_of(identity, sequence)) if sequence else ()

    def lowest(self, identity: int, sequence: str) -> float:
        """Height of the lowest point, metres, in all frames of a sequence or in the canonical mesh.

        Raises:
            InputError: as `mesh`.
        """
        dataset = self.dataset
        vertices = dataset.sequence(identity, sequence) if sequence else dataset.canonical(identity)
        height = float(vertices[..., 1].min())
        return float(dataset.similarity_of(identity).to_world([0.0, height, 0.0])[1])

    def in_words(self) -> str:
        """One line about all of it."""
        summary = self.summary
        counted = f"{len(summary.identities)} identities · {summary.sequences} sequences · {summary.frames:,} frames"
        size = "" if summary.size_m is None else f" · {max(summary.size_m):.3g}\u00a0m across"
        return f"{counted}{size} · {summary.bytes_on_disk / 1e6:,.0f}\u00a0MB"


def open_on_show(folder: Path) -> DatasetOnShow:
    """Read what is in the dataset or split in ``folder``.

    Raises:
        InputError: it is none, or a mesh in it cannot be read.
    """
    dataset = open_dataset(folder)
    return DatasetOnShow(dataset, summarise_dataset(dataset))
