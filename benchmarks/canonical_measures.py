"""How good fits of sequences with truth are, in canonical units, and whether two models differ beyond chance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.comparison.intervals import Interval, paired_difference
from engine.evaluate.metrics import evaluate_sequence
from engine.evaluate.prediction import Prediction
from engine.geometry.mesh import Mesh
from engine.geometry.similarity import Similarity
from engine.methods.evaluation import prediction_of
from engine.methods.run import load_run
from engine.sequences.mesh_sequence import mesh_sequence
from engine.sequences.truth import load_truth

Figures = dict[str, Any]
METRICS = ("iou", "chamfer_l2", "epe")
HIGHER_IS_BETTER = ("iou",)


@dataclass(frozen=True)
class Bar:
    """A limit of a total: the least IoU, the largest of everything else."""

    figure: str
    limit: float

    def passes(self, value: float) -> bool:
        """What is not known passes nothing."""
        return value >= self.limit if self.figure in HIGHER_IS_BETTER else value <= self.limit


BODY_BARS = (
    Bar("iou", 0.94),
    Bar("chamfer_l2", 0.004e-3),
    Bar("worst_chamfer_l2", 0.01e-3),
    Bar("epe", 0.0026),
    Bar("failed_frames", 0.0),
)
HAND_BARS = (Bar("iou", 0.95), Bar("epe", 0.003))


def is_worse(difference: Interval, figure: str) -> bool:
    """The first of two is worse beyond chance: the whole interval says so. What is not known is worse."""
    return not (difference.high >= 0 if figure in HIGHER_IS_BETTER else difference.low <= 0)


def measure_run(run: Path, truth: Path, samples: int, iou_points: int) -> Figures:
    """A run against the truth: each of `METRICS` as its mean and by frame, and the fraction of frames that failed.

    Frames of the truth that the run lacks have failed, too.

    Raises:
        InputError: as `evaluate_sequence` says.
    """
    fitted = load_run(run)
    metrics = evaluate_sequence(prediction_of(fitted, truth), load_truth(truth), samples, iou_points)
    known, lacking = len(metrics.frame_names), len(metrics.joined.only_second)
    return {
        **{name: metrics.means[name] for name in METRICS},
        "failed_frames": (metrics.failed_frames * known + lacking) / (known + lacking),
        "frames": known + lacking,
        "per_frame": {name: metrics.per_frame[name] for name in METRICS},
        "verdict": fitted.verdict,
    }


@dataclass(frozen=True, eq=False)
class PosedSurface:
    """A surface that moves, metres."""

    rest: Mesh
    """In the canonical pose."""
    vertices: NDArray[np.float32]
    """(F, V, 3)"""


def measure_surface(
    surface: PosedSurface, similarity: Similarity, truth: Path, samples: int, iou_points: int
) -> Figures:
    """``surface`` in all frames of a truth, in its world: `METRICS`, failed frames, and correspondences in mm.

    Raises:
        InputError: as `evaluate_sequence` says.
    """
    true = load_truth(truth)
    names, times_s = true.meshes.frame_names, true.meshes.times_s
    meshes = mesh_sequence("fit", surface.vertices, surface.rest.faces, names, times_s)
    metrics = evaluate_sequence(Prediction(meshes, surface.rest, None, similarity), true, samples, iou_points)
    means = {name: metrics.means[name] for name in (*METRICS, "correspondence_mm")}
    return means | {"failed_frames": metrics.failed_frames}


def totals_of(rows: Sequence[Figures]) -> Figures:
    """Means over the sequences of one model, the worst sequence, and the failed fraction of all frames.

    A sequence that was refused has neither metrics nor a mean, so that no mean is known.
    """
    frames = np.array([row["frames"] for row in rows], np.float64)
    totals = {name: float(np.mean([row[name] for row in rows])) for name in METRICS}
    return totals | {
        "worst_chamfer_l2": float(np.max([row["chamfer_l2"] for row in rows])),  # NaN wins
        "failed_frames": float(np.average([row["failed_frames"] for row in rows], weights=frames)),
        "seconds": float(np.mean([row["seconds"] for row in rows])),
        "sequences": len(rows),
    }


def against_bars(totals: Figures, bars: Sequence[Bar]) -> list[Figures]:
    return [
        {"bar": bar.figure, "value": totals[bar.figure], "limit": bar.limit, "passed": bar.passes(totals[bar.figure])}
        for bar in bars
    ]


def compared(first: Sequence[Figures], second: Sequence[Figures]) -> dict[str, Interval]:
    """The first model less the second by metric, on the sequences that both have, frame by frame."""
    others = {row["sequence"]: row for row in second}
    pairs = [(row, others[row["sequence"]]) for row in first if row["sequence"] in others]

    def difference(name: str) -> Interval:
        one, other = ([np.asarray(pair[side]["per_frame"][name]) for pair in pairs] for side in (0, 1))
        return paired_difference(one, other)

    return {name: difference(name) for name in METRICS}


def in_words(name: str, value: float) -> str:
    """A figure as tables print it."""
    return f"{value * 1e3:.4f}e-3" if name.endswith("chamfer_l2") else f"{value:.4f}"
