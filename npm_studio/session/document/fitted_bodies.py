"""Bodies that fits have found, as codes of the open model."""

from pathlib import Path

from engine.core.errors import InputError
from engine.methods.method import LoadedModel
from engine.methods.npm.kept_shape import codes_of_run
from engine.methods.run import Run
from engine.models.model import NeuralParametricModel
from npm_studio.session.document.state import Exploration


def may_be_shown(run: Run, folder: Path) -> bool:
    """Whether ``run`` has codes of a model with the name of that in ``folder``; reads nothing."""
    return run.inputs.model is not None and run.inputs.model.name == folder.name and "codes.npz" in run.artefacts


def fitted_bodies(run: Run, folder: Path, model: NeuralParametricModel) -> tuple[Exploration, ...]:
    """The body of each frame of ``run``, which was fitted with the ``model`` in ``folder``.

    Raises:
        InputError: it has no codes, or those of another model.
    """
    shapes, poses = codes_of_run(run, LoadedModel(folder, model))
    if poses is None:
        raise InputError(run.folder, "has no pose codes", "fit it again with a model that has a pose stage")
    shape_of = [tuple(code) for code in shapes.cpu().tolist()]
    pose_of = [tuple(code) for code in poses.cpu().tolist()]
    return tuple(
        Exploration(shape_of[min(index, len(shape_of) - 1)], pose, run.folder.name, f"Frame {frame.name}")
        for index, (pose, frame) in enumerate(zip(pose_of, run.frames, strict=True))
    )
