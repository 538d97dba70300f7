"""Modules of others that are imported with those that we need, and hardly ever used."""

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

_ASKED_FOR_BY_IMPORTS = ("__file__", "__cached__", "__path__")


class _LateModule(ModuleType):
    """Runs its code when something is asked for that it has not.

    `importlib.util.LazyLoader` would when it is imported again, which asks for its ``__spec__``.
    """

    def __getattr__(self, name: str) -> Any:
        if name in _ASKED_FOR_BY_IMPORTS:
            raise AttributeError(name)
        loader = self.__loader__
        assert isinstance(loader, _LateLoader)
        if name in loader.called:
            return partial(_call, self, name)
        self.__class__ = ModuleType  # type: ignore[assignment]
        loader.real.exec_module(self)
        return getattr(self, name)


def _call(module: ModuleType, name: str, *arguments: Any, **named: Any) -> Any:
    return getattr(module, name)(*arguments, **named)


class _LateLoader(Loader):
    def __init__(self, real: Loader, called: set[str]) -> None:
        self.real, self.called = real, called

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _LateModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class _LateFinder(MetaPathFinder):
    def __init__(self, names: Collection[str], called: set[str]) -> None:
        self._names, self._called = names, called

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in self._names else None
        if spec is not None and spec.loader is not None:
            spec.loader = _LateLoader(spec.loader, self._called)
        return spec


@contextmanager
def imported_when_used(*names: str, called: Collection[str] = ()) -> Iterator[None]:
    """Whoever imports the modules ``names`` meanwhile gets them as they are, but for when their code runs: at their
    first use.

    Args:
        called: functions and classes of theirs; to take one meanwhile is no use yet, to call it is one
    """
    called_now = set(called)
    finder = _LateFinder(names, called_now)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        called_now.clear()


@contextmanager
def not_found(name: str) -> Iterator[None]:
    """Whoever looks for the package ``name`` meanwhile does not find it, unless it is imported already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
