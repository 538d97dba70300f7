"""The words of a BVH file one after the other, with the lines they stand in."""

import math
from collections.abc import Iterator
from pathlib import Path

from engine.core.errors import InputError
from engine.core.text_file import number

EXPORT_AGAIN = "export the motion again as BVH"
LARGEST_NUMBER = 1e9
"""Of lengths and angles."""


class Words:
    """The words of a file one after the other, and the line of the last one."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path, self.line = path, 0
        self._words = self._split(lines)
        self._next: tuple[int, str] | None = None

    @staticmethod
    def _split(lines: list[str]) -> Iterator[tuple[int, str]]:
        for count, line in enumerate(lines, start=1):
            for word in line.replace("{", " { ").replace("}", " } ").split():
                yield count, word

    def peek(self) -> str:
        if self._next is None:
            self._next = next(self._words, (self.line, ""))
        return self._next[1]

    def take(self) -> str:
        word = self.peek()
        assert self._next is not None
        self.line, self._next = self._next[0], None
        if not word:
            raise self.error("ends in the middle")
        return word

    def expect(self, *wanted: str) -> None:
        word = self.take()
        if word.lower() not in wanted:
            raise self.error(f"has {word[:40]!r} where {wanted[0].upper()} belongs")

    def number(self) -> float:
        value = self.finite(word := self.take())
        if abs(value) > LARGEST_NUMBER:
            raise self.error(f"has {word[:40]!r}, more than any skeleton has")
        return value

    def finite(self, word: str) -> float:
        value = number(word)
        if not math.isfinite(value):
            raise self.error(f"has {word[:40]!r} where a number belongs")
        return value

    def name(self) -> str:
        """All words up to the next brace: names may hold spaces."""
        parts = []
        while self.peek() not in ("{", ""):
            parts.append(self.take())
        return " ".join(parts)

    def error(self, problem: str) -> InputError:
        return InputError(f"{self.path}:{self.line}", problem, EXPORT_AGAIN)
