"""Curves of a training, from the ``log.jsonl`` that it left beside its model."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.core.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_REMEDY = "give the log.jsonl of NAME.training, or delete that line"
_ABOUT = ("stage", "kind", "step", "seconds")
_COLOURS = ("#35678f", "#c2653a", "#4c8f63", "#7d5f9c", "#a08a3c")
_INK, _RULE = "#2b2f36", "#dedbd6"
_SMOOTHED = 60  # curves of more points are drawn pale, with a running mean on top


@dataclass
class Curve:
    """One metric of one stage over time."""

    steps: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, step: int, seconds: float, value: float) -> None:
        """Append a point; points from ``step`` on belong to a part of the run that was lost, and done once more."""
        while self.steps and self.steps[-1] >= step:
            for column in (self.steps, self.seconds, self.values):
                column.pop()
        self.steps.append(step)
        self.seconds.append(seconds)
        self.values.append(value)


Curves = Mapping[str, Mapping[tuple[str, str], Curve]]
"""For each stage, curves by kind (train or validation) and name of the metric."""


def read_log(path: Path) -> Curves:
    """Curves of every stage in the log at ``path``.

    Raises:
        InputError: it is missing or empty, or a line of it is damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise InputError(path, "no such log", "give the log.jsonl of NAME.training") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", _REMEDY) from None
    stages: dict[str, dict[tuple[str, str], Curve]] = {}
    for number, line in enumerate(lines, start=1):
        try:
            entry: dict[str, Any] = json.loads(line)
            stage, kind = str(entry["stage"]), str(entry.get("kind", "train"))
            step, seconds = int(entry["step"]), float(entry["seconds"])
            metrics = {name: float(value) for name, value in entry.items() if name not in _ABOUT}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(path, f"line {number} is not one of a training", _REMEDY) from None
        for name, value in metrics.items():
            stages.setdefault(stage, {}).setdefault((kind, name), Curve()).add(step, seconds, value)
    if not stages:
        raise InputError(path, "holds no metrics", "train for at least a hundred steps")
    return stages


def draw_curves(curves: Curves, path: Path) -> None:
    """Write a lossless WebP of all stages, one panel each: errors over minutes, on a logarithmic scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(2, len(curves))
    rows = math.ceil(len(curves) / columns)
    figure = Figure(figsize=(4.8 * columns, 3.1 * rows), layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel, (stage, metrics) in zip(axes, curves.items(), strict=False):
        _draw_stage(panel, stage, metrics)
    for panel in axes[len(curves) :]:
        panel.set_axis_off()
    figure.set_dpi(110)
    FigureCanvasAgg(figure).print_webp(path, pil_kwargs={"lossless": True, "method": 6})


def _draw_stage(panel: "Axes", stage: str, metrics: Mapping[tuple[str, str], Curve]) -> None:
    names = _errors(stage, list(dict.fromkeys(name for _, name in metrics)))
    longest = max(curve.seconds[-1] for curve in metrics.values())
    unit, per_unit = ("minutes", 60.0) if longest >= 180 else ("seconds", 1.0)
    for name, colour in zip(names, _COLOURS, strict=False):
        trained, held_out = metrics.get(("train", name)), metrics.get(("validation", name))
        if trained is not None:
            times, values = np.array(trained.seconds) / per_unit, np.array(trained.values)
            smooth = len(values) > _SMOOTHED
            panel.plot(times, values, color=colour, lw=1.4, alpha=0.3 if smooth else 1, label=None if smooth else name)
            if smooth:
                panel.plot(times, _running_mean(values), color=colour, lw=1.7, label=name)
        if held_out is not None:
            times = np.array(held_out.seconds) / per_unit
            style = {"marker": "o", "ls": "none", "ms": 5, "mec": "white", "mew": 0.8}
            panel.plot(times, held_out.values, color=colour, label=f"{name}, validation", **style)  # type: ignore[arg-type]
    panel.set_yscale("log", nonpositive="mask")
    panel.set_title(f"{stage} stage" if "-" not in stage else stage.replace("-", " "), loc="left", size=11, color=_INK)
    panel.set_xlabel(unit, size=9, color=_INK)
    panel.grid(True, which="major", color=_RULE, lw=0.7)
    panel.tick_params(which="both", labelsize=8, color=_RULE, labelcolor=_INK)
    panel.spines[["top", "right"]].set_visible(False)
    panel.spines[["left", "bottom"]].set_color(_RULE)
    panel.legend(frameon=False, fontsize=8, labelcolor=_INK)


def _errors(stage: str, names: Sequence[str]) -> list[str]:
    """Those of ``names`` that are errors: in the stages of decoders ``code`` is the size of the codes."""
    return [name for name in names if "encoder" in stage or name != "code"] or list(names)


def _running_mean(values: np.ndarray) -> np.ndarray:
    """Means (N,) of ``values`` (N,) over windows of a fortieth of them, shorter at the ends."""
    reach = max(1, len(values) // 80)
    sums = np.concatenate(([0.0], np.cumsum(values)))
    places = np.arange(len(values))
    low, high = np.maximum(places - reach, 0), np.minimum(places + reach + 1, len(values))
    means: np.ndarray = (sums[high] - sums[low]) / (high - low)
    return means
