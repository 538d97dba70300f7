"""What the documents name is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

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
