"""The files of a dataset in this project's own layout, checked by their headers, and its arrays as they are."""

import os
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.dataset.arrays import load_array
from engine.dataset.pools import SdfPools
from engine.dataset.registered import RegisteredDataset
from engine.dataset.verify_labels import Labels
from engine.errors import InputError

EXPORT_AGAIN = "copy or export it again"
_ROOT_FILES = {
    "dataset.json",
    "labels.json",
    "labels_tpose.json",
    "faces.npy",
    "import.json",
    "train_to_augmented.json",
}
_DERIVED = {"pools"}


class Content(Protocol):
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


class StoreContent:
    """Content of a view or of a foreign layout, as its stores give it."""

    def __init__(self, dataset: RegisteredDataset) -> None:
        self._dataset = dataset
        self.names = dataset.identities
        self.datasets = tuple(subject.dataset for subject in dataset.subjects)

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

    def broken_frames(self, identity: int, sequence: str) -> list[InputError]:
        subject = self._dataset.subjects[identity]
        errors = []
        try:
            samples = subject.store.samples(subject.name, sequence)
        except InputError as error:
            return [error]
        for sample in self.samples(identity, sequence):
            if sample not in samples:
                problem = f"names frame {subject.name}/{sequence}/{sample}, which does not exist"
                errors.append(InputError(self._dataset.root / "labels.json", problem, "remove its label"))
                continue
            try:
                subject.store.frames(subject.name, sequence, np.array([samples.index(sample)], np.int64))
            except InputError as error:
                errors.append(error)
        return list({str(error): error for error in errors}.values())

    def has_meshes(self, identity: int) -> bool:
        subject = self._dataset.subjects[identity]
        has_meshes = getattr(subject.store, "has_meshes", None)  # some foreign layouts can do without
        return has_meshes is None or bool(has_meshes(subject.name)) or self.given_pools(identity) is None

    def pools_folder(self, identity: int) -> Path:
        return self._folder(identity) / "pools"

    def _folder(self, identity: int) -> Path:
        return Path(os.path.normpath(self._dataset.folder(identity)))  # paths of sources go up and down

    def given_pools(self, identity: int) -> SdfPools | None:
        subject = self._dataset.subjects[identity]
        return subject.store.pools(subject.name)


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
        return _open_array(self.faces_place(identity))

    def canonical(self, identity: int) -> NDArray[Any]:
        path = self.place(identity, None)
        if identity in self._unlike:
            raise InputError(path, "is of another topology", EXPORT_AGAIN)
        return _open_array(path)

    def sequences(self, identity: int) -> list[str]:
        return [sequence for owner, sequence in self._samples if owner == identity]

    def samples(self, identity: int, sequence: str) -> list[str]:
        return self._samples[identity, sequence]

    def frames(self, identity: int, sequence: str) -> NDArray[Any]:
        rows = [int(sample) for sample in self.samples(identity, sequence)]
        frames = _open_array(self.place(identity, sequence))
        return frames if rows == list(range(len(frames))) else frames[rows]

    def broken_frames(self, identity: int, sequence: str) -> list[InputError]:
        return []

    def has_meshes(self, identity: int) -> bool:
        return True

    def pools_folder(self, identity: int) -> Path:
        return self.root / self.names[identity] / "pools"

    def given_pools(self, identity: int) -> SdfPools | None:
        return None


def check_files(root: Path, labels: Labels) -> tuple[FolderContent, list[InputError], list[str]]:
    """Check the files below ``root`` by name, header and labels.

    Returns:
        What can be read, the problems, and notes on files that nothing refers to.
    """
    content = FolderContent(root, labels)
    problems: list[InputError] = []
    notes: list[str] = []
    present = [identity for identity, name in enumerate(content.names) if (root / name).is_dir()]
    for identity, name in enumerate(content.names):
        if identity not in present:
            problems.append(InputError(root / name, "is missing, an identity of labels_tpose.json", EXPORT_AGAIN))
            for sequence in content.sequences(identity):
                content.drop(identity, sequence)
    wanted = _vertex_counts(content, present, problems)
    orphans = {
        identity: [
            path.stem
            for path in sorted((root / content.names[identity]).glob("*.npy"))
            if path.stem not in ("canonical", "faces", *content.sequences(identity))
        ]
        for identity in present
    }
    for identity in present:
        for sequence in content.sequences(identity):
            problem = _sequence_problem(content, identity, sequence, wanted.get(identity), orphans)
            if problem is not None:
                problems.append(problem)
            _check_samples(content, identity, sequence, problems, notes)
    for identity, sequences in orphans.items():
        for sequence in sequences:
            path = content.place(identity, sequence)
            try:
                empty = len(_open_array(path)) == 0
            except (InputError, TypeError):
                empty = False
            if empty:
                problems.append(InputError(path, "is an empty sequence, it has no frames", "remove it"))
            else:
                notes.append(f"{path}: no label names it")
    _look_for_strangers(root, set(content.names), problems, notes)
    return content, problems, notes


