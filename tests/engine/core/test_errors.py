"""What an error says, without knowing through which front end."""

import pickle
from pathlib import Path

import pytest

from engine.core.errors import Choice, Do, InputError, Named, Notice, Setting, Task, in_words, remedy
from engine.core.progress import Progress


def shout(named: Named) -> str:
    return "WORDS"


def test_a_front_end_puts_its_own_words_into_subject_and_remedy() -> None:
    error = InputError(Choice(Setting.DEVICE, "gpu"), "no such device", remedy("use {}", Choice(Setting.DEVICE, "cpu")))
    assert str(error) == "the device gpu: no such device; use the device cpu"
    assert error.line(shout) == "WORDS: no such device; use WORDS"


def test_an_error_without_words_of_a_front_end_is_the_same_in_all() -> None:
    error = InputError(Path("a/b.ply"), "is truncated\nat byte 3", "copy it again")
    assert str(error) == error.line(shout) == "a/b.ply: is truncated at byte 3; copy it again"


def test_a_remedy_is_given_something_for_each_place() -> None:
    with pytest.raises(AssertionError):
        remedy("state {} or {}", Setting.MASKS)


def test_an_error_comes_whole_out_of_a_worker_process() -> None:
    error = InputError(Path("a{}"), "is bad", remedy("{}", Do(Task.PREPARE, Path("data"))))
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "a{}: is bad; prepare the dataset data"
    assert again.line(shout) == "a{}: is bad; WORDS"


def test_a_notice_reaches_listeners_that_know_only_messages() -> None:
    heard: list[str] = []

    class Listener(Progress):
        def message(self, text: str) -> None:
            heard.append(text)

    Listener().notice(Notice("unit guessed", remedy("state {}", Setting.DEPTH_UNITS)))
    Listener().notice(InputError("file", "is damaged").as_notice("skipped"))
    assert heard == ["unit guessed; state the depth units per metre", "skipped: file: is damaged"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("truncated: 2 of 3 points"), " (truncated: 2 of 3 points)"),
        (FileNotFoundError(2, "No such file or directory", "a.ply"), " (No such file or directory)"),
        (KeyError("identity_name"), " (it lacks identity_name)"),
        (OSError("image file is truncated"), " (image file is truncated)"),
        (ValueError("invalid literal for int() with base 10: 'x'"), ""),
        (TypeError("'NoneType' is not iterable"), ""),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), ""),
        (KeyError(3), ""),
        (ValueError(), ""),
    ],
)
def test_of_an_exception_of_a_library_only_words_about_the_file_are_said(error: Exception, words: str) -> None:
    assert in_words(error) == words
