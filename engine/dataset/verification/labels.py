"""Reading ``dataset.json`` and the label files of a dataset that may be wrong, noting every problem on the way."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.core.errors import InputError, Remedy, Task, remedy
from engine.core.files import check_name, read_json
from engine.dataset.arrays import MAKE_AGAIN
from engine.dataset.registered import CANONICAL_SEQUENCE
from engine.geometry.similarity import Similarity
from engine.models.labels import FrameLabel

_KEYS = ("dataset", "identity_id", "identity_name", "animation_name", "sample_id")
_RELABEL = remedy("make the labels again: {} or {}", Task.MAKE_DATASET, Task.SPLIT)


@dataclass(frozen=True)
class Labels:
    """What the three JSON files of a dataset say, as far as it can be used."""

    description: Mapping[str, Any]
    places: tuple[tuple[str, str], ...]
    """Dataset and name of each identity."""
    frames: tuple[FrameLabel, ...]
    """Labels of which the identity is clear."""
    problems: tuple[InputError, ...]
    swapped: frozenset[frozenset[str]] = frozenset()
    """Pairs of identities of which the labels are noted as swapped."""
    unknown: frozenset[str] = frozenset()
    """Names of identities that only frames have, as noted."""

    @property
    def is_view(self) -> bool:
        return bool(self.description.get("sources"))


def read_labels(root: Path) -> Labels:
    """Read the description and the labels of the dataset in ``root``; nothing but a missing folder stops it.

    Raises:
        InputError: ``root`` has none of the files.
    """
    files = [root / name for name in ("dataset.json", "labels_tpose.json", "labels.json")]
    if not any(path.is_file() for path in files):
        raise InputError(root, "is not a registered dataset: it has no dataset.json", MAKE_AGAIN)
    problems: list[InputError] = []
    description = _read_description(files[0], problems)
    tposes = _read_entries(files[1], problems)
    entries = _read_entries(files[2], problems)
    if tposes is None:  # go on with the identities that the frames name
        named = {(e["dataset"], e["identity_id"], e["identity_name"]) for _, e in entries or []}
        places = [(dataset, name) for dataset, _, name in sorted(named, key=lambda each: each[1])]
    else:
        places = _read_places(files[1], tposes, problems)
    name = description.get("name")
    if not description.get("sources") and name is not None:
        for path, rows in ((files[1], tposes), (files[2], entries)):
            others = [e["dataset"] for _, e in rows or [] if e["dataset"] != name]
            if others:
                problem = f"{len(others)} entries are of dataset {others[0]!r}, dataset.json says {name!r}"
                problems.append(InputError(path, problem, "make them the same"))
    absent: set[str] = set()
    if not description.get("sources"):
        _restore_names(files[1], entries or [], places, problems)
        absent = {name for _, name in places if not (root / name).is_dir()}  # noted with the files
    frames, swapped, unknown = _read_frames(files[2], entries or [], places, absent, problems)
    return Labels(description, tuple(places), frames, tuple(problems), swapped, unknown)


def _read_description(path: Path, problems: list[InputError]) -> Mapping[str, Any]:
    try:
        description = read_json(path, MAKE_AGAIN)
    except InputError as error:
        problems.append(error)
        return {}
    if not isinstance(description, dict):
        problems.append(InputError(path, "must be a JSON object", MAKE_AGAIN))
        return {}
    missing = [key for key in ("name", "class", "licence", "frame_rate", "similarity") if key not in description]
    if missing:
        problems.append(InputError(path, f"lacks {', '.join(missing)}", "add what is missing"))
    if "frame_rate" in description:
        rate = description["frame_rate"]
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not (math.isfinite(rate) and rate > 0):
            problems.append(
                InputError(path, f"has the frame rate {rate!r}", "write frames per second, a positive number")
            )
    own = description.get("similarities", {})
    if not isinstance(own, dict):
        problems.append(InputError(path, "similarities must be an object by identity", _RELABEL))
        own = {}
    for value in ([description["similarity"]] if "similarity" in description else []) + list(own.values()):
        try:
            Similarity.from_dict(value, path)
        except InputError as error:
            problems.append(error)
    return description


def _read_entries(path: Path, problems: list[InputError]) -> list[tuple[int, dict[str, Any]]] | None:
    """Position and content of the entries that have all five keys in the right type; None if there is no list."""
    try:
        value = read_json(path, _RELABEL)
    except InputError as error:
        problems.append(error)
        return None
    if not isinstance(value, list):
        problems.append(InputError(path, "must be a JSON list", _RELABEL))
        return None
    note = _Grouped(path, problems)
    entries = []
    for row, entry in enumerate(value):
        if not isinstance(entry, dict) or any(key not in entry for key in _KEYS):
            note(row, f"lacks one of {', '.join(_KEYS)}", _RELABEL)
            continue
        if not isinstance(entry["identity_id"], int) or isinstance(entry["identity_id"], bool):
            note(row, "has an identity_id that is not a whole number", _RELABEL)
            continue
        try:
            for key in _KEYS:
                if key != "identity_id":
                    check_name(entry[key] if isinstance(entry[key], str) else "", path)
        except InputError:
            note(row, f"has a {key} that is not a plain name: {entry[key]!r}", _RELABEL)
            continue
        entries.append((row, entry))
    note.flush()
    return entries


def _read_places(
    path: Path, tposes: list[tuple[int, dict[str, Any]]], problems: list[InputError]
) -> list[tuple[str, str]]:
    note = _Grouped(path, problems)
    if not tposes and not problems:
        problems.append(InputError(path, "names no identities", _RELABEL))
    seen: set[tuple[str, str]] = set()
    for row, entry in tposes:
        place = entry["dataset"], entry["identity_name"]
        if entry["identity_id"] != row:
            note(
                row,
                "has an identity_id that is not its position: swapped labels",
                "number the identities 0, 1, 2, ... in order",
            )
        if entry["animation_name"] != CANONICAL_SEQUENCE:
            note(row, f"has another animation_name than {CANONICAL_SEQUENCE}", f"write {CANONICAL_SEQUENCE}")
        if place in seen:
            note(row, f"names identity {place[1]} again", "remove it")
        seen.add(place)
    note.flush()
    if sorted(entry["identity_id"] for _, entry in tposes) == list(range(len(tposes))):
        tposes = sorted(tposes, key=lambda each: each[1]["identity_id"])  # in the wrong order at most
    return [(entry["dataset"], entry["identity_name"]) for _, entry in tposes]


def _restore_names(
    path: Path, entries: list[tuple[int, dict[str, Any]]], places: list[tuple[str, str]], problems: list[InputError]
) -> None:
    """Note identities without a folder whose frames and folder have another name, and go on with that."""
    for index, (dataset, name) in enumerate(places):
        named = {entry["identity_name"] for _, entry in entries if entry["identity_id"] == index}
        if (path.parent / name).is_dir() or len(named) != 1:
            continue
        other = named.pop()
        if (path.parent / other).is_dir() and other not in {known for _, known in places}:
            problem = f"entry {index} names the unknown identity {name}, its folder and labels.json say {other}"
            problems.append(InputError(path, problem, "make them the same"))
            places[index] = dataset, other


def _read_frames(
    path: Path,
    entries: list[tuple[int, dict[str, Any]]],
    places: list[tuple[str, str]],
    absent: set[str],
    problems: list[InputError],
) -> tuple[tuple[FrameLabel, ...], frozenset[frozenset[str]], frozenset[str]]:
    """Labels of known identities, the identity being the one that is named; wrong and double ones are noted.

    Args:
        absent: identities that are missing altogether

    Returns:
        The labels, and what `Labels` says of ``swapped`` and ``unknown`` identities.
    """
    note = _Grouped(path, problems)
    mixed: dict[tuple[str, str], list[int]] = {}  # of the names by number and by name, the rows
    unknown: set[str] = set()
    by_name: dict[str, list[int]] = {}
    for index, (_, name) in enumerate(places):
        by_name.setdefault(name, []).append(index)
    meant: set[int] = set()
    frames: dict[FrameLabel, None] = {}
    for row, entry in entries:
        index, name = entry["identity_id"], entry["identity_name"]
        known = 0 <= index < len(places)
        if name not in by_name:
            note(row, f"names the unknown identity {name}", "use the names in labels_tpose.json")
            unknown.add(name)
            meant |= {index} if known else set()
            continue
        meant.update(by_name[name])
        if not known:
            note(row, f"has the unknown identity_id {index} for {name}", f"use 0 to {len(places) - 1}")
            continue
        if places[index][1] != name:
            mixed.setdefault((places[index][1], name), []).append(row)
            index = by_name[name][0]
        elif places[index][0] != entry["dataset"]:
            note(row, f"is of dataset {entry['dataset']}, its identity of {places[index][0]}", _RELABEL)
        sample = entry["sample_id"]
        if not (sample.isascii() and sample.isdecimal() and len(sample) < 10):
            note(row, f"has a sample_id that is not a number, as {sample!r} of {name}", "use digits, such as 000007")
            continue
        frame = FrameLabel(index, entry["animation_name"], sample)
        if frame in frames:
            note(row, f"labels frame {name}/{frame} a second time", "remove it")
        frames[frame] = None
    note.flush()
    problems += _swapped_labels(path, mixed)
    if entries:
        for index, (_, name) in enumerate(places):
            if index not in meant and name not in absent:
                problem = f"labels no frames of identity {name}"
                problems.append(InputError(path, problem, "label its frames or remove it"))
    return tuple(frames), frozenset(frozenset(pair) for pair in mixed), frozenset(unknown)


def _swapped_labels(path: Path, mixed: dict[tuple[str, str], list[int]]) -> list[InputError]:
    """One problem for each pair of identities; ``mixed`` are rows by the names that number and name stand for."""
    problems = []
    for pair in sorted({frozenset(pair) for pair in mixed}, key=sorted):
        one, other = sorted(pair)
        rows = sorted(mixed.get((one, other), []) + mixed.get((other, one), []))
        problem = f"entry {rows[0]}" + (f" (and {len(rows) - 1} more)" if len(rows) > 1 else "")
        problem += f" has the identity_id of one and the identity_name of the other of {one} and {other}"
        problems.append(InputError(path, f"{problem}: swapped labels", "make both agree with labels_tpose.json"))
    return problems


class _Grouped:
    """Collects problems of entries of one file, one line for all that are alike."""

    def __init__(self, path: Path, problems: list[InputError]) -> None:
        self._path, self._problems = path, problems
        self._rows: dict[tuple[str, str | Remedy], list[int]] = {}

    def __call__(self, row: int, problem: str, remedy: str | Remedy) -> None:
        self._rows.setdefault((problem, remedy), []).append(row)

    def flush(self) -> None:
        for (problem, fix), rows in self._rows.items():
            others = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
            self._problems.append(InputError(self._path, f"entry {rows[0]}{others} {problem}", fix))