def _vertex_counts(content: FolderContent, present: list[int], problems: list[InputError]) -> dict[int, int]:
    """Number of vertices that the sequences of each identity must have; notes wrong faces and canonical meshes.

    Where identities share ``faces.npy``, most of the files decide.
    """
    shared = content.root / "faces.npy"
    votes: Counter[int] = Counter()
    sharing: list[int] = []
    counts: dict[int, int] = {}
    broken: set[Path] = set()
    for identity in present:
        place = content.faces_place(identity)
        if place == shared:
            sharing.append(identity)
        if place in broken:
            continue
        try:
            faces = _open_array(place)
            if faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0 or faces.dtype.kind not in "iu":
                raise InputError(place, f"must be (T, 3) integers, is {faces.shape} {faces.dtype}", EXPORT_AGAIN)
            if place == shared and not votes:
                votes[int(faces.max()) + 1] += 1
        except InputError as error:
            broken.add(place)
            problems.append(error)
    for identity in present:
        path = content.place(identity, None)
        try:
            vertices = _open_array(path)
            if vertices.ndim != 2 or vertices.shape[1] != 3 or len(vertices) == 0:
                raise InputError(path, f"must be (V, 3), is {vertices.shape}", EXPORT_AGAIN)
            counts[identity] = len(vertices)
            _check_type(path, vertices, problems)
        except InputError as error:
            problems.append(error)
        if identity in sharing:
            votes.update([counts[identity]] if identity in counts else [])
            for sequence in content.sequences(identity):
                try:
                    frames = _open_array(content.place(identity, sequence))
                    votes.update([frames.shape[1]] if frames.ndim == 3 else [])
                except InputError:
                    continue
    if votes:
        usual = votes.most_common(1)[0][0]
        for identity in sharing:
            if counts.get(identity, usual) != usual:
                problem = f"has {counts[identity]} vertices, the topology that it shares has {usual}"
                cure = "register it to the same topology, or give its identity a faces.npy of its own"
                problems.append(InputError(content.place(identity, None), problem, cure))
                content.drop_canonical(identity)
            counts[identity] = usual
    return counts


def _sequence_problem(
    content: FolderContent, identity: int, sequence: str, wanted: int | None, orphans: dict[int, list[str]]
) -> InputError | None:
    """What is wrong with the file of a labelled sequence; drops what cannot be used from ``content``."""
    path = content.place(identity, sequence)
    count = len(content.samples(identity, sequence))
    if not path.is_file():
        content.drop(identity, sequence)
        owner = next((other for other, names in orphans.items() if sequence in names), None)
        if owner is not None:
            orphans[owner].remove(sequence)
            problem = (
                f"{count} entries give {content.names[identity]} the sequence {sequence} of {content.names[owner]}"
            )
            return InputError(content.root / "labels.json", f"{problem}: swapped labels", "label the sequences again")
        return InputError(path, f"is missing ({count} labels name it)", EXPORT_AGAIN)
    try:
        frames = _open_array(path)
    except InputError as error:
        content.drop(identity, sequence)
        return error
    if frames.ndim != 3 or frames.shape[2] != 3 or (wanted is not None and frames.shape[1] != wanted):
        content.drop(identity, sequence)
        expected = f"(F, {wanted or 'V'}, 3) as the topology of its identity"
        return InputError(path, f"is {frames.shape}, must be {expected}", "register all frames to one topology")
    if len(frames) == 0:
        content.drop(identity, sequence)
        return InputError(path, "is an empty sequence, it has no frames", "remove it and its labels")
    problems: list[InputError] = []
    _check_type(path, frames, problems)
    return problems[0] if problems else None


def _check_samples(
    content: FolderContent, identity: int, sequence: str, problems: list[InputError], notes: list[str]
) -> None:
    if sequence not in content.sequences(identity):
        return
    samples = content.samples(identity, sequence)
    path = content.place(identity, sequence)
    total = len(_open_array(path))
    beyond = [sample for sample in samples if int(sample) >= total]
    short = [sample for sample in samples if sample != f"{int(sample):06d}"]
    labels, what = content.root / "labels.json", f"{content.names[identity]}/{sequence}"
    if beyond:
        problem = f"{len(beyond)} entries name frames of {what} beyond its {total}, such as {beyond[0]}"
        problems.append(InputError(labels, problem, "remove them"))
    if short:
        problem = f"{len(short)} entries of {what} have a sample_id that is not of six digits, such as {short[0]}"
        problems.append(InputError(labels, problem, f"write {int(short[0]):06d}"))
    kept = [sample for sample in samples if sample not in beyond]
    if kept:
        content.keep(identity, sequence, kept)
    else:
        content.drop(identity, sequence)
    if len(kept) < total and not beyond:
        notes.append(f"{path}: {total - len(kept)} of {total} frames have no label")


def _look_for_strangers(root: Path, names: set[str], problems: list[InputError], notes: list[str]) -> None:
    for path in sorted(root.iterdir()):
        if path.is_dir() and path.name not in names:
            if any(path.glob("*.npy")):
                problem = "is the folder of an unknown identity, labels_tpose.json does not name it"
                problems.append(InputError(path, problem, "add it to the labels or remove it"))
            else:
                notes.append(f"{path}: nothing refers to it")
        elif path.is_file() and path.name not in _ROOT_FILES:
            notes.append(f"{path}: nothing refers to it")
        elif path.is_dir():
            strange = [p for p in path.iterdir() if p.suffix != ".npy" and p.name not in _DERIVED]
            notes += [f"{p}: nothing refers to it" for p in sorted(strange)]


def _check_type(path: Path, array: NDArray[Any], problems: list[InputError]) -> None:
    if array.dtype not in (np.float16, np.float32):
        problems.append(InputError(path, f"is {array.dtype}, must be float16 or float32", "convert it"))


def _open_array(path: Path) -> NDArray[Any]:
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
    except (OSError, ValueError):
        return 0
