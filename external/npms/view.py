"""A processed dataset folder of the published NPM code as a dataset of this project, without copying it: `write_view`.

The view has labels, and ``sources`` that say where the meshes and samples are (`engine.dataset.registered`).
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.core.errors import InputError, Setting, remedy
from engine.core.files import read_json, write_json
from engine.core.progress import Progress
from engine.dataset.normalisation import PRESETS
from engine.dataset.registered import CANONICAL_SEQUENCE, FORMAT
from engine.geometry.similarity import Similarity
from external.npms.sample_files import SampleLabel, as_entry, read_labels
from external.npms.tree import CANONICAL_SAMPLE, NpmsStore, find_datasets, find_split, identities_of

FRAME_RATE = 30.0
"""Hertz, for playing; the layout does not say it."""

_COMMAND = "dataset npms"
_CATEGORIES = {"mano": "human hands", "smal": "animals"}


@dataclass(frozen=True)
class ViewSummary:
    """What a view refers to."""

    datasets: tuple[str, ...]
    identities: int
    frames: int
    without_meshes: int
    """Identities that have samples alone."""


def write_view(
    root: Path, out: Path, split: str | None = None, datasets: Sequence[str] = (), progress: Progress | None = None
) -> ViewSummary:
    """Write a view of the processed datasets in ``root`` to ``out``; what was derived below ``out`` before is kept.

    Args:
        root: folder of one dataset, or of several.
        split: name or folder of label files; without it, everything that is there is labelled.
        datasets: names of those to take; all if empty.

    Raises:
        InputError: there is nothing to take, labels name what does not exist, or ``out`` holds something else.
    """
    progress = progress or Progress()
    _check_out(out)
    found = find_datasets(root)
    unknown = [name for name in datasets if name not in found]
    if unknown:
        raise InputError(f"{root}: dataset {unknown[0]}", "does not exist", f"there is {', '.join(found)}")
    stores = {
        name: NpmsStore(path, out / "derived" / name)
        for name, path in found.items()
        if name in datasets or not datasets
    }
    if split is None:
        tposes, frames = _everything(stores)
    else:
        folder = find_split(root, split)
        tposes, frames = _labels_of(folder, stores, everything=not datasets)
        _check_exist(folder, stores, tposes, frames)
    if not tposes:
        raise InputError(
            root, "has no identity left", remedy("choose another {} or {}", Setting.SPLIT, Setting.DATASET)
        )
    frames.sort(key=lambda label: label.identity_id)  # those of an identity keep their order
    unique = list(dict.fromkeys(frames))
    if len(unique) < len(frames):
        progress.message(f"{len(frames) - len(unique)} frames are labelled twice; each is used once")
    used = tuple(dict.fromkeys(label.dataset for label in tposes if label.dataset is not None))
    description = {
        "format": FORMAT,
        "format_version": 1,
        "name": (Path(split).name if split else None) or "+".join(used),
        "class": " AND ".join(dict.fromkeys(_category(name) for name in used)),
        "licence": "as the source: see " + ", ".join(str(stores[name].path) for name in used),
        **_similarities(tposes, stores, progress),
        "frame_rate": FRAME_RATE,
        "sources": {
            name: {"layout": "npms", "path": Path(os.path.relpath(stores[name].path, out.resolve())).as_posix()}
            for name in used
        },
        "recipe": {"command": _COMMAND, "split": split, "datasets": list(used)},
    }
    write_json(out / "labels_tpose.json", [as_entry(label) for label in tposes])
    write_json(out / "labels.json", [as_entry(label) for label in unique])
    write_json(out / "dataset.json", description)
    without = sum(not stores[label.dataset].has_meshes(label.identity) for label in tposes if label.dataset)
    return ViewSummary(used, len(tposes), len(unique), without)


def _everything(stores: Mapping[str, NpmsStore]) -> tuple[list[SampleLabel], list[SampleLabel]]:
    """Labels of all canonical samples, and of all frames."""
    tposes: list[SampleLabel] = []
    frames: list[SampleLabel] = []
    for dataset, store in stores.items():
        for identity in identities_of(store.path):
            index = len(tposes)
            tposes.append(SampleLabel(dataset, index, identity, CANONICAL_SEQUENCE, CANONICAL_SAMPLE))
            for sequence in store.sequences(identity):
                frames += [
                    SampleLabel(dataset, index, identity, sequence, sample)
                    for sample in store.samples(identity, sequence)
                ]
    return tposes, frames


def _labels_of(
    folder: Path, stores: Mapping[str, NpmsStore], everything: bool
) -> tuple[list[SampleLabel], list[SampleLabel]]:
    """Labels of a split that are of the chosen datasets; identities are numbered again, in the order of the split.

    Args:
        everything: refuse labels of datasets that are not in ``stores``, instead of leaving them out.
    """
    tposes = _with_dataset(folder / "labels_tpose.json", stores, everything)
    frames = _with_dataset(folder / "labels.json", stores, everything)
    kept: list[SampleLabel] = []
    index_of: dict[int, int] = {}
    for position, label in enumerate(tposes):
        if label.identity_id != position:
            problem = f"has identity_id {label.identity_id} in place {position}"
            raise InputError(folder / "labels_tpose.json", problem, "its entries must be in the order of identity_id")
        if label.dataset in stores:
            index_of[position] = len(kept)
            kept.append(replace(label, identity_id=len(kept)))
    for label in frames:
        owner = tposes[label.identity_id] if 0 <= label.identity_id < len(tposes) else None
        if owner is None or (owner.dataset, owner.identity) != (label.dataset, label.identity):
            problem = f"has identity {label.identity} with identity_id {label.identity_id}, labels_tpose.json has not"
            raise InputError(folder / "labels.json", problem, "make the split again")
    return kept, [replace(at, identity_id=index_of[at.identity_id]) for at in frames if at.dataset in stores]


def _with_dataset(path: Path, stores: Mapping[str, NpmsStore], everything: bool) -> list[SampleLabel]:
    """Labels of ``path`` with the name of a dataset in each."""
    labels = read_labels(path)
    if any(label.dataset is None for label in labels) and len(stores) > 1:
        problem = "does not say which dataset its frames are of"
        raise InputError(path, problem, remedy("choose one with {}: {}", Setting.DATASET, ", ".join(stores)))
    only = next(iter(stores))
    filled = [replace(label, dataset=label.dataset or only) for label in labels]
    absent = next((label.dataset for label in filled if label.dataset not in stores), None)
    if everything and absent is not None:
        problem = f"names dataset {absent}, which is not there"
        raise InputError(path, problem, remedy("choose what is there with {}: {}", Setting.DATASET, ", ".join(stores)))
    return filled


def _check_exist(
    folder: Path, stores: Mapping[str, NpmsStore], tposes: Sequence[SampleLabel], frames: Sequence[SampleLabel]
) -> None:
    for name, labels in (("labels_tpose.json", tposes), ("labels.json", frames)):
        missing = []
        for label in labels:
            store = stores[str(label.dataset)]
            known = (store.path / label.identity / label.sequence).is_dir()
            if not known or label.sample not in store.samples(label.identity, label.sequence):
                missing.append(f"{label.dataset}/{label.identity}/{label.sequence}/{label.sample}")
        if missing:
            rest = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            problem = f"names {missing[0]}{rest}, which does not exist"
            raise InputError(folder / name, problem, "check that the dataset is complete")


def _similarities(tposes: Sequence[SampleLabel], stores: Mapping[str, NpmsStore], progress: Progress) -> dict[str, Any]:
    """What dataset.json says about the place of the canonical cube in the world."""
    names = dict.fromkeys(str(label.dataset) for label in tposes)
    of_dataset = {name: _similarity(stores[name], progress) for name in names}
    first = of_dataset[str(tposes[0].dataset)]
    own: dict[str, Similarity] = {}
    for label in tposes:
        similarity = of_dataset[str(label.dataset)]
        if own.setdefault(label.identity, similarity) != similarity:
            problem = "is an identity of two datasets that are normalised differently"
            raise InputError(
                label.identity, problem, remedy("make a view of each with {} and merge them", Setting.DATASET)
            )
    result: dict[str, Any] = {"similarity": first.as_dict()}
    if any(similarity != first for similarity in own.values()):
        result["similarities"] = {identity: similarity.as_dict() for identity, similarity in own.items()}
    return result


def _similarity(store: NpmsStore, progress: Progress) -> Similarity:
    """How a dataset was normalised: by its own ``bbox.json``, MANO's constants, or those of CAPE."""
    path = store.path / "bbox.json"
    if path.is_file():
        corners = read_json(path)
        try:
            low, high = ([float(corner[axis]) for axis in range(3)] for corner in (corners[0], corners[1]))
        except (TypeError, KeyError, IndexError, ValueError):
            raise InputError(path, "must be [[x, y, z], [x, y, z]]", "remove it or write it again") from None
        centre = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
        side = high[0] - low[0]
        return Similarity.from_dict({"scale": 1 / side if side > 0 else 0.0, "centre": centre}, path)
    preset = "mano" if "mano" in store.path.name.lower() else "cape"
    if preset not in store.path.name.lower():
        progress.message(f"{store.path} does not say its scale; the scale of CAPE is used (see dataset.json)")
    return PRESETS[preset]


def _category(dataset: str) -> str:
    return next((category for key, category in _CATEGORIES.items() if key in dataset.lower()), "human bodies")


def _check_out(out: Path) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    recipe: Any = None
    if (out / "dataset.json").is_file():
        description = read_json(out / "dataset.json")
        recipe = description.get("recipe") if isinstance(description, dict) else None
    if not isinstance(recipe, dict) or recipe.get("command") != _COMMAND:
        raise InputError(out, "exists and is not a view of a processed dataset", "name another folder")
