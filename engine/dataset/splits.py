"""Splits: choosing identities and frames of datasets, and writing the choice as a view.

A split has labels in the schema of the published NPM code and no arrays: ``sources`` in its ``dataset.json`` say where
those are, by relative path (see `engine.dataset.registered`). Everything that takes a dataset takes a split.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Notice, Setting, Task, remedy
from engine.core.files import read_json, replacing_folder, write_json
from engine.core.progress import Progress
from engine.dataset.registered import CANONICAL_SEQUENCE, FORMAT, RegisteredDataset
from engine.models.labels import ModelInfo

MAPPING_FILE = "train_to_augmented.json"
"""Name that the published NPM code gives to the rows of the shape space that a split's identities have."""

_SPLIT_FILES = {"dataset.json", "labels.json", "labels_tpose.json", MAPPING_FILE}
_COMMAND = "split"


@dataclass(frozen=True)
class Selection:
    """Identities and frames of one dataset."""

    dataset: RegisteredDataset
    identities: tuple[int, ...]
    """Indices of identities, in the order of the dataset."""
    frames: tuple[int, ...]
    """Rows of ``dataset.labels``, in label order."""


def select(
    dataset: RegisteredDataset,
    identities: Sequence[str] = (),
    exclude: Sequence[str] = (),
    sequences: Sequence[str] = (),
) -> Selection:
    """Identities and sequences by name.

    Names are shell patterns (``*`` and ``?``); an identity may be given as ``dataset/name``. No pattern means all.
    When sequences are chosen, identities without any of them are left out.

    Raises:
        InputError: a pattern names nothing, or nothing is left.
    """
    chosen = find_identities(dataset, identities) if identities else set(range(len(dataset.identities)))
    chosen -= find_identities(dataset, exclude)
    named = _find_sequences(dataset, sequences) if sequences else None
    selection = _part(dataset, chosen, lambda name: named is None or name in named, keep_unlabelled=named is None)
    if not selection.identities:
        raise InputError(dataset.root, "has nothing left after this choice", "choose more identities or sequences")
    return selection


