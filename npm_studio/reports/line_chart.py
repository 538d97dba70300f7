"""Charts of numbers over frames, as SVG inside a page."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1000, 240
_LEFT, _BOTTOM, _TOP, _SIDE = 48, 24, 34, 12
_COLOURS = ("var(--first)", "var(--second)")
_FAR_APART = 12.0
"""Largest over usual number, beyond which a linear axis would flatten what is usual."""
_DEEPEST = 1000.0
"""Largest over least number of a logarithmic axis."""


def line_chart(series: Mapping[str, NDArray[np.float64]], title: str, marked: Collection[int] = ()) -> str:
    """An SVG of one or two ``series`` (F,) over the frames, from zero up, with gaps where they are NaN.

    Args:
        marked: frames with a coloured ground
    """
    place, ticks = _linear(_peak(series.values()))
    parts = [_head(title), *_rules(ticks, place)]
    x, step_x = _columns(max(len(values) for values in series.values()))
    for frame in sorted(marked):
        start, end = max(x[frame] - step_x / 2, _LEFT), min(x[frame] + step_x / 2, WIDTH)
        size = f'y="{_TOP}" width="{end - start:.1f}" height="{HEIGHT - _BOTTOM - _TOP}"'
        parts.append(f'<rect class="lost" x="{start:.1f}" {size}/>')
    for index, (name, values) in enumerate(series.items()):
        parts += _lines(values, x, place, _COLOURS[index])
        left = WIDTH - 130 * (len(series) - index)
        parts.append(f'<text x="{left}" y="16" style="fill:{_COLOURS[index]}">{escape(name)}</text>')
    return "".join([*parts, "</svg>"])


def compared_chart(
    series: Sequence[NDArray[np.float64]],
    title: str,
    colours: Sequence[str],
    lost: Sequence[NDArray[np.bool_]],
    names: Sequence[str],
) -> str:
    """An SVG of any number of ``series`` (F,) for a page with a legend and a cursor of its own.

    The axis is logarithmic where one series would flatten the others. ``data-first`` and ``data-step`` of the element
    say where the frames are.

    Args:
        colours: of CSS, one for each series
        lost: (F,) of each series, frames that get a ring
        names: of the F frames
    """
    peak, typical = _peak(series), _typical(series)
    logarithmic = peak > _FAR_APART * typical > 0
    place, ticks = _logarithmic(max(typical / 4, peak / _DEEPEST), peak) if logarithmic else _linear(peak)
    x, step_x = _columns(max(len(values) for values in series))
    whole = f"{title}, logarithmic" if logarithmic else title
    parts = [_head(whole, f'class="curves" data-first="{x[0]:.2f}" data-step="{step_x:.4f}"'), *_rules(ticks, place)]
    for frame, anchor in {len(names) - 1: "end", 0: "start"}.items():
        parts.append(f'<text x="{x[frame]:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{escape(names[frame])}</text>')
    for values, colour, rings in zip(series, colours, lost, strict=True):
        parts += _lines(values, x, place, colour)
        parts += [
            f'<circle class="ring" cx="{x[frame]:.1f}" cy="{place(values[frame]):.1f}" r="4" style="stroke:{colour}"/>'
            for frame in np.flatnonzero(rings & np.isfinite(values))
        ]
    parts.append(f'<line class="cursor" x1="{x[0]:.1f}" x2="{x[0]:.1f}" y1="{_TOP - 6}" y2="{HEIGHT - _BOTTOM}"/>')
    return "".join([*parts, "</svg>"])


def _head(title: str, attributes: str = "") -> str:
    start = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {attributes}'.rstrip()
    return f'{start}><title>{escape(title)}</title><text x="{_LEFT}" y="16">{escape(title)}</text>'


def _rules(ticks: Sequence[float], place: Callable[[float], float]) -> list[str]:
    parts = []
    for tick in ticks:
        y = place(tick)
        parts.append(f'<line class="rule" x1="{_LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    return parts


def _columns(count: int) -> tuple[NDArray[np.float64], float]:
    """Where the frames are (F,), and how far from each other."""
    step_x = (WIDTH - _LEFT - 2 * _SIDE) / max(count - 1, 1)
    return _LEFT + _SIDE + step_x * np.arange(count, dtype=np.float64), step_x


def _linear(peak: float) -> tuple[Callable[[float], float], list[float]]:
    """From zero: where a number is, and the numbers that get a line."""
    step = 10 ** math.floor(math.log10(peak))
    step = next(step * part for part in (0.2, 0.5, 1, 2, 5) if step * part * 5 >= peak)
    ceiling = step * math.ceil(peak / step)
    return lambda value: HEIGHT - _BOTTOM - value / ceiling * (HEIGHT - _BOTTOM - _TOP), [
        float(tick) for tick in np.arange(0, ceiling + step / 2, step)
    ]


def _logarithmic(lowest: float, peak: float) -> tuple[Callable[[float], float], list[float]]:
    """What is below ``lowest`` is drawn there."""
    low, high = math.log10(lowest), math.log10(peak)
    decades = range(math.floor(low), math.ceil(high) + 1)
    parts = (1, 2, 5) if high - low < 2 else (1, 3)
    ticks = [part * 10.0**decade for decade in decades for part in parts]

    def place(value: float) -> float:
        share = (math.log10(max(value, lowest)) - low) / (high - low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _BOTTOM - _TOP)

    return place, [tick for tick in ticks if lowest <= tick <= peak]


def _lines(
    values: NDArray[np.float64], x: NDArray[np.float64], place: Callable[[float], float], colour: str
) -> list[str]:
    """Of ``values`` (F,); a frame between two that are not known is a dot."""
    parts = []
    for piece in _without_gaps(values):
        points = " ".join(f"{x[frame]:.1f},{place(values[frame]):.1f}" for frame in piece)
        parts.append(f'<polyline class="line" style="stroke:{colour}" points="{points}"/>')
        if len(piece) == 1:
            at = f'cx="{x[piece[0]]:.1f}" cy="{place(values[piece[0]]):.1f}"'
            parts.append(f'<circle {at} r="2.5" style="fill:{colour}"/>')
    return parts


def _peak(series: Iterable[NDArray[np.float64]]) -> float:
    known = np.concatenate([values[np.isfinite(values)] for values in series])
    return float(known.max(initial=0)) or 1.0


def _typical(series: Sequence[NDArray[np.float64]]) -> float:
    """The least of the medians of those that are known of."""
    medians = [float(np.median(values[np.isfinite(values)])) for values in series if np.isfinite(values).any()]
    return min(medians, default=0.0)


def _without_gaps(values: NDArray[np.float64]) -> list[NDArray[np.intp]]:
    """Indices of ``values`` (F,) in runs of neighbours that are not NaN."""
    finite = np.flatnonzero(np.isfinite(values))
    pieces = np.split(finite, np.flatnonzero(np.diff(finite) > 1) + 1)
    return [piece for piece in pieces if len(piece)]
