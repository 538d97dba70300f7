"""Undo and redo of values that are replaced, never changed in place."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class Step(Generic[Value]):
    """Something that was done, or undone, and the value on its other side."""

    name: str
    """What was done: ``Shape 1``."""
    value: Value
    """Before it was done, or after it where it has been undone."""
    place: int
    """`UndoStack.place` of that value."""


class UndoStack(Generic[Value]):
    """The past and the undone future of one value, step by step.

    Changes with the same ``merge`` in a row are one step, so that a whole drag of a slider is undone at once.
    """

    def __init__(self, value: Value, limit: int = 1000) -> None:
        self._past: list[Step[Value]] = []
        self._future: list[Step[Value]] = []
        self._value, self._limit = value, limit
        self._merge: object = None
        self._places = itertools.count(1)
        self._place = self._clean = 0

    @property
    def value(self) -> Value:
        return self._value

    @property
    def place(self) -> int:
        """Another number after each step; undoing brings the old one back."""
        return self._place

    @property
    def undo_name(self) -> str | None:
        """What `undo` would undo; None where there is nothing."""
        return self._past[-1].name if self._past else None

    @property
    def redo_name(self) -> str | None:
        """What `redo` would do again; None where there is nothing."""
        return self._future[-1].name if self._future else None

    @property
    def previous(self) -> Value | None:
        """What `undo` would bring back."""
        return self._past[-1].value if self._past else None

    @property
    def following(self) -> Value | None:
        """What `redo` would bring back."""
        return self._future[-1].value if self._future else None

    @property
    def is_clean(self) -> bool:
        """Whether no step lies between the value and the one that was marked clean."""
        return self._place == self._clean

    def mark_clean(self, place: int | None = None) -> None:
        """The value, or the one at ``place``, is as it was saved."""
        self._clean, self._merge = self._place if place is None else place, None

    def mark_changed(self) -> None:
        """The value is saved nowhere, however it came about."""
        self._clean = -1

    def push(self, name: str, value: Value, merge: object = None) -> bool:
        """Make ``value`` the current one; whether this began a new step. None as ``merge`` never merges."""
        is_new = merge is None or merge != self._merge
        if is_new:
            self._past = [*self._past, Step(name, self._value, self._place)][-self._limit :]
        self._value, self._merge, self._place = value, merge, next(self._places)
        self._future.clear()
        return is_new

    def follow(self, value: Value) -> None:
        """Make ``value`` the current one without a step: nobody did anything that could be undone."""
        self._value = value

    def end_step(self) -> None:
        """The next change is a new step, whatever it could merge with."""
        self._merge = None

    def undo(self) -> Value:
        return self._move(self._past, self._future)

    def redo(self) -> Value:
        return self._move(self._future, self._past)

    def map(self, change: Callable[[Value], Value]) -> None:
        """Replace every value there is: what they all name is called differently now."""
        self._value = change(self._value)
        for steps in (self._past, self._future):
            steps[:] = [replace(step, value=change(step.value)) for step in steps]

    def values(self) -> Iterator[Value]:
        """All that can be gone back or forward to, and the current one."""
        yield self._value
        for step in (*self._past, *self._future):
            yield step.value

    def _move(self, source: list[Step[Value]], target: list[Step[Value]]) -> Value:
        if source:
            step = source.pop()
            target.append(Step(step.name, self._value, self._place))
            self._value, self._place = step.value, step.place
        self._merge = None
        return self._value
