"""Undo and redo of values that are replaced, never changed in place."""

from typing import Generic, TypeVar

Value = TypeVar("Value")


class History(Generic[Value]):
    """The past and the undone future of one value.

    Changes with the same ``step`` in a row count as one, so that a whole drag of a slider is undone at once.
    """

    def __init__(self, value: Value, limit: int = 200) -> None:
        self._past: list[Value] = []
        self._future: list[Value] = []
        self._value, self._limit = value, limit
        self._step: object = None

    @property
    def value(self) -> Value:
        return self._value

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    def push(self, value: Value, step: object = None) -> None:
        """Make ``value`` the current one; None as ``step`` never merges."""
        if step is None or step != self._step:
            self._past = [*self._past, self._value][-self._limit :]
        self._value, self._step = value, step
        self._future.clear()

    def end_step(self) -> None:
        """The next change is a new one, whatever its step."""
        self._step = None

    def undo(self) -> Value:
        if self._past:
            self._future.append(self._value)
            self._value = self._past.pop()
        self._step = None
        return self._value

    def redo(self) -> Value:
        if self._future:
            self._past.append(self._value)
            self._value = self._future.pop()
        self._step = None
        return self._value
