"""The sections of a page of Markdown that say what tables on disk say, and nothing else.

A section stands between two comments that name its suite and model, by which a later table finds its place.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.core.errors import InputError
from engine.core.files import replacing_file
from engine.core.text_file import read_text
from npm_studio.reports.metric_tables import cell, table
from npm_studio.suites.summary import Block, blocks_of, failures_of, header, sentences_of
from npm_studio.suites.table import Table, load_table

_WIDTH = 120
_MOST_FAILURES = 12
"""That are listed one by one."""


def write_page(folders: Sequence[Path], page: Path) -> None:
    """Put the tables in ``folders`` into ``page``, each in the place of the one of the same suite and model.

    Raises:
        InputError: a folder has no table, or two have tables of one suite and model.
    """
    found = [load_table(folder) for folder in folders]
    names = [_name(each) for each in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(page, f"two tables are of {twice}", "name one of them")
    text = read_text(page) if page.is_file() else "# Benchmarks\n"
    for name, each in zip(names, found, strict=True):
        begin, end = f"<!-- benchmark {name}: begin -->", f"<!-- benchmark {name}: end -->"
        section = "\n".join([begin, *section_of(each), end])
        place = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        before, *after = place.split(text, maxsplit=1)
        text = f"{before.rstrip()}\n\n{section}\n{after[0].removeprefix(chr(10)) if after else ''}"
    with replacing_file(page) as temporary:
        temporary.write_text(text, encoding="utf-8")


def section_of(measured: Table) -> Iterator[str]:
    """Lines of Markdown."""
    made = measured.provenance
    yield f"## {measured.title}, `{made['model']}`"
    yield ""
    yield from textwrap.wrap(measured.about, _WIDTH)
    yield ""
    yield from textwrap.wrap(_made_with(measured), _WIDTH, break_long_words=False, break_on_hyphens=False)
    yield ""
    for block in blocks_of(measured):
        yield from _block(block, measured)
    for sentence in sentences_of(measured):
        yield from textwrap.wrap(f"- {sentence}", _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    yield ""
    if failures := failures_of(measured):
        yield f"Cells without figures: {len(failures)}."
        yield ""
        for row in failures[:_MOST_FAILURES]:
            yield f"- `{row.contender}`, {row.case}, {row.setting}: {cell(row.reason)}"
        if len(failures) > _MOST_FAILURES:
            yield f"- and {len(failures) - _MOST_FAILURES} more, see the table"
        yield ""


def _block(block: Block, measured: Table) -> Iterator[str]:
    what = "Whole recordings" if block.part == "whole" else "The subset that all methods get"
    yield f"### {what}, {block.setting}; cases: {block.cases}, frames: {block.frames}"
    yield ""
    rows = []
    for line in block.lines:
        bound = " (upper bound)" if line.contender.partition(":")[0] in measured.upper_bounds else ""
        marks = (*line.is_best, False)
        cells = (f"**{text}**" if best else text for text, best in zip(line.cells, marks, strict=True))
        of = {"": f"`{line.contender}`{bound}", "cases": line.cases}
        rows.append(of | dict(zip(header(), cells, strict=True)))
    yield from table(rows)


def _made_with(measured: Table) -> str:
    made = measured.provenance
    commit = f", commit {made['commit']}" if made.get("commit") else ""
    first = next((row for row in measured.rows if row.samples), None)
    points = "" if first is None else f" {first.samples:,} points of each surface, {first.iou_points:,} for the IoU;"
    devices = ", ".join(made["devices"]) or "no device"
    return (
        f"{devices}; {made['processor']}; PyTorch {', '.join(made['torch'])}; NPM Studio {made['npm_studio']}{commit}; "
        f"model {made['model']}, SHA-256 {made['model_sha256'][:12]};{points} seed {made['seed']}. "
        "The best of each column is bold."
    )


def _name(measured: Table) -> str:
    return f"{measured.suite} {measured.provenance['model']}"