def subsample(selection: Selection, frames: int, seed: int) -> Selection:
    """About ``frames`` random frames: ``ceil(frames / identities)`` of each identity, or all that it has.

    Label order is kept. Each identity has random numbers of its own, by its place in the dataset.

    Raises:
        InputError: ``frames`` is not positive.
    """
    if frames < 1:
        raise InputError(Choice(Setting.FRAMES, str(frames)), "must be at least 1")
    labels = selection.dataset.labels
    per_identity = -(-frames // len(selection.identities))
    kept: list[int] = []
    for identity in selection.identities:
        rows = np.array([row for row in selection.frames if labels[row].identity == identity], np.int64)
        random = np.random.default_rng([seed, identity])
        kept += random.choice(rows, min(per_identity, len(rows)), replace=False).tolist() if len(rows) else []
    return Selection(selection.dataset, selection.identities, tuple(sorted(kept)))


def hold_out(
    dataset: RegisteredDataset, identities: Sequence[str] | int, motions: Sequence[str], seed: int
) -> dict[str, Selection]:
    """Disjoint ``train``, ``test_identities``, ``test_motions`` and ``test_both`` (unseen in both), less empty ones.

    Args:
        identities: patterns of those to hold out, or how many to draw at random.
        motions: patterns of sequences to hold out.

    Raises:
        InputError: nothing is held out, a pattern names nothing, or nothing is left to train on.
    """
    unseen = _draw(dataset, identities, seed) if isinstance(identities, int) else find_identities(dataset, identities)
    unseen_motions = _find_sequences(dataset, motions)
    if not unseen and not unseen_motions:
        fix = remedy("give {}, {} or both", Setting.HELD_OUT_IDENTITIES, Setting.HELD_OUT_MOTIONS)
        raise InputError(dataset.root, "nothing is held out", fix)
    seen = set(range(len(dataset.identities))) - unseen
    parts = {
        "train": _part(dataset, seen, lambda name: name not in unseen_motions),
        "test_identities": _part(dataset, unseen, lambda name: name not in unseen_motions),
        "test_motions": _part(dataset, seen, lambda name: name in unseen_motions, keep_unlabelled=False),
        "test_both": _part(dataset, unseen, lambda name: name in unseen_motions, keep_unlabelled=False),
    }
    if not parts["train"].identities:
        raise InputError(dataset.root, "has nothing left to train on", "hold out less")
    return {name: part for name, part in parts.items() if part.identities}


def encoder_split(dataset: RegisteredDataset, fraction: float, seed: int) -> dict[str, Selection]:
    """``train`` and ``validation`` without common identities; ``fraction`` of the identities, one at least, validates.

    Raises:
        InputError: the fraction is not between 0 and 1, or there is only one identity.
    """
    if not 0 < fraction < 1:
        raise InputError(Choice(Setting.VALIDATION, f"{fraction:g}"), "must be between 0 and 1")
    held = _draw(dataset, max(1, round(fraction * len(dataset.identities))), seed)
    rest = set(range(len(dataset.identities))) - held
    return {
        "train": _part(dataset, rest, lambda name: True),
        "validation": _part(dataset, held, lambda name: True),
    }


def shape_rows(dataset: RegisteredDataset, info: ModelInfo) -> NDArray[np.int64]:
    """Row (I,) of the model's shape codes that each identity of ``dataset`` has.

    Identities are matched by dataset and name, never by position. A model that does not know its datasets is matched
    by name alone.

    Raises:
        InputError: the model lacks identities (all are listed), or a name alone does not say which one is meant.
    """
    known: list[tuple[str, str]]
    if info.identity_datasets:
        known = list(zip(info.identity_datasets, info.identities, strict=True))
        wanted = [(stored.dataset, stored.name) for stored in dataset.stored]
    else:
        known = [("", name) for name in info.identities]
        wanted = [("", name) for name in dataset.identities]
    missing = [_joined(key) for key in wanted if key not in set(known)]
    if missing:
        problem = f"has no shape of {len(missing)} identities of {dataset.root}: {', '.join(missing)}"
        fix = remedy("train their shapes first, or leave them out: {}", Task.SELECT)
        raise InputError(f"model {info.name}", problem, fix)
    in_model, in_data = Counter(known), Counter(wanted)
    unclear = [_joined(key) for key in in_data if in_model[key] > 1 or in_data[key] > 1]
    if unclear:
        problem = f"does not say which identity of {dataset.root} is meant by {', '.join(unclear)}"
        raise InputError(f"model {info.name}", problem, "train the shape stage again, which notes the datasets")
    row_of = {key: row for row, key in enumerate(known)}
    return np.array([row_of[key] for key in wanted], np.int64)


def write_splits(
    out: Path, parts: Mapping[str, Sequence[Selection]], recipe: Mapping[str, Any], progress: Progress | None = None
) -> None:
    """Write views of ``parts`` below ``out``: in the folder of each name, or in ``out`` itself for the name ``""``.

    Several selections of one part are merged: identities are renumbered in order of appearance and are the same only
    if they are the same on disk. Datasets that share a name get a number behind it. A split that is there is replaced.

    Args:
        recipe: how the split was made: ``command`` (``split ...``) and its choices.

    Raises:
        InputError: ``out`` is something else than a split, or a dataset that is read lies in it.
    """
    assert str(recipe["command"]).startswith(_COMMAND)
    progress = progress or Progress()
    _check_out(out, [selection.dataset.root for selections in parts.values() for selection in selections])
    with replacing_folder(out) as folder:
        for name, selections in parts.items():
            (folder / name).mkdir(exist_ok=True)
            final = _real(out) / name
            title = f"{final.parent.name}-{name}" if name else final.name
            _write_view(folder / name, final, title, selections, recipe, progress)


def _write_view(
    folder: Path,
    final: Path,
    title: str,
    selections: Sequence[Selection],
    recipe: Mapping[str, Any],
    progress: Progress,
) -> None:
    """Write the files of one view to ``folder``, with paths as seen from ``final``, where it will be."""
    sources: dict[tuple[str, str], str] = {}  # of a place, the name that its dataset has in the view
    index_of: dict[str, int] = {}  # of the folder of an identity
    tposes: list[dict[str, Any]] = []
    labels: dict[tuple[int, str, str], dict[str, Any]] = {}
    for selection in selections:
        dataset = selection.dataset
        mine: dict[int, int] = {}
        for identity in selection.identities:
            place = os.path.realpath(dataset.folder(identity))
            if place not in index_of:
                index_of[place] = len(tposes)
                name = _name_source(sources, dataset, identity, progress)
                tposes.append(_label(name, len(tposes), dataset.identities[identity], CANONICAL_SEQUENCE, "000000"))
            mine[identity] = index_of[place]
        for row in selection.frames:
            frame = dataset.labels[row]
            index = mine[frame.identity]
            tpose = tposes[index]
            labels.setdefault(
                (index, frame.sequence, frame.sample),
                _label(tpose["dataset"], index, tpose["identity_name"], frame.sequence, frame.sample),
            )
    ordered = list(labels.values())
    if len(selections) > 1:  # frames that a later selection adds to an identity go to its others
        ordered.sort(key=lambda entry: int(entry["identity_id"]))
    first = selections[0].dataset
    if len({selection.dataset.frame_rate for selection in selections}) > 1:
        progress.message(f"frame rates differ; {title} takes that of {first.root}: {first.frame_rate:g}")
    if len({selection.dataset.similarity for selection in selections}) > 1:
        text = f"normalisations differ; a model of {title} takes that of {first.root} for all"
        progress.notice(
            Notice(text, remedy("{} with {}", Task.NORMALISE, Choice(Setting.NORMALISATION, str(first.root))))
        )
    write_json(folder / "labels_tpose.json", tposes)
    write_json(folder / "labels.json", ordered)
    description = {
        "format": FORMAT,
        "format_version": 1,
        "name": title,
        "class": _joined_unique(s.dataset.category for s in selections),
        "licence": _joined_unique(s.dataset.licence for s in selections),
        "similarity": first.similarity.as_dict(),
        "frame_rate": first.frame_rate,
        "sources": {
            name: {"layout": "registered", "path": Path(os.path.relpath(path, final)).as_posix()}
            for (path, _), name in sources.items()
        },
        "recipe": {**recipe, "of": _origins(selections)},
    }
    write_json(folder / "dataset.json", description)


def _origins(selections: Sequence[Selection]) -> dict[str, Any]:
    """How the datasets of a view were made, by their names; cards of models say it."""
    origins: dict[str, Any] = {}
    for dataset in (selection.dataset for selection in selections):
        recipe = dataset.description.get("recipe", {})
        origins |= recipe["of"] if dataset.sources and "of" in recipe else {dataset.name: recipe}
    return origins


def _label(dataset: str, identity: int, name: str, sequence: str, sample: str) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "identity_id": identity,
        "identity_name": name,
        "animation_name": sequence,
        "sample_id": sample,
    }


