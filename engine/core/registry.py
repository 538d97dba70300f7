"""What plug-ins add: objects found through entry points of installed packages.

A package adds a method, a reader or a source by naming it in its metadata, as this project's own ``pyproject.toml``
does::

    [project.entry-points."npm_studio.methods"]
    mine = "my_package.method:METHOD"
"""

import logging
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from engine.core.errors import InputError

METHODS = "npm_studio.methods"
CAPTURES = "npm_studio.captures"
SOURCES = "npm_studio.sources"
WORKSPACES = "npm_studio.workspaces"
BODIES = "npm_studio.bodies"
_OWN = "npm-studio"
T = TypeVar("T")
_log = logging.getLogger(__name__)


@cache
def registered(group: str) -> dict[str, EntryPoint]:
    """Entry points of ``group`` by name, this project's own first, nothing imported yet.

    Where two packages use one name, this project's own or else the first is kept, and the log says so.
    """
    found: dict[str, EntryPoint] = {}
    points = sorted(entry_points(group=group), key=lambda point: point.dist is None or point.dist.name != _OWN)
    for point in points:
        kept = found.setdefault(point.name, point)
        if kept.value != point.value:
            _log.warning("%s: %s is ignored, %s has that name already", group, point.value, kept.value)
    return found


def is_of_others(group: str, name: str) -> bool:
    """Whether ``name`` comes from a package that is not this project's own."""
    point = registered(group).get(name)
    return point is not None and point.dist is not None and point.dist.name != _OWN


def load(group: str, name: str) -> Any:
    """The object that ``name`` stands for.

    Raises:
        InputError: nothing has that name, or importing it fails.
    """
    points = registered(group)
    if name not in points:
        raise InputError(f"{name!r}", "is not installed", f"use one of {', '.join(points)}")
    try:
        return _object(points[name])
    except Exception as error:  # the package of somebody else
        _log.exception("loading %s of %s failed", name, group)
        problem = f"cannot be loaded ({error.__class__.__name__}: {error})"
        raise InputError(f"plug-in {name} ({points[name].value})", problem, "update or remove the package") from error


def load_all(group: str, kind: type[T], what: str) -> list[T]:
    """All that are installed; what cannot be loaded, or is no ``kind`` (a ``what``), is left out and logged."""
    found: list[T] = []
    for name in registered(group):
        try:
            each = load(group, name)
        except InputError:  # in the log already
            continue
        if isinstance(each, kind):
            found.append(each)
        else:
            _log.error("%s of %s is no %s and is left out", name, group, what)
    return found


@cache
def _object(point: EntryPoint) -> Any:
    return point.load()
