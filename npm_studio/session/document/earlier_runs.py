"""Runs that lie on disk, of a recording that is open."""

from collections.abc import Iterable
from pathlib import Path

from engine.core.errors import InputError
from engine.core.files import read_json


def earlier_runs(recording: Path, places: Iterable[Path]) -> tuple[Path, ...]:
    """Folders in ``places`` with runs that say they were made of ``recording``, the oldest first.

    What cannot be read is none: it was made by something else. Hidden folders are runs that are being written.
    """
    wanted, found = recording.resolve(), {}
    for description in {file.resolve() for place in places for file in place.glob("[!.]*/run.json")}:
        try:
            inputs = read_json(description)["inputs"]
            if Path(inputs["sequence"]).resolve() == wanted:
                found[description.parent] = description.stat().st_mtime
        except (InputError, OSError, KeyError, TypeError):
            continue
    return tuple(sorted(found, key=lambda folder: (found[folder], folder)))
