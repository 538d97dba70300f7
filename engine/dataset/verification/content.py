"""The arrays of a dataset that is being checked, as they are stored: of the own layout, or as stores give them."""

import os
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.dataset.arrays import SdfPools, load_array
from engine.dataset.registered import RegisteredDataset
from engine.dataset.verification.labels import Labels

EXPORT_AGAIN = "copy or export it again"


class DatasetContent(Protocol):
    """The meshes of a dataset to check; arrays come as they are stored."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def datasets(self) -> tuple[str, ...]: ...

    def faces_place(self, identity: int) -> Path: ...

    def place(self, identity: int, sequence: str | None) -> Path:
        """What to call a sequence, or the canonical mesh."""
        ...

    def faces(self, identity: int) -> NDArray[Any]: ...

    def canonical(self, identity: int) -> NDArray[Any]: ...

    def sequences(self, identity: int) -> list[str]: ...

    def samples(self, identity: int, sequence: str) -> list[str]:
        """Names of the labelled frames."""
        ...

    def frames(self, identity: int, sequence: str) -> NDArray[Any]:
        """(F, V, 3) of the labelled frames."""
        ...

    def unlabelled(self, identity: int, sequence: str) -> tuple[list[str], NDArray[Any]]:
        """Names of the stored frames of a sequence that no label names, and the frames (F, V, 3)."""
        ...

    def broken_frames(self, identity: int, sequence: str) -> list[InputError]:
        """What is wrong with single frames of a sequence that cannot be read as a whole."""
        ...

    def has_meshes(self, identity: int) -> bool:
        """Whether there are meshes at all, and not samples alone."""
        ...

    def pools_folder(self, identity: int) -> Path: ...

    def given_pools(self, identity: int) -> SdfPools | None:
        """Samples that came with the meshes."""
        ...

    def sigmas(self, identity: int) -> list[float]:
        """Of the flow samples that there are, which an identity may have instead of meshes."""
        ...

    def flow_points(self, identity: int, sequence: str, sample: str, sigma: float) -> NDArray[Any]:
        """The flow samples (N, 3) of one frame."""
        ...


@runtime_checkable
class PointStore(Protocol):
    """A store that may have sampled points instead of meshes; `external.npms.tree.NpmsStore` is one."""

    def has_meshes(self, identity: str) -> bool: ...

    def flow_sigmas(self, identity: str) -> list[float]: ...

    def flow_point_count(self, identity: str, sequence: str, sample: str, sigma: float) -> int: ...

    def flow_points(
        self, identity: str, sequence: str, sample: str, sigma: float, rows: int
    ) -> NDArray[np.float32]: ...


class StoreContent:
    """Content of a view or of a foreign layout, as its stores give it."""

    def __init__(self, dataset: RegisteredDataset) -> None:
        self._dataset = dataset
        self.names = dataset.identities
        self.datasets = tuple(stored.dataset for stored in dataset.stored)

    def faces_place(self, identity: int) -> Path:
        folder = self._folder(identity)
        own, shared = folder / "faces.npy", folder.parent / "faces.npy"
        return shared if shared.is_file() and not own.is_file() else own

    def place(self, identity: int, sequence: str | None) -> Path:
        path = self._folder(identity) / (sequence or "canonical")
        return file if (file := path.with_name(f"{path.name}.npy")).is_file() else path

    def faces(self, identity: int) -> NDArray[Any]:
        return self._dataset.faces(identity)

    def canonical(self, identity: int) -> NDArray[Any]:
        return self._dataset.canonical(identity)

    def sequences(self, identity: int) -> list[str]:
        return self._dataset.sequences_of(identity)

    def samples(self, identity: int, sequence: str) -> list[str]:
        return self._dataset.samples_of(identity, sequence)

    def frames(self, identity: int, sequence: str) -> NDArray[Any]:
        return self._dataset.sequence(identity, sequence)

    def unlabelled(self, identity: int, sequence: str) -> tuple[list[str], NDArray[Any]]:
        return [], np.empty((0, 0, 3), np.float32)  # labels choose from the sources

    def broken_frames(self, identity: int, sequence: str) -> list[InputError]:
        stored = self._dataset.stored[identity]
        errors = []
        try:
            samples = stored.store.samples(stored.name, sequence)
        except InputError as error:
            return [error]
        for sample in self.samples(identity, sequence):
            if sample not in samples:
                problem = f"names frame {stored.name}/{sequence}/{sample}, which does not exist"
                errors.append(InputError(self._dataset.root / "labels.json", problem, "remove its label"))
                continue
            try:
                stored.store.frames(stored.name, sequence, np.array([samples.index(sample)], np.int64))
            except InputError as error:
                errors.append(error)
        return list({str(error): error for error in errors}.values())

    def has_meshes(self, identity: int) -> bool:
        stored = self._dataset.stored[identity]
        return not isinstance(stored.store, PointStore) or stored.store.has_meshes(stored.name)

    def pools_folder(self, identity: int) -> Path:
        return self._folder(identity) / "pools"

    def _folder(self, identity: int) -> Path:
        return Path(os.path.normpath(self._dataset.folder(identity)))  # paths of sources go up and down

    def given_pools(self, identity: int) -> SdfPools | None:
        stored = self._dataset.stored[identity]
        return stored.store.pools(stored.name)

    def sigmas(self, identity: int) -> list[float]:
        stored = self._dataset.stored[identity]
        return stored.store.flow_sigmas(stored.name) if isinstance(stored.store, PointStore) else []

    def flow_points(self, identity: int, sequence: str, sample: str, sigma: float) -> NDArray[Any]:
        stored = self._dataset.stored[identity]
        assert isinstance(stored.store, PointStore)
        frame = stored.name, sequence, sample, sigma
        return stored.store.flow_points(*frame, stored.store.flow_point_count(*frame))


class FolderContent:
    """Content of a folder in this project's own layout; `check_files` makes one of the files that can be used."""

    def __init__(self, root: Path, labels: Labels) -> None:
        self.root = root
        self.names = tuple(name for _, name in labels.places)
        self.datasets = tuple(dataset for dataset, _ in labels.places)
        self._unlike: set[int] = set()
        self._samples: dict[tuple[int, str], list[str]] = {}
        for label in labels.frames:
            self._samples.setdefault((label.identity, label.sequence), []).append(label.sample)

    def drop(self, identity: int, sequence: str) -> None:
        """Leave out a sequence that cannot be read."""
        self._samples.pop((identity, sequence), None)

    def drop_canonical(self, identity: int) -> None:
        """Leave out a canonical mesh of another topology than its sequences."""
        self._unlike.add(identity)

    def keep(self, identity: int, sequence: str, samples: list[str]) -> None:
        """Keep only these of the labelled frames of a sequence."""
        self._samples[identity, sequence] = samples

    def faces_place(self, identity: int) -> Path:
        own = self.root / self.names[identity] / "faces.npy"
        return own if own.is_file() else self.root / "faces.npy"

    def place(self, identity: int, sequence: str | None) -> Path:
        return self.root / self.names[identity] / f"{sequence or 'canonical'}.npy"

    def faces(self, identity: int) -> NDArray[Any]:
        return open_array(self.faces_place(identity))

    def canonical(self, identity: int) -> NDArray[Any]:
        path = self.place(identity, None)
        if identity in self._unlike:
            raise InputError(path, "has another topology", EXPORT_AGAIN)
        return open_array(path)

    def sequences(self, identity: int) -> list[str]:
        return [sequence for owner, sequence in self._samples if owner == identity]

    def samples(self, identity: int, sequence: str) -> list[str]:
        return self._samples[identity, sequence]

    def frames(self, identity: int, sequence: str) -> NDArray[Any]:
        rows = [int(sample) for sample in self.samples(identity, sequence)]
        frames = open_array(self.place(identity, sequence))
        return frames if rows == list(range(len(frames))) else frames[rows]

    def unlabelled(self, identity: int, sequence: str) -> tuple[list[str], NDArray[Any]]:
        frames = open_array(self.place(identity, sequence))
        rows = sorted(set(range(len(frames))) - {int(sample) for sample in self.samples(identity, sequence)})
        return [f"{row:06d}" for row in rows], frames[rows]

    def broken_frames(self, identity: int, sequence: str) -> list[InputError]:
        return []

    def has_meshes(self, identity: int) -> bool:
        return True

    def pools_folder(self, identity: int) -> Path:
        return self.root / self.names[identity] / "pools"

    def given_pools(self, identity: int) -> SdfPools | None:
        return None

    def sigmas(self, identity: int) -> list[float]:
        return []

    def flow_points(self, identity: int, sequence: str, sample: str, sigma: float) -> NDArray[Any]:
        raise InputError(self.place(identity, sequence), "has no flow samples")  # this layout has meshes


def open_array(path: Path) -> NDArray[Any]:
    """`load_array` that says when a file is shorter than its header promises."""
    try:
        return load_array(path, EXPORT_AGAIN)
    except InputError as error:
        missing = _missing_bytes(path)
        if missing:
            raise InputError(path, f"is truncated, {missing} bytes are missing", EXPORT_AGAIN) from None
        raise error from None


def _missing_bytes(path: Path) -> int:
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            size = dtype.itemsize
            for length in shape:
                size *= int(length)
            return max(0, size - (path.stat().st_size - file.tell()))
    except Exception:  # headers fail in many ways
        return 0
