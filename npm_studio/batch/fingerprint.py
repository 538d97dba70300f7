"""What tells the content of a file or folder from another one."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.core.errors import InputError

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Fingerprint:
    """Of a file, or of all files in a folder but for hidden ones, by their names in it."""

    times: str
    """Hash of names, sizes and times of change: equal only where the content is."""
    content: str
    """Hash of names and bytes."""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def fingerprint(path: Path) -> Fingerprint:
    """The fingerprint of what is at ``path``.

    Raises:
        InputError: nothing is there.
    """
    return Fingerprint(_times(path), _content(path, _times(path)))


def has_changed(path: Path, before: Any) -> bool:
    """Whether the content at ``path`` differs from ``before``, of `Fingerprint.as_dict`; read only if times differ.

    Raises:
        InputError: nothing is there.
    """
    if not isinstance(before, dict):
        return True
    times = _times(path)
    return times != before.get("times") and _content(path, times) != before.get("content")


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Files by their names inside ``path``; of a file itself by an empty name, so that it may be renamed."""
    if path.is_file():
        yield "", path
        return
    if not path.is_dir():
        raise InputError(path, "no such file or folder")
    found = ((each.relative_to(path), each) for each in sorted(path.rglob("*")) if each.is_file())
    yield from ((name.as_posix(), each) for name, each in found if not any(part[0] == "." for part in name.parts))


def _times(path: Path) -> str:
    stats = ((name, file.stat()) for name, file in _files(path))
    listed = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


@lru_cache(maxsize=64)  # many tasks have the same model
def _content(path: Path, times: str) -> str:
    whole = hashlib.sha256()
    for name, file in _files(path):
        of_file = hashlib.sha256()
        with file.open("rb") as opened:
            while chunk := opened.read(_CHUNK):
                of_file.update(chunk)
        whole.update(f"{name}\0{of_file.hexdigest()}\n".encode())
    return whole.hexdigest()
