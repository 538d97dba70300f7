"""Callbacks for state that must not know who shows it."""

from collections.abc import Callable
from typing import Any


class Signal:
    """Functions to call when something happened, in the order in which they were connected."""

    def __init__(self) -> None:
        self._listeners: list[Callable[..., Any]] = []

    def connect(self, listener: Callable[..., Any]) -> None:
        self._listeners.append(listener)

    def disconnect(self, listener: Callable[..., Any]) -> None:
        self._listeners.remove(listener)

    def emit(self, *arguments: object) -> None:
        for listener in tuple(self._listeners):
            listener(*arguments)
