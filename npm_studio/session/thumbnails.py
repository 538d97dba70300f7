"""Small pictures of what was opened lately, in the user's cache folder; where one is missing, nothing else is."""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

SIZE = (240, 150)
"""Pixels."""


def thumbnail_of(path: Path) -> Path:
    """Where the picture of the project or model ``path`` is, if there is one."""
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:24]
    return _folder() / f"{name}.png"


def forget_all_but(paths: Iterable[Path]) -> None:
    """Delete the pictures of whatever is not among ``paths``."""
    kept = {thumbnail_of(path) for path in paths}
    with suppress(OSError):
        for picture in _folder().glob("*.png"):
            if picture not in kept:
                picture.unlink()


def _folder() -> Path:
    return user_cache_path("npm-studio", appauthor=False) / "thumbnails"
