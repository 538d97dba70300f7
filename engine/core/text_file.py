"""Text files as people bring them: any encoding that Windows writes, and numbers with decimal commas."""

import codecs
import math
import re
from pathlib import Path
from typing import Any

from engine.core.errors import InputError, Remedy

_MARKS = (  # that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LATIN = 0x2FF
_ENDS = "\0\x1a"
"""What some programs put behind the end of a text, as C and DOS have it."""
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")


def read_text(path: Path, remedy: str | Remedy = "", max_bytes: int | None = None) -> str:
    """The text of a file in UTF-8, UTF-16, UTF-32 or Windows-1252, without byte order mark and zeros behind its end.

    Raises:
        InputError: it is missing, unreadable, larger than ``max_bytes``, or no text.
    """
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise InputError(path, "is no file", remedy)
        if max_bytes is not None and path.stat().st_size > max_bytes:
            raise InputError(path, f"is larger than {max_bytes / 1e6:g} MB, too large for what it is for", remedy)
        return decoded(path.read_bytes())
    except FileNotFoundError:
        raise InputError(path, "no such file", remedy) from None
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", remedy) from None
    except UnicodeDecodeError:
        raise InputError(path, "cannot be read (it is no text)", remedy) from None


def decoded(data: bytes) -> str:
    """Text of ``data``: by its byte order mark, else UTF-16 by the zeros of its Latin letters, UTF-8, Windows-1252.

    Letters of other encodings become other letters; whatever is in ASCII stays.

    Raises:
        UnicodeDecodeError: it is none of these, or holds zeros as files of numbers do.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            whole = data[len(mark) :]
            whole = (
                whole[: len(whole) - len(whole) % 2] if encoding.startswith("utf-16") else whole
            )  # cut off in a letter
            return whole.decode(encoding).rstrip(_ENDS)
    plain = data.rstrip(_ENDS.encode())
    if b"\0" in plain and b"\0" not in (ended := plain.rstrip(_ENDS.encode() + b" \t\r\n")):
        plain = ended
    if b"\0" in plain:
        little = data[1:2] == b"\0"
        text = (plain + b"\0" * (little and len(plain) % 2)).decode("utf-16-le" if little else "utf-16-be")
        if not all(0 < ord(letter) <= _LATIN for letter in text):
            raise UnicodeDecodeError("utf-16", data, 0, 1, "is no text")
        return text.rstrip(_ENDS)
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        return plain.decode("cp1252", errors="replace")


def number(word: str) -> float:
    """The one number that ``word`` stands for, NaN where it is none; one comma and no point is a decimal comma."""
    if word.count(",") == 1 and "." not in word:
        word = word.replace(",", ".")
    try:
        return float(word)
    except ValueError:
        return math.nan


def number_of(value: Any) -> float:
    """The number that a value of JSON or YAML is.

    Raises:
        ValueError: it is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{str(value)[:40]!r} is no number") from None


def numbers(text: str) -> list[float] | None:
    """The numbers of ``text``, None where it holds anything else; brackets do not count.

    They are separated by blanks, commas or semicolons. A comma is a decimal comma where no number has a point, blanks
    or semicolons separate the numbers as well, and no other meaning is possible: ``12,5 0,25``.
    """
    text = re.sub(r"[\[\](){}]", " ", text)
    words = re.split(r"[\s;]+", text.strip(" \t\r\n;"))
    commas = [word for word in words if "," in word]
    if commas and "." not in text and len(words) > 1 and all(_DECIMAL_COMMA.fullmatch(word) for word in commas):
        words = [word.replace(",", ".") for word in words]
    else:
        words = [part for word in words for part in word.split(",")]
    try:
        return [float(word) for word in words if word]
    except ValueError:
        return None
