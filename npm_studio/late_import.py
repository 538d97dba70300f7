"""Modules of others that are imported with those that we need, and hardly ever used."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
        loader, self.__class__ = self.__loader__, ModuleType  # type: ignore[assignment]
        assert isinstance(loader, _LateLoader)
        loader.real.exec_module(self)
        return getattr(self, name)


class _LateLoader(Loader):
    def __init__(self, real: Loader) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _LateModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


class _LateFinder(MetaPathFinder):
    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == self._name else None
        if spec is not None and spec.loader is not None:
            spec.loader = _LateLoader(spec.loader)
        return spec


@contextmanager
def imported_when_used(name: str) -> Iterator[None]:
    """Whoever imports the module ``name`` meanwhile gets it as it is, but for when its code runs: at its first use."""
    finder = _LateFinder(name)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
