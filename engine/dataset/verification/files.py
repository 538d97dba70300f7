"""The files of a dataset in this project's own layout, checked by their names, headers and labels."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice
from engine.dataset.verification.content import EXPORT_AGAIN, FolderContent, open_array
from engine.dataset.verification.labels import Labels

_ROOT_FILES = {
    "dataset.json",
    "labels.json",
    "labels_tpose.json",
    "faces.npy",
    "import.json",
    "train_to_augmented.json",
}
_DERIVED = {"pools", "scans"}  # made from the canonical mesh; real scans beside the registered frames


def check_files(root: Path, labels: Labels) -> tuple[FolderContent, list[InputError], list[Notice]]:
    """Check the files below ``root`` by name, header and labels.

    Returns:
        What can be read, the problems, and notes on files and frames that nothing refers to.
    """
    content = FolderContent(root, labels)
    problems: list[InputError] = []
    notes: list[Notice] = []
    present = [identity for identity, name in enumerate(content.names) if (root / name).is_dir()]
    missing = [name for identity, name in enumerate(content.names) if identity not in present]
    for identity in set(range(len(content.names))) - set(present):
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
    for identity, sequence, owner in _misplaced(content, present, labels, problems):
        content.drop(identity, sequence)
        if sequence in orphans[owner]:
            orphans[owner].remove(sequence)
    for identity in present:
        for sequence in content.sequences(identity):
            problem = _sequence_problem(content, identity, sequence, wanted.get(identity))
            if problem is not None:
                problems.append(problem)
            _check_samples(content, identity, sequence, problems, notes)
    # where labels.json has a problem of its own, that is why labels are missing
    labels_are_sound = str(root / "labels.json") not in {problem.subject for problem in labels.problems}
    for identity, sequences in orphans.items():
        for sequence in sequences:
            path = content.place(identity, sequence)
            try:
                empty = len(open_array(path)) == 0
            except (InputError, TypeError):
                empty = False
            if empty:
                problems.append(InputError(path, "is an empty sequence, it has no frames", "remove it"))
            elif labels_are_sound:
                problems.append(InputError(path, "has frames that no label names", "label them or remove the file"))
            else:
                notes.append(Notice(f"{path}: no label names it"))
    _find_unlabelled_folders(root, set(content.names), missing, labels.unknown, problems, notes)
    return content, problems, notes


def _misplaced(
    content: FolderContent, present: list[int], labels: Labels, problems: list[InputError]
) -> list[tuple[int, str, int]]:
    """Identity and sequence of labels that must be those of another identity, and that one; noted once for a pair.

    The identity has no such file, the other has, and lacks labels of these frames.
    """
    found: list[tuple[int, str, int]] = []
    entries: Counter[frozenset[str]] = Counter()
    for identity in present:
        for sequence in content.sequences(identity):
            if content.place(identity, sequence).is_file():
                continue
            samples = content.samples(identity, sequence)
            for other in present:
                known = content.samples(other, sequence) if sequence in content.sequences(other) else []
                if content.place(other, sequence).is_file() and not set(samples) & set(known):
                    found.append((identity, sequence, other))
                    entries[frozenset((content.names[identity], content.names[other]))] += len(samples)
                    break
    for pair, count in entries.items():
        if pair not in labels.swapped:
            example = next(s for i, s, o in found if {content.names[i], content.names[o]} == pair)
            both = " and ".join(sorted(pair))
            problem = f"{count} entries give sequences of one of {both} to the other, such as {example}"
            problems.append(
                InputError(content.root / "labels.json", f"{problem}: swapped labels", "label the sequences again")
            )
    return found


def _vertex_counts(content: FolderContent, present: list[int], problems: list[InputError]) -> dict[int, int]:
    """Number of vertices that the sequences of each identity must have; notes wrong faces and canonical meshes.

    Where identities share ``faces.npy``, most of the files decide.
    """
    votes = _check_faces(content, present, problems)
    counts: dict[int, int] = {}
    sharing = [identity for identity in present if content.faces_place(identity) == content.root / "faces.npy"]
    for identity in present:
        count = _canonical_vertices(content, identity, problems)
        if count is not None:
            counts[identity] = count
        if identity in sharing:
            votes.update([] if count is None else [count])
            votes.update(_vertices_of_sequences(content, identity))
    if votes:
        usual = votes.most_common(1)[0][0]
        for identity in sharing:
            if counts.get(identity, usual) != usual:
                problem = f"has {counts[identity]} vertices, the topology that it shares has {usual}"
                fix = "register it to the same topology, or give its identity a faces.npy of its own"
                problems.append(InputError(content.place(identity, None), problem, fix))
                content.drop_canonical(identity)
            counts[identity] = usual
    return counts


def _check_faces(content: FolderContent, present: list[int], problems: list[InputError]) -> Counter[int]:
    """The number of vertices that the shared faces name, if there are some; notes wrong faces."""
    vertices: Counter[int] = Counter()
    for place in dict.fromkeys(content.faces_place(identity) for identity in present):
        try:
            faces = open_array(place)
            if faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0 or faces.dtype.kind not in "iu":
                raise InputError(place, f"must be (T, 3) integers, is {faces.shape} {faces.dtype}", EXPORT_AGAIN)
            if place == content.root / "faces.npy":
                vertices[int(faces.max()) + 1] += 1
        except InputError as error:
            problems.append(error)
    return vertices


def _canonical_vertices(content: FolderContent, identity: int, problems: list[InputError]) -> int | None:
    """Number of vertices of a canonical mesh; notes a wrong one."""
    path = content.place(identity, None)
    try:
        vertices = open_array(path)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or len(vertices) == 0:
            raise InputError(path, f"must be (V, 3), is {vertices.shape}", EXPORT_AGAIN)
    except InputError as error:
        problems.append(error)
        return None
    _check_type(path, vertices, problems)
    return len(vertices)


def _vertices_of_sequences(content: FolderContent, identity: int) -> list[int]:
    """Number of vertices of each sequence that can be read."""
    counts = []
    for sequence in content.sequences(identity):
        try:
            frames = open_array(content.place(identity, sequence))
        except InputError:
            continue
        counts += [frames.shape[1]] if frames.ndim == 3 else []
    return counts


def _sequence_problem(content: FolderContent, identity: int, sequence: str, wanted: int | None) -> InputError | None:
    """What is wrong with the file of a labelled sequence; drops what cannot be used from ``content``."""
    path = content.place(identity, sequence)
    count = len(content.samples(identity, sequence))
    if not path.is_file():
        content.drop(identity, sequence)
        return InputError(path, f"is missing ({count} labels name it)", EXPORT_AGAIN)
    try:
        frames = open_array(path)
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
    content: FolderContent, identity: int, sequence: str, problems: list[InputError], notes: list[Notice]
) -> None:
    if sequence not in content.sequences(identity):
        return
    samples = content.samples(identity, sequence)
    path = content.place(identity, sequence)
    total = len(open_array(path))
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
    late = [after for before, after in pairwise(kept) if int(after) < int(before)]
    if late:
        problem = f"entries of {what} are not in the order of its frames, such as {late[0]}: swapped labels"
        problems.append(InputError(labels, problem, "sort them"))
        kept.sort(key=int)
    if kept:
        content.keep(identity, sequence, kept)
    else:
        content.drop(identity, sequence)
    if len(kept) < total and not beyond:
        notes.append(Notice(f"{path}: {total - len(kept)} of {total} frames have no label"))


def _find_unlabelled_folders(
    root: Path,
    names: set[str],
    missing: list[str],
    unknown: frozenset[str],
    problems: list[InputError],
    notes: list[Notice],
) -> None:
    """Note folders that are ``missing`` and what nothing refers to; ``unknown`` identities are noted already."""
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    unlabelled = [path for path in folders if path.name not in names | unknown and any(path.glob("*.npy"))]
    if len(missing) == len(unlabelled) == 1:
        problem = f"is missing, but there is the folder of an unknown identity {unlabelled[0].name}"
        problems.append(InputError(root / missing[0], problem, "give that folder this name, if it is the one"))
    else:
        for name in missing:
            problems.append(InputError(root / name, "is missing, an identity of labels_tpose.json", EXPORT_AGAIN))
        for path in unlabelled:
            problem = "is the folder of an unknown identity, labels_tpose.json does not name it"
            problems.append(InputError(path, problem, "add it to the labels or remove it"))
    for path in sorted(root.iterdir()):
        if path.is_dir() and path.name not in names:
            if path not in unlabelled:
                notes.append(Notice(f"{path}: nothing refers to it"))
        elif path.is_file() and path.name not in _ROOT_FILES:
            notes.append(Notice(f"{path}: nothing refers to it"))
        elif path.is_dir():
            unused = [p for p in path.iterdir() if p.suffix != ".npy" and p.name not in _DERIVED]
            notes += [Notice(f"{p}: nothing refers to it") for p in sorted(unused)]


def _check_type(path: Path, array: NDArray[Any], problems: list[InputError]) -> None:
    if array.dtype not in (np.float16, np.float32):
        problems.append(InputError(path, f"is {array.dtype}, must be float16 or float32", "convert it"))
