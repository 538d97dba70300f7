"""What the documents name is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from engine.sequences.reader import file_endings, registered_readers
from external.captures.depth_pictures import ENDINGS as PICTURES
from external.meshes.layout import ENDINGS as MESHES

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
)
TOP = "assets|benchmarks|configs|csrc|docs|engine|external|npm_studio|scripts|tests"
NAMED = re.compile(rf"(?<![\w/.-])(?:{TOP})/[\w./*-]*\w[\w*]*/?")
LINKED = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)")


def missing(document: str) -> Iterator[str]:
    """Paths that ``document`` names, from the root of the project or relative to itself in links, and that are not."""
    path = ROOT / document
    text = path.read_text(encoding="utf-8")
    for name in sorted({match.group().rstrip(".") for match in NAMED.finditer(text)}):
        if not any(ROOT.glob(name.rstrip("/"))):
            yield name
    for target in sorted(set(LINKED.findall(text))):
        if not (path.parent / target).exists():
            yield target


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document: str) -> None:
    assert list(missing(document)) == []


def test_a_path_that_is_gone_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.md").write_text("See `engine/fitting/job.py`, [the page](other.md) and engine/core.\n")
    (tmp_path / "engine" / "core").mkdir(parents=True)
    monkeypatch.setattr("tests.test_documents.ROOT", tmp_path)
    assert list(missing("page.md")) == ["engine/fitting/job.py", "other.md"]


SAYS = "docs/data.md", "## Troubleshooting by message"
MORE = "docs/own_class.md", "## What goes wrong"


def quoted(document: str, heading: str) -> list[str]:
    """The messages in the first column of the tables of a section, ``…`` for what varies."""
    section = (ROOT / document).read_text(encoding="utf-8").split(f"\n{heading}\n")[1].split("\n## ")[0]
    first = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `") or row.startswith('| "')]
    return [
        message
        for cell in first
        for message in re.findall(r"`([^`]+)`|\"([^\"]+)\"", cell)
        for message in message
        if message
    ]


@cache
def said() -> str:
    """All strings of the program, a line each, ``…`` for what is put into them."""
    found: set[str] = set()
    for package in ("engine", "external", "npm_studio"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                    found.add("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return "\n".join(text.replace("{}", "…") for text in found)


def is_said(message: str) -> bool:
    """Whether the parts of ``message`` between what varies stand in one string of the program, in that order."""
    parts = [re.escape(part) for part in message.replace("...", "…").split("…")]
    assert max(len(part) for part in parts) > 5, message  # enough to tell one message from another
    return re.search(r"[^\n]*?…[^\n]*?".join(parts), said()) is not None


@pytest.mark.parametrize("message", [*quoted(*SAYS), *quoted(*MORE)])
def test_every_message_that_is_explained_is_one_of_the_program(message: str) -> None:
    assert is_said(message)


def test_a_message_that_the_program_has_no_more_is_found() -> None:
    assert len(quoted(*SAYS)) > 80
    assert not is_said("has no intrinsics for its … pictures of depth")
    assert not is_said("is … greyscale and 12-bit")


def test_every_ending_that_is_read_is_in_a_table() -> None:
    readers = registered_readers()
    read = {*file_endings(readers), *(part for reader in readers for part in reader.parts), *MESHES, *PICTURES, ".bvh"}
    tables = [line for line in (ROOT / SAYS[0]).read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    names = {name.upper() for line in tables for name in re.findall(r"[\w-]+\.\w+|\.?\w+", line)}
    endings = {name[name.rindex(".") :] for name in names if "." in name}
    missing = {name for name in read if not {name.upper(), name.lstrip(".").upper()} & (names | endings)}
    assert missing == set()