def _name_source(
    sources: dict[tuple[str, str], str], dataset: RegisteredDataset, identity: int, progress: Progress
) -> str:
    """Name in the view of the dataset that an identity is from; enters it into ``sources`` when it is new.

    A split of a split points to the dataset itself. A foreign tree is read through the view that describes it, which
    knows its similarity and has the pools made for it.
    """
    wanted = dataset.stored[identity].dataset
    source = dataset.sources.get(wanted)
    if source is None:
        key = os.path.realpath(dataset.root), ""
    elif source.layout == "registered":
        key = os.path.realpath(source.path), ""
    else:
        key = os.path.realpath(dataset.root), wanted
    if key not in sources:
        name, number = wanted, 1
        while name in sources.values():
            number += 1
            name = f"{wanted}-{number}"
        if name != wanted and key[1] and len(set(dataset.identities)) < len(dataset.identities):
            problem = f"has another dataset called {wanted}, and identities of one name in several datasets"
            raise InputError(dataset.root, problem, "give the dataset another name when importing it")
        if name != wanted:
            progress.message(f"another dataset is called {wanted} too; that in {key[0]} is called {name} here")
        sources[key] = name
    return sources[key]


def find_identities(dataset: RegisteredDataset, patterns: Sequence[str]) -> set[int]:
    """Indices of the identities whose ``name`` or ``dataset/name`` matches one of ``patterns``.

    Raises:
        InputError: a pattern matches none.
    """
    found: set[int] = set()
    for pattern in patterns:
        matches = {
            index
            for index, stored in enumerate(dataset.stored)
            if fnmatchcase(stored.name, pattern) or fnmatchcase(f"{stored.dataset}/{stored.name}", pattern)
        }
        if not matches:
            raise InputError(f"{dataset.root}: identity {pattern}", "does not exist", _known(dataset.identities))
        found |= matches
    return found


