"""Texts as programs of all platforms write them, and the words of one with the lines they stand in."""

import codecs
import math
import re
from collections.abc import Iterator
from pathlib import Path

from engine.core.errors import InputError

EXPORT_AGAIN = "export the motion again as BVH"
LARGEST_NUMBER = 1e9
"""Of lengths and angles."""
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_ENDS = "\x00\x1a"  # what some programs put behind the end of a text


def decoded_lines(data: bytes) -> list[str]:
    """The lines of a text in UTF-8, or UTF-16 with a byte order mark; ends of lines of any platform."""
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    text = data[len(mark) :].decode(_MARKS.get(mark, "utf-8"), errors="replace").rstrip(_ENDS + " \t\r\n")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def to_number(word: str) -> float:
    """The number that ``word`` stands for, NaN where it is none; one comma and no point is a decimal comma."""
    if word.count(",") == 1 and "." not in word:
        word = word.replace(",", ".")
    try:
        return float(word)
    except ValueError:
        return math.nan


def split_numbers(line: str) -> list[str]:
    """The numbers of a line, apart by blanks, or by commas or semicolons where points are decimal."""
    if "." in line or not re.search(r"\s", line.strip()):
        line = line.replace(",", " ")
    return line.replace(";", " ").split()


class Words:
    """The words of a file one after the other, and the line of the last one."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path, self.line = path, 0
        self._words = self._split(lines)
        self._next: tuple[int, str] | None = None

    @staticmethod
    def _split(lines: list[str]) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(lines, start=1):
            for word in line.replace("{", " { ").replace("}", " } ").split():
                yield number, word

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
        value = to_number(word)
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
