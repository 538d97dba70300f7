"""Truth by what a user says of it."""

from pathlib import Path

from engine.core.errors import InputError, Setting, remedy
from engine.core.progress import Progress
from engine.dataset.source_axes import SourceAxes, source_axes
from engine.dataset.truth_origin import dataset_around, open_truth
from engine.evaluate.mesh_axes import Evidence
from engine.evaluate.prediction import Prediction
from engine.evaluate.raw_truth import is_raw, open_raw_truth
from engine.methods.run import Run
from engine.models.checkpoint import load_model
from engine.sequences.truth import Truth
from external.datasets import open_dataset


def open_stated_truth(
    path: Path,
    fitted: Run,
    prediction: Prediction,
    progress: Progress,
    unit: str | None = None,
    up: str | None = None,
    dataset: Path | None = None,
) -> tuple[Truth, str | None]:
    """The truth at ``path``, and a word on where its unit comes from where that was not said yet.

    Args:
        unit: of mesh files of others, as the user states it: ``m``, ``cm`` or ``mm``
        up: likewise the axis that points up, ``y`` or ``z``
        dataset: that the truth was rendered from, for older truth

    Raises:
        InputError: it cannot be used, or what is stated of it contradicts itself.
    """
    stated = unit is not None or up is not None
    if stated and not is_raw(path):
        fix = remedy("leave out {} and {}", Setting.MESH_UNIT, Setting.UP_AXIS)
        raise InputError(path, "says its unit and axes itself", fix)
    if stated and dataset is not None:
        fix = remedy("leave out {}, or {} and {}", Setting.DATASET, Setting.MESH_UNIT, Setting.UP_AXIS)
        raise InputError(path, "has either a unit or a dataset that it was rendered from", fix)
    of_dataset = dataset is not None or (not stated and dataset_around(path) is not None)
    if not is_raw(path) or of_dataset:
        return open_truth(path, open_dataset, dataset)
    evidence = Evidence(unit, up, of_model=_axes_of_model(fitted), similarity=prediction.similarity)
    return open_raw_truth(path, prediction, evidence, progress), None


def _axes_of_model(fitted: Run) -> SourceAxes | None:
    """Unit and axes of the files that the model of a run has learned from; None where nothing tells any more."""
    if fitted.inputs.model is None:
        return None
    try:
        return source_axes(load_model(fitted.inputs.model).info.training.get("recipe"))
    except InputError:  # it has moved
        return None
