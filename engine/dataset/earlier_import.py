"""What an earlier import into the same folder left there, which a later one completes or adds to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.core.errors import InputError
from engine.core.files import read_json, write_json
from engine.dataset.registered import load_registered_dataset
from engine.geometry.similarity import Similarity

_REQUEST = "import.json"
"""What an import was asked for, and the similarities that it found: arrays are in the folder before its description."""


@dataclass(frozen=True)
class EarlierImport:
    """The similarities that arrays in the folder were made with. They stay: others would not go along."""

    similarity: Similarity | None = None
    """Of all identities, of those to come too; None where each has its own or there was no import."""
    similarities: Mapping[str, Similarity] | None = None
    """Of single identities."""
    identities: tuple[str, ...] = ()
    """Of a dataset that was finished."""
    compare: bool = False
    """Whether the source may have changed since: arrays are kept only where they say the same as the source."""

    def of(self, identity: str) -> Similarity | None:
        """The similarity that an identity has, or None where it has none yet."""
        return (self.similarities or {}).get(identity, self.similarity)


def read_earlier_import(out: Path, request: Mapping[str, Any], each_its_own: bool) -> EarlierImport:
    """What is in ``out`` of an import that was asked for the same, finished or not.

    Args:
        request: what the present import is asked for, JSON
        each_its_own: whether identities are normalised one by one

    Raises:
        InputError: ``out`` holds something else, or an import with other options.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return EarlierImport()
    if not (out / _REQUEST).is_file():
        raise InputError(out, "exists and was not written by this import", "name another folder or remove it")
    path = out / _REQUEST
    stored = read_json(path)
    if not isinstance(stored, dict) or {key: stored.get(key) for key in request} != request:
        problem = "holds an import of something else or with other options"
        if difference := _difference(stored, request):
            problem = f"{problem}: {difference}"
        raise InputError(out, problem, "import with those, or name another folder")
    found = stored.get("similarity")
    similarity = Similarity.from_dict(found, path) if found else None
    own = {name: Similarity.from_dict(value, path) for name, value in stored.get("similarities", {}).items()}
    if not (out / "dataset.json").is_file():
        return EarlierImport(similarity, own, compare="similarity" not in stored)
    dataset = load_registered_dataset(out)
    own |= {each.name: each.similarity for each in dataset.stored}
    shared = None if each_its_own else dataset.similarity
    return EarlierImport(shared, own, dataset.identities, True)


def _difference(stored: object, request: Mapping[str, Any]) -> str:
    """The first of the options in which two imports differ; empty where there is no such."""
    before, now = _options(stored), _options(request)
    differing = [key for key in now if key in before and before[key] != now[key]]
    return f"{differing[0]} {before[differing[0]]}, not {now[differing[0]]}" if differing else ""


def _options(request: object) -> dict[str, Any]:
    """What an import was asked for that can be said in a word."""
    if not isinstance(request, Mapping) or not isinstance(request.get("recipe"), Mapping):
        return {}
    normalise = request.get("normalise")
    how = {"normalise": normalise[0]} if isinstance(normalise, list) and normalise else {}
    options = {**request["recipe"], **how}
    return {key: value for key, value in options.items() if value is None or isinstance(value, str | int | float)}


def write_request(
    out: Path, request: Mapping[str, Any], similarity: Similarity | None, similarities: Mapping[str, Similarity]
) -> None:
    """Store what `read_earlier_import` reads."""
    own = {name: each.as_dict() for name, each in similarities.items()}
    found = None if similarity is None else similarity.as_dict()
    write_json(out / _REQUEST, {**request, "similarity": found, "similarities": own})
