"""A confidence chosen on collected frames, and how well it tells those that are lost; see benchmarks/confidence.py."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import rankdata

from engine.methods.distances import FrameMeasure, Measures
from engine.methods.npm.agreement import Agreement
from engine.methods.npm.confidence import LOST_BELOW, MEASURES, doubts, sureness
from engine.methods.verdict import Evidence, Verdict, verdict_of
from engine.models.checkpoint import load_model
from npm_studio.resources import model_path

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
PRIOR = 1.0
"""Of squared weights, in lost frames: keeps those apart that say the same."""
NEAR_MM = 15.0
_DRAWS = 2000
_EDGES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0)
_WANTED = 0.95, 0.8


@dataclass(frozen=True, eq=False)
class Collected:
    """N frames that count, of some runs."""

    runs: Sequence[Mapping[str, Any]]
    """As they were written"""
    models: Sequence[str]
    """Of each run"""
    run: NDArray[np.int64]
    """(N,) index of the run that a frame is of"""
    scene: NDArray[np.str_]
    """(N,) a scene seen from elsewhere is the same one"""
    found: Agreement
    """(N,) each"""
    observed: Flags
    lost: Flags

    @property
    def sure(self) -> Array:
        """(N,) confidence by the constants of this checkout; 0 where the subject was not seen."""
        confidence: Array = sureness(self.found).double().numpy() * self.observed
        return confidence


@dataclass(frozen=True, eq=False)
class Scores:
    """How well lost frames are told, with 95 % intervals."""

    lost: int
    frames: int
    recall: float
    precision: float
    recall_interval: tuple[float, float]
    precision_interval: tuple[float, float]


def collected(parts: Sequence[Mapping[str, Any]]) -> Collected:
    """Frames that count of all ``parts``, as `confidence.py collect` wrote them."""
    runs = [run for part in parts for run in part["runs"]]
    models = [part["model"] for part in parts for _ in part["runs"]]
    keep = [np.array(run["frames"]["counts"], bool) for run in runs]

    def of(name: str) -> Array:
        values = [np.array(run["frames"][name], np.float64) for run in runs]
        return np.concatenate([each[kept] for each, kept in zip(values, keep, strict=True)])

    counts = [int(kept.sum()) for kept in keep]
    scenes = [run["scene"].removesuffix("-far") for run in runs]
    found = Agreement(*(torch.from_numpy(of(each.name)) for each in fields(Agreement)))
    observed, lost = of("observed") > 0, of("lost") > 0
    row = np.repeat(np.arange(len(runs)), counts)
    return Collected(runs, models, row, np.repeat(scenes, counts), found, observed, lost)


def logistic(evidence: Array, lost: Flags) -> tuple[Array, float]:
    """Weights (K,), none of them negative, and offset of the log odds that frames of ``evidence`` (N, K) are lost.

    Minimises the log loss and a small penalty of squared weights: a measure that says nothing new gets none.
    """

    def loss(variables: Array) -> tuple[float, Array]:
        weights, offset = variables[:-1], variables[-1]
        odds = evidence @ weights + offset
        value = np.logaddexp(0, np.where(lost, -odds, odds)).sum() + PRIOR * (weights**2).sum() / 2
        slope = 1 / (1 + np.exp(-odds)) - lost
        return float(value), np.append(slope @ evidence + PRIOR * weights, slope.sum())

    size = evidence.shape[1]
    best = minimize(loss, np.zeros(size + 1), jac=True, bounds=[(0, None)] * size + [(None, None)], method="L-BFGS-B")
    return best.x[:-1], float(best.x[-1])


def choose(data: Collected) -> None:
    """Print the constants of `engine.methods.npm.confidence`, from frames that show the subject."""
    known = data.observed
    evidence, lost, scene = doubts(data.found).double().numpy()[known], data.lost[known], data.scene[known]
    print(f"{lost.sum()} of {len(lost)} frames of {len(set(scene))} scenes are lost")
    for name, values in [*_raw(data, known), *zip((f"doubt {n}" for n in MEASURES), evidence.T, strict=True)]:
        print(f"  {name:24s} tells lost frames from others in {_told_apart(values, lost):.3f} of all pairs")
    odds = np.empty(len(lost))
    for left_out in sorted(set(scene)):
        there = scene == left_out
        weights, offset = logistic(evidence[~there], lost[~there])
        odds[there] = evidence[there] @ weights + offset
    sure = 1 / (1 + np.exp(odds))
    threshold = _threshold(sure, lost)
    said = sure < threshold
    print(f"scenes left out: told apart {_told_apart(odds, lost):.3f}, lost below {threshold:.2f}, ", end="")
    print(f"recall {said[lost].mean():.3f}, precision {lost[said].mean():.3f}")
    weights, offset = logistic(evidence, lost)
    print("WEIGHTS = {" + ", ".join(f'"{n}": {w:.3g}' for n, w in zip(MEASURES, weights, strict=True)) + "}")
    print(f"OFFSET = {offset:.3g}\nLOST_BELOW = {threshold:.2f}")


def _raw(data: Collected, known: Flags) -> list[tuple[str, Array]]:
    return [(each.name, getattr(data.found, each.name).numpy()[known]) for each in fields(Agreement)]


def _told_apart(values: Array, lost: Flags) -> float:
    """Part of the pairs of a lost frame and another one in which the lost one has the larger value."""
    good = ~np.isnan(values)
    ranks, yes = rankdata(values[good]), lost[good]
    if yes.all() or not yes.any():
        return float("nan")
    return float((ranks[yes].mean() - (yes.sum() + 1) / 2) / (~yes).sum())


def _threshold(sure: Array, lost: Flags) -> float:
    """That leaves most room, relative to what is left at best, above the recall and the precision that are wanted."""

    def room(threshold: float) -> float:
        said = sure < threshold
        shares = said[lost].mean(), lost[said].mean() if said.any() else 1.0
        return min((share - bar) / (1 - bar) for share, bar in zip(shares, _WANTED, strict=True))

    return float(max(np.arange(0.02, 1.0, 0.01), key=room))


def scores(data: Collected) -> Scores:
    """Of the confidence of this checkout."""
    said, lost, scene = data.sure < LOST_BELOW, data.lost, data.scene

    def recall(chosen: NDArray[np.int64]) -> float:
        return float(said[chosen][lost[chosen]].mean()) if lost[chosen].any() else np.nan

    def precision(chosen: NDArray[np.int64]) -> float:
        return float(lost[chosen][said[chosen]].mean()) if said[chosen].any() else np.nan

    everything = np.arange(len(lost))
    frames = (int(lost.sum()), len(lost))
    intervals = (_interval(scene, recall), _interval(scene, precision))
    return Scores(*frames, recall(everything), precision(everything), *intervals)


def _interval(scene: NDArray[np.str_], figure: Callable[[NDArray[np.int64]], float]) -> tuple[float, float]:
    """Between which a ``figure`` of frames is in 95 % of the cases when as many scenes are drawn anew."""
    random, names = np.random.default_rng(0), np.unique(scene)
    rows = [np.flatnonzero(scene == name) for name in names]
    drawn = [
        figure(np.concatenate([rows[index] for index in random.integers(len(rows), size=len(rows))]))
        for _ in range(_DRAWS)
    ]
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def print_scores(found: Scores) -> None:
    print(f"{found.lost} of {found.frames} frames are lost")
    for name, value, (low, high) in (
        ("recall", found.recall, found.recall_interval),
        ("precision", found.precision, found.precision_interval),
    ):
        print(f"{name:10s} {value:.3f} ({low:.3f} to {high:.3f})")


def print_reliability(data: Collected) -> None:
    """How often frames of each confidence are right, and by weakening how the lost ones are told."""
    sure, lost = data.sure, data.lost
    print("confidence     frames   mean  right")
    for low, high in pairwise(_EDGES):
        there = (sure >= low) & ((sure < high) | (high == 1))
        if there.any():
            print(f"{low:4.2f} to {high:4.2f}{there.sum():9d}{sure[there].mean():7.2f}{(~lost[there]).mean():7.2f}")
    said, kind = sure < LOST_BELOW, np.array([data.runs[run]["weakening"] for run in data.run])
    for name in dict.fromkeys(kind):
        of = kind == name
        print(f"{name:22s}{of.sum():6d} frames, lost {lost[of].sum():5d}, called lost {said[of].sum():5d}, ", end="")
        print(f"both {(said & lost)[of].sum():5d}")


def told_good(data: Collected) -> float:
    """Part of the runs with a mean surface distance below 15 mm that are called good; the others are printed."""
    infos = {name: load_model(model_path(name), torch.device("cpu")).info for name in set(data.models)}
    words = []
    for index, run in enumerate(data.runs):
        frames = run["frames"]
        distance = np.array(frames["surface_mm"], float)[np.array(frames["counts"], bool)]
        if not len(distance) or distance.mean() >= NEAR_MM:
            continue
        found = Agreement(*(torch.tensor(_numbers(frames[each.name])) for each in fields(Agreement)))
        sure = sureness(found).numpy() * _numbers(frames["observed"])
        verdict = verdict_again(run, sure, infos[data.models[index]])
        words.append(verdict.word == "good")
        if verdict.word != "good":
            print(
                f"{run['scene']} ({run['weakening']}) at {distance.mean():.1f} mm is {verdict.word}: {verdict.reason}"
            )
    print(f"{sum(words)} of {len(words)} runs under {NEAR_MM:g} mm are good")
    return float(np.mean(words)) if words else float("nan")


def verdict_again(run: Mapping[str, Any], sure: Array, info: Any) -> Verdict:
    """By the rules of this checkout."""
    measures = Measures(run["size_m"], tuple(FrameMeasure(*each) for each in run["frames"]["measures"]))
    lost = tuple(
        bool(each.pixels == 0 or value < LOST_BELOW) for each, value in zip(measures.frames, sure, strict=True)
    )
    return verdict_of(Evidence(measures, lost, model=info))


def _numbers(values: Sequence[float | None]) -> Array:
    return np.array(values, np.float64)