def _find_sequences(dataset: RegisteredDataset, patterns: Sequence[str]) -> set[str]:
    names = list(dict.fromkeys(label.sequence for label in dataset.labels))
    found: set[str] = set()
    for pattern in patterns:
        matches = {name for name in names if fnmatchcase(name, pattern)}
        if not matches:
            raise InputError(f"{dataset.root}: sequence {pattern}", "does not exist", _known(names))
        found |= matches
    return found


def _draw(dataset: RegisteredDataset, count: int, seed: int) -> set[int]:
    total = len(dataset.identities)
    if not 0 <= count < total:
        raise InputError(dataset.root, f"cannot hold out {count} of {total} identities", "hold out fewer")
    return set(np.random.default_rng(seed).permutation(total)[:count].tolist())


def _part(
    dataset: RegisteredDataset, identities: set[int], wanted: Callable[[str], bool], keep_unlabelled: bool = True
) -> Selection:
    """Frames of ``identities`` in ``wanted`` sequences, and those identities that have any.

    ``keep_unlabelled``: also identities that have no frames in the dataset at all (their shape can be learned).
    """
    rows = tuple(
        row for row, label in enumerate(dataset.labels) if label.identity in identities and wanted(label.sequence)
    )
    kept = {dataset.labels[row].identity for row in rows}
    if keep_unlabelled:
        kept |= identities - {label.identity for label in dataset.labels}
    return Selection(dataset, tuple(sorted(kept)), rows)


def _check_out(out: Path, read: Sequence[Path]) -> None:
    place = _real(out)
    if any(Path(os.path.realpath(root)).is_relative_to(place) for root in read):
        raise InputError(out, "holds the dataset that is to be split", "name another folder")
    if out.exists() and not _is_split(out):
        children = list(out.iterdir()) if out.is_dir() else [out]
        if not all(_is_split(child) for child in children):
            raise InputError(out, "exists and is not a split", "name another folder or remove it")


def _real(out: Path) -> Path:
    """Where ``out`` will be once a link of that name is replaced by a folder."""
    absolute = Path(os.path.abspath(out))
    return Path(os.path.realpath(absolute.parent)) / absolute.name


def _is_split(folder: Path) -> bool:
    """Whether a folder holds a split as written by `write_splits` and nothing else."""
    if not (folder / "dataset.json").is_file() or any(path.name not in _SPLIT_FILES for path in folder.iterdir()):
        return False
    try:
        description = read_json(folder / "dataset.json")
        return bool(description["sources"]) and str(description["recipe"]["command"]).startswith(_COMMAND)
    except (InputError, KeyError, TypeError):
        return False


def _known(names: Sequence[str]) -> str:
    return f"it has {', '.join(names[:8])}" + (", ..." if len(names) > 8 else "")


def _joined(key: tuple[str, str]) -> str:
    return "/".join(part for part in key if part)


def _joined_unique(values: Iterable[str]) -> str:
    return " AND ".join(dict.fromkeys(values))
