"""Text files in the encodings that Windows writes, and numbers with decimal commas."""

import json
import math
import os
from pathlib import Path

import pytest

from engine.core.errors import InputError
from engine.core.files import read_json
from engine.core.text_file import decoded, number, numbers, read_text

TEXT = '{"naïve": [1, 2]}\r\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "cp1252"])
def test_a_text_is_the_same_in_every_encoding_that_windows_writes(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(TEXT.encode(encoding))
    assert read_text(path) == TEXT
    assert read_json(path) == json.loads(TEXT)


def test_a_text_in_utf_16_with_a_big_endian_mark_is_read() -> None:
    assert decoded(b"\xfe\xff" + "depth.txt\n".encode("utf-16-be")) == "depth.txt\n"


@pytest.mark.parametrize("end", [b"\0\0\0", b"\x1a", b"\0\0\n", b"\r\n\0", b"\n\x1a\0"])
def test_what_programs_put_behind_the_end_of_a_text_does_not_count(end: bytes) -> None:
    assert decoded(b"1 2 3" + end).rstrip("\r\n") == "1 2 3"


def test_zeros_at_the_end_of_a_text_in_utf_16_do_not_count() -> None:
    assert decoded("1 2 3".encode("utf-16-le") + bytes(4)) == "1 2 3"


def test_a_text_in_utf_16_may_be_cut_off_within_a_letter() -> None:
    assert decoded("1 2 34".encode("utf-16")[:-1]) == "1 2 3"


def test_letters_of_an_encoding_that_is_not_known_hide_nothing_else() -> None:
    text = decoded("ROOT \u5168\u89aa\nFrames: 2".encode("shift-jis"))  # as programs in Japan name joints
    assert text.startswith("ROOT ") and text.endswith("\nFrames: 2")


@pytest.mark.parametrize(("word", "value"), [("0,05", 0.05), ("0.05", 0.05), ("5", 5), ("-1e3", -1000)])
def test_one_number_may_have_a_decimal_comma(word: str, value: float) -> None:
    assert number(word) == value


@pytest.mark.parametrize("word", ["1,2.5", "1,2,3", "x", ""])
def test_what_is_not_one_number_is_none(word: str) -> None:
    assert math.isnan(number(word))


@pytest.mark.parametrize("data", [b"\xff\xfe\x00\xd8", b"\x89PNG\r\n\x1a\n\x00\x01\x90", b"a\0\0\0b"])
def test_bytes_that_are_no_text_are_refused_by_name(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "list.txt").write_bytes(data)
    with pytest.raises(InputError, match=r"list\.txt: cannot be read"):
        read_text(tmp_path / "list.txt")


def test_a_missing_file_a_pipe_and_a_large_file_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("1" * 100)
    with pytest.raises(InputError, match="no such file"):
        read_text(tmp_path / "none")
    with pytest.raises(InputError, match="is no file"):
        read_text(tmp_path / "pipe")
    with pytest.raises(InputError, match="is larger than"):
        read_text(tmp_path / "large", max_bytes=50)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("525,525.5,319.5,239.5", [525, 525.5, 319.5, 239.5]),
        ("525,524,319,239", [525, 524, 319, 239]),
        ("525, 524, 319, 239", [525, 524, 319, 239]),
        ("525,5 524,0 319,5 239", [525.5, 524, 319.5, 239]),
        ("525,5;524,0;319,5;239,5", [525.5, 524, 319.5, 239.5]),
        ("525.5, 524.0; 319.5,239.5", [525.5, 524, 319.5, 239.5]),
        ("[[140.   0.   79.5]\r\n [0 140. 59.5]\n [0 0 1]]", [140, 0, 79.5, 0, 140, 59.5, 0, 0, 1]),
        ("1e3 -2,5e-1", [1000, -0.25]),
        ("", []),
    ],
)
def test_numbers_are_read_with_decimal_commas_where_nothing_else_can_be_meant(text: str, found: list[float]) -> None:
    assert numbers(text) == found


@pytest.mark.parametrize("text", ["fx 525", "1.2.3", "12,5 x"])
def test_words_that_are_no_numbers_give_none(text: str) -> None:
    assert numbers(text) is None
