"""How far a cell is from the truth, frame by frame."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.comparison.comparison import compare
from engine.comparison.frame_errors import frame_errors
from engine.comparison.side import Side, side_of_truth, sides_of_runs
from engine.core.files import write_json
from engine.evaluate.metrics import FAILED_CHAMFER_L2, evaluate_sequence
from engine.methods.evaluation import prediction_of
from engine.methods.run import Run, load_run
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.truth import load_truth
from npm_studio.suites.cases import Case, load_case
from npm_studio.suites.cells import cell_facts
from npm_studio.suites.scenes import matched

OF_SAMPLES = ("iou", "chamfer_l2", "normal_consistency", "epe_mm", "jitter_m_per_s2")
"""What `engine.evaluate.metrics` measures by random samples."""
WITHOUT_SCALE = "_without_scale"
"""Follows the name of a metric once the error of the sensor's scale, which no fit can know, is taken out."""
_CORRECTED = "corrected"


def measure_cell(
    out: Path, case: Path, model: Path, fit: str, fitted: Mapping[str, Any], samples: int, iou_points: int, seed: int
) -> dict[str, Any]:
    """Write what `npm_studio.suites.cells.fit_cell` has left and how far it is from the truth to ``out``.

    Args:
        model: that was fitted
        fit: folder of the runs, from that above ``out``: once they are measured they may go
        fitted: the arguments of the fit; another one, or another model, is measured again
        samples: of each surface, for distances between samples
        iou_points: of each frame

    Raises:
        InputError: a part of the case or of a run is damaged.
    """
    found, folder = load_case(case), out.parents[1] / fit
    facts, setting = cell_facts(folder), fitted["setting"]
    runs = [load_run(folder / name) for name in facts["runs"]]
    pairs = _whose(found, runs, seed)
    subjects = []
    for subject in range(found.subjects):
        run = next((runs[row] for row, whose in pairs if whose == subject), None)
        names = load_truth(found.truth_folder(subject)).meshes.frame_names[: fitted["frames"]]
        figures = {} if run is None else _figures(found, setting, run, subject, (samples, iou_points), seed)
        subjects.append(_of_all_frames(found, subject, names, figures))
    resolution = {"samples": samples, "iou_points": iou_points, "seed": seed}
    write_json(out, {"case": case.name, "setting": setting, "facts": dict(facts), **resolution, "subjects": subjects})
    return {"frames": sum(len(each["frames"]) for each in subjects)}


def _whose(case: Case, runs: Sequence[Run], seed: int) -> list[tuple[int, int]]:
    if len(runs) == case.subjects == 1:
        return [(0, 0)]

    def apart(run: Run, subject: int) -> float:
        sides = _sides(run, case.truth_folder(subject))
        return float(np.nanmean(frame_errors(compare(sides[:1], sides[1]), seed).values["surface_mm"]))

    return matched(np.array([[apart(run, subject) for subject in range(case.subjects)] for run in runs]))


def _sides(run: Run, truth_folder: Path) -> tuple[Side, Side]:
    """A run and the truth, in the world of that."""
    side = sides_of_runs({"run": run}, truth_folder)[0]
    return side, side_of_truth(load_truth(truth_folder), side)


def _figures(
    case: Case, setting: str, run: Run, subject: int, resolution: tuple[int, int], seed: int
) -> dict[str, dict[str, float]]:
    """By metric, by the name of a frame; what is not known is not there."""
    folder, scale = case.truth_folder(subject), case.sensor_scale(setting)
    side, truth = _sides(run, folder)
    sides = (side,) if scale == 1 else (side, replace(side, name=_CORRECTED, meshes=_without_scale(side, scale)))
    comparison = compare(sides, truth)
    errors = frame_errors(comparison, seed)
    names = comparison.frames.names
    found = {}
    for name in ("surface_mm", "correspondence_mm"):
        if name in errors.values:
            found[name] = _by_name(names, errors.values[name][0])
            found[name + WITHOUT_SCALE] = _by_name(names, errors.values[name][-1])
    found["lost"] = _by_name(names, errors.lost[0].astype(np.float64))
    metrics = evaluate_sequence(prediction_of(run, folder), load_truth(folder), *resolution, seed)
    found |= {name: _by_name(metrics.frame_names, metrics.per_frame[name]) for name in OF_SAMPLES}
    found["failed"] = {name: float(value > FAILED_CHAMFER_L2) for name, value in found["chamfer_l2"].items()}
    return found


def _without_scale(side: Side, scale: float) -> MeshSequence:
    """As a sensor without its error of ``scale`` would have it seen from where the camera was."""

    def change(index: int, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        pose = side.cameras_to_world[index]
        assert pose is not None
        centre = pose[:3, 3]
        return (centre + (vertices - centre) / scale).astype(np.float32)

    return side.meshes.map(change)


def _by_name(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True) if np.isfinite(value)}


def _of_all_frames(
    case: Case, subject: int, names: Sequence[str], figures: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """Of the frames that count: a list for each metric, null where it is not known. A frame without a mesh is lost."""
    counting = [name for name, counts in zip(names, case.counts(subject, names), strict=True) if counts]
    per_frame = {metric: [values.get(name) for name in counting] for metric, values in figures.items()}
    for metric in ("lost", "failed"):
        per_frame[metric] = [figures.get(metric, {}).get(name, 1.0) for name in counting]
    return {"subject": subject, "frames": counting, "per_frame": per_frame}
