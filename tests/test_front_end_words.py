"""`engine` and `external` say nothing in the words of a front end: no flag, no command, nothing to click."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORMATS = ("npm-studio registered dataset", "npm-studio model", "npm-studio coordinate network", "npm-studio run")
"""Names of this project's file formats, which begin as commands do."""
COMMAND_LINE = re.compile(r"(?<![\w-])--[a-z]|npm-studio [a-z]")
"""A flag or a command."""
WINDOW = re.compile(r"\b(menus?|buttons?|dialogs?|click|this window|command line|in a terminal)\b")
"""Documentation may speak of front ends, messages may not."""


def texts(source: str) -> Iterator[tuple[int, str, bool]]:
    """Line and text of every string of ``source``, and whether it is documentation.

    ``x`` stands for what an f-string puts in.
    """
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
            yield node.lineno, text, False
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value, id(node) in documentation


def offences(source: str) -> list[str]:
    """Strings in the words of a front end, with their lines."""
    found = []
    for line, text, is_documentation in texts(source):
        rest = "" if text in FORMATS else text
        for name in FORMATS:  # as a value in the description of a file
            rest = rest.replace(f'"{name}"', "")
        if COMMAND_LINE.search(rest) or (not is_documentation and WINDOW.search(rest)):
            found.append(f"{line}: {text}")
    return found


@pytest.mark.parametrize("package", ["engine", "external"])
def test_no_string_has_words_of_a_front_end(package: str) -> None:
    paths = sorted((ROOT / package).rglob("*.py"))
    assert len(paths) > 40
    found = [f"{path.relative_to(ROOT)}:{line}" for path in paths for line in offences(path.read_text("utf-8"))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        '"use --device cpu"',
        'f"--{name} {count}"',
        '"run `npm-studio prepare data`"',
        '"""Made by `npm-studio fit`."""',
        '"give the folder that npm-studio run wrote"',
        'raise_(f"choose {names} " "in the menu")',
    ],
)
def test_words_of_a_front_end_are_found(source: str) -> None:
    assert offences(source)


@pytest.mark.parametrize("source", ['"npm-studio run"', '"a -- b"', '"x-ray--y"', '\'{"format": "npm-studio run"}\''])
def test_other_strings_are_let_through(source: str) -> None:
    assert not offences(source)
