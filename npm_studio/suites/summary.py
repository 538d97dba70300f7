"""What a table amounts to: a row for each contender, who is best, and where another method is better than `npm`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from npm_studio.suites.figures import BY_NAME, MAIN, SECONDS, shown
from npm_studio.suites.table import ALL, USUAL, Part, Row, Table

_OWN = (USUAL, "npm-tracker")
"""Methods of this project that are no others than `npm`."""


@dataclass(frozen=True)
class Line:
    """One contender over all cases of a part."""

    contender: str
    cells: tuple[str, ...]
    """Of `MAIN`, and the precision."""
    is_best: tuple[bool, ...]
    cases: str
    """How many of how many."""


@dataclass(frozen=True)
class Block:
    """The contenders on one part of a suite in one setting."""

    part: Part
    setting: str
    cases: int
    frames: int
    """Of the one that has most."""
    lines: tuple[Line, ...]


def header() -> tuple[str, ...]:
    """Titles of the cells of a line."""
    metrics = (BY_NAME[name] for name in MAIN)
    return (*(f"{each.title}, mm" if each.unit == "mm" else each.title for each in metrics), "precision")


def blocks_of(table: Table) -> Iterator[Block]:
    """First the part that all contenders have; nothing of a part and setting in which nothing was measured."""
    for part in ("subset", "whole"):
        for setting in table.settings(part):
            contenders = [name for name in table.contenders(part) if _cases(table, part, setting, name)]
            whole = max((len(_cases(table, part, setting, name)) for name in contenders), default=0)
            lines = [_line(table, part, setting, name, contenders, whole) for name in contenders]
            frames = [_all(table, part, setting, name, "lost") for name in contenders]
            most = max((row.frames for row in frames if row is not None), default=0)
            if most:
                yield Block(part, setting, whole, most, tuple(lines))


def sentences_of(table: Table) -> tuple[str, ...]:
    """Where another method is better than `npm`, and how much longer others take at the same precision."""
    found: list[str] = []
    for part in ("subset", "whole"):
        for setting in table.settings(part):
            for contender in table.contenders(part):
                if _method(contender) not in (*_OWN, *table.upper_bounds):
                    found += _wins(table, part, setting, contender)
                    found += _times(table, part, setting, contender)
    others = (row for row in table.rows if row.less and _method(row.contender) not in (*_OWN, *table.upper_bounds))
    if any(others) and not any("is better than" in sentence for sentence in found):
        found.append("No other method is better than `npm` over all cases or in a single one.")
    return tuple(found)


def failures_of(table: Table) -> tuple[Row, ...]:
    """Cells without figures."""
    return tuple(row for row in table.rows if not row.metric)


def _line(table: Table, part: Part, setting: str, contender: str, others: Sequence[str], whole: int) -> Line:
    rows = [_all(table, part, setting, contender, name) for name in MAIN]
    cells = tuple(shown(name, None if row is None else row.value) for name, row in zip(MAIN, rows, strict=True))
    best = tuple(contender in _best(table, part, setting, name, others, whole) for name in MAIN)
    first = next((row for row in rows if row is not None), None)
    precision = "" if first is None else first.precision
    measured = 0 if first is None else first.cases
    count = len(_cases(table, part, setting, contender))
    return Line(contender, (*cells, precision), best, f"{measured}" if measured == count else f"{measured} of {count}")


def _best(table: Table, part: Part, setting: str, metric: str, contenders: Sequence[str], whole: int) -> set[str]:
    """Of those that were measured on all cases and do not know how these were made; several that are alike."""
    known: dict[str, float] = {}
    for contender in contenders:
        row = _all(table, part, setting, contender, metric)
        if _method(contender) not in table.upper_bounds and row is not None and row.cases == whole:
            known[contender] = row.value or 0.0
    if len(known) < 2:
        return set()
    best = (min if BY_NAME[metric].better == "lower" else max)(known.values())
    return {name for name, value in known.items() if value == best}


def _wins(table: Table, part: Part, setting: str, contender: str) -> Iterator[str]:
    for metric in MAIN:
        apart = _all(table, part, setting, contender, metric, less=USUAL)
        if apart is None:
            continue
        better = [row.case for row in _differences(table, part, setting, contender, metric) if _is_better(row)]
        title, where = BY_NAME[metric].title, f"{setting}, {_named(part)}"
        if _is_better(apart):
            own, usual = (_all(table, part, setting, name, metric) for name in (contender, USUAL))
            values = [shown(metric, None if row is None else row.value) for row in (own, usual)]
            chance = "" if _is_beyond_chance(apart) else ", which may be chance"
            yield (
                f"{title}, {where}: `{contender}` is better than `{USUAL}`, {values[0]} against {values[1]}, "
                f"difference {_interval(metric, apart)}{chance}."
            )
        elif better:
            cases = ", ".join(better)
            yield f"{title}, {where}: `{contender}` is better than `{USUAL}` in {cases}, and not over all cases."


def _times(table: Table, part: Part, setting: str, contender: str) -> Iterator[str]:
    own = _all(table, part, setting, contender, SECONDS)
    for usual in table.contenders(part):
        theirs = _all(table, part, setting, usual, SECONDS)
        if _method(usual) != USUAL or own is None or theirs is None or own.precision != theirs.precision:
            continue
        if own.value and theirs.value:
            yield (
                f"s/frame, {setting}, {_named(part)}: `{contender}` takes {own.value / theirs.value:.3g} times as long "
                f"per frame as `{usual}`, both in {own.precision}."
            )


def _differences(table: Table, part: Part, setting: str, contender: str, metric: str) -> Iterator[Row]:
    for row in table.rows:
        key = (row.part, row.setting, row.contender, row.metric, row.less)
        if key == (part, setting, contender, metric, USUAL) and row.case != ALL:
            yield row


def _is_better(row: Row) -> bool:
    return row.value is not None and (row.value < 0 if BY_NAME[row.metric].better == "lower" else row.value > 0)


def _is_beyond_chance(row: Row) -> bool:
    return row.low is not None and row.high is not None and (row.low > 0 or row.high < 0)


def _interval(metric: str, row: Row) -> str:
    value, low, high = (shown(metric, part) for part in (row.value, row.low, row.high))
    return f"{value} [{low}, {high}]"


def _all(table: Table, part: Part, setting: str, contender: str, metric: str, less: str = "") -> Row | None:
    return table.find(part, ALL, setting, contender, metric, less)


def _cases(table: Table, part: Part, setting: str, contender: str) -> set[str]:
    key = (part, setting, contender)
    return {row.case for row in table.rows if (row.part, row.setting, row.contender) == key and row.case != ALL}


def _method(contender: str) -> str:
    return contender.partition(":")[0]


def _named(part: Part) -> str:
    return "whole recordings" if part == "whole" else "subset"
