"""The truth that came with the recording of some runs, found without being named."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.comparison.common_frames import common_frames
from engine.comparison.side import side_of_truth, sides_of_runs
from engine.core.errors import InputError
from engine.core.files import natural_key
from engine.evaluate.raw_truth import is_raw
from engine.methods.run import Run
from engine.sequences.truth import load_truth

_LOOKED_AT = 5
"""Frames that tell which of several subjects it is."""


@dataclass(frozen=True)
class OwnTruth:
    """Where truth was found, or why none was, in a sentence."""

    folder: Path | None
    why: str


def own_truth(runs: Sequence[Run]) -> OwnTruth:
    """The folder ``truth`` of the recording that all ``runs`` are of; of several subjects, that of the first run.

    Raises:
        InputError: truth or a run is damaged.
    """
    recordings = {run.inputs.sequence.resolve() for run in runs}
    if len(recordings) > 1:
        return OwnTruth(None, f"the runs are of {len(recordings)} recordings")
    folder = recordings.pop() / "truth"
    subjects = sorted((path for path in folder.glob("subject_*") if not is_raw(path)), key=natural_key)
    if subjects:
        nearest = min(subjects, key=lambda place: _apart_m(runs[0], place))
        why = (
            f"of the {len(subjects)} subjects of the recording, {nearest.name} is the nearest to {runs[0].folder.name}"
        )
        return OwnTruth(nearest, why)
    if not is_raw(folder) or any(folder.glob("*.ply")):
        return OwnTruth(folder, "it lies in the folder of the recording")
    return OwnTruth(None, f"{folder} holds none")


def _apart_m(run: Run, folder: Path) -> float:
    """Mean distance, metres, between the middles of the meshes of ``run`` and of the truth in ``folder``."""
    side = sides_of_runs({run.folder.name: run}, folder)[0]
    try:
        truth = side_of_truth(load_truth(folder), side)
        rows = common_frames((side.meshes, truth.meshes)).rows
    except InputError:  # of other frames, or of a camera that nobody knows
        return np.inf
    chosen = np.unique(np.linspace(0, rows.shape[1] - 1, _LOOKED_AT).round().astype(int))
    pairs = [(side.meshes.read(int(one)), truth.meshes.read(int(other))) for one, other in rows[:, chosen].T]
    apart = [np.linalg.norm(one.vertices.mean(axis=0) - other.vertices.mean(axis=0)) for one, other in pairs]
    return float(np.mean(apart))
